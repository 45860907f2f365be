"""Lists of the register: filtered, sorted and cut into pages by the database."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, exists, func, select
from sqlalchemy.orm import Session

from digione_platform.core.models import (
    AcademicSession,
    Account,
    Organisation,
    Person,
    Role,
    RoleName,
    SignIn,
    Status,
)
from digione_platform.core.names import PERSON_WORDS, begins, in_finnish_order, split
from digione_platform.core.paging import PAGE_SIZE, Page, within
from digione_platform.core.viewer import in_force


@dataclass(frozen=True)
class PersonRow:
    """A person with the roles in force and where they are."""

    person: Person
    roles: list[str]
    places: str


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
    roles = (
        select(func.array_agg(cast(Role.role, Text).distinct()))
        .where(*held)
        .correlate(Person)
        .scalar_subquery()
    )
    places = (
        select(func.string_agg(Organisation.name.distinct(), ", "))
        .where(*held, Organisation.id == Role.organisation_id)
        .correlate(Person)
        .scalar_subquery()
    )
    order = {"name": Person.sort_name.asc(), "-name": Person.sort_name.desc()}[sort]
    query = select(Person, func.coalesce(roles, []), func.coalesce(places, "")).where(*wanted)
    return _page(session, query, order, page, lambda row: PersonRow(*row))


def schools(session: Session, *, search: str, sort: str, page: int) -> Page[Organisation]:
    """One page of the municipality, its schools and units, those not in use last."""
    name = in_finnish_order(Organisation.name)
    order = {"name": name.asc(), "-name": name.desc(), "code": Organisation.school_code.asc()}[sort]
    query = select(Organisation).where(_contains(Organisation.name, search))
    return _page(session, query, order, page, lambda row: row[0], Organisation.status)


def years(session: Session, *, search: str, sort: str, page: int) -> Page[AcademicSession]:
    """One page of school years, terms and periods, those not in use last."""
    start = AcademicSession.start_date
    order = {"start": start.asc(), "-start": start.desc(), "name": AcademicSession.title.asc()}[sort]
    query = select(AcademicSession).where(_contains(AcademicSession.title, search))
    return _page(session, query, order, page, lambda row: row[0], AcademicSession.status)


def signed_in(session: Session, now: Any, idle: Any, *, search: str, page: int) -> Page[SignedIn]:
    """One page of the browsers signed in now, the last seen first."""
    query = (
        select(SignIn, Person, Account.username)
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(*named(search), SignIn.expires > now, SignIn.last_seen > idle)
    )
    return _page(session, query, SignIn.last_seen.desc(), page, lambda row: SignedIn(*row))


def _contains(column: Any, words: str) -> ColumnElement[bool]:
    return func.lower(column).contains(words.replace("\x00", "").lower(), autoescape=True)


def _page(session: Session, query: Any, order: Any, page: int, made: Any, *before: Any) -> Page[Any]:
    total = session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
    number = within(page, total)
    key = query.column_descriptions[0]["entity"].id
    cut = query.order_by(*before, order, key).limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)
    return Page([made(row) for row in session.execute(cut)], total, number)
