"""Fields of OneRoster's objects: how each is made in SQL, described as JSON Schema, and compared.

Expressions are about a row ``t``. They may use the parameters ``:root`` (the public address of the
interfaces) and ``:protected`` (whether people under non-disclosure are to be seen). All text here is the
program's own; what a request says reaches SQL only as a parameter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

Schema = dict[str, Any]

ROSTERING = "rostering/v1p2"
GRADEBOOK = "gradebook/v1p2"
# Where an object that is referred to can be read, by OneRoster's name for its kind.
_ADDRESSES = {
    "academicSession": f"{ROSTERING}/academicSessions",
    "class": f"{ROSTERING}/classes",
    "course": f"{ROSTERING}/courses",
    "org": f"{ROSTERING}/orgs",
    "user": f"{ROSTERING}/users",
    "category": f"{GRADEBOOK}/categories",
    "lineItem": f"{GRADEBOOK}/lineItems",
}


class Kind(Enum):
    """What a value is when a filter compares it."""

    WORD = "identifier, code or choice: compared as it is"
    TEXT = "text: upper and lower case do not count"
    LIST = "list: `=` all of the values named are in it, `~` any of them"
    DAY = "date"
    TIME = "date and time"
    NUMBER = "number"
    FLAG = "true or false"


@dataclass(frozen=True)
class Comparable:
    """What a filter may compare or a sort order by."""

    sql: str
    kind: Kind


@dataclass(frozen=True)
class Field:
    """A field: SQL of its JSON value, its schema, and by dotted rest of the name what can be compared."""

    json: str
    schema: Schema
    compared: Mapping[str, Comparable] = field(default_factory=dict)


def word(sql: str) -> Field:
    """An identifier, code or choice."""
    return Field(sql, {"type": "string"}, {"": Comparable(sql, Kind.WORD)})


def text(sql: str) -> Field:
    """A text, whose upper and lower case do not count when it is compared."""
    return Field(sql, {"type": "string"}, {"": Comparable(sql, Kind.TEXT)})


def choice(sql: str, values: type[StrEnum] | tuple[str, ...]) -> Field:
    """One of some words, compared as it is."""
    return Field(
        sql, {"type": "string", "enum": [str(value) for value in values]}, {"": Comparable(sql, Kind.WORD)}
    )


def flag(sql: str) -> Field:
    """A truth value, which OneRoster writes as a word."""
    return Field(
        f"({sql})::text", {"type": "string", "enum": ["true", "false"]}, {"": Comparable(sql, Kind.FLAG)}
    )


def day(sql: str) -> Field:
    """A date."""
    return Field(sql, {"type": "string", "format": "date"}, {"": Comparable(sql, Kind.DAY)})


def moment(sql: str) -> Field:
    """A time, in UTC and to the millisecond, which is also how it is compared."""
    shown = rf"""to_char({sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS.MS"Z"')"""
    compared = f"date_trunc('milliseconds', {sql})"
    return Field(shown, {"type": "string", "format": "date-time"}, {"": Comparable(compared, Kind.TIME)})


def number(sql: str) -> Field:
    """A number."""
    return Field(sql, {"type": "number"}, {"": Comparable(sql, Kind.NUMBER)})


def words(sql: str) -> Field:
    """A list of words; an empty one is left out."""
    return Field(
        f"case when {sql} <> '{{}}' then to_json({sql}) end",
        {"type": "array", "items": {"type": "string"}},
        {"": Comparable(sql, Kind.LIST)},
    )


def guid(kind: str, sourced_id: str) -> str:
    """The SQL of a reference to an object."""
    # Nearly all identifiers are plain; asking here saves the call.
    part = f"case when {sourced_id} ~ '^[A-Za-z0-9._-]*$' then {sourced_id} else url_part({sourced_id}) end"
    return (
        f"json_build_object('href', :root || '/{_ADDRESSES[kind]}/' || {part}, "
        f"'sourcedId', {sourced_id}, 'type', '{kind}')"
    )


def guid_schema(kind: str) -> Schema:
    """The JSON Schema of a reference to an object of a kind."""
    return {
        "type": "object",
        "required": ["href", "sourcedId", "type"],
        "properties": {
            "href": {"type": "string", "format": "uri"},
            "sourcedId": {"type": "string"},
            "type": {"type": "string", "enum": [kind]},
        },
    }


def reference(kind: str, source: str) -> Field:
    """A reference to one object. ``source`` is what follows ``from``; it calls the object's row ``r``."""
    return Field(
        f"(select {guid(kind, 'r.sourced_id')} from {source})",
        guid_schema(kind),
        {"sourcedId": Comparable(f"(select r.sourced_id from {source})", Kind.WORD)},
    )


def references(kind: str, source: str) -> Field:
    """References to objects; none are left out."""
    return Field(
        f"(select json_agg({guid(kind, 'r.sourced_id')} order by r.sourced_id) from {source})",
        {"type": "array", "items": guid_schema(kind)},
        {"sourcedId": Comparable(f"array(select r.sourced_id from {source})", Kind.LIST)},
    )


@dataclass(frozen=True)
class Collection:
    """A kind of object.

    ``key`` and ``one`` are its names in JSON for many and for one; ``source`` is the table, whose row is
    ``t``; ``visible`` says which rows a service may know of; ``subject`` is the person whom a row is about,
    for the audit; ``required`` are the fields that every object has.
    """

    key: str
    one: str
    source: str
    fields: Mapping[str, Field]
    required: tuple[str, ...]
    visible: str = "true"
    subject: str = "null::uuid"

    def compared(self, name: str) -> Comparable | None:
        """What is compared under a dotted name, or None if there is no such field."""
        first = next((known for known in self.fields if name == known or name.startswith(f"{known}.")), None)
        return self.fields[first].compared.get(name[len(first) + 1 :]) if first else None

    @property
    def schema(self) -> Schema:
        return {
            "type": "object",
            "required": ["sourcedId", "status", "dateLastModified", *self.required],
            "properties": {name: field.schema for name, field in self.fields.items()},
        }
