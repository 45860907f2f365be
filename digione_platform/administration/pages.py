"""Pages of the register: lists and forms of schools, school years, people and their roles."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from digione_platform.administration import lists, records
from digione_platform.administration.directory import follow
from digione_platform.administration.forms import Fields, sent_form, sent_texts, texts_of, version_of
from digione_platform.administration.records import (
    ROLES,
    Outcome,
    Record,
    require,
    save,
)
from digione_platform.core.access import TABLE, TAKEN, Action, Desktop, Relation, see
from digione_platform.core.audit import Act
from digione_platform.core.models import (
    Guardianship,
    Organisation,
    OrganisationKind,
    Origin,
    Person,
    Role,
    RoleName,
    Status,
)
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page, speak
from digione_platform.web.titles import ACTIONS, DESKTOPS, RELATIONS, RESTRICTIONS, VALUES, rights_of

router = APIRouter(prefix="/administration")
Words = Annotated[str, Query(max_length=100)]
Form = Annotated[FormData, Depends(sent_form)]


# Lists


@router.get("/schools")
def schools(
    request: Request,
    asked: Question,
    search: Words = "",
    sort: Annotated[str, Query(pattern="^(-?name|code)$")] = "name",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """The municipality, its schools and their units."""
    require(asked)
    texts = speak(request)
    found = lists.schools(asked.session, search=search, sort=sort, page=number)
    return page(
        request,
        "administration/list.html",
        found=found,
        key="schools",
        saved=saved,
        asked={"search": search, "sort": sort},
        heads=[("name", "Name"), ("", "Kind"), ("code", "School code")],
        rows=[
            (one.id, one.name, [texts.gettext(VALUES[one.kind]), one.school_code or "–"], one.in_use)
            for one in found.rows
        ],
    )


@router.get("/years")
def years(
    request: Request,
    asked: Question,
    search: Words = "",
    sort: Annotated[str, Query(pattern="^(-?start|name)$")] = "-start",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """School years with their terms and periods."""
    require(asked)
    texts = speak(request)
    found = lists.years(asked.session, search=search, sort=sort, page=number)
    return page(
        request,
        "administration/list.html",
        found=found,
        key="years",
        saved=saved,
        asked={"search": search, "sort": sort},
        heads=[("name", "Name"), ("", "Kind"), ("start", "First day"), ("", "Last day")],
        rows=[
            (
                one.id,
                one.title,
                [
                    texts.gettext(VALUES[one.session_type]),
                    texts.date(one.start_date),
                    texts.date(one.last_date),
                ],
                one.in_use,
            )
            for one in found.rows
        ],
    )


@router.get("/people")
def people(
    request: Request,
    asked: Question,
    search: Words = "",
    role: Annotated[str, Query(max_length=40)] = "",
    place: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(pattern="^(|gone)$")] = "",
    sort: Annotated[str, Query(pattern="^-?name$")] = "name",
    number: PageNumber = 1,
) -> Response:
    """Everyone in the register, or everyone who has left it."""
    require(asked)
    if role and role not in ROLES:
        raise NotFoundError
    places = records.organisations(asked.session)
    if place and place not in {str(one.id) for one in places}:
        raise NotFoundError
    found = lists.people(
        asked.session,
        asked.today,
        search=search,
        role=RoleName(role) if role else None,
        place=UUID(place) if place else None,
        gone=state == "gone",
        sort=sort,
        page=number,
    )
    asked.record(Act.LIST_PEOPLE, [row.person.id for row in found.rows], Relation.OWN_MUNICIPALITY)
    return page(
        request,
        "administration/people.html",
        found=found,
        places=places,
        roles=ROLES,
        asked={"search": search, "role": role, "place": place, "state": state, "sort": sort},
    )


@router.get("/people/{person_id:uuid}")
def person(request: Request, asked: Question, person_id: UUID, saved: bool = False) -> Response:
    """A person with details, roles, guardians and children."""
    found = _person(asked, person_id)
    asked.record(Act.VIEW_PERSON, [person_id], Relation.OWN_MUNICIPALITY)
    family = _family(asked.session, person_id)
    asked.record(Act.VIEW_PERSON, [one.id for one, _ in family], Relation.OWN_MUNICIPALITY)
    roles = asked.session.execute(
        select(Role, Organisation)
        .join(Organisation, Organisation.id == Role.organisation_id)
        .where(Role.person_id == person_id, Role.status == Status.ACTIVE)
        .order_by(Role.end_date.desc().nulls_first(), Role.role, Organisation.name)
    )
    return page(
        request,
        "administration/person.html",
        person=found,
        seen=see(found, asked.desktop, Relation.OWN_MUNICIPALITY),
        roles=[(role, place, ROLES.get(role.role, role.role)) for role, place in roles],
        family=[
            (see(one, asked.desktop, Relation.OWN_MUNICIPALITY), one.id, row, rights_of(row))
            for one, row in family
        ],
        saved=saved,
        today=asked.today,
    )


def _person(asked: Asked, person_id: UUID) -> Person:
    require(asked)
    found = asked.session.get(Person, person_id)
    if found is None:
        raise NotFoundError
    require(asked, protected=found.nondisclosure)
    return found


def _family(session: Session, person_id: UUID) -> list[tuple[Person, Guardianship]]:
    other = (Guardianship.child_id == person_id) & (Person.id == Guardianship.guardian_id)
    child = (Guardianship.guardian_id == person_id) & (Person.id == Guardianship.child_id)
    found = session.execute(
        select(Person, Guardianship)
        .join(Guardianship, other | child)
        .where(Guardianship.status == Status.ACTIVE)
        .order_by(Person.sort_name)
    )
    return [(one, row) for one, row in found]


# Forms


def _form(
    request: Request,
    record: Record,
    fields: Fields,
    row_id: UUID,
    texts: dict[str, str],
    version: str,
    outcome: Outcome | None = None,
    **values: Any,
) -> Response:
    """The form of a record; after mistakes or a meeting of two editors, with what was sent."""
    row = outcome.row if outcome else values.pop("row", None)
    status = 200 if outcome is None else 409 if outcome.now is not None else 422
    return page(
        request,
        "administration/form.html",
        status=status,
        record=record,
        fields=fields,
        row_id=row_id,
        row=row,
        imported=row is not None and row.origin is Origin.ROSTER,
        texts_=texts,
        version=version,
        mistakes=outcome.mistakes if outcome else {},
        now=outcome.now if outcome else None,
        **values,
    )


def _pages_of(
    key: str, record: Record, back: Callable[[Any], str], *, after: Callable[..., None] | None = None
) -> None:
    """The addresses at which a kind of record is added and changed."""

    def new(request: Request, asked: Question) -> Response:
        require(asked)
        fields = record.fields(asked.session, None)
        return _form(
            request,
            record,
            fields,
            uuid4(),
            texts_of(fields, None),
            "",
            action=key,
            back=f"/administration/{key}",
        )

    def edit(request: Request, asked: Question, row_id: UUID) -> Response:
        row: Any = _row(asked, record, row_id)
        fields = record.fields(asked.session, row)
        texts = texts_of(fields, row)
        if isinstance(row, Person):
            asked.record(Act.VIEW_PERSON, [row.id], Relation.OWN_MUNICIPALITY)
        return _form(
            request, record, fields, row_id, texts, version_of(texts), row=row, action=key, back=back(row)
        )

    def send(request: Request, asked: Question, row_id: UUID, form: Form, tasks: BackgroundTasks) -> Response:
        require(asked)
        row: Any = asked.session.get(record.model, row_id)
        fields = record.fields(asked.session, row)
        texts = sent_texts(fields, form)
        outcome = save(asked, record, row_id, texts, str(form.get("version", "")))
        if outcome.saved:
            if after is not None:
                after(tasks, request.app.state, outcome.row)
            return RedirectResponse(f"{back(outcome.row)}?saved=true", 303)
        version = version_of(outcome.now) if outcome.now is not None else str(form.get("version", ""))
        where = f"/administration/{key}" if row is None else back(row)
        return _form(request, record, fields, row_id, texts, version, outcome, action=key, back=where)

    router.add_api_route(f"/{key}/new", new, methods=["GET"])
    router.add_api_route(f"/{key}/{{row_id:uuid}}/edit", edit, methods=["GET"])
    router.add_api_route(f"/{key}/{{row_id:uuid}}", send, methods=["POST"])


def _row(asked: Asked, record: Record, row_id: UUID) -> Any:
    require(asked)
    row = asked.session.get(record.model, row_id)
    if row is None:
        raise NotFoundError
    require(asked, protected=isinstance(row, Person) and row.nondisclosure)
    return row


def _directory_follows(tasks: BackgroundTasks, state: Any, row: Any) -> None:
    tasks.add_task(follow, state.engine, state.settings, row.id)


_pages_of("schools", records.SCHOOLS, lambda _row: "/administration/schools")
_pages_of("years", records.YEARS, lambda _row: "/administration/years")
_pages_of("people", records.PEOPLE, lambda row: f"/administration/people/{row.id}", after=_directory_follows)


# Roles


@router.get("/roles/new")
def new_role(request: Request, asked: Question, person: UUID | None = None) -> Response:
    """Give a person a role."""
    if person is None:
        raise NotFoundError
    whom = _person(asked, person)
    asked.record(Act.VIEW_PERSON, [person], Relation.OWN_MUNICIPALITY)
    fields = records.ROLE.fields(asked.session, None)
    texts = texts_of(fields, None) | {"begin_date": asked.today.isoformat()}
    return _form(request, records.ROLE, fields, uuid4(), texts, "", **_of(whom))


@router.get("/roles/{row_id:uuid}/edit")
def edit_role(request: Request, asked: Question, row_id: UUID) -> Response:
    """Change or end a role."""
    row = _row(asked, records.ROLE, row_id)
    whom = _person(asked, row.person_id)
    _see_place(asked, whom, row)
    fields = records.ROLE.fields(asked.session, row)
    texts = texts_of(fields, row)
    asked.record(Act.VIEW_PERSON, [whom.id], Relation.OWN_MUNICIPALITY)
    return _form(request, records.ROLE, fields, row_id, texts, version_of(texts), row=row, **_of(whom))


@router.post("/roles/{row_id:uuid}")
def send_role(request: Request, asked: Question, row_id: UUID, person: UUID, form: Form) -> Response:
    """Save a role; with ``take`` sent, it ends before today."""
    whom = _person(asked, person)
    row: Any = asked.session.get(Role, row_id)
    if row is not None and row.person_id != person:
        raise NotFoundError
    if row is not None:
        _see_place(asked, whom, row)
    fields = records.ROLE.fields(asked.session, row)
    texts = sent_texts(fields, form)
    if "take" in form and row is not None:
        end = next(one for one in fields if one.name == "end_date")
        begun = row.begin_date is None or row.begin_date < asked.today
        texts = texts_of(fields, row) | {"end_date": end.text(asked.today)}
        if not begun:
            # It was to begin today or later, and never does.
            texts["begin_date"] = ""
    outcome = save(asked, records.ROLE, row_id, texts, str(form.get("version", "")), {"person_id": person})
    if outcome.saved:
        return RedirectResponse(f"/administration/people/{person}?saved=true", 303)
    version = version_of(outcome.now) if outcome.now is not None else str(form.get("version", ""))
    return _form(request, records.ROLE, fields, row_id, texts, version, outcome, **_of(whom))


def _see_place(asked: Asked, person: Person, role: Role) -> None:
    """Refuse a role that tells the school of somebody whose school the viewer may not know."""
    if asked.may(Relation.OWN_MUNICIPALITY, Action.SCHOOL, protected=person.nondisclosure):
        return
    if asked.session.get_one(Organisation, role.organisation_id).kind is not OrganisationKind.DISTRICT:
        raise NotFoundError


def _of(person: Person) -> dict[str, Any]:
    return {
        "action": "roles",
        "back": f"/administration/people/{person.id}",
        "person": person,
    }


# The access table


@router.get("/access")
def access(request: Request, asked: Question) -> Response:
    """Who may see and do what: the table that the platform itself goes by."""
    require(asked)
    desks: dict[Desktop, list[tuple[Relation, Any]]] = {}
    for (desktop, relation), grant in TABLE.items():
        desks.setdefault(desktop, []).append((relation, grant))
    return page(
        request,
        "administration/access.html",
        desks=desks,
        desktops=DESKTOPS,
        relations=RELATIONS,
        actions=ACTIONS,
        restrictions=RESTRICTIONS,
        taken={limit: None if taken == frozenset(Action) else taken for limit, taken in TAKEN.items()},
    )
