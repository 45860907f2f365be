"""Who is guardian of whom, since when and until when, and with which restrictions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.models import (
    GuardianKind,
    Guardianship,
    Organisation,
    OrganisationKind,
    Origin,
    Person,
    Restriction,
    Role,
    RoleName,
    Status,
)
from digione_platform.i18n import today

# Any of these makes a guardian. They are held in the municipality: a school would tell where the child is.
GUARDIANS = (RoleName.GUARDIAN, RoleName.PARENT, RoleName.RELATIVE)


@dataclass(frozen=True)
class Rights:
    """What people decided of a guardianship; a roster carries none of it."""

    kind: GuardianKind = GuardianKind.CUSTODIAN
    joint_custody: bool | None = None
    restrictions: frozenset[Restriction] = frozenset()
    valid_from: date | None = None
    valid_to: date | None = None


def guards(today: date) -> ColumnElement[bool]:
    """The condition that a guardianship holds on a day; ``valid_to`` is outside."""
    return and_(
        Guardianship.status == Status.ACTIVE,
        or_(Guardianship.valid_from.is_(None), Guardianship.valid_from <= today),
        or_(Guardianship.valid_to.is_(None), Guardianship.valid_to > today),
    )


# The same over a row ``g`` in SQL, for those who are given guardians without the restrictions: services and
# other systems. They take a guardian for one who may read what they have of the child, contact details too.
TODAY = "(now() at time zone 'Europe/Helsinki')::date"
HOLDS = (
    "g.status = 'active' "
    f"and (g.valid_from is null or g.valid_from <= {TODAY}) and (g.valid_to is null or g.valid_to > {TODAY})"
)
MAY_BE_TOLD = (
    f"({HOLDS} and not g.restrictions && array['{Restriction.NO_INFORMATION}', '{Restriction.NO_CONTACT}'])"
)


def guardians_of(session: Session, child_id: UUID, today: date) -> list[tuple[Person, Guardianship]]:
    """The guardians of a child on a day."""
    found = session.execute(
        select(Person, Guardianship)
        .join(Guardianship, Guardianship.guardian_id == Person.id)
        .where(Guardianship.child_id == child_id, Person.status == Status.ACTIVE, guards(today))
        .order_by(Person.sort_name)
    )
    return [(person, guardianship) for person, guardianship in found]


def child_of(
    session: Session, guardian_id: UUID, child_id: UUID, today: date
) -> tuple[Person, Guardianship] | None:
    """A child of a guardian on a day."""
    found = session.execute(
        select(Person, Guardianship)
        .join(Guardianship, Guardianship.child_id == Person.id)
        .where(
            Guardianship.guardian_id == guardian_id,
            Guardianship.child_id == child_id,
            Person.status == Status.ACTIVE,
            guards(today),
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def limits_of(guardianship: Guardianship) -> frozenset[Restriction]:
    """What the access table takes from a guardian: the restrictions, and what the kind brings along."""
    limits = frozenset(Restriction(one) for one in guardianship.restrictions)
    if guardianship.kind is GuardianKind.INFORMED:
        limits |= {Restriction.NO_DECISIONS}
    return limits


def custody_disputed(guardianships: Iterable[Guardianship], today: date) -> bool:
    """Whether of the guardianships of one child one is sole custody, and another is custody as well."""
    custodians = [one for one in guardianships if one.kind is GuardianKind.CUSTODIAN and one.holds(today)]
    return len(custodians) > 1 and any(one.joint_custody is False for one in custodians)


def decide(
    session: Session, by: By, guardian_id: UUID, child_id: UUID, rights: Rights, reason: str
) -> Guardianship:
    """Write down what was decided of a guardianship, with the reason; it holds from the next request on.

    A pair that the roster does not know is the platform's own, and no import withdraws it.
    """
    row = session.scalar(
        select(Guardianship)
        .where(Guardianship.guardian_id == guardian_id, Guardianship.child_id == child_id)
        .with_for_update()
    )
    if row is None or row.status is not Status.ACTIVE:
        row = row or Guardianship(guardian_id=guardian_id, child_id=child_id)
        row.origin, row.status = Origin.PLATFORM, Status.ACTIVE
        session.add(row)
    row.kind, row.joint_custody = rights.kind, rights.joint_custody
    row.restrictions = sorted(rights.restrictions)
    row.valid_from, row.valid_to = rights.valid_from, rights.valid_to
    session.flush()
    audit.record(
        session,
        by,
        Act.CHANGE_GUARDIANSHIP,
        [child_id, guardian_id],
        reason=reason,
        guardian=str(guardian_id),
        child=str(child_id),
    )
    _make_guardian(session, by, guardian_id)
    return row


def _make_guardian(session: Session, by: By, person_id: UUID) -> None:
    """Give somebody the role in which guardians see their children, unless they have it."""
    held = select(Role.id).where(
        Role.person_id == person_id,
        Role.role.in_(GUARDIANS),
        Role.status == Status.ACTIVE,
        or_(Role.end_date.is_(None), Role.end_date > today()),
    )
    municipality = session.scalar(
        select(Organisation.id).where(
            Organisation.kind == OrganisationKind.DISTRICT, Organisation.status == Status.ACTIVE
        )
    )
    if session.scalar(held.limit(1)) is not None or municipality is None:
        return
    role = Role(
        sourced_id=f"platform-{uuid4()}",
        origin=Origin.PLATFORM,
        person_id=person_id,
        organisation_id=municipality,
        role=RoleName.GUARDIAN,
        begin_date=today(),
    )
    session.add(role)
    session.flush()
    audit.record(session, by, Act.ADD_RECORD, [person_id], table="roles", row=str(role.id))
