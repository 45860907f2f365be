"""Which scope opens what to a connected service: one table, which is also the documentation.

A request needs one scope of those that open it. Whatever is not in the table is closed.
"""

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "https://purl.imsglobal.org/spec/or/v1p2/scope/"


class Scope(StrEnum):
    """OneRoster 1.2's scopes by their short names; on the wire they begin with ``PREFIX``."""

    ROSTER_CORE = "roster-core.readonly"
    ROSTER = "roster.readonly"
    DEMOGRAPHICS = "roster-demographics.readonly"
    GRADEBOOK = "gradebook.readonly"
    GRADEBOOK_PUT = "gradebook.createput"
    GRADEBOOK_DELETE = "gradebook.delete"

    @property
    def url(self) -> str:
        return PREFIX + self.value


class Operation(StrEnum):
    """What is done to a collection. ``DERIVED`` reads a part of it: students, or the classes of a school."""

    READ = "read"
    DERIVED = "read by every way"
    PUT = "put"
    DELETE = "delete"


@dataclass(frozen=True)
class Opens:
    """What a scope lets a service do, with which collections."""

    operations: frozenset[Operation]
    collections: tuple[str, ...]


_CORE = ("academicSessions", "classes", "courses", "enrollments", "orgs", "users")
_GRADEBOOK = ("categories", "lineItems", "results")
_READ = frozenset({Operation.READ, Operation.DERIVED})

TABLE: dict[Scope, Opens] = {
    Scope.ROSTER_CORE: Opens(frozenset({Operation.READ}), _CORE),
    Scope.ROSTER: Opens(_READ, _CORE),
    # Birth dates are opened by nothing else: few services need them.
    Scope.DEMOGRAPHICS: Opens(frozenset({Operation.READ}), ("demographics",)),
    Scope.GRADEBOOK: Opens(_READ, _GRADEBOOK),
    Scope.GRADEBOOK_PUT: Opens(frozenset({Operation.PUT}), _GRADEBOOK),
    Scope.GRADEBOOK_DELETE: Opens(frozenset({Operation.DELETE}), _GRADEBOOK),
}


def scopes_for(collection: str, operation: Operation) -> tuple[Scope, ...]:
    """The scopes of which a request needs one."""
    return tuple(
        scope
        for scope, opens in TABLE.items()
        if operation in opens.operations and collection in opens.collections
    )
