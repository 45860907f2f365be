"""Texts, dates and numbers in the reader's language: Finnish, Swedish or English.

The keys of the catalogues are the English texts. The catalogues are read as they stand (``.po``) at start.
"""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

LOCALES = Path(__file__).parent / "locale"
# Each language is named in itself, so that its readers find it.
LANGUAGES: Mapping[str, str] = {"fi": "Suomi", "sv": "Svenska", "en": "English"}
FINLAND = ZoneInfo("Europe/Helsinki")
# As Finland's official Finnish and Swedish write them; Unicode's Swedish for Finland follows Sweden.
_DATES = {"fi": "d.M.y", "sv": "d.M.y", "en": "d MMM y"}
_WEEKDAYS = {"fi": "cccc d.M.y", "sv": "cccc d.M.y", "en": "cccc d MMM y"}
_MOMENTS = {"fi": "d.M.y 'klo' H.mm", "sv": "d.M.y 'kl.' H.mm", "en": "d MMM y, H:mm"}


def mark(text: str) -> str:
    """Mark a text for the catalogues where it stands; it is translated where it is shown."""
    return text


@cache
def catalogue(language: str) -> Translations:
    """The texts of one language; plural forms included."""
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)


def choose(offered: Sequence[str], chosen: str | None, own: str | None, accept_language: str) -> str:
    """A page's language: chosen by hand; else the browser's, the person's own by the register, or the first.

    A browser that asks for the municipality's first language says little (school computers do): there the
    register decides. One that asks for another was set so by somebody, who reads on in it after signing in.
    """
    browser = next((one for one in _accepted(accept_language) if one in offered), None)
    for language in (chosen, browser if browser != offered[0] else None, own):
        if language in offered and language is not None:
            return language
    return offered[0]


def _accepted(header: str) -> list[str]:
    weighted: list[tuple[float, str]] = []
    for part in header[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or "1"), tag[:2].lower()))
        except ValueError:
            continue
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


class Texts:
    """Everything a template needs to speak one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = Locale.parse(f"{language}_FI")
        self._catalogue = catalogue(language)

    def gettext(self, text: str, /, **values: object) -> str:
        """The text in this language, with ``{name}`` filled in from ``values``."""
        translated = self._catalogue.gettext(text)
        return translated.format(**values) if values else translated

    def ngettext(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The text for a number of things; ``{count}`` is the number as Finland writes it."""
        return self._catalogue.ngettext(one, many, count).format(count=self.number(count), **values)

    def quoted(self, text: str) -> str:
        """A text in the quotation marks of the language."""
        return f"“{text}”" if self.language == "en" else f"”{text}”"

    def weekday(self, value: date) -> str:
        """A day for a heading, for example "Tiistai 24.11.2026"."""
        told = format_date(value, format=_WEEKDAYS[self.language], locale=self._locale)
        return told[0].upper() + told[1:]

    def date(self, value: date) -> str:
        """For example 24.11.2026."""
        return format_date(value, format=_DATES[self.language], locale=self._locale)

    def moment(self, value: datetime) -> str:
        """A date and time in Finland, to the minute."""
        return format_datetime(value, format=_MOMENTS[self.language], tzinfo=FINLAND, locale=self._locale)

    def hour(self, value: int) -> str:
        """An hour of the day, for example 7.00."""
        return f"{value}:00" if self.language == "en" else f"{value}.00"

    def number(self, value: int) -> str:
        """For example 12 345, with a space that does not break."""
        return format_decimal(value, locale=self._locale)


def texts_of_command() -> Texts:
    """The language of whoever runs a command: ``DIGIONE_LANGUAGE``, else the locale's, else English."""
    names = ("DIGIONE_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    wishes = (os.environ.get(name, "")[:2].lower() for name in names)
    return Texts(next((wish for wish in wishes if wish in LANGUAGES), "en"))


def iso_day(text: str) -> str:
    """A day that a browser without a calendar lets people write as 31.8.2026, as others send it."""
    written = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text, re.ASCII)
    return text if written is None else f"{written[3]}-{int(written[2]):02}-{int(written[1]):02}"


def today() -> date:
    """Today in Finland, wherever the server's clock is set."""
    return datetime.now(FINLAND).date()
