"""Tells what is due and deletes it, by the periods of the municipality."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.models import RetentionPeriod
from digione_platform.i18n import FINLAND
from digione_platform.retention.rules import RULES, Rule
from digione_platform.subjects import rights

# One night's work; the rest follows in the next.
MOST_PEOPLE = 200


# Whoever shares a guardianship with somebody whose data are held is not erased either (``core.subject``).
_SHARED = """exists (
    select from guardianships g
    where (t.id, h.person_id) in ((g.child_id, g.guardian_id), (g.guardian_id, g.child_id))
)"""


@dataclass(frozen=True)
class Due:
    """A rule with the period in force, how many rows are due, and how many of them are held."""

    rule: Rule
    days: int
    rows: int
    held: int


def periods(session: Session) -> dict[str, int]:
    """The period of every rule in days: the municipality's, else the default."""
    own = {row.key: row.days for row in session.scalars(select(RetentionPeriod))}
    return {rule.key: own.get(rule.key, rule.days) for rule in RULES}


def set_periods(session: Session, by: By, days: dict[str, int]) -> bool:
    """Keep the periods of the municipality; gives whether that changed any.

    Raises:
        ValueError: a rule is not known, or a period shorter or longer than its rule allows; names the rule.
    """
    known = {rule.key: rule for rule in RULES}
    for key, number in days.items():
        if key not in known or not known[key].least <= number <= known[key].longest:
            raise ValueError(key)
    before = periods(session)
    changed = {key: number for key, number in days.items() if before[key] != number}
    for key, number in changed.items():
        row = insert(RetentionPeriod).values(key=key, days=number)
        session.execute(row.on_conflict_do_update(index_elements=["key"], set_={"days": number}))
    if changed:
        was = {key: before[key] for key in changed}
        audit.record(session, by, Act.CHANGE_RETENTION, before=was, after=changed)
    return bool(changed)


def due(session: Session, now: datetime) -> list[Due]:
    """What would be deleted now; one statement for each rule."""
    found = []
    for rule, days in _in_force(session):
        held = _held(rule)
        rows, kept = session.execute(
            text(f"""
                select count(*) filter (where not {held}), count(*) filter (where {held})
                from {rule.table} t where {rule.due}
            """),  # noqa: S608 - from the table of rules
            {"cutoff": now - timedelta(days=days), "today": _today(now)},
        ).one()
        found.append(Due(rule, days, rows, kept))
    return found


def which_are_due(session: Session, key: str, rows: Collection[UUID], now: datetime) -> set[UUID]:
    """Those of some rows of a rule's table that are due."""
    rule, days = next((rule, days) for rule, days in _in_force(session) if rule.key == key)
    query = text(f"select t.id from {rule.table} t where t.id = any(:rows) and {rule.due}")  # noqa: S608
    values = {"rows": list(rows), "cutoff": now - timedelta(days=days), "today": _today(now)}
    return set(session.scalars(query, values))


def apply(session: Session, now: datetime, operator: str) -> dict[str, Any]:
    """Delete what is due within the transaction; the receipt has counts, and is in the audit.

    People who have left are erased as :func:`rights.erase` erases, each with a receipt of its own; whoever
    may not be erased for now is left and counted as held.
    """
    deleted: dict[str, int] = {}
    held: dict[str, int] = {}
    for rule, days in _in_force(session):
        values = {"cutoff": now - timedelta(days=days), "today": _today(now)}
        where = f"{rule.table} t where {rule.due}"
        held[rule.key] = session.scalar(
            text(f"select count(*) from {where} and {_held(rule)}"),  # noqa: S608 - as above
            values,
        )
        if rule.people:
            query = text(f"select t.id from {where} and not {_held(rule)} limit {MOST_PEOPLE}")  # noqa: S608
            people = session.scalars(query, values).all()
            refused = _erase(session, people, now, operator)
            deleted[rule.key], held[rule.key] = len(people) - refused, held[rule.key] + refused
        else:
            rights.forget(session)
            what = f"delete from {rule.table} t"  # noqa: S608 - as above
            if rule.empties:
                what = f"update {rule.table} t set {rule.empties} = null"  # noqa: S608 - as above
            query = text(
                f"with gone as ({what} where {rule.due} and not {_held(rule)} returning 1) "  # noqa: S608
                "select count(*) from gone"
            )
            deleted[rule.key] = session.scalar(query, values)
    receipt: dict[str, Any] = {
        "receipt": str(uuid4()),
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "deleted": deleted,
        "held": held,
    }
    receipt["sha256"] = hashlib.sha256(json.dumps(receipt, sort_keys=True).encode()).hexdigest()
    audit.record(session, By(), Act.APPLY_RETENTION, operator=operator, **receipt)
    return receipt


def _erase(session: Session, people: Sequence[UUID], now: datetime, operator: str) -> int:
    refused = 0
    for person in people:
        if rights.holds_of(session, person, _today(now)):
            refused += 1
        else:
            rights.erase(
                session, person, today=_today(now), operator=operator, reason="retention", apply=True
            )
    return refused


def _in_force(session: Session) -> list[tuple[Rule, int]]:
    days = periods(session)
    return [(rule, days[rule.key]) for rule in RULES]


def _held(rule: Rule) -> str:
    """The condition that somebody holds the data of a person of row ``t``."""
    if not rule.whose:
        return "false"
    return f"""exists (
        select from retention_holds h
        where (h.person_id in ({", ".join(rule.whose)}) or {_SHARED if rule.people else "false"})
        and (h.until is null or h.until > cast(:today as date))
    )"""


def _today(now: datetime) -> date:
    return now.astimezone(FINLAND).date()
