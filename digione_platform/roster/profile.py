"""OneRoster 1.2 CSV as this platform reads and writes it: files, columns, and what a value must be.

All files of the standard are known by their columns; those that the platform uses also say, per column,
what a value must be and which file it refers to. Extension columns ``metadata.*`` may follow.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from digione_platform.core.models import (
    EnrolmentRole,
    GroupType,
    OrganisationKind,
    RoleName,
    RoleType,
    SessionType,
)
from digione_platform.roster.identifiers import (
    ORGANISATION_OID,
    PERSON_OID,
    check_digit_holds,
    holds_personal_identity_code,
    is_test_oid,
)

MANIFEST = "manifest"
MANIFEST_COLUMNS = ("propertyName", "value")
MANIFEST_VERSIONS = {"manifest.version": "1.0", "oneroster.version": "1.2"}
SYSTEM_CODE = "source.systemCode"
SOURCE_PROPERTIES = ("source.systemName", SYSTEM_CODE)
# What our own exports say there; the second leaves people under non-disclosure out.
OURS, OURS_WITHOUT_PROTECTED = "digione", "digione-without-protected"

HEAD = ("sourcedId", "status", "dateLastModified")
EXTENSION = re.compile(r"metadata\.[A-Za-z0-9_.\-]{1,80}")
NONDISCLOSURE = "metadata.digione.nondisclosure"
LANGUAGE = "metadata.digione.language"
LANGUAGES = ("fi", "sv", "en")

# In the order of the manifest. finland.md, section 3.
COLUMNS: dict[str, tuple[str, ...]] = {
    name: (*HEAD, *columns.split())
    for name, columns in {
        "academicSessions": "title type startDate endDate parentSourcedId schoolYear",
        "categories": "title weight",
        "classes": "title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds "
        "subjects subjectCodes periods",
        "classResources": "title classSourcedId resourceSourcedId",
        "courses": "schoolYearSourcedId title courseCode grades orgSourcedId subjects subjectCodes",
        "courseResources": "title courseSourcedId resourceSourcedId",
        "demographics": "birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican "
        "nativeHawaiianOrOtherPacificIslander white demographicRaceTwoOrMoreRaces "
        "hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth "
        "publicSchoolResidenceStatus",
        "enrollments": "classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate",
        "lineItemLearningObjectiveIds": "lineItemSourcedId source learningObjectiveId",
        "lineItems": "title description assignDate dueDate classSourcedId categorySourcedId "
        "academicSessionSourcedId resultValueMin resultValueMax schoolSourcedId",
        "lineItemScoreScales": "title lineItemSourcedId scoreScaleSourcedId",
        "orgs": "name type identifier parentSourcedId",
        "resources": "vendorResourceId title roles importance vendorId applicationId",
        "resultLearningObjectiveIds": "resultSourcedId source learningObjectiveId score textScore",
        "results": "lineItemSourcedId studentSourcedId scoreStatus score scoreDate comment textScore "
        "classSourcedId inProgress incomplete late missing",
        "resultScoreScales": "title resultSourcedId scoreScaleSourcedId",
        "roles": "userSourcedId roleType role beginDate endDate orgSourcedId userProfileSourcedId",
        "scoreScales": "title type orgSourcedId courseSourcedId classSourcedId scoreScaleValue",
        "userProfiles": "userSourcedId profileType vendorId applicationId description credentialType "
        "username password",
        "userResources": "userSourcedId orgSourcedId classSourcedId resourceSourcedId",
        "users": "enabledUser username userIds givenName familyName middleName identifier email sms phone "
        "agentSourcedIds grades password userMasterIdentifier preferredGivenName preferredMiddleName "
        "preferredFamilyName primaryOrgSourcedId pronouns",
    }.items()
}

# A check gives the id of the reason why a value is refused, or None. It is never given an empty value.
Check = Callable[[str], str | None]

_SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})")
_USERNAME = re.compile(r"[A-Za-z0-9._@+\-]{1,64}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_GRADES = frozenset({"PK", "KG", *(f"{grade:02d}" for grade in range(1, 11))})


def one_of(*allowed: str) -> Check:
    """The check that a value is one of those allowed."""
    values = frozenset(allowed)
    return lambda value: None if value in values else "P-ROSTER-031"


def _matches(pattern: re.Pattern[str], reason: str) -> Check:
    return lambda value: None if pattern.fullmatch(value) else reason


def _named(value: str) -> str | None:
    """A row's identifier where another row names it: its own form is checked at the row itself."""
    return "P-ROSTER-040" if len(value) > 255 or _SPACE_OR_CONTROL.search(value) else None


