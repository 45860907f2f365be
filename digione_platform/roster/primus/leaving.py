"""Stages as leaving who is missing in files that are a whole register."""

from psycopg.sql import SQL, Composed
from psycopg.sql import Literal as Value

from digione_platform.i18n import mark
from digione_platform.roster.checks import is_mass_removal
from digione_platform.roster.primus.fields import Rows
from digione_platform.roster.primus.groups import drop_enrolments
from digione_platform.roster.primus.people import drop_roles, roles_of
from digione_platform.roster.primus.work import HELD, Work
from digione_platform.roster.problems import Detail, Problem
from digione_platform.roster.staging import stage_name


def stage_missing(work: Work, rows: Rows) -> None:
    """Stage as leaving what is in the database and not in the files."""
    if rows == "groups":
        _missing_groups(work)
        return
    held = SQL("""
        select r.person_id from roles r where {held} and r.origin = 'roster' and r.role in ({roles})
    """).format(held=HELD, roles=roles_of(work, rows))
    absent = SQL("""
        not exists (select from mapped_people m where m.id = p.sourced_id and m.entry = any({}))
    """).format(Value(work.of(rows)))
    drop_roles(work, rows, absent)
    # Who has another role stays, but no longer as what they are missing in.
    stays = SQL("""
        exists (
            select from roles r where r.person_id = p.id and {held} and not exists (
                select from {stage} s where s."sourcedId" = r.sourced_id and s.status = 'tobedeleted'
            )
        ) or exists (select from mapped_people m where m.id = p.sourced_id)
    """).format(held=HELD, stage=stage_name("roles"))
    work.run(
        SQL("""
            insert into {stage} ("sourcedId", status)
            select p.sourced_id, 'tobedeleted' from persons p
            where p.status = 'active' and p.origin = 'roster' and p.id in ({held})
            and {absent} and not ({stays})
            and not exists (select from {stage} s where s."sourcedId" = p.sourced_id)
        """).format(stage=stage_name("users"), held=held, absent=absent, stays=stays)
    )
    roles = {"pupils": ["student"], "staff": ["teacher", "aide", "administrator", "proctor"]}
    drop_enrolments(
        work,
        SQL("p.id in ({held}) and {absent} and e.role = any({roles})").format(
            held=held, absent=absent, roles=Value(roles.get(rows, []))
        ),
    )
    _guard(
        work,
        "users.csv",
        SQL("""
            select count(*), count(*) filter (where {absent}) from persons p
            where p.status = 'active' and p.origin = 'roster' and p.id in ({held})
        """).format(absent=absent, held=held),
    )


def _missing_groups(work: Work) -> None:
    scope = SQL("""
        g.group_type in (select type from mapped_classes)
        and not exists (select from mapped_classes m where m.id = g.sourced_id)
    """)
    work.run(
        SQL("""
            insert into {stage} ("sourcedId", status)
            select g.sourced_id, 'tobedeleted' from groups g where g.status = 'active' and {scope}
        """).format(stage=stage_name("classes"), scope=scope)
    )
    drop_enrolments(work, scope)
    _guard(
        work,
        "classes.csv",
        SQL("select count(*), count(*) filter (where {}) from groups g where g.status = 'active'").format(
            scope
        ),
    )


def _guard(work: Work, file: str, counted: SQL | Composed) -> None:
    row = work.connection.execute(counted).fetchone()
    all_, leaving = row or (0, 0)
    if is_mass_removal(leaving, all_) and not work.context.allow_mass_removal:
        share = Detail(mark("{removed} of {people}"), {"removed": leaving, "people": all_})
        work.problems.add(Problem("P-ROSTER-059", file, detail=share))
