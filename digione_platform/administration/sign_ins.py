"""The page of who is signed in."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import delete

from digione_platform import sessions
from digione_platform.administration import lists
from digione_platform.administration.records import require
from digione_platform.core.access import Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import Account, SignIn
from digione_platform.web.dependencies import PageNumber, Question
from digione_platform.web.render import page

router = APIRouter(prefix="/administration/sign-ins")


@router.get("")
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


@router.post("/end")
def end_sign_in(asked: Question, browser: Annotated[str, Form(pattern="^[0-9a-f]{64}$")]) -> Response:
    """Sign a browser out; sent twice, it has one effect."""
    require(asked)
    gone = delete(SignIn).where(SignIn.id == browser, Account.id == SignIn.account_id)
    for person in asked.session.scalars(gone.returning(Account.person_id)).all():
        asked.record(Act.END_SIGN_IN, [person], Relation.OWN_MUNICIPALITY)
    return RedirectResponse("/administration/sign-ins?ended=true", 303)
