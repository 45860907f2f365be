"""The classes of a school move up to the next school year: new classes with the same pupils and teachers.

The classes of the old year stay as they are, for what was done in them; their places end with the year.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from digione_platform.administration import lists
from digione_platform.administration.editing import Form, uuid_of
from digione_platform.administration.forms import TOO_LONG, UNPRINTABLE
from digione_platform.administration.records import require
from digione_platform.administration.teaching import LONGEST_TITLE, namesakes, school_years, schools
from digione_platform.core import audit
from digione_platform.core.access import Relation
from digione_platform.core.audit import Act, By
from digione_platform.core.models import (
    AcademicSession,
    Course,
    Group,
    GroupSession,
    Organisation,
    Origin,
    SessionType,
    Status,
)
from digione_platform.core.pupils import GroupRow, group_rows, title_order
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page

router = APIRouter(prefix="/administration/move-up")

STAYS, LEAVES = "stays", "leaves"
LAST_GRADE = 9


@dataclass(frozen=True)
class Wish:
    """What is to become of a class: where it goes (a school, ``STAYS`` or ``LEAVES``), and its new name.

    ``pupils`` are those who will move with it, ``there`` says that its school has a class of that name in the
    new year already.
    """

    row: GroupRow
    pupils: int
    where: str
    title: str
    teachers: bool = True
    there: bool = False
    mistake: str = ""

    @property
    def school_id(self) -> UUID | None:
        return None if self.where in (STAYS, LEAVES) else UUID(self.where)


@dataclass(frozen=True)
class Years:
    """From which school year to which."""

    old: AcademicSession
    new: AcademicSession


@router.get("")
def ask(request: Request, asked: Question, school: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Choose the school; then what becomes of each of its classes."""
    require(asked)
    years = _years(asked)
    if school and school not in dict(schools(asked.session)):
        raise NotFoundError
    wishes = _proposed(asked, UUID(school), years) if school and years else []
    return _page(request, asked, school, years, wishes, uuid4())


@router.post("")
def send(request: Request, asked: Question, form: Form) -> Response:
    """Move all classes up as wished, or none; a form that is sent twice has one effect."""
    require(asked)
    school, batch, years = str(form.get("school", "")), uuid_of(form.get("batch")), _years(asked)
    known = dict(schools(asked.session))
    if school not in known or years is None or str(years.new.id) != form.get("year"):
        raise NotFoundError
    # Two who move the same school up come one after the other.
    asked.session.get_one(Organisation, UUID(school), with_for_update=True)
    done = RedirectResponse(f"{router.prefix}/done?school={school}&batch={batch}", 303)
    proposed = _proposed(asked, UUID(school), years)
    wishes = [_wished(one, form, known) for one in proposed if f"where-{one.row.group.id}" in form]
    moved = [one for one in wishes if one.school_id is not None]
    ids = {one.row.group.id: uuid5(batch, str(one.row.group.id)) for one in moved}
    if asked.session.scalar(select(Group.id).where(Group.id.in_(ids.values())).limit(1)):
        return done
    wishes = _checked(asked, wishes, years)
    if any(one.mistake for one in wishes):
        return _page(request, asked, school, years, wishes, batch)
    _carry_out(asked, UUID(school), years, wishes, ids)
    return done


@router.get("/done")
def tell(
    request: Request, asked: Question, school: UUID | None = None, batch: UUID | None = None
) -> Response:
    """What became of each class of a school."""
    require(asked)
    row = asked.session.get(Organisation, school) if school else None
    if row is None or batch is None:
        raise NotFoundError
    years = _years(asked)
    if years is None:
        return RedirectResponse(router.prefix, 303)
    classes = lists.classes_of(asked.session, row.id, asked.today, years.old.school_year)
    ids = [one.id for one in classes]
    known = {
        "old": ids,
        "new": [uuid5(batch, str(one)) for one in ids],
        "school": school,
        "end": _days(years)["end"],
    }
    moved = asked.session.execute(text(_DONE), known).all()
    return page(
        request,
        "administration/moved_up.html",
        school=row,
        years=years,
        moved=moved,
        new=sum(one.new is not None for one in moved),
    )


