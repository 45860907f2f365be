"""Each role's desktop: what it shows, and that nobody else's does."""

import pytest
from fastapi import FastAPI

from digione_platform.i18n import Texts, today
from tests.platform.conftest import Browse
from tests.platform.town import Town


@pytest.fixture
def app(shared_app: FastAPI) -> FastAPI:
    return shared_app


DESKTOPS = {
    "Aino Virtanen": ("Pupil", ["My class and groups", "7C", "Opettaja Tiina", "Matematiikka 7C"]),
    "Maija Virtanen": (
        "Guardian",
        ["My children", "Ainu Virtanen", "Elsa Virtanen", "7C", "3B", "Åkerby skola"],
    ),
    "Kalle Kollega": ("Teacher · Koivulan koulu", ["My groups", "Matematiikka 7C"]),
    "Raili Rehtori": ("Principal · Koivulan koulu", ["My school", "Classes", "7C", "10A", "Staff"]),
    "Sirpa Sihteeri": ("School secretary · Koivulan koulu", ["My school", "Classes"]),
    "Helena Hallinto": ("Municipal administrator · Mallila", ["Schools", "Åkerby skola", "mallila.zip"]),
}


@pytest.mark.parametrize("name", DESKTOPS)
def test_each_role_gets_its_own_desktop(browse: Browse, name: str) -> None:
    title, texts = DESKTOPS[name]
    page = browse(name).get("/")
    assert page.status_code == 200
    assert title in page.text
    for text in texts:
        assert text in page.text


@pytest.mark.parametrize(
    ("language", "welcome", "role"),
    [
        ("fi", "Tervetuloa, Raili", "Rehtori"),
        ("sv", "Välkommen, Raili", "Rektor"),
        ("en", "Welcome, Raili", "Principal"),
    ],
)
def test_the_desktop_speaks_three_languages(browse: Browse, language: str, welcome: str, role: str) -> None:
    page = browse("Raili Rehtori", language).get("/")
    assert f'<html lang="{language}">' in page.text
    assert welcome in page.text
    assert role in page.text


def test_the_municipality_has_its_name_in_the_reader_s_language(browse: Browse) -> None:
    for language, name in (("fi", "Mallila"), ("sv", "Modellby"), ("en", "Mallila")):
        browser = browse("Helena Hallinto", language)
        for path in ("/", "/me"):
            assert f" · {name}" in browser.get(path).text, (language, path)
    assert " · Mallila" not in browse("Helena Hallinto", "sv").get("/").text


@pytest.mark.parametrize("name", DESKTOPS)
def test_every_service_area_on_the_desktop_opens(browse: Browse, name: str) -> None:
    browser = browse(name)
    desktop = browser.get("/").text
    shown = [
        key
        for key in ("homeschool", "scheduling", "administration", "teaching")
        if f"/areas/{key}" in desktop
    ]
    assert shown
    for key in ("homeschool", "scheduling", "administration", "teaching"):
        assert browser.get(f"/areas/{key}").status_code == (200 if key in shown else 404)


def test_a_person_with_several_roles_changes_between_them(browse: Browse) -> None:
    browser = browse("Tiina Opettaja")
    first = browser.get("/").text
    assert "Teacher · Koivulan koulu" in first
    assert "7C" in first
    assert "3B" not in first
    roles = {label: role for role, label in _other_roles(first)}
    assert set(roles) == {"Teacher · Åkerby skola", "Guardian"}

    assert browser.post("/desk", data={"role": roles["Guardian"]}).status_code == 200
    assert "My children" in browser.get("/").text
    browser.post("/desk", data={"role": roles["Teacher · Åkerby skola"]})
    assert "3B" in browser.get("/").text


def test_nobody_works_in_a_role_of_someone_else(browse: Browse) -> None:
    principal = browse("Raili Rehtori")
    foreign = _other_roles(browse("Tiina Opettaja").get("/").text)[0][0]
    assert principal.post("/desk", data={"role": foreign}).status_code == 404
    assert "Principal" in principal.get("/").text


def test_a_page_that_is_not_found_keeps_the_menu(browse: Browse, town: Town) -> None:
    teacher = browse("Kalle Kollega")
    for path in ("/areas/administration", f"/pupils/{town.people['Eero Öhman']}", "/pupils/x"):
        page = teacher.get(path)
        assert page.status_code == 404
        assert "Kalle Kollega" in page.text
        assert "Sign out" in page.text


def test_a_person_without_a_role_is_told_what_to_do(browse: Browse) -> None:
    page = browse("Rooliton Henkilö").get("/")
    assert page.status_code == 403
    assert "You have no role here yet" in page.text
    assert "Sign out" in page.text


def test_a_closed_person_is_not_let_in(browse: Browse, town: Town) -> None:
    browser = browse()
    page = browser.get(f"/sign-in?account={town.accounts['Suljettu Tunnus']}")
    assert page.status_code == 403
    assert "You have no user account here" in page.text


def test_a_teacher_sees_own_groups_only(browse: Browse, town: Town) -> None:
    teacher = browse("Kalle Kollega")
    page = teacher.get(f"/groups/{town.groups['Matematiikka 7C']}")
    assert "Virtanen Ainu" in page.text
    assert teacher.get(f"/groups/{town.groups['7C']}").status_code == 404
    assert teacher.get(f"/groups/{town.groups['3B']}").status_code == 404
    assert teacher.get(f"/pupils/{town.people['Aino Virtanen']}").status_code == 200
    assert teacher.get(f"/pupils/{town.people['Eero Öhman']}").status_code == 404


