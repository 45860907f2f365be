"""Small OneRoster bundles for tests: a valid town of seven people, to be spoilt in one place."""

import csv
import io
import zipfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from digione_platform.roster import profile
from digione_platform.roster.identifiers import make_oid

PROVIDER = make_oid(99, 999)
SCHOOL = make_oid(99, 999_000_001)
LEARNER = make_oid(98, 10_000_001)

Rows = list[dict[str, str]]
Files = dict[str, Rows]

_VALID: Files = {
    "orgs": [
        {"sourcedId": PROVIDER, "name": "Mallila", "type": "district", "identifier": "999"},
        {
            "sourcedId": SCHOOL,
            "name": "Keskustan koulu",
            "type": "school",
            "identifier": "99000",
            "parentSourcedId": PROVIDER,
        },
    ],
    "academicSessions": [
        {
            "sourcedId": "y2026",
            "title": "2026–2027",
            "type": "schoolYear",
            "startDate": "2026-08-01",
            "endDate": "2027-08-01",
            "schoolYear": "2027",
        },
        {
            "sourcedId": "t1",
            "title": "Syksy",
            "type": "term",
            "startDate": "2026-08-01",
            "endDate": "2027-01-01",
            "schoolYear": "2027",
            "parentSourcedId": "y2026",
        },
    ],
    "users": [
        {
            "sourcedId": LEARNER,
            "enabledUser": "true",
            "username": "aino.mäkinen".replace("ä", "a"),
            "userIds": f"{{oppijanumero:{LEARNER}}}",
            "userMasterIdentifier": LEARNER,
            "givenName": "Aino",
            "familyName": "Mäkinen",
            "agentSourcedIds": "g1,g2",
            "grades": "05",
            "primaryOrgSourcedId": SCHOOL,
        },
        {
            "sourcedId": "p2",
            "enabledUser": "true",
            "givenName": "Šimo",
            "familyName": "Öhman",
            "grades": "05",
        },
        *(
            {
                "sourcedId": sourced_id,
                "enabledUser": "true",
                "username": f"{given}.{family}".lower(),
                "givenName": given,
                "familyName": family,
                "email": f"{given}@example.org",
            }
            for sourced_id, given, family in (
                ("g1", "Hanna", "Makinen"),
                ("g2", "Timo", "Salo"),
                ("t1", "Olli", "Opettaja"),
                ("r1", "Reetta", "Rehtori"),
                ("d1", "Simo", "Johtaja"),
            )
        ),
    ],
    "demographics": [{"sourcedId": LEARNER, "birthDate": "2015-03-04"}],
    "courses": [{"sourcedId": "c5", "title": "Perusluokka 5", "orgSourcedId": PROVIDER, "grades": "05"}],
    "classes": [
        {
            "sourcedId": "5A",
            "title": "5A",
            "classType": "homeroom",
            "courseSourcedId": "c5",
            "schoolSourcedId": SCHOOL,
            "termSourcedIds": "y2026,t1",
            "grades": "05",
        }
    ],
    "roles": [
        {
            "sourcedId": f"r-{user}",
            "userSourcedId": user,
            "roleType": "primary",
            "role": role,
            "orgSourcedId": org,
        }
        for user, role, org in (
            (LEARNER, "student", SCHOOL),
            ("p2", "student", SCHOOL),
            ("g1", "guardian", PROVIDER),
            ("g2", "guardian", PROVIDER),
            ("t1", "teacher", SCHOOL),
            ("r1", "principal", SCHOOL),
            ("d1", "districtAdministrator", PROVIDER),
        )
    ],
    "enrollments": [
        {
            "sourcedId": f"e-{user}",
            "classSourcedId": "5A",
            "schoolSourcedId": SCHOOL,
            "userSourcedId": user,
            "role": role,
        }
        for user, role in ((LEARNER, "student"), ("p2", "student"), ("t1", "teacher"))
    ],
}


def valid() -> Files:
    """A fresh copy of the valid town."""
    return deepcopy(_VALID)


def delta(rows: Rows, status: str = "active") -> Rows:
    """Rows as a delta has them."""
    return [{"status": status, "dateLastModified": "2026-10-01T12:00:00Z", **row} for row in rows]


def table(name: str, rows: Rows, extensions: tuple[str, ...] = ()) -> str:
    """The text of a data file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*profile.COLUMNS[name], *extensions], restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def manifest(kinds: Mapping[str, str], **changed: str | None) -> str:
    """The text of a manifest; ``changed`` properties have __ for the dot, None leaves one out."""
    said: dict[str, str | None] = {
        **profile.MANIFEST_VERSIONS,
        **{f"file.{name}": kinds.get(name, "absent") for name in profile.COLUMNS},
        "source.systemName": "test",
        "source.systemCode": "test",
        **{key.replace("__", "."): value for key, value in changed.items()},
    }
    rows = [f"{key},{value}" for key, value in said.items() if value is not None]
    return "\r\n".join(["propertyName,value", *rows]) + "\r\n"


def write(
    path: Path,
    files: Files,
    *,
    kind: str = "bulk",
    raw: Mapping[str, str | bytes] | None = None,
    extensions: tuple[str, ...] = (),
) -> Path:
    """Write a bundle; ``raw`` has entries of the archive as they are, in place of or beside the others."""
    entries: dict[str, str | bytes] = {
        "manifest.csv": manifest(dict.fromkeys(files, kind)),
        **{
            f"{name}.csv": table(name, rows, extensions if name == "users" else ())
            for name, rows in files.items()
        },
        **(raw or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path
