"""Stages people, who is whose guardian, and the roles that they have."""

from collections.abc import Mapping

from psycopg.sql import SQL, Composable, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.i18n import mark
from digione_platform.roster.primus.fields import ROLE, Rows
from digione_platform.roster.primus.work import HELD, PEOPLE, PERSON, Work, names, together, value_of
from digione_platform.roster.problems import Detail, Problem
from digione_platform.roster.staging import stage_name


def resolve_guardians(work: Work) -> None:
    """``mapped_persons`` has a row for each person, ``mapped_pairs`` child and guardian by identifier."""
    together(work, "mapped_people", "mapped_persons", PERSON, personal=True)
    work.run(
        SQL("""
            create temporary table mapped_pairs on commit drop as
            select place, id as child, unnest(guardians) as guardian, 'guardians' as told
            from mapped_people where id is not null
            union all
            select place, unnest(children), id, 'children' from mapped_people where id is not null
        """)
    )
    work.run(
        SQL("""
            create temporary table known_people on commit drop as
            select id from mapped_persons
            union select sourced_id from persons where status = 'active'
        """)
    )
    work.run(SQL("create unique index on known_people (id)"), "mapped_pairs", "known_people")
    for column, other in (("guardians", "guardian"), ("children", "child")):
        work.report(
            "P-ROSTER-051",
            "users",
            column,
            SQL("""
                select place, {other}, null from mapped_pairs p where told = {column}
                and not exists (select from known_people k where k.id = p.{other})
            """).format(other=Identifier(other), column=Value(column)),
            personal=True,
        )
    # Who is not known was told of, and is no row that something else could be wrong with.
    work.run(
        SQL("""
            delete from mapped_pairs p
            where not exists (select from known_people k where k.id = p.guardian)
            or not exists (select from known_people k where k.id = p.child)
        """)
    )
    work.report(
        "P-ROSTER-077",
        "users",
        "email",
        SQL("""
            select distinct b.place, b.email, a.place from mapped_pairs p
            join mapped_pairs q on q.child = p.child
            join mapped_persons a on a.id = p.guardian join mapped_persons b on b.id = q.guardian
            where lower(a.email) = lower(b.email) and a.id <> b.id and a.place < b.place
        """),
        personal=True,
    )
    # Children who are in no file, of whom the files say who their guardians are.
    work.run(
        SQL("""
            insert into mapped_persons (id, entries)
            select distinct t.sourced_id, '{{}}'::integer[] from persons t
            where t.status = 'active' and not exists (
                select from mapped_persons m where m.id = t.sourced_id
            ) and (
                t.sourced_id in (select child from mapped_pairs where told = 'children')
                or {every} and t.id in (
                    select child_id from guardianships where status = 'active' and origin = 'roster'
                )
            )
        """).format(every=Value(all_guardianships(work)))
    )


def all_guardianships(work: Work) -> bool:
    """Whether guardians say of all children there are whose guardians they are."""
    return work.is_whole("guardians") and bool(work.of("guardians", field="children"))


def stage_roles(work: Work) -> None:
    """Stage the roles that people have, and those that they no longer have."""
    provider = work.connection.execute(
        "select sourced_id from organisations where kind = 'district' and status = 'active'"
        " and (oid = %s or sourced_id = %s) order by sourced_id limit 1",
        (work.context.tenant_oid, work.context.tenant_oid),
    ).fetchone()
    if work.of("guardians") and provider is None:
        none = Detail(mark("there is none"))
        work.problems.add(Problem("P-ROSTER-057", "orgs.csv", detail=none))
    work.run(
        SQL("""
            create temporary table mapped_roles on commit drop as
            select p.id as person, {role} as role, {org} as org, min(p.place) as place
            from mapped_people p left join mapped_schools s on s.said = p.school
            where p.id is not null and not (p.entry = any({guardians}) and exists (
                select from roles r join persons t on t.id = r.person_id
                where t.sourced_id = p.id and {held} and r.role in ({already})
            )) group by 1, 2, 3
        """).format(
            guardians=Value(work.of("guardians")),
            held=HELD,
            already=roles_of(work, "guardians"),
            role=by_rows(work, {rows: Value(str(role)) for rows, role in ROLE.items()}, SQL("p.role")),
            org=by_rows(work, {"guardians": Value(provider and provider[0])}, SQL("s.school")),
        ),
        "mapped_roles",
    )
    # One that the person has already stays what it is, whichever source it came from.
    work.run(
        SQL("""
            insert into {stage} (line, "sourcedId", status, "userSourcedId", "roleType", role,
                "beginDate", "endDate", "orgSourcedId")
            select m.place, coalesce(t.sourced_id, 'role-' || md5(concat_ws(' ', person, m.role, org))),
                'active', person, coalesce(t.role_type, 'primary'), m.role,
                t.begin_date::text, t.end_date::text, org
            from mapped_roles m left join lateral (
                select r.* from roles r join persons p on p.id = r.person_id
                join organisations o on o.id = r.organisation_id
                where p.sourced_id = m.person and o.sourced_id = m.org and r.role = m.role and {held}
                order by r.sourced_id limit 1
            ) t on true
            where m.role is not null and org is not null
        """).format(stage=stage_name("roles"), held=HELD)
    )
    work.run(SQL('create index on {} ("sourcedId")').format(stage_name("roles")))
    work.run(SQL("create index on mapped_people (id)"), "stage_roles")
    # A guardian is one by whichever of its roles; where somebody works and learns, the rows say.
    told: tuple[Rows, ...] = ("pupils", "staff")
    for rows in told:
        if work.of(rows):
            drop_roles(
                work,
                rows,
                SQL("p.sourced_id in (select id from mapped_people where entry = any({}))").format(
                    Value(work.of(rows))
                ),
            )


