"""Pages of the audit: who has looked at me or my child, and the municipality's search."""

from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from digione_platform.core.access import Action, Desktop, Relation, to_child
from digione_platform.core.audit import Act
from digione_platform.core.guardians import child_of, limits_of
from digione_platform.core.history import names_of_rows
from digione_platform.core.looks import AT_SCHOOL, Look, Search, guards_protected, looks_at, search
from digione_platform.core.models import Person
from digione_platform.core.paging import Page
from digione_platform.i18n import FINLAND, iso_day, mark
from digione_platform.roster.identifiers import holds_personal_identity_code
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page
from digione_platform.web.titles import ACTS, DESKTOPS, REASONS, ROWS

router = APIRouter()
Words = Annotated[str, Query(max_length=100)]
Day = Annotated[str, Query(max_length=10)]
Reason = Annotated[str, Query(max_length=200)]

SHORTEST_REASON = 2
_FAMILY = (Desktop.PUPIL, Desktop.GUARDIAN)


@router.get("/looks")
def who_has_looked_at_me(request: Request, asked: Question, number: PageNumber = 1) -> Response:
    """Who has looked at the viewer's own data."""
    me = asked.viewer.person
    if not asked.may(Relation.SELF, Action.LOOKS, protected=me.nondisclosure):
        raise NotFoundError
    return _looks(request, asked, me, looks_at(asked.session, me.id, number), own=True)


@router.get("/looks/{person_id}")
def who_has_looked_at_my_child(
    request: Request, asked: Question, person_id: UUID, number: PageNumber = 1
) -> Response:
    """Who has looked at the data of a child of the viewer."""
    if asked.desktop is not Desktop.GUARDIAN:
        raise NotFoundError
    guardian = asked.viewer.person
    found = child_of(asked.session, guardian.id, person_id, asked.today)
    if found is None:
        raise NotFoundError
    child, guardianship = found
    relation, limits = to_child(guardian, child), limits_of(guardianship)
    if not asked.may(relation, Action.LOOKS, protected=child.nondisclosure, limits=limits):
        raise NotFoundError
    listed = looks_at(asked.session, child.id, number)
    asked.record(Act.VIEW_LOOKS, [child.id], relation)
    return _looks(request, asked, child, listed, own=False)


@router.get("/audit")
def audit_search(
    request: Request,
    asked: Question,
    person: Words = "",
    actor: Words = "",
    action: Words = "",
    since: Day = "",
    until: Day = "",
    reason: Reason = "",
    number: PageNumber = 1,
) -> Response:
    """The audit of the municipality: by person, actor, action and days.

    What was done of or by people under non-disclosure is shown for a reason only, which is kept in the audit.
    """
    if not asked.may(Relation.OWN_MUNICIPALITY, Action.AUDIT):
        raise NotFoundError
    first, last = _day(since), _day(until)
    reason = reason.replace("\x00", "").strip()
    mistakes = {
        name: mark("Write a day of the calendar, as 31.8.2026.")
        for name, sent, day in (("since", since, first), ("until", until, last))
        if sent and day is None
    }
    if first and last and first > last:
        mistakes["until"] = mark("The last day is before the first.")
    if holds_personal_identity_code(reason, mistyped=True):
        mistakes["reason"], reason = mark("Write no personal identity code here."), ""
    elif reason and sum(one.isalnum() for one in reason) < SHORTEST_REASON:
        mistakes["reason"], reason = mark("Write why in a few words, or the number of a decision."), ""
    # Without a beginning the count would go over all the years.
    first = first or (last or asked.today) - timedelta(days=30)
    wanted = Search(
        person.replace("\x00", ""),
        actor.replace("\x00", ""),
        _act(action),
        datetime.combine(first, time.min, FINLAND),
        datetime.combine(last + timedelta(days=1), time.min, FINLAND) if last else None,
        protected=bool(reason) or asked.may(Relation.OWN_MUNICIPALITY, Action.SCHOOL, protected=True),
    )
    found = search(asked.session, wanted, number) if not mistakes else Page([], 0, 1)
    people = {one.id for look in found.rows for one in (look.subject, look.actor) if one is not None}
    asked.record(Act.SEARCH_AUDIT, sorted(people), Relation.OWN_MUNICIPALITY, why=reason)
    return page(
        request,
        "audit.html",
        status=422 if mistakes else 200,
        found=found,
        names=names_of_rows(asked.session, {look.about for look in found.rows}),
        acts=ACTS,
        tables=ROWS,
        desktops=DESKTOPS,
        reasons=REASONS,
        mistakes=mistakes,
        asked={
            "person": person,
            "actor": actor,
            "action": action,
            "since": since if "since" in mistakes else first.isoformat(),
            "until": until if "until" in mistakes else last.isoformat() if last else "",
            "reason": reason,
        },
    )


def _looks(request: Request, asked: Asked, person: Person, found: Page[Look], *, own: bool) -> Response:
    silent = guards_protected(asked.session, person)

    def who(look: Look) -> str | None:
        return None if silent and look.event.desktop in AT_SCHOOL else _who(look)

    def line(look: Look) -> tuple[Any, ...]:
        event = look.event
        moment = event.at.replace(second=0, microsecond=0)
        return moment, who(look), event.desktop, look.service, event.action, look.relation

    # A service that reads page by page does the same many times in a minute.
    lines = [list(same) for _, same in groupby(found.rows, line)]
    return page(
        request,
        "looks.html",
        person=person,
        own=own,
        found=found,
        lines=[(same[0], who(same[0]), len(same)) for same in lines],
        acts=ACTS,
        desktops=DESKTOPS,
        reasons=REASONS,
    )


def _who(look: Look) -> str | None:
    """The name of staff, for they acted in office, or of a service; of family and the protected none."""
    if look.service:
        return look.service
    if look.actor is None or look.event.desktop in (None, *_FAMILY) or look.actor.nondisclosure:
        return None
    return look.actor.list_name


def _act(value: str) -> Act | None:
    if not value:
        return None
    try:
        return Act(value)
    except ValueError as error:
        raise NotFoundError from error


def _day(value: str) -> date | None:
    """A day as browsers send it or as people write it; None where it is none, or far away."""
    try:
        found = date.fromisoformat(iso_day(value.strip()))
    except ValueError:
        return None
    # Room for the days before and after that are computed from it.
    return found if 1900 <= found.year <= 2999 else None
