"""The pages over master data that every service area shares, and the role desktop."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from digione_platform import sessions
from digione_platform.core import audit, pupils
from digione_platform.core.access import Action, Desktop, Relation, see
from digione_platform.core.audit import Act, By
from digione_platform.core.guardians import guardians_of
from digione_platform.core.passwords import renewable
from digione_platform.i18n import LANGUAGES
from digione_platform.web.blocks import Asked, Block, seen_pupil
from digione_platform.web.day import day_of
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question, SignedIn, Transaction
from digione_platform.web.desktop import DESKTOPS
from digione_platform.web.render import cookie_name, local_path, page, speak, speak_from_now_on
from digione_platform.web.titles import rights_of

router = APIRouter()


@router.get("/")
def desktop(request: Request, asked: Question) -> Response:
    """The front page: the role's desktop. Who has not signed in is welcomed (see ``app``)."""
    added = [area.day[asked.desktop] for area in request.app.state.areas if asked.desktop in area.day]
    day = day_of(asked, speak(request), added)
    shown = blocks_of(asked, DESKTOPS[asked.desktop])
    return page(request, "desktop.html", day=day, blocks=shown)


@router.post("/desk")
def change_desk(
    request: Request, session: Transaction, viewer: SignedIn, role: Annotated[UUID, Form()]
) -> Response:
    """Work in another of one's own roles."""
    if role not in {desk.role_id for desk in viewer.desks}:
        raise NotFoundError
    found = sessions.find(session, request.cookies.get(cookie_name(request)))
    if found is not None:
        sessions.work_as(session, found.sign_in, role)
        by = By(viewer.person.id, viewer.desk.desktop, request.state.request_id)
        audit.record(session, by, Act.CHANGE_ROLE, role=str(role))
    return RedirectResponse("/", 303)


@router.get("/areas/{key}")
def area(request: Request, asked: Question, key: str) -> Response:
    """The front page of a service area."""
    found = next(
        (one for one in request.app.state.areas if one.key == key and one.is_for(asked.desktop)), None
    )
    if found is None:
        raise NotFoundError
    shown = blocks_of(asked, found.blocks[asked.desktop])
    return page(request, "area.html", area=found, blocks=shown)


@router.get("/groups/{group_id}")
def group(request: Request, asked: Question, group_id: UUID) -> Response:
    """A group and its pupils."""
    found = pupils.group(asked.session, group_id)
    relation = None if found is None else _to_group(asked, found.id, found.school_id)
    if found is None or relation is None or not asked.may(relation, Action.LIST_PUPILS):
        raise NotFoundError
    members = pupils.pupils_of_group(asked.session, group_id, asked.today)
    asked.record(Act.VIEW_GROUP, [one.id for one in members], relation, group=str(group_id))
    shown = [(one.id, see(one, asked.desktop, relation)) for one in members]
    return page(request, "group.html", group=found, pupils=shown, history=asked.may(relation, Action.HISTORY))


@router.get("/pupils")
def pupil_list(
    request: Request,
    asked: Question,
    search: Annotated[str, Query(max_length=100)] = "",
    sort: Annotated[str, Query(pattern="^(name|class)$")] = "name",
    number: PageNumber = 1,
) -> Response:
    """The pupils of the viewer's school: searched, sorted and paged by the database."""
    if not asked.may(Relation.OWN_SCHOOL, Action.LIST_PUPILS):
        raise NotFoundError
    found = pupils.pupils_of_school(
        asked.session,
        asked.viewer.desk.organisation_id,
        asked.today,
        search=search,
        sort=sort,
        page=number,
    )
    asked.record(Act.LIST_PUPILS, [row.person.id for row in found.rows], Relation.OWN_SCHOOL)
    shown = [seen_pupil(asked, row, Relation.OWN_SCHOOL) for row in found.rows]
    return page(request, "pupils.html", found=found, pupils=shown, search=search, sort=sort)


@router.get("/pupils/{person_id}")
def pupil(request: Request, asked: Question, person_id: UUID) -> Response:
    """One pupil: school, class, groups, contact details and guardians, as far as the viewer may see."""
    relation = _to_pupil(asked, person_id)
    found = None if relation is None else pupils.pupil(asked.session, person_id, asked.today)
    if found is None or relation is None:
        raise NotFoundError
    guardians = []
    if asked.may(relation, Action.GUARDIANS, protected=found.person.nondisclosure):
        guardians = guardians_of(asked.session, person_id, asked.today)
    asked.record(Act.VIEW_PUPIL, [person_id], relation)
    ids = [one.id for one, _ in guardians]
    passwords: set[UUID] = set()
    if request.app.state.settings.directory is not None:
        for to, people in ((relation, [person_id]), (Relation.GUARDIAN_OF_PUPIL, ids)):
            passwords |= renewable(asked.session, asked.desktop, to, people, asked.today).keys()
    asked.record(Act.VIEW_GUARDIAN, ids, Relation.GUARDIAN_OF_PUPIL, pupil=str(person_id))
    return page(
        request,
        "pupil.html",
        pupil=seen_pupil(asked, found, relation),
        history=asked.may(relation, Action.HISTORY, protected=found.person.nondisclosure),
        groups=pupils.groups_of_pupil(asked.session, person_id, asked.today),
        guardians=[
            (one.id, see(one, asked.desktop, Relation.GUARDIAN_OF_PUPIL), rights_of(guardianship))
            for one, guardianship in guardians
        ],
        passwords=passwords,
    )


@router.get("/language/{code}")
def language(request: Request, code: str, next: str = "/") -> Response:  # noqa: A002 - the query's word
    """Choose the language of this browser; works without signing in."""
    if code not in LANGUAGES:
        raise NotFoundError
    response = RedirectResponse(local_path(next), 303)
    speak_from_now_on(request, response, code)
    return response


def blocks_of(asked: Asked, blocks: tuple[Block, ...]) -> list[tuple[str, dict[str, Any]]]:
    """The template and values of each block."""
    return [(f"blocks/{block.__name__}.html", block(asked)) for block in blocks]


def _to_group(asked: Asked, group_id: UUID, school_id: UUID) -> Relation | None:
    desk = asked.viewer.desk
    if school_id != desk.organisation_id:
        return None
    if desk.desktop is not Desktop.TEACHER:
        return Relation.OWN_SCHOOL
    taught = pupils.teaches(asked.session, asked.viewer.person.id, group_id, asked.today)
    return Relation.OWN_GROUP if taught else None


def _to_pupil(asked: Asked, person_id: UUID) -> Relation | None:
    desk, session = asked.viewer.desk, asked.session
    if desk.desktop is Desktop.TEACHER:
        me = asked.viewer.person.id
        taught = pupils.teaches_pupil(session, me, person_id, desk.organisation_id, asked.today)
        relation = Relation.OWN_GROUP if taught else None
    else:
        here = pupils.goes_to_school(session, person_id, desk.organisation_id, asked.today)
        relation = Relation.OWN_SCHOOL if here else None
    return relation if asked.may(relation, Action.NAME) else None