def drop_roles(work: Work, rows: Rows, who: Composable) -> None:
    """Stage the end of the roster's roles that a kind of rows tells all about and no row has, of the people
    whom a condition chooses."""
    work.run(
        SQL("""
            insert into {stage} ("sourcedId", status, "userSourcedId", "roleType", role, "orgSourcedId")
            select r.sourced_id, 'tobedeleted', p.sourced_id, r.role_type, r.role, o.sourced_id
            from roles r join persons p on p.id = r.person_id
            join organisations o on o.id = r.organisation_id
            where {held} and r.origin = 'roster' and r.role in ({roles}) and {who}
            and not exists (select from {stage} s where s."sourcedId" = r.sourced_id)
        """).format(stage=stage_name("roles"), held=HELD, roles=roles_of(work, rows), who=who)
    )


def roles_of(work: Work, rows: Rows) -> Composable:
    """The roles that a kind of rows tells all about; of staff, only those that its rows have."""
    if rows == "pupils":
        return SQL("'student'")
    if rows == "guardians":
        return SQL("'guardian', 'parent', 'relative'")
    return SQL("select role from mapped_people where entry = any({}) and role is not null").format(
        Value(work.of("staff"))
    )


def by_rows(work: Work, chosen: Mapping[Rows, Composable], otherwise: Composable) -> Composed:
    """What is chosen for a person by the kind of rows of their entry."""
    cases = [
        SQL("when p.entry = any({}) then {}").format(Value(work.of(rows)), what)
        for rows, what in chosen.items()
    ]
    return SQL("case {} else {} end").format(SQL(" ").join(cases), otherwise)


def stage_people(work: Work) -> None:
    """Stage users and their days of birth."""
    columns = {
        field.column: value_of(work, name, field, *PEOPLE) for name, field in PERSON.items() if field.column
    }
    columns["enabledUser"] = SQL("coalesce({}, t.enabled::text, 'true')").format(columns["enabledUser"])
    columns["preferredMiddleName"] = SQL("{}").format(SQL("t.preferred_middle_name"))
    columns["identifier"] = SQL("{}").format(SQL("t.identifier"))
    columns["primaryOrgSourcedId"] = SQL("""
        coalesce(
            s.school, (select o.sourced_id from organisations o where o.id = t.primary_organisation_id)
        )
    """).format()
    columns["agentSourcedIds"] = SQL("{}").format(SQL("a.agents"))
    work.run(
        SQL("""
            create temporary table mapped_agents on commit drop as
            select child, string_agg(distinct guardian, ',') as agents from (
                select child, guardian from mapped_pairs
                union all
                select m.id, g.sourced_id from mapped_persons m join persons t on t.sourced_id = m.id
                join guardianships c on c.child_id = t.id join persons g on g.id = c.guardian_id
                where c.status = 'active' and g.status = 'active'
                and not ({every} or m.entries && {entries}::integer[]) and not exists (
                    select from {stage} u where u."sourcedId" = g.sourced_id and u.status = 'tobedeleted'
                )
            ) p group by child
        """).format(
            stage=stage_name("users"),
            every=Value(all_guardianships(work)),
            entries=Value(work.of("pupils", field="guardians")),
        ),
        "mapped_agents",
    )
    work.run(
        SQL("""
            insert into {stage} (line, "sourcedId", status, {columns})
            select m.place, m.id, 'active', {values}
            from mapped_persons m left join persons t on t.sourced_id = m.id
            left join mapped_schools s on s.said = m.school
            left join mapped_agents a on a.child = m.id
            where not exists (
                select from {stage} u where u."sourcedId" = m.id and u.status = 'tobedeleted'
            )
        """).format(
            stage=stage_name("users"), columns=names(columns), values=SQL(", ").join(columns.values())
        )
    )
    work.run(
        SQL("""
            insert into {stage} (line, "sourcedId", status, "birthDate")
            select m.place, m.id, 'active', {birth}
            from mapped_persons m left join persons t on t.sourced_id = m.id
            where m.entries && {entries}::integer[]
        """).format(
            stage=stage_name("demographics"),
            birth=value_of(work, "birth_date", PERSON["birth_date"], "pupils"),
            entries=Value(work.of("pupils", field="birth_date")),
        )
    )
