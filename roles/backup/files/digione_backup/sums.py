"""SHA-256 of what is in the vault, taken as soon as it is there, so that every change after it is found.

restic names its files by their content; of all others there is a line in one of the files in ``sums/``:
SHA-256, size, path. Each such file ends with a proof that only the key can make.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from digione_backup import vault
from digione_backup.errors import Refused
from digione_backup.settings import Settings, read_whole, write_whole

_PROOF = "# proof "
ALTERED = ".altered"
CHANGING = "rest"


@dataclass(frozen=True)
class Sum:
    """SHA-256 and size in bytes of a file."""

    sha256: str
    size: int


Sums = dict[str, Sum]


def record(settings: Settings) -> None:
    """Take the sums of all files that are new, and of those that pgBackRest and restic write anew."""
    paths = [path for path, _ in vault.contents(settings)]
    record_these(settings, [settings.vault / path for path in paths if vault.group_of(path)])


def record_these(settings: Settings, files: Iterable[Path]) -> None:
    """Take the sums of files that came since, or that were written anew."""
    groups: dict[str, list[str]] = defaultdict(list)
    for file in files:
        path = str(file.relative_to(settings.vault))
        groups[vault.group_of(path) or ""].append(path)
    for group, paths in groups.items():
        _record(settings, group, paths)


def forget(settings: Settings, pruned: Collection[str]) -> None:
    """Drop the sums of what was pruned."""
    for file in _files(settings):
        known = _known(settings, file)
        left = {path: one for path, one in known.items() if path not in pruned}
        if not left:
            file.unlink(missing_ok=True)
        elif left != known:
            _write(settings, file, left)


def _record(settings: Settings, group: str, paths: Iterable[str]) -> None:
    file = settings.vault / "sums" / group
    known = _known(settings, file)
    taken = file.stat().st_mtime if file.exists() else 0
    now = dict(known)
    for path in paths:
        full = settings.vault / path
        changed = group == CHANGING and full.stat().st_mtime >= taken
        if path not in known or changed:
            now[path] = Sum(vault.sha256(full), full.stat().st_size)
    if now != known:
        _write(settings, file, now)


def _files(settings: Settings) -> list[Path]:
    return [file for file in (settings.vault / "sums").iterdir() if file.suffix != ALTERED]


def _known(settings: Settings, file: Path) -> Sums:
    """The sums in a file; one that was altered is laid beside, where verify goes on to find it."""
    try:
        return read(settings.key, file.name, read_whole(file)) if file.exists() else {}
    except Refused:
        file.rename(file.with_name(f"{file.name}{ALTERED}"))
        return {}


def _write(settings: Settings, file: Path, sums: Mapping[str, Sum]) -> None:
    lines = "".join(f"{one.sha256} {one.size} {path}\n" for path, one in sorted(sums.items()))
    write_whole(file, f"{lines}{_PROOF}{vault.prove(settings.key, file.name + lines)}\n", 0o600)


def read(key: bytes, name: str, text: str) -> Sums:
    """Given the name and the text of a file of sums, return the sums by path.

    Raises:
        Refused: it was altered or cut off (D1-BACKUP-010).
    """
    lines, _, proof = text.rpartition(_PROOF)
    if not vault.proves(key, name + lines, proof.strip()):
        raise Refused("D1-BACKUP-010", file=f"sums/{name}")
    found = {}
    for line in lines.splitlines():
        sha256, size, path = line.split(" ", 2)
        found[path] = Sum(sha256, int(size))
    return found


def everything(key: bytes, texts: Mapping[str, str]) -> tuple[Sums, list[str]]:
    """Given all files of sums by name, return the sums, and the files among them that were altered."""
    found: Sums = {}
    altered = []
    for name, text in texts.items():
        try:
            found |= read(key, name, text)
        except (Refused, ValueError):
            altered.append(f"sums/{name}")
    return found, altered


def lost(settings: Settings) -> list[str]:
    """What has a sum and is not in the vault."""
    known = [path for file in _files(settings) for path in _known(settings, file)]
    return [path for path in known if not (settings.vault / path).exists()]


def are_whole(settings: Settings, paths: Iterable[str]) -> bool:
    """Whether files of the vault are as they were written; one whose sum is not known is not."""
    known = everything(settings.key, {file.name: read_whole(file) for file in _files(settings)})[0]
    for path in paths:
        told = known[path].sha256 if path in known else ""
        wanted = Path(path).name if vault.named_by_content(path) else told
        if not (settings.vault / path).is_file() or vault.sha256(settings.vault / path) != wanted:
            return False
    return True


def of_wal(settings: Settings) -> set[str]:
    """Names of the WAL files whose sums were taken."""
    names = set()
    for file in (one for one in _files(settings) if one.name.startswith("wal-")):
        names |= {Path(path).name for path in _known(settings, file)}
    return names
