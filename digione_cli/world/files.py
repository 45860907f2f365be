"""Private folders, locked files, and the environment that children of this program get."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digione_cli.errors import PreconditionError

_KEPT = ("HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TERM", "TZ", "TMPDIR", "DIGIONE_STATE", "DIGIONE_KEYS")


def clean_environment() -> dict[str, str]:
    """Return the environment for child processes: nothing that could change what they do."""
    kept = {k: os.environ[k] for k in _KEPT if k in os.environ}
    path = os.environ.get("PATH", "")
    return {"HOME": str(Path.home()), **kept, "PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def private_folder() -> Path:
    """Return a folder in memory that only this user can enter.

    Raises:
        PreconditionError: somebody else made it first.
    """
    base = Path("/dev/shm")  # noqa: S108 - the folder below is checked
    folder = (base if base.is_dir() else Path("/tmp")) / f"digione-{os.geteuid()}"  # noqa: S108
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
        raise PreconditionError(
            "D1-LOCAL-001",
            f"The folder {folder} is not private",
            "it belongs to somebody else or is open to others",
            f"look at it and remove it: ls -ld {folder}",
        )
    return folder


@contextmanager
def locked(file: Path, on: Callable[[str], None], waiting: str) -> Iterator[None]:
    """Hold ``file`` for the block; where somebody else holds it, say ``waiting`` through ``on`` and wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_new(file: Path, content: bytes) -> None:
    """Write a file that was not there, for this user alone.

    Raises:
        FileExistsError: there is something of that name.
    """
    with open(file, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(content)
