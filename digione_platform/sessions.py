"""Signed-in browsers as rows in the database, so that signing out ends them for certain.

The browser holds a random token in a cookie, the database its SHA-256: a stolen backup opens no session.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from digione_platform.core.history import acts_as
from digione_platform.core.models import Account, Person, Preferences, SignIn, Status

LONGEST = timedelta(hours=12)
IDLE = timedelta(hours=2)
# A request within this time of the last does not write that it was seen.
_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True)
class Found:
    """A sign-in that is still good, with its account and person, and the language that they chose, if any."""

    sign_in: SignIn
    account: Account
    person: Person
    language: str | None


def start(session: Session, account: Account, id_token: str | None, *, now: datetime | None = None) -> str:
    """Sign a browser in and return the token for its cookie; forget sign-ins that have run out."""
    now = now or datetime.now(UTC)
    session.execute(delete(SignIn).where(SignIn.expires < now))
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            id=_hash(token),
            account_id=account.id,
            id_token=id_token,
            created=now,
            last_seen=now,
            expires=now + LONGEST,
        )
    )
    return token


def find(session: Session, token: str | None, *, now: datetime | None = None) -> Found | None:
    """The sign-in behind a cookie, unless it has run out or its account or person was closed.

    From here on the transaction acts as the person (``history.acts_as``).
    """
    if not token:
        return None
    now = now or datetime.now(UTC)
    found = session.execute(
        select(SignIn, Account, Person, Preferences.language, acts_as(Person.id))
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .outerjoin(Preferences, Preferences.person_id == Person.id)
        .where(
            SignIn.id == _hash(token),
            SignIn.expires > now,
            SignIn.last_seen > now - IDLE,
            Account.enabled,
            Person.enabled,
            Person.status == Status.ACTIVE,
        )
    ).one_or_none()
    if found is None:
        return None
    sign_in, account, person, language, _ = found
    if now - sign_in.last_seen > _PRECISION:
        session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(last_seen=now))
    return Found(sign_in, account, person, language)


def work_as(session: Session, sign_in: SignIn, role_id: UUID) -> None:
    """Remember which role the browser works in."""
    session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(role_id=role_id))


def end(session: Session, token: str | None) -> Found | None:
    """End the sign-in behind a cookie; returns what was ended."""
    found = find(session, token)
    if token:
        session.execute(delete(SignIn).where(SignIn.id == _hash(token)))
    return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
