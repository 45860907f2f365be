"""How times are taken and told."""

import statistics
import time
from collections.abc import Callable

# What was done, what was measured, and what was promised.
Row = tuple[str, str, str]


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The median wall time of some work."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def told(value: float) -> str:
    return f"{value:.2f} s"
