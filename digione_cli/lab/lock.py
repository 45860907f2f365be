"""One change at a time in a folder; the next one waits."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(file: Path, on: Callable[[str], None]) -> Iterator[None]:
    """Holds ``file`` for the block; says through ``on`` that it waits when somebody else holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on("waiting for another command that changes the lab")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
