"""Everything that is not in the database, and the tenants' exports: restic's repository in the vault."""

import json
import subprocess
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from digione_backup import programs
from digione_backup.database import USER
from digione_backup.settings import Settings

DUMPS = Path("/run/digione-backup/dumps")
MARKER = "recovery-point"  # beside the files of each tenant
AFTER = "after="  # a tag: which recovery point was the newest then
_OF_A_POINT = ("point=", AFTER)
CONTENTS = "contents.json"  # what a recovery point holds, to compare with after a restore
EXPORTS = ("platform", "identity")  # databases of each tenant


def repository(settings: Settings) -> Path:
    """Where files lie in the vault."""
    return settings.vault / "files"


def _restic(settings: Settings, *arguments: str) -> list[str]:
    return [
        "restic",
        f"--repo={repository(settings)}",
        f"--password-file={settings.key_file}",
        "--no-cache",
        "--quiet",
        *arguments,
    ]


def prepare(settings: Settings) -> None:
    """Make the place for files, once; harmless when it is there."""
    if not (repository(settings) / "config").exists():
        programs.run(_restic(settings, "init"))


def snapshot(settings: Settings, tags: Sequence[str]) -> dict[str, Any]:
    """Keep the folders and dumps of this host as they are now; return restic's summary."""
    dump(settings)
    paths = [folder for folder in settings.folders if Path(folder).exists()]
    said = programs.run(
        [*_restic(settings, "backup", "--json", f"--host={settings.host}"), *_tags(tags), *paths, str(DUMPS)]
    )
    return _summary(said)


def export(settings: Settings, tenant: str, what: str, tags: Sequence[str]) -> dict[str, Any]:
    """Keep a tenant's database as a logical export; return restic's summary.

    The dump is not compressed, so that restic finds what is in it already; no copy lies on a disk in between.
    """
    database = f"{what}_{tenant}"
    dumping = programs.start(["pg_dump", "--format=custom", "--compress=0", database], user=USER)
    argv = [
        *_restic(settings, "backup", "--json", f"--host={settings.host}", "--stdin"),
        f"--stdin-filename={database}.dump",
        *_tags([*tags, f"export={database}"]),
    ]
    keeping = programs.start(argv, stdin=dumping.stdout)
    assert dumping.stdout
    dumping.stdout.close()  # pg_dump shall notice when restic ends
    out, err = keeping.communicate()
    _, words = dumping.communicate()
    for program, process, said in (("pg_dump", dumping, words), ("restic", keeping, err)):
        if process.returncode:
            raise programs.failure(program, said.decode(errors="replace"), process.returncode)
    return _summary(out.decode())


def dump(settings: Settings) -> None:
    """Write what commands tell, such as the directory, into a folder in memory that root alone reads."""
    DUMPS.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in DUMPS.iterdir():
        if old.name not in {*settings.dumps, CONTENTS}:
            old.unlink()
    for name, command in settings.dumps.items():
        new = DUMPS / f".{name}"
        with new.open("wb") as file:
            done = subprocess.run(
                command, stdout=file, stderr=subprocess.PIPE, cwd="/", close_fds=False, check=False
            )
        if done.returncode:
            new.unlink()
            raise programs.failure(command[0], done.stderr.decode(errors="replace"), done.returncode)
        new.replace(DUMPS / name)


def snapshots(settings: Settings) -> list[dict[str, Any]]:
    """Every snapshot, oldest first."""
    found: list[dict[str, Any]] = json.loads(programs.run(_restic(settings, "snapshots", "--json")))
    return sorted(found, key=lambda one: datetime.fromisoformat(str(one["time"])))


def check(settings: Settings) -> str:
    """Whether what refers to each other is there: nothing to say, or an error with restic's words."""
    programs.run(_restic(settings, "check"))
    return ""


def forget(settings: Settings, staying: Collection[str], exports: Collection[str]) -> None:
    """Drop the snapshots of all recovery points but these and those after them, and what only they hold.

    ``exports`` names snapshots that stay in any case, for points lend them to each other; restic tells short
    names when it makes them.
    """
    kept = {f"{tag}{one}" for one in staying for tag in _OF_A_POINT}
    ids = []
    for one in snapshots(settings):
        tags = {tag for tag in one.get("tags") or () if tag.startswith(_OF_A_POINT)}
        if tags and not tags & kept and not str(one["id"]).startswith(tuple(exports)):
            ids.append(str(one["id"]))
    if ids:
        programs.run(_restic(settings, "forget", "--prune", *ids))


def restore(settings: Settings, snapshot_id: str, into: Path, only: Sequence[str] = ()) -> None:
    """Write what a snapshot holds below a folder, and read it again to make sure."""
    included = [f"--include={path}" for path in only]
    programs.run(_restic(settings, "restore", snapshot_id, f"--target={into}", "--verify", *included))


def write(settings: Settings, snapshot_id: str, path: str, file: Path) -> None:
    """Write one file of a snapshot."""
    with file.open("wb") as into:
        telling = subprocess.Popen(
            _restic(settings, "dump", snapshot_id, path),
            stdout=into,
            stderr=subprocess.PIPE,
            cwd="/",
            close_fds=False,
        )
        _, words = telling.communicate()
    if telling.returncode:
        raise programs.failure("restic", words.decode(errors="replace"), telling.returncode)


def _tags(tags: Sequence[str]) -> list[str]:
    return [f"--tag={tag}" for tag in tags]


def _summary(said: str) -> dict[str, Any]:
    """The last line of what restic tells as JSON."""
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found
