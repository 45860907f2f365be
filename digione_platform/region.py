"""The municipalities that one instance serves, as the operator's side names them to each platform.

Nothing links their people: whoever has an account in several signs in to each. The file is read again when it
has changed, so that a municipality that joins or leaves restarts no other.
"""

import logging
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from digione_platform.core.names import sort_key
from digione_platform.settings import Municipality

_log = logging.getLogger(__name__)


class Neighbour(Municipality):
    """A municipality and the address of its platform."""

    url: str


_FILE = TypeAdapter(list[Neighbour])


class Region:
    """The municipalities of an instance, seen from the one at ``url``; without a file it is alone."""

    def __init__(self, file: Path | None, url: str) -> None:
        self._file, self._url = file, url
        self._read: tuple[int, int] | None = None
        self._others: list[Neighbour] = []

    def others(self, language: str) -> list[Neighbour]:
        """The other municipalities, sorted by their names in a language."""
        if self._file is not None:
            try:
                state = self._file.stat()
                if self._read != (version := (state.st_mtime_ns, state.st_size)):
                    found = _FILE.validate_json(self._file.read_bytes())
                    self._others = [one for one in found if one.url != self._url]
                    self._read = version
            except (OSError, ValidationError) as error:
                # Pages do without, or with what was read before.
                _log.warning("%s was not read: %s", self._file, type(error).__name__)
        return sorted(self._others, key=lambda one: sort_key(one.name_in(language)))
