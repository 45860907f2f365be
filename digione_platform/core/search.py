"""What a search finds: people, groups, courses and schools by the beginnings of words.

Each question is about those whom the one who asks may list, which a condition (``Scope``) says, and answers
in two statements. A page that is asked for is cut to ``size`` rows.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select, true, union
from sqlalchemy.orm import Session, aliased

from digione_platform.core.guardians import guards
from digione_platform.core.models import (
    Course,
    Enrolment,
    EnrolmentRole,
    Group,
    Guardianship,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    Status,
)
from digione_platform.core.names import (
    COURSE_WORDS,
    GROUP_WORDS,
    ORGANISATION_WORDS,
    PERSON_WORDS,
    begins,
    in_finnish_order,
    split,
)
from digione_platform.core.paging import Page, cut
from digione_platform.core.pupils import (
    GroupRow,
    PupilRow,
    at_school,
    group_rows,
    led_by,
    named_or_in_class,
    pupil_rows,
    taught_by,
    title_order,
)
from digione_platform.core.viewer import in_force


@dataclass(frozen=True)
class Scope:
    """Where somebody searches: in the groups of a teacher, in a school, or in the whole municipality."""

    school_id: UUID | None = None
    teacher_id: UUID | None = None

    def pupils(self, person_id: Any, today: date) -> ColumnElement[bool]:
        """The condition that a person is a pupil there."""
        if self.school_id is None:
            return true()
        if self.teacher_id is None:
            return at_school(person_id, self.school_id, today)
        return taught_by(person_id, self.teacher_id, self.school_id, today)

    def groups(self, today: date) -> ColumnElement[bool]:
        """The condition that a group is there."""
        if self.school_id is None:
            return true()
        if self.teacher_id is None:
            return Group.school_id == self.school_id
        return led_by(self.teacher_id, self.school_id, today)


@dataclass(frozen=True)
class Asked:
    """What is searched for, where, on which day, and which page of how many rows is wanted.

    Without ``protected``, people under non-disclosure are not found.
    """

    words: str
    scope: Scope
    today: date
    page: int
    size: int
    protected: bool = True

    def seen(self, person: Any) -> ColumnElement[bool]:
        """The condition that somebody may be found."""
        return true() if self.protected else person.nondisclosure.is_(False)


@dataclass(frozen=True)
class GuardianRow:
    """A guardian, and one of the children for whom they were found."""

    guardian: Person
    child: Person


@dataclass(frozen=True)
class CourseRow:
    """A course, the school or municipality that has it, and how many groups study it there."""

    course: Course
    place: str
    groups: int


@dataclass(frozen=True)
class PersonRow:
    """Anyone in the register, with the roles in force."""

    person: Person
    roles: list[str]


def pupils(session: Session, asked: Asked) -> Page[PupilRow]:
    """Pupils by name and class."""
    wanted = (
        asked.scope.pupils(Person.id, asked.today),
        named_or_in_class(asked.words, asked.today),
        asked.seen(Person),
    )
    return _cut(session, asked, pupil_rows(asked.today, *wanted), (Person.sort_name, Person.id), PupilRow)


def guardians(session: Session, asked: Asked) -> Page[GuardianRow]:
    """Guardians by name, once for each of their children."""
    child = aliased(Person)
    query = (
        select(Person, child)
        .join(Guardianship, Guardianship.guardian_id == Person.id)
        .join(child, child.id == Guardianship.child_id)
        .where(
            begins(PERSON_WORDS, *split(asked.words)),
            guards(asked.today),
            Person.status == Status.ACTIVE,
            child.status == Status.ACTIVE,
            asked.scope.pupils(child.id, asked.today),
            asked.seen(child),
        )
    )
    order = (Person.sort_name, Person.id, child.sort_name, child.id)
    return _cut(session, asked, query, order, GuardianRow)


def groups(session: Session, asked: Asked) -> Page[GroupRow]:
    """Groups by title, code, course and the names of their teachers."""
    # Sets put together, for "or" would keep the database from using the indexes of words.
    found = [
        union(
            select(Group.id).where(begins(GROUP_WORDS, word)),
            select(Group.id)
            .join(Course, Course.id == Group.course_id)
            .where(begins(COURSE_WORDS, word), Course.status == Status.ACTIVE),
            select(Enrolment.group_id)
            .join(Person, Person.id == Enrolment.person_id)
            .where(
                begins(PERSON_WORDS, word),
                Enrolment.role == EnrolmentRole.TEACHER,
                in_force(Enrolment, asked.today),
                asked.seen(Person),
            ),
        )
        for word in split(asked.words)
    ]
    wanted = (asked.scope.groups(asked.today), *(Group.id.in_(one) for one in found))
    query = group_rows(asked.today, protected=asked.protected).where(Group.status == Status.ACTIVE, *wanted)
    return _cut(session, asked, query, (*title_order(Group.title), Organisation.name, Group.id), GroupRow)


def courses(session: Session, asked: Asked) -> Page[CourseRow]:
    """Courses by title and code: those of the school and those that all schools share."""
    there = and_(Group.course_id == Course.id, Group.status == Status.ACTIVE, asked.scope.groups(asked.today))
    number = select(func.count()).select_from(Group).where(there).correlate(Course).scalar_subquery()
    query = (
        select(Course, Organisation.name, number)
        .join(Organisation, Organisation.id == Course.organisation_id)
        .where(Course.status == Status.ACTIVE, begins(COURSE_WORDS, *split(asked.words)))
    )
    if asked.scope.school_id is not None:
        shared = Organisation.kind == OrganisationKind.DISTRICT
        query = query.where(or_(Course.organisation_id == asked.scope.school_id, shared))
    return _cut(session, asked, query, (in_finnish_order(Course.title), Course.id), CourseRow)


def schools(session: Session, asked: Asked) -> Page[Organisation]:
    """The municipality's schools and units by name and school code."""
    query = select(Organisation).where(
        Organisation.status == Status.ACTIVE, begins(ORGANISATION_WORDS, *split(asked.words))
    )
    order = (in_finnish_order(Organisation.name), Organisation.id)
    return _cut(session, asked, query, order, lambda one: one)


def people(session: Session, asked: Asked) -> Page[PersonRow]:
    """Everyone in the register by name."""
    roles = (
        select(func.coalesce(func.array_agg(cast(Role.role, Text).distinct()), []))
        .where(Role.person_id == Person.id, in_force(Role, asked.today))
        .correlate(Person)
        .scalar_subquery()
    )
    query = select(Person, roles).where(
        Person.status == Status.ACTIVE, begins(PERSON_WORDS, *split(asked.words)), asked.seen(Person)
    )
    return _cut(session, asked, query, (Person.sort_name, Person.id), PersonRow)


def _cut(session: Session, asked: Asked, query: Any, order: Any, made: Any) -> Page[Any]:
    return cut(session, query, order, asked.page, made, asked.size)
