"""Reading the audit: who has looked at a person, and the search over everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, any_, func, or_, select
from sqlalchemy.orm import Session, aliased

from digione_platform.core.access import Desktop, Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import AuditEvent, Guardianship, Person
from digione_platform.core.names import PERSON_WORDS, begins, split
from digione_platform.core.paging import Page, cut

# Those who act at one school.
AT_SCHOOL = (Desktop.TEACHER, Desktop.PRINCIPAL, Desktop.SECRETARY)
_child = aliased(Person)
_GUARDS_PROTECTED = (
    select(Guardianship.guardian_id)
    .join(_child, _child.id == Guardianship.child_id)
    .where(_child.nondisclosure)
)


@dataclass(frozen=True)
class Look:
    """An event with the people in it, where they are still known, or how many it was about.

    Where the reader may not know of people under non-disclosure, they do not count.
    """

    event: AuditEvent
    actor: Person | None
    subject: Person | None
    people: int | None

    @property
    def relation(self) -> str | None:
        """How the actor stood to the person, if that is the reason. What staff wrote in words of their own
        may be about others: it is for the search over everything only.
        """
        return self.event.reason if self.event.reason in set(Relation) else None

    @property
    def operator(self) -> str | None:
        """Who acted by the command, as the host knows them."""
        detail = self.event.detail
        return detail.get("operator") or detail.get("actor") if self.event.actor is None else None

    @property
    def about(self) -> str:
        """The identifier of the school, group, course or school year that was changed; empty if none was."""
        return str(self.event.detail.get("row") or self.event.detail.get("school") or "")

    @property
    def service(self) -> str | None:
        """The connected service that acted, by its name."""
        return self.event.detail.get("service")


@dataclass(frozen=True)
class Search:
    """What of the audit is asked for; empty is everything. Times are from (inside) and to (outside).

    Without ``protected`` what was done of or by people under non-disclosure is left out: it tells the school.
    """

    person: str = ""
    actor: str = ""
    action: Act | None = None
    since: datetime | None = None
    until: datetime | None = None
    protected: bool = False


def guards_protected(session: Session, person: Person) -> bool:
    """Whether somebody is, or was, guardian of a child under non-disclosure, and not in hiding with it.

    Who of a school looked at such a guardian tells the child's school.
    """
    mine = _GUARDS_PROTECTED.where(Guardianship.guardian_id == person.id)
    return not person.nondisclosure and session.scalar(mine.limit(1)) is not None


def looks_at(session: Session, person_id: UUID, page: int) -> Page[Look]:
    """What others saw and did of a person's data, the newest first. Who was refused saw nothing."""
    wanted = (
        or_(AuditEvent.subject == person_id, AuditEvent.people.contains([person_id])),
        AuditEvent.actor.is_distinct_from(person_id),
        AuditEvent.action != Act.REFUSED,
    )
    return _page(session, wanted, page)


def search(session: Session, asked: Search, page: int) -> Page[Look]:
    """The events that were asked for, the newest first."""
    wanted: list[ColumnElement[bool]] = []
    if asked.person.strip():
        named = select(Person.id).where(*_named(asked.person))
        open_ = named
        if not asked.protected:
            open_ = named.where(~Person.nondisclosure, Person.id.not_in(_GUARDS_PROTECTED))
        among = AuditEvent.people.overlap(func.array(open_.scalar_subquery()))
        wanted.append(or_(AuditEvent.subject.in_(named), among))
    if asked.actor.strip():
        people = AuditEvent.actor.in_(select(Person.id).where(*_named(asked.actor)))
        service = func.lower(AuditEvent.detail["service"].astext)
        wanted.append(or_(people, service.startswith(asked.actor.strip().lower(), autoescape=True)))
    if asked.action is not None:
        wanted.append(AuditEvent.action == asked.action)
    if asked.since is not None:
        wanted.append(AuditEvent.at >= asked.since)
    if asked.until is not None:
        wanted.append(AuditEvent.at < asked.until)
    if not asked.protected:
        hidden = select(Person.id).where(Person.nondisclosure)
        wanted += [
            func.coalesce(column.not_in(hidden), True) for column in (AuditEvent.subject, AuditEvent.actor)
        ]
        at_school = AuditEvent.subject.in_(_GUARDS_PROTECTED) & AuditEvent.desktop.in_(AT_SCHOOL)
        wanted.append(func.coalesce(~at_school, True))
    return _page(session, wanted, page, protected=asked.protected)


def _page(
    session: Session, wanted: Sequence[ColumnElement[bool]], page: int, *, protected: bool = True
) -> Page[Look]:
    actor, subject, hidden = aliased(Person), aliased(Person), aliased(Person)
    people: ColumnElement[int] = func.cardinality(AuditEvent.people)
    if not protected:
        among = select(func.count()).where(hidden.nondisclosure, hidden.id == any_(AuditEvent.people))
        people = people - among.correlate(AuditEvent).scalar_subquery()
    query = (
        select(AuditEvent, actor, subject, people)
        .outerjoin(actor, actor.id == AuditEvent.actor)
        .outerjoin(subject, subject.id == AuditEvent.subject)
        .where(*wanted)
    )
    return cut(session, query, (AuditEvent.at.desc(), AuditEvent.id.desc()), page, Look)


def _named(words: str) -> list[Any]:
    return [begins(PERSON_WORDS, *split(words))]
