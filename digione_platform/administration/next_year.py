"""The next school year with its terms and periods: those of the latest one, a year later."""

import re
from datetime import date
from uuid import UUID, uuid5

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from digione_platform.administration.editing import Form, new_form, saved_before, uuid_of
from digione_platform.administration.forms import Fields, texts_of
from digione_platform.administration.records import MET, YEARS, require, save
from digione_platform.administration.teaching import school_years
from digione_platform.core.models import AcademicSession, SessionType
from digione_platform.core.schools import in_order_of_dates
from digione_platform.i18n import iso_day
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page
from digione_platform.web.titles import VALUES

router = APIRouter(prefix="/administration/years")
_SENT = ("title", "start_date", "end_date")


@router.get("/next")
def ask(request: Request, asked: Question, row_id: UUID | None = None, of: UUID | None = None) -> Response:
    """What the school year after one would be, after the latest if none is named, to be corrected.

    Whoever comes back to it after saving finds what was saved.
    """
    require(asked)
    if row_id is None or of is None:
        return new_form("years/next", {"of": str(_latest(asked.session).id)})
    year = _year(asked.session, of)
    saved = uuid5(row_id, str(year.id))
    if asked.session.get(AcademicSession, saved) is not None:
        return saved_before("years", saved)
    found = _of_year(asked.session, year.school_year)
    fields = YEARS.fields(asked.session, None)
    return _page(request, found, {one.id: _later(fields, one) for one in found}, row_id)


@router.post("/next")
def send(request: Request, asked: Question, form: Form) -> Response:
    """Add the school year with all its terms, or nothing; a form that is sent twice has one effect."""
    require(asked)
    batch = uuid_of(form.get("batch"))
    year = _year(asked.session, uuid_of(form.get("of")))
    found = _of_year(asked.session, year.school_year)
    # A term that somebody added since is not in the form, and not in the next year.
    found = [one for one in found if f"title-{one.id}" in form]
    fields = YEARS.fields(asked.session, None)
    sent = {
        one.id: _later(fields, one)
        | {name: iso_day(str(form.get(f"{name}-{one.id}", "")).strip()) for name in _SENT}
        for one in found
    }
    mistakes: dict[UUID, dict[str, str]] = {}
    with asked.session.begin_nested() as added:
        for one in found:
            texts = sent[one.id]
            if one.parent_id in sent:
                texts = texts | {"parent_id": str(uuid5(batch, str(one.parent_id)))}
            outcome = save(asked, YEARS, uuid5(batch, str(one.id)), texts, "")
            if outcome.now is not None:
                mistakes[one.id] = {"title": MET}
            if outcome.mistakes:
                # What has nothing to belong to, because that is wrong itself: it is told there.
                orphan = one.id != year.id and not mistakes.keys().isdisjoint((year.id, one.parent_id))
                mistakes[one.id] = {
                    name if name in _SENT else "title": told
                    for name, told in outcome.mistakes.items()
                    if name in _SENT or not orphan
                }
        if mistakes:
            added.rollback()
    if mistakes:
        return _page(request, found, sent, batch, mistakes)
    return RedirectResponse("/administration/years?saved=true", 303)


def _latest(session: Session) -> AcademicSession:
    years = school_years(session)
    if not years:
        raise NotFoundError
    return years[0]


def _year(session: Session, year_id: UUID) -> AcademicSession:
    year = session.get(AcademicSession, year_id)
    if year is None or year.session_type is not SessionType.SCHOOL_YEAR:
        raise NotFoundError
    return year


def _of_year(session: Session, school_year: int) -> list[AcademicSession]:
    """A school year with its terms and periods; the year first, and each after what it belongs to."""
    found = in_order_of_dates(session, AcademicSession.school_year == school_year)
    parents = {one.id: one.parent_id for one in found}

    def depth(one: AcademicSession) -> int:
        steps, above = 0, one.parent_id
        while above in parents and steps < len(parents):
            steps, above = steps + 1, parents[above]
        return steps

    return sorted(found, key=lambda one: (one.session_type is not SessionType.SCHOOL_YEAR, depth(one)))


def _later(fields: Fields, one: AcademicSession) -> dict[str, str]:
    """The texts of a session a year later: its days, and the years in its name."""
    texts = texts_of(fields, one)
    for name in ("start_date", "end_date"):
        texts[name] = _next(date.fromisoformat(texts[name])).isoformat()
    texts["title"] = re.sub(r"\b(?:19|20)\d\d\b", lambda found: str(int(found[0]) + 1), one.title)
    texts["school_year"] = str(one.school_year + 1)
    return texts


def _next(day: date) -> date:
    leap = day.month == 2 and day.day == 29
    return day.replace(year=day.year + 1, day=28 if leap else day.day)


def _page(
    request: Request,
    found: list[AcademicSession],
    texts: dict[UUID, dict[str, str]],
    batch: UUID,
    mistakes: dict[UUID, dict[str, str]] | None = None,
) -> Response:
    return page(
        request,
        "administration/next_year.html",
        status=422 if mistakes else 200,
        year=next(one for one in found if one.session_type is SessionType.SCHOOL_YEAR),
        found=found,
        texts_=texts,
        batch=batch,
        mistakes=mistakes or {},
        kinds=VALUES,
    )
