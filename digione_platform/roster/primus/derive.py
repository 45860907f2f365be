"""From rows of mapped files to the staged tables of OneRoster, set by set, in SQL.

``mapped_people`` and ``mapped_groups`` hold the rows as they were read. People who stand on several rows are
brought together by their identifier; relations are resolved by identifier, never by order; what the mapping
does not name is filled in from the database; and of whole registers, who is missing is staged as leaving.
"""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from digione_platform.roster.primus.groups import stage_enrolments, stage_groups
from digione_platform.roster.primus.leaving import stage_missing
from digione_platform.roster.primus.mapping import Entry, TenantMapping
from digione_platform.roster.primus.people import resolve_guardians, stage_people, stage_roles
from digione_platform.roster.primus.work import PEOPLE, Context, Work
from digione_platform.roster.problems import Problems


def derive(
    connection: Connection,
    mapping: TenantMapping,
    entries: Mapping[int, Entry],
    context: Context,
    problems: Problems,
) -> None:
    """Fill the staged tables from the rows that were read."""
    work = Work(connection, mapping, entries, context, problems)
    _resolve_schools(work)
    if work.of("groups"):
        stage_groups(work)
    if work.of(*PEOPLE):
        resolve_guardians(work)
        stage_roles(work)
    stage_enrolments(work)
    for rows in mapping.settings.whole:
        if work.is_whole(rows):
            stage_missing(work, rows)
    # Last, when it is known who leaves.
    if work.of(*PEOPLE):
        stage_people(work)


def _resolve_schools(work: Work) -> None:
    """``mapped_schools``: which organisation is meant by what stands in a school's column."""
    work.run(
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
        work.report(
            "P-ROSTER-051",
            file,
            "school",
            SQL("""
                select place, school, null from {} where school is not null
                and school not in (select said from mapped_schools)
            """).format(Identifier(table)),
            personal=False,
        )
