"""Carries staged rows into the tables.

Every pass fills ``change`` (row and kind of change) for one table and writes the rows. What they were before
is kept by the database itself (``row_history``), where an undo finds it.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.core.guardians import GUARDIANS
from digione_platform.roster.source import Source
from digione_platform.roster.staging import known_name, stage_name
from digione_platform.roster.tables import PAIRS, TABLES, Pairs, Table

# What is written in this order is taken back in the other.
ORDER = (*(table.name for table in TABLES), *(pairs.name for pairs in PAIRS), "accounts")


@dataclass
class Count:
    """Rows of one table that an import touches or leaves as they are."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def touched(self) -> int:
        return self.added + self.changed + self.removed


def keep_guardians_in_municipality(connection: Connection, tenant_oid: str) -> None:
    """The staged roles of guardians are held in the municipality, whatever the source says."""
    connection.execute(
        SQL("""
            update {roles} s set "orgSourcedId" = d.sourced_id from (
                select "sourcedId" as sourced_id from {orgs}
                where type = 'district' and status is distinct from 'tobedeleted'
                union all
                select sourced_id from organisations
                where kind = 'district' and status = 'active' and {oid} in (oid, sourced_id)
                limit 1
            ) d where s.role = any({guardians}) and s."orgSourcedId" <> d.sourced_id
        """).format(
            roles=stage_name("roles"),
            orgs=stage_name("orgs"),
            oid=Value(tenant_oid),
            guardians=Value([str(role) for role in GUARDIANS]),
        )
    )


def carry(connection: Connection, source: Source, import_id: UUID) -> dict[str, Count]:
    """Write all staged rows; gives the counts by table."""
    counts: dict[str, Count] = {}
    for table in TABLES:
        counts[table.name] = (
            _carry_table(connection, source, table) if table.file in source.modes else Count()
        )
        if table.file == "users" and "demographics" in source.modes:
            _carry_birth_dates(connection, import_id, counts[table.name])
    _end_with_owners(connection, import_id, counts)
    for pairs in PAIRS:
        counts[pairs.name] = _carry_pairs(connection, pairs) if pairs.file in source.modes else Count()
    counts["accounts"] = _carry_accounts(connection)
    return counts


def _carry_table(connection: Connection, source: Source, table: Table) -> Count:
    columns = [*table.columns, *table.links]
    name, stage = Identifier(table.name), stage_name(table.file)
    links = [
        (column, Identifier(f"link{place}"), known_name(file), Identifier(staged))
        for place, (column, (file, staged)) in enumerate(table.links.items())
    ]
    connection.execute(
        SQL("""
            create temporary table want on commit drop as
            select k.id, k.sourced_id, 'active' as status,
                -- No time to come: who reads the changes since the latest would wait for it.
                least(coalesce(s."dateLastModified"::timestamptz, now()), now()) as last_modified, {values}
            from {stage} s join {known} k on k.sourced_id = s."sourcedId"
            left join {name} t on t.id = k.id {links}
            where s.status is distinct from 'tobedeleted' and t.origin is distinct from 'platform'
        """).format(
            values=SQL(", ").join(
                [
                    *(
                        SQL("{} as {}").format(SQL(how), Identifier(column))
                        for column, how in table.columns.items()
                    ),
                    *(SQL("{}.id as {}").format(alias, Identifier(column)) for column, alias, _, _ in links),
                ]
            ),
            stage=stage,
            known=known_name(table.file),
            name=name,
            links=SQL(" ").join(
                SQL("left join {known} {alias} on {alias}.sourced_id = s.{staged}").format(
                    known=known, alias=alias, staged=staged
                )
                for _, alias, known, staged in links
            ),
        )
    )
    # Bulk: what is not in the file has left. Delta: what the file says.
    leaving = (
        SQL('not exists (select from {} s where s."sourcedId" = t.sourced_id)')
        if source.kind == "bulk"
        else SQL(
            "exists (select from {} s where s.\"sourcedId\" = t.sourced_id and s.status = 'tobedeleted')"
        )
    ).format(stage)
    connection.execute(
        SQL("""
            insert into want (id, sourced_id, status, last_modified, {columns})
            select t.id, t.sourced_id, 'tobedeleted', now(), {kept} from {name} t
            where t.status = 'active' and t.origin = 'roster' and {leaving}
        """).format(
            columns=_names(columns),
            kept=_names(columns, "t"),
            name=name,
            leaving=leaving,
        )
    )
    return _write_rows(connection, table.name, ["status", *columns], ["sourced_id", "last_modified"])


