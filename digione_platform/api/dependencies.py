"""What the addresses of the interface ask for: a transaction, the client behind the token, its right."""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.orm import Session

from digione_platform.api import clients
from digione_platform.api.access import Scope
from digione_platform.api.clients import Client
from digione_platform.api.problems import Refused
from digione_platform.api.query import Reader
from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.web.dependencies import Transaction

MAX_BODY = 1024 * 1024


def allowed(scopes: Iterable[Scope]) -> Callable[[Request, Session], Client]:
    """What lets a request in whose token has one of some scopes."""

    def client(request: Request, session: Transaction) -> Client:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = clients.find(session, token.strip()) if scheme.lower() == "bearer" and token else None
        if found is None:
            raise Refused(
                401,
                "unauthorisedrequest",
                "ask for an access token: the one sent is missing, unknown, expired or revoked",
                headers={"www-authenticate": 'Bearer error="invalid_token"' if token else "Bearer"},
            )
        request.state.client = found
        require_scope(found, scopes)
        return found

    return client


def require_scope(client: Client, scopes: Iterable[Scope]) -> None:
    """Let a client pass whose token has one of some scopes.

    Raises:
        Refused: it has none of them.
    """
    if client.scopes.isdisjoint(scopes):
        wanted = " or ".join(scopes)
        raise Refused(
            403,
            "forbidden",
            f"the token lacks the scope {wanted}",
            headers={"www-authenticate": 'Bearer error="insufficient_scope"'},
        )


def reader(request: Request, session: Session, client: Client) -> Reader:
    """What reads for a client."""
    return Reader(session, request.app.state.root, client.protected)


def record(
    session: Session,
    request: Request,
    client: Client,
    act: Act,
    subject: UUID | None = None,
    people: Collection[UUID] = (),
    **detail: Any,
) -> None:
    """Write down what a client did, about one person or about many."""
    by = By(client.id, request=request.state.request_id)
    audit.record(session, by, act, [subject], people=people, service=client.name, **detail)


def note_refusal(request: Request, status: int) -> None:
    """Write down that a client was refused, if it is known; in a transaction of its own, for the request's
    is rolled back."""
    client: Client | None = getattr(request.state, "client", None)
    if client is None:
        return
    with request.app.state.open_session.begin() as session:
        record(
            session,
            request,
            client,
            Act.CLIENT_REFUSED,
            method=request.method,
            address=getattr(request.scope.get("route"), "path", "-"),
            status=status,
        )


async def json_body(request: Request) -> bytes:
    """The body of a request that calls it JSON, or calls it nothing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", "application/json"):
        raise Refused(415, "invaliddata", "content-type: a body is application/json", "content-type")
    return await limited_body(request)


async def limited_body(request: Request) -> bytes:
    """The body of a request, unless it is too large to be one."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise Refused(413, "invaliddata", f"the body has more than {MAX_BODY} bytes")
    return bytes(body)
