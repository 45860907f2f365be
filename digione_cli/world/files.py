"""Files and folders that are nobody else's, written whole, locked; the environment that children get."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digione_cli.errors import PreconditionError
from digione_cli.texts import t

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
            t("The folder {folder} is not private", folder=folder),
            t("it belongs to somebody else or is open to others"),
            t("look at it and remove it: ls -ld {folder}", folder=folder),
        )
    return folder


def read_own(path: Path, private: bool = False, most: int | None = None) -> bytes:
    """Return the contents of a file that nobody else can have written or, where ``private``, read.

    Of a file longer than ``most`` bytes, one byte more than that is returned.

    Raises:
        PreconditionError: it is a link, a pipe or a device, is somebody else's, or its mode is too open.
        OSError: it is missing or cannot be read.
    """
    _require_own(path, path.lstat(), stat.S_IFREG, private)  # first: opening a device may have effects
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        _require_own(path, os.fstat(file.fileno()), stat.S_IFREG, private)
        return file.read(-1 if most is None else most + 1)


def require_own_folder(path: Path) -> None:
    """Refuse a folder that is a link, is somebody else's, or in which everybody may write.

    Raises:
        PreconditionError: it is.
        OSError: it is missing.
    """
    _require_own(path, path.lstat(), stat.S_IFDIR, False)


def _require_own(path: Path, info: os.stat_result, kind: int, private: bool) -> None:
    # whoever owns this very program is trusted anyway
    owners = {os.geteuid()} if private else {os.geteuid(), 0, Path(__file__).stat().st_uid}
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_IFMT(info.st_mode) != kind:
        wanted = t("a folder") if kind == stat.S_IFDIR else t("a regular file")
        why = t("it must be {wanted}, and is {kind}", wanted=wanted, kind=_kind(info))
        fix = t("put the file or folder itself there")
    elif info.st_uid not in owners:
        why = t("it belongs to another user (number {owner}), who could change it", owner=info.st_uid)
        fix = f"chown {os.geteuid()} {path}"
    elif private and mode & 0o177:
        why = t("it must be yours alone (mode 0600), and has mode {mode}", mode=f"{mode:04o}")
        fix = f"chmod 600 {path}"
    elif mode & 0o002:
        why = t("every user of this machine may change it (mode {mode})", mode=f"{mode:04o}")
        if kind == stat.S_IFDIR:
            why = t("every user of this machine may put files into it (mode {mode})", mode=f"{mode:04o}")
        fix = f"chmod o-w {path}"
    else:
        return
    raise PreconditionError("D1-LOCAL-003", t("{path} is not used", path=path), why, fix)


def _kind(info: os.stat_result) -> str:
    kinds = {
        stat.S_IFREG: t("a regular file"),
        stat.S_IFDIR: t("a folder"),
        stat.S_IFLNK: t("a symbolic link"),
        stat.S_IFIFO: t("a pipe"),
    }
    return kinds.get(stat.S_IFMT(info.st_mode), t("a device or socket"))


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that after a crash the old or the new content is there, never half."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def locked(file: Path, on: Callable[[str], None], waiting: str) -> Iterator[None]:
    """Hold ``file`` for the block; where somebody else holds it, say ``waiting`` through ``on`` and wait."""
    while True:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on(waiting)
                fcntl.flock(handle, fcntl.LOCK_EX)
            # whoever held it before may have deleted it with the folder: then it keeps nobody out any more
            if _is_still(file, handle.fileno()):
                yield
                return


@contextmanager
def trusted(authority: str) -> Iterator[Path]:
    """While the block runs, yield a file with the public authorities' certificates and one's own (PEM)."""
    import certifi

    with tempfile.NamedTemporaryFile("w", dir=private_folder(), suffix=".pem", encoding="ascii") as file:
        file.write(f"{authority}\n{certifi.contents()}")
        file.flush()
        yield Path(file.name)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that was not there, for this user alone.

    Raises:
        FileExistsError: there is something of that name.
    """
    with open(file, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(content)
