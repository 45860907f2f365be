"""How the backups are: one file for the operator's side, one for monitoring."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digione_backup import points
from digione_backup.errors import Refused
from digione_backup.points import Point
from digione_backup.settings import STATE, Settings, write_whole

METRICS = Path("/var/lib/prometheus/node-exporter/backup.prom")
_HELP = {
    "digione_backup_last_success_seconds": "When the newest recovery point was made (Unix time).",
    "digione_backup_last_duration_seconds": "How long it took.",
    "digione_backup_last_added_bytes": "What it added to the vault.",
    "digione_backup_points": "How many recovery points there are.",
    "digione_backup_restorable_from_seconds": "The oldest moment that can be restored (Unix time).",
    "digione_backup_restorable_until_seconds": "The newest one, from the copy at the target.",
    "digione_backup_failed": "Whether the last attempt at a recovery point failed.",
    "digione_backup_target_failed": "Whether the target took nothing at the last attempt.",
    "digione_backup_problems": "How many files were not as they were written when they were read back last.",
    "digione_backup_verified_seconds": "When that was (Unix time).",
    "digione_backup_gaps": "How many times WAL is missing since the newest recovery point.",
}


def now_text() -> str:
    """Now, as text."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read() -> dict[str, Any]:
    """What is known."""
    try:
        known: dict[str, Any] = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    return {"points": [], "last": None, "error": None, "targets": {}, "gaps": [], "verified": None, **known}


@contextmanager
def changed(settings: Settings) -> Iterator[dict[str, Any]]:
    """Change what is known within the block; two programs may want to at once."""
    with Path("/run/digione-backup/state.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = read()
        wanted = {target.name for target in settings.targets}
        known["targets"] = {name: known["targets"].get(name, {}) for name in sorted(wanted)}
        yield known
        write_whole(STATE, json.dumps(known, indent=1) + "\n")
        _tell_monitoring(known)


def described(point: Point) -> dict[str, Any]:
    """What people are told of a point."""
    return {
        "id": point.id,
        "kind": point.kind,
        "began": point.began,
        "ended": point.ended,
        "seconds": point.seconds,
        "size": int(point.database.get("size", 0)) + int(point.files.get("size", 0)),
        "added": point.added,
        "release": point.release,
        "tenants": sorted(point.exports),
    }


def succeeded(settings: Settings, point: Point, digest: str) -> None:
    """Note a new point; ``digest`` is that of the files when they were kept."""
    with changed(settings) as known:
        known |= {"digest": digest, "between": ""}
        known["points"] = [described(one) for one in points.here(settings)]
        known["last"], known["error"] = described(point), None


def failed(settings: Settings, now: datetime, error: Refused) -> None:
    """Note that a point was not made."""
    with changed(settings) as known:
        known["error"] = {"at": now.isoformat(timespec="seconds"), **error.told()}


def kept(settings: Settings, digest: str, snapshot: str) -> None:
    """Note that files were kept between two points."""
    with changed(settings) as known:
        known |= {"digest": digest, "between": snapshot}


def newest(settings: Settings) -> list[str]:
    """What a target must have: the newest point, and the files that were kept after it."""
    found = [point.id for point in points.here(settings)][-1:]
    return [*found, str(read().get("between", ""))] if found else []


def shipped(settings: Settings, target: str, has: list[str]) -> None:
    """Note that a target has all that is in the vault, with ``has`` as the newest."""
    with changed(settings) as known:
        known["targets"][target] |= {"complete": now_text(), "newest": has, "error": None}


def not_shipped(settings: Settings, target: str, error: Refused) -> None:
    """Note that a target did not take what it should; the first time is kept."""
    with changed(settings) as known:
        since = (known["targets"][target].get("error") or {}).get("since", now_text())
        known["targets"][target]["error"] = {"since": since, **error.told()}


def verified(settings: Settings, problems: int, now: datetime) -> None:
    """Note that everything was read back, and how much is wrong."""
    with changed(settings) as known:
        known["verified"] = {"at": now.isoformat(timespec="seconds"), "problems": problems}


def pruned(settings: Settings) -> None:
    """Note which points are left."""
    with changed(settings) as known:
        known["points"] = [described(one) for one in points.here(settings)]


def _tell_monitoring(known: dict[str, Any]) -> None:
    """Write metrics where the node exporter of this host looks, if it is there."""
    if not METRICS.parent.is_dir():
        return
    values: dict[str, list[tuple[str, float]]] = {
        "digione_backup_points": [("", len(known["points"]))],
        "digione_backup_failed": [("", float(known["error"] is not None))],
        "digione_backup_gaps": [("", len(_open_gaps(known)))],
    }
    if last := known["last"]:
        values["digione_backup_last_success_seconds"] = [("", _seconds(last["ended"]))]
        values["digione_backup_last_duration_seconds"] = [("", last["seconds"])]
        values["digione_backup_last_added_bytes"] = [("", last["added"])]
    if known["verified"]:
        values["digione_backup_problems"] = [("", known["verified"]["problems"])]
        values["digione_backup_verified_seconds"] = [("", _seconds(known["verified"]["at"]))]
    if known.get("from"):
        values["digione_backup_restorable_from_seconds"] = [("", _seconds(known["from"]))]
    for name, target in known["targets"].items():
        label = f'{{target="{name}"}}'
        failing = values.setdefault("digione_backup_target_failed", [])
        failing.append((label, float(target.get("error") is not None)))
        if target.get("until"):
            until = values.setdefault("digione_backup_restorable_until_seconds", [])
            until.append((label, _seconds(target["until"])))
    text = "".join(
        f"# HELP {name} {_HELP[name]}\n# TYPE {name} gauge\n"
        + "".join(f"{name}{label} {value:.0f}\n" for label, value in found)
        for name, found in values.items()
    )
    write_whole(METRICS, text)


def _open_gaps(known: dict[str, Any]) -> list[Any]:
    """Gaps after which no recovery point was made yet."""
    last = (known["last"] or {}).get("ended", "")
    return [gap for gap in known["gaps"] if gap["until"] > last]


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
