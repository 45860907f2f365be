"""The instance's PostgreSQL: base backups and WAL by pgBackRest, and what is asked of the server itself."""

import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from digione_backup import programs
from digione_backup.errors import Refused
from digione_backup.settings import STANZA, Settings

USER = "postgres"
CLUSTER = Path("/var/lib/postgresql/15/main")
UNIT = "postgresql@15-main.service"
_WAL = re.compile(r"[0-9A-F]{24}-[0-9a-f]{40}(\.zst)?")
_ARCHIVED = re.compile(
    r"[0-9A-F]{24}-[0-9a-f]{40}(\.zst)?|[0-9A-F]{24}\.[0-9A-F]{8}\.backup|[0-9A-F]{8}\.history"
)
_LABEL = re.compile(r"\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?")
SEGMENT_BYTES = 16 * 1024 * 1024
_SEGMENTS = 256  # of them in each numbered file of 4 GB
_HEADER_BYTES = 40  # at the beginning of a segment, before anything is written to it
_ARCHIVE_SECONDS = 60
_SETTLED = 60_000_000_000  # nanoseconds after which the time of a folder tells every change of it

# Rows by table: an unambiguous way to count tables whose names are not known here, in one statement.
_COUNTS = """
select coalesce(json_object_agg(relname, rows), '{}') from (
  select c.relname, (xpath('/row/n/text()', query_to_xml(
    format('select count(*) as n from %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint rows
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname = 'public' and c.relname <> 'recovery_points' order by 1) counted;
"""


@dataclass(frozen=True)
class Gap:
    """WAL that is missing after a segment, ``last``, which was archived at ``until``."""

    last: str
    until: datetime
    next: str


def pgbackrest(settings: Settings, command: str, *options: str) -> str:
    """Carry out a command of pgBackRest; its settings are in /etc/digione/backup/pgbackrest.conf."""
    config = "/etc/digione/backup/pgbackrest.conf"
    return programs.run(
        ["pgbackrest", f"--config={config}", f"--stanza={STANZA}", *options, command], user=USER
    )


def query(sql: str, database: str = "postgres") -> str:
    """Ask the server as its administrator."""
    argv = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
        database,
    ]
    return programs.run(argv, user=USER, stdin=sql).strip()


def prepare(settings: Settings) -> None:
    """Make the place for base backups and WAL, once; harmless when it is there."""
    repository(settings).mkdir(mode=0o750, exist_ok=True)
    shutil.chown(repository(settings), USER, USER)
    if (wal_folder(settings) / "archive.info").exists():
        return
    for patience in range(_ARCHIVE_SECONDS, -1, -1):
        try:
            pgbackrest(settings, "stanza-create")
            return
        except Refused as e:  # the server tries to archive at the same moment
            if "unable to acquire lock" not in e.values.get("reason", "") or not patience:
                raise
            time.sleep(1)


def repository(settings: Settings) -> Path:
    """Where base backups and WAL lie in the vault."""
    return settings.vault / "postgresql"


def give_to_database(settings: Settings) -> None:
    """Let the server's own user have what came into its part of the vault."""
    if settings.database:
        # What pgBackRest takes away meanwhile is no error.
        programs.run(["chown", "-R", f"{USER}:{USER}", str(repository(settings))], codes=(0, 1))


def known(settings: Settings) -> dict[str, Any]:
    """What pgBackRest knows of the base backups and the WAL."""
    (stanza,) = json.loads(pgbackrest(settings, "info", "--output=json"))
    return dict(stanza)


def base_backup(settings: Settings, kind: str) -> None:
    """Take a base backup: ``full``, ``diff`` or ``incr``."""
    pgbackrest(settings, "backup", f"--type={kind}")


def kind_due(settings: Settings, now: datetime) -> str:
    """What the next recovery point needs: ``full`` in ``full_days``, ``diff`` once a day, else ``wal`` alone.

    Where the WAL does not lead from the last base backup to now, it is ``incr``.
    """
    backups = known(settings).get("backup", [])
    age = {
        kind: min(
            (now.timestamp() - b["timestamp"]["stop"] for b in backups if b["type"] in kinds), default=None
        )
        for kind, kinds in {"full": ("full",), "diff": ("full", "diff")}.items()
    }
    slack = 3600  # the timer's own delay must not make a day of 25 hours
    if age["full"] is None or age["full"] > settings.full_days * 86400 - slack:
        return "full"
    if age["diff"] is None or age["diff"] > 86400 - slack:
        return "diff"
    start = str(backups[-1]["archive"]["start"])
    archived = segments_of(Archive(settings).files())
    there = (
        archived and archived[-1].name[:8] == written()[0] and leads(settings, start, archived[-1].name[:24])
    )
    return "wal" if there else "incr"


