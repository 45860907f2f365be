"""The application of one tenant: its parts put together, and what every failure looks like."""

import logging
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware

from digione_platform import sessions
from digione_platform.administration import (
    groups,
    guardianships,
    imports,
    mail,
    moving,
    moving_up,
    next_year,
    passwords,
    retention,
    sign_ins,
)
from digione_platform.administration import pages as administration
from digione_platform.administration.editing import in_turn
from digione_platform.api.app import create_api
from digione_platform.api.problems import no_such_address
from digione_platform.areas import areas_of
from digione_platform.auth import SignInMethod
from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.viewer import Viewer
from digione_platform.db import open_database
from digione_platform.errors import PlatformError
from digione_platform.i18n import mark
from digione_platform.region import Region
from digione_platform.security import HEALTH, ONEROSTER, Guard
from digione_platform.settings import Settings
from digione_platform.web import history, looks, news, pages, profile, search
from digione_platform.web.dependencies import NoRoleError, NotFoundError, NotSignedInError, viewer
from digione_platform.web.render import STATIC, address, cookie_name, local_path, page, speak

_log = logging.getLogger(__name__)


def create_app(settings: Settings, sign_in: SignInMethod) -> FastAPI:
    """The platform of the tenant in ``settings``, where people prove who they are by ``sign_in``."""
    _require_styles()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    engine = open_database(settings)
    app.state.settings = settings
    app.state.secure = settings.url.startswith("https:")
    app.state.areas = areas_of(settings.tenant)
    app.state.engine = engine
    app.state.region = Region(settings.region, settings.url)
    app.state.open_session = sessionmaker(engine, expire_on_commit=False)
    app.state.sign_in = sign_in

    app.include_router(sign_in.router())
    for part in (pages, looks, history, search, news, profile):
        app.include_router(part.router)
    for part in (imports, mail, sign_ins):
        app.include_router(part.router)
    for part in (guardianships, retention, administration, groups, moving, moving_up, next_year):
        app.include_router(part.router, dependencies=[Depends(in_turn)])
    if settings.directory is not None:
        app.include_router(passwords.router)
    app.add_api_route("/sign-out", _sign_out, methods=["POST"])
    app.add_api_route("/signed-out", _signed_out, methods=["GET"])
    app.add_api_route(HEALTH, _health, methods=["GET"])
    app.mount(ONEROSTER, create_api(settings, engine), name="oneroster")
    app.mount("/static", Static(directory=STATIC), name="static")

    app.add_exception_handler(NotSignedInError, _not_signed_in)
    app.add_exception_handler(NoRoleError, _no_role)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(PoolTimeoutError, _database_away)
    app.add_exception_handler(Exception, _our_fault)

    # What must be remembered while the person is at the identity provider is in a signed cookie.
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.session_secret.get_secret_value(),
        session_cookie="__Host-digione-flow" if app.state.secure else "digione-flow",
        max_age=15 * 60,
        same_site="lax",
        https_only=app.state.secure,
    )
    app.add_middleware(Guard, settings=settings, form_targets=sign_in.form_targets)
    return app


def _require_styles() -> None:
    if not (STATIC / "vendor" / "hds.css").exists():
        raise PlatformError(
            "P-STATIC-001",
            mark("The platform was not started"),
            mark("the design system's styles were not built: {folder} is empty"),
            mark("make static, in the checkout"),
            folder=STATIC / "vendor",
        )


class Static(StaticFiles):
    """Static files; their addresses change with their content, so browsers keep them for ever."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def _sign_out(request: Request) -> Response:
    ended = await run_in_threadpool(_end_session, request)
    id_token = ended.sign_in.id_token if ended else request.session.pop("id_token", None)
    sign_in: SignInMethod = request.app.state.sign_in
    response = RedirectResponse(await sign_in.sign_out_url(id_token, speak(request).language), 303)
    response.delete_cookie(
        cookie_name(request), path="/", secure=request.app.state.secure, httponly=True, samesite="lax"
    )
    return response


def _end_session(request: Request) -> sessions.Found | None:
    with request.app.state.open_session.begin() as session:
        ended = sessions.end(session, request.cookies.get(cookie_name(request)))
        if ended is not None:
            audit.record(session, By(ended.person.id, request=request.state.request_id), Act.SIGN_OUT)
    return ended


def _signed_out(request: Request) -> Response:
    return page(request, "signed_out.html", overtaken=request.session.pop("overtaken", False))


def _health(request: Request) -> Response:
    release = request.app.state.settings.release
    try:
        with request.app.state.engine.connect() as connection:
            connection.execute(text("select 1"))
    except (OperationalError, PoolTimeoutError):
        return JSONResponse({"status": "failing", "release": release, "database": "away"}, 503)
    return JSONResponse({"status": "ok", "release": release, "database": "ok"})


def _not_signed_in(request: Request, _: Exception) -> Response:
    if request.url.path == "/":
        return page(request, "welcome.html")
    if request.method != "GET":
        return RedirectResponse("/", 303)
    return RedirectResponse(f"/sign-in?{urlencode({'next': local_path(address(request))})}", 303)


def _greet(request: Request) -> None:
    """Let the page of a failure show the menu of whoever has signed in, if no page asked who it is."""
    if getattr(request.state, "viewer", None) is None:
        with (
            suppress(NotSignedInError, NoRoleError, OperationalError, PoolTimeoutError),
            request.app.state.open_session.begin() as session,
        ):
            viewer(request, session)


def _no_role(request: Request, _: Exception) -> Response:
    return page(request, "no_role.html", status=403)


def _not_found(request: Request, error: Exception) -> Response:
    who: Viewer | None = getattr(request.state, "viewer", None)
    if isinstance(error, NotFoundError) and who is not None:
        # A page of ours said no. Written here, no page can forget it; the page's own transaction is undone.
        try:
            with request.app.state.open_session.begin() as session:
                _record_refusal(session, who, request)
        except (OperationalError, PoolTimeoutError) as away:
            return _database_away(request, away)
    _greet(request)
    return page(request, "not_found.html", status=404)


def _record_refusal(session: Session, who: Viewer, request: Request) -> None:
    named: dict[str, Any] = {name: _storable(value) for name, value in request.path_params.items()}
    by = By(who.person.id, who.desk.desktop, request.state.request_id)
    subject = UUID(named["person_id"]) if "person_id" in named else None
    route = request.scope["route"].path
    audit.record(session, by, Act.REFUSED, [subject], route=route, method=request.method, **named)


def _storable(value: object) -> str:
    """Part of an address as the audit can keep it: some characters have no place in the database."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value)[:80])


def _not_understood(request: Request, _: Exception) -> Response:
    _greet(request)
    # An address with a malformed identifier names nothing; a form with wrong fields was not ours.
    if request.method == "GET":
        return page(request, "not_found.html", status=404)
    return page(request, "not_understood.html", status=422)


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404 and request.scope["path"].startswith(f"{ONEROSTER}/"):
        # A path with a line break in it is not led to the interfaces.
        return no_such_address()
    if status == 404:
        return _not_found(request, error)
    _greet(request)
    return page(request, "too_large.html" if status == 413 else "not_understood.html", status=status)


def _database_away(request: Request, error: Exception) -> Response:
    _log.error("database does not answer: %s", type(error).__name__)
    return page(request, "database_away.html", status=503, headers={"retry-after": "30"})


def _our_fault(request: Request, error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error)
    return page(request, "our_fault.html", status=500)
