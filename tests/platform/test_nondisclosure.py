"""People under non-disclosure: planted words reach nobody but themselves, on no page of any role."""

import logging
import re
import zipfile
from collections import deque
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from digione_platform.roster.exporter import export_bundle
from tests.platform.conftest import Browse
from tests.platform.hostile import all_routes
from tests.platform.pages import OPEN, addresses, in_each_role
from tests.platform.town import Town

OTHERS = [
    "Aino Virtanen",
    "Maija Virtanen",
    "Toinen Vanhempi",
    "Tiina Opettaja",
    "Kalle Kollega",
    "Raili Rehtori",
    "Sirpa Sihteeri",
    "Helena Hallinto",
]


def pages_of(browser: TestClient) -> dict[str, str]:
    """Every page that can be reached by links from the desktop, in every role of the person."""
    found: dict[str, str] = {}
    roles = re.findall(r'name="role" value="([^"]+)"', browser.get("/").text)
    for role in [None, *roles]:
        if role is not None:
            browser.post("/desk", data={"role": role})
        waiting = deque(["/"])
        seen = set()
        while waiting:
            path = waiting.popleft()
            if path in seen or path.startswith(("/language/", "/static/")):
                continue
            seen.add(path)
            page = browser.get(path)
            assert page.status_code == 200, path
            found[f"{role} {path}"] = page.text
            waiting.extend(
                link.replace("&amp;", "&") for link in re.findall(r'<a [^>]*href="(/[^"]*)"', page.text)
            )
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_contact_details_of_protected_people_reach_nobody(browse: Browse, name: str) -> None:
    pages = pages_of(browse(name))
    assert len(pages) > 2
    assert [path for path, text in pages.items() if "MARKER" in text] == []


def test_the_other_guardian_sees_neither_school_nor_class(browse: Browse) -> None:
    pages = pages_of(browse("Toinen Vanhempi"))
    everything = "".join(pages.values())
    assert "Piilo Suojattu" in pages["None /"]
    assert "School, class and contact details are hidden" in pages["None /"]
    assert "Koivulan koulu" not in everything
    assert "7C" not in everything


def test_the_guardian_who_is_protected_too_sees_school_and_class(browse: Browse) -> None:
    page = browse("Suvi Suojattu").get("/").text
    assert "Piilo Suojattu" in page
    assert "Koivulan koulu" in page
    assert "7C" in page


def test_staff_are_told_that_a_pupil_is_protected(browse: Browse, town: Town) -> None:
    secretary = browse("Sirpa Sihteeri")
    assert "Non-disclosure" in secretary.get("/pupils").text
    page = secretary.get(f"/pupils/{town.people['Piilo Suojattu']}").text
    assert "Tell nobody where this pupil lives" in page
    assert "hidden" in page


@pytest.mark.parametrize("name", ["Helena Hallinto", "Toinen Vanhempi", "Raili Rehtori", "Tiina Opettaja"])
def test_nothing_that_others_see_depends_on_where_a_protected_child_goes(
    app: FastAPI, browse: Browse, town: Town, name: str
) -> None:
    """Neither a number nor the order of a list; nor for the other guardian who is on the staff."""
    guardian = {"guardian": town.people[name], "child": town.people["Piilo Suojattu"]}
    if name in ("Raili Rehtori", "Tiina Opettaja"):
        with app.state.engine.begin() as connection:
            guards = "insert into guardianships (guardian_id, child_id) values (:guardian, :child)"
            connection.execute(text(guards), guardian)
    before = without_what_passes(pages_of(browse(name)))
    with app.state.engine.begin() as connection:
        connection.execute(
            text("""
                with moved as (update roles set organisation_id = :school where person_id = :child),
                placed as (
                    update enrolments set group_id = :group, school_id = :school where person_id = :child
                )
                update persons set primary_organisation_id = :school where id = :child
            """),
            {
                "child": town.people["Piilo Suojattu"],
                "school": town.places["Åkerby skola"],
                "group": town.groups["3B"],
            },
        )
    after = without_what_passes(pages_of(browse(name)))
    assert {path: page for path, page in after.items() if page != before.get(path)} == {}
    assert after.keys() == before.keys()


def without_what_passes(pages: dict[str, str]) -> dict[str, str]:
    """Pages that may be compared: no list of what was done, and nothing that each request makes anew."""
    return {
        path: re.sub(r'name="\w+" value="[^"]*"|row_id(=|%3D)[-0-9a-f]+|\d\d?:\d\d', "", page)
        for path, page in pages.items()
        if not re.search(r"/(audit|looks|history|news?|next|sign-ins)\b", path)
    }


def test_protected_people_see_their_own_details(browse: Browse) -> None:
    assert "MARKER-guardian@koti.example" in browse("Suvi Suojattu").get("/me").text
    assert "MARKER-child@kunta.example" in browse("Piilo Suojattu").get("/me").text


@pytest.fixture
def marked(app: FastAPI, town: Town) -> Engine:
    """Every detail of the protected people is marked, and who they are called as well."""
    engine: Engine = app.state.engine
    details = ("middle_name", "sms", "username", "learner_number", "identifier")
    hidden = [town.people["Piilo Suojattu"], town.people["Suvi Suojattu"]]
    with engine.begin() as connection:
        for column in details:
            connection.execute(
                text(f"update persons set {column} = 'MARKER-' || id where id = any(:hidden)"),  # noqa: S608
                {"hidden": hidden},
            )
        connection.execute(
            text("update accounts set username = 'marker-' || username where person_id = any(:hidden)"),
            {"hidden": hidden},
        )
    return engine


@pytest.mark.parametrize("name", OTHERS)
def test_no_address_in_no_role_gives_their_details(
    app: FastAPI, browse: Browse, town: Town, marked: Engine, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it is found or refused: every known route, with everyone and everything in its place."""
    caplog.set_level(logging.INFO)
    browser = browse(name)
    tried = 0
    for _ in in_each_role(browser):
        for route in {one.path for one in all_routes(app, "GET")} - OPEN:
            # The administrator must know by which username somebody signs in.
            kept = route.startswith("/administration/people/") and name == "Helena Hallinto"
            for address in addresses(route, town):
                shown = browser.get(address).text
                assert kept or "marker" not in shown.lower(), address
                assert "MARKER-child" not in shown, address
                assert "MARKER-guardian" not in shown, address
                tried += 1
    for query in ("?search=MARKER", "?person=MARKER", "?search=suojattu", "?person=suojattu"):
        for path in ("/pupils", "/administration/people", "/administration/sign-ins", "/audit"):
            shown = browser.get(f"{path}{query}").text
            assert "MARKER-" not in shown, path
    assert tried > 50
    assert "marker-" not in caplog.text.lower()


def test_an_export_for_others_is_without_them(marked: Engine, tmp_path: Path) -> None:
    for protected in (False, True):
        path = tmp_path / f"{protected}.zip"
        export_bundle(marked, path, actor="testi", protected=protected)
        with zipfile.ZipFile(path) as archive:
            written = "".join(archive.read(one).decode() for one in archive.namelist())
        assert ("MARKER" in written) is protected
        assert ("Suojattu" in written) is protected
