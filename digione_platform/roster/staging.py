"""Brings a bundle's rows into temporary tables of the import's transaction.

``stage_<file>`` has the rows as text, with their lines. ``known_<file>`` has every row that is known after
the import, from bundle or database: its ``sourced_id``, our ``id`` for it, and whether it is ``live``.
"""

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.i18n import mark
from digione_platform.roster import profile
from digione_platform.roster.bundle import Bundle, staged_columns
from digione_platform.roster.problems import Detail, Problem, Problems

# Which table holds the rows of a file; demographics are part of the persons.
TABLES = {
    "orgs": "organisations",
    "academicSessions": "academic_sessions",
    "users": "persons",
    "courses": "courses",
    "classes": "groups",
    "roles": "roles",
    "enrollments": "enrolments",
}
# Trees are walked in memory; no municipality has more units or periods.
MAX_TREE = 100_000


def stage_name(file: str) -> Identifier:
    return Identifier(f"stage_{file}")


def known_name(file: str) -> Identifier:
    return Identifier(f"known_{file}")


def stage(connection: Connection, bundle: Bundle, problems: Problems) -> None:
    """Read all files of a bundle into temporary tables, collecting the problems of each row by itself."""
    for file in profile.FILES:
        _create_stage(connection, file)
    for file in bundle.files:
        _copy(connection, bundle, file, problems)
    for file in bundle.modes:
        if file not in profile.FILES:
            bundle.look_through(file, problems)
            problems.add(Problem("P-ROSTER-070", f"{file}.csv"))
    for file, table in TABLES.items():
        _create_known(connection, bundle, file, table)


def _create_stage(connection: Connection, file: str) -> None:
    columns = SQL(", ").join(SQL("{} text").format(Identifier(column)) for column in staged_columns(file))
    connection.execute(
        SQL("create temporary table {} (line integer, {}) on commit drop").format(stage_name(file), columns)
    )


def _copy(connection: Connection, bundle: Bundle, file: str, problems: Problems) -> None:
    count = 0
    with connection.cursor().copy(SQL("copy {} from stdin").format(stage_name(file))) as copy:
        for row in bundle.rows(file, problems):
            count += 1
            copy.write_row(row)
            if count > MAX_TREE and file in ("orgs", "academicSessions"):
                many = Detail(mark("more than {limit} rows"), {"limit": MAX_TREE})
                problems.add(Problem("P-ROSTER-002", f"{file}.csv", detail=many))
                bundle.unreadable.add(file)
                break
    connection.execute(SQL("analyze {}").format(stage_name(file)))


def _create_known(connection: Connection, bundle: Bundle, file: str, table: str) -> None:
    connection.execute(
        SQL("""
            create temporary table {known} on commit drop as
            select sourced_id, coalesce(t.id, gen_random_uuid()) as id, {live} as live
            from (
                select distinct on ("sourcedId") "sourcedId" as sourced_id, status
                from {stage} where "sourcedId" is not null
                {kept}
            ) s
            full join (select sourced_id, id, status from {table}) t using (sourced_id)
        """).format(
            known=known_name(file),
            live=_live(bundle, file),
            stage=stage_name(file),
            # A removal of what never was, makes nothing known.
            kept=SQL('and (status is distinct from {} or "sourcedId" in (select sourced_id from {}))').format(
                Value("tobedeleted"), Identifier(table)
            ),
            table=Identifier(table),
        )
    )
    connection.execute(SQL("create unique index on {} (sourced_id)").format(known_name(file)))
    connection.execute(SQL("analyze {}").format(known_name(file)))


def _live(bundle: Bundle, file: str) -> Composed:
    if file not in bundle.modes:
        return SQL("{}").format(SQL("coalesce(t.status = 'active', false)"))
    if bundle.kind == "bulk":
        return SQL("{}").format(SQL("s.sourced_id is not null"))
    # A delta's row counts as it says, any other as it is.
    return SQL("{}").format(
        SQL(
            "case when s.sourced_id is null then t.status = 'active'"
            " else s.status is distinct from 'tobedeleted' end"
        )
    )
