"""The search: each role finds those whom it may list, by any way of writing a name, and nobody else."""

import re
import unicodedata

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.core.access import Desktop, Relation, searches
from digione_platform.core.audit import Act
from digione_platform.core.models import AuditEvent, Course, Group, Person, Role, RoleName
from digione_platform.core.names import PERSON_WORDS, begins, split
from tests.platform.conftest import Browse
from tests.platform.growing import counted
from tests.platform.town import Town

PUPILS = ("Virtanen Ainu", "Virtanen Elsa", "Öhman Eero", "Åberg Olli", "Suojattu Piilo")
# Whose pupils each may search.
MAY = {
    "Tiina Opettaja": {"Virtanen Ainu", "Åberg Olli", "Suojattu Piilo"},
    "Kalle Kollega": {"Virtanen Ainu", "Åberg Olli"},
    "Raili Rehtori": {"Virtanen Ainu", "Öhman Eero", "Åberg Olli", "Suojattu Piilo"},
    "Sirpa Sihteeri": {"Virtanen Ainu", "Öhman Eero", "Åberg Olli", "Suojattu Piilo"},
    "Helena Hallinto": set(PUPILS),
}


def main_of(page: str) -> str:
    return page[page.index("<main") : page.index("</main>")]


def found(page: str) -> set[str]:
    """The names in the first column of all tables."""
    return set(re.findall(r"<tr><td>(?:<a [^>]*>)?([^<]+)", main_of(page)))


@pytest.fixture
def with_courses(app: FastAPI, town: Town) -> None:
    """A course of the school with a group, one of the municipality, one of another school."""
    with Session(app.state.engine) as session, session.begin():
        courses = [
            Course(sourced_id=name, title=name, course_code=code, organisation_id=town.places[place])
            for name, code, place in (
                ("Matematiikka", "MA7", "Koivulan koulu"),
                ("Äidinkieli", None, "municipality"),
                ("Modersmål", None, "Åkerby skola"),
            )
        ]
        session.add_all(courses)
        session.flush()
        session.get_one(Group, town.groups["Matematiikka 7C"]).course_id = courses[0].id


@pytest.mark.parametrize(
    ("desktop", "relation"),
    [
        (Desktop.PUPIL, None),
        (Desktop.GUARDIAN, None),
        (Desktop.TEACHER, Relation.OWN_GROUP),
        (Desktop.PRINCIPAL, Relation.OWN_SCHOOL),
        (Desktop.SECRETARY, Relation.OWN_SCHOOL),
        (Desktop.MUNICIPALITY, Relation.OWN_MUNICIPALITY),
    ],
)
def test_a_role_searches_among_those_whom_it_may_list(desktop: Desktop, relation: Relation | None) -> None:
    assert searches(desktop) is relation


@pytest.mark.parametrize("name", ["Aino Virtanen", "Maija Virtanen"])
def test_pupils_and_guardians_have_no_search(app: FastAPI, browse: Browse, name: str) -> None:
    browser = browse(name)
    assert 'action="/search"' not in browser.get("/").text
    assert browser.get("/search?search=virtanen").status_code == 404
    with Session(app.state.engine) as session:
        refused = session.scalars(select(AuditEvent).where(AuditEvent.action == Act.REFUSED)).all()
    assert [event.detail["route"] for event in refused] == ["/search"]


@pytest.mark.parametrize("name", MAY)
def test_each_role_finds_its_own_pupils_only(browse: Browse, name: str) -> None:
    browser = browse(name)
    assert 'action="/search"' in browser.get("/").text
    shown: set[str] = set()
    for words in PUPILS:
        shown |= found(browser.get("/search", params={"search": words}).text) & set(PUPILS)
    assert shown == MAY[name]
    if name != "Helena Hallinto":
        assert found(browser.get("/search?kind=pupils").text) == MAY[name]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("ÅBERG", "Åberg Olli"),
        ("aberg", "Åberg Olli"),
        ("ohm ee", "Öhman Eero"),
        ("EERO öh", "Öhman Eero"),
        (unicodedata.normalize("NFD", "öhman"), "Öhman Eero"),
        # As she is called, and as the register has it.
        ("ainu", "Virtanen Ainu"),
        ("aino", "Virtanen Ainu"),
        ("7c virt", "Virtanen Ainu"),
    ],
)
def test_a_name_is_found_however_it_is_written(browse: Browse, words: str, name: str) -> None:
    page = browse("Sirpa Sihteeri").get("/search", params={"search": words}).text
    assert found(page) & set(PUPILS) == {name}


