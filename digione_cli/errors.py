"""The one family of errors that people see.

Every error has a stable id, says what did not happen, why, and what to type next. ``main`` turns it
into a message and an exit code; nothing else ends the program.
"""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of the command contract."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PRECONDITION = 3
    LOCKED = 4
    PARTLY = 5
    INTEGRITY = 6
    INTERRUPTED = 130


class DigioneError(Exception):
    """Given an id, what did not happen, why, and the next command, an error fit to be shown.

    Subclasses fix the exit code; ids are listed in the reference (docs/reference/errors.md) and never reused.
    """

    exit: ClassVar[Exit] = Exit.FAILED

    def __init__(self, id: str, what: str, why: str, fix: str) -> None:  # noqa: A002 - the contract's word
        super().__init__(f"{id}: {what}: {why}")
        self.id, self.what, self.why, self.fix = id, what, why, fix


class UsageError(DigioneError):
    """The command line, a file of the inventory or an input file is wrong; nothing was changed."""

    exit = Exit.USAGE


class PreconditionError(DigioneError):
    """Something that must hold before work starts does not; nothing was changed."""

    exit = Exit.PRECONDITION


class LockedError(DigioneError):
    """Another operator holds the instance."""

    exit = Exit.LOCKED


class PartlyDone(DigioneError):
    """Some steps were carried out; the same command again goes on."""

    exit = Exit.PARTLY


class IntegrityError(DigioneError):
    """A checksum, signature, host key or encryption key is not the expected one."""

    exit = Exit.INTEGRITY
