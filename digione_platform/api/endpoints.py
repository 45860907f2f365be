"""Makes the addresses of a table of views: reading is the same for all of them."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from digione_platform.api.access import Scope
from digione_platform.api.clients import Client
from digione_platform.api.dependencies import allowed, reader, record
from digione_platform.api.fields import Schema
from digione_platform.api.problems import Refused
from digione_platform.api.query import Asked, Selection
from digione_platform.api.views import View
from digione_platform.core.audit import Act
from digione_platform.web.dependencies import Transaction


def router(root: str, views: Sequence[View]) -> APIRouter:
    """The addresses below ``root`` by which views and their single objects are read."""
    made = APIRouter()
    for view in views:
        made.add_api_route(
            f"/{root}{view.path}",
            _many(view),
            methods=["GET"],
            **described(
                view.path,
                view.many,
                view.scopes,
                {
                    "type": "object",
                    "required": [view.collection.key],
                    "properties": {view.collection.key: {"type": "array", "items": _schema(view)}},
                },
            ),
        )
        if view.one:
            path = f"/{root}{view.path}/{{sourcedId}}"
            made.add_api_route(
                path,
                _one(view),
                methods=["GET"],
                **described(path, view.one, view.scopes, one_schema(view)),
            )
    return made


def one_schema(view: View) -> Schema:
    """The JSON Schema of one object in its envelope."""
    return {
        "type": "object",
        "required": [view.collection.one],
        "properties": {view.collection.one: _schema(view)},
    }


def _schema(view: View) -> Schema:
    return {"$ref": f"#/components/schemas/{view.collection.one}"}


def described(
    path: str,
    operation: str,
    scopes: Sequence[Scope],
    schema: Schema | None,
    status: int = 200,
    body: Schema | None = None,
) -> dict[str, Any]:
    """What the OpenAPI document says of an address, as arguments of ``add_api_route``."""
    answer: dict[str, Any] = {"description": "Done"}
    if schema is not None:
        answer = {"description": "Found", "content": {"application/json": {"schema": schema}}}
    given = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    refusals = [400, 401, 403, *([404] if given else []), *([413, 415, 422] if body else []), 429, 503]
    return {
        "operation_id": operation,
        "summary": operation,
        "response_class": Response,
        "responses": {
            status: answer,
            **{code: {"$ref": f"#/components/responses/{code}"} for code in refusals},
        },
        "status_code": status,
        "openapi_extra": {
            "security": [{"oauth2": [scope.url]} for scope in scopes],
            **(
                {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}
                if body
                else {}
            ),
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                for name in given
            ],
        },
    }


def _many(view: View) -> Callable[..., Response]:
    def endpoint(
        request: Request,
        asked: Annotated[Asked, Query()],
        session: Transaction,
        client: Annotated[Client, Depends(allowed(view.scopes), scope="function")],
    ) -> Response:
        _require_once(request)
        found = reader(request, session, client)
        parents = found.parents(view, request.path_params)
        page = found.page(view, asked, parents)
        person = parents.get("person")
        people = page.people if person is None else ()
        count = len(page.rows)
        record(session, request, client, Act.CLIENT_READ, person, people, collection=view.path, count=count)
        return Response(
            f'{{"{view.collection.key}":[{",".join(page.rows)}]}}',
            media_type="application/json",
            headers={"x-total-count": str(page.total), **_links(request, asked, page.total)},
        )

    return endpoint


def _one(view: View) -> Callable[..., Response]:
    def endpoint(
        request: Request,
        sourcedId: str,  # noqa: N803 - the standard's name
        asked: Annotated[Selection, Query()],
        session: Transaction,
        client: Annotated[Client, Depends(allowed(view.scopes), scope="function")],
    ) -> Response:
        _require_once(request)
        subject, row = reader(request, session, client).one(view, sourcedId, asked)
        record(session, request, client, Act.CLIENT_READ, subject, collection=view.path, count=1)
        return Response(f'{{"{view.collection.one}":{row}}}', media_type="application/json")

    return endpoint


def _require_once(request: Request) -> None:
    """Of a parameter that is said twice nobody knows which one was meant.

    Raises:
        Refused: there is one.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise Refused(400, "invaliddata", f"{name}: it is said more than once", name)


def _links(request: Request, asked: Asked, total: int) -> dict[str, str]:
    """The header with the addresses of the other pages, in the form of RFC 8288."""
    last = max(0, (total - 1) // asked.limit * asked.limit)
    pages = {"first": 0, "last": last}
    if asked.offset + asked.limit < total:
        pages["next"] = asked.offset + asked.limit
    if asked.offset > 0:
        pages["prev"] = min(max(0, asked.offset - asked.limit), last)
    said = asked.model_dump(exclude_unset=True)
    here = request.scope["path"].removeprefix(request.scope["root_path"])
    root = request.app.state.root + quote(here)
    links = (
        f'<{root}?{urlencode({**said, "limit": asked.limit, "offset": offset})}>; rel="{rel}"'
        for rel, offset in pages.items()
    )
    return {"link": ", ".join(links)}
