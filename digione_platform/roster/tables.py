"""How the columns of the platform's tables follow from staged rows.

Expressions may use ``s`` (the staged row) and ``t`` (the row as it is in the table, or nulls).
"""

from dataclasses import dataclass, field
from typing import LiteralString

from digione_platform.roster.checks import LEARNER_NUMBER, ORGANISATION_OID
from digione_platform.roster.profile import LANGUAGE, NONDISCLOSURE


@dataclass(frozen=True)
class Table:
    """A table whose rows are a file's rows. ``links`` has, per column, the file and the staged column."""

    name: LiteralString
    file: str
    columns: dict[str, LiteralString]
    links: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pairs:
    """A table of pairs that follow from a list in a file's rows: owner's column, member's column, and the
    staged column with the list and the file it refers to.

    Where ``keeps``, a pair carries more than the roster knows: one that is no longer listed is withdrawn
    (``status``) and not deleted, and one that the platform's people made is left alone (``origin``).
    """

    name: LiteralString
    file: str
    owner: str
    member: str
    listed: str
    refers_to: str
    keeps: bool = False


def _list(column: LiteralString) -> LiteralString:
    return 'coalesce(regexp_split_to_array(btrim(s."' + column + "\"), '\\s*,\\s*'), '{}')"


TABLES: tuple[Table, ...] = (
    Table(
        "organisations",
        "orgs",
        {
            "kind": "s.type",
            "name": "s.name",
            # A source may know only one; what it does not say stays, or two sources would take turns.
            "oid": f"coalesce({ORGANISATION_OID}, t.oid)",
            "school_code": "coalesce(substring(s.identifier from '^[0-9]{5}$'), t.school_code)",
        },
        {"parent_id": ("orgs", "parentSourcedId")},
    ),
    Table(
        "academic_sessions",
        "academicSessions",
        {
            "title": "s.title",
            "session_type": "s.type",
            "start_date": 's."startDate"::date',
            "end_date": 's."endDate"::date',
            "school_year": 's."schoolYear"::integer',
        },
        {"parent_id": ("academicSessions", "parentSourcedId")},
    ),
    Table(
        "persons",
        "users",
        {
            "given_name": 's."givenName"',
            "family_name": 's."familyName"',
            "middle_name": 's."middleName"',
            "preferred_given_name": 's."preferredGivenName"',
            "preferred_middle_name": 's."preferredMiddleName"',
            "preferred_family_name": 's."preferredFamilyName"',
            "learner_number": LEARNER_NUMBER,
            "identifier": "s.identifier",
            "username": "s.username",
            "email": "s.email",
            "sms": "s.sms",
            "phone": "s.phone",
            "grades": _list("grades"),
            "enabled": 's."enabledUser"::boolean',
            # Left empty or out means as before: only a plain "false" lifts a non-disclosure, and none that
            # the platform's people set.
            "nondisclosure": (
                "coalesce(t.nondisclosure and t.nondisclosure_origin = 'platform' "
                f'or s."{NONDISCLOSURE}"::boolean, t.nondisclosure, false)'
            ),
            "language": f'coalesce(s."{LANGUAGE}", t.language)',
        },
        {"primary_organisation_id": ("orgs", "primaryOrgSourcedId")},
    ),
    Table(
        "courses",
        "courses",
        {
            "title": "s.title",
            "course_code": 's."courseCode"',
            "grades": _list("grades"),
            "subjects": _list("subjects"),
            "subject_codes": _list("subjectCodes"),
        },
        {
            "organisation_id": ("orgs", "orgSourcedId"),
            "school_year_id": ("academicSessions", "schoolYearSourcedId"),
        },
    ),
    Table(
        "groups",
        "classes",
        {
            "title": "s.title",
            "group_code": 's."classCode"',
            "group_type": 's."classType"',
            "location": "s.location",
            "grades": _list("grades"),
            "subjects": _list("subjects"),
            "subject_codes": _list("subjectCodes"),
            "periods": _list("periods"),
        },
        {"school_id": ("orgs", "schoolSourcedId"), "course_id": ("courses", "courseSourcedId")},
    ),
    Table(
        "roles",
        "roles",
        {
            "role": "s.role",
            "role_type": 's."roleType"',
            "begin_date": 's."beginDate"::date',
            "end_date": 's."endDate"::date',
        },
        {"person_id": ("users", "userSourcedId"), "organisation_id": ("orgs", "orgSourcedId")},
    ),
    Table(
        "enrolments",
        "enrollments",
        {
            "role": "s.role",
            "primary": 'coalesce(s."primary"::boolean, false)',
            "begin_date": 's."beginDate"::date',
            "end_date": 's."endDate"::date',
        },
        {
            "person_id": ("users", "userSourcedId"),
            "group_id": ("classes", "classSourcedId"),
            "school_id": ("orgs", "schoolSourcedId"),
        },
    ),
)

PAIRS: tuple[Pairs, ...] = (
    Pairs("group_sessions", "classes", "group_id", "session_id", "termSourcedIds", "academicSessions"),
    Pairs("guardianships", "users", "child_id", "guardian_id", "agentSourcedIds", "users", keeps=True),
)
