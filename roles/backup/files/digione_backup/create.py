"""Making a recovery point: everything that belongs together, under one id."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digione_backup import between, database, erased, files, points, state, sums, targets, vault
from digione_backup.errors import Refused, disk_errors
from digione_backup.points import Point
from digione_backup.settings import PLATFORM, Settings, Target, restoring, write_whole

_PATIENCE = 600  # seconds that another work on the vault may take


def create(settings: Settings, kind: str, point_id: str) -> dict[str, Any]:
    """Make a recovery point and bring it to the targets; return it with what went wrong at which target.

    ``kind`` is that of its base backup; ``auto`` takes the one that is due.

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
    """The order matters: a base backup, then the markers, then what the markers vouch for.

    Returns the digest of the files as well: what is changed from then on is kept after the point.
    """
    if settings.database and kind == "auto":
        kind = database.kind_due(settings, now)
    base = database.base_backup(settings, kind) if settings.database else {}
    counts: dict[str, Any] = {}
    position: dict[str, Any] = {}
    for tenant in settings.tenants:
        if settings.database:
            counts[tenant] = database.mark(tenant, point_id)
        _mark_files(tenant, point_id)
    if settings.database:
        lsn, segment = database.name_position(settings, point_id)
        position = _position(settings, base, lsn, segment)
    write_whole(_contents(), _told(counts), 0o600)
    tags = [f"point={point_id}"]
    exports, added = {}, 0
    for tenant in settings.tenants if settings.database else ():
        made = {what: files.export(settings, tenant, what, tags) for what in files.EXPORTS}
        exports[tenant] = {what: str(one["snapshot_id"]) for what, one in made.items()}
        added += sum(int(one["data_added"]) for one in made.values())
    digest = between.digest(settings)
    snapshot = files.snapshot(settings, tags)
    point = Point(
        id=point_id,
        instance=settings.instance,
        host=settings.host,
        release=settings.release,
        kind=kind,
        began=now.isoformat(timespec="seconds"),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        vault=vault.name(settings),
        database=position,
        files={
            "snapshot": str(snapshot["snapshot_id"]),
            "count": int(snapshot["total_files_processed"]),
            "size": int(snapshot["total_bytes_processed"]),
            "added": added + int(snapshot["data_added"]),
        },
        exports=exports,
    )
    points.write(settings, point)
    return digest, point


def _position(settings: Settings, base: dict[str, Any], lsn: str, segment: str) -> dict[str, Any]:
    known = database.known(settings)
    return {
        "label": base["label"],
        "base": base["type"],
        "from": base["timestamp"]["stop"],
        "lsn": lsn,
        "segment": segment,
        "system": known["db"][-1]["system-id"],
        "version": known["db"][-1]["version"],
        "size": base["info"]["size"],
        "added": base["info"]["repository"]["delta"],
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
