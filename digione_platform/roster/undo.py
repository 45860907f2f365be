"""Takes the last import back: the tables are as they were before it."""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.errors import IntegrityError
from psycopg.sql import SQL, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.core.names import name_sql
from digione_platform.errors import InputError
from digione_platform.i18n import mark
from digione_platform.roster.changes import ORDER

# Pairs that are nothing but a pair; any other row has an identifier. As the database's triggers name rows.
_KEYS: dict[str, LiteralString] = {"group_sessions": "t.group_id::text || ' ' || t.session_id::text"}


def undo_last(connection: Connection, actor: str, meant: UUID | None = None) -> dict[str, Any]:
    """Take the last import back within the transaction; gives what it was and what became of each table.

    If another was ``meant``, nothing is taken back.
    ``by`` is the identifier of whoever imported, or an operator's name.
    Of a table it counts the rows that are again as they were (``restored``) and those that the import had
    added (``removed``); ``leaving`` is how many people are active no longer, ``lifted`` lists those who are
    under non-disclosure no longer.
    """
    last = connection.execute(
        "select id, at, kind, file_name, actor from roster_imports where undone_at is null"
        " order by at desc limit 1"
    ).fetchone()
    if last is None:
        raise InputError(
            "P-ROSTER-080",
            mark("Nothing was undone"),
            mark("there is no import to undo"),
            "digione-platform roster import FILE.zip --dry-run",
        )
    import_id, at, kind, file_name, by = last
    if meant not in (None, import_id):
        raise InputError(
            "P-ROSTER-089",
            mark("Nothing was undone"),
            mark("the import that was meant is no longer the last: that is the one of {moment}"),
            mark("look at the list of imports again"),
            moment=at,
        )
    found = _counts(connection, import_id)
    if not found:
        raise InputError(
            "P-ROSTER-081",
            mark("Nothing was undone"),
            mark("what the import of {moment} changed is kept no longer: it is old, or somebody was erased"),
            mark("import the bundle of that time again"),
            moment=at,
        )
    _refuse_later_changes(connection, import_id, at)
    leaving = _leaving(connection, import_id)
    lifted = lifted_nondisclosures(connection, import_id)
    act(connection, actor, import_id)
    try:
        for table in reversed(ORDER):
            _put_back(connection, table, import_id)
        for table in reversed(ORDER):
            _take_out(connection, table, import_id)
        connection.execute("set constraints all immediate")
    except IntegrityError as error:
        raise InputError(
            "P-ROSTER-082",
            mark("Nothing was undone"),
            mark("other data depend on the import of {moment} ({table})"),
            mark("import a corrected bundle instead"),
            moment=at,
            table=error.diag.table_name or "–",
        ) from error
    connection.execute(
        "update roster_imports set undone_at = now(), undone_by = %s, followed = false where id = %s",
        (actor, import_id),
    )
    return {
        "import": str(import_id),
        "at": at.isoformat(),
        "by": by,
        "kind": kind,
        "file": file_name,
        "tables": found,
        "leaving": leaving,
        "lifted": [str(person) for person in lifted],
    }


def act(connection: Connection, actor: str, import_id: UUID) -> None:
    """Who changes rows in this transaction, and by which import or its undo, as the history has it."""
    connection.execute(
        "select set_config('digione.actor', %s, true), set_config('digione.import', %s, true)",
        (actor, str(import_id)),
    )


def name_of(connection: Connection, actor: str) -> str:
    """What the person is called who acted in the browser; an operator is called as they were written down."""
    row = connection.execute(
        SQL("select {name} from persons p where p.id::text = %s").format(name=SQL(name_sql("p"))), (actor,)
    ).fetchone()
    return str(row[0]) if row else actor


def concerned(connection: Connection, import_id: UUID) -> list[UUID]:
    """The people of whose data an import or its undo changed something: details, roles, places, guardians."""
    rows = connection.execute(
        """
        with h as (
            select table_name, row_id, before from row_history where import_id = %(import)s
        )
        select row_id::uuid from h where table_name = 'persons'
        union select coalesce(r.person_id, (h.before ->> 'person_id')::uuid)
        from h left join roles r on r.id = h.row_id::uuid where h.table_name = 'roles'
        union select coalesce(e.person_id, (h.before ->> 'person_id')::uuid)
        from h left join enrolments e on e.id = h.row_id::uuid where h.table_name = 'enrolments'
        union select unnest(array[
            coalesce(g.child_id, (h.before ->> 'child_id')::uuid),
            coalesce(g.guardian_id, (h.before ->> 'guardian_id')::uuid)
        ])
        from h left join guardianships g on g.id = h.row_id::uuid where h.table_name = 'guardianships'
        """,
        {"import": import_id},
    ).fetchall()
    return sorted(person for (person,) in rows if person)


