"""What a check saw."""

from enum import StrEnum

from digione_cli.model.base import Model


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    HINT = "hint"
    WARNING = "warning"
    ERROR = "error"


class Finding(Model):
    """A stable code, its level, the thing it is about, a sentence, and what to do."""

    code: str
    level: Level
    subject: str
    text: str
    fix: str = ""


class Mistake(Model):
    """One mistake in a file of an inventory: where, what, and what was meant."""

    code: str
    file: str
    line: int | None
    path: str
    text: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path + ': ' if self.path else ''}{self.text}"


class Code(Model):
    """What the reference says of a finding's code."""

    title: str
    cause: str
    fix: str