def _years(asked: Asked) -> Years | None:
    """The school year of today and the next; where that has not been added yet, the last one and today's."""
    found = school_years(asked.session)
    later = [one for one in found if one.start_date > asked.today]
    begun = [one for one in found if one.start_date <= asked.today]
    if later and begun:
        return Years(begun[0], later[-1])
    return Years(begun[1], begun[0]) if len(begun) > 1 else None


def _proposed(asked: Asked, school_id: UUID, years: Years) -> list[Wish]:
    """The classes of a school, and what would become of them if all is as ever."""
    classes = lists.classes_of(asked.session, school_id, asked.today, years.old.school_year)
    day = min(asked.today, years.old.last_date)
    rows = group_rows(day, protected=False).where(Group.id.in_([one.id for one in classes]))
    found = [GroupRow(*row) for row in asked.session.execute(rows.order_by(*title_order(Group.title)))]
    grades = {grade for row in found for grade in row.group.grades}
    taken = namesakes(asked.session, years.new.school_year)
    pupils = _pupils(asked.session, school_id, years, [row.group.id for row in found])
    return [_proposal(row, pupils.get(row.group.id, 0), school_id, grades, taken) for row in found]


def _proposal(
    row: GroupRow, pupils: int, school_id: UUID, grades: set[str], taken: set[tuple[UUID | None, str]]
) -> Wish:
    group = row.group
    grade = int(group.grades[0]) if len(group.grades) == 1 and group.grades[0].isdigit() else None
    if grade is not None and grade >= LAST_GRADE:
        return Wish(row, pupils, LEAVES, group.title)
    title = group.title if grade is None else re.sub(rf"^{grade}(?!\d)", str(grade + 1), group.title)
    # A school without the next grade: its pupils go on elsewhere, and somebody must say where. A class of
    # that name: this one has moved up already.
    ends = grade is not None and f"{grade + 1:02d}" not in grades
    there = (school_id, title.lower()) in taken
    return Wish(row, pupils, STAYS if ends or there else str(school_id), title, there=there)


def _wished(proposal: Wish, form: Any, known: Mapping[str, str]) -> Wish:
    key = proposal.row.group.id
    where = str(form.get(f"where-{key}", ""))
    if where not in (STAYS, LEAVES) and where not in known:
        raise NotFoundError
    title = str(form.get(f"title-{key}", "")).strip()
    return replace(proposal, where=where, title=title, teachers=bool(form.get(f"teachers-{key}")))


def _checked(asked: Asked, wishes: Sequence[Wish], years: Years) -> list[Wish]:
    """The wishes with what is wrong with the new names."""
    taken = namesakes(asked.session, years.new.school_year)
    checked = []
    for one in wishes:
        name = (one.school_id, one.title.lower())
        mistake = ""
        if one.school_id is not None:
            if not one.title:
                mistake = mark("Fill this in.")
            elif len(one.title) > LONGEST_TITLE:
                mistake = TOO_LONG
            elif not one.title.isprintable():
                mistake = UNPRINTABLE
            elif name in taken:
                mistake = mark("There is a group of this name in this school and term already.")
            taken.add(name)
        checked.append(replace(one, mistake=mistake))
    return checked


def _carry_out(
    asked: Asked, school_id: UUID, years: Years, wishes: Sequence[Wish], ids: Mapping[UUID, UUID]
) -> None:
    """New classes, the places in them, and the end of what is left; in a fixed number of statements."""
    session = asked.session
    terms = _terms(session, years.new)
    courses = _courses(session, wishes)
    for one in wishes:
        group = one.row.group
        if one.school_id is None:
            continue
        session.add(
            Group(
                id=ids[group.id],
                sourced_id=f"platform-{ids[group.id]}",
                origin=Origin.PLATFORM,
                title=one.title,
                group_type=group.group_type,
                school_id=one.school_id,
                course_id=courses.get(group.course_id, group.course_id),
                location=group.location if one.school_id == school_id else None,
                grades=[_up(grade) for grade in group.grades],
                subjects=group.subjects,
                subject_codes=group.subject_codes,
                sessions=[GroupSession(session_id=term) for term in terms],
            )
        )
    session.flush()
    leaving = [one for one in wishes if one.where != STAYS]
    moves = {
        "old": [one.row.group.id for one in leaving],
        "new": [ids.get(one.row.group.id) for one in leaving],
        "school": [one.school_id for one in leaving],
        "teachers": [one.teachers and one.school_id == school_id for one in leaving],
        **_days(years),
        "last": years.new.end_date,
        "left": school_id,
    }
    people = session.scalars(text(_MOVE), moves).all()
    audit.record(
        session,
        By(asked.viewer.person.id, asked.desktop, asked.request),
        Act.MOVE_UP,
        people=people,
        reason=Relation.OWN_MUNICIPALITY,
        school=str(school_id),
        year=years.new.school_year,
        classes=[str(one) for one in ids.values()],
    )


