"""Lists of the register: filtered, sorted and cut into pages by the database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, exists, func, literal, or_, select, text
from sqlalchemy.orm import Session, aliased

from digione_platform.core.models import (
    AcademicSession,
    Account,
    Course,
    Enrolment,
    EnrolmentRole,
    Group,
    GroupSession,
    GroupType,
    Organisation,
    Person,
    Role,
    RoleName,
    SignIn,
    Status,
)
from digione_platform.core.names import (
    COURSE_WORDS,
    GROUP_WORDS,
    ORGANISATION_WORDS,
    PERSON_WORDS,
    SESSION_WORDS,
    begins,
    in_finnish_order,
    split,
)
from digione_platform.core.paging import PAGE_SIZE, Page, cut
from digione_platform.core.pupils import GroupRow, group_rows_when_they_meet, title_order
from digione_platform.core.schools import STAFF
from digione_platform.core.viewer import in_force

# A school year as people write it: 2026–2027.
_YEARS = func.concat(AcademicSession.school_year - 1, "–", AcademicSession.school_year)


@dataclass(frozen=True)
class PersonRow:
    """A person with the roles in force and where they are."""

    person: Person
    roles: list[str]
    places: str


@dataclass(frozen=True)
class Member:
    """A place in a group and who has it."""

    enrolment: Enrolment
    person: Person


@dataclass(frozen=True)
class SignedIn:
    """A browser signed in, and who sits at it."""

    sign_in: SignIn
    person: Person
    username: str


def named(words: str) -> list[ColumnElement[bool]]:
    """The condition that each word begins a part of a person's name."""
    return [begins(PERSON_WORDS, *split(words))]


def people(
    session: Session,
    today: Any,
    *,
    search: str,
    role: RoleName | None,
    place: UUID | None,
    gone: bool,
    sort: str,
    page: int,
) -> Page[PersonRow]:
    """One page of the people, in or out of the register, with a role, at a place."""
    held = [Role.person_id == Person.id, in_force(Role, today)]
    wanted = [*named(search), (Person.status == Status.ACTIVE) != gone]
    if role is not None or place is not None:
        narrowed = [Role.role == role] if role else []
        narrowed += [Role.organisation_id == place] if place else []
        wanted.append(exists().where(*held, *narrowed))
    if place is not None:
        # Or the filter would tell where they go to school.
        wanted.append(Person.nondisclosure.is_(False))
    places = (
        select(func.string_agg(Organisation.name.distinct(), ", "))
        .where(*held, Organisation.id == Role.organisation_id)
        .correlate(Person)
        .scalar_subquery()
    )
    order = _order({"name": Person.sort_name}, sort)
    query = select(Person, _roles(held), func.coalesce(places, "")).where(*wanted)
    return cut(session, query, (order, Person.id), page, PersonRow)


def adults(session: Session, today: date, *, search: str) -> Page[PersonRow]:
    """The first of those in the register who may be of age, with the roles in force."""
    of_age = func.coalesce(Person.birth_date + text("interval '18 years'") <= today, True)
    held = [Role.person_id == Person.id, in_force(Role, today)]
    query = select(Person, _roles(held), literal("")).where(
        *named(search), Person.status == Status.ACTIVE, of_age
    )
    return cut(session, query, (Person.sort_name, Person.id), 1, PersonRow)


def schools(session: Session, *, search: str, sort: str, page: int) -> Page[tuple[Organisation, str]]:
    """One page of the municipality, its schools and units with what they belong to, those not in use last."""
    order = _order({"name": in_finnish_order(Organisation.name), "code": Organisation.school_code}, sort)
    above = aliased(Organisation)
    query = (
        select(Organisation, func.coalesce(above.name, ""))
        .outerjoin(above, above.id == Organisation.parent_id)
        .where(begins(ORGANISATION_WORDS, *split(search)))
    )
    order_by = (Organisation.status, order, Organisation.id)
    return cut(session, query, order_by, page, lambda row, above: (row, above))


def years(session: Session, *, search: str, sort: str, page: int) -> Page[AcademicSession]:
    """One page of school years, terms and periods, those not in use last."""
    order = _order({"start": AcademicSession.start_date, "name": AcademicSession.title}, sort)
    query = select(AcademicSession).where(begins(SESSION_WORDS, *split(search)))
    # Of those that begin on the same day, what is longer comes before what lies in it.
    columns = (AcademicSession.status, order, AcademicSession.end_date.desc(), AcademicSession.title)
    return cut(session, query, (*columns, AcademicSession.id), page, lambda row: row)