def lifted_nondisclosures(connection: Connection, import_id: UUID) -> list[UUID]:
    """The people who are under non-disclosure and were not before an import: its undo would lift it."""
    rows = connection.execute(
        SQL("""
            select t.id from ({first}) c join persons t on {key} = c.row_id
            where t.nondisclosure and c.before ->> 'nondisclosure' = 'false' order by t.sort_name, t.id
        """).format(first=_first("persons", import_id), key=_key("persons"))
    ).fetchall()
    return [person for (person,) in rows]


def leaving_protected(connection: Connection, import_id: UUID) -> list[UUID]:
    """The people under non-disclosure who were active before an import and are no longer."""
    rows = connection.execute(
        SQL("""
            select t.id from ({first}) c join persons t on {key} = c.row_id
            where t.status <> 'active' and c.before ->> 'status' = 'active'
            and c.before ->> 'nondisclosure' = 'true' order by t.sort_name, t.id
        """).format(first=_first("persons", import_id), key=_key("persons"))
    ).fetchall()
    return [person for (person,) in rows]


def _counts(connection: Connection, import_id: UUID) -> dict[str, dict[str, int]]:
    rows = connection.execute(
        """
        select table_name,
            count(*) filter (where change <> 'insert'), count(*) filter (where change = 'insert')
        from (
            select distinct on (table_name, row_id) table_name, change from row_history
            where import_id = %s order by table_name, row_id, id
        ) c group by 1
        """,
        (import_id,),
    ).fetchall()
    by_table = {table: {"restored": restored, "removed": removed} for table, restored, removed in rows}
    return {table: by_table[table] for table in ORDER if table in by_table}


def _leaving(connection: Connection, import_id: UUID) -> int:
    row = connection.execute(
        SQL("""
            select count(*) from ({first}) c join persons t on {key} = c.row_id
            where t.status = 'active' and c.before ->> 'status' is distinct from 'active'
        """).format(first=_first("persons", import_id), key=_key("persons"))
    ).fetchone()
    return int(row[0]) if row else 0


def _refuse_later_changes(connection: Connection, import_id: UUID, at: datetime) -> None:
    """Rows that somebody changed after the import; what was itself taken back since does not count."""
    for table in ORDER:
        row = connection.execute(
            """
            select count(distinct row_id) from row_history h
            where table_name = %(table)s
            and id > (select max(id) from row_history where import_id = %(import)s)
            and row_id in (
                select row_id from row_history where import_id = %(import)s and table_name = %(table)s
            )
            and not exists (
                select from roster_imports i where i.id = h.import_id and i.undone_at is not null
            )
            """,
            {"table": table, "import": import_id},
        ).fetchone()
        if row and row[0]:
            raise InputError(
                "P-ROSTER-082",
                mark("Nothing was undone"),
                mark("rows changed after the import of {moment}: {table}, {rows}"),
                mark("import a corrected bundle instead"),
                moment=at,
                table=table,
                rows=row[0],
            )


def _put_back(connection: Connection, table: str, import_id: UUID) -> None:
    """Rows that were changed or deleted, as the first change of the import found them.

    A column that came later than the import stays as it is.
    """
    columns = _columns(connection, table)
    connection.execute(
        SQL("""
            update {table} t
            set ({columns}) = (select {columns} from jsonb_populate_record(t, c.before))
            from ({first}) c where c.change = 'update' and {key} = c.row_id
        """).format(table=Identifier(table), columns=columns, first=_first(table, import_id), key=_key(table))
    )
    connection.execute(
        SQL("""
            insert into {table} ({columns}) overriding system value
            select {columns} from ({first}) c
            cross join lateral jsonb_populate_record(null::{table}, c.before) r where c.change = 'delete'
        """).format(
            table=Identifier(table),
            columns=columns,
            first=_first(table, import_id),
        )
    )


def _take_out(connection: Connection, table: str, import_id: UUID) -> None:
    connection.execute(
        SQL("delete from {table} t using ({first}) c where c.change = 'insert' and {key} = c.row_id").format(
            table=Identifier(table), first=_first(table, import_id), key=_key(table)
        )
    )


def _first(table: str, import_id: UUID) -> Composed:
    return SQL("""
        select distinct on (row_id) row_id, change, before from row_history
        where import_id = {} and table_name = {} order by row_id, id
    """).format(Value(import_id), Value(table))


def _key(table: str) -> SQL:
    return SQL(_KEYS.get(table, "t.id::text"))


def _columns(connection: Connection, table: str) -> Composed:
    """The columns that are stored as given; computed ones follow from them."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attgenerated = '' order by attnum",
        (table,),
    ).fetchall()
    return SQL(", ").join(Identifier(name) for (name,) in rows)
