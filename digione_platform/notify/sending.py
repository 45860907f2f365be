"""One run of the sender: gather who is due a letter, give letters to the relay, mark what became of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core.models import LetterState
from digione_platform.errors import LockedError
from digione_platform.i18n import mark
from digione_platform.notify import letters
from digione_platform.notify.letters import Due
from digione_platform.notify.mail import AddressError, Post, RelayAwayError, compose
from digione_platform.settings import Settings


def send(engine: Engine, settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """Send what is due and give how the queue stands then (``letters.standing``), with ``away``, why not.

    Without a relay nothing is written nor sent.

    Raises:
        LockedError: another process sends for this municipality (P-NOTIFY-002).
    """
    now = now or datetime.now(UTC)
    away = None
    with _alone(engine):
        if settings.relay is not None:
            with Session(engine) as session, session.begin():
                letters.leave_unsure(session, now)
                letters.gather(session, now)
                found = letters.due(session, now)
            away = _give(engine, settings, found, now) if found else None
        with Session(engine) as session:
            return {**letters.standing(session, now), "away": away}


def _give(engine: Engine, settings: Settings, found: list[Due], now: datetime) -> str | None:
    """Give letters to the relay one by one; gives why it stopped taking them, and the rest waits."""
    assert settings.relay is not None
    left = [one.id for one in found]
    try:
        with Post(settings.relay, urlsplit(settings.url).hostname or "localhost") as post:
            for one in found:
                _give_one(engine, settings, post, one, now)
                left.remove(one.id)
    except RelayAwayError as error:
        with Session(engine) as session, session.begin():
            letters.postpone(session, left, now, str(error))
        return str(error)
    return None


def _give_one(engine: Engine, settings: Settings, post: Post, letter: Due, now: datetime) -> None:
    with Session(engine) as session, session.begin():
        if not letters.begin(session, letter.id):
            return
    try:
        message = compose(settings, letter.id, letter.address, letter.language, now)
        state, trouble = post.deliver(message)
    except AddressError:
        state, trouble = LetterState.REFUSED, mark("the address in the register is none")
    with Session(engine) as session, session.begin():
        if state is LetterState.WAITING:
            letters.postpone(session, [letter.id], now, trouble or "")
        else:
            letters.end(session, letter.id, state, now, trouble)


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Let no other process send for this municipality while the block runs."""
    with engine.connect() as connection:
        if not connection.scalar(text("select pg_try_advisory_lock(hashtext('digione notify'))")):
            raise LockedError(
                "P-NOTIFY-002",
                mark("No mail was sent"),
                mark("another process is sending it"),
                mark("wait for it"),
            )
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(hashtext('digione notify'))"))
