"""Pages of who is signed in, and of how long data are kept."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import delete
from starlette.datastructures import FormData

from digione_platform import sessions
from digione_platform.administration import lists
from digione_platform.administration.forms import sent_form
from digione_platform.administration.records import require
from digione_platform.core.access import Relation
from digione_platform.core.audit import Act, By
from digione_platform.core.models import Account, SignIn
from digione_platform.i18n import mark
from digione_platform.retention.periods import due, periods, set_periods
from digione_platform.web.dependencies import PageNumber, Question
from digione_platform.web.render import page

router = APIRouter(prefix="/administration")


@router.get("/sign-ins")
def sign_ins(
    request: Request,
    asked: Question,
    search: Annotated[str, Query(max_length=100)] = "",
    number: PageNumber = 1,
    ended: bool = False,
) -> Response:
    """Who is signed in now."""
    require(asked)
    now = datetime.now(UTC)
    found = lists.signed_in(asked.session, now, now - sessions.IDLE, search=search, page=number)
    people = {row.person.id for row in found.rows}
    asked.record(Act.LIST_PEOPLE, sorted(people), Relation.OWN_MUNICIPALITY)
    return page(request, "administration/sign_ins.html", found=found, asked={"search": search}, ended=ended)


@router.post("/sign-ins/end")
def end_sign_in(asked: Question, browser: Annotated[str, Form(pattern="^[0-9a-f]{64}$")]) -> Response:
    """Sign a browser out; sent twice, it has one effect."""
    require(asked)
    gone = delete(SignIn).where(SignIn.id == browser, Account.id == SignIn.account_id)
    for person in asked.session.scalars(gone.returning(Account.person_id)).all():
        asked.record(Act.END_SIGN_IN, [person], Relation.OWN_MUNICIPALITY)
    return RedirectResponse("/administration/sign-ins?ended=true", 303)


@router.get("/retention")
def retention(request: Request, asked: Question, saved: bool = False) -> Response:
    """How long what is kept, and what would be deleted tonight."""
    require(asked)
    found = due(asked.session, datetime.now(UTC))
    texts = {one.rule.key: str(one.days) for one in found}
    return page(request, "administration/retention.html", found=found, texts_=texts, mistakes={}, saved=saved)


@router.post("/retention")
def send_retention(
    request: Request, asked: Question, form: Annotated[FormData, Depends(sent_form)]
) -> Response:
    """Keep the municipality's own periods."""
    require(asked)
    texts = {key: str(form.get(key, "")).strip() for key in periods(asked.session)}
    found = due(asked.session, datetime.now(UTC))
    mistakes = {
        one.rule.key: mark("Write a number of days from {least} to {longest}.")
        for one in found
        if not _is_between(texts[one.rule.key], one.rule.least, one.rule.longest)
    }
    if mistakes:
        return page(
            request,
            "administration/retention.html",
            status=422,
            found=found,
            texts_=texts,
            mistakes=mistakes,
            saved=False,
        )
    by = By(asked.viewer.person.id, asked.desktop, asked.request)
    set_periods(asked.session, by, {key: int(text) for key, text in texts.items()})
    return RedirectResponse("/administration/retention?saved=true", 303)


def _is_between(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most
