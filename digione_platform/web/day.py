"""My day: which day it is, where it lies in the school year, and what else there is of it for one role."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from digione_platform.core.models import AcademicSession
from digione_platform.core.schools import Calendar, calendar
from digione_platform.i18n import Texts, mark
from digione_platform.web.blocks import Asked


@dataclass(frozen=True)
class Line:
    """One thing of a day as it is shown: what it is, what about it, and where it leads."""

    title: str
    text: str
    address: str = ""


# What a service area adds to somebody's day. Like a block it asks the access table and writes to the audit.
Lines = Callable[[Asked, Texts], Sequence[Line]]


@dataclass(frozen=True)
class Day:
    """A day with its week by ISO 8601, which Finland counts by, and its lines."""

    title: str
    week: int
    lines: list[Line]


def day_of(asked: Asked, texts: Texts, more: Iterable[Lines]) -> Day:
    """Today for the one who asks, with the lines that service areas add."""
    lines = _of_the_year(calendar(asked.session, asked.today), asked, texts)
    for add in more:
        lines.extend(add(asked, texts))
    return Day(texts.weekday(asked.today), asked.today.isocalendar().week, lines)


def _of_the_year(found: Calendar, asked: Asked, texts: Texts) -> list[Line]:
    def until(one: AcademicSession) -> Line:
        return Line(one.title, texts.gettext(mark("until {day}"), day=texts.date(one.last_date)))

    lines = [until(one) for one in ([found.year] if found.year else []) + found.terms + found.periods]
    if found.next_term and not found.terms:
        days = (found.next_term.start_date - asked.today).days
        begins = texts.gettext(
            mark("{term} begins on {day}"),
            term=found.next_term.title,
            day=texts.date(found.next_term.start_date),
        )
        left = texts.ngettext("{count} day left", "{count} days left", days)
        lines.insert(0, Line(texts.gettext(mark("Holiday")), f"{begins} · {left}"))
    return lines
