"""A pupil moves to another class or school on a day: one form, and everything follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from digione_platform.administration import lists
from digione_platform.administration.editing import Form, person_of, uuid_of
from digione_platform.administration.forms import Field, Fields, Shape, read, sent_texts, version_of
from digione_platform.administration.teaching import KINDS, school_years, schools
from digione_platform.core.access import Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import (
    Enrolment,
    EnrolmentRole,
    Group,
    GroupType,
    Organisation,
    Origin,
    Person,
    Role,
    RoleName,
    Status,
)
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page

router = APIRouter(prefix="/administration/people")


@dataclass(frozen=True)
class Now:
    """Where a pupil is from today on: roles with their schools, and places in groups."""

    roles: Sequence[tuple[Role, Organisation]]
    places: Sequence[tuple[Enrolment, Group, str]]

    @property
    def school_id(self) -> str:
        return str(self.roles[0][1].id) if self.roles else ""

    def of_kind(self, kind: GroupType) -> list[tuple[Enrolment, Group, str]]:
        """The places in classes, or in teaching groups."""
        return [one for one in self.places if one[1].group_type is kind]

    @property
    def version(self) -> str:
        """What tells whether somebody moved the pupil meanwhile."""
        rows: list[Any] = [role for role, _ in self.roles] + [place for place, _, _ in self.places]
        return version_of({str(row.id): f"{row.begin_date} {row.end_date}" for row in rows})


@router.get("/{person_id:uuid}/move")
def move(
    request: Request, asked: Question, person_id: UUID, school: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Choose the school, then its class and the first day there."""
    person = person_of(asked, person_id, place=True)
    now = _now(asked.session, person_id, asked.today)
    asked.record(Act.VIEW_PERSON, [person_id], Relation.OWN_MUNICIPALITY)
    chosen = school or now.school_id
    texts = {"group": "", "day": asked.today.isoformat()}
    return _page(request, asked, person, now, chosen, texts, uuid4())


@router.post("/{person_id:uuid}/move")
def send(request: Request, asked: Question, person_id: UUID, form: Form) -> Response:
    """Move a pupil; a form that is sent twice has one effect."""
    person = person_of(asked, person_id, place=True)
    # Two who move the same pupil come one after the other.
    asked.session.refresh(person, with_for_update=True)
    batch, chosen = uuid_of(form.get("batch")), str(form.get("school", ""))
    done = RedirectResponse(f"/administration/people/{person_id}?saved=true", 303)
    if asked.session.get(Role, _role_id(batch)) or asked.session.get(Enrolment, _place_id(batch)):
        return done
    now = _now(asked.session, person_id, asked.today)
    fields = _fields(asked, chosen, now)
    texts = sent_texts(fields, form)
    if now.version != form.get("version"):
        return _page(request, asked, person, now, chosen, texts, batch, status=409)
    values, mistakes = read(fields, texts)
    mistakes = mistakes or _wrong_day(asked.session, values["group"], values["day"], asked.today)
    mistakes = mistakes or _same_place(now, UUID(chosen), values["group"], values["day"])
    if mistakes:
        return _page(request, asked, person, now, chosen, texts, batch, mistakes, status=422)
    _carry_out(asked, person, now, UUID(chosen), values["group"], values["day"], batch)
    return done


def _wrong_day(session: Session, group_id: UUID | None, day: date, today: date) -> dict[str, str]:
    """A day on which nobody moves: a slip of the year would end what the pupil has had for long."""
    years = [one for one in school_years(session) if one.end_date > today]
    if not any(one.start_date <= day < one.end_date for one in years):
        return {"day": mark("Write a day of this school year, or of a later one that was added.")}
    first, last = lists.span_of(session, group_id) if group_id else (None, None)
    if (first and day < first) or (last and day >= last):
        return {"day": mark("The class does not meet on this day: see its terms, or choose another class.")}
    return {}


def _same_place(now: Now, school_id: UUID, group_id: UUID | None, day: date) -> dict[str, str]:
    """A class in which the pupil is and stays anyway."""
    stays = any(
        group.id == group_id
        and (place.begin_date is None or place.begin_date <= day)
        and (place.end_date is None or place.end_date > day)
        for place, group, _ in now.of_kind(GroupType.HOMEROOM)
    )
    moves = any(place.id != school_id for _, place in now.roles)
    alone = len(now.of_kind(GroupType.HOMEROOM)) == 1
    return {"group": mark("The pupil is in this class already.")} if stays and alone and not moves else {}


