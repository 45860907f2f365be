"""Questions about schools, school years and imports. Each answers in a fixed number of SQL statements."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select, text
from sqlalchemy.orm import Session

from digione_platform.core.history import actor_id
from digione_platform.core.models import (
    AcademicSession,
    Group,
    GroupType,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    RoleName,
    RosterImport,
    SessionType,
    Status,
)
from digione_platform.core.names import name_sql, sort_key
from digione_platform.core.pupils import kept_from_viewer, meets
from digione_platform.core.viewer import in_force


@dataclass(frozen=True)
class SchoolRow:
    """A school with its numbers of pupils, classes, teachers and all staff."""

    school: Organisation
    pupils: int
    classes: int
    teachers: int
    staff: int


STAFF = (
    RoleName.TEACHER,
    RoleName.AIDE,
    RoleName.COUNSELOR,
    RoleName.PRINCIPAL,
    RoleName.ADMINISTRATOR,
)


def follow_moves(session: Session, today: date) -> None:
    """Make the school that pupils stand under the one that they have moved to, if planned ahead.

    Left alone are all but those who were pupils of the one that they stand under, and are no longer.
    """
    session.execute(
        text("""
            update persons p set primary_organisation_id = r.organisation_id, last_modified = now()
            from (
                select distinct on (person_id) person_id, organisation_id from roles
                where role = 'student' and status = 'active'
                and (begin_date is null or begin_date <= :today) and (end_date is null or end_date > :today)
                order by person_id, begin_date desc nulls last, sourced_id
            ) r
            where r.person_id = p.id and p.status = 'active' and (
                select bool_and(o.status <> 'active' or coalesce(o.end_date <= :today, false)) from roles o
                where o.person_id = p.id and o.role = 'student'
                and o.organisation_id = p.primary_organisation_id
            )
        """),
        {"today": today},
    )


def schools(
    session: Session, today: date, school_id: UUID | None = None, *, protected: bool
) -> list[SchoolRow]:
    """All schools with their numbers, or one of them; people under non-disclosure count if ``protected``."""
    here = [] if school_id is None else [Organisation.id == school_id]
    classes = (
        select(func.count())
        .select_from(Group)
        .where(
            Group.school_id == Organisation.id,
            Group.group_type == GroupType.HOMEROOM,
            Group.status == Status.ACTIVE,
            meets(today),
        )
        .correlate(Organisation)
        .scalar_subquery()
    )
    # In two steps: whoever has a role twice counts once, and DISTINCT would take twice as long.
    people = (
        select(
            Role.organisation_id,
            func.bool_or(Role.role == RoleName.STUDENT).label("pupil"),
            func.bool_or(Role.role == RoleName.TEACHER).label("teacher"),
            func.bool_or(Role.role.in_(STAFF)).label("staff"),
        )
        .join(Person, Person.id == Role.person_id)
        .where(in_force(Role, today), Role.role.in_((RoleName.STUDENT, *STAFF)))
        .where(Person.status == Status.ACTIVE)
        .group_by(Role.organisation_id, Role.person_id)
    )
    if school_id is not None:
        people = people.where(Role.organisation_id == school_id)
    people = people.where(Person.id.not_in(kept_from_viewer()))
    if not protected:
        people = people.where(~Person.nondisclosure)
    one = people.subquery()
    counted = (
        select(
            one.c.organisation_id,
            func.count().filter(one.c.pupil).label("pupils"),
            func.count().filter(one.c.teacher).label("teachers"),
            func.count().filter(one.c.staff).label("staff"),
        )
        .group_by(one.c.organisation_id)
        .subquery()
    )
    query = (
        select(
            Organisation,
            func.coalesce(counted.c.pupils, 0),
            classes,
            func.coalesce(counted.c.teachers, 0),
            func.coalesce(counted.c.staff, 0),
        )
        .outerjoin(counted, counted.c.organisation_id == Organisation.id)
        .where(Organisation.kind == OrganisationKind.SCHOOL, Organisation.status == Status.ACTIVE, *here)
    )
    found = [SchoolRow(*row) for row in session.execute(query)]
    return sorted(found, key=lambda row: sort_key(row.school.name))


def latest_imports(session: Session, limit: int = 10) -> list[tuple[RosterImport, str]]:
    """The newest roster imports, the latest first, with the name of the person or operator who imported."""
    called: ColumnElement[str] = literal_column(name_sql("persons"))
    name = func.coalesce(called, RosterImport.actor)
    found = session.execute(
        select(RosterImport, name)
        .outerjoin(Person, Person.id == actor_id(RosterImport.actor))
        .order_by(RosterImport.at.desc())
        .limit(limit)
    )
    return [(one, who) for one, who in found]


def sessions_of_year(session: Session, today: date) -> list[AcademicSession]:
    """The school year of a day with its terms and periods: the year first, then by date."""
    year = (
        select(AcademicSession.school_year)
        .where(
            AcademicSession.session_type == SessionType.SCHOOL_YEAR,
            AcademicSession.status == Status.ACTIVE,
            AcademicSession.start_date <= today,
            AcademicSession.end_date > today,
        )
        .limit(1)
        .scalar_subquery()
    )
    found = in_order_of_dates(session, AcademicSession.school_year == year)
    return sorted(found, key=lambda one: one.session_type is not SessionType.SCHOOL_YEAR)


def in_order_of_dates(session: Session, wanted: ColumnElement[bool]) -> list[AcademicSession]:
    """School years, terms and periods by their first days, what is longer before what lies in it."""
    return list(
        session.scalars(
            select(AcademicSession)
            .where(wanted, AcademicSession.status == Status.ACTIVE)
            .order_by(AcademicSession.start_date, AcademicSession.end_date.desc(), AcademicSession.title)
        )
    )


@dataclass(frozen=True)
class Calendar:
    """Where a day lies in the register: its school year, the terms and periods that run, and the next term.

    Between two terms there is holiday.
    """

    year: AcademicSession | None
    terms: list[AcademicSession]
    periods: list[AcademicSession]
    next_term: AcademicSession | None


_TERMS = (SessionType.TERM, SessionType.SEMESTER)


def calendar(session: Session, today: date) -> Calendar:
    """What runs on a day, in one statement."""
    found = in_order_of_dates(session, AcademicSession.end_date > today)
    running = [one for one in found if one.start_date <= today]
    return Calendar(
        next((one for one in running if one.session_type is SessionType.SCHOOL_YEAR), None),
        [one for one in running if one.session_type in _TERMS],
        [one for one in running if one.session_type is SessionType.GRADING_PERIOD],
        next((one for one in found if one.session_type in _TERMS and one.start_date > today), None),
    )
