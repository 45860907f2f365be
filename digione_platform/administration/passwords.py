"""The page on which somebody is given a new password, where the platform's own directory keeps passwords.

Administrators come to it from anybody's page, school secretaries from a pupil's: for the pupil, or with
``pupil`` in the address for one of the pupil's guardians.
"""

import hmac
from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from digione_platform.core.access import Desktop, Relation, see
from digione_platform.core.audit import Act
from digione_platform.core.guardians import child_of
from digione_platform.core.models import Account, AuditEvent, Person, SignIn
from digione_platform.core.passwords import renewable
from digione_platform.core.pupils import goes_to_school
from digione_platform.directory import open_directory
from digione_platform.errors import PlatformError
from digione_platform.i18n import mark
from digione_platform.settings import Settings
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page, speak

_SECOND_CLICK = timedelta(minutes=5)

router = APIRouter(prefix="/administration/people/{person_id:uuid}/password")


@router.get("")
def ask(request: Request, asked: Question, person_id: UUID, pupil: UUID | None = None) -> Response:
    """Ask whether the person shall have a new password."""
    whom = _whom(asked, person_id, pupil)
    return _page(request, asked, whom)


@router.post("")
def give(
    request: Request,
    asked: Question,
    person_id: UUID,
    once: Annotated[UUID, Form()],
    pupil: UUID | None = None,
) -> Response:
    """Give the new password, and show it this once; a form that is sent again at once gives the same one."""
    whom = _whom(asked, person_id, pupil)
    form = sha256(once.bytes).hexdigest()
    sent, later = _sent(asked.session, person_id, form)
    if later:
        texts = speak(request)
        why = texts.gettext(mark("This form was sent before. Give another new password."))
        return _page(
            request, asked, whom, status=409, trouble=(texts.gettext(mark("Nothing was changed")), why)
        )
    settings: Settings = request.app.state.settings
    assert settings.directory is not None
    new = _password(settings, whom.account, once)
    if sent:
        # A second click: the person may have chosen another one since.
        return _page(request, asked, whom, new=new, again=True)
    try:
        with open_directory(settings.directory, settings.authority) as people:
            people.set_password(whom.account.username, new)
    except PlatformError as error:
        what, why, _ = error.told(speak(request))
        return _page(request, asked, whom, status=503, trouble=(what, why))
    asked.record(Act.NEW_PASSWORD, [person_id], whom.relation, form=form)
    if person_id != asked.viewer.person.id:
        # Whoever knew the old one is out, too.
        asked.session.execute(delete(SignIn).where(SignIn.account_id == whom.account.id))
    return _page(request, asked, whom, new=new)


def _sent(session: Session, person_id: UUID, form: str) -> tuple[bool, bool]:
    """Whether a form gave a password before, and whether by now it says nothing: another was given since, or
    it is no second click.
    """
    given = session.execute(
        select(AuditEvent.detail["form"].astext, AuditEvent.at)
        .where(AuditEvent.subject == person_id, AuditEvent.action == Act.NEW_PASSWORD)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    ).all()
    sent = [at for one, at in given if one == form]
    over = bool(sent) and (given[0][0] != form or datetime.now(UTC) - sent[-1] > _SECOND_CLICK)
    return bool(sent), over


@dataclass(frozen=True)
class _Whom:
    """Who gets the password, how the viewer stands to them, and the page that the viewer came from."""

    person: Person
    account: Account
    relation: Relation
    back: str
    query: str


def _whom(asked: Asked, person_id: UUID, pupil_id: UUID | None) -> _Whom:
    relation = _to(asked, person_id, pupil_id)
    if relation is None:
        raise NotFoundError
    account = renewable(asked.session, asked.desktop, relation, [person_id], asked.today).get(person_id)
    if account is None:
        raise NotFoundError
    person = asked.session.get_one(Person, person_id)
    if relation is Relation.OWN_MUNICIPALITY:
        return _Whom(person, account, relation, f"/administration/people/{person_id}", "")
    back, query = f"/pupils/{pupil_id or person_id}", f"?pupil={pupil_id}" if pupil_id else ""
    return _Whom(person, account, relation, back, query)


def _to(asked: Asked, person_id: UUID, pupil_id: UUID | None) -> Relation | None:
    """How the viewer stands to a person; with ``pupil_id``, as to a guardian of that pupil."""
    desk = asked.viewer.desk
    if desk.desktop is Desktop.MUNICIPALITY:
        return Relation.OWN_MUNICIPALITY
    if not goes_to_school(asked.session, pupil_id or person_id, desk.organisation_id, asked.today):
        return None
    if pupil_id is None:
        return Relation.OWN_SCHOOL
    guards = child_of(asked.session, person_id, pupil_id, asked.today)
    return None if guards is None else Relation.GUARDIAN_OF_PUPIL


def _password(settings: Settings, account: Account, once: UUID) -> str:
    """Sixteen letters and digits (80 bits) in fours, as they are read aloud; they follow from the form."""
    key = settings.session_secret.get_secret_value().encode()
    digest = hmac.digest(key, f"new password/{account.id}/{once}".encode(), "sha256")
    letters = b32encode(digest)[:16].decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def _page(
    request: Request,
    asked: Asked,
    whom: _Whom,
    *,
    status: int = 200,
    new: str = "",
    again: bool = False,
    trouble: tuple[str, str] | None = None,
) -> Response:
    return page(
        request,
        "administration/password.html",
        status=status,
        seen=see(whom.person, asked.desktop, whom.relation),
        back=whom.back,
        action=f"{request.url.path}{whom.query}",
        username=whom.account.username,
        once=uuid4(),
        new=new,
        again=again,
        trouble=trouble,
    )
