"""What pages ask for: a transaction, and the person who looks."""

from collections.abc import AsyncIterator
from typing import Annotated

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from digione_platform import sessions
from digione_platform.core.news_of_changes import tell_of_changes
from digione_platform.core.viewer import Viewer, desks_of
from digione_platform.db import CONNECTIONS
from digione_platform.i18n import today
from digione_platform.web.blocks import Asked
from digione_platform.web.render import cookie_name

# The page of a list that an address asks for; what is out of range leads to the nearest (``paging.within``).
PageNumber = Annotated[int, Query(alias="page")]


class NotSignedInError(Exception):
    """The page is for people who have signed in."""


class NoRoleError(Exception):
    """A person has signed in who has no role that opens a desktop."""


class NotFoundError(Exception):
    """There is no such thing, or it is not the viewer's to know that there is."""


_turns: RunVar[CapacityLimiter] = RunVar("turns")


async def transaction(request: Request) -> AsyncIterator[Session]:
    """A transaction that is committed before the answer leaves, so that what was shown is in the audit.

    There are as many at a time as connections to the database; other requests wait for their turn here. If
    they waited for a connection, it would be in threads, which those who have one need to come to an end.
    """
    async with _limiter():
        session: Session = request.app.state.open_session()
        done = False
        try:
            yield session
            done = True
        finally:
            await run_in_threadpool(_end, session, done)


def _limiter() -> CapacityLimiter:
    try:
        return _turns.get()
    except LookupError:
        _turns.set(limiter := CapacityLimiter(CONNECTIONS))
        return limiter


def _end(session: Session, done: bool) -> None:
    with session:  # what was not committed is rolled back
        if done:
            session.commit()


Transaction = Annotated[Session, Depends(transaction, scope="function")]


def viewer(request: Request, session: Transaction) -> Viewer:
    """The person behind the browser's cookie, at the desk they chose last.

    Raises ``NotSignedInError`` or ``NoRoleError``.
    """
    found = sessions.find(session, request.cookies.get(cookie_name(request)))
    if found is None:
        raise NotSignedInError
    desks = desks_of(session, found.person.id, today())
    if not desks:
        raise NoRoleError
    desk = next((desk for desk in desks if desk.role_id == found.sign_in.role_id), desks[0])
    # Independent of the transaction: also the page of a failure greets the viewer and shows the menu.
    session.expunge_all()
    who = Viewer(found.account, found.person, desk, desks, found.language)
    request.state.viewer = who
    return who


SignedIn = Annotated[Viewer, Depends(viewer, scope="function")]


async def asked(request: Request, session: Transaction, viewer: SignedIn) -> AsyncIterator[Asked]:
    """The viewer's question to the master data, as of today; what it changes is in the history as theirs.

    Whom a change concerns is told of it in the same transaction: no form can forget it.
    """
    yield Asked(session, viewer, today(), request.state.request_id)
    if request.method == "POST":
        await run_in_threadpool(tell_of_changes, session)


Question = Annotated[Asked, Depends(asked, scope="function")]
