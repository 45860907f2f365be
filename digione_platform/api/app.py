"""The open interfaces, an application of their own below the platform: other errors, no cookies or pages."""

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import sessionmaker
from starlette.exceptions import HTTPException

from digione_platform.api import clients, endpoints, gradebook, rostering, tokens, writing
from digione_platform.api.access import TABLE
from digione_platform.api.dependencies import limited_body, note_refusal
from digione_platform.api.fields import GRADEBOOK, ROSTERING
from digione_platform.api.problems import REASONS, STATUS_INFO, Minor, Refused, no_such_address
from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.security import ONEROSTER
from digione_platform.settings import Settings

_log = logging.getLogger(__name__)
TOKEN = "/token"  # noqa: S105 - an address
_ROUTERS = (
    endpoints.router(ROSTERING, rostering.VIEWS),
    endpoints.router(GRADEBOOK, gradebook.VIEWS),
    writing.router(GRADEBOOK, gradebook.WRITABLE),
)


def create_api(settings: Settings, engine: Engine) -> FastAPI:
    """The interfaces of a tenant, to be mounted at ``ONEROSTER``."""
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    root = settings.url.rstrip("/") + ONEROSTER
    api.state.root = root
    api.state.open_session = sessionmaker(engine, expire_on_commit=False)
    api.state.failures = tokens.Failures()
    api.state.document = None

    api.add_api_route(TOKEN, _token, methods=["POST"], include_in_schema=False)
    api.add_api_route("/openapi.json", _document, methods=["GET"], include_in_schema=False)
    for router in _ROUTERS:
        api.include_router(router)

    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(tokens.TokenError, _token_refused)
    api.add_exception_handler(RequestValidationError, _not_understood)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(OperationalError, _database_away)
    api.add_exception_handler(PoolTimeoutError, _database_away)
    api.add_exception_handler(Exception, _our_fault)
    return api


async def _token(request: Request) -> Response:
    failures: tokens.Failures = request.app.state.failures
    address = request.client.host if request.client else ""
    if wait := failures.wait(address):
        raise Refused(
            429, "server_busy", f"too many failures; wait {wait} seconds", headers={"retry-after": str(wait)}
        )
    try:
        body = (await limited_body(request)).decode()
    except UnicodeDecodeError as error:
        raise tokens.TokenError("invalid_request", "the form is not UTF-8") from error
    try:
        answer = await run_in_threadpool(_give, request, body)
    except tokens.TokenError as error:
        if error.error == "invalid_client":
            failures.add(address)
            # At most so many in a minute as an address may fail.
            await run_in_threadpool(_note_failure, request, error.client)
        raise
    return JSONResponse(answer, headers=tokens.NO_STORE)


def _give(request: Request, body: str) -> dict[str, Any]:
    form = tokens.read_form(body)
    with request.app.state.open_session.begin() as session:
        client = tokens.client_of(session, request.headers.get("authorization"), form)
        request.state.client = clients.Client(client.id, client.name, client.protected, frozenset())
        return tokens.give(session, client, form, request.state.request_id)


def _note_failure(request: Request, client: clients.Client | None) -> None:
    """Write down that somebody did not prove to be a service; which one, if there is one of that id."""
    by = By(client.id if client else None, request=request.state.request_id)
    detail: dict[str, Any] = {"service": client.name} if client else {}
    with request.app.state.open_session.begin() as session:
        audit.record(session, by, Act.CLIENT_NOT_PROVEN, **detail)


def _document(request: Request) -> Response:
    api: FastAPI = request.app
    if api.state.document is None:
        api.state.document = document(api)
    return JSONResponse(api.state.document)


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the interfaces: FastAPI's, with what it cannot know."""
    made = get_openapi(
        title="DigiOne: OneRoster 1.2",
        version="1.2",
        summary="Rostering and gradebook of one municipality.",
        routes=api.routes,
        servers=[{"url": api.state.root}],
    )
    # Where it knows of no refusal of the body, FastAPI promises one in a form of its own: nobody gets it.
    for operation in (one for path in made["paths"].values() for one in path.values()):
        if "$ref" not in operation["responses"].get("422", {"$ref": ""}):
            del operation["responses"]["422"]
    components = made.setdefault("components", {})
    collections = {view.collection.one: view.collection for view in (*rostering.VIEWS, *gradebook.VIEWS)}
    components["schemas"] = {
        "imsx_StatusInfo": STATUS_INFO,
        **{name: collection.schema for name, collection in collections.items()},
        **writing.schemas(gradebook.WRITABLE),
    }
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/imsx_StatusInfo"}}}
    components["responses"] = {
        str(code): {"description": why, "content": refusal} for code, why in REASONS.items()
    }
    components["securitySchemes"] = {
        "oauth2": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": api.state.root + TOKEN,
                    "scopes": {
                        scope.url: f"{', '.join(sorted(opens.operations))}: {', '.join(opens.collections)}"
                        for scope, opens in TABLE.items()
                    },
                }
            },
        }
    }
    return made


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    # What it may not have, what is not there, and both of these named in a body.
    if error.status in (403, 404, 422):
        return await _noted(request, error.status, error.response())
    return error.response()


async def _token_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, tokens.TokenError)
    if error.error == "invalid_scope":
        return await _noted(request, 400, error.response())
    return error.response()


async def _noted(request: Request, status: int, response: Response) -> Response:
    """A refusal, once it is in the audit."""
    try:
        await run_in_threadpool(note_refusal, request, status)
    except (OperationalError, PoolTimeoutError) as away:
        return _database_away(request, away)
    return response


def _not_understood(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, *place = first["loc"]
    field = ".".join(map(str, place)) or str(where)
    status = 422 if where == "body" else 400
    minor: Minor = "invalid_selection_field" if field == "fields" else "invaliddata"
    told = "there is no such parameter" if first["type"] == "extra_forbidden" else first["msg"]
    return Refused(status, minor, f"{field}: {told}", field).response()


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return no_such_address()
    headers = error.headers if isinstance(error, HTTPException) else None
    told = f"this address does not take the method {request.method}" if status == 405 else f"HTTP {status}"
    return Refused(status, "invaliddata", told, headers=headers).response()


def _database_away(_: Request, error: Exception) -> Response:
    _log.error("database does not answer: %s", type(error).__name__)
    return Refused(
        503, "server_busy", "the database does not answer; try again", headers={"retry-after": "30"}
    ).response()


def _our_fault(_: Request, error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error)
    return Refused(500, "internal_server_error", "a fault of ours; it has been written down").response()
