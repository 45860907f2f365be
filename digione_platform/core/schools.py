"""Questions about schools, school years and imports. Each answers in a fixed number of SQL statements."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ScalarSelect, Text, cast, exists, func, select
from sqlalchemy.orm import Session

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
from digione_platform.core.names import sort_key
from digione_platform.core.pupils import meets
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


def schools(session: Session, today: date, school_id: UUID | None = None) -> list[SchoolRow]:
    """All schools with their numbers, or one of them."""
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
    query = select(
        Organisation,
        _people((RoleName.STUDENT,), today),
        classes,
        _people((RoleName.TEACHER,), today),
        _people(STAFF, today),
    ).where(Organisation.kind == OrganisationKind.SCHOOL, Organisation.status == Status.ACTIVE)
    if school_id is not None:
        query = query.where(Organisation.id == school_id)
    found = [SchoolRow(*row) for row in session.execute(query)]
    return sorted(found, key=lambda row: sort_key(row.school.name))


def latest_imports(session: Session, limit: int = 10) -> list[tuple[RosterImport, str]]:
    """The newest roster imports, the latest first, with the name of the person or operator who imported."""
    name = func.coalesce(Person.given_name + " " + Person.family_name, RosterImport.actor)
    found = session.execute(
        select(RosterImport, name)
        .outerjoin(Person, cast(Person.id, Text) == RosterImport.actor)
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
    found = session.scalars(
        select(AcademicSession)
        .where(AcademicSession.school_year == year, AcademicSession.status == Status.ACTIVE)
        .order_by(AcademicSession.start_date, AcademicSession.end_date.desc(), AcademicSession.title)
    )
    return sorted(found, key=lambda one: one.session_type is not SessionType.SCHOOL_YEAR)


def _people(roles: tuple[RoleName, ...], today: date) -> ScalarSelect[int]:
    active = exists().where(Person.id == Role.person_id, Person.status == Status.ACTIVE)
    return (
        select(func.count(Role.person_id.distinct()))
        .where(Role.organisation_id == Organisation.id, Role.role.in_(roles), in_force(Role, today), active)
        .correlate(Organisation)
        .scalar_subquery()
    )
