"""The page on which somebody is given a new password, where the platform's own directory keeps passwords."""

import hmac
from base64 import b32encode
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select

from digione_platform.administration.editing import person_of
from digione_platform.administration.records import require
from digione_platform.core.access import Relation, see
from digione_platform.core.audit import Act
from digione_platform.core.models import Account, Person
from digione_platform.directory import open_directory
from digione_platform.errors import PlatformError
from digione_platform.settings import Settings
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page, speak

router = APIRouter(prefix="/administration/people/{person_id:uuid}/password")


@router.get("")
def ask(request: Request, asked: Question, person_id: UUID) -> Response:
    """Ask whether the person shall have a new password."""
    person, account = _who(asked, person_id)
    return _page(request, asked, person, account)


@router.post("")
def give(request: Request, asked: Question, person_id: UUID, once: Annotated[UUID, Form()]) -> Response:
    """Give the new password, and show it this once; a form that is sent again gives the same one."""
    person, account = _who(asked, person_id)
    settings: Settings = request.app.state.settings
    assert settings.directory is not None
    new = _password(settings, account, once)
    try:
        with open_directory(settings.directory, settings.authority) as people:
            people.set_password(account.username, new)
    except PlatformError as error:
        what, why, _ = error.told(speak(request))
        return _page(request, asked, person, account, status=503, trouble=(what, why))
    asked.record(Act.NEW_PASSWORD, [person.id], Relation.OWN_MUNICIPALITY)
    return _page(request, asked, person, account, new=new)


def _who(asked: Asked, person_id: UUID) -> tuple[Person, Account]:
    require(asked)
    person = person_of(asked, person_id)
    query = select(Account).where(Account.person_id == person_id, Account.enabled)
    account: Account | None = asked.session.scalar(query)
    if account is None or not person.enabled:
        raise NotFoundError
    return person, account


def _password(settings: Settings, account: Account, once: UUID) -> str:
    """Sixteen letters and digits (80 bits) in fours, as they are read aloud; they follow from the form."""
    key = settings.session_secret.get_secret_value().encode()
    digest = hmac.digest(key, f"new password/{account.id}/{once}".encode(), "sha256")
    letters = b32encode(digest)[:16].decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def _page(
    request: Request,
    asked: Asked,
    person: Person,
    account: Account,
    *,
    status: int = 200,
    new: str = "",
    trouble: tuple[str, str] | None = None,
) -> Response:
    return page(
        request,
        "administration/password.html",
        status=status,
        seen=see(person, asked.desktop, Relation.OWN_MUNICIPALITY),
        person=person,
        username=account.username,
        once=uuid4(),
        new=new,
        trouble=trouble,
    )
