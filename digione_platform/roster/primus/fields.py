"""What rows of a mapped file can say, and how it is read, checked, kept and written.

A value becomes what OneRoster would say and is checked by the same rules (``profile``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, LiteralString

from digione_platform.core.guardians import GUARDIANS
from digione_platform.core.models import GroupType, RoleName
from digione_platform.roster.profile import (
    FILES,
    LANGUAGE,
    NONDISCLOSURE,
    SOURCED_ID,
    Rule,
    one_of,
    split_list,
)

Rows = Literal["pupils", "guardians", "staff", "groups"]
# Staff have the role that their row says.
ROLE: Mapping[Rows, str] = {"pupils": RoleName.STUDENT, "guardians": RoleName.GUARDIAN}


@dataclass(frozen=True)
class Field:
    """A field of rows. ``column`` is where OneRoster's users or classes have it, ``kept`` the SQL of its
    value in the database's row ``t``: without it, the field is a relation. ``names`` rows by identifier."""

    rule: Rule
    column: str | None = None
    kept: LiteralString | None = None
    read: Callable[[str], str] | None = None
    write: Callable[[str], str] | None = None
    several: bool = False
    names: Rows | None = None

    @property
    def required(self) -> bool:
        """Whether a mapping must have it, and a row must say it."""
        return self.rule.required


_FINNISH_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


def _day(cell: str) -> str:
    """A day as Finland writes it, 4.3.2015, or as it is."""
    found = _FINNISH_DAY.fullmatch(cell)
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else cell


def _finnish_day(value: str) -> str:
    year, month, day = value.split("-")
    return f"{int(day)}.{int(month)}.{year}"


def _grades(cell: str) -> str:
    return ",".join(part.zfill(2) if part.isdecimal() else part for part in split_list(cell))


def _plain_grades(value: str) -> str:
    return ",".join(part.lstrip("0") or part for part in split_list(value))


def _of(file: str, column: str, kept: LiteralString, **more: object) -> Field:
    """A field that is a column of OneRoster's."""
    rules = FILES[file]
    return Field({**rules.rules, **rules.extensions}[column], column, kept, **more)  # type: ignore[arg-type]


def _user(column: str, kept: LiteralString, **more: object) -> Field:
    return _of("users", column, kept, **more)


_ID = Field(SOURCED_ID, several=True)
_PERSON_ID = Field(Rule(SOURCED_ID.check, required=True, personal=True), several=True)
_SCHOOL = Field(Rule(required=True))
_GRADE = {"read": _grades, "write": _plain_grades}

_PERSON: dict[str, Field] = {
    "id": _PERSON_ID,
    "given_name": _user("givenName", "t.given_name"),
    "family_name": _user("familyName", "t.family_name"),
    "middle_name": _user("middleName", "t.middle_name"),
    "preferred_given_name": _user("preferredGivenName", "t.preferred_given_name"),
    "preferred_family_name": _user("preferredFamilyName", "t.preferred_family_name"),
    "learner_number": _user("userMasterIdentifier", "t.learner_number"),
    "username": _user("username", "t.username"),
    "email": _user("email", "t.email"),
    "phone": _user("phone", "t.phone"),
    "sms": _user("sms", "t.sms"),
    "language": _user(LANGUAGE, "t.language", read=str.lower),
    "nondisclosure": _user(NONDISCLOSURE, "t.nondisclosure::text", read=str.lower),
    # Left empty or out means as before.
    "enabled": Field(
        Rule(FILES["users"].rules["enabledUser"].check), "enabledUser", "t.enabled::text", read=str.lower
    ),
}
_BIRTH_DATE = Field(
    FILES["demographics"].rules["birthDate"], None, "t.birth_date::text", read=_day, write=_finnish_day
)
_STAFF_ROLES = tuple(role for role in RoleName if role not in (RoleName.STUDENT, *GUARDIANS))

FIELDS: dict[Rows, dict[str, Field]] = {
    "pupils": {
        **_PERSON,
        "birth_date": _BIRTH_DATE,
        "grades": _user("grades", "nullif(array_to_string(t.grades, ','), '')", **_GRADE),
        "school": _SCHOOL,
        "homeroom": Field(Rule(), several=True),
        "groups": Field(Rule(), several=True),
        "guardians": Field(Rule(SOURCED_ID.check, personal=True), several=True, names="guardians"),
    },
    "guardians": {
        **_PERSON,
        "children": Field(Rule(SOURCED_ID.check, personal=True), several=True, names="pupils"),
    },
    "staff": {
        **_PERSON,
        "role": Field(Rule(one_of(*_STAFF_ROLES), required=True)),
        "school": _SCHOOL,
        "homeroom": Field(Rule(), several=True),
        "groups": Field(Rule(), several=True),
    },
    "groups": {
        "id": _ID,
        "title": _of("classes", "title", "t.title"),
        "type": Field(Rule(one_of(*GroupType), required=True), "classType", "t.group_type"),
        "school": _SCHOOL,
        "grades": _of("classes", "grades", "nullif(array_to_string(t.grades, ','), '')", **_GRADE),
        "location": _of("classes", "location", "t.location"),
    },
}


def values_of(*rows: Rows) -> dict[str, Field]:
    """The fields of some kinds of rows that are one value in the database's row."""
    return {name: field for kind in rows for name, field in FIELDS[kind].items() if field.kept}
