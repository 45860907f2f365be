"""OneRoster's filter language: ``familyName='Virtanen' AND dateLastModified>='2026-11-01'``.

One or two predicates, joined by AND or OR. A value stands in single quotes; a quote in it is doubled.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from digione_platform.api.fields import Collection, Comparable, Kind
from digione_platform.api.problems import Refused

_PREDICATE = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.\-]*)\s*(!=|>=|<=|=|>|<|~)\s*'((?:[^']|'')*)'\s*")
_LOGICAL = re.compile(r"(AND|OR)(?=\s)")


@dataclass(frozen=True)
class Predicate:
    """A field, how it is compared, and with what."""

    field: str
    comparison: str
    value: str


@dataclass(frozen=True)
class Filter:
    """One or two predicates and the word between them."""

    predicates: tuple[Predicate, ...]
    logical: str = "AND"


@dataclass(frozen=True)
class Condition:
    """SQL and its parameters."""

    sql: str
    parameters: dict[str, Any]


def parse(text: str) -> Filter:
    """Given a filter's text, its predicates.

    Raises:
        Refused: it is not of the form that the standard gives.
    """
    first = _PREDICATE.match(text)
    # The one character that PostgreSQL has no place for.
    if first is None or "\x00" in text:
        raise _refused("a filter is written field='value'", text[:40])
    if first.end() == len(text):
        return Filter((Predicate(first[1], first[2], _unquoted(first[3])),))
    logical = _LOGICAL.match(text, first.end())
    second = _PREDICATE.fullmatch(text, logical.end()) if logical else None
    if logical is None or second is None:
        raise _refused("after a predicate only AND or OR and one more predicate may follow", text[:40])
    return Filter(
        (
            Predicate(first[1], first[2], _unquoted(first[3])),
            Predicate(second[1], second[2], _unquoted(second[3])),
        ),
        logical[1],
    )


def _unquoted(value: str) -> str:
    return value.replace("''", "'")


def condition(parsed: Filter, collection: Collection) -> Condition:
    """The SQL of a filter over a collection.

    Raises:
        Refused: a field is unknown, or a value is not of the field's kind.
    """
    parts, parameters = [], {}
    for place, predicate in enumerate(parsed.predicates):
        compared = collection.compared(predicate.field)
        if compared is None:
            raise _refused(f"{collection.key} cannot be filtered by it", predicate.field)
        name = f"filter{place}"
        # The type is said here, for an unknown one would be guessed anew for each comparison.
        parts.append(_SQL[compared.kind](compared, predicate, f"cast(:{name} as {_TYPES[compared.kind]})"))
        parameters[name] = _value(compared.kind, predicate)
    return Condition(f" {parsed.logical} ".join(f"({part})" for part in parts), parameters)


def _plain(compared: Comparable, predicate: Predicate, value: str) -> str:
    match predicate.comparison:
        case "~":
            raise _refused("~ is for texts, identifiers and lists", predicate.field)
        case "!=":
            return f"{compared.sql} is distinct from {value}"
    return f"{compared.sql} {predicate.comparison} {value}"


def _word(compared: Comparable, predicate: Predicate, value: str) -> str:
    if predicate.comparison == "~":
        return f"strpos(lower({compared.sql}), lower({value})) > 0"
    return _plain(Comparable(f'{compared.sql} collate "C"', compared.kind), predicate, value)


def _text(compared: Comparable, predicate: Predicate, value: str) -> str:
    return _word(Comparable(f"lower({compared.sql})", compared.kind), predicate, f"lower({value})")


def _list(compared: Comparable, predicate: Predicate, value: str) -> str:
    whole = f"{compared.sql} @> {value}"
    match predicate.comparison:
        case "=":
            return whole
        case "!=":
            return f"not ({whole})"
        case "~":
            return f"{compared.sql} && {value}"
    raise _refused("a list is compared by =, != or ~", predicate.field)


def _flag(compared: Comparable, predicate: Predicate, value: str) -> str:
    if predicate.comparison not in ("=", "!="):
        raise _refused("true and false are compared by = or !=", predicate.field)
    return _plain(compared, predicate, value)


_SQL = {
    Kind.WORD: _word,
    Kind.TEXT: _text,
    Kind.LIST: _list,
    Kind.DAY: _plain,
    Kind.TIME: _plain,
    Kind.NUMBER: _plain,
    Kind.FLAG: _flag,
}


_TYPES = {
    Kind.WORD: "text",
    Kind.TEXT: "text",
    Kind.LIST: "text[]",
    Kind.DAY: "date",
    Kind.TIME: "timestamptz",
    Kind.NUMBER: "double precision",
    Kind.FLAG: "boolean",
}


def _value(kind: Kind, predicate: Predicate) -> Any:
    value = predicate.value
    try:
        match kind:
            case Kind.WORD | Kind.TEXT:
                return value
            case Kind.LIST:
                return [part.strip() for part in value.split(",")]
            case Kind.DAY:
                return date.fromisoformat(value)
            case Kind.TIME:
                at = datetime.fromisoformat(value)
                return at if at.tzinfo else at.replace(tzinfo=UTC)
            case Kind.NUMBER:
                if not _NUMBER.fullmatch(value):
                    raise ValueError
                return float(value)
            case Kind.FLAG:
                return {"true": True, "false": False}[value]
    except (ValueError, KeyError) as error:
        raise _refused(f"the value is no {_WANTED[kind]}", predicate.field) from error


# Python reads more than that: nan, 1_0, digits of other scripts.
_NUMBER = re.compile(r"-?[0-9]{1,30}([.][0-9]{1,30})?")
_WANTED = {
    Kind.DAY: "date such as 2026-11-24",
    Kind.TIME: "time such as 2026-11-24T08:30:00Z",
    Kind.NUMBER: "number",
    Kind.FLAG: "true or false",
}


def _refused(why: str, field: str) -> Refused:
    return Refused(400, "invalid_filter_field", f"filter: {field}: {why}", field)