def _end_with_owners(connection: Connection, import_id: UUID, counts: dict[str, Count]) -> None:
    """What the roster had of people and groups that leave now ends with them, told or not."""
    for table, owner, owners in (
        ("roles", "person_id", "persons"),
        ("enrolments", "person_id", "persons"),
        ("enrolments", "group_id", "groups"),
    ):
        ended = connection.execute(
            SQL("""
                update {table} t set status = 'tobedeleted', last_modified = now() from {owners} o
                where o.id = t.{owner} and o.status = 'tobedeleted' and t.status = 'active'
                and t.origin = 'roster' and o.id::text in (
                    select row_id from row_history where import_id = {id} and table_name = {name}
                )
            """).format(
                table=Identifier(table),
                owner=Identifier(owner),
                owners=Identifier(owners),
                id=Value(import_id),
                name=Value(owners),
            )
        )
        counts[table].removed += ended.rowcount


def _carry_birth_dates(connection: Connection, import_id: UUID, counts: Count) -> None:
    connection.execute(
        SQL("""
            create temporary table want on commit drop as
            select k.id,
                case when s.status is distinct from 'tobedeleted' then s."birthDate"::date end as birth_date
            from {stage} s join {known} k on k.sourced_id = s."sourcedId" join persons t on t.id = k.id
            where t.origin = 'roster'
        """).format(stage=stage_name("demographics"), known=known_name("users"))
    )
    # People who were just added are counted as that.
    already = SQL("select row_id from row_history where import_id = {} and table_name = 'persons'").format(
        Value(import_id)
    )
    _fill_change(connection, "persons", ["birth_date"])
    touched = connection.execute(
        SQL("select count(*) from change where row_id not in ({})").format(already)
    ).fetchone()
    counts.changed += touched[0] if touched else 0
    counts.unchanged -= touched[0] if touched else 0
    _write_change(connection, "persons", ["birth_date"], [])


def _carry_accounts(connection: Connection) -> Count:
    # An account stays its person's for ever; who has left or lost the username can no longer sign in.
    connection.execute("""
        create temporary table want on commit drop as
        select coalesce(a.id, gen_random_uuid()) as id, p.id as person_id,
            coalesce(lower(p.username), a.username) as username,
            p.status = 'active' and p.enabled and p.username is not null as enabled
        from persons p left join accounts a on a.person_id = p.id
        where a.id is not null or (p.username is not null and p.status = 'active')
    """)
    return _write_rows(connection, "accounts", ["username", "enabled", "person_id"], [])


def _write_rows(connection: Connection, table: str, compared: list[str], further: list[str]) -> Count:
    """Given ``want`` (id and columns), bring the table to it; ``further`` columns are not compared."""
    wanted = _number(connection, SQL("select count(*) from want"))
    _fill_change(connection, table, compared)
    leaving = SQL("w.status = 'tobedeleted'") if "status" in compared else SQL("false")
    found = connection.execute(
        SQL("""
            select count(*) filter (where change = 'insert'),
                count(*) filter (where change = 'update' and not {leaving}),
                count(*) filter (where change = 'update' and {leaving})
            from change c join want w on w.id::text = c.row_id
        """).format(leaving=leaving)
    ).fetchone()
    count = Count(*found) if found else Count()
    count.unchanged = wanted - count.touched
    _write_change(connection, table, compared, further)
    return count


def _fill_change(connection: Connection, table: str, compared: list[str]) -> None:
    connection.execute(
        SQL("""
            create temporary table change on commit drop as
            select w.id::text as row_id, case when t.id is null then 'insert' else 'update' end as change
            from want w left join {table} t on t.id = w.id
            where t.id is null or row({theirs}) is distinct from row({ours})
        """).format(table=Identifier(table), theirs=_names(compared, "t"), ours=_names(compared, "w"))
    )