def signed_in(session: Session, now: Any, idle: Any, *, search: str, page: int) -> Page[SignedIn]:
    """One page of the browsers signed in now, the last seen first."""
    query = (
        select(SignIn, Person, Account.username)
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(*named(search), SignIn.expires > now, SignIn.last_seen > idle)
    )
    return cut(session, query, (SignIn.last_seen.desc(), SignIn.id), page, SignedIn)


def courses(
    session: Session, *, search: str, place: UUID | None, sort: str, page: int
) -> Page[tuple[Course, str]]:
    """One page of the courses with the school or municipality that holds each, those not in use last."""
    columns = {"name": in_finnish_order(Course.title), "code": Course.course_code}
    wanted = [begins(COURSE_WORDS, *split(search))]
    wanted += [Course.organisation_id == place] if place else []
    query = select(Course, Organisation.name).join(Organisation).where(*wanted)
    order = (Course.status, _order(columns, sort), Course.id)
    return cut(session, query, order, page, lambda course, place: (course, place))


def groups(
    session: Session,
    today: date,
    *,
    search: str,
    kind: GroupType | None,
    place: UUID | None,
    year: int | None,
    sort: str,
    page: int,
) -> Page[tuple[GroupRow, str]]:
    """One page of classes and teaching groups, those of a school year or those that meet now and later.

    With each stand its school years, such as "2026–2027"; its people are those of the day of its terms that
    is next to today.
    """
    wanted = [begins(GROUP_WORDS, *split(search))]
    wanted += [Group.group_type == kind] if kind else []
    wanted += [Group.school_id == place] if place else []
    wanted.append(_when(year, today))
    down = sort.startswith("-")
    name = title_order(Group.title, down=down)
    school = in_finnish_order(Organisation.name)
    ordered = school.desc() if down else school.asc()
    order = (*name, ordered) if sort.endswith("name") else (ordered, *name)
    years = (
        select(func.coalesce(func.string_agg(_YEARS.distinct(), ", "), ""))
        .join(GroupSession, GroupSession.session_id == AcademicSession.id)
        .where(GroupSession.group_id == Group.id)
        .correlate(Group)
        .scalar_subquery()
    )
    query = group_rows_when_they_meet(today).add_columns(years).where(*wanted)
    return cut(
        session,
        query,
        (Group.status, *order, Group.id),
        page,
        lambda *row: (GroupRow(*row[:-1]), row[-1]),
    )


def members(session: Session, group_id: UUID, today: date, *, past: bool, page: int) -> Page[Member]:
    """One page of those in a group now and later, or of those who were: teachers first, then by name.

    Of people under non-disclosure it would tell the school: they are left out.
    """
    over = Enrolment.end_date <= today
    query = (
        select(Enrolment, Person)
        .join(Person, Person.id == Enrolment.person_id)
        .where(*_place_in(group_id), over if past else func.coalesce(~over, True), ~Person.nondisclosure)
    )
    order = (Enrolment.role == EnrolmentRole.STUDENT, Person.sort_name, Enrolment.begin_date, Enrolment.id)
    return cut(session, query, order, page, Member)


def places_of(session: Session, person_id: UUID) -> list[tuple[Enrolment, Group, str]]:
    """The groups of a person with their schools, those that go on first."""
    found = session.execute(
        select(Enrolment, Group, Organisation.name)
        .join(Group, Group.id == Enrolment.group_id)
        .join(Organisation, Organisation.id == Group.school_id)
        .where(Enrolment.person_id == person_id, Enrolment.status == Status.ACTIVE)
        .order_by(Enrolment.end_date.desc().nulls_first(), Group.group_type, *title_order(Group.title))
        .limit(4 * PAGE_SIZE)
    )
    return [(enrolment, group, school) for enrolment, group, school in found]


def candidates(
    session: Session, group: Group, begin: date, *, search: str, of: str, staff: bool, page: int
) -> Page[PersonRow]:
    """One page of those who may be put into a group, with their classes from a day on.

    ``of`` is whom: pupils without a class in its school (``classless``), all of its school (``school``) or of
    the municipality (``everywhere``), or with ``staff`` its staff. Whoever is in the group is left out.
    """
    placed = _placed(begin)
    wanted = [*named(search), *_may_join(group, begin, staff=staff, everywhere=of == "everywhere")]
    wanted.append(~exists().where(*placed, Enrolment.group_id == group.id))
    in_class = (
        *placed,
        Enrolment.role == EnrolmentRole.STUDENT,
        Group.id == Enrolment.group_id,
        Group.group_type == GroupType.HOMEROOM,
        Group.status == Status.ACTIVE,
    )
    if of == "classless":
        wanted.append(~exists().where(*in_class))
    classes = (
        select(func.string_agg(Group.title.distinct(), ", "))
        .where(*in_class)
        .correlate(Person)
        .scalar_subquery()
    )
    query = select(Person, func.coalesce(classes, "")).where(*wanted)
    order = (Person.sort_name, Person.id)
    return cut(session, query, order, page, lambda person, classes: PersonRow(person, [], classes))


