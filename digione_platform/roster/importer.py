"""Imports a bundle in one transaction; a dry run is the same, rolled back."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
from psycopg.errors import DataError, IntegrityError
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from digione_platform.core.access import Desktop
from digione_platform.core.administrators import administered_less, administered_until
from digione_platform.core.audit import Act
from digione_platform.core.news_of_changes import OF_CHANGES
from digione_platform.db import database_away, require_current
from digione_platform.errors import InputError, LockedError, PreconditionError
from digione_platform.i18n import Texts, mark, today
from digione_platform.roster import changes, checks, differences, staging, undo
from digione_platform.roster.changes import Count
from digione_platform.roster.opening import open_source
from digione_platform.roster.problems import Detail, Problem, Problems, shown
from digione_platform.roster.source import Kind, Source


@dataclass
class Report:
    """What an import found and did. ``applied`` is false for a dry run, problems, and nothing to change.

    ``rows`` has the rows that change, where they were asked for (``differences``).
    """

    file: str
    kind: Kind | None = None
    counts: dict[str, Count] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    applied: bool = False
    import_id: UUID | None = None
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        return self.problems.has_errors

    @property
    def changes(self) -> int:
        return sum(count.touched for count in self.counts.values())

    def as_json(self, texts: Texts) -> dict[str, Any]:
        """The report for programs; ``reason`` and ``fix`` of its problems are in a language."""
        problems = [
            {
                "id": problem.id,
                "level": problem.reason.level,
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "value": problem.value,
                "reason": problem.told(texts),
                "fix": problem.fix(texts),
            }
            for problem in self.problems.kept
        ]
        return {**self._counted(), "problems": problems}

    def kept(self) -> dict[str, Any]:
        """The report as JSON, to be told in any language later."""
        return {
            **self._counted(),
            "problems": [problem.kept() for problem in self.problems.kept],
            "rows": self.rows,
        }

    def _counted(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "kind": self.kind,
            "applied": self.applied,
            "changes": self.changes,
            "tables": {table: asdict(count) for table, count in self.counts.items()},
            "errors": self.problems.errors,
            "warnings": self.problems.warnings,
            "problems_by_id": dict(sorted(self.problems.by_id.items())),
        }


def import_bundle(
    engine: Engine,
    path: Path,
    *,
    tenant_oid: str,
    actor: str,
    apply: bool,
    allow_mass_removal: bool = False,
    mapping: Path | None = None,
    language: str = "fi",
    list_rows: bool = False,
) -> Report:
    """Import the file at a path, or with ``apply`` false find out what that would do.

    The file is a OneRoster bundle, organisation JSON, or with a mapping whatever that describes. Names that
    it has in several languages are taken in the municipality's. ``actor`` is an operator's name, or the
    identifier of the person who imports in the browser. With ``list_rows`` the report has the rows that
    change.
    """
    report = Report(path.name)
    problems = report.problems
    source = open_source(
        path,
        mapping,
        problems,
        tenant_oid=tenant_oid,
        language=language,
        allow_mass_removal=allow_mass_removal,
    )
    if source is None:
        return report
    report.kind = source.kind
    try:
        with _transaction(engine, mark("Nothing was imported")) as connection:
            _carry(connection, source, report, tenant_oid, allow_mass_removal, actor, path)
            if list_rows and report.import_id:
                report.rows = differences.changed_rows(connection, report.import_id)
            if report.refused or not apply or not report.changes:
                connection.rollback()
            else:
                # Until it looks by itself, PostgreSQL would plan as for the tables of before.
                touched = [table for table, count in report.counts.items() if count.touched]
                for table in [*touched, "row_history"]:
                    connection.execute(SQL("analyze {}").format(Identifier(table)))
                connection.execute(OF_CHANGES.encode())
                connection.commit()
                report.applied = True
    finally:
        source.close()
    return report


def undo_import(
    engine: Engine,
    *,
    actor: str,
    import_id: UUID | None = None,
    apply: bool = True,
    allow_mass_removal: bool = False,
) -> dict[str, Any]:
    """Take the last import back, or with ``apply`` false find out what that would do.

    With ``import_id`` that import is meant, and nothing is undone if it is no longer the last. An operator
    may take back the first import of all, which leaves nobody; a person in the browser would be locked out.

    Gives what the import was and by whom, how many rows of each table were restored and removed, of how many
    active ``people`` how many are ``leaving``, who is under non-disclosure no longer (``lifted``), and if
    it is ``refused`` because so many leave.
    """
    with _transaction(engine, mark("Nothing was undone")) as connection:
        people, until = _active_people(connection), administered_until(connection)
        done = {**undo.undo_last(connection, actor, import_id), "people": people}
        emptied = _person(actor) is None and _active_people(connection) == 0
        if administered_less(connection, until) and not emptied:
            raise InputError(
                "P-ROSTER-088",
                mark("Nothing was undone"),
                mark("nobody would administer the municipality any more, or not for as long"),
                mark("first give another person the role of administrator, and leave its last day open"),
            )
        refused = checks.is_mass_removal(done["leaving"], people) and not allow_mass_removal
        changed = undo.concerned(connection, UUID(done["import"]))
        _audit(connection, Act.UNDO_IMPORT, {"actor": actor, **done}, changed)
        by = undo.name_of(connection, done["by"])
        if apply and not refused:
            connection.execute(OF_CHANGES.encode())
            connection.commit()
        else:
            connection.rollback()
    return {**done, "by": by, "refused": refused, "applied": apply and not refused}


def _carry(
    connection: psycopg.Connection,
    source: Source,
    report: Report,
    tenant_oid: str,
    allow_mass_removal: bool,
    actor: str,
    path: Path,
) -> None:
    """Everything of an import but its end; stops without counts when there are problems."""
    problems = report.problems
    staging.stage(connection, source, problems)
    checks.check(connection, source, tenant_oid, problems)
    if problems.has_errors:
        return
    changes.keep_guardians_in_municipality(connection, tenant_oid)
    people, until = _active_people(connection), administered_until(connection)
    import_id = report.import_id = uuid4()
    connection.execute(
        "insert into roster_imports (id, actor, kind, file_name, sha256, counts)"
        " values (%s, %s, %s, %s, %s, '{}')",
        (import_id, actor, source.kind, path.name, _digest(path)),
    )
    undo.act(connection, actor, import_id)
    report.counts = changes.carry(connection, source, import_id)
    removed = report.counts["persons"].removed
    if checks.is_mass_removal(removed, people) and not allow_mass_removal:
        share = Detail(mark("{removed} of {people}"), {"removed": removed, "people": people})
        problems.add(Problem("P-ROSTER-059", "users.csv", detail=share))
    if administered_less(connection, until):
        problems.add(Problem("P-ROSTER-063", path.name))
    _look_at_schools(connection, import_id, problems)
    _look_at_protected(connection, source, import_id, problems)
    if problems.has_errors:
        return
    counts = {table: asdict(count) for table, count in report.counts.items()}
    connection.execute("update roster_imports set counts = %s where id = %s", (Jsonb(counts), import_id))
    changed = undo.concerned(connection, import_id)
    _audit(connection, Act.IMPORT, {"actor": actor, "import": str(import_id), "counts": counts}, changed)


def _look_at_schools(connection: psycopg.Connection, import_id: UUID, problems: Problems) -> None:
    """No school or unit leaves, and no school becomes a unit, while somebody or something stays there."""
    left = connection.execute(
        """
        select distinct o.name, o.id from organisations o join row_history h
        on h.row_id = o.id::text and h.table_name = 'organisations' and h.import_id = %(id)s
        where o.kind <> 'district'
        and (o.status = 'tobedeleted' or (o.kind = 'department' and h.before ->> 'kind' = 'school'))
        and (
            exists (select from organisations u where u.parent_id = o.id and u.status = 'active')
            or exists (
                select from roles r join persons p on p.id = r.person_id
                where r.organisation_id = o.id and r.status = 'active' and p.status = 'active'
                and (r.end_date is null or r.end_date > %(today)s)
            )
            or exists (
                select from groups g join group_sessions t on t.group_id = g.id
                join academic_sessions s on s.id = t.session_id
                where g.school_id = o.id and g.status = 'active' and s.end_date > %(today)s
            )
        ) order by o.name, o.id
        """,
        {"id": import_id, "today": today()},
    )
    for name, _ in left:
        problems.add(Problem("P-ROSTER-113", "orgs.csv", value=shown(name)))


def _look_at_protected(
    connection: psycopg.Connection, source: Source, import_id: UUID, problems: Problems
) -> None:
    """Nobody under non-disclosure leaves unseen, nor because the source leaves all of them out."""
    leaving = undo.leaving_protected(connection, import_id)
    if leaving and source.without_protected:
        count = Detail(mark("{count} people"), {"count": len(leaving)})
        problems.add(Problem("P-ROSTER-064", "manifest.csv", detail=count))
        return
    for person in leaving:
        problems.add(Problem("P-ROSTER-065", "users.csv", value=str(person)))


def _active_people(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from persons where status = 'active'").fetchone()
    return int(row[0]) if row else 0


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _audit(connection: psycopg.Connection, act: Act, detail: dict[str, Any], people: list[UUID]) -> None:
    """One event about all ``people`` whose data changed: each finds it under who has looked at them."""
    person = _person(detail["actor"])
    event = (act.value, person, person and Desktop.MUNICIPALITY.value, people or None, Jsonb(detail))
    connection.execute(
        "insert into audit_events (action, actor, desktop, people, detail) values (%s, %s, %s, %s, %s)", event
    )


def _person(actor: str) -> UUID | None:
    """The person who acts in the browser; an operator is none."""
    try:
        return UUID(actor)
    except ValueError:
        return None


@contextmanager
def _transaction(engine: Engine, what: str) -> Iterator[psycopg.Connection]:
    """A transaction that no other import or undo runs beside; what is not committed within is rolled back."""
    try:
        require_current(engine)
        pooled = engine.raw_connection()
    except OperationalError as error:
        raise database_away(error) from error
    connection = cast(psycopg.Connection, pooled.driver_connection)
    try:
        # Digests and texts of rows must not depend on the session.
        connection.execute("set local timezone to 'UTC'")
        _lock(connection, what)
        yield connection
    except (DataError, IntegrityError) as error:
        raise InputError(
            "P-ROSTER-084",
            what,
            mark("the database refused a row ({table}, {constraint})"),
            mark(
                "report this together with the bundle's file names and sizes; the checks should have found it"
            ),
            table=error.diag.table_name or "–",
            constraint=error.diag.constraint_name or error.sqlstate,
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise PreconditionError(
            "P-ROSTER-085",
            what,
            mark("the database server is too busy: a statement took longer than it may"),
            mark("run the same command at a quiet time, such as in the evening"),
        ) from error
    except psycopg.OperationalError as error:
        raise PreconditionError(
            "P-ROSTER-085",
            what,
            mark("the database stopped: {reason}"),
            mark("try it again"),
            reason=str(error).strip().splitlines()[0],
        ) from error
    finally:
        if not connection.closed:
            connection.rollback()
        pooled.close()


def _lock(connection: psycopg.Connection, what: str) -> None:
    row = connection.execute("select pg_try_advisory_xact_lock(hashtext('digione roster'))").fetchone()
    if row and row[0]:
        return
    holder = connection.execute("""
        select a.pid, a.xact_start from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted
        and l.objid::bigint = hashtext('digione roster')::bigint & 4294967295 limit 1
    """).fetchone()
    why = mark("another import or undo is running")
    known: dict[str, object] = {}
    if holder and holder[1]:
        why = mark("another import or undo is running since {moment} (database process {process})")
        known = {"moment": holder[1], "process": holder[0]}
    raise LockedError("P-ROSTER-086", what, why, mark("wait for it, then try again"), **known)
