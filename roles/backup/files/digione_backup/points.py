"""Recovery points: what belongs together, by one id. A point's file is written last."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digione_backup import vault
from digione_backup.errors import Refused
from digione_backup.settings import Settings, read_whole, write_whole

_ID = re.compile(r"\d{8}-\d{6}")


@dataclass(frozen=True)
class Point:
    """A recovery point of one host.

    ``kind`` is that of the base backup that was taken for it, or ``wal`` where it stands on an earlier one
    and the WAL since. ``database`` names the base backup, its WAL position and sizes in bytes; it is empty
    where the database is elsewhere. ``files`` names restic's snapshot; ``exports`` those of each tenant's
    databases, made with the point ``exported``: an earlier one, if nothing was written since.
    """

    id: str
    instance: str
    host: str
    release: str
    kind: str
    began: str
    ended: str
    vault: str
    database: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    exports: dict[str, dict[str, str]] = field(default_factory=dict)
    exported: str = ""
    version: int = 1

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.began)).total_seconds()

    @property
    def made(self) -> float:
        """When all of it was there (Unix time)."""
        return datetime.fromisoformat(self.ended).timestamp()

    @property
    def added(self) -> int:
        """Bytes that it added to the vault."""
        return int(self.database.get("added", 0)) + int(self.files.get("added", 0))


def new_id(now: datetime) -> str:
    """The id of a recovery point that is made now: its second, UTC."""
    return now.astimezone(UTC).strftime("%Y%m%d-%H%M%S")


def is_id(text: str) -> bool:
    """Whether a text may be the id of a recovery point."""
    return _ID.fullmatch(text) is not None


def write(settings: Settings, point: Point) -> None:
    """Write a point's file."""
    body = json.dumps(asdict(point), sort_keys=True)
    proof = vault.prove(settings.key, f"point {body}")
    write_whole(
        _file(settings, point.id), json.dumps({"point": asdict(point), "proof": proof}, indent=1) + "\n"
    )


def read(settings: Settings, text: str) -> Point:
    """Given the text of a point's file, return the point.

    Raises:
        Refused: it was altered (D1-BACKUP-010), or is of a newer version of this program (D1-BACKUP-011).
    """
    try:
        told = json.loads(text)
        point, proof = told["point"], str(told["proof"])
        whose = str(point["id"])
    except (ValueError, LookupError, TypeError):
        raise Refused("D1-BACKUP-010", file="points") from None
    if not vault.proves(settings.key, f"point {json.dumps(point, sort_keys=True)}", proof):
        raise Refused("D1-BACKUP-010", file=f"points/{whose}.json")
    if point["version"] > Point.version:
        raise Refused("D1-BACKUP-011", release=str(point["release"]))
    return Point(**point)


def all_of(settings: Settings, texts: Mapping[str, str]) -> tuple[list[Point], list[str]]:
    """Given the texts of points' files by name, return the points, oldest first, and the altered files."""
    found, altered = [], []
    for name, text in sorted(texts.items()):
        try:
            found.append(read(settings, text))
        except Refused:
            altered.append(f"points/{name}")
    return found, altered


def here(settings: Settings) -> list[Point]:
    """The points in the vault, oldest first; altered ones are left out."""
    folder = settings.vault / "points"
    texts = {p.name: read_whole(p) for p in folder.glob("*.json")} if folder.is_dir() else {}
    return all_of(settings, texts)[0]


def remove(settings: Settings, name: str) -> None:
    """Drop a point's file."""
    _file(settings, name).unlink()


def _file(settings: Settings, name: str) -> Path:
    return settings.vault / "points" / f"{name}.json"