# Somebody may have been placed by hand in the new year already, or leave: they do not go with their class.
_STAYING = """
    with moves as (
        select m.*, least(:end, (
            select max(s.end_date) from group_sessions t join academic_sessions s on s.id = t.session_id
            where t.group_id = m.old
        )) as until
        from unnest(
            cast(:old as uuid[]), cast(:new as uuid[]), cast(:school as uuid[]), cast(:teachers as boolean[])
        ) as m (old, new, school, teachers)
    ),
    -- Who is in a class until its last term ends; who has left before does not come back.
    staying as (
        select distinct on (m.old, e.person_id) m.*, e.person_id, e.role, e."primary"
        from moves m join enrolments e on e.group_id = m.old join persons p on p.id = e.person_id
        where e.status = 'active' and p.status = 'active'
        and (e.end_date is null or e.end_date >= m.until) and (e.begin_date is null or e.begin_date < m.until)
        and case when e.role = 'student' then not (
            exists (
                select from enrolments n join groups k on k.id = n.group_id
                where n.person_id = e.person_id and n.role = 'student' and n.status = 'active'
                and (n.end_date is null or n.end_date > :first)
                and k.group_type = 'homeroom' and k.status = 'active' and exists (
                    select from group_sessions t join academic_sessions s on s.id = t.session_id
                    where t.group_id = k.id and s.start_date >= :end
                )
            ) or exists (
                select from roles r where r.person_id = e.person_id and r.role = 'student'
                and r.status = 'active' and r.organisation_id <> :left and r.begin_date >= :end
                and (r.end_date is null or r.end_date > :first)
            ) or coalesce((
                select max(coalesce(r.end_date, 'infinity')) <= :end from roles r
                where r.person_id = e.person_id and r.role = 'student'
                and r.status = 'active' and r.organisation_id = :left
            ), false)
        ) else m.teachers end
        order by m.old, e.person_id, e.role
    )
"""
# Those under non-disclosure move along and are not counted: it would tell their classes.
# Each class with the one that it became, or how many of its pupils are the school's until the year ends.
_DONE = """
    select o.id as old, o.title as old_title, n.id as new, n.title as new_title, s.name as school,
        (
            select count(distinct e.person_id) from enrolments e join persons p on p.id = e.person_id
            where e.group_id = n.id and e.role = 'student' and e.status = 'active' and not p.nondisclosure
        ) as pupils,
        (
            select count(distinct e.person_id) from enrolments e join roles r on r.person_id = e.person_id
            join persons p on p.id = e.person_id and not p.nondisclosure
            where e.group_id = o.id and e.role = 'student' and e.status = 'active' and e.end_date >= :end
            and r.role = 'student' and r.status = 'active' and r.organisation_id = :school
            and r.end_date = :end
        ) as leaving
    from unnest(cast(:old as uuid[]), cast(:new as uuid[])) with ordinality as m (old, new, place)
    join groups o on o.id = m.old
    left join groups n on n.id = m.new left join organisations s on s.id = n.school_id
    order by m.place
"""
_PUPILS = f"""
    {_STAYING} select old, count(*) as pupils from staying join persons p on p.id = person_id
    where role = 'student' and not p.nondisclosure group by old
"""  # noqa: S608
# One statement, for each part must find the places and roles as they were. It gives whose rows it changed.
_MOVE = f"""
    {_STAYING},
    placed as (
        insert into enrolments
            (id, sourced_id, origin, person_id, group_id, school_id, role, "primary", begin_date, end_date)
        select id, 'platform-' || id, 'platform', person_id, new, school, role, "primary", :first, :last
        from (select gen_random_uuid() as id, * from staying where new is not null) s
        returning person_id
    ),
    ended_places as (
        update enrolments set end_date = :end, origin = 'platform', last_modified = now()
        where group_id in (select old from moves) and status = 'active'
        and (end_date is null or end_date > :end) and (begin_date is null or begin_date < :end)
        returning person_id
    ),
    -- Who leaves the school is its pupil no longer, and the pupil of another where the class goes there.
    given_roles as (
        insert into roles (id, sourced_id, origin, person_id, organisation_id, role, begin_date)
        select id, 'platform-' || id, 'platform', person_id, school, 'student', :first
        from (select gen_random_uuid() as id, person_id, school from staying where role = 'student') s
        where school <> :left and not exists (
            select from roles r where r.person_id = s.person_id and r.role = 'student' and r.status = 'active'
            and r.organisation_id = s.school and (r.end_date is null or r.end_date > :first)
        )
        returning person_id
    ),
    ended_roles as (
        update roles r set end_date = :end, origin = 'platform', last_modified = now() from staying s
        where r.person_id = s.person_id and r.role = 'student' and s.role = 'student' and r.status = 'active'
        and r.organisation_id = :left and s.school is distinct from :left
        and (r.end_date is null or r.end_date > :end)
        returning r.person_id
    )
    select person_id from placed union select person_id from ended_places
    union select person_id from given_roles union select person_id from ended_roles
"""  # noqa: S608


