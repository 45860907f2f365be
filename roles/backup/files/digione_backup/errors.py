"""What the program refuses: an id with the values of its sentence, told by the operator's side."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class Refused(Exception):
    """Given a stable id and the values that its sentence needs, an error for the operator."""

    def __init__(self, id: str, **values: str) -> None:  # noqa: A002 - the contract's word
        super().__init__(id, values)
        self.id, self.values = id, values

    def __str__(self) -> str:
        return f"{self.id} {' '.join(f'{k}={v}' for k, v in self.values.items())}".strip()

    def told(self) -> dict[str, object]:
        """Return it as JSON."""
        return {"id": self.id, "values": self.values}


@contextmanager
def disk_errors() -> Iterator[None]:
    """Let what the host's own disk refuses within the block be an error of ours.

    Raises:
        Refused: there is no room (D1-BACKUP-002), it is read-only (D1-BACKUP-003), or else (D1-BACKUP-001).
    """
    known = {errno.ENOSPC: "D1-BACKUP-002", errno.EDQUOT: "D1-BACKUP-002", errno.EROFS: "D1-BACKUP-003"}
    try:
        yield
    except OSError as e:
        program = "digione_backup"
        raise Refused(known.get(e.errno or 0, "D1-BACKUP-001"), program=program, reason=str(e)) from None
