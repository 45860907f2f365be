"""Stages groups, and the places of people in them."""

from psycopg.sql import SQL, Composable
from psycopg.sql import Literal as Value

from digione_platform.core.guardians import TODAY
from digione_platform.roster.primus.fields import Rows
from digione_platform.roster.primus.people import by_rows
from digione_platform.roster.primus.work import ENROLLED, GROUP, Work, names, together, value_of
from digione_platform.roster.staging import stage_name


def stage_groups(work: Work) -> None:
    """Stage groups; a new one gets a course of its own and the terms of the school year that is or comes."""
    together(work, "mapped_groups", "mapped_classes", GROUP, personal=False)
    work.run(
        SQL("""
            create temporary table mapped_terms on commit drop as
            -- Or the year itself, where it has none.
            select coalesce((
                select string_agg(t.sourced_id, ',' order by t.start_date, t.sourced_id)
                from academic_sessions t where t.status = 'active' and t.school_year = y.school_year
                and t.session_type in ('term', 'semester')
            ), y.sourced_id) as term
            from (
                select s.sourced_id, s.school_year from academic_sessions s
                where s.status = 'active' and s.session_type = 'schoolYear' and s.end_date > {today}
                order by s.start_date limit 1
            ) y
        """).format(today=SQL(TODAY))
    )
    kept = {
        "subjects": "nullif(array_to_string(t.subjects, ','), '')",
        "subjectCodes": "nullif(array_to_string(t.subject_codes, ','), '')",
        "periods": "nullif(array_to_string(t.periods, ','), '')",
        "classCode": "t.group_code",
    }
    said = {
        field.column: value_of(work, name, field, "groups") for name, field in GROUP.items() if field.column
    }
    columns = {**said, **{column: SQL(sql) for column, sql in kept.items()}}
    work.run(
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
            columns=names(columns),
            values=SQL(", ").join(columns.values()),
            today=SQL(TODAY),
        )
    )
    work.run(
        SQL("""
            insert into {courses} (line, "sourcedId", status, title, grades, "orgSourcedId")
            select c.line, c."courseSourcedId", 'active', c.title, c.grades, c."schoolSourcedId"
            from {classes} c where c."courseSourcedId" = 'course-' || md5(c."sourcedId")
        """).format(courses=stage_name("courses"), classes=stage_name("classes"))
    )
    work.report(
        "P-ROSTER-061",
        "classes",
        "id",
        SQL("""
            select min(line), null, null from {} where "termSourcedIds" is null having count(*) > 0
        """).format(stage_name("classes")),
        personal=False,
    )


def stage_enrolments(work: Work) -> None:
    """Stage the places of people in groups, and those that they no longer have."""
    work.run(
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
            role=by_rows(
                work,
                {"pupils": Value("student")},
                SQL("case p.role when 'aide' then 'aide' else 'teacher' end"),
            )
        )
    )
    work.run(
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
    work.run(
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
        """).format(prefix=Value(work.mapping.prefix("groups"))),
        "mapped_places",
        "mapped_group_names",
    )
    work.run(
        SQL("""
            create temporary table mapped_enrolments on commit drop as
            select p.person, p.role, n.id as "group", n.at, min(p.place) as place, p.field, p.said
            from mapped_places p join mapped_group_names n
            on n.said = p.said and n.type = p.type and n.school is not distinct from p.school
            group by 1, 2, 3, 4, 6, 7
        """)
    )
    for field in ("homeroom", "groups"):
        work.report(
            "P-ROSTER-051",
            "users",
            field,
            # Where the school is unknown no class of it can be found: the school is what is told.
            SQL("""
                select place, said, null from mapped_enrolments e where "group" is null and field = {}
                and not exists (
                    select from mapped_people p where p.place = e.place
                    and p.school not in (select said from mapped_schools)
                )
            """).format(Value(field)),
            personal=False,
        )
    work.run(
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
        """).format(stage=stage_name("enrollments"), held=ENROLLED)
    )
    work.run(SQL("analyze {}").format(stage_name("enrollments")))
    told: dict[Rows, list[str]] = {"pupils": ["student"], "staff": ["teacher", "aide"]}
    for rows, roles in told.items():
        for field, kind in (("homeroom", "homeroom"), ("groups", "scheduled")):
            if entries := work.of(rows, field=field):
                drop_enrolments(
                    work,
                    SQL("""
                        e.role = any({}) and g.group_type = {}
                        and p.sourced_id in (select id from mapped_people where entry = any({}))
                    """).format(Value(roles), Value(kind), Value(entries)),
                )


def drop_enrolments(work: Work, which: Composable) -> None:
    """Stage the end of the roster's places that a condition on ``e``, ``p`` and ``g`` chooses."""
    work.run(
        SQL("""
            insert into {stage} ("sourcedId", status, "classSourcedId", "schoolSourcedId",
                "userSourcedId", role)
            select e.sourced_id, 'tobedeleted', g.sourced_id, o.sourced_id, p.sourced_id, e.role
            from enrolments e join persons p on p.id = e.person_id join groups g on g.id = e.group_id
            join organisations o on o.id = e.school_id
            where {held} and {which}
            and not exists (select from {stage} s where s."sourcedId" = e.sourced_id)
        """).format(stage=stage_name("enrollments"), held=ENROLLED, which=which)
    )
