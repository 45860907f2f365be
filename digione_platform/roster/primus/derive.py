"""From rows of mapped files to the staged tables of OneRoster, set by set, in SQL.

``mapped_people`` and ``mapped_groups`` hold the rows as they were read. People who stand on several rows are
brought together by their identifier; relations are resolved by identifier, never by order; what the mapping
does not name is filled in from the database; and of whole registers, who is missing is staged as leaving.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier
from psycopg.sql import Literal as Value

from digione_platform.core.guardians import TODAY
from digione_platform.i18n import mark
from digione_platform.roster.checks import report_rows
from digione_platform.roster.primus.fields import FIELDS, ROLE, Field, Rows, values_of
from digione_platform.roster.primus.mapping import Entry, TenantMapping
from digione_platform.roster.problems import Detail, Problem, Problems
from digione_platform.roster.staging import stage_name

Row = dict[str, Any]
TYPES = {
    "place": "int4",
    "entry": "int4",
    **dict.fromkeys(("homeroom", "groups", "guardians", "children"), "text[]"),
}

# A register of which more than a third has left is rather a broken export than a wish.
MASS_REMOVAL = 3
MASS_REMOVAL_FROM = 30

_PEOPLE: tuple[Rows, ...] = ("pupils", "guardians", "staff")
_PERSON = values_of(*_PEOPLE)
_GROUP = values_of("groups")


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
    for table, kinds in (("mapped_people", _PEOPLE), ("mapped_groups", ("groups",))):
        names = dict.fromkeys(name for kind in kinds for name in columns_of(kind))
        columns = SQL(", ").join(
            SQL("{} {}").format(Identifier(name), SQL(TYPES.get(name, "text"))) for name in names
        )
        connection.execute(
            SQL("create temporary table {} ({}) on commit drop").format(Identifier(table), columns)
        )


def derive(
    connection: Connection,
    mapping: TenantMapping,
    entries: Mapping[int, Entry],
    context: Context,
    problems: Problems,
) -> None:
    """Fill the staged tables from the rows that were read."""
    work = _Derive(connection, mapping, entries, context, problems)
    work.schools()
    if work.of("groups"):
        work.groups()
    if work.of(*_PEOPLE):
        work.guardianships()
        work.roles()
    work.enrolments()
    for rows in mapping.settings.whole:
        if work.of(rows):
            work.missing(rows)
    if work.of(*_PEOPLE):
        work.stage_people()


class _Derive:
    def __init__(
        self,
        connection: Connection,
        mapping: TenantMapping,
        entries: Mapping[int, Entry],
        context: Context,
        problems: Problems,
    ) -> None:
        self.connection, self.mapping, self.entries = connection, mapping, entries
        self.context, self.problems = context, problems

    def of(self, *rows: Rows, field: str | None = None) -> list[int]:
        """The numbers of the entries of some kinds of rows, or those of them that say a field."""
        return [
            number
            for number, entry in self.entries.items()
            if entry.rows in rows and (field is None or field in entry.columns or field in entry.fixed)
        ]

    def run(self, query: SQL | Composed, *analyzed: str) -> None:
        self.connection.execute(query)
        for table in analyzed:
            self.connection.execute(SQL("analyze {}").format(Identifier(table)))

    def report(self, reason: str, file: str, column: str, query: Composable, *, personal: bool) -> None:
        report_rows(self.connection, self.problems, reason, f"{file}.csv", column, query, personal=personal)

    # What rows refer to.

    def schools(self) -> None:
        """``mapped_schools``: which organisation is meant by what stands in a school's column."""
        self.run(
            SQL("""
                create temporary table mapped_schools on commit drop as
                select distinct on (said) said, o.sourced_id as school from (
                    select school as said from mapped_people where school is not null
                    union select school from mapped_groups where school is not null
                ) s join organisations o on o.status = 'active' and (
                    o.sourced_id = said or o.oid = said or (o.school_code = said and o.kind = 'school')
                )
                order by said, o.sourced_id = said desc, o.oid = said desc, o.sourced_id
            """),
            "mapped_people",
            "mapped_groups",
            "mapped_schools",
        )
        for table, file in (("mapped_people", "users"), ("mapped_groups", "classes")):
            self.report(
                "P-ROSTER-051",
                file,
                "school",
                SQL("""
                    select place, school, null from {} where school is not null
                    and school not in (select said from mapped_schools)
                """).format(Identifier(table)),
                personal=False,
            )

    def _together(self, table: str, made: str, fields: Mapping[str, Field], personal: bool) -> None:
        """Bring the rows of one identifier together, telling where they contradict each other."""
        name = Identifier(table)
        # People may have several schools, a group has one.
        for field in [*fields, *(["school"] if table == "mapped_groups" else [])]:
            self.report(
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
        self.run(
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
        self.run(SQL("create unique index on {} (id)").format(Identifier(made)), made)

    def _value(self, name: str, field: Field, *rows: Rows) -> Composed:
        """What is to be in a field of the row ``t``: as the files say, or as it is where they do not say."""
        return SQL("case when m.entries && {}::integer[] then m.{} else {} end").format(
            Value(self.of(*rows, field=name)),
            Identifier(name),
            SQL(field.kept or "null"),
        )

    # Groups.

    def groups(self) -> None:
        """Stage groups; a new one gets a course of its own and the school year that is or comes."""
        self._together("mapped_groups", "mapped_classes", _GROUP, personal=False)
        self.run(
            SQL("""
                create temporary table mapped_terms on commit drop as
                select s.sourced_id as term from academic_sessions s
                where s.status = 'active' and s.session_type = 'schoolYear' and s.end_date > {today}
                order by s.start_date limit 1
            """).format(today=SQL(TODAY))
        )
        kept = {
            "subjects": "nullif(array_to_string(t.subjects, ','), '')",
            "subjectCodes": "nullif(array_to_string(t.subject_codes, ','), '')",
            "periods": "nullif(array_to_string(t.periods, ','), '')",
            "classCode": "t.group_code",
        }
        said = {
            field.column: self._value(name, field, "groups") for name, field in _GROUP.items() if field.column
        }
        columns = {**said, **{column: SQL(sql) for column, sql in kept.items()}}
        self.run(
            SQL("""
                insert into {stage} (line, "sourcedId", status, "schoolSourcedId", "courseSourcedId",
                    "termSourcedIds", {columns})
                select m.place, m.id, 'active', s.school,
                    coalesce(c.sourced_id, 'course-' || md5(m.id)),
                    coalesce((
                        select string_agg(a.sourced_id, ',') from group_sessions g
                        join academic_sessions a on a.id = g.session_id
                        where g.group_id = t.id and a.status = 'active'
                        and exists (
                            select from group_sessions h join academic_sessions b on b.id = h.session_id
                            where h.group_id = t.id and b.status = 'active' and b.end_date > {today}
                        )
                    ), (select term from mapped_terms)), {values}
                from mapped_classes m left join groups t on t.sourced_id = m.id
                left join courses c on c.id = t.course_id and c.status = 'active'
                left join mapped_schools s on s.said = m.school
            """).format(
                stage=stage_name("classes"),
                columns=_names(columns),
                values=SQL(", ").join(columns.values()),
                today=SQL(TODAY),
            )
        )
        self.run(
            SQL("""
                insert into {courses} (line, "sourcedId", status, title, grades, "orgSourcedId")
                select c.line, c."courseSourcedId", 'active', c.title, c.grades, c."schoolSourcedId"
                from {classes} c where c."courseSourcedId" = 'course-' || md5(c."sourcedId")
            """).format(courses=stage_name("courses"), classes=stage_name("classes"))
        )
        self.report(
            "P-ROSTER-061",
            "classes",
            "id",
            SQL("""
                select min(line), null, null from {} where "termSourcedIds" is null having count(*) > 0
            """).format(stage_name("classes")),
            personal=False,
        )

    # People.

    def guardianships(self) -> None:
        """``mapped_persons`` has a row for each person, ``mapped_pairs`` child and guardian by identifier."""
        self._together("mapped_people", "mapped_persons", _PERSON, personal=True)
        self.run(
            SQL("""
                create temporary table mapped_pairs on commit drop as
                select place, id as child, unnest(guardians) as guardian, 'guardians' as told
                from mapped_people where id is not null
                union all
                select place, unnest(children), id, 'children' from mapped_people where id is not null
            """)
        )
        self.run(
            SQL("""
                create temporary table known_people on commit drop as
                select id from mapped_persons
                union select sourced_id from persons where status = 'active'
            """)
        )
        self.run(SQL("create unique index on known_people (id)"), "mapped_pairs", "known_people")
        for column, other in (("guardians", "guardian"), ("children", "child")):
            self.report(
                "P-ROSTER-051",
                "users",
                column,
                SQL("""
                    select place, {other}, null from mapped_pairs p where told = {column}
                    and not exists (select from known_people k where k.id = p.{other})
                """).format(other=Identifier(other), column=Value(column)),
                personal=True,
            )
        self.report(
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
        self.run(
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
            """).format(every=Value(self._all_guardianships))
        )

    @property
    def _all_guardianships(self) -> bool:
        return "guardians" in self.mapping.settings.whole and bool(self.of("guardians", field="children"))

    def roles(self) -> None:
        """Stage the roles that people have, and those that they no longer have."""
        provider = self.connection.execute(
            "select sourced_id from organisations where kind = 'district' and status = 'active'"
            " and (oid = %s or sourced_id = %s) order by sourced_id limit 1",
            (self.context.tenant_oid, self.context.tenant_oid),
        ).fetchone()
        if self.of("guardians") and provider is None:
            none = Detail(mark("there is none"))
            self.problems.add(Problem("P-ROSTER-057", "orgs.csv", detail=none))
        self.run(
            SQL("""
                create temporary table mapped_roles on commit drop as
                select p.id as person, {role} as role, {org} as org, min(p.place) as place
                from mapped_people p left join mapped_schools s on s.said = p.school
                where p.id is not null and not (p.entry = any({guardians}) and exists (
                    select from roles r join persons t on t.id = r.person_id
                    where t.sourced_id = p.id and {held} and r.role in ({already})
                )) group by 1, 2, 3
            """).format(
                guardians=Value(self.of("guardians")),
                held=_HELD,
                already=self._roles_of("guardians"),
                role=self._by_rows({rows: Value(str(role)) for rows, role in ROLE.items()}, SQL("p.role")),
                org=self._by_rows({"guardians": Value(provider and provider[0])}, SQL("s.school")),
            ),
            "mapped_roles",
        )
        # One that the person has already stays what it is, whichever source it came from.
        self.run(
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
            """).format(stage=stage_name("roles"), held=_HELD)
        )
        self.run(SQL('create index on {} ("sourcedId")').format(stage_name("roles")))
        self.run(SQL("create index on mapped_people (id)"), "stage_roles")
        # A guardian is one by whichever of its roles; where somebody works and learns, the rows say.
        told: tuple[Rows, ...] = ("pupils", "staff")
        for rows in told:
            if self.of(rows):
                self._drop_roles(
                    rows,
                    SQL("p.sourced_id in (select id from mapped_people where entry = any({}))").format(
                        Value(self.of(rows))
                    ),
                )

    def _drop_roles(self, rows: Rows, who: Composable) -> None:
        self.run(
            SQL("""
                insert into {stage} ("sourcedId", status, "userSourcedId", "roleType", role, "orgSourcedId")
                select r.sourced_id, 'tobedeleted', p.sourced_id, r.role_type, r.role, o.sourced_id
                from roles r join persons p on p.id = r.person_id
                join organisations o on o.id = r.organisation_id
                where {held} and r.role in ({roles}) and {who}
                and not exists (select from {stage} s where s."sourcedId" = r.sourced_id)
            """).format(stage=stage_name("roles"), held=_HELD, roles=self._roles_of(rows), who=who)
        )

    def _roles_of(self, rows: Rows) -> Composable:
        """The roles that a kind of rows tells all about; of staff, only those that its rows have."""
        if rows == "pupils":
            return SQL("'student'")
        if rows == "guardians":
            return SQL("'guardian', 'parent', 'relative'")
        return SQL("select role from mapped_people where entry = any({}) and role is not null").format(
            Value(self.of("staff"))
        )

    def _by_rows(self, chosen: Mapping[Rows, Composable], otherwise: Composable) -> Composed:
        cases = [
            SQL("when p.entry = any({}) then {}").format(Value(self.of(rows)), what)
            for rows, what in chosen.items()
        ]
        return SQL("case {} else {} end").format(SQL(" ").join(cases), otherwise)

    # Places in groups.

    def enrolments(self) -> None:
        """Stage the places of people in groups, and those that they no longer have."""
        self.run(
            SQL("""
                create temporary table mapped_places on commit drop as
                select p.place, p.id as person, s.school, w.type, w.field, w.said, {role} as role
                from mapped_people p left join mapped_schools s on s.said = p.school
                cross join lateral (
                    select 'homeroom' as type, 'homeroom' as field, unnest(p.homeroom) as said
                    union all select 'scheduled', 'groups', unnest(p.groups)
                ) w
                where p.id is not null and w.said is not null
            """).format(
                role=self._by_rows(
                    {"pupils": Value("student")},
                    SQL("case p.role when 'aide' then 'aide' else 'teacher' end"),
                )
            )
        )
        self.run(
            SQL("""
                create temporary table mapped_groups_known on commit drop as
                select "sourcedId" as id, title, "classType" as type, "schoolSourcedId" as school from {stage}
                union
                select g.sourced_id, g.title, g.group_type, o.sourced_id
                from groups g join organisations o on o.id = g.school_id
                where g.status = 'active' and g.sourced_id not in (select "sourcedId" from {stage})
            """).format(stage=stage_name("classes"))
        )
        # Few groups are said by many: each is looked up once.
        self.run(
            SQL("""
                create temporary table mapped_group_names on commit drop as
                select d.*, k.id, k.school as at from (
                    select distinct said, type, school from mapped_places
                ) d left join lateral (
                    select * from mapped_groups_known k where k.type = d.type and (
                        k.id = {prefix} || d.said or k.id = d.said
                        or k.title = d.said and k.school = d.school
                    ) order by k.id = {prefix} || d.said desc, k.id = d.said desc, k.id limit 1
                ) k on true
            """).format(prefix=Value(self.mapping.prefix("groups"))),
            "mapped_places",
            "mapped_group_names",
        )
        self.run(
            SQL("""
                create temporary table mapped_enrolments on commit drop as
                select p.person, p.role, n.id as "group", n.at, min(p.place) as place, p.field, p.said
                from mapped_places p join mapped_group_names n
                on n.said = p.said and n.type = p.type and n.school is not distinct from p.school
                group by 1, 2, 3, 4, 6, 7
            """)
        )
        for field in ("homeroom", "groups"):
            self.report(
                "P-ROSTER-051",
                "users",
                field,
                SQL("""
                    select place, said, null from mapped_enrolments where "group" is null and field = {}
                """).format(Value(field)),
                personal=False,
            )
        self.run(
            SQL("""
                insert into {stage} (line, "sourcedId", status, "classSourcedId", "schoolSourcedId",
                    "userSourcedId", role, "primary", "beginDate", "endDate")
                select distinct on (2) m.place,
                    coalesce(t.sourced_id, 'enrolment-' || md5(concat_ws(' ', person, m.role, "group"))),
                    'active', "group", at, person, m.role, t."primary"::text,
                    t.begin_date::text, t.end_date::text
                from mapped_enrolments m left join lateral (
                    select e.* from enrolments e join persons p on p.id = e.person_id
                    join groups g on g.id = e.group_id
                    where p.sourced_id = m.person and g.sourced_id = m."group" and e.role = m.role and {held}
                    order by e.sourced_id limit 1
                ) t on true
                where "group" is not null order by 2, 1
            """).format(stage=stage_name("enrollments"), held=_ENROLLED)
        )
        self.run(SQL("analyze {}").format(stage_name("enrollments")))
        told: dict[Rows, list[str]] = {"pupils": ["student"], "staff": ["teacher", "aide"]}
        for rows, roles in told.items():
            for field, kind in (("homeroom", "homeroom"), ("groups", "scheduled")):
                if entries := self.of(rows, field=field):
                    self._drop_enrolments(
                        SQL("""
                            e.role = any({}) and g.group_type = {}
                            and p.sourced_id in (select id from mapped_people where entry = any({}))
                        """).format(Value(roles), Value(kind), Value(entries))
                    )

    def _drop_enrolments(self, which: Composable) -> None:
        self.run(
            SQL("""
                insert into {stage} ("sourcedId", status, "classSourcedId", "schoolSourcedId",
                    "userSourcedId", role)
                select e.sourced_id, 'tobedeleted', g.sourced_id, o.sourced_id, p.sourced_id, e.role
                from enrolments e join persons p on p.id = e.person_id join groups g on g.id = e.group_id
                join organisations o on o.id = e.school_id
                where {held} and {which}
                and not exists (select from {stage} s where s."sourcedId" = e.sourced_id)
            """).format(stage=stage_name("enrollments"), held=_ENROLLED, which=which)
        )

    # Who is missing where everybody should be.

    def missing(self, rows: Rows) -> None:
        """Stage as leaving what is in the database and not in the files."""
        if rows == "groups":
            self._missing_groups()
            return
        held = SQL("""
            select r.person_id from roles r where {held} and r.role in ({roles})
        """).format(held=_HELD, roles=self._roles_of(rows))
        absent = SQL("""
            not exists (select from mapped_people m where m.id = p.sourced_id and m.entry = any({}))
        """).format(Value(self.of(rows)))
        self._drop_roles(rows, absent)
        # Who has another role stays, but no longer as what they are missing in.
        stays = SQL("""
            exists (
                select from roles r where r.person_id = p.id and {held} and not exists (
                    select from {stage} s where s."sourcedId" = r.sourced_id and s.status = 'tobedeleted'
                )
            ) or exists (select from mapped_people m where m.id = p.sourced_id)
        """).format(held=_HELD, stage=stage_name("roles"))
        self.run(
            SQL("""
                insert into {stage} ("sourcedId", status)
                select p.sourced_id, 'tobedeleted' from persons p
                where p.status = 'active' and p.id in ({held}) and {absent} and not ({stays})
                and not exists (select from {stage} s where s."sourcedId" = p.sourced_id)
            """).format(stage=stage_name("users"), held=held, absent=absent, stays=stays)
        )
        roles = {"pupils": ["student"], "staff": ["teacher", "aide", "administrator", "proctor"]}
        self._drop_enrolments(
            SQL("p.id in ({held}) and {absent} and e.role = any({roles})").format(
                held=held, absent=absent, roles=Value(roles.get(rows, []))
            )
        )
        self._guard(
            SQL("""
                select count(*), count(*) filter (where {absent}) from persons p
                where p.status = 'active' and p.id in ({held})
            """).format(absent=absent, held=held)
        )

    def _missing_groups(self) -> None:
        scope = SQL("""
            g.group_type in (select type from mapped_classes)
            and not exists (select from mapped_classes m where m.id = g.sourced_id)
        """)
        self.run(
            SQL("""
                insert into {stage} ("sourcedId", status)
                select g.sourced_id, 'tobedeleted' from groups g where g.status = 'active' and {scope}
            """).format(stage=stage_name("classes"), scope=scope)
        )
        self._drop_enrolments(scope)
        self._guard(
            SQL("select count(*), count(*) filter (where {}) from groups g where g.status = 'active'").format(
                scope
            )
        )

    def _guard(self, counted: SQL | Composed) -> None:
        row = self.connection.execute(counted).fetchone()
        all_, leaving = row or (0, 0)
        if (
            all_ >= MASS_REMOVAL_FROM
            and leaving * MASS_REMOVAL > all_
            and not self.context.allow_mass_removal
        ):
            share = Detail(mark("{removed} of {people}"), {"removed": leaving, "people": all_})
            self.problems.add(Problem("P-ROSTER-059", "users.csv", detail=share))

    # The people themselves, last: it must be known who leaves.

    def stage_people(self) -> None:
        """Stage users and their days of birth."""
        columns = {
            field.column: self._value(name, field, *_PEOPLE)
            for name, field in _PERSON.items()
            if field.column
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
        self.run(
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
                every=Value(self._all_guardianships),
                entries=Value(self.of("pupils", field="guardians")),
            ),
            "mapped_agents",
        )
        self.run(
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
                stage=stage_name("users"), columns=_names(columns), values=SQL(", ").join(columns.values())
            )
        )
        self.run(
            SQL("""
                insert into {stage} (line, "sourcedId", status, "birthDate")
                select m.place, m.id, 'active', {birth}
                from mapped_persons m left join persons t on t.sourced_id = m.id
                where m.entries && {entries}::integer[]
            """).format(
                stage=stage_name("demographics"),
                birth=self._value("birth_date", _PERSON["birth_date"], "pupils"),
                entries=Value(self.of("pupils", field="birth_date")),
            )
        )


_HELD = SQL("""
    r.status = 'active' and (r.end_date is null or r.end_date > {today})
""").format(today=SQL(TODAY))
_ENROLLED = SQL("""
    e.status = 'active' and (e.end_date is null or e.end_date > {today})
""").format(today=SQL(TODAY))


def _names(columns: Mapping[str, Any] | Iterator[str]) -> Composed:
    return SQL(", ").join(Identifier(column) for column in columns)
