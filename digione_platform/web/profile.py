"""The page of one's own details, and of what one chose: language, mail, quiet hours."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from digione_platform.core import audit
from digione_platform.core.access import Relation, see
from digione_platform.core.audit import Act, By
from digione_platform.core.models import QUIET_FROM, QUIET_UNTIL, Mail, Preferences
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import Question
from digione_platform.web.render import LANGUAGE_COOKIE, page, speak_from_now_on
from digione_platform.web.titles import MAIL

router = APIRouter()
Hour = Annotated[int, Form(ge=0, le=23)]
_CHOSEN = ("language", "mail", "quiet_from", "quiet_until")


@router.get("/me")
def me(request: Request, asked: Question, saved: bool = False) -> Response:
    """One's own details, roles and settings."""
    settings = request.app.state.settings
    return page(
        request,
        "me.html",
        seen=see(asked.viewer.person, asked.desktop, Relation.SELF),
        password_page=settings.oidc.issuer if settings.oidc else None,
        chosen=_chosen(asked) or Preferences(mail=Mail.DAILY, quiet_from=QUIET_FROM, quiet_until=QUIET_UNTIL),
        mail=MAIL,
        sends_mail=settings.relay is not None,
        saved=saved,
    )


@router.post("/me")
def choose(
    request: Request,
    asked: Question,
    mail: Annotated[Mail, Form()],
    quiet_from: Hour,
    quiet_until: Hour,
    language: Annotated[Literal["", "fi", "sv", "en"], Form()] = "",
) -> Response:
    """Keep what the viewer chose; this browser speaks another language from now on."""
    session, person = asked.session, asked.viewer.person.id
    row = _chosen(asked) or Preferences(person_id=person)
    before = [getattr(row, name) for name in _CHOSEN]
    row.language, row.mail, row.quiet_from, row.quiet_until = language or None, mail, quiet_from, quiet_until
    changed = [name for name, was in zip(_CHOSEN, before, strict=True) if getattr(row, name) != was]
    if changed:
        session.add(row)
        by = By(person, asked.desktop, asked.request)
        audit.record(session, by, Act.CHANGE_PREFERENCES, fields=changed)
    response = RedirectResponse("/me?saved=true", 303)
    # One that was chosen in this browser stays while the one kept is the same.
    if "language" in changed and language in request.app.state.settings.tenant.languages:
        speak_from_now_on(request, response, language)
    elif "language" in changed:
        response.delete_cookie(LANGUAGE_COOKIE)
    return response


def _chosen(asked: Asked) -> Preferences | None:
    query = select(Preferences).where(Preferences.person_id == asked.viewer.person.id)
    found: Preferences | None = asked.session.scalar(query)
    return found
