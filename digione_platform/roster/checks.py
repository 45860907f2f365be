"""Checks of staged rows among each other and against the database: set by set, in SQL."""

from collections.abc import Iterator
from typing import LiteralString

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier
from psycopg.sql import Literal as Value

from digione_platform.i18n import mark
from digione_platform.roster import profile
from digione_platform.roster.problems import KEPT, Detail, Problem, Problems, masked, shown
from digione_platform.roster.source import Source
from digione_platform.roster.staging import TABLES, known_name, stage_name
from digione_platform.roster.text import LINE

MASS_REMOVAL = 3  # more than one of so many
MASS_REMOVAL_FROM = 30

# The learner number of a staged user, from either of the two places where it may stand.
LEARNER_NUMBER: LiteralString = (
    """coalesce(s."userMasterIdentifier", substring(s."userIds" from '[{]oppijanumero:([^{}]+)[}]'))"""
)
# The OID of a staged organisation.
ORGANISATION_OID: LiteralString = (
    """case when s."sourcedId" ~ '^1[.]2[.]246[.]562[.]' then s."sourcedId" """
    """when s.identifier ~ '^1[.]2[.]246[.]562[.]' then s.identifier end"""
)


def check(connection: Connection, source: Source, tenant_oid: str, problems: Problems) -> None:
    """Collect the problems that rows have with each other and with what the database has."""
    read = [file for file in source.files if file not in source.unreadable]
    check = _Check(connection, source, problems)
    for file in read:
        check.duplicates(file)
        check.references(file)
    for file, table in (("orgs", "organisations"), ("academicSessions", "academic_sessions")):
        if file in read:
            check.circles(file, table)
    if source.kind == "delta":
        for file in read:
            check.unknown_removals(file)
    if "orgs" in read:
        check.provider(tenant_oid)
        check.twins("orgs", "identifier", ORGANISATION_OID)
        check.school_codes()
    if "classes" in read:
        check.classes_of_one_name()
    if "users" in read:
        check.twins("users", "username", "lower(s.username)")
        check.twins("users", "userMasterIdentifier", LEARNER_NUMBER)
        if not check.other_source():
            check.taken_usernames()
            check.taken_learner_numbers()
        check.own_guardians()
        check.lifted_nondisclosures()
    if "enrollments" in read and "classes" not in source.unreadable:
        check.schools_of_enrolments()
    if source.kind == "bulk" and "users" in read and "roles" in read:
        check.people_without_role()


