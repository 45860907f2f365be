"""The one family of errors that the platform's command shows to people."""

from datetime import datetime
from typing import ClassVar

from digione_platform.i18n import Texts


class PlatformError(Exception):
    """Given a stable id, what did not happen, why, and what to type next, an error fit to be shown.

    The three are texts of the catalogues (``mark``), filled in from ``values`` where they are shown.
    ``exit`` is the process's exit code: 1 is a fault of ours or of the surroundings, unless a subclass says.
    Of the values, a moment (with its zone) is told as people in Finland write it.
    """

    exit: ClassVar[int] = 1

    def __init__(self, id: str, what: str, why: str, fix: str, **values: object) -> None:  # noqa: A002 - the contract's word
        super().__init__(f"{id}: {what.format(**values)}: {why.format(**values)}")
        self.id, self.what, self.why, self.fix, self.values = id, what, why, fix, values

    def told(self, texts: Texts) -> tuple[str, str, str]:
        """What did not happen, why, and what to type next, each on one line, in a language."""
        values = {
            name: texts.moment(value) if isinstance(value, datetime) else value
            for name, value in self.values.items()
        }
        parts = (texts.gettext(part, **values) for part in (self.what, self.why, self.fix))
        what, why, fix = (" ".join(part.split()) for part in parts)
        return what, why, fix


class PreconditionError(PlatformError):
    """Something that must hold before does not; nothing was changed."""

    exit = 3


class LockedError(PlatformError):
    """Another process does such work already; nothing was changed."""

    exit = 4


class PartlyDone(PlatformError):
    """A part was done and stands; what is missing is made good by a further command."""

    exit = 5


class IntegrityError(PlatformError):
    """What was written is not what is there."""

    exit = 6


class InputError(PlatformError):
    """The command line, the settings or a file given to the command is wrong; nothing was changed."""

    exit = 2
