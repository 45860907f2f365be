"""Questions about pupils, their groups and guardians. Each answers in a fixed number of SQL statements."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased, joinedload

from digione_platform.core.guardians import guards
from digione_platform.core.history import who_acts
from digione_platform.core.models import (
    AcademicSession,
    Enrolment,
    EnrolmentRole,
    Group,
    GroupSession,
    GroupType,
    Guardianship,
    Organisation,
    Person,
    Role,
    RoleName,
    Status,
)
from digione_platform.core.names import PERSON_WORDS, begins, split
from digione_platform.core.paging import Page, cut
from digione_platform.core.viewer import in_force

# Who has a group: they teach it, or assist in it.
LEADERS = (EnrolmentRole.TEACHER, EnrolmentRole.AIDE)
_BY_NAME = (Person.sort_name, Person.id)


@dataclass(frozen=True)
class PupilRow:
    """A pupil with the names of their school and class; ``None`` where there is none."""

    person: Person
    school: str | None
    homeroom: str | None


@dataclass(frozen=True)
class GroupRow:
    """A group with the name of its school, its number of pupils and the names of its teachers."""

    group: Group
    school: str
    pupils: int
    teachers: str


def children_of(session: Session, guardian_id: UUID, today: date) -> list[tuple[PupilRow, Guardianship]]:
    """The children of a guardian, each with school and class, and what the guardianship is."""
    found = session.execute(
        pupil_rows(today)
        .add_columns(Guardianship)
        .join(Guardianship, Guardianship.child_id == Person.id)
        .where(Guardianship.guardian_id == guardian_id, guards(today))
        .order_by(Person.sort_name)
    )
    return [(PupilRow(*row), guardianship) for *row, guardianship in found]


def pupil(session: Session, person_id: UUID, today: date) -> PupilRow | None:
    """One pupil with school and class."""
    found = session.execute(pupil_rows(today, Person.id == person_id, _is_pupil(today))).one_or_none()
    return None if found is None else PupilRow(*found)


def kept_from_viewer() -> Select[UUID]:
    """The children under non-disclosure whose other guardian it is who looks.

    Where they work, too, they are not to learn where the child is, nor by a number of pupils.
    """
    child, guardian = aliased(Person), aliased(Person)
    return (
        select(Guardianship.child_id)
        .join(child, child.id == Guardianship.child_id)
        .join(guardian, guardian.id == Guardianship.guardian_id)
        .where(
            Guardianship.guardian_id == who_acts(),
            child.nondisclosure,
            ~guardian.nondisclosure,
        )
    )


def pupils_of_group(session: Session, group_id: UUID, today: date) -> list[Person]:
    """The pupils of a group in alphabetical order."""
    return list(
        session.scalars(
            select(Person)
            .where(
                Person.status == Status.ACTIVE,
                Person.id.not_in(kept_from_viewer()),
                exists().where(
                    _enrolled(Person.id, EnrolmentRole.STUDENT, today), Enrolment.group_id == group_id
                ),
            )
            .order_by(Person.sort_name)
        )
    )


def pupils_of_school(
    session: Session, school_id: UUID, today: date, *, search: str, sort: str, page: int
) -> Page[PupilRow]:
    """One page of a school's pupils. ``search`` is the beginning of any part of the name, or a class."""
    wanted = [at_school(Person.id, school_id, today), named_or_in_class(search, today)]
    order = (*title_order(_homeroom(today)), Person.sort_name) if sort == "class" else _BY_NAME
    return cut(session, pupil_rows(today, *wanted), order, page, lambda *row: PupilRow(*row))


def named_or_in_class(search: str, today: date) -> ColumnElement[bool]:
    """The condition that each word begins a part of a pupil's name or is the name of their class."""
    # Sets put together, for "or" would keep the database from using the index of words.
    found = [
        union(
            select(Person.id).where(begins(PERSON_WORDS, *split(word))),
            select(Enrolment.person_id)
            .join(Group, Group.id == Enrolment.group_id)
            .where(
                Group.group_type == GroupType.HOMEROOM,
                Group.status == Status.ACTIVE,
                func.lower(Group.title) == word.lower(),
                Enrolment.role == EnrolmentRole.STUDENT,
                in_force(Enrolment, today),
            ),
        )
        for word in search.replace("\x00", "").split()
    ]
    return and_(true(), *(Person.id.in_(one) for one in found))


