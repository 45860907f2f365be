"""The services that may connect: who they are, their secrets and their access tokens.

A token is random and stands in the database as its SHA-256, like a browser's sign-in: it ends the moment its
client is disabled or gets a new secret, which a signed token could not.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from digione_platform.api.access import Scope
from digione_platform.api.models import ApiClient, ApiToken
from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.errors import InputError
from digione_platform.i18n import mark
from digione_platform.roster.identifiers import holds_personal_identity_code

LONGEST = 200
LIFETIME = timedelta(hours=1)
# A request within this time of the last does not write that the client was used.
_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True)
class Client:
    """A client as a request shows it: with the scopes of its token."""

    id: UUID
    name: str
    protected: bool
    scopes: frozenset[str]


def add(
    session: Session, name: str, contact: str, scopes: Iterable[Scope], *, protected: bool, operator: str
) -> tuple[UUID, str]:
    """Enter a client; gives its id and its secret, which is kept nowhere.

    Raises:
        InputError: the name is taken, or name or contact is no line of text.
    """
    lines = (name, contact)
    if not all(0 < len(text.strip()) <= LONGEST and text.isprintable() for text in lines) or any(
        holds_personal_identity_code(text, mistyped=True) for text in lines
    ):
        raise InputError(
            "P-CLIENTS-004",
            mark("The client was not added"),
            mark("name or contact is no line of 1 to {longest} printable characters, or names a person"),
            mark("correct it"),
            longest=LONGEST,
        )
    secret = secrets.token_urlsafe(32)
    client = ApiClient(
        name=name, contact=contact, scopes=sorted(set(scopes)), protected=protected, secret=_hash(secret)
    )
    session.add(client)
    try:
        session.flush()
    except IntegrityError as error:
        raise InputError(
            "P-CLIENTS-001",
            mark("The client {name} was not added"),
            mark("there is one of that name"),
            mark("choose another name, or give that one a new secret: digione-platform clients rotate"),
            name=name,
        ) from error
    audit.record(
        session,
        By(),
        Act.ADD_CLIENT,
        client=str(client.id),
        operator=operator,
        scopes=client.scopes,
        protected=protected,
    )
    return client.id, secret


def rows(session: Session) -> list[dict[str, Any]]:
    """All clients in the order of their names, without secrets, fit for JSON."""
    return [
        {
            "client_id": str(client.id),
            "name": client.name,
            "contact": client.contact,
            "scopes": client.scopes,
            "protected": client.protected,
            "created": client.created.isoformat(timespec="seconds"),
            "last_used": client.last_used.isoformat(timespec="seconds") if client.last_used else None,
            "disabled": client.disabled.isoformat(timespec="seconds") if client.disabled else None,
        }
        for client in session.scalars(select(ApiClient).order_by(ApiClient.name))
    ]


def disable(session: Session, client_id: UUID, operator: str) -> str:
    """Close a client for good; its tokens end at once. Gives its name.

    Raises:
        InputError: there is no such client.
    """
    client = _get(session, client_id, mark("The client was not disabled"))
    if client.disabled is None:
        client.disabled = datetime.now(UTC)
        _end_tokens(session, client_id)
        audit.record(session, By(), Act.DISABLE_CLIENT, client=str(client_id), operator=operator)
    return client.name


def rotate(session: Session, client_id: UUID, operator: str) -> str:
    """Give a client a new secret; the old one and its tokens end at once.

    Raises:
        InputError: there is no such client, or it is disabled.
    """
    what = mark("The client has its old secret")
    client = _get(session, client_id, what)
    if client.disabled is not None:
        raise InputError(
            "P-CLIENTS-003",
            what,
            mark("it is disabled"),
            mark("add a client: digione-platform clients add"),
        )
    secret = secrets.token_urlsafe(32)
    client.secret = _hash(secret)
    _end_tokens(session, client_id)
    audit.record(session, By(), Act.ROTATE_CLIENT, client=str(client_id), operator=operator)
    return secret


def authenticate(session: Session, client_id: str, secret: str) -> ApiClient | None:
    """The client that an id and a secret prove, in a time that does not tell which of them was wrong."""
    try:
        client = session.get(ApiClient, UUID(client_id))
    except ValueError:
        client = None
    right = hmac.compare_digest(_hash(secret), client.secret if client else _hash(""))
    return client if client is not None and right and client.disabled is None else None


def known(session: Session, client_id: str) -> Client | None:
    """The client of an id that nothing proves, without scopes."""
    try:
        client = session.get(ApiClient, UUID(client_id))
    except ValueError:
        return None
    return None if client is None else Client(client.id, client.name, client.protected, frozenset())


def issue(
    session: Session,
    client: ApiClient,
    scopes: Iterable[str],
    *,
    request: UUID | None = None,
    now: datetime | None = None,
) -> str:
    """A new access token for a client; tokens that have run out are forgotten."""
    now = now or datetime.now(UTC)
    session.execute(delete(ApiToken).where(ApiToken.expires < now))
    token = secrets.token_urlsafe(32)
    session.add(ApiToken(id=_hash(token), client_id=client.id, scopes=sorted(scopes), expires=now + LIFETIME))
    client.last_used = now
    by = By(client.id, request=request)
    audit.record(session, by, Act.CLIENT_SIGN_IN, service=client.name, scopes=sorted(scopes))
    return token


def find(session: Session, token: str, *, now: datetime | None = None) -> Client | None:
    """The client behind an access token, unless the token has run out or the client was disabled."""
    now = now or datetime.now(UTC)
    found = session.execute(
        select(ApiClient, ApiToken.scopes)
        .join(ApiToken, ApiToken.client_id == ApiClient.id)
        .where(ApiToken.id == _hash(token), ApiToken.expires > now, ApiClient.disabled.is_(None))
    ).one_or_none()
    if found is None:
        return None
    client, scopes = found
    if client.last_used is None or now - client.last_used > _PRECISION:
        session.execute(update(ApiClient).where(ApiClient.id == client.id).values(last_used=now))
    return Client(client.id, client.name, client.protected, frozenset(scopes))


def _get(session: Session, client_id: UUID, what: str) -> ApiClient:
    client = session.get(ApiClient, client_id)
    if client is None:
        raise InputError(
            "P-CLIENTS-002", what, mark("there is no such client"), "digione-platform clients list"
        )
    return client


def _end_tokens(session: Session, client_id: UUID) -> None:
    session.execute(delete(ApiToken).where(ApiToken.client_id == client_id))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