class _Check:
    """Each method runs one query whose rows are line, value and detail, and reports them.

    A detail is a name that reads the same in every language, or the number of an earlier line.
    """

    def __init__(self, connection: Connection, source: Source, problems: Problems) -> None:
        self.connection, self.source, self.problems = connection, source, problems

    def report(
        self, reason: str, file: str, column: str | None, query: Composable, *, personal: bool = False
    ) -> None:
        report_rows(self.connection, self.problems, reason, f"{file}.csv", column, query, personal=personal)

    def duplicates(self, file: str) -> None:
        self.report(
            "P-ROSTER-050",
            file,
            "sourcedId",
            SQL("""
                select line, "sourcedId", first from (
                    select line, "sourcedId", first_value(line) over w as first, row_number() over w as place
                    from {} where "sourcedId" is not null window w as (partition by "sourcedId" order by line)
                ) d where place > 1
            """).format(stage_name(file)),
            personal=profile.FILES[file].personal,
        )

    def references(self, file: str) -> None:
        columns = [(column, rule) for column, rule in profile.FILES[file].rules.items() if rule.refers_to]
        if file == "demographics":
            columns = [("sourcedId", profile.Rule(refers_to="users", personal=True))]
        for column, rule in columns:
            if rule.refers_to in self.source.unreadable or rule.refers_to is None:
                continue
            named = (
                SQL("cross join lateral unnest(regexp_split_to_array(btrim(s.{}), '\\s*,\\s*')) as named(it)")
                if rule.is_list
                else SQL("cross join lateral (select s.{}) as named(it)")
            ).format(Identifier(column))
            self.report(
                "P-ROSTER-051",
                file,
                column,
                SQL("""
                    select s.line, named.it, {file}::text from {stage} s {named}
                    where s.status is distinct from 'tobedeleted' and named.it <> ''
                    and not exists (select from {known} k where k.sourced_id = named.it and k.live)
                """).format(
                    stage=stage_name(file),
                    named=named,
                    known=known_name(rule.refers_to),
                    file=Value(f"{rule.refers_to}.csv"),
                ),
                personal=rule.personal,
            )

    def circles(self, file: str, table: str) -> None:
        rows = self.connection.execute(
            SQL("""
                select s."sourcedId", s."parentSourcedId", s.line from {stage} s
                where s."sourcedId" is not null and s.status is distinct from 'tobedeleted'
                union all
                select t.sourced_id, p.sourced_id, null from {table} t join {table} p on p.id = t.parent_id
                where t.sourced_id not in (select "sourcedId" from {stage} where "sourcedId" is not null)
            """).format(stage=stage_name(file), table=Identifier(table))
        ).fetchall()
        parents = {child: parent for child, parent, _ in rows}
        lines = {child: line for child, _, line in rows}
        for circle in _circles(parents):
            first = min(circle, key=lambda child: lines[child] or 0)
            detail = " → ".join(shown(member) for member in circle[:5])
            self.problems.add(
                Problem("P-ROSTER-052", f"{file}.csv", lines[first], "parentSourcedId", shown(first), detail)
            )

    def unknown_removals(self, file: str) -> None:
        if table := TABLES.get(file):
            self.report(
                "P-ROSTER-073",
                file,
                "sourcedId",
                SQL("""
                    select line, "sourcedId", null from {} where status = 'tobedeleted'
                    and "sourcedId" not in (select sourced_id from {})
                """).format(stage_name(file), Identifier(table)),
                personal=profile.FILES[file].personal,
            )

    def provider(self, tenant_oid: str) -> None:
        rows = self.connection.execute(
            SQL("""
                select line, coalesce({oid}, "sourcedId") from {stage} s
                where type = 'district' and status is distinct from 'tobedeleted' order by line
            """).format(oid=SQL(ORGANISATION_OID), stage=stage_name("orgs"))
        ).fetchall()
        if self.source.kind == "bulk" and not rows:
            self.problems.add(Problem("P-ROSTER-057", "orgs.csv", detail=Detail(mark("there is none"))))
        for line, _ in rows[1:KEPT]:
            self.problems.add(Problem("P-ROSTER-057", "orgs.csv", line))
        for line, oid in rows[:1]:
            if oid != tenant_oid:
                ours = Detail(mark("this municipality's is {oid}"), {"oid": tenant_oid})
                self.problems.add(Problem("P-ROSTER-056", "orgs.csv", line, "sourcedId", shown(oid), ours))

    def twins(self, file: str, column: str, key: LiteralString) -> None:
        self.report(
            "P-ROSTER-053",
            file,
            column,
            SQL("""
                select line, key, first from (
                    select line, key, first_value(line) over w as first, row_number() over w as place
                    from (
                        select s.line, {key} as key from {stage} s
                        where s.status is distinct from 'tobedeleted'
                    ) k where key is not null window w as (partition by key order by line)
                ) d where place > 1
            """).format(key=SQL(key), stage=stage_name(file)),
            personal=True,
        )

    def other_source(self) -> bool:
        """Whether a bulk knows none of our people, but their usernames or learner numbers: one problem, not
        one for each person."""
        if self.source.kind == "delta":
            return False
        people, known, same = self.connection.execute(
            SQL("""
                select count(*), count(*) filter (where p.id is not null),
                    count(*) filter (where a.id is not null or n.id is not null)
                from {stage} s
                left join persons p on p.sourced_id = s."sourcedId"
                left join accounts a on a.username = lower(s.username)
                left join persons n on n.learner_number = {number}
            """).format(stage=stage_name("users"), number=SQL(LEARNER_NUMBER))
        ).fetchone() or (0, 0, 0)
        if known or not same:
            return False
        share = Detail(mark("{same} of {people}"), {"same": same, "people": people})
        self.problems.add(Problem("P-ROSTER-060", "users.csv", column="sourcedId", detail=share))
        return True

    def school_codes(self) -> None:
        """Two schools with one code, both in the source, or one of them in the platform and not leaving."""
        self.report(
            "P-ROSTER-111",
            "orgs",
            "identifier",
            SQL("""
                with coded as (
                    select s.line, s."sourcedId" as id, s.identifier as code from {stage} s
                    where s.type = 'school' and s.identifier ~ '^[0-9]{{5}}$'
                    and s.status is distinct from 'tobedeleted'
                )
                select c.line, c.code, first.line from coded c
                left join lateral (
                    select min(e.line) as line from coded e where e.code = c.code and e.line < c.line
                ) first on true
                where first.line is not null or exists (
                    select from organisations o where o.school_code = c.code and o.kind = 'school'
                    and o.status = 'active' and o.sourced_id <> c.id
                    and not exists (select from {stage} s where s."sourcedId" = o.sourced_id)
                    and not (o.origin = 'roster' and {whole})
                )
            """).format(stage=stage_name("orgs"), whole=Value(self.source.kind == "bulk")),
        )

    def classes_of_one_name(self) -> None:
        """A class by the name of another of its school and terms: it may be one, with two sourcedIds."""
        self.report(
            "P-ROSTER-112",
            "classes",
            "title",
            SQL("""
                with named as (
                    select s.line, s."sourcedId" as id, s.title, lower(s.title) as name,
                        s."schoolSourcedId" as school,
                        regexp_split_to_array(btrim(s."termSourcedIds"), '\\s*,\\s*') as terms
                    from {stage} s
                    where s."classType" = 'homeroom' and s.status is distinct from 'tobedeleted'
                ),
                earlier as (
                    select n.line, min(e.line) as first from named n join named e
                    on (e.school, e.name) = (n.school, n.name) and e.line < n.line and e.terms && n.terms
                    group by n.line
                )
                select n.line, n.title, e.first from named n left join earlier e using (line)
                where e.first is not null or exists (
                    select from groups g join organisations o on o.id = g.school_id
                    join group_sessions gs on gs.group_id = g.id
                    join academic_sessions a on a.id = gs.session_id and a.sourced_id = any(n.terms)
                    where (o.sourced_id, lower(g.title)) = (n.school, n.name) and g.sourced_id <> n.id
                    and g.group_type = 'homeroom' and g.status = 'active'
                    and not exists (select from {stage} s where s."sourcedId" = g.sourced_id)
                    and not (g.origin = 'roster' and {whole})
                )
            """).format(stage=stage_name("classes"), whole=Value(self.source.kind == "bulk")),
        )

    def taken_usernames(self) -> None:
        # The one exception is a person who gets another username in this very source.
        self.report(
            "P-ROSTER-058",
            "users",
            "username",
            SQL("""
                select s.line, s.username, null from {stage} s
                join accounts a on a.username = lower(s.username) join persons p on p.id = a.person_id
                where p.sourced_id <> s."sourcedId" and s.status is distinct from 'tobedeleted'
                and not exists (
                    select from {stage} o where o."sourcedId" = p.sourced_id
                    and o.status is distinct from 'tobedeleted' and lower(o.username) <> a.username
                )
            """).format(stage=stage_name("users")),
            personal=True,
        )

    def taken_learner_numbers(self) -> None:
        self.report(
            "P-ROSTER-058",
            "users",
            "userMasterIdentifier",
            SQL("""
                with numbered as (
                    select s.line, s."sourcedId", {number} as number from {stage} s
                    where s.status is distinct from 'tobedeleted'
                )
                select s.line, s.number, null from numbered s
                join persons p on p.learner_number = s.number and p.sourced_id <> s."sourcedId"
                where not exists (
                    select from numbered o
                    where o."sourcedId" = p.sourced_id and o.number is distinct from p.learner_number
                )
            """).format(number=SQL(LEARNER_NUMBER), stage=stage_name("users")),
            personal=True,
        )

    def own_guardians(self) -> None:
        self.report(
            "P-ROSTER-054",
            "users",
            "agentSourcedIds",
            SQL("""
                select line, "sourcedId", null from {}
                where "sourcedId" = any(regexp_split_to_array(btrim("agentSourcedIds"), '\\s*,\\s*'))
            """).format(stage_name("users")),
            personal=True,
        )

    def lifted_nondisclosures(self) -> None:
        self.report(
            "P-ROSTER-079",
            "users",
            profile.NONDISCLOSURE,
            SQL("""
                select s.line, s."sourcedId", null from {stage} s
                join persons p on p.sourced_id = s."sourcedId"
                where p.nondisclosure and s.{said} = 'false' and s.status is distinct from 'tobedeleted'
                and p.origin = 'roster' and p.nondisclosure_origin = 'roster'
            """).format(stage=stage_name("users"), said=Identifier(profile.NONDISCLOSURE)),
            personal=True,
        )

    def schools_of_enrolments(self) -> None:
        self.report(
            "P-ROSTER-055",
            "enrollments",
            "schoolSourcedId",
            SQL("""
                select e.line, e."schoolSourcedId", c.school from {enrollments} e
                join (
                    select "sourcedId" as class, "schoolSourcedId" as school from {classes}
                    union all
                    select g.sourced_id, o.sourced_id from groups g join organisations o on o.id = g.school_id
                    where not exists (select from {classes} s where s."sourcedId" = g.sourced_id)
                ) c on c.class = e."classSourcedId"
                -- One that nobody knows is told already.
                join {schools} k on k.sourced_id = e."schoolSourcedId" and k.live
                where e."schoolSourcedId" <> c.school and e.status is distinct from 'tobedeleted'
            """).format(
                enrollments=stage_name("enrollments"),
                classes=stage_name("classes"),
                schools=known_name("orgs"),
            ),
        )

    def people_without_role(self) -> None:
        self.report(
            "P-ROSTER-074",
            "users",
            "sourcedId",
            SQL("""
                select line, "sourcedId", null from {users} s
                where not exists (select from {roles} r where r."userSourcedId" = s."sourcedId")
            """).format(users=stage_name("users"), roles=stage_name("roles")),
            personal=True,
        )