def test_a_letter_with_dots_finds_no_other(browse: Browse) -> None:
    assert "Åberg" not in found(browse("Sirpa Sihteeri").get("/search?search=äberg").text)
    assert "Virtanen Ainu" not in found(browse("Sirpa Sihteeri").get("/search?search=äinu").text)


def test_parts_of_a_double_name_are_found(app: FastAPI, town: Town) -> None:
    with Session(app.state.engine) as session:
        person = session.get_one(Person, town.people["Aino Virtanen"])
        person.family_name = "O'Neill-Müller \\ "
        session.flush()
        for words in ("o'ne", "muller", "Müller", "O'Neill-Müller", "mül o'n", "\\"):
            query = select(Person.id).where(begins(PERSON_WORDS, *split(words)))
            assert list(session.scalars(query)) == [person.id], words
        person.family_name = "å" * 3000
        session.flush()


@pytest.mark.parametrize(
    "words", ["%", "_", "\\", "' or 1=1 --", "<script>alert(1)</script>", "a:*|b", "'", "&|!"]
)
def test_odd_words_find_nobody_and_break_nothing(browse: Browse, words: str) -> None:
    for name in ("Sirpa Sihteeri", "Helena Hallinto"):
        page = browse(name).get("/search", params={"search": words})
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "Nothing matches" in page.text
        assert found(page.text) == set()


@pytest.mark.parametrize("words", ["", "  ", "\x00", "-"])
def test_without_words_the_page_says_what_to_type(browse: Browse, words: str) -> None:
    page = browse("Sirpa Sihteeri").get("/search", params={"search": words}).text
    assert "Type the beginning of a name" in page
    assert found(page) == set()
    assert 'href="/pupils"' in page


def test_guardians_are_found_with_their_children_of_the_own_school(browse: Browse) -> None:
    page = main_of(browse("Sirpa Sihteeri").get("/search?search=maija").text)
    assert "Virtanen Maija" in page
    assert "Virtanen Ainu" in page
    assert "Virtanen Elsa" not in page
    assert "Virtanen Maija" not in browse("Tiina Opettaja").get("/search?search=öhman").text


def test_groups_are_found_by_title_teacher_and_course(browse: Browse, with_courses: None) -> None:
    secretary = browse("Sirpa Sihteeri")
    for words, groups in {
        "7c": {"7C", "Matematiikka 7C"},
        "tiina": {"7C"},
        "ma7": {"Matematiikka 7C"},
        "kollega mat": {"Matematiikka 7C"},
    }.items():
        page = secretary.get("/search", params={"search": words, "kind": "groups"}).text
        assert found(page) == groups, words
    teacher = browse("Kalle Kollega").get("/search?kind=groups").text
    assert found(teacher) == {"Matematiikka 7C"}
    everywhere = main_of(browse("Helena Hallinto").get("/search?search=3b").text)
    assert "Åkerby skola" in everywhere
    group = re.search(r'href="(/administration/groups/[^"]+)"', everywhere)
    assert group is not None
    assert browse("Helena Hallinto").get(group[1]).status_code == 200


def test_courses_are_those_of_the_school_and_of_the_municipality(browse: Browse, with_courses: None) -> None:
    page = browse("Sirpa Sihteeri").get("/search?kind=courses").text
    assert found(page) == {"Matematiikka · MA7", "Perusopetus", "Äidinkieli"}
    assert "/search?kind=groups&amp;search=MA7" in page
    assert found(browse("Helena Hallinto").get("/search?search=mo").text) == {"Modersmål"}


@pytest.mark.parametrize(
    ("kind", "words", "name"),
    [
        ("schools", "00002", "Åkerby skola"),
        ("schools", "akerby", "Åkerby skola"),
        ("groups", "3b", "3B"),
        ("courses", "perus", "Perusopetus"),
        ("years", "syys", "Syyslukukausi"),
    ],
)
def test_the_lists_of_the_register_find_as_the_search_does(
    browse: Browse, kind: str, words: str, name: str
) -> None:
    admin = browse("Helena Hallinto")
    assert name in main_of(admin.get(f"/administration/{kind}?search={words}").text)
    assert name not in main_of(admin.get(f"/administration/{kind}?search={words[1:]}").text)
    if kind != "years":
        assert name in main_of(admin.get(f"/search?kind={kind}&search={words}").text)