def at_school(person_id: Any, school_id: UUID, today: date) -> ColumnElement[bool]:
    """The condition that a person is a pupil of a school."""
    return exists().where(
        Role.person_id == person_id,
        Role.person_id.not_in(kept_from_viewer()),
        Role.role == RoleName.STUDENT,
        in_force(Role, today),
        Role.organisation_id == school_id,
    )


def taught_by(person_id: Any, teacher_id: UUID, school_id: UUID, today: date) -> ColumnElement[bool]:
    """The condition that a person is a pupil in a group that a teacher has in a school."""
    mine, theirs = aliased(Enrolment), aliased(Enrolment)
    return exists().where(
        mine.group_id == theirs.group_id,
        mine.person_id == teacher_id,
        mine.role.in_(LEADERS),
        in_force(mine, today),
        theirs.person_id == person_id,
        theirs.person_id.not_in(kept_from_viewer()),
        theirs.role == EnrolmentRole.STUDENT,
        in_force(theirs, today),
        Group.id == mine.group_id,
        Group.school_id == school_id,
        Group.status == Status.ACTIVE,
    )


def groups_of_teacher(session: Session, person_id: UUID, school_id: UUID, today: date) -> list[GroupRow]:
    """The groups that a person teaches or assists in, in one school."""
    return _groups(session, today, led_by(person_id, school_id, today))


def led_by(person_id: UUID, school_id: UUID, today: date) -> ColumnElement[bool]:
    """The condition that a person teaches or assists in a group, in one school."""
    own = exists().where(
        Enrolment.group_id == Group.id,
        Enrolment.person_id == person_id,
        Enrolment.role.in_(LEADERS),
        in_force(Enrolment, today),
    )
    return and_(own, Group.school_id == school_id)


def groups_of_school(session: Session, school_id: UUID, today: date, kind: GroupType) -> list[GroupRow]:
    """The classes or the teaching groups of a school that meet now."""
    return _groups(session, today, Group.school_id == school_id, Group.group_type == kind, meets(today))


def groups_of_pupil(session: Session, person_id: UUID, today: date) -> list[GroupRow]:
    """The groups of a pupil, the class first."""
    own = exists().where(_enrolled(person_id, EnrolmentRole.STUDENT, today), Enrolment.group_id == Group.id)
    return sorted(
        _groups(session, today, own), key=lambda row: row.group.group_type is not GroupType.HOMEROOM
    )


def group(session: Session, group_id: UUID) -> Group | None:
    """An active group with its school."""
    return session.scalar(
        select(Group)
        .options(joinedload(Group.school))
        .where(Group.id == group_id, Group.status == Status.ACTIVE)
    )


