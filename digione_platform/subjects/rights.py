"""A person's data as an archive, or erased, over everything that holders keep."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.history import REFERENCES, names_of_rows
from digione_platform.core.holders import Hold, holders
from digione_platform.errors import InputError, PreconditionError
from digione_platform.i18n import mark, texts_of_command


def find_person(session: Session, named: str, what: str) -> UUID:
    """The person of an account's username, or of an identifier of ours.

    Raises:
        InputError: there is none (P-SUBJECT-001).
    """
    query = text("""
        select id from persons where id::text = :named
        union select person_id from accounts where username = :named
    """)
    found = session.scalars(query, {"named": named.lower()}).all()
    if len(found) != 1:
        raise InputError(
            "P-SUBJECT-001",
            what,
            mark("no person has this username or identifier"),
            "digione-platform accounts list",
        )
    person: UUID = found[0]
    return person


def collect(session: Session, person: UUID) -> dict[str, list[dict[str, Any]]]:
    """Every row that is the person's, by table; one statement for each table."""
    return {
        one.table: [
            row
            for (row,) in session.execute(
                text(f"select ({one.row}) - cast(:secret as text[]) from {one.table} t where {one.whose}"),  # noqa: S608
                {"person": person, "secret": list(one.secret)},
            )
        ]
        for holder in holders()
        for one in holder.personal
    }


def export(session: Session, person: UUID, operator: str, reason: str, page: Callable[..., str]) -> bytes:
    """All data of a person as a zip archive of ``data.json`` and a page to read, made by ``page``.

    That it was made is in the audit, with the reason.
    """
    audit.record(session, By(), Act.EXPORT_SUBJECT, [person], reason=reason, operator=operator)
    session.flush()
    data = collect(session, person)
    titles = {one.table: one.title for holder in holders() for one in holder.personal}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=2))
        file.writestr(
            "index.html", page(titles=titles, person=str(person), data=data, names=_names(session, data))
        )
    return archive.getvalue()


def _names(session: Session, data: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """What the schools, groups, courses and school years are called that rows name by identifier."""
    rows = [row for rows in data.values() for row in rows]
    rows += [row["before"] for row in rows if row.get("before")]
    return names_of_rows(
        session, {row[one] for row in rows for one in (*REFERENCES, "school_id") if row.get(one)}
    )


def holds_of(session: Session, person: UUID, today: date) -> list[Hold]:
    """All that forbids to erase a person's data on a day."""
    return [hold for holder in holders() for hold in holder.holds(session, person, today)]


def erase(
    session: Session,
    person: UUID,
    *,
    today: date,
    operator: str,
    reason: str,
    apply: bool,
    whatever_holds: bool = False,
) -> dict[str, Any]:
    """Erase a person's data within the transaction and give the receipt; or, with ``apply`` false, a preview.

    ``whatever_holds`` is for whom nothing held when they were erased the first time.
    The receipt holds identifiers, counts and its own SHA-256, and is in the audit.

    Raises:
        PreconditionError: something forbids it for now (P-SUBJECT-002).
    """
    # No import may bring rows of the person while they go.
    session.execute(text("select pg_advisory_xact_lock(hashtext('digione roster'))"))
    texts = texts_of_command()
    reasons = [hold.told(texts) for hold in holds_of(session, person, today)]
    if reasons and apply and not whatever_holds:
        raise PreconditionError(
            "P-SUBJECT-002",
            mark("Nothing was erased"),
            "{holds}",
            mark(
                "take the person out of use where these reasons say so, or wait; what somebody wrote down is "
                "lifted by: digione-platform subject release"
            ),
            holds="; ".join(reasons),
        )
    erased: dict[str, int] = {}
    kept: dict[str, int] = {}
    for holder in holders():
        for one in holder.personal:
            values = {"person": person}
            where = f"{one.table} t where {one.whose}"
            count = session.scalar(text(f"select count(*) from {where}"), values) or 0  # noqa: S608
            (kept if one.kept else erased)[one.table] = count
    if apply:
        erased.update(_delete(session, person))
    receipt: dict[str, Any] = {
        "receipt": str(uuid4()),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "person": str(person),
        "erased": erased,
        "kept": kept,
    }
    receipt["sha256"] = hashlib.sha256(json.dumps(receipt, sort_keys=True).encode()).hexdigest()
    if apply:
        audit.record(session, By(), Act.ERASE_SUBJECT, [person], reason=reason, operator=operator, **receipt)
    return {**receipt, "applied": apply, "holds": reasons}


def forget(session: Session) -> None:
    """What is deleted in this transaction from here on leaves nothing in the history."""
    session.execute(text("select set_config('digione.history', 'off', true)"))


def _delete(session: Session, person: UUID) -> Iterator[tuple[str, int]]:
    forget(session)
    for holder in holders():
        for scrub in holder.scrubs:
            session.execute(text(scrub))
        for one in holder.personal:
            if not one.kept:
                # A row that was the person's when its table's turn came, and the rows below it before.
                query = text(f"""
                    with gone as (delete from {one.table} t where {one.whose} returning 1)
                    select count(*) from gone
                """)  # noqa: S608 - conditions are ours, values are bound
                yield one.table, session.scalar(query, {"person": person}) or 0
