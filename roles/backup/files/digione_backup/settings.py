"""What the program is told by the operator's side: /etc/digione/backup/settings.json."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/etc/digione/backup")
STATE = Path("/var/lib/digione/backup.json")
STANZA = "digione"
PLATFORM = Path("/var/lib/digione-platform")
MAINTENANCE = Path("/var/lib/digione/maintenance")
RESTORED = Path("/var/lib/digione/restored")  # what a snapshot holds, for the services to take
RESTORING = Path("/var/lib/digione/restoring.json")  # there while a restore is under way


@dataclass(frozen=True)
class Target:
    """A place for copies: ``remote`` is the folder as rclone names it, ``folder`` a mounted one."""

    name: str
    kind: str
    remote: str
    folder: str = ""


@dataclass(frozen=True)
class Settings:
    """What is kept of this host, where, and for how long.

    ``database`` says whether the instance's PostgreSQL is here; ``dumps`` are commands whose output is kept,
    by file name, and ``watched`` files that change when their output does; ``keep`` is how many days, weeks
    and months have a recovery point.
    """

    instance: str
    host: str
    release: str
    vault: Path
    database: bool
    tenants: tuple[str, ...]
    folders: tuple[str, ...]
    dumps: dict[str, list[str]]
    watched: tuple[str, ...]
    targets: tuple[Target, ...]
    keep: dict[str, int]
    full_days: int

    @property
    def key(self) -> bytes:
        """The key with which everything is encrypted and proven."""
        return self.key_file.read_bytes().strip()

    @property
    def key_file(self) -> Path:
        """Where the key lies."""
        return FOLDER / "key"


def load(path: Path = FOLDER / "settings.json") -> Settings:
    """Return the settings."""
    told = json.loads(path.read_text(encoding="utf-8"))
    told["vault"] = Path(told["vault"])
    told["targets"] = tuple(Target(**one) for one in told["targets"])
    for name in ("tenants", "folders", "watched"):
        told[name] = tuple(told[name])
    return Settings(**told)


def read_whole(path: Path) -> str:
    """Return the text in a file; of a damaged one something that no proof matches."""
    return path.read_text(encoding="utf-8", errors="replace")


def restoring() -> str | None:
    """The tenant whose restore has not ended; empty where it is that of all, none where there is none."""
    return str(json.loads(read_whole(RESTORING))["tenant"]) if RESTORING.exists() else None


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that after a crash the old or the new content is there, never half."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), mode)  # whatever the unit's umask is
        os.fsync(file.fileno())
    new.replace(path)
