"""Pages of guardianships: who may decide and know what of a child, since when, and why."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from digione_platform.administration import lists
from digione_platform.administration.editing import Form, person_of
from digione_platform.administration.forms import (
    Field,
    Fields,
    Shape,
    merged,
    read,
    sent_texts,
    texts_of,
    version_of,
)
from digione_platform.administration.records import ROLES, Values, in_order
from digione_platform.core.access import Relation, see
from digione_platform.core.audit import Act, By
from digione_platform.core.guardians import Rights, decide
from digione_platform.core.models import GuardianKind, Guardianship, Person, Restriction, Status
from digione_platform.i18n import mark
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, Question
from digione_platform.web.render import page
from digione_platform.web.titles import RESTRICTIONS, VALUES

router = APIRouter(prefix="/administration/guardianships")

_KINDS = tuple((kind.value, VALUES[kind]) for kind in GuardianKind)
FIELDS: Fields = (
    Field("kind", mark("Kind"), Shape.CHOICE, True, _KINDS, default=GuardianKind.CUSTODIAN),
    Field(
        "joint_custody",
        mark("Custody"),
        Shape.CHOICE,
        choices=(("True", mark("joint custody")), ("False", mark("sole custody"))),
        help=mark("Leave it open where nobody has said."),
    ),
    Field("restrictions", mark("Restrictions"), Shape.CHOICES, choices=tuple(RESTRICTIONS.items())),
    Field("valid_from", mark("First day"), Shape.DAY),
    Field("valid_to", mark("Last day"), Shape.LAST_DAY, help=mark("Leave it open if it goes on.")),
)
REASON = Field(
    "reason",
    mark("Reason"),
    required=True,
    help=mark("For example the number of a decision. It is kept for ever in the audit: name nobody."),
)


@router.get("/{child_id:uuid}/add")
def add(
    request: Request, asked: Question, child_id: UUID, search: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Look for the person who is to be a guardian of a child."""
    child = person_of(asked, child_id)
    asked.record(Act.VIEW_PERSON, [child_id], Relation.OWN_MUNICIPALITY)
    found = []
    if search.strip():
        listed = lists.adults(asked.session, asked.today, search=search).rows
        found = [one for one in listed if one.person.id != child_id]
        asked.record(Act.LIST_PEOPLE, [one.person.id for one in found], Relation.OWN_MUNICIPALITY)
    return page(
        request,
        "administration/add_guardian.html",
        child=child,
        found=found,
        roles=ROLES,
        asked={"search": search},
    )


@router.get("/{child_id:uuid}/{guardian_id:uuid}")
def edit(request: Request, asked: Question, child_id: UUID, guardian_id: UUID) -> Response:
    """The form of a guardianship, or of one that is to be."""
    child, guardian = _pair(asked, child_id, guardian_id)
    texts = texts_of(FIELDS, _row(asked, child_id, guardian_id))
    people = [child_id, guardian_id]
    asked.record(Act.VIEW_PERSON, people, Relation.OWN_MUNICIPALITY)
    return _form(request, asked, child, guardian, texts | {"reason": ""}, version_of(texts))


@router.post("/{child_id:uuid}/{guardian_id:uuid}")
def send(request: Request, asked: Question, child_id: UUID, guardian_id: UUID, form: Form) -> Response:
    """Save what was decided of a guardianship; a form that is sent twice has one effect."""
    child, guardian = _pair(asked, child_id, guardian_id)
    texts = sent_texts((*FIELDS, REASON), form)
    asked_for = {one.name: texts[one.name] for one in FIELDS}
    row = _row(asked, child_id, guardian_id, lock=True)
    now = texts_of(FIELDS, row)
    done = RedirectResponse(f"/administration/people/{child_id}?saved=true", 303)
    if row is not None and row.status is Status.ACTIVE and now == asked_for:
        return done
    version = str(form.get("version", ""))
    if version_of(now) != version:
        shown = merged(texts, version, now)
        # What another has restricted meanwhile is not let go by a tick beside it.
        both = f"{shown['restrictions']},{now['restrictions']}".strip(",").split(",")
        shown["restrictions"] = ",".join(sorted(set(both)))
        return _form(request, asked, child, guardian, shown, version_of(now), now=now, sent=texts, status=409)
    values, unread = read((*FIELDS, REASON), texts)
    mistakes = in_order(values, "valid_from", "valid_to") | _contradictions(values) | unread
    if row is None and is_minor(guardian, asked.today):
        mistakes["kind"] = mark("A guardian is of age; by the date of birth, this person is not.")
    if mistakes:
        return _form(request, asked, child, guardian, texts, version_of(now), mistakes, status=422)
    custody = {"True": True, "False": False}
    rights = Rights(
        GuardianKind(values["kind"]),
        custody.get(values["joint_custody"]),
        frozenset(Restriction(one) for one in values["restrictions"]),
        values["valid_from"],
        values["valid_to"],
    )
    by = By(asked.viewer.person.id, asked.desktop, asked.request)
    decide(asked.session, by, guardian_id, child_id, rights, values["reason"])
    return done


def is_minor(person: Person, today: date) -> bool:
    """Whether somebody is under 18 years of age, as far as is known."""
    born = person.birth_date
    return (
        born is not None
        and (today.year - born.year - ((today.month, today.day) < (born.month, born.day))) < 18
    )


def _contradictions(values: Values) -> dict[str, str]:
    """What cannot be true of one guardianship."""
    mistakes = {}
    kind = values.get("kind", GuardianKind.CUSTODIAN)
    if kind != GuardianKind.CUSTODIAN and values.get("joint_custody"):
        mistakes["joint_custody"] = mark("Only a custodian has joint or sole custody.")
    if kind == GuardianKind.INFORMED and Restriction.NO_INFORMATION in values.get("restrictions", ()):
        mistakes["restrictions"] = mark("The right to information and no information exclude each other.")
    return mistakes


def _pair(asked: Asked, child_id: UUID, guardian_id: UUID) -> tuple[Person, Person]:
    if child_id == guardian_id:
        raise NotFoundError
    return person_of(asked, child_id), person_of(asked, guardian_id)


def _row(asked: Asked, child_id: UUID, guardian_id: UUID, *, lock: bool = False) -> Guardianship | None:
    query = select(Guardianship).where(
        Guardianship.child_id == child_id, Guardianship.guardian_id == guardian_id
    )
    found: Guardianship | None = asked.session.scalar(query.with_for_update() if lock else query)
    return found


def _form(
    request: Request,
    asked: Asked,
    child: Person,
    guardian: Person,
    texts: dict[str, str],
    version: str,
    mistakes: dict[str, str] | None = None,
    *,
    now: dict[str, str] | None = None,
    sent: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    def seen(one: Person) -> Any:
        return see(one, asked.desktop, Relation.OWN_MUNICIPALITY)

    return page(
        request,
        "administration/guardianship.html",
        status=status,
        child=seen(child),
        child_id=child.id,
        guardian=seen(guardian),
        guardian_id=guardian.id,
        fields=(*FIELDS, REASON),
        texts_=texts,
        version=version,
        mistakes=mistakes or {},
        now=now,
        sent=sent,
    )
