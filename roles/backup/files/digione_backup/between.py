"""Files and accounts between two recovery points: the newest state has them as well as the database."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from digione_backup import files, points, state
from digione_backup.points import Point
from digione_backup.settings import Settings


def digest(settings: Settings) -> str:
    """What tells whether files were changed since: a digest of their names, sizes and times."""
    found = hashlib.sha256()
    for path in sorted(_all(settings)):
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        found.update(f"{path}\0{info.st_size}\0{info.st_mtime_ns}\0{info.st_mode}\n".encode(errors="replace"))
    return found.hexdigest()


def _all(settings: Settings) -> Iterator[str]:
    yield from settings.watched
    for top in settings.folders:
        for folder, _, names in os.walk(top):
            yield from (f"{folder}/{name}" for name in names)


def keep(settings: Settings) -> None:
    """Keep files and dumps as they are, if they were changed since they were kept last.

    The vault must be held. Where there is no recovery point yet, there is nothing to come after.
    """
    now = digest(settings)
    newest = points.here(settings)[-1:]
    if not newest or state.read().get("digest") == now:
        return
    made = files.snapshot(settings, [_tag(newest[0])])
    state.kept(settings, now, str(made["snapshot_id"]))


def snapshot(settings: Settings, point: Point, choice: Mapping[str, Any]) -> str:
    """The snapshot that belongs to what is restored.

    Of a recovery point it is its own; of a moment after it, and of the newest state, the last one before.
    """
    if not (choice["to"] or choice["newest"]):
        return str(point.files["snapshot"])
    found = [one for one in files.snapshots(settings) if _tag(point) in (one.get("tags") or ())]
    if choice["to"]:
        moment = datetime.fromisoformat(choice["to"])
        found = [one for one in found if datetime.fromisoformat(str(one["time"])) <= moment]
    return str(found[-1]["id"] if found else point.files["snapshot"])


def _tag(point: Point) -> str:
    return f"{files.AFTER}{point.id}"
