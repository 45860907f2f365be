"""The audit: who saw or did what. Events are written in the same transaction as what they tell of."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from digione_platform.core.models import AuditEvent


class Act(StrEnum):
    """Everything that is written to the audit. Each has a title in ``web/titles.py``."""

    SIGN_IN = "sign in"
    SIGN_IN_REFUSED = "sign-in refused"
    SIGN_OUT = "sign out"
    CHANGE_ROLE = "change role"
    REFUSED = "refused"
    VIEW_CHILD = "view child"
    VIEW_GROUP = "view group"
    LIST_PUPILS = "list pupils"
    VIEW_PUPIL = "view pupil"
    VIEW_GUARDIAN = "view guardian"
    VIEW_LOOKS = "view who looked"
    SEARCH_AUDIT = "search audit"
    LIST_PEOPLE = "list people"
    VIEW_PERSON = "view person"
    VIEW_HISTORY = "view history"
    ADD_RECORD = "add record"
    CHANGE_RECORD = "change record"
    MOVE_PUPIL = "move pupil"
    MOVE_UP = "move classes up"
    END_SIGN_IN = "end sign-in"
    CHANGE_RETENTION = "change retention"
    APPLY_RETENTION = "retention.apply"
    CHANGE_PREFERENCES = "change preferences"
    CHANGE_GUARDIANSHIP = "change guardianship"
    NEW_PASSWORD = "accounts.password"  # noqa: S105 - the name of an action
    SEND_BUNDLE = "send bundle"
    VIEW_BUNDLE = "view bundle"
    IMPORT = "roster.import"
    UNDO_IMPORT = "roster.undo"
    EXPORT_SUBJECT = "subject.export"
    ERASE_SUBJECT = "subject.erase"
    HOLD_SUBJECT = "subject.hold"
    RELEASE_SUBJECT = "subject.release"
    RESTART_CHAIN = "audit.restart"
    EXPORT = "roster.export"
    ADD_CLIENT = "clients.add"
    DISABLE_CLIENT = "clients.disable"
    ROTATE_CLIENT = "clients.rotate"
    CLIENT_SIGN_IN = "client signed in"
    CLIENT_READ = "client read"
    CLIENT_WRITE = "client wrote"
    CLIENT_DELETE = "client deleted"
    CLIENT_REFUSED = "client refused"
    CLIENT_NOT_PROVEN = "client not proven"


# Acts of looking, and of trying to.
_LOOKING = {
    Act.REFUSED,
    Act.VIEW_CHILD,
    Act.VIEW_GROUP,
    Act.LIST_PUPILS,
    Act.VIEW_PUPIL,
    Act.VIEW_GUARDIAN,
    Act.VIEW_LOOKS,
    Act.SEARCH_AUDIT,
    Act.LIST_PEOPLE,
    Act.VIEW_PERSON,
    Act.VIEW_HISTORY,
}


@dataclass(frozen=True)
class By:
    """Who acts: the person, what they work as, and in which request. Nobody: an operator, or unknown.

    A connected service acts by its client id, and its events have its name in ``detail`` as ``service``.
    """

    actor: UUID | None = None
    desktop: str | None = None
    request: UUID | None = None


def record(
    session: Session,
    by: By,
    action: Act,
    subjects: Iterable[UUID | None] = (None,),
    *,
    people: Collection[UUID] = (),
    reason: str | None = None,
    **detail: Any,
) -> None:
    """Add one event for each subject in a single statement. Looking at oneself is no event;
    changing oneself is.

    One event about all of ``people`` is for what services and operators do with a thousand at once.
    ``detail`` is kept for ever, also when the person is erased: identifiers and numbers, never names.
    """
    rows = [
        {
            "actor": by.actor,
            "desktop": by.desktop,
            "action": action.value,
            "subject": subject,
            "people": sorted(set(people)) or None,
            "reason": reason,
            "request": by.request,
            "detail": detail,
        }
        for subject in subjects
        if subject is None or subject != by.actor or action not in _LOOKING
    ]
    if rows:
        session.execute(insert(AuditEvent), rows)
