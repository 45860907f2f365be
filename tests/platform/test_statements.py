"""The number of SQL statements of a page does not grow with the rows that it shows, whatever page it is."""

from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.core.models import (
    AcademicSession,
    Course,
    Enrolment,
    News,
    Role,
    RosterImport,
    RosterUpload,
    SessionType,
)
from tests.platform.conftest import Browse
from tests.platform.growing import MORE, counted, grow
from tests.platform.town import Town


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
    # Equal lines of one minute are one.
    "/looks": [Visit(AINO, "/looks", False)],
    "/looks/{person_id}": [Visit(MAIJA, "/looks/{Aino}", False)],
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