def test_the_municipality_finds_schools_and_everyone(browse: Browse, town: Town) -> None:
    page = browse("Helena Hallinto").get("/search?search=akerb").text
    assert f"/administration/schools/{town.places['Åkerby skola']}/edit" in page
    page = browse("Helena Hallinto").get("/search?search=rehtori").text
    assert f"/administration/people/{town.people['Raili Rehtori']}" in page
    assert "Principal" in page


@pytest.mark.parametrize("name", [*MAY, "Suvi Suojattu"])
def test_what_is_protected_stays_so(browse: Browse, name: str) -> None:
    browser = browse(name)
    roles = re.findall(r'name="role" value="([^"]+)"', browser.get("/").text)
    for role in [None, *roles]:
        if role:
            browser.post("/desk", data={"role": role})
        for address in (
            "search=suojattu",
            "search=piilo",
            "search=suvi",
            "kind=pupils",
            "kind=guardians",
            "kind=people",
        ):
            assert "MARKER" not in browser.get(f"/search?{address}").text
    if name != "Suvi Suojattu":
        page = main_of(browse(name).get("/search?search=suojattu").text)
        assert ("Non-disclosure" in page) == ("Suojattu Piilo" in page)
        if name == "Helena Hallinto":
            assert "Koivulan koulu" not in page


def test_the_school_of_a_protected_teacher_is_told_to_the_school_only(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    with Session(app.state.engine) as session, session.begin():
        session.get_one(Person, town.people["Kalle Kollega"]).nondisclosure = True
    municipality, secretary = browse("Helena Hallinto"), browse("Sirpa Sihteeri")
    address = "/search?kind=groups&search="
    assert found(secretary.get(f"{address}kollega").text) == {"Matematiikka 7C"}
    assert found(municipality.get(f"{address}kollega").text) == set()
    for words in ("matematiikka", "kollega", ""):
        assert "Kollega" not in re.sub(r'value="[^"]*"', "", main_of(municipality.get(address + words).text))
    assert found(municipality.get(f"{address}tiina").text) == {"7C", "3B"}


@pytest.mark.parametrize("name", ["Sirpa Sihteeri", "Kalle Kollega", "Helena Hallinto"])
def test_whoever_is_shown_is_in_the_audit(app: FastAPI, browse: Browse, town: Town, name: str) -> None:
    answer = browse(name).get("/search?search=virtanen")
    with Session(app.state.engine) as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.request == answer.headers["x-request-id"])
        ).all()
    people = {one: town.people[one] for one in ("Aino Virtanen", "Maija Virtanen", "Elsa Virtanen")}
    told = {(event.action, event.reason, event.subject) for event in events}
    if name == "Helena Hallinto":
        assert told == {(Act.LIST_PEOPLE, Relation.OWN_MUNICIPALITY, one) for one in people.values()}
    else:
        relation = Relation.OWN_SCHOOL if name == "Sirpa Sihteeri" else Relation.OWN_GROUP
        assert told == {
            (Act.LIST_PUPILS, relation, people["Aino Virtanen"]),
            (Act.LIST_PEOPLE, Relation.GUARDIAN_OF_PUPIL, people["Maija Virtanen"]),
        }
    assert all("virtanen" not in str(event.detail).lower() for event in events)


@pytest.mark.parametrize("kind", ["x", "people", "schools"])
def test_a_kind_that_a_role_does_not_search_is_not_found(browse: Browse, kind: str) -> None:
    assert browse("Sirpa Sihteeri").get(f"/search?kind={kind}").status_code == 404


def test_many_are_cut_into_pages_and_take_no_more_statements(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    browser = browse("Sirpa Sihteeri")
    with counted(app) as before:
        browser.get("/search?search=virtanen")
    with Session(app.state.engine) as session, session.begin():
        for number in range(60):
            person = Person(sourced_id=f"x{number}", given_name=f"Ö{number:02}", family_name="Virtanen")
            session.add(person)
            session.flush()
            school = town.places["Koivulan koulu"]
            session.add(
                Role(
                    sourced_id=f"x{number}",
                    person_id=person.id,
                    organisation_id=school,
                    role=RoleName.STUDENT,
                )
            )
    with counted(app) as after:
        page = browser.get("/search?search=virtanen").text
    assert len(after) == len(before) <= 14
    assert "Show all 61" in page
    assert "/search?kind=pupils&amp;search=virtanen" in page
    pages = [browser.get(f"/search?kind=pupils&search=virtanen&page={number}").text for number in (1, 2, 3)]
    assert [len(found(one)) for one in pages] == [25, 25, 11]
    assert "Virtanen Ö59" in pages[2]
    assert 'aria-current="page" aria-label="Page 3"' in pages[2]