def leads(settings: Settings, start: str, end: str) -> bool:
    """Whether all WAL segments of a timeline from one to another are in the vault."""
    there = {file.name[:24] for file in segments_of(Archive(settings).files())}
    found = [one for one in there if one[:8] == start[:8] and start <= one <= end]
    return start[:8] == end[:8] and len(found) == _number(end) - _number(start) + 1


def mark(tenant: str, point: str) -> None:
    """Write a recovery point's marker into a tenant's database, in one transaction."""
    query(
        f"""
        begin;
        insert into recovery_points (id) values ('{point}') on conflict do nothing;
        delete from recovery_points where at < now() - interval '400 days';
        commit;
        """,
        f"platform_{tenant}",
    )


def next_transaction() -> int:
    """The number of the next transaction that writes anything in the server; 0 while one is under way.

    As long as it stays the same, nothing is written.
    """
    told = query("select pg_snapshot_xmin(s), pg_snapshot_xmax(s) from pg_current_snapshot() s")
    oldest, next_ = told.split("|")
    return int(next_) if oldest == next_ else 0


def rows(tenant: str) -> dict[str, int]:
    """Rows by table of a tenant's database, but for the markers."""
    counted: dict[str, int] = json.loads(query(_COUNTS, f"platform_{tenant}"))
    return counted


def marker(tenant: str) -> str:
    """The newest marker in a tenant's database."""
    return query("select id from recovery_points order by at desc limit 1", f"platform_{tenant}")


def name_position(settings: Settings, name: str) -> tuple[str, str]:
    """Name the present end of the WAL and wait until it is in the vault; return its LSN and its segment.

    Raises:
        Refused: it did not come (D1-BACKUP-004).
    """
    lsn, segment = json.loads(
        query(f"select json_build_array(pg_create_restore_point('{name}'), pg_walfile_name(pg_switch_wal()))")
    )
    return lsn, awaited(settings, segment)


def awaited(settings: Settings, segment: str) -> str:
    """Wait until a WAL segment is in the vault, and return its name.

    Raises:
        Refused: it did not come within a minute (D1-BACKUP-004).
    """
    for _ in range(_ARCHIVE_SECONDS * 5):
        if segment_file(settings, segment):
            return segment
        time.sleep(0.2)
    failed = query("select coalesce(last_failed_wal, '') from pg_stat_archiver")
    raise Refused("D1-BACKUP-004", segment=segment, failed=failed or "–")


def segment_file(settings: Settings, segment: str) -> Path | None:
    """The file of a WAL segment in the vault, if it is there as a whole."""
    found = wal_folder(settings).glob(f"*/{segment[:16]}/{segment}-*")
    return next((file for file in found if _WAL.fullmatch(file.name)), None)


def position() -> str:
    """Where the server's WAL ends now, as LSN."""
    return query("select pg_current_wal_insert_lsn()")


def start() -> None:
    """Start the server and wait until it has replayed the WAL and takes writes.

    Raises:
        Refused: it stopped, as when the WAL ends before the moment that was asked for (D1-BACKUP-009).
    """
    try:
        programs.run(["systemctl", "start", UNIT])
        while _recovering():
            time.sleep(0.3)
    except Refused:
        said = programs.run(["journalctl", "-u", UNIT, "-n", "30", "-o", "cat", "--no-pager"])
        fatal = [line for line in said.splitlines() if "FATAL" in line]
        raise Refused("D1-BACKUP-009", reason=" ".join(fatal[-1:]) or "–") from None


def _recovering() -> bool:
    """Whether the server replays WAL still.

    Raises:
        Refused: it does not run any more.
    """
    try:
        return query("select pg_is_in_recovery()") == "t"
    except Refused:
        active = programs.run(["systemctl", "is-active", UNIT], codes=(0, 3)).strip()
        if active not in ("active", "activating"):
            raise
        return True


def fill(name: str, dump: Path) -> None:
    """Fill an empty database from a logical export."""
    with dump.open("rb") as told:
        filling = programs.start(["pg_restore", "--exit-on-error", f"--dbname={name}"], user=USER, stdin=told)
        _, words = filling.communicate()
    if filling.returncode:
        raise programs.failure("pg_restore", words.decode(errors="replace"), filling.returncode)


def base_backups(settings: Settings) -> list[Path]:
    """The folders of base backups in the vault, also of those that are only half there."""
    found = (repository(settings) / "backup" / STANZA).glob("*")
    return sorted(folder for folder in found if _LABEL.fullmatch(folder.name) and not folder.is_symlink())


