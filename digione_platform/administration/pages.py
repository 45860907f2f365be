"""Pages of the register: lists and forms of schools, school years, people and their roles."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.administration import lists, records
from digione_platform.administration.directory import follow
from digione_platform.administration.editing import (
    Form,
    ListRow,
    Words,
    form_page,
    list_page,
    new_form,
    pages_of,
    person_of,
    row_of,
    saved_before,
    sent,
)
from digione_platform.administration.forms import texts_of, version_of
from digione_platform.administration.records import ROLES, ended, never_began, require, save
from digione_platform.core.access import TABLE, TAKEN, Action, Desktop, Relation, see
from digione_platform.core.audit import Act
from digione_platform.core.guardians import custody_disputed
from digione_platform.core.models import (
    Guardianship,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    RoleName,
    Status,
)
from digione_platform.core.passwords import renewable
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page, speak
from digione_platform.web.titles import ACTIONS, DESKTOPS, GRADES, RELATIONS, RESTRICTIONS, VALUES, rights_of

router = APIRouter(prefix="/administration")


# Lists


@router.get("/schools")
def schools(
    request: Request,
    asked: Question,
    search: Words = "",
    sort: Annotated[str, Query(pattern="^-?(name|code)$")] = "name",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """The municipality, its schools and their units."""
    require(asked)
    texts = speak(request)
    found = lists.schools(asked.session, search=search, sort=sort, page=number)
    return list_page(
        request,
        "schools",
        found,
        title=mark("Schools and units"),
        new=mark("New school or unit"),
        saved=saved,
        asked={"search": search, "sort": sort},
        heads=(
            ("name", mark("Name")),
            ("", mark("Kind")),
            ("", mark("Belongs to")),
            ("code", mark("School code")),
        ),
        rows=[
            ListRow(
                f"schools/{one.id}/edit",
                one.name,
                (texts.gettext(VALUES[one.kind]), above or "–", one.school_code or "–"),
                one.in_use,
            )
            for one, above in found.rows
        ],
    )


@router.get("/years")
def years(
    request: Request,
    asked: Question,
    search: Words = "",
    sort: Annotated[str, Query(pattern="^-?(start|name)$")] = "-start",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """School years with their terms and periods."""
    require(asked)
    texts = speak(request)
    found = lists.years(asked.session, search=search, sort=sort, page=number)
    return list_page(
        request,
        "years",
        found,
        title=mark("School years and terms"),
        new=mark("New school year or term"),
        links=(("years/next", mark("Add the next school year with all its terms")),) if found.total else (),
        saved=saved,
        asked={"search": search, "sort": sort},
        heads=(
            ("name", mark("Name")),
            ("", mark("Kind")),
            ("start", mark("First day")),
            ("", mark("Last day")),
        ),
        rows=[
            ListRow(
                f"years/{one.id}/edit",
                one.title,
                (
                    texts.gettext(VALUES[one.session_type]),
                    texts.date(one.start_date),
                    texts.date(one.last_date),
                ),
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
    places = (("", mark("everywhere")), *records.choices(asked.session))
    if place not in dict(places):
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
    found = person_of(asked, person_id)
    asked.record(Act.VIEW_PERSON, [person_id], Relation.OWN_MUNICIPALITY)
    family = _family(asked.session, person_id)
    asked.record(Act.VIEW_PERSON, [one.id for one, _ in family], Relation.OWN_MUNICIPALITY)
    roles = asked.session.execute(
        select(Role, Organisation)
        .join(Organisation, Organisation.id == Role.organisation_id)
        .where(Role.person_id == person_id, Role.status == Status.ACTIVE)
        .order_by(Role.end_date.desc().nulls_first(), Role.role, Organisation.name)
    ).all()

    may_see_place = asked.may(Relation.OWN_MUNICIPALITY, Action.SCHOOL, protected=found.nondisclosure)
    places = lists.places_of(asked.session, person_id) if may_see_place else []
    groups: dict[str, list[Any]] = {"now": [], "past": []}
    for one in places:
        over = one[0].end_date is not None and one[0].end_date <= asked.today
        groups["past" if over else "now"].append(one)
    return page(
        request,
        "administration/person.html",
        person=found,
        seen=see(found, asked.desktop, Relation.OWN_MUNICIPALITY),
        roles=[(role, place, ROLES.get(role.role, role.role)) for role, place in roles],
        titles=VALUES,
        grades=GRADES,
        pupil=any(
            role.role is RoleName.STUDENT and (role.end_date is None or role.end_date > asked.today)
            for role, _ in roles
        ),
        groups=groups,
        family=[
            (see(one, asked.desktop, Relation.OWN_MUNICIPALITY), one.id, row, rights_of(row))
            for one, row in family
        ],
        custody_disputed=custody_disputed(
            [row for _, row in family if row.child_id == person_id], asked.today
        ),
        password=request.app.state.settings.directory is not None
        and person_id
        in renewable(asked.session, asked.desktop, Relation.OWN_MUNICIPALITY, [person_id], asked.today),
        saved=saved,
        today=asked.today,
    )


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


def _directory_follows(tasks: BackgroundTasks, state: Any, row: Any) -> None:
    tasks.add_task(follow, state.engine, state.settings, row.id)


pages_of(router, "schools", records.SCHOOLS, lambda _row: "/administration/schools")
pages_of(router, "years", records.YEARS, lambda _row: "/administration/years")
pages_of(
    router,
    "people",
    records.PEOPLE,
    lambda row: f"/administration/people/{row.id}",
    after=_directory_follows,
)


# Roles


@router.get("/roles/new")
def new_role(
    request: Request, asked: Question, person: UUID | None = None, row_id: UUID | None = None
) -> Response:
    """Give a person a role."""
    if person is None:
        raise NotFoundError
    whom = person_of(asked, person)
    if row_id is None:
        return new_form("roles/new", {"person": str(person)})
    if asked.session.get(Role, row_id) is not None:
        return saved_before("roles", row_id)
    asked.record(Act.VIEW_PERSON, [person], Relation.OWN_MUNICIPALITY)
    fields = records.ROLE.fields(asked.session, None)
    texts = texts_of(fields, None) | {"begin_date": asked.today.isoformat()}
    return form_page(request, records.ROLE, fields, row_id, texts, "", **_of(request, whom, row_id))


@router.get("/roles/{row_id:uuid}/edit")
def edit_role(request: Request, asked: Question, row_id: UUID) -> Response:
    """Change or end a role."""
    row = row_of(asked, records.ROLE, row_id)
    whom = person_of(asked, row.person_id)
    _see_place(asked, whom, row)
    fields = records.ROLE.fields(asked.session, row)
    texts = texts_of(fields, row)
    asked.record(Act.VIEW_PERSON, [whom.id], Relation.OWN_MUNICIPALITY)
    return form_page(
        request, records.ROLE, fields, row_id, texts, version_of(texts), row=row, **_of(request, whom, row_id)
    )


@router.post("/roles/{row_id:uuid}")
def send_role(request: Request, asked: Question, row_id: UUID, person: UUID, form: Form) -> Response:
    """Save a role; with ``take`` sent, it ends before today."""
    whom = person_of(asked, person)
    row: Any = asked.session.get(Role, row_id)
    if row is not None and row.person_id != person:
        raise NotFoundError
    if row is not None:
        _see_place(asked, whom, row)
    fields, texts = sent(asked, records.ROLE, row, form)
    take = "take" in form and row is not None
    withdraw = take and never_began(row, asked.today)
    if take:
        texts = texts_of(fields, row) if withdraw else ended(fields, row, asked.today)
    version, fixed = str(form.get("version", "")), {"person_id": person}
    outcome = save(asked, records.ROLE, row_id, texts, version, fixed, withdraw=withdraw)
    if outcome.saved:
        return RedirectResponse(f"/administration/people/{person}?saved=true", 303)
    if row is None:
        fields, texts = sent(asked, records.ROLE, outcome.row, form)
    return form_page(
        request, records.ROLE, fields, row_id, texts, version, outcome, **_of(request, whom, row_id)
    )


def _see_place(asked: Asked, person: Person, role: Role) -> None:
    """Refuse a role that tells the school of somebody whose school the viewer may not know."""
    if asked.may(Relation.OWN_MUNICIPALITY, Action.SCHOOL, protected=person.nondisclosure):
        return
    if asked.session.get_one(Organisation, role.organisation_id).kind is not OrganisationKind.DISTRICT:
        raise NotFoundError


def _of(request: Request, person: Person, row_id: UUID) -> dict[str, Any]:
    texts = speak(request)
    return {
        "action": f"roles/{row_id}?person={person.id}",
        "back": f"/administration/people/{person.id}",
        "heading": texts.gettext(mark("Role of {name}"), name=person.name),
        "take": mark("End the role now"),
        "about": (texts.gettext(records.HIDDEN_SCHOOL),) if person.nondisclosure else (),
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