def may_join(session: Session, group: Group, person_id: UUID, begin: date, *, staff: bool) -> bool:
    """Whether somebody may be put into a group from a day on: a pupil of any school, or staff of its own."""
    wanted = _may_join(group, begin, staff=staff, everywhere=not staff)
    return bool(session.scalar(select(exists().where(Person.id == person_id, *wanted))))


def classes_of(session: Session, school_id: UUID, today: date, year: int | None = None) -> list[Group]:
    """The classes of a school in a school year, or those that meet now and later, in the order of names.

    Of those with the same name the earlier comes first.
    """
    begins = (
        select(func.min(AcademicSession.start_date))
        .join(GroupSession, GroupSession.session_id == AcademicSession.id)
        .where(GroupSession.group_id == Group.id)
        .scalar_subquery()
    )
    found = session.scalars(
        select(Group)
        .where(
            Group.school_id == school_id,
            Group.group_type == GroupType.HOMEROOM,
            Group.status == Status.ACTIVE,
            _when(year, today),
        )
        .order_by(*title_order(Group.title), begins.nulls_first())
    )
    return list(found)


def names_of_classes(session: Session, classes: Sequence[Group]) -> list[str]:
    """What to call classes where one is chosen: with the school years where several have the same name."""
    same = Counter(one.title.lower() for one in classes)
    found = session.execute(
        select(GroupSession.group_id, func.string_agg(_YEARS.distinct(), ", ").label("years"))
        .join(AcademicSession, AcademicSession.id == GroupSession.session_id)
        .where(GroupSession.group_id.in_([one.id for one in classes if same[one.title.lower()] > 1]))
        .group_by(GroupSession.group_id)
    )
    years = {one.group_id: one.years for one in found}
    return [f"{one.title} · {years[one.id]}" if one.id in years else one.title for one in classes]


def span_of(session: Session, group_id: UUID) -> tuple[date | None, date | None]:
    """The first day of a group's terms, and the first after them."""
    found = session.execute(
        select(func.min(AcademicSession.start_date), func.max(AcademicSession.end_date))
        .join(GroupSession, GroupSession.session_id == AcademicSession.id)
        .where(GroupSession.group_id == group_id)
    ).one()
    return found[0], found[1]


def _roles(held: Sequence[ColumnElement[bool]]) -> ColumnElement[Any]:
    """What somebody is, each role once."""
    roles = select(func.array_agg(cast(Role.role, Text).distinct())).where(*held).correlate(Person)
    return func.coalesce(roles.scalar_subquery(), [])


def _may_join(group: Group, begin: date, *, staff: bool, everywhere: bool) -> tuple[ColumnElement[bool], ...]:
    held = exists().where(
        Role.person_id == Person.id,
        Role.status == Status.ACTIVE,
        Role.role.in_(STAFF if staff else (RoleName.STUDENT,)),
        func.coalesce(Role.end_date > begin, True),
        *(() if everywhere else (Role.organisation_id == group.school_id,)),
    )
    return Person.status == Status.ACTIVE, ~Person.nondisclosure, held


def _placed(begin: date) -> tuple[ColumnElement[bool], ...]:
    return (
        Enrolment.person_id == Person.id,
        Enrolment.status == Status.ACTIVE,
        func.coalesce(Enrolment.end_date > begin, True),
    )


def _place_in(group_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        Enrolment.group_id == group_id,
        Enrolment.status == Status.ACTIVE,
        Person.status == Status.ACTIVE,
    )


def _when(year: int | None, today: date) -> ColumnElement[bool]:
    """The condition that a group has terms in a school year, or else that they are not all over."""
    terms = exists().where(GroupSession.group_id == Group.id, GroupSession.session_id == AcademicSession.id)
    if year is not None:
        return terms.where(AcademicSession.school_year == year)
    return or_(~terms, terms.where(AcademicSession.end_date > today))


def _order(columns: Mapping[str, Any], sort: str) -> ColumnElement[Any]:
    """The order that is asked for: a column's name, with a minus before it the other way round."""
    column: ColumnElement[Any] = columns[sort.removeprefix("-")]
    return column.desc().nulls_last() if sort.startswith("-") else column.asc().nulls_last()
