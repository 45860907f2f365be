"""Local sign-in: whoever sits at this machine is any sample person they choose."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from digione_platform.auth import admit
from digione_platform.core.access import Desktop, desktop_of
from digione_platform.core.models import Account, Organisation, Person, Role, RoleName, Status
from digione_platform.core.names import PERSON_WORDS, begins, split
from digione_platform.core.viewer import in_force
from digione_platform.i18n import today
from digione_platform.sample.logins import sample_logins
from digione_platform.web.dependencies import Transaction
from digione_platform.web.render import local_path, page

SHOWN = 30


@dataclass(frozen=True)
class Somebody:
    """A sample person to sign in as."""

    account_id: UUID
    person: Person
    role: RoleName
    desktop: Desktop
    organisation: str


class LocalSignIn:
    """Sign-in without proof. Only the sandbox makes one, and the sandbox serves loopback only."""

    form_targets: tuple[str, ...] = ()

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/sign-in", _choose, methods=["GET"])
        router.add_api_route("/sign-in", _sign_in, methods=["POST"])
        return router

    async def sign_out_url(self, id_token: str | None, language: str) -> str:
        return "/signed-out"


def _choose(
    request: Request,
    session: Transaction,
    next: str = "/",  # noqa: A002 - the query's word
    search: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    return page(
        request,
        "choose_person.html",
        next=local_path(next),
        search=search,
        examples=one_of_each_role(session),
        found=people_named(session, search) if search.strip() else [],
    )


def _sign_in(
    request: Request,
    account: Annotated[UUID, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's word
) -> Response:
    return admit(request, account, None, local_path(next))


def one_of_each_role(session: Session) -> list[Somebody]:
    """For each desktop one person that has it, if possible those that every sample municipality has."""
    known = [login.username for login in (*sample_logins("finnish"), *sample_logins("swedish"))]
    well_known = Account.username.in_(known)
    found: dict[Desktop, Somebody] = {}
    query = (
        select(Account.id, Person, Role.role, Organisation, well_known)
        .ext(distinct_on(Role.role, Organisation.kind))
        .join(Person, Person.id == Account.person_id)
        .join(Role, Role.person_id == Person.id)
        .join(Organisation, Organisation.id == Role.organisation_id)
        .where(*_may_sign_in())
        .order_by(Role.role, Organisation.kind, well_known.desc(), Account.username)
    )
    well_known_first = sorted(session.execute(query), key=lambda row: not row[4])
    for account_id, person, role, organisation, _ in well_known_first:
        desktop = desktop_of(role, organisation.kind)
        if desktop is not None:
            found.setdefault(desktop, Somebody(account_id, person, role, desktop, organisation.name))
    return [found[desktop] for desktop in Desktop if desktop in found]


def people_named(session: Session, search: str) -> list[Somebody]:
    """Sample people whose name or username begins with the words, once for each of their desktops."""
    wanted = _may_sign_in()
    for word in split(search):
        username = Account.username.startswith(word.lower(), autoescape=True)
        wanted.append(or_(begins(PERSON_WORDS, word), username))
    query = (
        select(Account.id, Person, Role.role, Organisation)
        .join(Person, Person.id == Account.person_id)
        .join(Role, Role.person_id == Person.id)
        .join(Organisation, Organisation.id == Role.organisation_id)
        .where(*wanted)
        .order_by(Person.sort_name, Role.role, Organisation.name)
        .limit(SHOWN)
    )
    return [
        Somebody(account_id, person, role, desktop, organisation.name)
        for account_id, person, role, organisation in session.execute(query)
        if (desktop := desktop_of(role, organisation.kind)) is not None
    ]


def _may_sign_in() -> list[ColumnElement[bool]]:
    return [
        Account.enabled.is_(True),
        Person.enabled.is_(True),
        Person.status == Status.ACTIVE,
        Organisation.status == Status.ACTIVE,
        in_force(Role, today()),
    ]
