"""Writes what the database holds as a OneRoster 1.2 bundle that imports again without difference.

Only what is active is written, and only rows whose references are written too. People under non-disclosure,
all that hangs on them, and guardians whom the platform itself would not tell of the child are left out unless
asked for.
"""

import os
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.guardians import MAY_BE_TOLD
from digione_platform.errors import InputError
from digione_platform.i18n import mark
from digione_platform.roster import writer
from digione_platform.roster.profile import LANGUAGE, NONDISCLOSURE, OURS, OURS_WITHOUT_PROTECTED
from digione_platform.roster.staging import TABLES

AT_ONCE = 1000

# What is written of each kind: o organisations, a sessions, p people, c courses, g groups.
_LIVE = """
    with o as not materialized (select * from organisations where status = 'active'),
    a as not materialized (select * from academic_sessions where status = 'active'),
    p as not materialized (
        select * from persons where status = 'active' and (:protected or not nondisclosure)
    ),
    c as not materialized (
        select * from courses where status = 'active' and organisation_id in (select id from o)
    ),
    g as not materialized (
        select * from groups where status = 'active'
        and school_id in (select id from o) and course_id in (select id from c)
        and id in (select group_id from group_sessions where session_id in (select id from a))
    )
"""


def _one(alias: str, column: str) -> str:
    return f"(select r.sourced_id from {alias} r where r.id = t.{column})"  # noqa: S608


def _list(column: str) -> str:
    return f"array_to_string(t.{column}, ',')"


def _many(source: str) -> str:
    return f"""(select string_agg(r.sourced_id, ',' order by r.sourced_id collate "C") from {source})"""  # noqa: S608


# By file: the rows, and the columns that are filled in.
_FILES: dict[str, tuple[str, dict[str, str]]] = {
    "academicSessions": (
        "a t",
        {
            "title": "t.title",
            "type": "t.session_type",
            "startDate": "t.start_date::text",
            "endDate": "t.end_date::text",
            "parentSourcedId": _one("a", "parent_id"),
            "schoolYear": "t.school_year::text",
        },
    ),
    "classes": (
        "g t",
        {
            "title": "t.title",
            "grades": _list("grades"),
            "courseSourcedId": _one("c", "course_id"),
            "classCode": "t.group_code",
            "classType": "t.group_type",
            "location": "t.location",
            "schoolSourcedId": _one("o", "school_id"),
            "termSourcedIds": _many(
                "group_sessions m join a r on r.id = m.session_id where m.group_id = t.id"
            ),
            "subjects": _list("subjects"),
            "subjectCodes": _list("subject_codes"),
            "periods": _list("periods"),
        },
    ),
    "courses": (
        "c t",
        {
            "schoolYearSourcedId": _one("a", "school_year_id"),
            "title": "t.title",
            "courseCode": "t.course_code",
            "grades": _list("grades"),
            "orgSourcedId": _one("o", "organisation_id"),
            "subjects": _list("subjects"),
            "subjectCodes": _list("subject_codes"),
        },
    ),
    "demographics": (
        "(select * from p where birth_date is not null) t",
        {"birthDate": "t.birth_date::text"},
    ),
    "enrollments": (
        "enrolments t join p on p.id = t.person_id join g on g.id = t.group_id join o on o.id = t.school_id "
        "where t.status = 'active'",
        {
            "classSourcedId": "g.sourced_id",
            "schoolSourcedId": "o.sourced_id",
            "userSourcedId": "p.sourced_id",
            "role": "t.role",
            "primary": 't."primary"::text',
            "beginDate": "t.begin_date::text",
            "endDate": "t.end_date::text",
        },
    ),
    "orgs": (
        "o t",
        {
            "name": "t.name",
            "type": "t.kind",
            "identifier": "coalesce(t.school_code, nullif(t.oid, t.sourced_id))",
            "parentSourcedId": _one("o", "parent_id"),
        },
    ),
    "roles": (
        "roles t join p on p.id = t.person_id join o on o.id = t.organisation_id where t.status = 'active'",
        {
            "userSourcedId": "p.sourced_id",
            "roleType": "t.role_type",
            "role": "t.role",
            "beginDate": "t.begin_date::text",
            "endDate": "t.end_date::text",
            "orgSourcedId": "o.sourced_id",
        },
    ),
    "users": (
        "p t",
        {
            "enabledUser": "t.enabled::text",
            "username": "t.username",
            "userIds": "'{oppijanumero\\:' || t.learner_number || '}'",
            "givenName": "t.given_name",
            "familyName": "t.family_name",
            "middleName": "t.middle_name",
            "identifier": "t.identifier",
            "email": "t.email",
            "sms": "t.sms",
            "phone": "t.phone",
            "agentSourcedIds": _many(
                "guardianships g join p r on r.id = g.guardian_id "
                f"where g.child_id = t.id and g.status = 'active' and (:protected or {MAY_BE_TOLD})"
            ),
            "grades": _list("grades"),
            "userMasterIdentifier": "t.learner_number",
            "preferredGivenName": "t.preferred_given_name",
            "preferredMiddleName": "t.preferred_middle_name",
            "preferredFamilyName": "t.preferred_family_name",
            "primaryOrgSourcedId": _one("o", "primary_organisation_id"),
            NONDISCLOSURE: "t.nondisclosure::text",
            LANGUAGE: "t.language",
        },
    ),
}


