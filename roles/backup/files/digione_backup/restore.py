"""Restoring, step by step; each may be carried out again.

What is restored is chosen once and written down in RESTORING, which is there until everything is proven.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from digione_backup import (
    between,
    database,
    erased,
    files,
    listing,
    points,
    programs,
    state,
    targets,
    vault,
    verify,
)
from digione_backup import tenant as tenant_alone
from digione_backup.errors import Refused
from digione_backup.points import Point
from digione_backup.settings import MAINTENANCE, RESTORED, RESTORING, Settings, read_whole, write_whole

_KEEPER = "digione-backup.service"
_OTHERS = ("digione-backup-create.service", "digione-backup-verify.service")
_PATIENCE = 3600  # seconds that a step which goes on, or a recovery point, may take
_ROOM = 256 * 1024 * 1024  # bytes that must be left


def carry_out(settings: Settings, step: str, request: Mapping[str, Any]) -> Any:
    """Carry out a step of a restore.

    One that an operator who was killed had begun goes on by itself; the next waits for its end.

    Raises:
        Refused: somebody holds the vault (D1-BACKUP-005), or the step's own refusals.
    """
    if step == "choose":
        return choose(settings, request)
    if step in _WITHOUT_OTHERS:  # they would hold the vault for as long as a target takes
        programs.run(["systemctl", "stop", _KEEPER, *_OTHERS])
    with vault.held(settings, _PATIENCE):
        return STEPS[step](settings, request)


def choose(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Given a point's id, a moment (ISO 8601) or neither, and perhaps a target, choose what is restored.

    Nothing is changed. Without a point and a moment it is the newest state that there is.

    Raises:
        Refused: there is no such point (D1-RESTORE-001), a newer release made it (D1-BACKUP-011), the moment
            is outside of what can be restored (D1-RESTORE-002), in a gap of the WAL (D1-RESTORE-003), or
            there is no room (D1-RESTORE-004).
    """
    source, found = _source(settings, str(request.get("target") or ""))
    if not found:
        raise Refused("D1-RESTORE-005", place=source)
    point = _chosen(found, request, source)
    if _numbers(point.release) > _numbers(settings.release):
        raise Refused("D1-BACKUP-011", release=point.release)
    to = str(request.get("to") or "")
    tenant = str(request.get("tenant") or "")
    if to and not tenant:
        _require_restorable(settings, found, to, source)
    choice = {
        "source": source,
        "point": point.id,
        "exported": point.exported or point.id,
        "to": to,
        "newest": not to and not request.get("point"),
        "release": point.release,
        "began": point.began,
        "size": int(point.database.get("size", 0)) + int(point.files["size"]),
        "tenants": sorted(point.exports),
        "tenant": tenant,
    }
    _require_room(settings, point, source)
    return choice


def _numbers(release: str) -> list[int]:
    """Given the name of a release, such as 2026.11, return what it is ordered by."""
    return [int(part) for part in re.findall(r"\d+", release)]


def _source(settings: Settings, named: str) -> tuple[str, list[Point]]:
    """The vault, unless a target is named or the vault is empty: then the target with the newest point."""
    if named:
        return named, listing.at(settings, listing.find(settings, named))[0]
    here = points.here(settings)
    if here:
        return listing.VAULT, here
    there: dict[str, list[Point]] = {}
    trouble: Refused | None = None
    for target in settings.targets:
        try:
            there[target.name] = listing.at(settings, target)[0]
        except Refused as e:
            trouble = e
    if not any(there.values()) and trouble:
        raise trouble
    newest = max(there, key=lambda name: there[name][-1].id if there[name] else "", default=listing.VAULT)
    return newest, there.get(newest, [])


def _chosen(found: list[Point], request: Mapping[str, Any], source: str) -> Point:
    """The point asked for; for a moment the last that was there then; else the newest."""
    asked, to = str(request.get("point") or ""), str(request.get("to") or "")
    tenant = str(request.get("tenant") or "")
    if asked:
        for point in found:
            if point.id == asked and (not tenant or tenant in point.exports or not point.database):
                return point
        raise Refused("D1-RESTORE-001", point=asked, place=source, known=", ".join(p.id for p in found[-8:]))
    if to:
        moment = datetime.fromisoformat(to)
        before = [p for p in found if p.made <= moment.timestamp()]
        if not before:
            raise Refused("D1-RESTORE-002", to=to, **_window(found, ""))
        return before[-1]
    return found[-1]


