"""People under non-disclosure: planted words reach nobody but themselves, on no page of any role."""

import re
from collections import deque

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.platform.conftest import Browse
from tests.platform.town import Town


@pytest.fixture
def app(shared_app: FastAPI) -> FastAPI:
    return shared_app


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


def test_protected_people_see_their_own_details(browse: Browse) -> None:
    assert "MARKER-guardian@koti.example" in browse("Suvi Suojattu").get("/me").text
    assert "MARKER-child@kunta.example" in browse("Piilo Suojattu").get("/me").text
