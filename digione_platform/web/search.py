"""The search: one field in the header of everyone who may list people, results by kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from digione_platform.core import search as core
from digione_platform.core.access import Action, Relation, searches, see
from digione_platform.core.audit import Act
from digione_platform.core.names import split
from digione_platform.core.paging import PAGE_SIZE, Page
from digione_platform.core.search import Scope
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked, seen_pupil
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page
from digione_platform.web.titles import VALUES

router = APIRouter()
# How many of each kind are shown before one is chosen.
FEW = 5


@dataclass(frozen=True)
class Kind:
    """A kind of results: the question, what pages show of each row, and the list without a search, if any.

    ``action`` is what the access table must allow, and of people under non-disclosure for them to be found.
    ``show`` writes to the audit whose data it shows.
    """

    key: str
    title: str
    action: Action
    find: Callable[[Session, core.Asked], Page[Any]]
    show: Callable[[Asked, Relation, list[Any]], list[Any]]
    list_of_all: str = ""


@dataclass(frozen=True)
class Found:
    """What was found of a kind."""

    kind: Kind
    rows: list[Any]
    page: Page[Any]


def _pupils(asked: Asked, relation: Relation, rows: list[Any]) -> list[Any]:
    asked.record(Act.LIST_PUPILS, [row.person.id for row in rows], relation)
    return [seen_pupil(asked, row, relation) for row in rows]


def _guardians(asked: Asked, relation: Relation, rows: list[Any]) -> list[Any]:
    of_pupil = Relation.GUARDIAN_OF_PUPIL
    pairs = [(row.guardian, row.child) for row in rows]
    asked.record(Act.LIST_PEOPLE, {guardian.id for guardian, _ in pairs}, of_pupil)
    asked.record(Act.LIST_PUPILS, {child.id for _, child in pairs}, relation)
    return [
        (see(guardian, asked.desktop, of_pupil), child.id, see(child, asked.desktop, relation))
        for guardian, child in pairs
    ]


def _people(asked: Asked, relation: Relation, rows: list[Any]) -> list[Any]:
    asked.record(Act.LIST_PEOPLE, [row.person.id for row in rows], relation)
    return [(row.person.id, see(row.person, asked.desktop, relation), row.roles) for row in rows]


def _as_they_are(_asked: Asked, _relation: Relation, rows: list[Any]) -> list[Any]:
    """What is not about people."""
    return rows


_LISTED, _KEPT = Action.LIST_PUPILS, Action.ADMINISTER
_OF_PUPILS = (
    Kind("guardians", mark("Guardians"), Action.GUARDIANS, core.guardians, _guardians),
    Kind("groups", mark("Groups"), _LISTED, core.groups, _as_they_are),
    Kind("courses", mark("Courses"), _LISTED, core.courses, _as_they_are),
)
KINDS: dict[Relation, tuple[Kind, ...]] = {
    Relation.OWN_GROUP: (Kind("pupils", mark("Pupils"), _LISTED, core.pupils, _pupils), *_OF_PUPILS),
    Relation.OWN_SCHOOL: (
        Kind("pupils", mark("Pupils"), _LISTED, core.pupils, _pupils, "/pupils"),
        *_OF_PUPILS,
    ),
    Relation.OWN_MUNICIPALITY: (
        Kind("people", mark("People"), _KEPT, core.people, _people, "/administration/people"),
        Kind("schools", mark("Schools"), _KEPT, core.schools, _as_they_are, "/administration/schools"),
        # A group tells the school of its teachers.
        Kind("groups", mark("Groups"), Action.SCHOOL, core.groups, _as_they_are),
        Kind("courses", mark("Courses"), _KEPT, core.courses, _as_they_are),
    ),
}


@router.get("/search")
def search(
    request: Request,
    asked: Question,
    search: Annotated[str, Query(max_length=100)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    number: PageNumber = 1,
) -> Response:
    """The first results of each kind, or one page of a kind; without words a kind is listed whole."""
    relation = searches(asked.desktop)
    kinds = [one for one in KINDS.get(relation, ()) if asked.may(relation, one.action)] if relation else []
    chosen = [one for one in kinds if one.key == kind] if kind else kinds
    if relation is None or not chosen:
        raise NotFoundError
    found = []
    if kind or split(search):
        cut = (number, PAGE_SIZE) if kind else (1, FEW)
        found = [_found(asked, relation, one, search, *cut) for one in chosen]
    return page(
        request,
        "search.html",
        searched=" ".join(search.replace("\x00", "").split()),
        kinds=kinds,
        kind=chosen[0] if kind else None,
        found=[one for one in found if one.page.total],
        values=VALUES,
    )


def _found(asked: Asked, relation: Relation, kind: Kind, words: str, number: int, size: int) -> Found:
    protected = asked.may(relation, kind.action, protected=True)
    scope = _scope(asked, relation)
    cut = kind.find(asked.session, core.Asked(words, scope, asked.today, number, size, protected))
    return Found(kind, kind.show(asked, relation, cut.rows), cut)


def _scope(asked: Asked, relation: Relation) -> Scope:
    if relation is Relation.OWN_MUNICIPALITY:
        return Scope()
    teacher = asked.viewer.person.id if relation is Relation.OWN_GROUP else None
    return Scope(asked.viewer.desk.organisation_id, teacher)
