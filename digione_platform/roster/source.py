"""What an import reads from, whatever its form: it fills the staged tables, and says how they are meant."""

from typing import Literal, Protocol

from psycopg import Connection

from digione_platform.roster.problems import Problems

Kind = Literal["bulk", "delta"]


class Source(Protocol):
    """An opened source. ``modes`` has the files of OneRoster that it fills, ``unreadable`` those given up.

    ``without_protected`` is whether it says that it leaves people under non-disclosure out.
    """

    kind: Kind
    modes: dict[str, Kind]
    unreadable: set[str]
    without_protected: bool

    @property
    def files(self) -> list[str]:
        """The files it fills, in the order in which they depend on each other."""

    def fill(self, connection: Connection, problems: Problems) -> None:
        """Bring the rows into the staged tables, collecting what is wrong with each by itself."""

    def close(self) -> None:
        """Let go of the file."""