def _write_change(connection: Connection, table: str, compared: list[str], further: list[str]) -> None:
    columns = [*further, *compared]
    connection.execute(
        SQL("""
            update {table} t set ({columns}) = row({values})
            from want w join change c on c.row_id = w.id::text
            where t.id = w.id and c.change = 'update'
        """).format(table=Identifier(table), columns=_names(columns), values=_names(columns, "w"))
    )
    connection.execute(
        SQL("""
            insert into {table} (id, {columns})
            select w.id, {values} from want w join change c on c.row_id = w.id::text where c.change = 'insert'
        """).format(table=Identifier(table), columns=_names(columns), values=_names(columns, "w"))
    )
    connection.execute("drop table want, change")


def _carry_pairs(connection: Connection, pairs: Pairs) -> Count:
    owner, member = Identifier(pairs.owner), Identifier(pairs.member)
    key = SQL("t.{}::text || ' ' || t.{}::text").format(owner, member)
    connection.execute(
        SQL("""
            create temporary table want on commit drop as
            select distinct k.id as {owner}, m.id as {member}
            from {stage} s join {known} k on k.sourced_id = s."sourcedId"
            left join lateral unnest(regexp_split_to_array(btrim(s.{listed}), '\\s*,\\s*')) named(it) on true
            left join {others} m on m.sourced_id = named.it
            where s.status is distinct from 'tobedeleted'
        """).format(
            owner=owner,
            member=member,
            stage=stage_name(pairs.file),
            known=known_name(pairs.file),
            listed=Identifier(pairs.listed),
            others=known_name(pairs.refers_to),
        )
    )
    connection.execute("analyze want")
    # An owner with no member stands there once with null: what it had is to go.
    connection.execute(
        SQL("""
            create temporary table change on commit drop as
            select w.{owner}::text || ' ' || w.{member}::text as row_id, 'insert' as change
            from want w where w.{member} is not null and not exists (
                select from {table} t where t.{owner} = w.{owner} and t.{member} = w.{member}
            )
            union all
            select {key}, {leave} from {table} t
            where t.{owner} in (select {owner} from want) and {theirs} and not exists (
                select from want w where t.{owner} = w.{owner} and t.{member} = w.{member}
            )
            {again}
        """).format(
            owner=owner,
            member=member,
            table=Identifier(pairs.name),
            key=key,
            leave=Value("withdraw" if pairs.keeps else "delete"),
            theirs=SQL("t.origin = 'roster' and t.status = 'active'" if pairs.keeps else "true"),
            again=SQL("""
                union all
                select {key}, 'revive' from {table} t
                join want w on t.{owner} = w.{owner} and t.{member} = w.{member}
                where t.status = 'tobedeleted'
            """).format(key=key, table=Identifier(pairs.name), owner=owner, member=member)
            if pairs.keeps
            else SQL(""),
        )
    )
    wanted = _number(connection, SQL("select count(*) from want where {} is not null").format(member))
    count = Count(
        added=_number(connection, SQL("select count(*) from change where change in ('insert', 'revive')")),
        removed=_number(
            connection, SQL("select count(*) from change where change in ('delete', 'withdraw')")
        ),
    )
    count.unchanged = wanted - count.added
    connection.execute(
        SQL("delete from {} t using change c where c.change = 'delete' and c.row_id = {}").format(
            Identifier(pairs.name), key
        )
    )
    if pairs.keeps:
        connection.execute(
            SQL("""
                update {table} t
                set status = case c.change when 'revive' then 'active' else 'tobedeleted' end
                from change c where c.change in ('revive', 'withdraw') and c.row_id = {key}
            """).format(table=Identifier(pairs.name), key=key)
        )
        connection.execute("update change set change = 'update' where change in ('revive', 'withdraw')")
    connection.execute(
        SQL("""
            insert into {table} ({owner}, {member})
            select split_part(row_id, ' ', 1)::uuid, split_part(row_id, ' ', 2)::uuid from change
            where change = 'insert'
        """).format(table=Identifier(pairs.name), owner=owner, member=member)
    )
    connection.execute("drop table want, change")
    return count


def _names(columns: list[str], alias: str | None = None) -> Composed:
    return SQL(", ").join(Identifier(alias, column) if alias else Identifier(column) for column in columns)


def _number(connection: Connection, query: SQL | Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
