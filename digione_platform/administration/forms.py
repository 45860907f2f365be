"""Forms that need no script: fields, what was sent in them, and whether a record changed meanwhile.

Between page and server every value is a text; an empty text is no value.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.datastructures import FormData

from digione_platform.i18n import Texts, iso_day, mark
from digione_platform.roster.identifiers import holds_personal_identity_code


class Shape(StrEnum):
    """What a field looks like. ``LAST_DAY`` is stored as the first day after it, ``LIST`` has commas."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    LAST_DAY = "last day"
    CHOICE = "choice"
    ROW = "row"
    CHOICES = "choices"
    LIST = "list"
    FLAG = "flag"


TOO_LONG = mark("Write at most {longest} characters.")
UNPRINTABLE = mark("There are characters in this that cannot be seen: write it anew, do not paste it.")
EARLIEST, LATEST = 1900, 2100


class MistakeError(Exception):
    """Why a value cannot be taken, marked for the catalogues."""


@dataclass(frozen=True)
class Field:
    """A field of a form. ``choices`` are values with their titles.

    ``pattern`` is what a text must match, and ``wrong`` what people are told to write if it does not.
    """

    name: str
    title: str
    shape: Shape = Shape.TEXT
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    pattern: str = ""
    wrong: str = ""
    help: str = ""
    longest: int = 200
    default: str = ""

    def text(self, value: Any) -> str:
        """A stored value as the form has it."""
        match self.shape, value:
            case (_, None):
                return ""
            case (Shape.FLAG, _):
                return "yes" if value else ""
            case (Shape.CHOICES, _):
                return ",".join(sorted(value))
            case (Shape.LIST, _):
                return ", ".join(value)
            case (Shape.LAST_DAY, date()):
                return (value - timedelta(days=1)).isoformat()
            case (Shape.DAY, date()):
                return str(value.isoformat())
        return str(value)

    def told(self, texts: Texts, text: str) -> str:
        """What people read in a language for what stands in the form."""
        if self.shape is Shape.FLAG:
            return texts.gettext(mark("yes") if text else mark("no"))
        if self.choices:
            chosen = text.split(",")
            text = ", ".join(texts.gettext(title) for value, title in self.choices if value in chosen)
        elif self.shape in (Shape.DAY, Shape.LAST_DAY):
            with suppress(ValueError):
                return texts.date(date.fromisoformat(text))
        return text or "–"

    def value(self, text: str) -> Any:
        """The value to store.

        Raises:
            MistakeError: the text is none of this field.
        """
        if self.shape is Shape.FLAG:
            return bool(text)
        if self.shape is Shape.CHOICES and text:
            return sorted(self._chosen(one) for one in text.split(","))
        if not text:
            if self.required:
                raise MistakeError(mark("Fill this in."))
            return [] if self.shape in (Shape.CHOICES, Shape.LIST) else None
        if len(text) > self.longest:
            raise MistakeError(TOO_LONG)
        if not text.isprintable():
            raise MistakeError(UNPRINTABLE)
        free = not self.pattern and self.shape in (Shape.TEXT, Shape.LIST)
        if holds_personal_identity_code(text, mistyped=free):
            raise MistakeError(mark("Write no personal identity code here."))
        match self.shape:
            case Shape.CHOICE:
                return self._chosen(text)
            case Shape.ROW:
                return UUID(self._chosen(text))
            case Shape.DAY:
                return _day(text)
            case Shape.LAST_DAY:
                return _day(text) + timedelta(days=1)
            case Shape.LIST:
                return [part.strip() for part in text.split(",") if part.strip()]
        if self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            raise MistakeError(self.wrong)
        return int(text) if self.shape is Shape.NUMBER else text

    def _chosen(self, text: str) -> str:
        if text not in dict(self.choices):
            raise MistakeError(mark("Choose one of these."))
        return text


Fields = tuple[Field, ...]


async def sent_form(request: Request) -> FormData:
    """What was sent in a form without files."""
    return await request.form(max_files=0)


def texts_of(fields: Fields, row: Any) -> dict[str, str]:
    """The texts of a form for a row, or of an empty one."""
    if row is None:
        return {field.name: field.default for field in fields}
    return {field.name: field.text(getattr(row, field.name)) for field in fields}


def sent_texts(fields: Fields, form: FormData) -> dict[str, str]:
    """The texts that were sent, without what is around them; days as browsers send them."""

    def text_of(field: Field) -> str:
        if field.shape is Shape.CHOICES:
            return ",".join(sorted(str(one) for one in form.getlist(field.name)))
        text = str(form.get(field.name, "")).strip()
        return iso_day(text) if field.shape in (Shape.DAY, Shape.LAST_DAY) else text

    return {field.name: text_of(field) for field in fields}


def read(fields: Fields, texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values to store of the fields that could be read, and the mistakes of the others."""
    values: dict[str, Any] = {}
    mistakes: dict[str, str] = {}
    for field in fields:
        try:
            values[field.name] = field.value(texts[field.name])
        except MistakeError as mistake:
            mistakes[field.name] = str(mistake)
    return values, mistakes


def as_stored(fields: Fields, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts as the form will have them once they are saved; what cannot be read stays as it is."""
    values, _ = read(fields, texts)
    return {one.name: one.text(values[one.name]) if one.name in values else texts[one.name] for one in fields}


def version_of(texts: Mapping[str, str]) -> str:
    """What tells whether a record is as it was when its form was opened: its fields with their digests."""
    return " ".join(f"{name}:{_digest(text)}" for name, text in sorted(texts.items()))


def merged(texts: Mapping[str, str], version: str, now: Mapping[str, str]) -> dict[str, str]:
    """The texts of a form that was opened at a version, but what its sender left alone as it is now."""
    was = dict(part.rpartition(":")[::2] for part in version.split())
    return {
        name: now[name] if name in now and was.get(name) == _digest(text) else text
        for name, text in texts.items()
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise MistakeError(mark("Write a day of the calendar, as 31.8.2026.")) from error
    if not EARLIEST <= found.year <= LATEST:
        raise MistakeError(mark("Write a day of the years from 1900 to 2100, as 31.8.2026."))
    return found