def test_a_principal_sees_own_school_only(browse: Browse, town: Town) -> None:
    principal = browse("Raili Rehtori")
    assert principal.get(f"/pupils/{town.people['Aino Virtanen']}").status_code == 200
    assert principal.get(f"/pupils/{town.people['Elsa Virtanen']}").status_code == 404
    assert principal.get(f"/groups/{town.groups['3B']}").status_code == 404
    assert principal.get(f"/pupils/{town.people['Maija Virtanen']}").status_code == 404


def test_pupils_guardians_and_the_municipality_open_no_pupil(browse: Browse, town: Town) -> None:
    for name in ("Olli Åberg", "Maija Virtanen", "Helena Hallinto"):
        browser = browse(name)
        for path in ("/pupils", f"/pupils/{town.people['Aino Virtanen']}", f"/groups/{town.groups['7C']}"):
            assert browser.get(path).status_code == 404, (name, path)


def test_pupils_are_listed_in_finnish_order_with_the_number_of_the_class_first(browse: Browse) -> None:
    secretary = browse("Sirpa Sihteeri")
    by_name = secretary.get("/pupils").text
    assert _order(by_name, "Suojattu Piilo", "Virtanen Ainu", "Åberg Olli", "Öhman Eero")
    by_class = secretary.get("/pupils?sort=class").text
    assert _order(by_class, ">7C<", ">10A<")


@pytest.mark.parametrize(
    ("search", "found"),
    [("virt", "Virtanen Ainu"), ("OLLI", "Åberg Olli"), ("åb", "Åberg Olli"), ("7c virt", "Virtanen Ainu")],
)
def test_the_secretary_finds_pupils_by_name_and_class(browse: Browse, search: str, found: str) -> None:
    page = browse("Sirpa Sihteeri").get("/pupils", params={"search": search}).text
    assert found in page
    assert "Öhman Eero" not in page


@pytest.mark.parametrize("search", ["%", "_", "\\", "' or 1=1 --", "<script>alert(1)</script>", "\x00"])
def test_odd_searches_find_nobody_and_break_nothing(browse: Browse, search: str) -> None:
    page = browse("Sirpa Sihteeri").get("/pupils", params={"search": search})
    assert page.status_code == 200
    assert "<script" not in page.text
    if search != "\x00":
        assert "Nobody was found" in page.text


@pytest.mark.parametrize("query", ["page=x", "sort=phone", f"search={'a' * 101}"])
def test_addresses_that_were_never_linked_are_not_found(browse: Browse, query: str) -> None:
    assert browse("Sirpa Sihteeri").get(f"/pupils?{query}").status_code == 404


@pytest.mark.parametrize("number", [-1, 0, 50, 99999999999])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Sirpa Sihteeri", "/pupils"),
        ("Sirpa Sihteeri", "/search?kind=pupils"),
        ("Sirpa Sihteeri", "/looks"),
        ("Helena Hallinto", "/audit"),
        ("Helena Hallinto", "/administration/people"),
        ("Helena Hallinto", "/administration/years"),
        ("Helena Hallinto", "/administration/sign-ins"),
        ("Helena Hallinto", "/history/persons/{Aino}"),
    ],
)
def test_a_page_that_a_list_does_not_have_leads_to_the_nearest(
    browse: Browse, town: Town, name: str, path: str, number: int
) -> None:
    path = path.replace("{Aino}", str(town.people["Aino Virtanen"]))
    browser = browse(name)
    first = main_of(browser.get(path).text)
    page = browser.get(f"{path}{'&' if '?' in path else '?'}page={number}")
    assert page.status_code == 200
    if path not in ("/audit", "/looks", "/administration/sign-ins"):  # they tell of each other
        assert main_of(page.text) == first


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/pupils/x", 404),
        ("DELETE", "/", 405),
        ("POST", "/desk", 422),
    ],
)
def test_a_page_that_tells_of_a_failure_has_the_menu_of_who_is_signed_in(
    browse: Browse, method: str, path: str, status: int
) -> None:
    page = browse("Raili Rehtori").request(method, path)
    assert page.status_code == status
    for text in ("Raili Rehtori", "Sign out", "/areas/teaching", 'action="/search"'):
        assert text in page.text
    nobody = browse().request(method, path)
    assert nobody.status_code in (status, 200)
    assert "Sign out" not in nobody.text


def test_a_desktop_begins_with_the_day(browse: Browse) -> None:
    for language, week, until in (
        ("fi", "viikko", "asti"),
        ("sv", "vecka", "till och med"),
        ("en", "week", "until"),
    ):
        page = browse("Maija Virtanen", language).get("/").text
        assert Texts(language).weekday(today()) in page
        assert f"{week} {today().isocalendar().week}" in page
        assert until in page
        assert "Syyslukukausi" in page


def main_of(page: str) -> str:
    return page[page.index("<main") : page.index("</main>")]


def _order(text: str, *parts: str) -> bool:
    places = [text.index(part) for part in parts]
    return places == sorted(places)


def _other_roles(page: str) -> list[tuple[str, str]]:
    """The identifier and label of each role that can be changed to."""
    import re

    buttons = re.findall(r'name="role" value="([^"]+)">(.*?)</button>', page, re.DOTALL)
    return [(role, re.sub(r"<[^>]+>", "", label).strip()) for role, label in buttons]