def _carry_out(
    asked: Asked, person: Person, now: Now, school_id: UUID, group_id: UUID | None, day: date, batch: UUID
) -> None:
    """End what the pupil leaves before the day, and begin what is new on it."""
    session, moved_at = asked.session, datetime.now(UTC)
    new: dict[str, Any] = {"origin": Origin.PLATFORM, "person_id": person.id, "begin_date": day}
    last = lists.span_of(session, group_id)[1] if group_id else None
    # A role that begins later is one of a move that was planned and is now another.
    staying = [
        role
        for role, place in now.roles
        if place.id == school_id and (role.begin_date is None or role.begin_date <= day)
    ]
    stays = bool(staying)
    left: list[Role | Enrolment] = [role for role, _ in now.roles if role not in staying]
    left += [
        place
        for place, group, _ in now.places
        # Within a school only the class changes, and that of another year stays: so do the other groups.
        if group.id != group_id
        and (
            not stays
            or (
                group.group_type is GroupType.HOMEROOM
                and not (last and place.begin_date and place.begin_date >= last)
            )
        )
    ]
    for row in left:
        # What was to begin on that day or later never does.
        row.in_use = row.begin_date is None or row.begin_date < day
        if row.in_use and (row.end_date is None or row.end_date > day):
            row.end_date = day
        row.origin, row.last_modified = Origin.PLATFORM, moved_at
    if not stays:
        role_id = _role_id(batch)
        session.add(
            Role(
                id=role_id,
                sourced_id=f"platform-{role_id}",
                organisation_id=school_id,
                role=RoleName.STUDENT,
                **new,
            )
        )
        if day <= asked.today:
            person.primary_organisation_id, person.last_modified = school_id, moved_at
    kept = next((place for place, group, _ in now.places if group.id == group_id), None)
    if kept is not None and kept.end_date is not None and kept.end_date <= day:
        # Back in a class that was to be left.
        kept.end_date, kept.origin, kept.last_modified = last, Origin.PLATFORM, moved_at
    if group_id is not None and kept is None:
        place_id = _place_id(batch)
        session.add(
            Enrolment(
                id=place_id,
                sourced_id=f"platform-{place_id}",
                group_id=group_id,
                school_id=school_id,
                role=EnrolmentRole.STUDENT,
                end_date=last,
                **new,
            )
        )
    session.flush()
    asked.record(
        Act.MOVE_PUPIL,
        [person.id],
        Relation.OWN_MUNICIPALITY,
        school=str(school_id),
        group=group_id and str(group_id),
        day=day.isoformat(),
        left=[str(row.id) for row in left],
    )


def _now(session: Session, person_id: UUID, today: date) -> Now:
    roles = session.execute(
        select(Role, Organisation)
        .join(Organisation, Organisation.id == Role.organisation_id)
        .where(
            Role.person_id == person_id,
            Role.role == RoleName.STUDENT,
            Role.status == Status.ACTIVE,
            func.coalesce(Role.end_date > today, True),
        )
        .order_by(Role.begin_date.nulls_first(), Role.id)
    )
    places = [
        (place, group, school)
        for place, group, school in lists.places_of(session, person_id)
        if place.role is EnrolmentRole.STUDENT and (place.end_date is None or place.end_date > today)
    ]
    return Now([(role, place) for role, place in roles], places)


def _fields(asked: Asked, school: str, now: Now) -> Fields:
    """The form of a move to a school; within the pupil's own a class is to be chosen.

    Raises:
        NotFoundError: there is no such school.
    """
    if school not in dict(schools(asked.session)):
        raise NotFoundError
    classes = lists.classes_of(asked.session, UUID(school), asked.today)
    names = lists.names_of_classes(asked.session, classes)
    return (
        Field(
            "group",
            mark("Class"),
            Shape.ROW,
            school == now.school_id,
            choices=tuple((str(one.id), name) for one, name in zip(classes, names, strict=True)),
            help="" if school == now.school_id else mark("It may be left open, and chosen later."),
        ),
        Field(
            "day",
            mark("First day there"),
            Shape.DAY,
            True,
            help=mark("What is left ends on the day before."),
        ),
    )


def _page(
    request: Request,
    asked: Asked,
    person: Person,
    now: Now,
    school: str,
    texts: dict[str, str],
    batch: UUID,
    mistakes: dict[str, str] | None = None,
    *,
    status: int = 200,
) -> Response:
    all_schools = schools(asked.session)
    return page(
        request,
        "administration/move.html",
        status=status,
        person=person,
        now=now,
        school=school,
        schools=all_schools,
        school_name=dict(all_schools).get(school),
        fields=_fields(asked, school, now) if school else (),
        texts_=texts,
        batch=batch,
        mistakes=mistakes or {},
        met=status == 409,
        kinds=KINDS,
        today=asked.today,
    )


def _role_id(batch: UUID) -> UUID:
    return uuid5(batch, "role")


def _place_id(batch: UUID) -> UUID:
    return uuid5(batch, "place")