def _identifier(value: str) -> str | None:
    return _named(value) or (_oid(value) if value.startswith("1.2.246.562.") else None)


def _oid(value: str) -> str | None:
    if PERSON_OID.fullmatch(value):
        return _learner_number(value)
    if not ORGANISATION_OID.fullmatch(value):
        return "P-ROSTER-037"
    return None if check_digit_holds(value) else "P-ROSTER-039"


def _learner_number(value: str) -> str | None:
    if not PERSON_OID.fullmatch(value):
        return "P-ROSTER-037"
    if check_digit_holds(value):
        return None
    return "P-ROSTER-039" if is_test_oid(value) else "P-ROSTER-038"


def _name(value: str) -> str | None:
    """Right codes are looked for in every value of a row; names hold no mistyped ones either."""
    mistyped = holds_personal_identity_code(value, mistyped=True) and not holds_personal_identity_code(value)
    return "P-ROSTER-036" if mistyped else None


def _date(value: str) -> str | None:
    if _DATE.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            return "P-ROSTER-032"
        return None
    return "P-ROSTER-032"


def _time(value: str) -> str | None:
    if _TIME.fullmatch(value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return "P-ROSTER-033"
        return None
    return "P-ROSTER-033"


def _grades(value: str) -> str | None:
    return None if all(grade in _GRADES for grade in split_list(value)) else "P-ROSTER-035"


def split_list(value: str) -> list[str]:
    """The parts of a value that is a list: separated by commas, spaces around them do not count."""
    return [part.strip() for part in value.split(",") if part.strip()]


_USER_IDS = re.compile(r"\{[^:{}]+:[^{}]+\}(,\{[^:{}]+:[^{}]+\})*")
_LEARNER_NUMBER_ID = re.compile(r"\{oppijanumero:([^{}]+)\}")


def _user_ids(value: str) -> str | None:
    if not _USER_IDS.fullmatch(value):
        return "P-ROSTER-047"
    found = _LEARNER_NUMBER_ID.search(value)
    return _learner_number(found[1]) if found else None


def _all_named(value: str) -> str | None:
    return next((reason for part in split_list(value) if (reason := _named(part))), None)


@dataclass(frozen=True)
class Rule:
    """What a column's value must be. ``refers_to`` is the file whose ``sourcedId`` it names."""

    check: Check | None = None
    required: bool = False
    refers_to: str | None = None
    is_list: bool = False
    personal: bool = False

    def wrong(self, value: str) -> str | None:
        """The id of the reason why a value is refused, an empty one too, or None."""
        if not value:
            return "P-ROSTER-030" if self.required else None
        return self.check(value) if self.check else None


def _text(*, required: bool = False, personal: bool = False) -> Rule:
    return Rule(required=required, personal=personal)


def _reference(file: str, *, required: bool = False) -> Rule:
    return Rule(_named, required, refers_to=file, personal=file == "users")


def _references(file: str, *, required: bool = False) -> Rule:
    return Rule(_all_named, required, refers_to=file, is_list=True, personal=file == "users")


_DAY = Rule(_date)
_REQUIRED_DAY = Rule(_date, required=True)
_LIST = Rule(is_list=True)
_GRADE_LIST = Rule(_grades, is_list=True)


def _is_boolean(value: str) -> str | None:
    return None if value in ("true", "false") else "P-ROSTER-034"


_SCHOOL_CODE = re.compile(r"\d{5}")


def _school_code_is_one(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    code = row["identifier"]
    if row["type"] == OrganisationKind.SCHOOL and code and not _SCHOOL_CODE.fullmatch(code):
        yield "identifier", "P-ROSTER-048"


@dataclass(frozen=True)
class File:
    """A file that the platform uses. ``dates`` names its columns of beginning and end, if it has them."""

    rules: dict[str, Rule]
    extensions: dict[str, Rule] = field(default_factory=dict)
    dates: tuple[str, str] | None = None
    # Looks at a whole row: gives columns and the reasons why their values do not fit the row.
    check_row: Callable[[Mapping[str, str]], Iterator[tuple[str, str]]] | None = None
    # Columns that are in the standard and deliberately not kept: a filled one is told once.
    unused: tuple[str, ...] = ()
    # Whether the row's own identifier says who a person is.
    personal: bool = False


# In the order in which rows depend on each other.
FILES: dict[str, File] = {
    "orgs": File(
        {
            "name": _text(required=True),
            "type": Rule(one_of(*OrganisationKind), required=True),
            "identifier": Rule(_identifier),
            "parentSourcedId": _reference("orgs"),
        },
        check_row=_school_code_is_one,
    ),
    "academicSessions": File(
        {
            "title": _text(required=True),
            "type": Rule(one_of(*SessionType), required=True),
            "startDate": _REQUIRED_DAY,
            "endDate": _REQUIRED_DAY,
            "parentSourcedId": _reference("academicSessions"),
            "schoolYear": Rule(_matches(re.compile(r"(19|20|21)\d{2}"), "P-ROSTER-042"), required=True),
        },
        dates=("startDate", "endDate"),
    ),
    "users": File(
        {
            "enabledUser": Rule(_is_boolean, required=True),
            "username": Rule(_matches(_USERNAME, "P-ROSTER-041"), personal=True),
            "userIds": Rule(_user_ids, personal=True),
            "givenName": Rule(_name, required=True, personal=True),
            "familyName": Rule(_name, required=True, personal=True),
            "middleName": Rule(_name, personal=True),
            "identifier": Rule(_identifier, personal=True),
            "email": Rule(_matches(_EMAIL, "P-ROSTER-043"), personal=True),
            "sms": _text(personal=True),
            "phone": _text(personal=True),
            "agentSourcedIds": _references("users"),
            "grades": _GRADE_LIST,
            "userMasterIdentifier": Rule(_learner_number, personal=True),
            "preferredGivenName": Rule(_name, personal=True),
            "preferredMiddleName": Rule(_name, personal=True),
            "preferredFamilyName": Rule(_name, personal=True),
            "primaryOrgSourcedId": _reference("orgs"),
        },
        extensions={
            NONDISCLOSURE: Rule(_is_boolean, personal=True),
            LANGUAGE: Rule(one_of(*LANGUAGES), personal=True),
        },
        unused=("pronouns",),
        personal=True,
    ),
    "demographics": File(
        {"birthDate": Rule(_date, personal=True)},
        unused=COLUMNS["demographics"][4:],
        personal=True,
    ),
    "courses": File(
        {
            "schoolYearSourcedId": _reference("academicSessions"),
            "title": _text(required=True),
            "courseCode": _text(),
            "grades": _GRADE_LIST,
            "orgSourcedId": _reference("orgs", required=True),
            "subjects": _LIST,
            "subjectCodes": _LIST,
        }
    ),
    "classes": File(
        {
            "title": _text(required=True),
            "grades": _GRADE_LIST,
            "courseSourcedId": _reference("courses", required=True),
            "classCode": _text(),
            "classType": Rule(one_of(*GroupType), required=True),
            "location": _text(),
            "schoolSourcedId": _reference("orgs", required=True),
            "termSourcedIds": _references("academicSessions", required=True),
            "subjects": _LIST,
            "subjectCodes": _LIST,
            "periods": _LIST,
        }
    ),
    "roles": File(
        {
            "userSourcedId": _reference("users", required=True),
            "roleType": Rule(one_of(*RoleType), required=True),
            "role": Rule(one_of(*RoleName), required=True),
            "beginDate": _DAY,
            "endDate": _DAY,
            "orgSourcedId": _reference("orgs", required=True),
        },
        dates=("beginDate", "endDate"),
        unused=("userProfileSourcedId",),
    ),
    "enrollments": File(
        {
            "classSourcedId": _reference("classes", required=True),
            "schoolSourcedId": _reference("orgs", required=True),
            "userSourcedId": _reference("users", required=True),
            "role": Rule(one_of(*EnrolmentRole), required=True),
            "primary": Rule(_is_boolean),
            "beginDate": _DAY,
            "endDate": _DAY,
        },
        dates=("beginDate", "endDate"),
    ),
}

STATUS = Rule(one_of("active", "tobedeleted"))
SOURCED_ID = Rule(_identifier, required=True)
TIME = Rule(_time)