def _pupils(session: Session, school_id: UUID, years: Years, classes: Sequence[UUID]) -> dict[UUID, int]:
    """How many pupils will move with their class."""
    nothing: list[None] = [None] * len(classes)
    moves = {"old": list(classes), "new": nothing, "school": nothing, "teachers": nothing}
    found = session.execute(text(_PUPILS), {**moves, **_days(years), "left": school_id})
    return {row.old: row.pupils for row in found}


def _days(years: Years) -> dict[str, date]:
    """Whatever ends, ends with its own year, and before the new one."""
    return {"first": years.new.start_date, "end": min(years.new.start_date, years.old.end_date)}


def _terms(session: Session, year: AcademicSession) -> list[UUID]:
    """The terms of a school year, or the year itself where it has none."""
    found = session.scalars(
        select(AcademicSession.id).where(
            AcademicSession.school_year == year.school_year,
            AcademicSession.status == Status.ACTIVE,
            AcademicSession.session_type.in_((SessionType.TERM, SessionType.SEMESTER)),
        )
    )
    return list(found) or [year.id]


def _courses(session: Session, wishes: Sequence[Wish]) -> dict[UUID | None, UUID]:
    """The course of the next grade by the course of this one: of the same holder, named one number higher."""
    held = list(
        session.scalars(
            select(Course).where(
                Course.id.in_([one.row.group.course_id for one in wishes if one.row.group.course_id])
            )
        )
    )
    wanted = {
        one.id: (one.organisation_id, re.sub(r"\d+$", lambda found: str(int(found[0]) + 1), one.title))
        for one in held
    }
    by_name = {
        (one.organisation_id, one.title): one.id
        for one in session.scalars(
            select(Course).where(
                Course.status == Status.ACTIVE, Course.title.in_([title for _, title in wanted.values()])
            )
        )
    }
    return {key: by_name[name] for key, name in wanted.items() if name in by_name}


def _up(grade: str) -> str:
    return f"{int(grade) + 1:02d}" if grade.isdigit() and int(grade) < 10 else grade


def _page(
    request: Request,
    asked: Asked,
    school: str,
    years: Years | None,
    wishes: Sequence[Wish],
    batch: UUID,
) -> Response:
    known = schools(asked.session)
    return page(
        request,
        "administration/move_up.html",
        status=422 if any(one.mistake for one in wishes) else 200,
        schools=known,
        school=school,
        school_name=dict(known).get(school),
        years=years,
        wishes=wishes,
        longest=LONGEST_TITLE,
        wheres=((STAYS, mark("does not move up")), (LEAVES, mark("leaves the school")), *known),
        batch=batch,
    )