@dataclass
class Exported:
    """How many rows of each file were written, and how many active rows were left out."""

    file: str
    written: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


# Given a connection, a stream and what to count in, writes an export and gives the people who are in it.
Write = Callable[[Connection, BinaryIO, "Exported"], Collection[UUID]]


def export_bundle(engine: Engine, path: Path, *, actor: str, protected: bool) -> Exported:
    """Write a bundle to a file that is not there yet; it is the operator's alone to read.

    Raises:
        InputError: the file exists or cannot be written.
    """

    def write(connection: Connection, stream: BinaryIO, done: Exported) -> Collection[UUID]:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            return _write(connection, archive, done, protected)

    return export(engine, path, write, actor=actor, protected=protected)


def export(engine: Engine, path: Path, write: Write, *, actor: str, protected: bool) -> Exported:
    """Write an export to a new file, whole or not at all, and write down in the audit who is in it.

    Raises:
        InputError: the file exists or cannot be written.
    """
    done = Exported(path.name)
    try:
        stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise InputError(
            "P-ROSTER-091",
            mark("Nothing was exported"),
            "{file}: {reason}",
            mark("name a file that does not exist yet, in a folder that does"),
            file=path,
            reason=error.strerror,
        ) from error
    try:
        # All rows show one moment, whatever is changed meanwhile.
        with stream, engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            people = write(connection, stream, done)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    with Session(engine) as session, session.begin():
        audit.record(
            session,
            By(),
            Act.EXPORT,
            people=people,
            operator=actor,
            rows=done.written,
            protected=protected,
        )
    return done


def _write(
    connection: Connection, archive: zipfile.ZipFile, done: Exported, protected: bool
) -> Collection[UUID]:
    """Write all files; gives the people who are in them."""
    writer.write_manifest(archive, _FILES, "DigiOne", OURS if protected else OURS_WITHOUT_PROTECTED)
    for name, (source, columns) in _FILES.items():
        shown = ", ".join(f'{sql} as "{column}"' for column, sql in columns.items())
        rows = connection.execution_options(yield_per=AT_ONCE).execute(
            text(
                f'{_LIVE} select t.sourced_id as "sourcedId", {shown} from {source} '  # noqa: S608
                'order by t.sourced_id collate "C"'
            ),
            {"protected": protected},
        )
        done.written[name] = writer.write_file(archive, name, _filled(rows.mappings()))
        if name in TABLES:
            active = f"select count(*) from {TABLES[name]} where status = 'active'"  # noqa: S608
            done.left_out[name] = connection.execute(text(active)).scalar_one() - done.written[name]
    people = text(f"{_LIVE} select id from p")  # noqa: S608
    return connection.execute(people, {"protected": protected}).scalars().all()


def _filled(rows: Any) -> Iterator[writer.Row]:
    for row in rows:
        yield {column: value for column, value in row.items() if value}
