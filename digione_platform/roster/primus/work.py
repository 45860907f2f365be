"""The rows that were read from mapped files, in tables, and what everything derived from them needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.core.guardians import TODAY
from digione_platform.roster.checks import report_rows
from digione_platform.roster.primus.fields import FIELDS, Field, Rows, values_of
from digione_platform.roster.primus.mapping import Entry, TenantMapping
from digione_platform.roster.problems import Problems

Row = dict[str, Any]
TYPES = {
    "place": "int4",
    "entry": "int4",
    **dict.fromkeys(("homeroom", "groups", "guardians", "children"), "text[]"),
}

# Where a row comes from is one number: that of its entry, times this, and its line.
STRIDE = 100_000_000

PEOPLE: tuple[Rows, ...] = ("pupils", "guardians", "staff")
PERSON = values_of(*PEOPLE)
GROUP = values_of("groups")

# A role ``r`` that is held today, and a place ``e`` in a group.
HELD = SQL("""
    r.status = 'active' and (r.end_date is null or r.end_date > {today})
""").format(today=SQL(TODAY))
ENROLLED = SQL("""
    e.status = 'active' and (e.end_date is null or e.end_date > {today})
""").format(today=SQL(TODAY))


@dataclass(frozen=True)
class Context:
    """Whose import it is, and whether most of a register may leave."""

    tenant_oid: str
    allow_mass_removal: bool = False


def table_of(rows: Rows) -> str:
    """The table that holds a kind of rows as they were read."""
    return "mapped_groups" if rows == "groups" else "mapped_people"


def columns_of(rows: Rows) -> list[str]:
    """The columns of that table that such rows fill."""
    return ["place", "entry", *FIELDS[rows]]


def create(connection: Connection) -> None:
    """Make the tables for rows as they are read."""
    for table, kinds in (("mapped_people", PEOPLE), ("mapped_groups", ("groups",))):
        names = dict.fromkeys(name for kind in kinds for name in columns_of(kind))
        columns = SQL(", ").join(
            SQL("{} {}").format(Identifier(name), SQL(TYPES.get(name, "text"))) for name in names
        )
        connection.execute(
            SQL("create temporary table {} ({}) on commit drop").format(Identifier(table), columns)
        )


@dataclass
class Work:
    """An import by a mapping, within its transaction; ``entries`` are those whose file was given."""

    connection: Connection
    mapping: TenantMapping
    entries: Mapping[int, Entry]
    context: Context
    problems: Problems

    def of(self, *rows: Rows, field: str | None = None) -> list[int]:
        """The numbers of the entries of some kinds of rows, or those of them that say a field."""
        return [
            number
            for number, entry in self.entries.items()
            if entry.rows in rows and (field is None or field in entry.columns or field in entry.fixed)
        ]

    def is_whole(self, rows: Rows) -> bool:
        """Whether the files have every row of a kind: the mapping says so, and all of them were given."""
        mapped = sum(entry.rows == rows for entry in self.mapping.entries)
        return rows in self.mapping.settings.whole and len(self.of(rows)) == mapped

    def run(self, query: SQL | Composed, *analyzed: str) -> None:
        self.connection.execute(query)
        for table in analyzed:
            self.connection.execute(SQL("analyze {}").format(Identifier(table)))

    def report(self, reason: str, file: str, column: str, query: Composable, *, personal: bool) -> None:
        report_rows(self.connection, self.problems, reason, f"{file}.csv", column, query, personal=personal)


def together(work: Work, table: str, made: str, fields: Mapping[str, Field], personal: bool) -> None:
    """Bring the rows of one identifier together, telling where they contradict each other."""
    name = Identifier(table)
    # People may have several schools, a group has one.
    for field in [*fields, *(["school"] if table == "mapped_groups" else [])]:
        work.report(
            "P-ROSTER-062",
            "users" if table == "mapped_people" else "classes",
            field,
            SQL("""
                select place, said, first from (
                    select place, {field} as said,
                        first_value({field}) over w as meant, first_value(place) over w as first
                    from {table} where id is not null and {field} is not null
                    window w as (partition by id order by place)
                ) d where said <> meant
            """).format(field=Identifier(field), table=name),
            personal=personal,
        )
    work.run(
        SQL("""
            create temporary table {made} on commit drop as
            select id, min(place) as place, array_agg(distinct entry) as entries,
                (array_agg(school order by place) filter (where school is not null))[1] as school,
                {values}
            from {table} where id is not null group by id
        """).format(
            made=Identifier(made),
            values=SQL(", ").join(SQL("max({0}) as {0}").format(Identifier(field)) for field in fields),
            table=name,
        )
    )
    work.run(SQL("create unique index on {} (id)").format(Identifier(made)), made)


def value_of(work: Work, name: str, field: Field, *rows: Rows) -> Composed:
    """What is to be in a field of the row ``t``: as the files say, or as it is where they do not say."""
    return SQL("case when m.entries && {}::integer[] then m.{} else {} end").format(
        Value(work.of(*rows, field=name)),
        Identifier(name),
        SQL(field.kept or "null"),
    )


def names(columns: Iterable[str]) -> Composed:
    """Columns as SQL lists them."""
    return SQL(", ").join(Identifier(column) for column in columns)
