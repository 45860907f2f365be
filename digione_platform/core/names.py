"""Names in Finnish alphabetical order, and found by the beginnings of their words.

In the order å, ä and ö come after z; case and foreign accents do not count. PostgreSQL can sort so only where
it was built with ICU, and the sandbox's is not. Hence the order is a plain text column, computed by the
database from this one table of letters. Who searches finds "Åberg" by "åb" as by "ab".
"""

from typing import Any
from unicodedata import normalize

from sqlalchemy import ColumnElement, cast, func, literal, literal_column
from sqlalchemy.dialects.postgresql import TSQUERY

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
# As someone writes who has none of these letters on the keyboard.
_BARE = dict.fromkeys("åä", "a") | dict.fromkeys("öø", "o") | {"æ": "a", "ü": "u"}
_BARE_LETTERS = _LETTERS | {one: bare for low, bare in _BARE.items() for one in (low, low.upper())}


def sort_key(name: str) -> str:
    """Given a name or part of one, the text that sorts it, as the database computes it."""
    return name.translate(_TABLE)


def in_finnish_order(column: Any) -> ColumnElement[str]:
    """The SQL expression to sort by a column of names; the database has it ready for people's."""
    letters, keys = "".join(_LETTERS), "".join(_LETTERS.values())
    return func.translate(column, letters, keys).collate("C")


def finnish_order_sql(text: str) -> str:
    """The same of an SQL expression."""
    return f"""translate({text}, '{"".join(_LETTERS)}', '{"".join(_LETTERS.values())}') collate "C\""""


def name_sql(person: str) -> str:
    """The SQL expression of what a person is called; ``person`` names a row of ``persons``."""
    given, family = (
        f"coalesce({person}.preferred_{one}, {person}.{one})" for one in ("given_name", "family_name")
    )
    return f"{given} || ' ' || {family}"


def sort_name_sql() -> str:
    """The SQL expression of a person's sort key, over the columns of ``persons``."""
    name = "coalesce(preferred_family_name, family_name) || ' ' || coalesce(preferred_given_name, given_name)"
    return f"translate({name}, '{''.join(_LETTERS)}', '{''.join(_LETTERS.values())}')"


def words_sql(*columns: str) -> str:
    """The SQL expression of the words in columns that may be empty, as ``begins`` looks them up in an index.

    Each word is there as it sorts and as it is written without ä, ö and å. Columns are SQL.
    """
    text = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
    written = [
        f"translate({text}, '{''.join(table)}-', '{''.join(table.values())} ')"
        for table in (_LETTERS, _BARE_LETTERS)
    ]
    # PostgreSQL takes words of up to 2046 bytes.
    words = f"string_to_array(left({written[0]}, 400) || ' ' || left({written[1]}, 400), ' ')"
    return f"array_to_tsvector(array_remove({words}, ''))"


PERSON_WORDS = words_sql(
    *(
        f"persons.{name}"
        for name in ("family_name", "given_name", "preferred_family_name", "preferred_given_name")
    )
)
GROUP_WORDS = words_sql("groups.title", "groups.group_code")
COURSE_WORDS = words_sql("courses.title", "courses.course_code")
ORGANISATION_WORDS = words_sql("organisations.name", "organisations.school_code")
# "2026–2027" is two years.
SESSION_WORDS = words_sql("replace(academic_sessions.title, '–', ' ')")


def split(search: str) -> list[str]:
    """The words of what somebody typed."""
    return normalize("NFC", search).replace("\x00", "").replace("-", " ").split()


def begins(words_of: str, *words: str) -> ColumnElement[bool]:
    """The condition that each word begins one of the words of a row (``words_sql``)."""
    typed = (sort_key(word).replace("\\", "\\\\").replace("'", "''") for word in words)
    query = " & ".join(f"'{word}':*" for word in typed)
    found: ColumnElement[bool] = literal_column(words_of).op("@@", is_comparison=True)(
        cast(literal(query), TSQUERY)
    )
    return found if query else literal(True)
