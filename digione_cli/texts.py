"""What people read, in their language: Finnish, Swedish or English.

The keys of the catalogues are the English texts. The language is that of the process: ``DIGIONE_LANGUAGE``
(fi, sv or en), else what the environment wishes (``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES``, ``LANG``), else
English. Machine-readable words (ids, codes, keys of JSON) and what is typed are never translated.
"""

import gettext
import os
import re
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).parent / "locale"
DOMAIN = "digione"
LANGUAGES = ("fi", "sv", "en")
# As Finland's official languages write them; the platform writes them the same way.
_MOMENTS = {
    "fi": "{0:%-d.%-m.%Y} klo {0:%-H.%M}",
    "sv": "{0:%-d.%-m.%Y} kl. {0:%-H.%M}",
    "en": "{0:%-d %b %Y, %-H:%M}",
}


@cache
def language() -> str:
    """The reader's language: the first one wished for that there is."""
    wishes = [os.environ.get("DIGIONE_LANGUAGE", ""), *_wishes_of_the_environment()]
    codes = [re.split(r"[_.@-]", wish)[0].lower() for wish in wishes]
    return next((code for code in codes if code in LANGUAGES), "en")


def _wishes_of_the_environment() -> list[str]:
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    if locale in ("C", "POSIX"):  # GNU's rule: LANGUAGE has no say then
        return []
    return (os.environ.get("LANGUAGE") or locale).split(":")


@cache
def catalogue() -> gettext.NullTranslations:
    """The texts in the reader's language, compiled by ``make setup``; English needs none."""
    return gettext.translation(DOMAIN, LOCALES, [language()], fallback=True)


def t(text: str, /, **values: object) -> str:
    """Given an English text, return it in the reader's language, ``{name}`` filled in from ``values``."""
    translated = catalogue().gettext(text) if text else ""  # a catalogue's own header has the key ""
    return translated.format(**values) if values else translated


def tn(one: str, many: str, count: int, /, **values: object) -> str:
    """Given the English texts for one and for several, return the one that fits, ``{count}`` filled in."""
    return catalogue().ngettext(one, many, count).format(count=count, **values)


def moment(written: str, exact: bool = False) -> str:
    """Given a moment in ISO 8601 with its zone, return it as people in Finland write it, in their time.

    ``exact`` tells the seconds as well.

    What is no moment (a host wrote it) is returned as it is.
    """
    from datetime import datetime
    from zoneinfo import ZoneInfo

    try:
        there = datetime.fromisoformat(written).astimezone(ZoneInfo("Europe/Helsinki"))
    except (ValueError, OverflowError):
        return written
    form = _MOMENTS[language()]
    return (form.replace("%M", "%M:%S" if ":%M" in form else "%M.%S") if exact else form).format(there)


def mark(text: str) -> str:
    """Mark a text for the catalogues where it stands, as in a table; it is translated where it is shown."""
    return text
