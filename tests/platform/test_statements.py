"""The number of SQL statements of a page does not grow with the rows that it shows, whatever page it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy import event, select
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
from tests.platform.conftest import Browse
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


@dataclass(frozen=True)
class Visit:
    """A page that somebody opens; ``grows`` if it shows more of what there is more of."""

    name: str
    address: str
    grows: bool = True


AINO, MAIJA, TIINA = "Aino Virtanen", "Maija Virtanen", "Tiina Opettaja"
RAILI, SIRPA, HELENA = "Raili Rehtori", "Sirpa Sihteeri", "Helena Hallinto"
# By the address as the application knows it.
PAGES: dict[str, list[Visit]] = {
    "/": [Visit(name, "/") for name in (AINO, MAIJA, TIINA, RAILI, SIRPA, HELENA)],
    "/areas/{key}": [
        Visit(TIINA, "/areas/teaching"),
        Visit(RAILI, "/areas/administration"),
        Visit(SIRPA, "/areas/administration"),
        Visit(HELENA, "/areas/administration"),
    ],
    "/groups/{group_id}": [Visit(TIINA, "/groups/{7C}"), Visit(SIRPA, "/groups/{7C}")],
    "/pupils": [Visit(SIRPA, "/pupils"), Visit(SIRPA, "/pupils?search=o&sort=class")],
    "/pupils/{person_id}": [Visit(TIINA, "/pupils/{Aino}"), Visit(SIRPA, "/pupils/{Aino}")],
    "/me": [Visit(AINO, "/me", False)],
    "/news": [Visit(MAIJA, "/news")],
    "/news/{item_id}": [Visit(MAIJA, "/news/{item}", False)],
    "/search": [
        Visit(TIINA, "/search?search=lisä"),
        Visit(SIRPA, "/search?search=lisä&kind=guardians"),
        Visit(SIRPA, "/search?search=5&kind=groups"),
        Visit(HELENA, "/search?search=koulu&kind=schools"),
        Visit(HELENA, "/search?search=lisä&kind=people"),
        Visit(HELENA, "/search?search=oppi&kind=courses"),
    ],
    "/looks": [Visit(AINO, "/looks")],
    "/looks/{person_id}": [Visit(MAIJA, "/looks/{Aino}")],
    "/audit": [Visit(HELENA, "/audit"), Visit(HELENA, "/audit?person=virtanen")],
    "/history/{table}/{row_id}": [
        Visit(HELENA, "/history/persons/{Aino}"),
        Visit(RAILI, "/history/persons/{Aino}"),
        Visit(RAILI, "/history/groups/{7C}", False),
    ],
    "/administration/schools": [Visit(HELENA, "/administration/schools")],
    "/administration/schools/new": [Visit(HELENA, "/administration/schools/new")],
    "/administration/schools/{row_id}/edit": [Visit(HELENA, "/administration/schools/{school}/edit")],
    "/administration/years": [Visit(HELENA, "/administration/years")],
    "/administration/years/new": [Visit(HELENA, "/administration/years/new")],
    "/administration/years/{row_id}/edit": [Visit(HELENA, "/administration/years/{year}/edit")],
    "/administration/people": [
        Visit(HELENA, "/administration/people"),
        Visit(HELENA, "/administration/people?search=o&role=student&place={school}"),
    ],
    "/administration/people/new": [Visit(HELENA, "/administration/people/new", False)],
    "/administration/people/{person_id}": [Visit(HELENA, "/administration/people/{Aino}")],
    "/administration/people/{row_id}/edit": [Visit(HELENA, "/administration/people/{Aino}/edit", False)],
    "/administration/roles/new": [Visit(HELENA, "/administration/roles/new?person={Aino}")],
    "/administration/roles/{row_id}/edit": [Visit(HELENA, "/administration/roles/{role}/edit")],
    "/administration/guardianships/{child_id}/add": [
        Visit(HELENA, "/administration/guardianships/{Aino}/add?search=lisä")
    ],
    "/administration/guardianships/{child_id}/{guardian_id}": [
        Visit(HELENA, "/administration/guardianships/{Aino}/{Maija}", False)
    ],
    "/administration/imports": [Visit(HELENA, "/administration/imports")],
    "/administration/imports/{upload_id}": [Visit(HELENA, "/administration/imports/{upload}")],
    "/administration/imports/undo/{import_id}": [
        Visit(HELENA, "/administration/imports/undo/{import}", False)
    ],
    "/administration/courses": [Visit(HELENA, "/administration/courses")],
    "/administration/courses/new": [Visit(HELENA, "/administration/courses/new", False)],
    "/administration/courses/{row_id}/edit": [Visit(HELENA, "/administration/courses/{course}/edit", False)],
    "/administration/groups": [Visit(HELENA, "/administration/groups")],
    "/administration/groups/new": [Visit(HELENA, "/administration/groups/new", False)],
    "/administration/groups/{row_id}/edit": [Visit(HELENA, "/administration/groups/{7C}/edit", False)],
    "/administration/groups/{group_id}": [Visit(HELENA, "/administration/groups/{7C}")],
    "/administration/groups/{group_id}/add": [
        Visit(HELENA, "/administration/groups/{7C}/add?search=lisä", False)
    ],
    "/administration/places/{row_id}/edit": [Visit(HELENA, "/administration/places/{place}/edit", False)],
    "/administration/people/{person_id}/move": [Visit(HELENA, "/administration/people/{Aino}/move", False)],
    "/administration/move-up": [Visit(HELENA, "/administration/move-up?school={school}", False)],
    "/administration/move-up/done": [
        Visit(HELENA, "/administration/move-up/done?school={school}&batch={school}", False)
    ],
    "/administration/years/next": [Visit(HELENA, "/administration/years/next", False)],
    "/administration/mail": [Visit(HELENA, "/administration/mail", False)],
    "/administration/sign-ins": [Visit(HELENA, "/administration/sign-ins")],
    "/administration/retention": [Visit(HELENA, "/administration/retention", False)],
    "/administration/access": [Visit(HELENA, "/administration/access", False)],
}
# They show no rows of the register: nobody has signed in there.
WITHOUT_ROWS = {"/sign-in", "/language/{code}", "/signed-out", "/healthz"}


def test_every_page_is_looked_at(app: FastAPI) -> None:
    paths = get_openapi(title="-", version="-", routes=app.routes)["paths"]
    assert PAGES.keys() | WITHOUT_ROWS == {path for path, methods in paths.items() if "get" in methods}
    assert not PAGES.keys() & WITHOUT_ROWS


@pytest.mark.parametrize(
    "visit",
    [visit for visits in PAGES.values() for visit in visits],
    ids=lambda visit: f"{visit.name} {visit.address}",
)
def test_more_rows_need_no_more_statements(app: FastAPI, browse: Browse, town: Town, visit: Visit) -> None:
    # One of everything there is before: of nothing, some pages need not ask further, nor tell the audit.
    grow(app, town, range(1))
    browser = browse(visit.name)
    address = _address(app, town, visit.address)
    browser.get(address)
    with counted(app) as few:
        small = browser.get(address)
    grow(app, town, range(1, MORE + 1))
    address = _address(app, town, visit.address)
    with counted(app) as many:
        large = browser.get(address)
    assert (small.status_code, large.status_code) == (200, 200)
    if visit.grows:
        assert len(large.text) > len(small.text) + MORE * 10
    assert len(many) == len(few)
    assert len(many) <= 14


def _address(app: FastAPI, town: Town, address: str) -> str:
    """An address with identifiers; of imports and bundles, which come and go, those of the newest."""
    with Session(app.state.engine) as session:
        newest = {
            "upload": select(RosterUpload.id).order_by(RosterUpload.at.desc()),
            "import": select(RosterImport.id).order_by(RosterImport.at.desc()),
            "item": select(News.id).order_by(News.at.desc()),
            "course": select(Course.id),
            "place": select(Enrolment.id).where(Enrolment.group_id == town.groups["7C"]),
            "role": select(Role.id).where(Role.person_id == town.people[AINO]),
            "year": select(AcademicSession.id).where(AcademicSession.session_type == SessionType.SCHOOL_YEAR),
        }
        known = {name: session.scalar(query.limit(1)) for name, query in newest.items()}
    known |= {"Aino": town.people[AINO], "Maija": town.people[MAIJA], "7C": town.groups["7C"]}
    known |= {"school": town.places["Koivulan koulu"]}
    for name, value in known.items():
        address = address.replace(f"{{{name}}}", str(value))
    return address
