"""The audit: who saw or did what. Events are written in the same transaction as what they tell of."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from digione_platform.core.models import AuditEvent


def record(
    session: Session,
    actor: UUID | None,
    action: str,
    subjects: Iterable[UUID | None] = (None,),
    **detail: Any,
) -> None:
    """Add one event for each subject in a single statement. Looking at oneself is no event."""
    rows = [
        {"actor": actor, "action": action, "subject": subject, "detail": detail}
        for subject in subjects
        if subject is None or subject != actor
    ]
    if rows:
        session.execute(insert(AuditEvent), rows)
