"""Copies of the vault at the targets, by rclone: a host over ssh, a mounted folder, or a bucket of S3."""

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from digione_backup import programs, sums, vault
from digione_backup.database import give_to_database, segment_file
from digione_backup.errors import Refused
from digione_backup.settings import FOLDER, Settings, Target, read_whole

# What refers to other files is copied after them, so that a copy is whole at any moment.
_LAST = (
    *("/files/index/**", "/files/snapshots/**", "/postgresql/**/*.info", "/postgresql/**/*.info.copy"),
    "/erased/**",
)
_VERY_LAST = ("/sums/**", "/points/**")
_NEVER = ("/files/locks/**", "/postgresql/**/*.tmp", ".*")
_ASIDE_DAYS = 7
# What rclone says of each kind of target, and what it means.
_REASONS = {
    "mounted": {"permission denied": "D1-BACKUP-024"},
    "ssh": {
        "SSH_FX_FAILURE": "D1-BACKUP-024",  # ssh's file transfer gives no reason
        "permission denied": "D1-BACKUP-024",
        "unable to authenticate": "D1-BACKUP-025",
        "knownhosts: key": "D1-BACKUP-026",
    },
    "s3": {
        "InvalidAccessKeyId": "D1-BACKUP-016",
        "SignatureDoesNotMatch": "D1-BACKUP-016",
        "QuotaExceeded": "D1-BACKUP-024",
        "StorageFull": "D1-BACKUP-024",
        "NoSuchBucket": "D1-BACKUP-029",
        "directory not found": "D1-BACKUP-029",  # all others are there as soon as something is in them
        "AccessDenied": "D1-BACKUP-030",
        "Forbidden": "D1-BACKUP-030",
    },
}
ANOTHER = "D1-BACKUP-027"
_TRIES = 3
_MANY = 200  # files
_CAUSE = re.compile(r"couldn't connect SSH: |\": ")  # behind the last one stands what tells
_MISSING = 3  # rclone's exit code for a folder that is not there
_FILE_MISSING = 4


def rclone(command: str, *arguments: str, codes: Sequence[int] = (0,)) -> str:
    """Carry out a command of rclone; the remotes are in /etc/digione/backup/rclone.conf."""
    patience = [
        "--contimeout=10s",
        "--timeout=60s",
        "--retries=2",
        "--low-level-retries=3",
        "--log-level=ERROR",
    ]
    argv = ["rclone", command, f"--config={FOLDER / 'rclone.conf'}", *patience, *arguments]
    return programs.run(argv, codes=codes)


def require_mounted(settings: Settings, target: Target) -> None:
    """Refuse a folder that lies on the host's own disk: nothing is mounted there.

    Raises:
        Refused: it does (D1-BACKUP-020).
    """
    if target.kind != "mounted":
        return
    folder = Path(target.folder)
    if not folder.is_dir() or folder.stat().st_dev in {Path("/").stat().st_dev, settings.vault.stat().st_dev}:
        raise Refused("D1-BACKUP-020", target=target.name, folder=target.folder)


def reach(target: Target, *arguments: str, command: str, codes: Sequence[int] = (0,)) -> str:
    """Carry out a command of rclone at a target.

    Raises:
        Refused: it takes nothing more (D1-BACKUP-002, D1-BACKUP-003, D1-BACKUP-024), does not let us in
            (D1-BACKUP-016, D1-BACKUP-025), has no such bucket (D1-BACKUP-029), forbids it (D1-BACKUP-030), is
            another machine (D1-BACKUP-026), keeps a file that was altered since (D1-BACKUP-027), or is not
            reached (D1-BACKUP-021).
    """
    if target.kind == "s3":
        codes = (0,)  # no folder can be missing but the bucket
    try:
        return rclone(command, *arguments, codes=codes)
    except Refused as e:
        if e.id != "D1-BACKUP-001":
            raise
        reason = e.values["reason"]
        if "immutable file modified" in reason:
            raise Refused(ANOTHER, target=target.name) from None
        for words, identity_ in _REASONS[target.kind].items():
            if words in reason:
                raise Refused(identity_, target=target.name) from None
        raise Refused("D1-BACKUP-021", target=target.name, reason=_CAUSE.split(reason)[-1]) from None


