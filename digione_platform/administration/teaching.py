"""Records of teaching: courses, classes and teaching groups, and the places of people in them."""

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from digione_platform.administration.forms import Field, Fields, Shape
from digione_platform.administration.records import Record, Row, Values, called, choices, in_order, in_use
from digione_platform.core.models import (
    AcademicSession,
    Course,
    Enrolment,
    EnrolmentRole,
    Group,
    GroupSession,
    GroupType,
    Organisation,
    OrganisationKind,
    Person,
    SessionType,
    Status,
)
from digione_platform.core.names import in_finnish_order
from digione_platform.core.pupils import LEADERS
from digione_platform.i18n import mark, today
from digione_platform.web.blocks import Asked
from digione_platform.web.titles import GRADES, VALUES

# Courses


def school_years(session: Session) -> list[AcademicSession]:
    """The school years in use, the latest first."""
    found = session.scalars(
        select(AcademicSession)
        .where(
            AcademicSession.session_type == SessionType.SCHOOL_YEAR, AcademicSession.status == Status.ACTIVE
        )
        .order_by(AcademicSession.start_date.desc())
    )
    return list(found)


def _course_fields(session: Session, row: Row | None) -> Fields:
    years = tuple((str(one.id), one.title) for one in school_years(session))
    return (
        Field("title", mark("Name"), required=True),
        Field("course_code", mark("Code"), longest=40),
        Field(
            "organisation_id",
            mark("Held by"),
            Shape.ROW,
            True,
            choices(session),
            help=mark("The municipality, if several schools use it."),
        ),
        Field("school_year_id", mark("School year"), Shape.ROW, choices=years),
        Field("grades", mark("Grades"), Shape.CHOICES, choices=tuple(GRADES.items())),
        Field("subjects", mark("Subjects"), Shape.LIST, help=mark("With commas between them.")),
        Field("subject_codes", mark("Subject codes"), Shape.LIST, help=mark("In the same order.")),
        *in_use(row),
    )


def _course_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    return {}


COURSES = Record("courses", Course, mark("New course"), _course_fields, _course_check)

# Classes and teaching groups

LONGEST_TITLE = 60
KINDS = tuple((one, VALUES[one]) for one in GroupType)


def _group_fields(session: Session, row: Row | None) -> Fields:
    known = isinstance(row, Group)
    return (
        Field("title", mark("Name"), required=True, longest=LONGEST_TITLE, help=mark("For example 7C.")),
        Field(
            "group_type",
            mark("Kind"),
            Shape.CHOICE,
            True,
            KINDS,
            default=GroupType.HOMEROOM,
        ),
        # Its people are of its school: it is given once.
        *(() if known else (Field("school_id", mark("School"), Shape.ROW, True, schools(session)),)),
        Field(
            "term_ids",
            mark("Terms"),
            Shape.CHOICES,
            choices=_terms(session, row),
            required=True,
            help=mark("When it meets. Terms are added under school years and terms."),
        ),
        Field(
            "course_id",
            mark("Course"),
            Shape.ROW,
            choices=_courses(session, row),
            help=mark("Other systems are given only groups that have a course."),
        ),
        Field("grades", mark("Grades"), Shape.CHOICES, choices=tuple(GRADES.items())),
        Field("location", mark("Place"), longest=60, help=mark("The room, for example.")),
        Field("group_code", mark("Code"), longest=40),
        *in_use(row),
    )


def _group_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    school_id = values.get("school_id", getattr(row, "school_id", None))
    if school_id is None or not {"title", "term_ids"} <= values.keys():
        return {}
    if row.status is not Status.TOBEDELETED and namesake(
        asked.session, row.id, values["title"], school_id, values["term_ids"]
    ):
        return {"title": mark("There is a group of this name in this school and term already.")}
    if row.status is Status.TOBEDELETED and asked.session.scalar(select(_has_pupils(row.id, asked.today))):
        return {"in_use": mark("Pupils are in it: move them, or end their places, first.")}
    return {}


def _has_pupils(group_id: UUID, day: date) -> ColumnElement[bool]:
    """The condition that a group has pupils now or later; those under non-disclosure would be told of."""
    return exists().where(
        Enrolment.group_id == group_id,
        Enrolment.role == EnrolmentRole.STUDENT,
        Enrolment.status == Status.ACTIVE,
        or_(Enrolment.end_date.is_(None), Enrolment.end_date > day),
        Person.id == Enrolment.person_id,
        Person.status == Status.ACTIVE,
        ~Person.nondisclosure,
    )


def namesake(session: Session, group_id: UUID, title: str, school_id: UUID, term_ids: list[str]) -> bool:
    """Whether another group of a school has the name in one of the terms."""
    wanted = exists().where(
        Group.id != group_id,
        Group.school_id == school_id,
        Group.status == Status.ACTIVE,
        func.lower(Group.title) == title.lower(),
        GroupSession.group_id == Group.id,
        GroupSession.session_id.in_([UUID(one) for one in term_ids]),
    )
    return bool(session.scalar(select(wanted)))


def namesakes(session: Session, school_year: int) -> set[tuple[UUID | None, str]]:
    """The schools and small-letter names of the groups of a school year."""
    found = session.execute(
        select(Group.school_id, func.lower(Group.title))
        .join(GroupSession, GroupSession.group_id == Group.id)
        .join(AcademicSession, AcademicSession.id == GroupSession.session_id)
        .where(AcademicSession.school_year == school_year, Group.status == Status.ACTIVE)
    )
    return {(school_id, title) for school_id, title in found}


