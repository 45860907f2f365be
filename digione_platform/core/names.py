"""Names in Finnish alphabetical order: å, ä and ö come after z; case and foreign accents do not count.

PostgreSQL can sort so only where it was built with ICU, and the sandbox's is not. Hence the order is a
plain text column, computed by the database from this one table of letters.
"""

from typing import Any

from sqlalchemy import ColumnElement, func

_PLAIN = "abcdefghijklmnopqrstuvwxyz"
_FOREIGN = {
    "a": "áàâã",
    "c": "çč",
    "d": "đð",
    "e": "éèêë",
    "i": "íìîï",
    "n": "ñń",
    "o": "óòôõ",
    "s": "šś",
    "u": "úùû",
    "y": "üýÿ",
    "z": "žźż",
}
# In ASCII the characters { | } follow z.
_LAST = {"{": "å", "|": "äæ", "}": "öø"}

_LETTERS = {
    letter: key
    for key, letters in [*zip(_PLAIN, _PLAIN, strict=True), *_FOREIGN.items(), *_LAST.items()]
    for lower in letters
    for letter in dict.fromkeys((lower, lower.upper()))
    if letter != key and len(letter) == 1
}
_TABLE = str.maketrans(_LETTERS)


def sort_key(name: str) -> str:
    """Given a name or part of one, the text that sorts it, as the database computes it."""
    return name.translate(_TABLE)


def in_finnish_order(column: Any) -> ColumnElement[str]:
    """The SQL expression to sort by a column of names; the database has it ready for people's."""
    letters, keys = "".join(_LETTERS), "".join(_LETTERS.values())
    return func.translate(column, letters, keys).collate("C")


def sort_name_sql() -> str:
    """The SQL expression of a person's sort key, over the columns of ``persons``."""
    name = "coalesce(preferred_family_name, family_name) || ' ' || coalesce(preferred_given_name, given_name)"
    return f"translate({name}, '{''.join(_LETTERS)}', '{''.join(_LETTERS.values())}')"