def identity(target: Target) -> dict[str, str] | None:
    """What ``vault.json`` at a target says; none where there is none."""
    text = reach(
        target, f"{target.remote}/{vault.IDENTITY}", command="cat", codes=(0, _MISSING, _FILE_MISSING)
    )
    if not text:
        return None
    return vault.identity_in(text)


def require_ours(settings: Settings, target: Target) -> bool:
    """Refuse a target that holds another vault; say whether it holds this one already.

    Raises:
        Refused: another instance's, host's or key's (D1-BACKUP-006, D1-BACKUP-007), or an earlier one of this
            host (D1-BACKUP-022).
    """
    require_mounted(settings, target)
    there = identity(target)
    if there is None:
        return False
    vault.require_ours(settings, there)
    if there["id"] != vault.name(settings):
        raise Refused("D1-BACKUP-022", target=target.name, made=there["made"])
    return True


def ship(settings: Settings, target: Target) -> None:
    """Bring a target's copy up to date. The vault must be held: what is copied must not change meanwhile."""
    if not require_ours(settings, target):
        _copy(settings, target, [f"--include=/{vault.IDENTITY}"])
    never = [f"--exclude={pattern}" for pattern in _NEVER]
    # Of the rest, what has the same name and size is the same. For times, S3 would be asked object by object.
    rest = [*never, *(f"--exclude={pattern}" for pattern in _LAST + _VERY_LAST)]
    _copy_lasting(settings, target, rest)
    _copy(settings, target, [f"--include={pattern}" for pattern in _LAST])
    _copy(settings, target, [f"--include={pattern}" for pattern in _VERY_LAST])


def ship_these(settings: Settings, target: Target, paths: Sequence[str]) -> None:
    """Bring files to a target, and then the sums of them; paths are those in the vault."""
    listed = Path("/run/digione-backup") / f"these-{target.name}"
    of_sums = sorted({f"sums/{vault.group_of(path)}" for path in paths})
    lasting = [path for path in paths if path.startswith("postgresql/")]
    changing = [path for path in paths if path not in lasting]
    for these, copy in ((lasting, _copy_lasting), (changing, _copy), (of_sums, _copy)):
        listed.write_text("".join(f"{path}\n" for path in these), encoding="utf-8")
        if these:
            # A few are asked for one by one; of many, as after a start, the folders are listed.
            how = ["--no-traverse"] if len(these) < _MANY else []
            copy(settings, target, [f"--files-from-raw={listed}", *how])


def _copy_lasting(settings: Settings, target: Target, which: Sequence[str]) -> None:
    """Copy what never changes: what has another size at the target was cut off in one of the two places.

    Raises:
        Refused: it was in the vault (D1-BACKUP-027); or the target's own refusals.
    """
    how = ["--size-only", "--immutable", *which]
    try:
        _copy(settings, target, how)
    except Refused as e:
        if e.id != ANOTHER:
            raise
        places = (str(settings.vault), target.remote)
        asked = ["--size-only", "--one-way", "--differ=-", *which]
        differing = reach(target, *places, *asked, command="check", codes=(0, 1)).splitlines()
        if not differing or not sums.are_whole(settings, differing):
            raise
        mend(settings, target, differing)
        _copy(settings, target, how)


def mend(settings: Settings, target: Target, paths: Sequence[str]) -> None:
    """Bring files to a target in place of what is there, however alike it looks."""
    _anew(target, paths, str(settings.vault), target.remote)


def mend_from(settings: Settings, target: Target, paths: Sequence[str]) -> None:
    """Bring files from a target into the vault in place of what is there."""
    _anew(target, paths, target.remote, str(settings.vault))
    give_to_database(settings)


