"""What every request passes: the right host, no forged posts, headers for browsers, the access log."""

import logging
import time
from collections.abc import Sequence
from urllib.parse import urlsplit
from uuid import uuid4

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digione_platform.settings import Settings

_log = logging.getLogger("digione_platform.access")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
HEALTH = "/healthz"
# Services of other vendors are let in there by a token, never by a browser's cookie: nothing can be forged.
ONEROSTER = "/ims/oneroster"
# Bytes of a whole form. A file that is sent may be larger, which the gateway lets through, with room for the
# rest of its form (``gateway_upload_megabytes``).
LARGEST_FORM = 64 * 1024
MEGABYTE = 1024 * 1024
LARGEST_FILE = 24 * MEGABYTE
LARGER_FORMS = {"/administration/imports": LARGEST_FILE + MEGABYTE}


def origin_of(url: str) -> str:
    """Scheme and host of a URL, as browsers send them in ``Origin``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def content_security_policy(form_targets: Sequence[str]) -> str:
    """Only our own styles and pictures, no scripts at all; forms go to us and to ``form_targets``."""
    rules = {
        "default-src": "'none'",
        "style-src": "'self'",
        "font-src": "'self'",
        # The design system's icons are pictures inside its stylesheet.
        "img-src": "'self' data:",
        # Browsers check this also where the answer to a form redirects: sign-out ends at the provider.
        "form-action": " ".join(["'self'", *form_targets]),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _is_utf8(headers: Headers) -> bool:
    """Whether a form is in the letters that our pages are in.

    Browsers always send so. By another charset it could hold what no page can be written with.
    """
    _, said = parse_options_header(headers.get("content-type"))
    return said.get(b"charset", b"utf-8").lower() == b"utf-8"


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Receives a form only as far as it may be long. The interfaces of services see to theirs themselves."""
    if scope["path"].startswith(f"{ONEROSTER}/"):
        return receive
    limit = left = LARGER_FORMS.get(scope["path"], LARGEST_FORM)
    told = Headers(scope=scope).get("content-length", "")

    async def receive_some() -> Message:
        nonlocal left
        if told.isdecimal() and int(told[:20]) > limit:
            raise HTTPException(413)
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return receive_some


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings, form_targets: Sequence[str]) -> None:
        self._app = app
        self._url = settings.url.rstrip("/")
        self._origin = origin_of(settings.url)
        self._host = urlsplit(settings.url).netloc
        self._headers = {
            "content-security-policy": content_security_policy(form_targets),
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # The request as the access log, the audit and the answer name it.
        request_id = scope.setdefault("state", {})["request_id"] = uuid4()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # Pages carry personal data; static files say themselves how long they keep.
                headers.setdefault("cache-control", "no-store")
                headers["x-request-id"] = str(request_id)
            await send(message)

        try:
            app = self._refusal(scope) or self._app
            await app(scope, _limited(scope, receive), send_with_headers)
        finally:
            self._log(scope, status, time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        safe = scope["method"] in _SAFE_METHODS
        if headers.get("host") != self._host and scope["path"] != HEALTH:
            # Another name for this server: a stray link, or a page that rebinds its name to our address.
            if safe:
                return RedirectResponse(f"{self._url}{scope['path']}", 307)
            return PlainTextResponse("421: this server has another name\n", 421)
        by_token = scope["path"].startswith(f"{ONEROSTER}/")
        if not safe and not by_token and not self._same_origin(headers):
            return PlainTextResponse("403: the form was not sent from this site\n", 403)
        if not safe and not by_token and not _is_utf8(headers):
            return PlainTextResponse("415: forms are read as UTF-8\n", 415)
        return None

    def _same_origin(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and origin != "null":
            return origin == self._origin
        return headers.get("sec-fetch-site") == "same-origin"

    @staticmethod
    def _log(scope: Scope, status: int, seconds: float) -> None:
        # The route, not the path: paths carry identifiers of people, and queries what was searched for.
        route = getattr(scope.get("route"), "path", "-")
        _log.info(
            "%s %s %s %.0f ms %s",
            scope["method"],
            route,
            status,
            seconds * 1000,
            scope["state"]["request_id"],
        )
