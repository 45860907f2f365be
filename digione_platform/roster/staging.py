"""Brings a source's rows into temporary tables of the import's transaction.

``stage_<file>`` has the rows as text, with their lines. ``known_<file>`` has every row that is known after
the import, from bundle or database: its ``sourced_id``, our ``id`` for it, and whether it is ``live``.
"""

from collections.abc import Iterable

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.roster import profile
from digione_platform.roster.problems import Problems
from digione_platform.roster.source import Source

# A row as it is copied: its line, then the values of staged_columns().
Row = tuple[int | str | None, ...]
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


def stage_name(file: str) -> Identifier:
    """The table into which the rows of a file are read."""
    return Identifier(f"stage_{file}")


def known_name(file: str) -> Identifier:
    """The table in which the rows of a file and those of the database are joined."""
    return Identifier(f"known_{file}")


def staged_columns(file: str) -> list[str]:
    """The columns of a file that are staged, after the line."""
    rules = profile.FILES[file]
    return [*profile.HEAD, *rules.rules, *rules.extensions]


def stage(connection: Connection, source: Source, problems: Problems) -> None:
    """Read all of a source into temporary tables, collecting the problems of each row by itself."""
    for file in profile.FILES:
        columns = SQL(", ").join(SQL("{} text").format(Identifier(column)) for column in staged_columns(file))
        connection.execute(
            SQL("create temporary table {} (line integer, {}) on commit drop").format(
                stage_name(file), columns
            )
        )
    source.fill(connection, problems)
    for file in source.files:
        connection.execute(SQL("analyze {}").format(stage_name(file)))
    for file, table in TABLES.items():
        _create_known(connection, source, file, table)


def copy_rows(connection: Connection, file: str, rows: Iterable[Row], at_most: int | None) -> int | None:
    """Copy rows into a file's staged table; gives their number, or nothing if there are too many."""
    count = 0
    with connection.cursor().copy(SQL("copy {} from stdin").format(stage_name(file))) as copy:
        for row in rows:
            if count == at_most:
                return None
            count += 1
            copy.write_row(row)
    return count


def _create_known(connection: Connection, source: Source, file: str, table: str) -> None:
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
            live=_live(source, file),
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


def _live(source: Source, file: str) -> Composed:
    if file not in source.modes:
        return SQL("{}").format(SQL("coalesce(t.status = 'active', false)"))
    if source.kind == "bulk":
        return SQL("{}").format(SQL("s.sourced_id is not null"))
    # A delta's row counts as it says, any other as it is.
    return SQL("{}").format(
        SQL(
            "case when s.sourced_id is null then t.status = 'active'"
            " else s.status is distinct from 'tobedeleted' end"
        )
    )