def report_rows(
    connection: Connection,
    problems: Problems,
    reason: str,
    file: str,
    column: str | None,
    query: Composable,
    *,
    personal: bool = False,
) -> None:
    """Report the rows (line, value, detail) of a query as problems; the last that is kept counts the rest."""
    counted = SQL(
        "select q.*, count(*) over () from ({}) q(line, value, detail) order by line limit {}"
    ).format(query, Value(KEPT))
    rows = connection.execute(counted).fetchall()
    for place, (line, value, detail, total) in enumerate(rows):
        shape = None if value is None else masked(value) if personal else shown(value)
        more = total - len(rows) + 1 if place == len(rows) - 1 else 1
        told = Detail(LINE, {"line": detail}) if isinstance(detail, int) else detail
        problems.add(Problem(reason, file, line, column, shape, told), more)


def is_mass_removal(leaving: int, people: int) -> bool:
    """Whether so many leave that it is rather a broken export, or a slip, than a wish."""
    return people >= MASS_REMOVAL_FROM and leaving * MASS_REMOVAL > people


def _circles(parents: dict[str, str | None]) -> Iterator[list[str]]:
    """Given each member's parent, the circles among them."""
    done: set[str] = set()
    for start in parents:
        path: dict[str, None] = {}
        member: str | None = start
        while member in parents and member not in done and member not in path:
            path[member] = None
            member = parents[member]
        if member in path:
            walked = list(path)
            yield walked[walked.index(member) :]
        done.update(path)
