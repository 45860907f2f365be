"""Puts and deletes objects of the gradebook. Each is its maker's: no other service changes it."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from digione_platform.api.access import Operation, Scope, scopes_for
from digione_platform.api.clients import Client
from digione_platform.api.dependencies import allowed, json_body, reader, record, require_scope
from digione_platform.api.endpoints import described, one_schema
from digione_platform.api.fields import Schema
from digione_platform.api.gradebook import Writable
from digione_platform.api.problems import Refused
from digione_platform.api.query import Reader, Selection, no_such
from digione_platform.core.audit import Act
from digione_platform.core.models import Status
from digione_platform.web.dependencies import Transaction

Body = Annotated[bytes, Depends(json_body)]


def router(root: str, writables: Sequence[Writable]) -> APIRouter:
    """The addresses below ``root`` at which objects are put and deleted."""
    made = APIRouter()
    for writable in writables:
        path = f"/{root}{writable.view.path}/{{sourcedId}}"
        key = writable.view.collection.key
        put, delete = scopes_for(key, Operation.PUT), scopes_for(key, Operation.DELETE)
        body = {"$ref": f"#/components/schemas/{writable.body.__name__}"}
        made.add_api_route(
            path,
            _put(writable, put, delete),
            methods=["PUT"],
            **described(path, writable.put, put, one_schema(writable.view), 201, body),
        )
        made.add_api_route(
            path,
            _delete(writable, delete),
            methods=["DELETE"],
            **described(path, writable.delete, delete, None, 204),
        )
    return made


def schemas(writables: Sequence[Writable]) -> dict[str, Schema]:
    """The JSON Schemas of all bodies and their parts, by name."""
    found: dict[str, Schema] = {}
    for writable in writables:
        schema = writable.body.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= {**schema.pop("$defs"), writable.body.__name__: schema}
    return found


def _put(writable: Writable, scopes: Sequence[Scope], deleting: Sequence[Scope]) -> Callable[..., Response]:
    view = writable.view

    def endpoint(
        request: Request,
        sourcedId: str,  # noqa: N803 - the standard's name
        session: Transaction,
        client: Annotated[Client, Depends(allowed(scopes), scope="function")],
        body: Body,
    ) -> Response:
        row = _understood(writable, sourcedId, body)
        act = Act.CLIENT_WRITE
        if row["status"] == Status.TOBEDELETED:
            # Another word for a deletion.
            require_scope(client, deleting)
            act = Act.CLIENT_DELETE
        found = reader(request, session, client)
        before = _subject_before(session, writable, client, sourcedId, found)
        columns = {column: row[name] for name, column in writable.columns.items()}
        columns |= _linked(writable, row, found)
        _require_agreement(writable, row, columns, session)
        columns |= {"status": row["status"], "extension": row["metadata"]}
        people: set[UUID | None] = {before}
        if row["status"] == Status.ACTIVE:
            known = {**columns, "sourced_id": sourcedId, "protected": client.protected}
            _require_sense(writable, known, session)
        written = _write(session, writable, client, sourcedId, columns)
        if row["status"] == Status.TOBEDELETED:
            people |= _end(session, writable, written)
        subject, shown = found.one(view, sourcedId, Selection())
        record(
            session,
            request,
            client,
            act,
            subject,
            people=[one for one in people if one and one != subject],
            collection=view.path,
        )
        return Response(
            f'{{"{view.collection.one}":{shown}}}', status_code=201, media_type="application/json"
        )

    return endpoint


def _delete(writable: Writable, scopes: Sequence[Scope]) -> Callable[..., Response]:
    def endpoint(
        request: Request,
        sourcedId: str,  # noqa: N803 - the standard's name
        session: Transaction,
        client: Annotated[Client, Depends(allowed(scopes), scope="function")],
    ) -> Response:
        table = writable.table
        # What another service made is answered as what is not there: reading may not be this one's right.
        subject, _ = reader(request, session, client).one(writable.view, sourcedId, Selection())
        owned = session.execute(
            update(table)
            .where(table.sourced_id == sourcedId, table.client_id == client.id)
            .values(status=Status.TOBEDELETED, last_modified=func.now())
            .returning(table.id)
        ).one_or_none()
        if owned is None:
            raise no_such(writable.view)
        people = list(_end(session, writable, owned.id))
        record(
            session,
            request,
            client,
            Act.CLIENT_DELETE,
            subject,
            people=people,
            collection=writable.view.path,
        )
        return Response(status_code=204)

    return endpoint


def _understood(writable: Writable, sourced_id: str, body: bytes) -> dict[str, Any]:
    """The fields of a body's object.

    Raises:
        Refused: the body is not what the interface takes, or is about another object than the address.
    """
    try:
        parsed = writable.body.model_validate_json(body)
    except ValidationError as error:
        mistakes = error.errors(include_input=False, include_url=False, include_context=False)
        told = "; ".join(f"{_place(one['loc'])}: {_words(one)}" for one in mistakes[:10])
        raise Refused(422, "invaliddata", told, _place(mistakes[0]["loc"])) from error
    row: BaseModel = getattr(parsed, writable.view.collection.one)
    fields = {info.alias or name: getattr(row, name) for name, info in type(row).model_fields.items()}
    if fields["sourcedId"] != sourced_id:
        raise _senseless(writable, "sourcedId", "it is not the address's")
    return fields


# Words of ours, by the library's name of a mistake, where its own are for its programmers.
_WORDS = {
    "extra_forbidden": "there is no such field",
    "json_invalid": "it is not JSON",
    "string_pattern_mismatch": "there is a character in it that may not be there, such as a line break",
}


def _words(mistake: ErrorDetails) -> str:
    return _WORDS.get(mistake["type"]) or mistake["msg"].removeprefix("Value error, ")


def _senseless(writable: Writable, place: str, told: str) -> Refused:
    """The refusal of a body for what stands at a place in its object."""
    whole = f"{writable.view.collection.one}.{place}"
    return Refused(422, "invaliddata", f"{whole}: {told}", whole)


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc)) or "body"


def _linked(writable: Writable, row: dict[str, Any], found: Reader) -> dict[str, UUID | None]:
    """The columns that refer to other rows.

    Raises:
        Refused: one of those is not there, or not to be known of.
    """
    columns: dict[str, UUID | None] = {}
    for name, (column, sql) in writable.links.items():
        named = row[name]
        columns[column] = None if named is None else found.identifier(sql, {"sourcedId": named.sourcedId})
        if named is not None and columns[column] is None:
            raise _senseless(writable, f"{name}.sourcedId", "there is no such object")
    return columns


def _require_agreement(
    writable: Writable, row: dict[str, Any], columns: dict[str, Any], session: Session
) -> None:
    for name, sql in writable.agrees.items():
        statement = text(sql)
        known = {key: columns[key] for key in statement.compile().params}
        if row[name] is not None and session.scalar(statement, known) != row[name].sourcedId:
            raise _senseless(writable, f"{name}.sourcedId", "it does not fit the other fields")


def _require_sense(writable: Writable, columns: dict[str, Any], session: Session) -> None:
    for place, sql, told in writable.holds:
        statement = text(sql)
        if not session.scalar(statement, {key: columns[key] for key in statement.compile().params}):
            raise _senseless(writable, place, told)


def _end(session: Session, writable: Writable, row_id: UUID) -> set[UUID]:
    """Delete what makes no sense without an object; gives the people whom that was about."""
    return set(session.scalars(text(writable.ends), {"id": row_id})) if writable.ends else set()


def _subject_before(
    session: Session, writable: Writable, client: Client, sourced_id: str, found: Reader
) -> UUID | None:
    """The person whom the object of an address was about until now, if there is one; nobody changes it
    meanwhile.

    Raises:
        Refused: it is another service's, or about somebody who is not to be known of.
    """
    table = writable.table
    maker = session.scalar(select(table.client_id).where(table.sourced_id == sourced_id).with_for_update())
    if maker is None:
        return None
    before = found.find(writable.view, sourced_id, Selection())
    if maker != client.id or before is None:
        raise _not_own()
    return before[0]


def _write(
    session: Session, writable: Writable, client: Client, sourced_id: str, columns: dict[str, Any]
) -> UUID:
    table = writable.table
    statement = insert(table).values(sourced_id=sourced_id, client_id=client.id, **columns)
    written = session.execute(
        statement.on_conflict_do_update(
            index_elements=[table.sourced_id],
            set_={**columns, "last_modified": func.now()},
            where=table.client_id == client.id,
        ).returning(table.id)
    ).one_or_none()
    if written is None:
        raise _not_own()
    return cast(UUID, written.id)


def _not_own() -> Refused:
    """The same words whatever the reason, or they would tell of people who are not to be known of.

    That the identifier is taken must be told: it is one object's for all services, and is not to be replaced.
    """
    told = "sourcedId: this identifier is taken, and not for this service to change; choose another"
    return Refused(403, "forbidden", told, "sourcedId")