def wal_folder(settings: Settings) -> Path:
    """Where the WAL lies in the vault."""
    return repository(settings) / "archive" / STANZA


class Archive:
    """Everything that was archived: segments, and what tells of timelines and base backups.

    It may be listed again and again: what is in a folder is read anew only if something may have come there.
    """

    def __init__(self, settings: Settings) -> None:
        self._top = wal_folder(settings)
        self._known: dict[Path, tuple[int, list[Path], list[Path]]] = {}

    def files(self) -> list[Path]:
        """The files there are now."""
        return list(self._below(self._top))

    def _below(self, folder: Path) -> Iterator[Path]:
        try:
            changed = folder.stat().st_mtime_ns
            at, folders, found = self._known.get(folder, (0, [], []))
            if at != changed or changed > time.time_ns() - _SETTLED:
                entries = sorted(folder.iterdir())
                folders = [one for one in entries if one.is_dir() and not one.is_symlink()]
                found = [one for one in entries if _ARCHIVED.fullmatch(one.name)]
                self._known[folder] = (changed, folders, found)
        except FileNotFoundError:
            return
        yield from found
        for one in folders:
            yield from self._below(one)


def segments_of(archived: Iterable[Path]) -> list[Path]:
    """Given what was archived, return the segments in the order in which they were written."""
    return sorted((p for p in archived if _WAL.fullmatch(p.name)), key=lambda p: p.name)


def gaps(segments: list[Path]) -> list[Gap]:
    """Given WAL segments in order, return what is missing between them."""
    found = []
    for before, after in pairwise(segments):
        if before.name[:8] == after.name[:8] and _number(after.name) > _number(before.name) + 1:
            until = datetime.fromtimestamp(before.stat().st_mtime, UTC)
            found.append(Gap(before.name[:24], until, after.name[:24]))
    return found


def _number(segment: str) -> int:
    return int(segment[8:16], 16) * _SEGMENTS + int(segment[16:24], 16)


def written() -> tuple[str, int]:
    """The server's timeline, and where its WAL ends now, in bytes since the beginning."""
    timeline, position = json.loads(
        query(
            "select json_build_array(left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), "
            "pg_current_wal_insert_lsn() - '0/0')"
        )
    )
    return str(timeline), int(position)


def archived(segments: list[Path], timeline: str) -> int:
    """How far a timeline's WAL reaches in the vault, in bytes; the next segment's header says nothing."""
    last = [segment for segment in segments if segment.name.startswith(timeline)][-1:]
    return (_number(last[0].name) + 1) * SEGMENT_BYTES + _HEADER_BYTES if last else 0


def verify(settings: Settings) -> str:
    """Whether base backups and WAL hold what they should: nothing to say, or pgBackRest's words.

    It ends with 0 whatever it finds; its words tell.
    """
    said = pgbackrest(settings, "verify", "--output=text")
    return " ".join(said.split())[:400] if "status: error" in said else ""


def expire(settings: Settings, ends: Mapping[str, str], whole_from: str) -> None:
    """Drop base backups that no recovery point needs, and WAL that none needs.

    ``ends`` says up to which WAL segment each base backup is needed, by its label; from the beginning of the
    one that ``whole_from`` names on, all WAL is needed.
    """
    backups = {str(one["label"]): one for one in known(settings)["backup"]}
    wanted = {label for label in ends if label in backups}
    wanted |= {str(one) for label in wanted for one in backups[label].get("reference") or ()}
    for label in sorted(set(backups) - wanted, reverse=True):  # those that need others go before these
        pgbackrest(settings, "expire", f"--set={label}")
    spans = [(backups[one]["archive"]["start"][8:], end[8:]) for one, end in ends.items() if one in backups]
    first = backups[whole_from]["archive"]["start"][8:] if whole_from in backups else ""
    for segment in segments_of(Archive(settings).files()):
        name = segment.name[8:24]  # without the timeline: a restore may lead to another one
        if name < first and not any(start <= name <= end for start, end in spans):
            segment.unlink()


def started() -> str:
    """Since when the server runs, and on which timeline: another answer means that it recovered meanwhile."""
    return query("select pg_postmaster_start_time() || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)")


def wake() -> None:
    """Let the server heed archive_timeout: after a recovery it does not for minutes."""
    query("checkpoint")


def nothing_waits() -> bool:
    """Whether no WAL segment waits to be archived, and archiving does not fail."""
    told = query(
        """
        select not exists (select from pg_ls_archive_statusdir() where name like '%.ready')
          and coalesce(last_failed_time <= last_archived_time, last_failed_time is null)
        from pg_stat_archiver
        """
    )
    return told == "t"
