"""Pages of courses, classes and teaching groups, and of who is in them and since when."""

from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from digione_platform.administration import lists, records, teaching
from digione_platform.administration.editing import (
    Filter,
    Form,
    ListRow,
    Words,
    form_page,
    list_page,
    pages_of,
    person_of,
    row_of,
    uuid_of,
)
from digione_platform.administration.forms import Field, Fields, Shape, read, sent_texts, texts_of, version_of
from digione_platform.administration.records import ended, never_began, require, save
from digione_platform.core.access import Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import Enrolment, EnrolmentRole, Group, GroupType, Organisation, Person
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page, speak
from digione_platform.web.titles import GRADES, VALUES

router = APIRouter(prefix="/administration")
_PLACES = (("", mark("everywhere")),)

# Lists


@router.get("/courses")
def courses(
    request: Request,
    asked: Question,
    search: Words = "",
    place: Annotated[str, Query(max_length=40)] = "",
    sort: Annotated[str, Query(pattern="^-?(name|code)$")] = "name",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """The courses of the municipality and its schools."""
    require(asked)
    places = (*_PLACES, *records.choices(asked.session))
    if place not in dict(places):
        raise NotFoundError
    found = lists.courses(
        asked.session, search=search, place=UUID(place) if place else None, sort=sort, page=number
    )
    return list_page(
        request,
        "courses",
        found,
        title=mark("Courses"),
        new=mark("New course"),
        saved=saved,
        asked={"search": search, "place": place, "sort": sort},
        filters=(Filter("place", mark("Held by"), places),),
        heads=(("name", mark("Name")), ("code", mark("Code")), ("", mark("Held by")), ("", mark("Grades"))),
        rows=[
            ListRow(
                f"courses/{one.id}/edit",
                one.title,
                (one.course_code or "–", held, _grades(request, one.grades)),
                one.in_use,
            )
            for one, held in found.rows
        ],
    )


@router.get("/groups")
def groups(
    request: Request,
    asked: Question,
    search: Words = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    place: Annotated[str, Query(max_length=40)] = "",
    year: Annotated[str, Query(pattern=r"^(|[12]\d{3})$")] = "",
    sort: Annotated[str, Query(pattern="^-?(name|school)$")] = "name",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """Classes and teaching groups: those that meet now and later, or those of a school year."""
    require(asked)
    places = (*_PLACES, *records.choices(asked.session))
    kinds = (("", mark("classes and groups")), *teaching.KINDS)
    known = {str(one.school_year): one for one in teaching.school_years(asked.session)}
    years = (("", mark("now and later")), *((key, one.title) for key, one in known.items()))
    if place not in dict(places) or kind not in dict(kinds) or year not in dict(years):
        raise NotFoundError
    found = lists.groups(
        asked.session,
        asked.today,
        search=search,
        kind=GroupType(kind) if kind else None,
        place=UUID(place) if place else None,
        year=int(year) if year else None,
        sort=sort,
        page=number,
    )
    texts = speak(request)
    return list_page(
        request,
        "groups",
        found,
        title=mark("Classes and groups"),
        new=mark("New class or group"),
        saved=saved,
        asked={"search": search, "kind": kind, "place": place, "year": year, "sort": sort},
        filters=(
            Filter("kind", mark("Kind"), kinds),
            Filter("place", mark("School"), places),
            Filter("year", mark("When"), years),
        ),
        links=(("move-up", mark("Move the classes of a school up to the next year")),),
        heads=(
            ("name", mark("Name")),
            ("", mark("Kind")),
            ("school", mark("School")),
            ("", mark("School year")),
            ("", mark("Pupils")),
            ("", mark("Teachers")),
        ),
        rows=[
            ListRow(
                f"groups/{row.group.id}",
                row.group.title,
                (
                    texts.gettext(VALUES[row.group.group_type]),
                    row.school,
                    its_years or "–",
                    texts.number(row.pupils),
                    row.teachers or "–",
                ),
                row.group.in_use,
            )
            for row, its_years in found.rows
        ],
        empty=mark("There is no class yet. Import the roster, or add the first one here."),
    )


def _grades(request: Request, grades: list[str]) -> str:
    texts = speak(request)
    return ", ".join(texts.gettext(GRADES[one]) if one in GRADES else one for one in grades) or "–"


pages_of(router, "courses", teaching.COURSES, lambda _row: "/administration/courses")
pages_of(router, "groups", teaching.GROUPS, lambda row: f"/administration/groups/{row.id}")


# A group and who is in it


@router.get("/groups/{group_id:uuid}")
def group(
    request: Request,
    asked: Question,
    group_id: UUID,
    who: Annotated[str, Query(pattern="^(|past)$")] = "",
    number: PageNumber = 1,
    saved: bool = False,
) -> Response:
    """A class or teaching group, with those who are in it now and later, or those who were."""
    row = row_of(asked, teaching.GROUPS, group_id)
    found = lists.members(asked.session, group_id, asked.today, past=who == "past", page=number)
    asked.record(Act.LIST_PEOPLE, {one.person.id for one in found.rows}, Relation.OWN_MUNICIPALITY)
    fields = teaching.GROUPS.fields(asked.session, row)
    values, texts = texts_of(fields, row), speak(request)
    return page(
        request,
        "administration/group.html",
        row=row,
        school=asked.session.get_one(Organisation, row.school_id),
        facts=[(one.title, one.told(texts, values[one.name])) for one in fields if one.name in _FACTS],
        found=found,
        roles=VALUES,
        asked={"who": who},
        saved=saved,
        today=asked.today,
    )


_FACTS = ("group_type", "term_ids", "course_id", "grades", "location", "group_code")


# People are put into a group

LAST_DAY = Field("end_date", mark("Last day"), Shape.LAST_DAY, help=mark("Leave it open if it goes on."))


def _add_fields(staff: bool) -> Fields:
    role = Field(
        "role", mark("Role"), Shape.CHOICE, True, teaching.STAFF_ROLES, default=EnrolmentRole.TEACHER
    )
    return (
        *((role, Field("primary", mark("Responsible teacher"), Shape.FLAG)) if staff else ()),
        Field("begin_date", mark("First day"), Shape.DAY, True),
        LAST_DAY,
    )


@router.get("/groups/{group_id:uuid}/add")
def add(
    request: Request,
    asked: Question,
    group_id: UUID,
    search: Words = "",
    of: Annotated[str, Query(pattern="^(classless|school|everywhere|staff)$")] = "classless",
    number: PageNumber = 1,
) -> Response:
    """Who may be put into a group, to be ticked: pupils, or with ``of=staff`` teachers and assistants."""
    row = row_of(asked, teaching.GROUPS, group_id)
    first, last = lists.span_of(asked.session, group_id)
    texts = texts_of(_add_fields(of == "staff"), None)
    texts |= {
        "begin_date": max(asked.today, first or asked.today).isoformat(),
        "end_date": LAST_DAY.text(last),
    }
    return _candidates(request, asked, row, of, search, number, texts, uuid4())


@router.post("/groups/{group_id:uuid}/add")
def send_added(request: Request, asked: Question, group_id: UUID, form: Form) -> Response:
    """Put all who were ticked into a group, or nobody; a form that is sent twice has one effect."""
    row = row_of(asked, teaching.GROUPS, group_id)
    of, search = str(form.get("of", "")), str(form.get("search", ""))[:100]
    if of not in ("classless", "school", "everywhere", "staff"):
        raise NotFoundError
    staff = of == "staff"
    batch, people = uuid_of(form.get("batch")), [uuid_of(one) for one in form.getlist("people")]
    fields = _add_fields(staff)
    texts = sent_texts(fields, form)
    values, mistakes = read(fields, texts)
    if not people:
        mistakes["people"] = mark("Tick at least one.")
    if not mistakes:
        role = values["role"] if staff else EnrolmentRole.STUDENT
        fixed = {"group_id": row.id, "school_id": row.school_id, "role": EnrolmentRole(role)}
        fixed["primary"] = bool(values.get("primary"))
        dates = {name: texts[name] for name in ("begin_date", "end_date")}
        # All or nobody: what was added before a mistake is taken back.
        with asked.session.begin_nested() as added:
            for person_id in people:
                if not lists.may_join(asked.session, row, person_id, values["begin_date"], staff=staff):
                    raise NotFoundError
                known = {"person_id": person_id, **fixed}
                outcome = save(asked, teaching.PLACES, uuid5(batch, str(person_id)), dates, "", known)
                mistakes |= {str(person_id): one for one in outcome.told}
            if mistakes:
                added.rollback()
    if not mistakes:
        return RedirectResponse(f"/administration/groups/{group_id}?saved=true", 303)
    return _candidates(
        request, asked, row, of, search, 1, texts, batch, mistakes, {str(one) for one in people}
    )


def _candidates(
    request: Request,
    asked: Asked,
    row: Group,
    of: str,
    search: str,
    number: int,
    texts: dict[str, str],
    batch: UUID,
    mistakes: dict[str, str] | None = None,
    ticked: set[str] | None = None,
) -> Response:
    staff = of == "staff"
    first, _ = lists.span_of(asked.session, row.id)
    begin = max(asked.today, first or asked.today)
    found = lists.candidates(asked.session, row, begin, search=search, of=of, staff=staff, page=number)
    asked.record(Act.LIST_PEOPLE, [one.person.id for one in found.rows], Relation.OWN_MUNICIPALITY)
    return page(
        request,
        "administration/add_people.html",
        status=422 if mistakes else 200,
        row=row,
        staff=staff,
        found=found,
        fields=_add_fields(staff),
        texts_=texts,
        batch=batch,
        mistakes=mistakes or {},
        ticked=ticked or set(),
        asked={"search": search, "of": of},
    )


# A place in a group


@router.get("/places/{row_id:uuid}/edit")
def edit_place(
    request: Request, asked: Question, row_id: UUID, of: Annotated[str, Query(pattern="^(|person)$")] = ""
) -> Response:
    """Change or end somebody's place in a group."""
    row, known = _place(request, asked, row_id, of)
    fields = teaching.PLACES.fields(asked.session, row)
    texts = texts_of(fields, row)
    asked.record(Act.VIEW_PERSON, [row.person_id], Relation.OWN_MUNICIPALITY)
    return form_page(request, teaching.PLACES, fields, row_id, texts, version_of(texts), row=row, **known)


@router.post("/places/{row_id:uuid}")
def send_place(
    request: Request,
    asked: Question,
    row_id: UUID,
    form: Form,
    of: Annotated[str, Query(pattern="^(|person)$")] = "",
) -> Response:
    """Save a place in a group; with ``take`` sent, it ends before today."""
    row, known = _place(request, asked, row_id, of)
    fields = teaching.PLACES.fields(asked.session, row)
    take = "take" in form
    withdraw = take and never_began(row, asked.today)
    texts = sent_texts(fields, form)
    if take:
        texts = texts_of(fields, row) if withdraw else ended(fields, row, asked.today)
    version = str(form.get("version", ""))
    outcome = save(asked, teaching.PLACES, row_id, texts, version, withdraw=withdraw)
    if outcome.saved:
        return RedirectResponse(f"{known['back']}?saved=true", 303)
    return form_page(request, teaching.PLACES, fields, row_id, texts, version, outcome, **known)


def _place(request: Request, asked: Asked, row_id: UUID, of: str) -> tuple[Enrolment, dict[str, Any]]:
    """A place in a group, and what its form tells of it."""
    row = row_of(asked, teaching.PLACES, row_id)
    whom: Person = person_of(asked, row.person_id, place=True)
    where = asked.session.get_one(Group, row.group_id)
    heading = speak(request).gettext(mark("Place of {name} in {group}"), name=whom.name, group=where.title)
    return row, {
        "action": f"places/{row_id}" + ("?of=person" if of else ""),
        "back": f"/administration/people/{whom.id}" if of else f"/administration/groups/{where.id}",
        "heading": heading,
        "take": mark("Remove from the group now"),
    }