def schools(session: Session) -> tuple[tuple[str, str], ...]:
    """Schools and units to choose from."""
    found = session.execute(
        select(Organisation.id, Organisation.name)
        .where(Organisation.status == Status.ACTIVE, Organisation.kind != OrganisationKind.DISTRICT)
        .order_by(in_finnish_order(Organisation.name))
    )
    return tuple((str(key), name) for key, name in found)


def _terms(session: Session, row: Row | None) -> tuple[tuple[str, str], ...]:
    """Terms and periods that go on or are to come, those of the latest school years, and what the row has.

    They stand in order, those of school years that are over at the end.
    """
    own = [UUID(one) for one in row.term_ids] if isinstance(row, Group) else []
    latest = select(func.max(AcademicSession.school_year)).where(AcademicSession.status == Status.ACTIVE)
    recent = (AcademicSession.status == Status.ACTIVE) & or_(
        AcademicSession.end_date > today(), AcademicSession.school_year >= latest.scalar_subquery() - 1
    )
    year_ends = func.max(AcademicSession.end_date).over(partition_by=AcademicSession.school_year)
    found = session.scalars(
        select(AcademicSession)
        .where(
            or_(
                recent & (AcademicSession.session_type != SessionType.SCHOOL_YEAR),
                AcademicSession.id.in_(own),
            )
        )
        .order_by(
            year_ends <= today(),
            AcademicSession.school_year,
            AcademicSession.start_date,
            AcademicSession.end_date.desc(),
        )
    )
    return tuple((str(one.id), called(one)) for one in found)


def _courses(session: Session, row: Row | None) -> tuple[tuple[str, str], ...]:
    wanted = [Course.status == Status.ACTIVE]
    if isinstance(row, Group):
        wanted = [
            or_(
                Course.id == row.course_id,
                (Course.status == Status.ACTIVE)
                & or_(
                    Course.organisation_id == row.school_id, Organisation.kind == OrganisationKind.DISTRICT
                ),
            )
        ]
    found = session.execute(
        select(Course.id, Course.title, Organisation.name, Organisation.kind)
        .join(Organisation, Organisation.id == Course.organisation_id)
        .where(*wanted)
        .order_by(in_finnish_order(Course.title), in_finnish_order(Organisation.name))
    )
    return tuple(
        (str(key), title if kind is OrganisationKind.DISTRICT else f"{title} ({place})")
        for key, title, place, kind in found
    )


GROUPS = Record("groups", Group, mark("New class or group"), _group_fields, _group_check)

# Places in groups

STAFF_ROLES = tuple((one.value, VALUES[one]) for one in LEADERS)


def _place_fields(_session: Session, row: Row | None) -> Fields:
    staff = isinstance(row, Enrolment) and row.role is not EnrolmentRole.STUDENT
    return (
        *((Field("role", mark("Role"), Shape.CHOICE, True, STAFF_ROLES),) if staff else ()),
        *((Field("primary", mark("Responsible teacher"), Shape.FLAG),) if staff else ()),
        Field("begin_date", mark("First day"), Shape.DAY),
        Field("end_date", mark("Last day"), Shape.LAST_DAY, help=mark("Leave it open if it goes on.")),
    )


def _years_of(session: Session, group_id: UUID) -> tuple[date | None, date | None]:
    """The first day of the school years in which a group meets, and the first after them."""
    numbers = (
        select(AcademicSession.school_year)
        .join(GroupSession, GroupSession.session_id == AcademicSession.id)
        .where(GroupSession.group_id == group_id)
    )
    found = session.execute(
        select(func.min(AcademicSession.start_date), func.max(AcademicSession.end_date)).where(
            AcademicSession.school_year.in_(numbers)
        )
    ).one()
    return found[0], found[1]


def _place_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    mistakes = in_order(values, "begin_date", "end_date")
    if mistakes or not isinstance(row, Enrolment) or not {"begin_date", "end_date"} <= values.keys():
        return mistakes
    begin, end = values["begin_date"], values["end_date"]
    first, last = _years_of(asked.session, row.group_id)
    outside = mark("The group is not of a school year of this day.")
    if first and begin and begin < first:
        return {"begin_date": outside}
    if last and end and end > last:
        return {"end_date": outside}
    meets = (
        Enrolment.person_id == row.person_id,
        Enrolment.id != row.id,
        Enrolment.status == Status.ACTIVE,
        *((func.coalesce(Enrolment.end_date > begin, True),) if begin else ()),
        *((func.coalesce(Enrolment.begin_date < end, True),) if end else ()),
    )
    if asked.session.scalar(select(exists().where(*meets, Enrolment.group_id == row.group_id))):
        return {"begin_date": mark("This person is in the group at that time already.")}
    elsewhere = exists().where(
        *meets,
        Enrolment.role == EnrolmentRole.STUDENT,
        Group.id == Enrolment.group_id,
        Group.group_type == GroupType.HOMEROOM,
        Group.status == Status.ACTIVE,
    )
    group = asked.session.get_one(Group, row.group_id)
    pupil = row.role is EnrolmentRole.STUDENT and group.group_type is GroupType.HOMEROOM
    if pupil and asked.session.scalar(select(elsewhere)):
        return {"begin_date": mark("The pupil is in another class at that time.")}
    return {}


PLACES = Record(
    "enrolments",
    Enrolment,
    mark("Place in a group"),
    _place_fields,
    _place_check,
    fixed=("person_id", "group_id", "school_id"),
    adopts=True,
)