def _anew(target: Target, paths: Sequence[str], *way: str) -> None:
    listed = Path("/run/digione-backup") / f"anew-{target.name}"
    listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    how = [f"--files-from-raw={listed}", "--no-traverse", "--ignore-times"]
    reach(target, *way, *how, command="copy")


def _copy(settings: Settings, target: Target, which: Sequence[str]) -> None:
    reach(target, str(settings.vault), target.remote, "--transfers=4", *which, command="copy")


def fetch(settings: Settings, target: Target) -> None:
    """Bring everything from a target into the vault, also in place of files that look the same.

    A host that still runs goes on writing there. What refers to other files comes first, therefore: the other
    way round than it was written. Where a recovery point was made or dropped meanwhile, all is fetched again.

    Raises:
        Refused: that happened again and again (D1-BACKUP-005), or the target's own refusals.
    """
    last = [f"--exclude={pattern}" for pattern in (*_NEVER, *_LAST, *_VERY_LAST)]
    referring = ([f"--include={pattern}" for pattern in these] for these in (_VERY_LAST, _LAST))
    order = [*referring, last]
    for _ in range(_TRIES):
        before = _points_and_sums(target)
        for which in order:
            reach(
                *(target, target.remote, str(settings.vault)),
                *("--transfers=4", "--ignore-times", *which),
                command="copy",
            )
        if _points_and_sums(target) == before:
            give_to_database(settings)
            return
    raise Refused("D1-BACKUP-005", host=settings.host)


def _points_and_sums(target: Target) -> dict[str, str]:
    """What changes when a recovery point is made or dropped, and not when WAL comes."""
    rest = {name: text for name, text in texts(target, "sums").items() if not name.startswith("wal-")}
    return {**texts(target, "points"), **rest}


def size(target: Target) -> int:
    """How many bytes the copy at a target has."""
    return int(json.loads(reach(target, target.remote, "--json", command="size"))["bytes"])


def hashes(target: Target, paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files at a target by path, read back from there; those that are missing are left out."""
    listed = Path("/run/digione-backup") / f"hashes-{target.name}"
    listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    said = reach(
        target, "SHA-256", target.remote, f"--files-from-raw={listed}", "--download", command="hashsum"
    )
    return {path: sha256 for sha256, _, path in (line.partition("  ") for line in said.splitlines())}


def has_segment(settings: Settings, target: Target, segment: str) -> bool:
    """Whether a WAL segment is at a target."""
    found = segment_file(settings, segment)
    if found is None:
        return False
    path = f"{target.remote}/{found.relative_to(settings.vault)}"
    return bool(reach(target, path, command="lsf", codes=(0, _MISSING)))


def drop(settings: Settings, target: Target, now: datetime) -> None:
    """Let a target lose what the vault has no longer; for some days it lies beside: it may be a mistake."""
    ship(settings, target)
    aside = f"{target.remote}.removed"
    how = ["--size-only", "--delete-after", f"--backup-dir={aside}/{now:%Y%m%d}"]
    never = [f"--exclude={pattern}" for pattern in _NEVER]
    for which in (["--include=/points/**"], never):
        reach(target, str(settings.vault), target.remote, *how, *which, command="sync")
    for day in reach(target, aside, "--dirs-only", command="lsf", codes=(0, _MISSING)).split():
        if day.strip("/") < f"{now - timedelta(days=_ASIDE_DAYS):%Y%m%d}":
            reach(target, f"{aside}/{day}", command="purge")


def texts(target: Target, folder: str) -> dict[str, str]:
    """The texts of all files in a folder of small ones at a target, by name."""
    with tempfile.TemporaryDirectory(prefix="digione-") as copy:
        reach(target, f"{target.remote}/{folder}", copy, command="copy", codes=(0, _MISSING))
        return {path.name: read_whole(path) for path in Path(copy).iterdir()}
