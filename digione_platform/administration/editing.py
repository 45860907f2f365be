"""What pages of records have in common: the list, the form on which one is added and changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from starlette.datastructures import FormData

from digione_platform.administration.forms import Fields, merged, sent_form, sent_texts, texts_of, version_of
from digione_platform.administration.records import Outcome, Record, require, save
from digione_platform.core.access import Action, Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import Origin, Person
from digione_platform.core.paging import Page
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page, speak

Words = Annotated[str, Query(max_length=100)]
Form = Annotated[FormData, Depends(sent_form)]


def in_turn(request: Request, asked: Question) -> None:
    """Let what changes the register wait for each other: what is allowed depends on many rows."""
    if request.method == "POST":
        turn = func.pg_advisory_xact_lock(func.hashtext("digione administration"))
        asked.session.execute(select(turn))


def form_page(
    request: Request,
    record: Record,
    fields: Fields,
    row_id: UUID,
    texts: dict[str, str],
    version: str,
    outcome: Outcome | None = None,
    *,
    action: str,
    back: str,
    row: Any = None,
    heading: str = "",
    take: str = "",
    about: tuple[str, ...] = (),
) -> Response:
    """The form of a record; after mistakes or a meeting of two editors, with what was sent (``texts``).

    ``action`` is the address below ``/administration/``, ``take`` the label of a button that ends the row,
    ``about`` what is fixed and worth knowing. The row's name or that it is new is the ``heading`` if none is
    given.
    """
    row = outcome.row if outcome else row
    now = outcome.now if outcome else None
    shown = texts
    if now is not None:
        shown, version = merged(texts, version, now), version_of(now)
    status = 200 if outcome is None else 422 if now is None else 409
    name = getattr(row, "title", None) or getattr(row, "name", None)
    return page(
        request,
        "administration/form.html",
        status=status,
        record=record,
        fields=fields,
        action=action,
        back=back,
        row=row,
        row_id=row_id,
        heading=heading or name or speak(request).gettext(record.new),
        take=take if row is not None else "",
        about=about,
        imported=row is not None and row.origin is Origin.ROSTER,
        texts_=shown,
        sent=texts,
        version=version,
        mistakes=outcome.mistakes if outcome else {},
        now=now,
    )


@dataclass(frozen=True)
class ListRow:
    """A row of a list: the address of its page below ``/administration/``, its name and the further cells."""

    address: str
    name: str
    cells: Sequence[str]
    in_use: bool = True


@dataclass(frozen=True)
class Filter:
    """A choice beside the search of a list: values with their titles; the first value is no condition."""

    name: str
    title: str
    choices: Sequence[tuple[str, str]]


def list_page(
    request: Request,
    key: str,
    found: Page[Any],
    *,
    title: str,
    new: str,
    saved: bool,
    asked: Mapping[str, str],
    heads: Sequence[tuple[str, str]],
    rows: Sequence[ListRow],
    filters: Sequence[Filter] = (),
    links: Sequence[tuple[str, str]] = (),
    empty: str = mark("There is nothing yet. Import the roster, or add the first one here."),
) -> Response:
    """A list of records. ``heads`` are what a column is sorted by, if it is, and its title; ``links`` are
    addresses below ``/administration/`` with their titles; ``empty`` says what to do where there is nothing.
    """
    return page(
        request,
        "administration/list.html",
        key=key,
        found=found,
        title=title,
        new=new,
        saved=saved,
        asked=asked,
        heads=heads,
        rows=rows,
        filters=filters,
        links=links,
        empty=empty,
        narrowed=any(value for name, value in asked.items() if name != "sort"),
    )


def pages_of(
    router: APIRouter,
    key: str,
    record: Record,
    back: Callable[[Any], str],
    *,
    after: Callable[..., None] | None = None,
) -> None:
    """Add to a router the addresses at which a kind of record is added and changed."""

    def new(request: Request, asked: Question, row_id: UUID | None = None) -> Response:
        require(asked)
        if row_id is None:
            return new_form(f"{key}/new", {})
        if asked.session.get(record.model, row_id) is not None:
            return saved_before(key, row_id)
        fields = record.fields(asked.session, None)
        texts, where = texts_of(fields, None), f"/administration/{key}"
        return form_page(request, record, fields, row_id, texts, "", action=f"{key}/{row_id}", back=where)

    def edit(request: Request, asked: Question, row_id: UUID) -> Response:
        row: Any = row_of(asked, record, row_id)
        fields = record.fields(asked.session, row)
        texts = texts_of(fields, row)
        if isinstance(row, Person):
            asked.record(Act.VIEW_PERSON, [row.id], Relation.OWN_MUNICIPALITY)
        action, version = f"{key}/{row_id}", version_of(texts)
        return form_page(
            request, record, fields, row_id, texts, version, row=row, action=action, back=back(row)
        )

    def send(request: Request, asked: Question, row_id: UUID, form: Form, tasks: BackgroundTasks) -> Response:
        require(asked)
        row: Any = asked.session.get(record.model, row_id)
        fields, texts = sent(asked, record, row, form)
        version = str(form.get("version", ""))
        outcome = save(asked, record, row_id, texts, version)
        if outcome.saved:
            if after is not None:
                after(tasks, request.app.state, outcome.row)
            return RedirectResponse(f"{back(outcome.row)}?saved=true", 303)
        fields, texts = sent(asked, record, outcome.row, form)
        where = f"/administration/{key}" if row is None else back(row)
        action = f"{key}/{row_id}"
        return form_page(request, record, fields, row_id, texts, version, outcome, action=action, back=where)

    router.add_api_route(f"/{key}/new", new, methods=["GET"])
    router.add_api_route(f"/{key}/{{row_id:uuid}}/edit", edit, methods=["GET"])
    router.add_api_route(f"/{key}/{{row_id:uuid}}", send, methods=["POST"])


def new_form(address: str, asked: Mapping[str, str]) -> Response:
    """Go to the form of a new row, at an address below ``/administration/`` with the row's identifier.

    Whoever comes back to that address after saving finds what was saved, and adds no second one.
    """
    return RedirectResponse(f"/administration/{address}?{urlencode({**asked, 'row_id': str(uuid4())})}", 303)


def saved_before(key: str, row_id: UUID) -> Response:
    """Go from the form of a new row that was saved to that of the row."""
    return RedirectResponse(f"/administration/{key}/{row_id}/edit", 303)


def sent(asked: Asked, record: Record, row: Any, form: FormData) -> tuple[Fields, dict[str, str]]:
    """The fields of a row's form and the texts that were sent for them.

    A form of a new row has fewer fields; if the row is there by now, it says nothing of the others.
    """
    fields = record.fields(asked.session, row)
    if row is None or form.get("version"):
        return fields, sent_texts(fields, form)
    texts = texts_of(fields, row)
    known = sent_texts(record.fields(asked.session, None), form)
    return fields, {name: known.get(name, text) for name, text in texts.items()}


def row_of(asked: Asked, record: Record, row_id: UUID) -> Any:
    """A row that the viewer may administer.

    Raises:
        NotFoundError: there is none.
    """
    require(asked)
    row = asked.session.get(record.model, row_id)
    if row is None:
        raise NotFoundError
    require(asked, protected=isinstance(row, Person) and row.nondisclosure)
    return row


def person_of(asked: Asked, person_id: UUID, *, place: bool = False) -> Person:
    """A person whom the viewer may administer; with ``place``, one whose school the viewer may know.

    Raises:
        NotFoundError: there is none.
    """
    require(asked)
    found = asked.session.get(Person, person_id)
    if found is None:
        raise NotFoundError
    require(asked, protected=found.nondisclosure)
    if place and not asked.may(Relation.OWN_MUNICIPALITY, Action.SCHOOL, protected=found.nondisclosure):
        raise NotFoundError
    return found


def uuid_of(sent: Any) -> UUID:
    """An identifier that a form carries.

    Raises:
        NotFoundError: it is none, so no form of ours was sent.
    """
    try:
        return UUID(str(sent))
    except ValueError as error:
        raise NotFoundError from error