def _require_restorable(settings: Settings, found: list[Point], to: str, source: str) -> None:
    moment = datetime.fromisoformat(to)
    known = state.read()
    until = known["targets"].get(source, {}).get("until") if source != listing.VAULT else None
    window = _window(found, until or "")
    newest = datetime.now(UTC) if source == listing.VAULT else datetime.fromisoformat(window["until"])
    if moment > newest:
        raise Refused("D1-RESTORE-002", to=to, **window)
    for gap in known["gaps"] if source == listing.VAULT else ():
        since = datetime.fromisoformat(gap["until"]).timestamp()
        after = [p.made for p in found if p.database and p.database["from"] > since]
        if since < moment.timestamp() < min(after, default=datetime.now(UTC).timestamp()):
            raise Refused("D1-RESTORE-003", to=to, latest=gap["until"])


def _window(found: list[Point], until: str) -> dict[str, str]:
    since = datetime.fromtimestamp(found[0].made, UTC)
    return {"since": since.isoformat(timespec="seconds"), "until": until or found[-1].ended}


def _require_room(settings: Settings, point: Point, source: str) -> None:
    """What is there already of the database is overwritten; files come beside those that are there."""
    there = (
        [p.stat().st_size for p in database.CLUSTER.rglob("*") if p.is_file()] if settings.database else []
    )
    needs = max(0, int(point.database.get("size", 0)) - sum(there)) + int(point.files["size"])
    if source != listing.VAULT:
        needs += targets.size(listing.find(settings, source))
    free = shutil.disk_usage(RESTORED.parent).free
    if free < needs + _ROOM:
        raise Refused("D1-RESTORE-004", needs=str((needs + _ROOM) // 1_000_000), free=str(free // 1_000_000))


def begin(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Write down what is restored; from here on nothing of the instance goes live before it is proven."""
    if (settings.vault / vault.IDENTITY).exists():
        erased.gather(settings)
    choice = dict(request)
    write_whole(RESTORING, json.dumps(choice, indent=1) + "\n")
    return choice


def fetch(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the vault from the target, where it is not on the host any more."""
    source = _choice()["source"]
    if source != listing.VAULT:
        target = listing.find(settings, source)
        _lay_aside(settings)
        settings.vault.mkdir(mode=0o755, parents=True, exist_ok=True)
        if settings.database:
            programs.run(["systemctl", "stop", database.UNIT])
        targets.fetch(settings, target)
    return {"source": source}


def _lay_aside(settings: Settings) -> None:
    """Make room for the vault that comes: one without a point goes, one with points is kept beside."""
    if not settings.vault.exists():
        return
    if (settings.vault / vault.IDENTITY).exists() and points.here(settings):
        mine = vault.identity_in(read_whole(settings.vault / vault.IDENTITY))
        there = targets.identity(listing.find(settings, _choice()["source"])) or {}
        if mine["id"] != there.get("id"):
            settings.vault.rename(
                settings.vault.with_name(f"{settings.vault.name}-{points.new_id(datetime.now(UTC))}")
            )
            return
    elif (settings.vault / "postgresql").exists() or (settings.vault / "files").exists():
        for name in ("postgresql", "files", "points", "sums"):
            shutil.rmtree(settings.vault / name, ignore_errors=True)


def check(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read everything that will be restored from, and compare it with its checksums.

    Raises:
        Refused: something is altered, cut off or missing (D1-RESTORE-006).
    """
    wrong = verify.damaged(settings)
    if wrong:
        raise Refused("D1-RESTORE-006", files=", ".join(wrong[:5]), count=str(len(wrong)))
    return {}


def restore_database(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put the database back; the server is stopped while it is done."""
    if not settings.database:
        return {}
    choice = _choice()
    point = _point(settings, choice["point"])
    programs.run(["systemctl", "stop", database.UNIT])
    (database.CLUSTER / "postmaster.pid").unlink(missing_ok=True)
    # After an earlier restore the WAL has branches: that of the base backup was in use at the time.
    branch = ["--target-timeline=current", "--target-action=promote"]
    aim = ["--type=default"]
    if choice["to"]:
        moment = datetime.fromisoformat(choice["to"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        aim = ["--type=time", f"--target={moment}", *branch]
    elif not choice["newest"]:
        aim = ["--type=name", f"--target={point.id}", *branch]
    database.pgbackrest(settings, "restore", "--delta", f"--set={point.database['label']}", *aim)
    database.start()
    return {"position": database.position()}


def restore_files(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out what belongs to the point, for the services' roles to take."""
    shutil.rmtree(RESTORED, ignore_errors=True)
    RESTORED.mkdir(mode=0o700)
    point = _point(settings, _choice()["point"])
    files.restore(settings, between.snapshot(settings, point, _choice()), RESTORED)
    erased.put_back(settings, RESTORED)
    return {"files": point.files["count"]}


def prove(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make sure that database and files belong together, and that every row and every file is there.

    Returns how many rows were counted (of a recovery point; of a moment nobody knows how many there were),
    and how many files of tenants were compared.

    Raises:
        Refused: they do not (D1-RESTORE-007), rows (D1-RESTORE-008) or files (D1-RESTORE-019) are missing.
    """
    choice = _choice()
    proven: dict[str, Any] = {"tenants": {}, "rows": 0, "files": 0}
    for tenant in settings.tenants if settings.database else ():
        if tenant not in _point(settings, choice["point"]).exports:
            continue  # it joined later
        in_files = tenant_alone.marker_in_files(tenant)  # none where the platform is on another host
        in_database = database.marker(tenant)
        # Between two points files may have the marker of one that did not come about.
        exact = not choice["to"] and not choice["newest"]
        fits = in_files == choice["point"] if exact else in_files >= choice["point"]
        if not (fits or in_files == "") or in_database < choice["point"]:
            raise Refused("D1-RESTORE-007", tenant=tenant, database=in_database or "–", files=in_files or "–")
        if exact:
            proven["rows"] += tenant_alone.require_rows(tenant, tenant_alone.rows_counted(tenant))
        proven["tenants"][tenant] = in_database
    for tenant in settings.tenants:
        proven["files"] += tenant_alone.require_files(tenant)
    return proven


def end(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Everything is proven: let the instance go live, and keep what it does from here on."""
    shutil.rmtree(RESTORED, ignore_errors=True)
    for tenant in settings.tenants:  # one whose own restore was begun before this one
        (MAINTENANCE / tenant).unlink(missing_ok=True)
    RESTORING.unlink(missing_ok=True)
    programs.run(["systemctl", "start", _KEEPER])
    return {}


def _choice() -> dict[str, Any]:
    """What is being restored.

    Raises:
        Refused: no restore is under way (D1-RESTORE-009).
    """
    try:
        choice: dict[str, Any] = json.loads(read_whole(RESTORING))
    except (OSError, ValueError):
        raise Refused("D1-RESTORE-009") from None
    return choice


def _point(settings: Settings, name: str) -> Point:
    for point in points.here(settings):
        if point.id == name:
            return point
    raise Refused("D1-RESTORE-001", point=name, place=listing.VAULT, known="")


_WITHOUT_OTHERS = ("begin", "fetch", "database", "files")
STEPS: dict[str, Callable[[Settings, Mapping[str, Any]], dict[str, Any]]] = {
    "choose": choose,
    "begin": begin,
    "fetch": fetch,
    "check": check,
    "database": restore_database,
    "files": restore_files,
    "prove": prove,
    "end": end,
    "tenant-lay-out": tenant_alone.lay_out,
    "tenant-clear": tenant_alone.clear,
    "tenant-close": tenant_alone.close,
    "tenant-put-back": lambda settings, request: tenant_alone.put_back(settings, _choice()),
    "tenant-prove": lambda settings, request: tenant_alone.prove(settings, _choice()),
    "tenant-open": lambda settings, request: tenant_alone.open_again(settings, _choice()),
}
