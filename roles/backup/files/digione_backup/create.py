"""Making a recovery point: everything that belongs together, under one id."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digione_backup import between, database, erased, files, points, state, sums, targets, vault
from digione_backup.errors import Refused, disk_errors
from digione_backup.points import Point
from digione_backup.settings import PLATFORM, Settings, Target, read_whole, restoring, write_whole

_PATIENCE = 600  # seconds that another work on the vault may take


def create(settings: Settings, kind: str, point_id: str) -> dict[str, Any]:
    """Make a recovery point and bring it to the targets; return it with what went wrong at which target.

    ``kind`` is that of its base backup; ``auto`` takes the one that is due, or none: ``database.kind_due``.

    Raises:
        Refused: it was not made; the earlier ones stand.
    """
    now = datetime.now(UTC)
    if (whose := restoring()) is not None:
        raise Refused("D1-BACKUP-008", host=settings.host, tenant=whose)
    try:
        with disk_errors(), vault.held(settings, _PATIENCE):
            vault.prepare(settings)
            erased.gather(settings)
            digest, point = _made(settings, kind, point_id or points.new_id(now), now)
            state.succeeded(settings, point, digest)
            sums.record(settings)
            troubles = {
                target.name: trouble for target in settings.targets if (trouble := _shipped(settings, target))
            }
    except Refused as e:
        state.failed(settings, now, e)
        raise
    return {"point": state.described(point), "troubles": troubles}


def _made(settings: Settings, kind: str, point_id: str, now: datetime) -> tuple[str, Point]:
    """Return the point, and the digest of its files: what is changed from then on is kept after it."""
    tags = [f"point={point_id}"]
    kept = _keep_database(settings, kind, point_id, now, tags) if settings.database else _no_database(kind)
    for tenant in settings.tenants:
        _mark_files(tenant, point_id)
    digest = between.digest(settings)
    snapshot = files.snapshot(settings, tags)
    point = Point(
        id=point_id,
        instance=settings.instance,
        host=settings.host,
        release=settings.release,
        kind=kept.kind,
        began=now.isoformat(timespec="seconds"),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        vault=vault.name(settings),
        database=kept.position,
        files={
            "snapshot": str(snapshot["snapshot_id"]),
            "count": int(snapshot["total_files_processed"]),
            "size": int(snapshot["total_bytes_processed"]),
            "added": kept.added + int(snapshot["data_added"]),
        },
        exports=kept.exports,
        exported=kept.exported,
    )
    points.write(settings, point)
    return digest, point


@dataclass(frozen=True)
class _Kept:
    """What a point has of the database, as in ``Point``; ``added`` is what the exports add, in bytes."""

    kind: str
    position: dict[str, Any]
    exports: dict[str, dict[str, str]]
    exported: str
    added: int = 0


def _no_database(kind: str) -> _Kept:
    write_whole(_contents(), _told({}), 0o600)
    return _Kept(kind, {}, {}, "")


def _keep_database(settings: Settings, kind: str, point_id: str, now: datetime, tags: Sequence[str]) -> _Kept:
    """The order matters: a base backup, then the markers, then what the markers vouch for."""
    if kind == "auto":
        kind = database.kind_due(settings, now)
    if kind != "wal":
        database.base_backup(settings, kind)
    earlier = next(iter(points.here(settings)[-1:]), None)
    exported = set(earlier.exports) if earlier else set()
    tenants = [one for one in settings.tenants if one in exported or _is_installed(one)]
    for tenant in tenants:
        database.mark(tenant, point_id)
    stand = {"transaction": database.next_transaction(), "timeline": database.written()[0]}
    same = earlier is not None and _nothing_written(earlier, tenants, stand)
    before = _counted() if same else {tenant: database.rows(tenant) for tenant in tenants}
    position = {**_named_position(settings, kind, point_id), **stand}
    if kind == "wal" and not database.leads(settings, position["start"], position["segment"]):
        return _keep_database(settings, "incr", point_id, now, tags)  # what came meanwhile shows a gap
    if earlier and same and database.next_transaction() == stand["transaction"]:
        return _Kept(kind, position, earlier.exports, earlier.exported or earlier.id)
    exports, added = {}, 0
    for tenant in tenants:
        made = {what: files.export(settings, tenant, what, tags) for what in files.EXPORTS}
        exports[tenant] = {what: str(one["snapshot_id"]) for what, one in made.items()}
        added += sum(int(one["data_added"]) for one in made.values())
    # What is restored has as many rows as before, as after, or between the two.
    counts = {tenant: _both(before[tenant], database.rows(tenant)) for tenant in tenants}
    write_whole(_contents(), _told(counts), 0o600)
    return _Kept(kind, position, exports, point_id, added)


def _counted() -> dict[str, dict[str, int]]:
    """The rows of the point before."""
    counted = json.loads(read_whole(_contents()))["rows"]
    return {tenant: {table: both[0] for table, both in found.items()} for tenant, found in counted.items()}


def _is_installed(tenant: str) -> bool:
    """Whether a tenant's databases are there, and their tables; while they are installed they are not."""
    names = {f"{what}_{tenant}" for what in files.EXPORTS}
    there = names <= set(database.query("select datname from pg_database").split())
    return (
        there
        and database.query("select to_regclass('recovery_points') is not null", f"platform_{tenant}") == "t"
    )


def _nothing_written(earlier: Point, tenants: Sequence[str], stand: Mapping[str, Any]) -> bool:
    """Whether the markers are all that was written since an earlier point; then its exports are as new."""
    then = earlier.database
    return (
        bool(stand["transaction"] and then.get("transaction"))
        and stand["transaction"] == then["transaction"] + len(tenants)
        and stand["timeline"] == then["timeline"]
        and set(earlier.exports) == set(tenants)
        and _contents().exists()
    )


def _both(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, list[int]]:
    return {table: [count, after.get(table, count)] for table, count in before.items()}


def _named_position(settings: Settings, kind: str, point_id: str) -> dict[str, Any]:
    """Name the present position of the WAL after the point; return what a restore to it needs."""
    lsn, segment = database.name_position(settings, point_id)
    known = database.known(settings)
    base = known["backup"][-1]
    return {
        "label": base["label"],
        "base": base["type"],
        "start": base["archive"]["start"],
        "from": base["timestamp"]["stop"],
        "lsn": lsn,
        "segment": segment,
        "system": known["db"][-1]["system-id"],
        "version": known["db"][-1]["version"],
        "size": base["info"]["size"],
        "added": base["info"]["repository"]["delta"] if kind != "wal" else 0,
    }


def _mark_files(tenant: str, point_id: str) -> None:
    """Write the marker beside the tenant's files; in its database there is the same."""
    folder = PLATFORM / tenant
    if folder.is_dir():
        write_whole(folder / files.MARKER, f"{point_id}\n")


def _contents() -> Path:
    files.DUMPS.mkdir(parents=True, exist_ok=True, mode=0o700)
    return files.DUMPS / files.CONTENTS


def _told(counts: dict[str, Any]) -> str:
    return json.dumps({"rows": counts}, indent=1, sort_keys=True) + "\n"


def _shipped(settings: Settings, target: Target) -> dict[str, object] | None:
    """Bring the point to a target; one that is not reached does not keep the others from getting it."""
    has = state.newest(settings)
    try:
        targets.ship(settings, target)
    except Refused as e:
        state.not_shipped(settings, target.name, e)
        return e.told()
    state.shipped(settings, target.name, has)
    return None
