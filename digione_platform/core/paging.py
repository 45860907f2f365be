"""Lists that the database cuts into pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func
from sqlalchemy.orm import Session

PAGE_SIZE = 25
Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list; pages are numbered from 1."""

    rows: list[Row]
    total: int
    number: int

    @property
    def last(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def neighbours(self) -> list[int]:
        """Page numbers to link to: the first, the last and those around this one."""
        near = {1, self.last, *range(self.number - 2, self.number + 3)}
        return sorted(number for number in near if 1 <= number <= self.last)


def within(asked: int, total: int) -> int:
    """The page to show when any number is asked for of a list of ``total`` rows: the nearest there is."""
    return max(1, min(asked, -(-total // PAGE_SIZE)))


def cut(
    session: Session,
    query: Select[*tuple[Any, ...]],
    order: Sequence[Any],
    asked: int,
    made: Callable[..., Row],
    size: int = PAGE_SIZE,
) -> Page[Row]:
    """One page of the rows of a query in two statements; ``made`` makes of a row's columns what is shown."""
    total = session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
    number = within(asked, total)
    rows = session.execute(query.order_by(*order).limit(size).offset((number - 1) * size))
    return Page([made(*row) for row in rows], total, number)
