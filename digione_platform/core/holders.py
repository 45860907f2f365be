"""What is kept of people, and where.

Every package that keeps data of people says so in a ``subject.py`` with a ``HOLDER``: which rows of which
tables are whose, what becomes of them at erasure, and what forbids erasure for now. A test holds it against
the schema: a table that names people and that no holder answers for is found.
"""

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import LiteralString
from uuid import UUID

from sqlalchemy.orm import Session

from digione_platform.i18n import Texts, mark


@dataclass(frozen=True)
class Personal:
    """Rows of a table that are a person's.

    ``whose`` is an SQL condition over the row ``t`` with ``:person``, the person's identifier; ``row`` is the
    row as JSON, of which columns that are ``secret`` prove something, or name others, and are exported to
    nobody. ``kept`` says why rows outlive
    an erasure; without it they are deleted.
    """

    table: LiteralString
    title: str
    whose: LiteralString
    secret: tuple[str, ...] = ()
    row: LiteralString = "to_jsonb(t)"
    kept: str = ""


@dataclass(frozen=True)
class Hold:
    """Why a person's data may not be erased now; without ``until``, not before the reason is gone.

    ``reason`` is what somebody wrote down, or a text of the catalogues. ``other`` is whose data are held, if
    it is another person with whom this one shares a guardianship.
    """

    reason: str
    until: date | None = None
    other: UUID | None = None

    def told(self, texts: Texts) -> str:
        """The reason, and until when, in a language."""
        # A person's own words may hold braces: they are filled in and never a template.
        reason = texts.gettext(self.reason)
        if self.other is not None:
            shared = mark("{reason} – of {person}, with whom there is a guardianship")
            reason = texts.gettext(shared, reason=reason, person=self.other)
        if self.until is None:
            return reason
        return texts.gettext(mark("{reason} (until {day})"), reason=reason, day=texts.date(self.until))


def _none(_session: Session, _person: UUID, _today: date) -> Iterator[Hold]:
    return iter(())


@dataclass(frozen=True)
class Holder:
    """What a package keeps of people. ``personal`` is in the order in which rows can be deleted.

    ``scrubs`` are statements that empty, whenever somebody is erased, what may name anyone.
    """

    personal: tuple[Personal, ...]
    holds: Callable[[Session, UUID, date], Iterator[Hold]] = _none
    scrubs: tuple[LiteralString, ...] = ()


@cache
def holders() -> tuple[Holder, ...]:
    """What all packages keep of people; the core's comes last, for the others' rows refer to it."""
    package = import_module("digione_platform")
    names = [
        name
        for module in pkgutil.iter_modules(package.__path__, "digione_platform.")
        if module.ispkg and find_spec(name := f"{module.name}.subject")
    ]
    names.sort(key=lambda name: name == "digione_platform.core.subject")
    return tuple(import_module(name).HOLDER for name in names)
