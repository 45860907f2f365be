"""The history of master data: who changed what, when, and what it was. The database's triggers write it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, case, cast, func, select, text
from sqlalchemy.orm import Session

from digione_platform.core.models import Person
from digione_platform.core.names import name_sql
from digione_platform.core.paging import PAGE_SIZE, Page, within

# Keys of other rows, and what says no more than that a row was touched.
UNTOLD = {
    "id",
    "sourced_id",
    "last_modified",
    "sort_name",
    "person_id",
    "child_id",
    "guardian_id",
    "school_id",
    "created",
}
# Columns whose value is the identifier of a school, group, course or school year.
REFERENCES = {
    "organisation_id",
    "primary_organisation_id",
    "group_id",
    "parent_id",
    "course_id",
    "school_year_id",
}
# What tells the rows of a person apart, by table.
_ABOUT = {
    "roles": ("role", "organisation_id"),
    "enrolments": ("group_id",),
    "guardianships": ("guardian_id", "child_id"),
}
# Whose rows are shown together with a row, by the row's table.
_TOGETHER: dict[str, LiteralString] = {
    "persons": """
        select 'persons', cast(:id as text)
        union all select 'roles', id::text from roles where person_id = :id and :places
        union all select 'enrolments', id::text from enrolments where person_id = :id and :places
        union all select 'accounts', id::text from accounts where person_id = :id
        union all select 'preferences', id::text from preferences where person_id = :id
        union all select 'guardianships', id::text from guardianships where :id in (child_id, guardian_id)
    """,
    "organisations": "select 'organisations', cast(:id as text)",
    "academic_sessions": "select 'academic_sessions', cast(:id as text)",
    "groups": "select 'groups', cast(:id as text)",
    "courses": "select 'courses', cast(:id as text)",
}
_TABLES = (
    "persons",
    "roles",
    "enrolments",
    "accounts",
    "guardianships",
    "preferences",
    "organisations",
    "academic_sessions",
    "groups",
    "courses",
)
# The row as it is now, of each of these tables.
_NOW = " ".join(
    f"when '{table}' then (select to_jsonb(n) from {table} n where n.id = m.id)"  # noqa: S608
    for table in _TABLES
)
_IDENTIFIER = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@dataclass(frozen=True)
class Difference:
    """A column and its values before and after; both empty where the reader may not know them."""

    column: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Change:
    """One change of one row. ``actor`` is a name or, of somebody no longer known, an identifier.

    ``about`` are columns with their values that tell which role, place or guardianship it is. Of a ``hidden``
    change the reader may know neither them nor the values of ``differences``: both are empty.
    """

    at: datetime
    actor: str | None
    imported: bool
    table: str
    kind: str
    differences: tuple[Difference, ...]
    about: tuple[tuple[str, Any], ...]
    hidden: bool = False

    @property
    def relatives(self) -> list[Any]:
        """The identifiers of the people whom ``about`` names."""
        return [value for column, value in self.about if column in ("guardian_id", "child_id")]

    def without_values(self) -> "Change":
        """The same change for a reader who may only know which columns it was."""
        differences = tuple(Difference(one.column, None, None) for one in self.differences)
        return replace(self, differences=differences, about=(), hidden=True)


def acts_as(actor: Any) -> ColumnElement[str]:
    """The expression that, selected, says who acts in this transaction: a person's identifier, or an
    operator's name.
    """
    return func.set_config("digione.actor", cast(actor, Text), True)


def who_acts() -> ColumnElement[UUID]:
    """The identifier of the person who acts in this transaction, or null of an operator and of nobody."""
    return actor_id(func.current_setting("digione.actor", True))


def actor_id(actor: Any) -> ColumnElement[UUID]:
    """Given a column with the actors of ``acts_as``, the person's identifier, or null of an operator.

    People are found by it in their index; by the text of theirs they would all be looked through.
    """
    return case((actor.regexp_match(_IDENTIFIER), cast(actor, Uuid)))


def history_of(
    session: Session, table: str, row_id: UUID, page: int, *, values: bool, protected_values: bool
) -> Page[Change]:
    """The changes of a row, and of a person's roles, places and guardianships; the newest first.

    Without ``values`` it is told which columns changed, and not what stood in them; without
    ``protected_values`` it is so of what concerns a person under non-disclosure, and their roles and places
    are left out: when they came would tell where, by what happened there then.
    """
    hidden = table == "persons" and session.scalar(select(Person.nondisclosure).where(Person.id == row_id))
    known = {"id": row_id, "places": protected_values or not hidden} if table == "persons" else {"id": row_id}
    rows = f"""
        with mine (table_name, row_id) as ({_TOGETHER[table]}),
        changes as (
            select h.*, m.row_id::uuid as key,
                lead(h.before) over (partition by h.table_name, h.row_id order by h.id) as later,
                lead(h.id) over (partition by h.table_name, h.row_id order by h.id) is null as last
            from row_history h join mine m using (table_name, row_id)
        )
    """  # noqa: S608 - from the tables above
    counted = text(f"{rows} select count(*) from changes")  # noqa: S608
    total = session.scalar(counted, known) or 0
    number = within(page, total)
    found = session.execute(
        text(f"""
            {rows}
            select c.at, coalesce({name_sql("p")}, c.actor), c.import_id is not null,
                c.table_name, c.change, coalesce(c.before, '{{}}'),
                coalesce(case when c.last and c.change <> 'delete' then case c.table_name {_NOW} end
                    else c.later end, '{{}}')
            from (select * from changes order by id desc limit :limit offset :offset) c
            cross join lateral (select c.key as id) m
            left join persons p on p.id = case when c.actor ~ '{_IDENTIFIER}' then c.actor::uuid end
            order by c.id desc
        """),  # noqa: S608 - from the tables above
        {**known, "limit": PAGE_SIZE, "offset": (number - 1) * PAGE_SIZE},
    )
    changes = [
        Change(
            at,
            actor,
            imported,
            table_name,
            kind,
            _differences(table_name, kind, before, after),
            _about(table_name, before | after, row_id),
        )
        for at, actor, imported, table_name, kind, before, after in found
    ]
    concerned = {str(row_id)}.union(*(change.relatives for change in changes))
    protected = set(
        session.scalars(
            text("select id::text from persons where nondisclosure and id = any(cast(:told as uuid[]))"),
            {"told": sorted(concerned)},
        )
    )

    def shown(change: Change) -> bool:
        return values if protected.isdisjoint([str(row_id), *change.relatives]) else protected_values

    return Page([change if shown(change) else change.without_values() for change in changes], total, number)


def names_of(session: Session, changes: Iterable[Change]) -> dict[str, str]:
    """The names of the rows to which changes refer, by identifier."""
    told = set()
    for change in changes:
        for one in change.differences:
            told |= {one.before, one.after} if one.column in REFERENCES else set()
        told |= {value for column, value in change.about if column in REFERENCES} | set(change.relatives)
    return names_of_rows(session, {one for one in told if one})


def names_of_rows(session: Session, told: Collection[str]) -> dict[str, str]:
    """What schools, groups, courses, school years and people are called, by identifier; in one statement."""
    query = text(f"""
        select id::text, name from organisations where id = any(cast(:told as uuid[]))
        union all select id::text, title from groups where id = any(cast(:told as uuid[]))
        union all select id::text, title from courses where id = any(cast(:told as uuid[]))
        union all select id::text, title from academic_sessions where id = any(cast(:told as uuid[]))
        union all select id::text, {name_sql("p")} from persons p where id = any(cast(:told as uuid[]))
    """)  # noqa: S608 - a constant
    known = {"told": sorted(one for one in told if one)}
    return {str(key): name for key, name in session.execute(query, known)}


def _about(table: str, row: dict[str, Any], shown: UUID) -> tuple[tuple[str, Any], ...]:
    told = ((column, row.get(column)) for column in _ABOUT.get(table, ()))
    return tuple((column, value) for column, value in told if value and value != str(shown))


def _differences(
    table: str, kind: str, before: dict[str, Any], after: dict[str, Any]
) -> tuple[Difference, ...]:
    """What changed in a row; of a new role, place or guardianship, what was decided at first."""
    untold = UNTOLD
    if kind != "update":
        if kind != "insert" or table not in _ABOUT:
            return ()
        before = dict.fromkeys(after)
        after = {column: value or None for column, value in after.items() if value is not False}
        untold = UNTOLD | {"status", "origin", "role_type", *_ABOUT[table]}
    return tuple(
        Difference(column, before.get(column), after.get(column))
        for column in sorted(before.keys() | after.keys())
        if column not in untold and before.get(column) != after.get(column)
    )
