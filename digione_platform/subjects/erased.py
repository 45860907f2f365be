"""Who was erased, outside the database: a backup that is restored must not bring anybody back."""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from digione_platform.core.audit import Act
from digione_platform.core.models import AuditEvent
from digione_platform.errors import PlatformError
from digione_platform.settings import Settings
from digione_platform.subjects import rights

FILE = "erased"  # in the tenant's folder; a line for each person, the opaque identifier
_AGAIN = timedelta(days=1)  # what a crash may have left out is looked for so far back


def remember(session: Session, settings: Settings) -> None:
    """Add to the file whom the audit says to be erased since it was written last; after the commit."""
    file = _file(settings)
    if file is None:
        return
    known = _listed(file)
    query = select(AuditEvent.subject).where(AuditEvent.action == Act.ERASE_SUBJECT.value)
    if known:
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        query = query.where(AuditEvent.at >= written - _AGAIN)
    new = {str(person) for person in session.scalars(query) if person} - known
    if new:
        _write(file, known | new)


def erase_again(engine: Engine, settings: Settings, today: datetime) -> int:
    """Erase whom the file names and the database has: it was restored. Return how many they were."""
    file = _file(settings)
    if file is None:
        return 0
    with Session(engine) as session, session.begin():
        remember(session, settings)
        people = [UUID(line) for line in sorted(_listed(file))]
        query = text("select id from persons where id = any(:people)")
        back = session.scalars(query, {"people": people}).all()
        for person in back:
            rights.erase(
                session,
                person,
                today=today.date(),
                operator="restore",
                reason="restore",
                apply=True,
                whatever_holds=True,
            )
    if back:
        from digione_platform.accounts import sync_directory

        with suppress(PlatformError):  # the next sync or import makes good what the directory missed
            sync_directory(engine, settings)
    return len(back)


def _file(settings: Settings) -> Path | None:
    return settings.state / FILE if settings.state and settings.state.is_dir() else None


def _listed(file: Path) -> set[str]:
    try:
        return set(file.read_text(encoding="ascii").split())
    except FileNotFoundError:
        return set()


def _write(file: Path, people: Iterable[str]) -> None:
    new = file.with_name(f".{FILE}")
    with new.open("w", encoding="ascii") as stream:
        stream.write("".join(f"{person}\n" for person in sorted(people)))
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
