"""The vault: one folder on the host with everything that is kept, encrypted; targets hold copies of it.

vault.json       whose it is, and a proof of the key
postgresql/      base backups and WAL (pgBackRest)
files/           files, dumps and tenants' exports (restic)
points/          a file for each recovery point, written last
sums/            SHA-256 of every file whose name is not already its own
erased/          who was erased since: opaque identifiers, by tenant
"""

import fcntl
import hashlib
import hmac
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from digione_backup import database, files
from digione_backup.errors import Refused
from digione_backup.settings import Settings, read_whole, write_whole

IDENTITY = "vault.json"
LOCK = Path("/run/digione-backup/lock")
# restic names these by the SHA-256 of their content
_NAMED_BY_CONTENT = ("files/data/", "files/index/", "files/keys/", "files/snapshots/")
_CHUNK = 1 << 20


def prove(key: bytes, text: str) -> str:
    """Given text, return what only somebody with the key can make of it."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def proves(key: bytes, text: str, proof: str) -> bool:
    """Whether a proof is that of a text; damage may have put anything in its place."""
    return hmac.compare_digest(proof.encode(), prove(key, text).encode())


@contextmanager
def held(settings: Settings, patience: float = 0) -> Iterator[None]:
    """Hold the vault: one works on it at a time. ``patience`` is for how many seconds another is waited for.

    Programs that are started meanwhile hold it, too: where only the one that started them is killed, nobody
    else works on what they write still. What killed ones left is taken away first.

    Raises:
        Refused: somebody else holds it (D1-BACKUP-005).
    """
    LOCK.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        late = time.monotonic() + patience
        while not _locked(file):
            if time.monotonic() >= late:
                raise Refused("D1-BACKUP-005", host=settings.host)
            time.sleep(0.2)
        _tidy(settings)
        yield


def _tidy(settings: Settings) -> None:
    """Take away what killed programs left: half files and locks of restic, half base backups.

    A base backup is half that has neither its manifest, which is written last, nor sums.
    """
    for left in ("files/locks/*", "files/data/*/*-tmp-*", "files/*/*-tmp-*"):
        for file in settings.vault.glob(left):
            file.unlink()
    for folder in database.base_backups(settings):
        half = not (folder / "backup.manifest").exists()
        if half and not (settings.vault / "sums" / f"backup-{folder.name}").exists():
            shutil.rmtree(folder)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def prepare(settings: Settings) -> None:
    """Make the vault, or make sure that it is the one of this instance and key.

    Raises:
        Refused: it is another's (D1-BACKUP-006) or of another key (D1-BACKUP-007).
    """
    settings.vault.mkdir(mode=0o755, parents=True, exist_ok=True)
    identity = settings.vault / IDENTITY
    if not identity.exists():
        write_whole(identity, json.dumps(_new(settings), indent=1) + "\n")
    require(settings)
    for name in ("points", "sums", "erased"):
        (settings.vault / name).mkdir(mode=0o700, exist_ok=True)
    files.prepare(settings)
    if settings.database:
        database.prepare(settings)


def require(settings: Settings) -> None:
    """Refuse a vault that is not there, is another's, or of another key.

    Raises:
        Refused: it is (D1-BACKUP-015, D1-BACKUP-006, D1-BACKUP-007).
    """
    identity = settings.vault / IDENTITY
    if not identity.exists():
        raise Refused("D1-BACKUP-015", host=settings.host)
    require_ours(settings, identity_in(read_whole(identity)))


def _new(settings: Settings) -> dict[str, str]:
    name = str(uuid.uuid4())
    made = datetime.now(UTC).isoformat(timespec="seconds")
    mine = {"id": name, "instance": settings.instance, "host": settings.host, "made": made}
    return {**mine, "proof": prove(settings.key, _told(mine))}


def _told(identity: Mapping[str, str]) -> str:
    return " ".join(identity[part] for part in ("id", "instance", "host", "made"))


def identity_in(text: str) -> dict[str, str]:
    """Given the text of ``vault.json``, return what it says.

    Raises:
        Refused: it was altered (D1-BACKUP-010).
    """
    try:
        told = json.loads(text)
        return {part: str(told[part]) for part in ("id", "instance", "host", "made", "proof")}
    except (ValueError, LookupError, TypeError):
        raise Refused("D1-BACKUP-010", file=IDENTITY) from None


def require_ours(settings: Settings, identity: dict[str, str]) -> None:
    """Refuse a vault of another instance, or one that was made with another key.

    Raises:
        Refused: it is (D1-BACKUP-006, D1-BACKUP-007).
    """
    if (identity["instance"], identity["host"]) != (settings.instance, settings.host):
        whose = f"{identity['instance']}/{identity['host']}"
        raise Refused("D1-BACKUP-006", whose=whose)
    if not proves(settings.key, _told(identity), identity["proof"]):
        raise Refused("D1-BACKUP-007", made=identity["made"])


def name(settings: Settings) -> str:
    """The identifier of the vault."""
    return identity_in(read_whole(settings.vault / IDENTITY))["id"]


def contents(settings: Settings) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file in the vault, by its path in it."""
    for folder, _, names in os.walk(settings.vault):
        for one in names:
            path = Path(folder, one)
            if not one.startswith(".") and not one.endswith(".pgbackrest.tmp"):
                yield str(path.relative_to(settings.vault)), path.stat()


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def named_by_content(path: str) -> bool:
    """Whether the name of a file in the vault is the SHA-256 of what is in it."""
    return path.startswith(_NAMED_BY_CONTENT)


def group_of(path: str) -> str | None:
    """Given a path in the vault, return the file of sums that names it; none if its name is its sum."""
    if named_by_content(path) or path.startswith(("sums/", "files/locks/")):
        return None
    parts = path.split("/")
    if parts[:2] == ["postgresql", "archive"] and len(parts) > 4:
        return f"wal-{parts[3]}-{parts[4] if len(parts) > 5 else 'history'}"
    if parts[:2] == ["postgresql", "backup"] and len(parts) > 4:
        return f"backup-{parts[3]}"
    return "rest"
