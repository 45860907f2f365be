"""Lists that the database cuts into pages."""

from dataclasses import dataclass
from typing import Generic, TypeVar

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
    """The page to show when one is asked for of a list of ``total`` rows: none behind the last."""
    return max(1, min(asked, -(-total // PAGE_SIZE)))