def teaches(session: Session, person_id: UUID, group_id: UUID, today: date) -> bool:
    """Whether a person is teacher or aide of a group."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    Enrolment.group_id == group_id,
                    Enrolment.person_id == person_id,
                    Enrolment.role.in_(LEADERS),
                    in_force(Enrolment, today),
                )
            )
        )
    )


def teaches_pupil(session: Session, teacher_id: UUID, pupil_id: UUID, school_id: UUID, today: date) -> bool:
    """Whether a person is teacher or aide of any group of a pupil in a school."""
    return bool(session.scalar(select(taught_by(pupil_id, teacher_id, school_id, today))))


def goes_to_school(session: Session, person_id: UUID, school_id: UUID, today: date) -> bool:
    """Whether a person is a pupil of a school."""
    return bool(session.scalar(select(at_school(person_id, school_id, today))))


def pupil_rows(today: date, *wanted: ColumnElement[bool]) -> Select[Person, str | None, str | None]:
    """People with the names of their school and class (``PupilRow``)."""
    return _pupil_rows(today).where(*wanted)


@lru_cache(maxsize=2)
def _pupil_rows(today: date) -> Select[Person, str | None, str | None]:
    school = (
        select(
            func.string_agg(
                Organisation.name.distinct(), aggregate_order_by(literal(", "), Organisation.name)
            )
        )
        .join(Role, Role.organisation_id == Organisation.id)
        .where(Role.person_id == Person.id, Role.role == RoleName.STUDENT, in_force(Role, today))
        .correlate(Person)
        .scalar_subquery()
    )
    return select(Person, school, _homeroom(today)).where(Person.status == Status.ACTIVE)


def _homeroom(today: date) -> ScalarSelect[str | None]:
    return (
        select(func.string_agg(Group.title.distinct(), aggregate_order_by(literal(", "), Group.title)))
        .join(Enrolment, Enrolment.group_id == Group.id)
        .where(
            _enrolled(Person.id, EnrolmentRole.STUDENT, today),
            Group.group_type == GroupType.HOMEROOM,
            Group.status == Status.ACTIVE,
        )
        .correlate(Person)
        .scalar_subquery()
    )


def _enrolled(person_id: object, role: EnrolmentRole, today: date) -> ColumnElement[bool]:
    return and_(Enrolment.person_id == person_id, Enrolment.role == role, in_force(Enrolment, today))


def _is_pupil(today: date) -> ColumnElement[bool]:
    return exists().where(Role.person_id == Person.id, Role.role == RoleName.STUDENT, in_force(Role, today))


def _groups(session: Session, today: date, *wanted: ColumnElement[bool]) -> list[GroupRow]:
    found = session.execute(
        group_rows(today).where(Group.status == Status.ACTIVE, *wanted).order_by(*title_order(Group.title))
    )
    return [GroupRow(*row) for row in found]


@lru_cache(maxsize=4)
def group_rows(today: date, *, protected: bool = True) -> Select[Group, str, int, str]:
    """The query of groups as rows (``GroupRow``); people under non-disclosure only where ``protected``."""
    return _group_rows(today, protected=protected)


def group_rows_when_they_meet(today: date) -> Select[Group, str, int, str]:
    """The same without people under non-disclosure, each group as it is on the day of its terms that is
    next to today.
    """

    def of_terms(value: Any) -> ScalarSelect[date]:
        return (
            select(value)
            .join(GroupSession, GroupSession.session_id == AcademicSession.id)
            .where(GroupSession.group_id == Group.id)
            .correlate(Group)
            .scalar_subquery()
        )

    first = of_terms(func.min(AcademicSession.start_date))
    last = of_terms(func.max(AcademicSession.end_date) - 1)
    return _group_rows(func.least(func.greatest(today, first), last), protected=False)


def _group_rows(day: Any, *, protected: bool) -> Select[Group, str, int, str]:
    teacher = aliased(Person)
    pupils = (
        select(func.count(Enrolment.person_id.distinct()))
        .where(
            Enrolment.group_id == Group.id,
            Enrolment.role == EnrolmentRole.STUDENT,
            in_force(Enrolment, day),
            Enrolment.person_id.not_in(kept_from_viewer()),
            *(() if protected else (Enrolment.person_id.not_in(_protected()),)),
        )
        .correlate(Group)
        .scalar_subquery()
    )
    name = func.concat(
        func.coalesce(teacher.preferred_family_name, teacher.family_name),
        " ",
        func.coalesce(teacher.preferred_given_name, teacher.given_name),
    )
    teachers = (
        select(
            func.coalesce(
                func.string_agg(
                    name, aggregate_order_by(literal(", "), Enrolment.primary.desc(), teacher.sort_name)
                ),
                "",
            )
        )
        .select_from(Enrolment)
        .join(teacher, teacher.id == Enrolment.person_id)
        .where(
            Enrolment.group_id == Group.id,
            Enrolment.role == EnrolmentRole.TEACHER,
            in_force(Enrolment, day),
            *(() if protected else (teacher.nondisclosure.is_(False),)),
        )
        .correlate(Group)
        .scalar_subquery()
    )
    return select(Group, Organisation.name, pupils, teachers).join(
        Organisation, Organisation.id == Group.school_id
    )


def _protected() -> Select[UUID]:
    return select(Person.id).where(Person.nondisclosure)


def meets(today: date) -> ColumnElement[bool]:
    """The condition that a day is between the first and the last day of a group's terms, if it has any."""
    span = (
        select(func.min(AcademicSession.start_date), func.max(AcademicSession.end_date))
        .join(GroupSession, GroupSession.session_id == AcademicSession.id)
        .where(GroupSession.group_id == Group.id)
        .correlate(Group)
        .subquery()
    )
    begin, end = span.c
    return ~exists().where(or_(begin > today, end <= today))


def title_order(title: Any, *, down: bool = False) -> tuple[ColumnElement[Any], ...]:
    """The order of titles of groups, or its reverse.

    9A comes before 10A: by the number the title begins with, then by the letters.
    """
    number: ColumnElement[Any] = cast(func.substring(title, r"^\d{1,6}"), Integer)
    letters: ColumnElement[Any] = func.coalesce(title, "").collate("C")
    return (number.desc().nulls_first(), letters.desc()) if down else (number.asc().nulls_last(), letters)
