"""The queue of letters: who is due one, what became of it, and how the queue stands.

A letter is marked before it is given to the relay and after. One that was marked before and not after, for
the process or the database died, may have been sent: it is not sent again. So everybody gets a letter at
most once; what it told of is on their desktop whatever became of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.core.models import QUIET_FROM, QUIET_UNTIL, LetterState, Mail
from digione_platform.core.news import REACHED
from digione_platform.i18n import FINLAND

# One run's work; the rest follows in the next.
MOST = 1000
# From this hour on the mail of the day is sent.
MORNING = 7
# Older news are told of by no mail: a relay that comes after a year would send them all at once.
FRESH = timedelta(days=7)
GIVEN_UP = timedelta(days=3)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=1)

_FROM, _UNTIL = f"coalesce(s.quiet_from, {QUIET_FROM})", f"coalesce(s.quiet_until, {QUIET_UNTIL})"
_QUIET = f"""(case when {_FROM} <= {_UNTIL} then :hour >= {_FROM} and :hour < {_UNTIL}
    else :hour >= {_FROM} or :hour < {_UNTIL} end)"""
# The mail of a day is sent from MORNING on, or as soon as no hour is quiet whose day has no later one.
_DAYTIME = f"(:hour >= {MORNING} or ({_FROM} <= {MORNING} and {_UNTIL} < {_FROM}))"
_MAIL = f"coalesce(s.mail, '{Mail.DAILY}')"
_WANTED = f"({REACHED} and p.email is not null and {_MAIL} <> '{Mail.NONE}')"
_UNTOLD = "n.seen_at is null and n.letter_id is null and n.at > :fresh"


@dataclass(frozen=True)
class Due:
    """A letter to be sent now. ``language`` is the reader's, if one is known."""

    id: UUID
    address: str
    language: str | None


def gather(session: Session, now: datetime) -> None:
    """Write a letter for everybody who is due one, in a fixed number of statements."""
    values = _moments(now)
    session.execute(
        text(f"""
            insert into letters (person_id, at, due)
            select p.id, :now, :now from persons p left join preferences s on s.person_id = p.id
            where {_WANTED} and not {_QUIET}
            and p.id in (select n.person_id from news n where {_UNTOLD})
            and ({_MAIL} = '{Mail.AT_ONCE}' or {_DAYTIME} and not exists (
                select from letters l where l.person_id = p.id and l.at >= :midnight
                and l.state <> '{LetterState.DROPPED}'
            ))
            on conflict do nothing
        """),  # noqa: S608 - from the conditions above
        values,
    )
    session.execute(
        text(f"""
            update news n set letter_id = l.id from letters l
            where l.person_id = n.person_id and l.state = '{LetterState.WAITING}' and {_UNTOLD}
        """),  # noqa: S608 - from the conditions above
        values,
    )
    # Who has looked meanwhile, or wants or can have no mail any more, needs none.
    session.execute(
        text(f"""
            update letters l set state = '{LetterState.DROPPED}', done = :now
            from persons p left join preferences s on s.person_id = p.id
            where p.id = l.person_id and l.state = '{LetterState.WAITING}' and (not {_WANTED} or not exists (
                select from news n where n.letter_id = l.id and n.seen_at is null
            ))
        """),  # noqa: S608 - from the conditions above
        values,
    )


def due(session: Session, now: datetime) -> list[Due]:
    """The letters to be sent now, the oldest first; in quiet hours they wait."""
    found = session.execute(
        text(f"""
            select l.id, p.email, coalesce(s.language, p.language)
            from letters l join persons p on p.id = l.person_id left join preferences s on s.person_id = p.id
            where l.state = '{LetterState.WAITING}' and l.due <= :now and not {_QUIET}
            order by l.at, l.id limit {MOST}
        """),  # noqa: S608 - from the conditions above
        _moments(now),
    )
    return [Due(*row) for row in found]


def begin(session: Session, letter: UUID) -> bool:
    """Mark that a letter is being given to the relay; false where that is not to be done any more."""
    query = text("update letters set state = 'sending' where id = :id and state = 'waiting' returning id")
    return session.scalar(query, {"id": letter}) is not None


def end(
    session: Session, letter: UUID, state: LetterState, now: datetime, trouble: str | None = None
) -> None:
    """Mark what became of a letter."""
    session.execute(
        text("update letters set state = :state, trouble = :trouble, done = :now where id = :id"),
        {"id": letter, "state": state.value, "trouble": trouble, "now": now},
    )


def postpone(session: Session, letters: list[UUID], now: datetime, trouble: str) -> None:
    """Try letters again later, each time after twice the time; after some days no more."""
    session.execute(
        text(f"""
            update letters set attempts = attempts + 1, trouble = :trouble,
                due = :now + least(:first * pow(2, attempts), :longest),
                state = case when at < :given_up then '{LetterState.REFUSED}'
                    else '{LetterState.WAITING}' end,
                done = case when at < :given_up then :now end
            where id = any(:ids) and state in ('{LetterState.WAITING}', '{LetterState.SENDING}')
        """),  # noqa: S608 - from the conditions above
        {
            "ids": letters,
            "now": now,
            "trouble": trouble,
            "first": FIRST_WAIT,
            "longest": LONGEST_WAIT,
            "given_up": now - GIVEN_UP,
        },
    )


def leave_unsure(session: Session, now: datetime) -> None:
    """Mark letters that a process which died was giving to the relay."""
    session.execute(
        text("update letters set state = 'unsure', done = :now where state = 'sending'"),
        {"now": now},
    )


def standing(session: Session, now: datetime) -> dict[str, Any]:
    """How the queue stands, in numbers: of nobody by name.

    ``late`` are letters that the relay did not take yet, ``without_address`` people who can sign in and have
    no address. ``sent``, ``refused`` and ``unsure`` are of the last seven days; times are ISO 8601.
    """
    counts = session.execute(
        text("""
            select count(*) filter (where state in ('waiting', 'sending')),
                count(*) filter (where state = 'waiting' and attempts > 0),
                count(*) filter (where state = 'sent' and at > :since),
                count(*) filter (where state = 'refused' and at > :since),
                count(*) filter (where state = 'unsure' and at > :since),
                min(at) filter (where state in ('waiting', 'sending')),
                max(done) filter (where state = 'sent')
            from letters
        """),
        {"since": now - FRESH},
    ).one()
    troubles = session.execute(
        text("""
            select trouble, count(*) from letters
            where trouble is not null and state in ('waiting', 'refused', 'unsure') and at > :since
            group by trouble order by 2 desc, 1 limit 10
        """),
        {"since": now - FRESH},
    ).all()
    nowhere = f"select count(*) from persons p where {REACHED} and p.email is null"  # noqa: S608 - as above
    without = session.scalar(text(nowhere))
    names = ("waiting", "late", "sent", "refused", "unsure")
    oldest, last = counts[5:]
    return {
        **dict(zip(names, counts[:5], strict=True)),
        "oldest": oldest and oldest.astimezone(UTC).isoformat(timespec="seconds"),
        "last_sent": last and last.astimezone(UTC).isoformat(timespec="seconds"),
        "without_address": without,
        "troubles": [{"trouble": trouble, "letters": number} for trouble, number in troubles],
    }


def _moments(now: datetime) -> dict[str, Any]:
    """A moment as the conditions above need it: the hour and the beginning of the day are Finland's."""
    local = now.astimezone(FINLAND)
    midnight = datetime.combine(local.date(), time.min, FINLAND)
    return {"now": now, "hour": local.hour, "midnight": midnight, "fresh": now - FRESH}
