"""OAuth 2 client credentials (RFC 6749, section 4.4): a service shows id and secret and gets a token."""

import base64
import time
from collections import OrderedDict, deque
from typing import Any
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from digione_platform.api import clients
from digione_platform.api.access import PREFIX, Scope
from digione_platform.api.models import ApiClient

MAX_FAILURES = 10
WINDOW_SECONDS = 60
_MAX_ADDRESSES = 10_000


class TokenError(Exception):
    """A request for a token that is refused, by RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, client: clients.Client | None = None) -> None:
        super().__init__(description)
        # ``client`` is whose id was given, not proven.
        self.error, self.description, self.client = error, description, client

    def response(self) -> JSONResponse:
        told = {"error": self.error, "error_description": self.description}
        if self.error == "invalid_client":
            return JSONResponse(told, 401, {**NO_STORE, "www-authenticate": 'Basic realm="digione"'})
        return JSONResponse(told, 400, NO_STORE)


NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class Failures:
    """Counts failures by address, so that a service in a loop, or a guesser, is told to wait.

    Lives in the process, of which a tenant has one; the oldest addresses are forgotten first.
    """

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until an address may try again; 0 if it may now."""
        times = self._times.get(address)
        if not times or len(times) < MAX_FAILURES:
            return 0
        return max(0, -int(time.monotonic() - WINDOW_SECONDS - times[0]))

    def add(self, address: str) -> None:
        self._times.setdefault(address, deque(maxlen=MAX_FAILURES)).append(time.monotonic())
        self._times.move_to_end(address)
        if len(self._times) > _MAX_ADDRESSES:
            self._times.popitem(last=False)


def read_form(body: str) -> dict[str, str]:
    """The parameters of a request.

    Raises:
        TokenError: there are too many, or one of them stands there twice.
    """
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise TokenError("invalid_request", "there are too many parameters") from error
    form = dict(pairs)
    if len(form) < len(pairs):
        raise TokenError("invalid_request", "a parameter stands there twice")
    return form


def client_of(session: Session, authorization: str | None, form: dict[str, str]) -> ApiClient:
    """The client that the header ``Authorization`` or a form proves.

    Raises:
        TokenError: the client is not who it says.
    """
    client_id, secret = _credentials(authorization, form)
    client = clients.authenticate(session, client_id, secret)
    if client is None:
        told = "client id and secret do not fit, or the client is disabled"
        raise TokenError("invalid_client", told, clients.known(session, client_id))
    return client


def give(session: Session, client: ApiClient, form: dict[str, str], request: UUID | None) -> dict[str, Any]:
    """The answer with a token for a client, as its form asks.

    Raises:
        TokenError: the form is not one for tokens, or asks for too much.
    """
    if form.get("grant_type") != "client_credentials":
        raise TokenError(
            "unsupported_grant_type" if form.get("grant_type") else "invalid_request",
            "grant_type must be client_credentials",
        )
    asked = form.get("scope", "").split()
    names = {one.removeprefix(PREFIX) for one in asked} or set(client.scopes)
    if not names <= set(client.scopes):
        raise TokenError("invalid_scope", "the client may not ask for all of these scopes")
    return {
        "access_token": clients.issue(session, client, names, request=request),
        "token_type": "Bearer",
        "expires_in": int(clients.LIFETIME.total_seconds()),
        "scope": " ".join(sorted(Scope(name).url for name in names)),
    }


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str, str]:
    in_form = "client_secret" in form
    if authorization is None:
        if not in_form or "client_id" not in form:
            raise TokenError("invalid_client", "send client id and secret, best by HTTP Basic")
        return form["client_id"], form["client_secret"]
    if in_form:
        raise TokenError("invalid_request", "send client id and secret in one way only")
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        # Not base64, or not UTF-8 in it.
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise TokenError("invalid_client", "the header Authorization is not HTTP Basic")
    return unquote_plus(client_id), unquote_plus(secret)
