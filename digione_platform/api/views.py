"""An address of the interface: which objects of which collection are found there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digione_platform.api.access import Operation, Scope, scopes_for
from digione_platform.api.fields import Collection


@dataclass(frozen=True)
class View:
    """Objects at ``path``: those of a collection for which ``where`` holds.

    ``within`` has, by the name of a parameter that ``where`` may use, the SQL that finds what the path names;
    if it finds nothing, nor does the request. A view without it also gives single objects, below its path.
    ``derived`` views need a wider scope. ``many`` and ``one`` are the operations' names in the standard.
    """

    path: str
    many: str
    one: str
    collection: Collection
    where: str = "true"
    derived: bool = False
    within: Mapping[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return scopes_for(self.collection.key, Operation.DERIVED if self.derived else Operation.READ)
