"""The person who looks: who they are, and which of their roles they work in now."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from digione_platform.core.access import Desktop, desktop_of
from digione_platform.core.models import (
    Account,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    RoleName,
    Status,
)
from digione_platform.core.names import in_finnish_order


@dataclass(frozen=True)
class Desk:
    """One role to work in. ``organisation`` is the school, or the municipality for its administrators."""

    role_id: UUID
    role: RoleName
    desktop: Desktop
    organisation_id: UUID
    organisation: str
    kind: OrganisationKind


@dataclass(frozen=True)
class Viewer:
    """A signed-in person at one of their desks; ``language`` is their own choice, if any."""

    account: Account
    person: Person
    desk: Desk
    desks: tuple[Desk, ...]
    language: str | None


# Kept, for putting it together costs pages more than asking it does. Likewise in ``pupils``.
@lru_cache(maxsize=32)
def in_force(row: Any, today: date) -> ColumnElement[bool]:
    """The condition that a role or enrolment is active and valid on a day; the end date is outside."""
    return and_(
        row.status == Status.ACTIVE,
        or_(row.begin_date.is_(None), row.begin_date <= today),
        or_(row.end_date.is_(None), row.end_date > today),
    )


def desks_of(session: Session, person_id: UUID, today: date) -> tuple[Desk, ...]:
    """The desks of a person on a day: staff have one per school, pupils and guardians one in all."""
    found = session.execute(
        select(Role.id, Role.role, Organisation.id, Organisation.name, Organisation.kind)
        .join(Organisation, Organisation.id == Role.organisation_id)
        .where(Role.person_id == person_id, in_force(Role, today), Organisation.status == Status.ACTIVE)
        .order_by(Role.role_type, in_finnish_order(Organisation.name), Role.sourced_id)
    )
    desks: dict[tuple[Desktop, UUID | None], Desk] = {}
    for role_id, role, place_id, place_name, kind in found:
        desktop = desktop_of(role, kind)
        if desktop is not None:
            place = None if desktop in (Desktop.PUPIL, Desktop.GUARDIAN) else place_id
            desk = Desk(role_id, role, desktop, place_id, place_name, kind)
            desks.setdefault((desktop, place), desk)
    return tuple(desks.values())
