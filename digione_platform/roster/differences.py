"""The rows that an import changes, one by one: for the people who decide whether it is right.

They are read from the history that the import itself wrote, so that a dry run tells the same as the import.
"""

from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from digione_platform.core.history import REFERENCES, UNTOLD
from digione_platform.core.names import name_sql

# Rows of a table that are listed; the table of counts has them all.
LISTED = 200

_NOBODY: LiteralString = "array[]::uuid[]"
_TITLE = ("t.title", "null", "false", _NOBODY, "")
# By table: what a row is called and what else it is of, whether its values are hidden, whose it is, joins.
_ROWS: dict[LiteralString, tuple[LiteralString, ...]] = {
    "organisations": ("t.name", "null", "false", _NOBODY, ""),
    "academic_sessions": _TITLE,
    "persons": (
        name_sql("t"),
        "null",
        "t.nondisclosure or c.before ->> 'nondisclosure' = 'true'",
        "array[t.id]",
        "",
    ),
    "courses": _TITLE,
    "groups": ("t.title", "o.name", "false", _NOBODY, "join organisations o on o.id = t.school_id"),
    "roles": (
        name_sql("p"),
        "o.name",
        "p.nondisclosure",
        "array[p.id]",
        "join persons p on p.id = t.person_id join organisations o on o.id = t.organisation_id",
    ),
    "enrolments": (
        name_sql("p"),
        "g.title",
        "p.nondisclosure",
        "array[p.id]",
        "join persons p on p.id = t.person_id join groups g on g.id = t.group_id",
    ),
    "guardianships": (
        name_sql("p"),
        name_sql("g"),
        "p.nondisclosure or g.nondisclosure",
        "array[p.id, g.id]",
        "join persons p on p.id = t.child_id join persons g on g.id = t.guardian_id",
    ),
}


def changed_rows(connection: Connection, import_id: Any) -> dict[str, list[dict[str, Any]]]:
    """The first rows of each table that an import changed, as JSON; those that leave come first.

    Each has ``kind`` (added, changed or removed), what it is called (``name``) and is of (``of``), its
    ``role`` if it has one, the identifiers of the ``people`` whose it is, and the ``differences``: column,
    value before, value now. Of people under non-disclosure (``hidden``) it has neither them nor places.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for table, (name, of, hidden, people, joins) in _ROWS.items():
        rows = connection.cursor(row_factory=dict_row).execute(
            SQL("""
                select * from (
                    select case when c.change = 'insert' then 'added'
                            when t.status = 'tobedeleted' then 'removed' else 'changed' end as kind,
                        {name} as name, {of} as of, {hidden} as hidden, {people}::text[] as people,
                        to_jsonb(t) ->> 'role' as role, c.before, to_jsonb(t) as now
                    from (
                        select distinct on (row_id) row_id, change, before from row_history
                        where import_id = %s and table_name = {literal} order by row_id, id
                    ) c join {table} t on t.id = c.row_id::uuid {joins}
                ) r
                order by array_position(array['removed', 'changed', 'added'], kind), name, of limit {limit}
            """).format(
                name=SQL(name),
                of=SQL(of),
                hidden=SQL(hidden),
                people=SQL(people),
                literal=table,
                table=Identifier(table),
                joins=SQL(joins),
                limit=LISTED,
            ),
            (import_id,),
        )
        if listed := [_told(row) for row in rows]:
            found[table] = listed
    _name_references(connection, found)
    return found


def _told(row: dict[str, Any]) -> dict[str, Any]:
    before, now, hidden = row.pop("before"), row.pop("now"), row["hidden"]
    # Which columns differ would tell whoever guesses what stands there.
    columns = sorted(before.keys() | now.keys()) if row["kind"] == "changed" and not hidden else []
    row["differences"] = [
        [column, before.get(column), now.get(column)]
        for column in columns
        if column not in UNTOLD and before.get(column) != now.get(column)
    ]
    return row | {"of": None if hidden else row["of"]}


def _name_references(connection: Connection, found: dict[str, list[dict[str, Any]]]) -> None:
    """Put names in place of the identifiers of other rows: those that a dry run adds are gone after it."""
    differences = [
        difference
        for rows in found.values()
        for row in rows
        for difference in row["differences"]
        if difference[0] in REFERENCES
    ]
    told = sorted({value for _, *values in differences for value in values if value})
    names: dict[str, str] = dict(
        connection.execute(
            """
            select id::text, name from organisations where id = any(%(told)s::uuid[])
            union all select id::text, title from groups where id = any(%(told)s::uuid[])
            union all select id::text, title from courses where id = any(%(told)s::uuid[])
            union all select id::text, title from academic_sessions where id = any(%(told)s::uuid[])
            """,
            {"told": told},
        ).fetchall()
    )
    for difference in differences:
        difference[1:] = [names.get(value, value) for value in difference[1:]]
