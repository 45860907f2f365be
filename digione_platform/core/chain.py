"""The audit's chain of hashes, computed a second time from the events and compared.

The database links each event to the one before it when it commits (migration 0003). Whoever rules the
database can still alter rows; then a link no longer fits. Who cuts the end off leaves a chain that fits:
therefore the last link seen is kept outside the database, and must still be there the next time.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from digione_platform.i18n import mark

# What of an event is hashed, as the database's function audit_link writes it. jsonb has one way to write
# a value: keys are sorted, numbers and spaces are normal.
_EVENTS = text("""
    select c.position, c.event_id, c.hash, case when e.id is not null then jsonb_build_array(
        e.id, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor, e.desktop,
        e.action, e.subject, e.people, e.reason, e.request, e.detail
    )::text end
    from audit_chain c left join audit_events e on e.id = c.event_id order by c.position
""")
_BESIDE = text("""
    select min(e.id) from audit_events e where not exists (select from audit_chain c where c.event_id = e.id)
""")


@dataclass(frozen=True)
class Head:
    """The chain's last link: how many events there are, and the hash over all of them (hexadecimal)."""

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


EMPTY = Head(0, "")


@dataclass(frozen=True)
class Verdict:
    """What a verification found. ``fault`` is empty if the chain holds; ``event`` is where it breaks.

    ``fault`` is a text of the catalogues, filled in from ``values`` where it is shown.
    """

    head: Head
    fault: str = ""
    event: int | None = None
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def wrong(self) -> str:
        """What does not fit, in English."""
        return self.fault.format(**self.values)

    def as_json(self) -> dict[str, Any]:
        return {
            "holds": not self.wrong,
            "events": self.head.position,
            "head": str(self.head),
            "wrong": self.wrong or None,
            "event": self.event,
        }


def verify(connection: Connection, seen: Head = EMPTY) -> Verdict:
    """Compute the chain anew and compare; ``seen`` is a head of earlier that must still be in it."""
    last = EMPTY
    previous = b""
    found_seen = seen == EMPTY
    # One picture of both tables, also while others write.
    connection.execute(text("set transaction isolation level repeatable read, read only"))
    rows = connection.execution_options(yield_per=5000).execute(_EVENTS)
    for position, event, stored, canonical in rows:
        if position != last.position + 1:
            return Verdict(
                last, mark("the link at position {number} is missing"), event, {"number": last.position + 1}
            )
        if canonical is None:
            return Verdict(last, mark("event {number} is missing"), event, {"number": event})
        previous = hashlib.sha256(previous + canonical.encode()).digest()
        if previous != bytes(stored):
            altered = mark("event {number} was altered, or moved, after it was written")
            return Verdict(last, altered, event, {"number": event})
        last = Head(position, previous.hex())
        found_seen = found_seen or last == seen
    beside = connection.execute(_BESIDE).scalar()
    if beside is not None:
        return Verdict(last, mark("event {number} is not in the chain"), beside, {"number": beside})
    if not found_seen:
        if last.position >= seen.position:
            return Verdict(last, mark("it was made anew"))
        values = {"had": seen.position, "has": last.position, "lost": seen.position - last.position}
        cut = mark("it had {had} events and ends at {has}: {lost} events were cut off")
        return Verdict(last, cut, None, values)
    return Verdict(last)
