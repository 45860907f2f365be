"""A town that grows, and the SQL statements that a page takes meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.orm import Session

from digione_platform.core.models import (
    AcademicSession,
    AuditEvent,
    Course,
    Enrolment,
    EnrolmentRole,
    Group,
    GroupType,
    Guardianship,
    ImportKind,
    News,
    Organisation,
    OrganisationKind,
    Person,
    Role,
    RoleName,
    RosterImport,
    RosterUpload,
    SessionType,
    SignIn,
    UploadState,
)
from digione_platform.core.news import What
from tests.platform.town import Town

MORE = 20


@contextmanager
def counted(app: FastAPI) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(app.state.engine, "before_cursor_execute", note)
    yield statements
    event.remove(app.state.engine, "before_cursor_execute", note)


def grow(app: FastAPI, town: Town, numbers: range = range(MORE)) -> None:
    """Twenty more, or other numbers, of everything that a page lists."""
    school, aino = town.places["Koivulan koulu"], town.people["Aino Virtanen"]
    with Session(app.state.engine) as session, session.begin():
        for number in numbers:
            place = Organisation(
                sourced_id=f"s{number}", kind=OrganisationKind.SCHOOL, name=f"Koulu {number}"
            )
            pupil = Person(sourced_id=f"p{number}", given_name="Lisä", family_name=f"Oppilas{number}")
            guardian = Person(sourced_id=f"g{number}", given_name="Lisä", family_name=f"Huoltaja{number}")
            course = Course(sourced_id=f"k{number}", title=f"Oppiaine {number}", organisation_id=school)
            session.add_all([place, pupil, guardian, course])
            session.flush()
            group = Group(
                sourced_id=f"c{number}",
                title=f"5{number}",
                group_type=GroupType.HOMEROOM,
                school_id=school,
                course_id=course.id,
            )
            session.add(group)
            session.flush()
            for index, (person_id, place_id) in enumerate([(pupil.id, school), (aino, place.id)]):
                values = {"person_id": person_id, "organisation_id": place_id, "role": RoleName.STUDENT}
                session.add(Role(sourced_id=f"r{number}-{index}", **values))
            session.add(Guardianship(guardian_id=town.people["Maija Virtanen"], child_id=pupil.id))
            session.add(Guardianship(guardian_id=guardian.id, child_id=aino))
            places = [
                (group.id, town.people["Tiina Opettaja"], EnrolmentRole.TEACHER),
                (group.id, aino, EnrolmentRole.STUDENT),
                (town.groups["7C"], pupil.id, EnrolmentRole.STUDENT),
            ]
            for index, (group_id, person_id, role) in enumerate(places):
                session.add(
                    Enrolment(
                        sourced_id=f"e{number}-{index}",
                        group_id=group_id,
                        school_id=school,
                        person_id=person_id,
                        role=role,
                    )
                )
            _happen(session, number, town, pupil.id)


def _happen(session: Session, number: int, town: Town, pupil: UUID) -> None:
    """What is written down as time goes by: a term, an import and a bundle, a sign-in, looks and changes."""
    now = datetime.now(UTC)
    session.add(
        AcademicSession(
            sourced_id=f"a{number}",
            title=f"Jakso {number}",
            session_type=SessionType.TERM,
            start_date=date(2026, 1, 1 + number),
            end_date=date(2027, 1, 1),
            school_year=2027,
        )
    )
    admin, teacher = town.people["Helena Hallinto"], town.people["Kalle Kollega"]
    file = {"at": now - timedelta(minutes=MORE - number), "file_name": f"koulut-{number:02}.zip"}
    done = {"kind": ImportKind.DELTA, "sha256": "0" * 64, "counts": {}}
    session.add(RosterImport(actor=str(admin), **file, **done))
    session.add(RosterUpload(actor=admin, **file, state=UploadState.CHECKED, report=_report(number + 1)))
    session.add(
        SignIn(
            id=f"{number:064x}",
            account_id=town.accounts["Kalle Kollega"],
            last_seen=now,
            expires=now + timedelta(hours=1),
        )
    )
    for subject in (town.people["Aino Virtanen"], pupil):
        session.add(AuditEvent(actor=teacher, desktop="teacher", action="view pupil", subject=subject))
    session.add(News(person_id=town.people["Maija Virtanen"], what=What.ROLE_GIVEN, link="/me"))
    session.get_one(Person, town.people["Aino Virtanen"]).phone = f"+358 40 {number:07}"
    session.flush()


def _report(problems: int) -> dict[str, Any]:
    """The report of a bundle with so many problems."""
    problem = {"id": "P-ROSTER-041", "level": "warning", "file": "users.csv", "line": 2, "column": "email"}
    told = {"value": "x", "reason": "syy", "fix": "korjaus"}
    numbers = {"errors": 0, "warnings": problems, "changes": 0, "applied": False}
    return numbers | {"kind": "bulk", "tables": {}, "problems": [problem | told] * problems}
