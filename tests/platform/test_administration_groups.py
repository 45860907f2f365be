"""Courses, classes and groups, who is in them, and how pupils and classes move."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from digione_platform.core.models import (
    AcademicSession,
    AuditEvent,
    Course,
    Enrolment,
    EnrolmentRole,
    Group,
    GroupSession,
    GroupType,
    Organisation,
    Origin,
    Person,
    Role,
    RoleName,
    RowHistory,
    SessionType,
    Status,
)
from digione_platform.core.schools import follow_moves
from digione_platform.i18n import today
from tests.platform.conftest import Browse
from tests.platform.forms import events, fill, filled_in, find, target
from tests.platform.growing import counted, grow
from tests.platform.town import YEAR, Town

PAGES = ("groups", "courses", "move-up", "years/next", "groups/new", "courses/new")
KOIVU, AKERBY = "Koivulan koulu", "Åkerby skola"
TODAY = today()


@pytest.fixture
def term(app: FastAPI) -> UUID:
    found = find(app, select(AcademicSession.id).where(AcademicSession.session_type == SessionType.TERM))
    assert isinstance(found, UUID)
    return found


@pytest.fixture
def set_up(app: FastAPI, town: Town, term: UUID) -> None:
    """The classes have a grade and a term, as a register brings them."""
    with Session(app.state.engine) as session, session.begin():
        for title, grade in (("7C", "07"), ("10A", "09"), ("3B", "03")):
            session.get_one(Group, town.groups[title]).grades = [grade]
        for group in town.groups.values():
            session.add(GroupSession(group_id=group, session_id=term))


def places(app: FastAPI, group: UUID, *conditions: Any) -> list[Enrolment]:
    with Session(app.state.engine) as session:
        query = select(Enrolment).where(Enrolment.group_id == group, Enrolment.status == Status.ACTIVE)
        return list(session.scalars(query.where(*conditions)))


def add_people(browser: TestClient, group: UUID, of: str, *people: UUID, **values: str) -> Response:
    page = browser.get(f"/administration/groups/{group}/add?of={of}")
    assert page.status_code == 200, page.text
    sent = filled_in(page.text) | {"people": [str(one) for one in people]} | values
    return browser.post(f"/administration/groups/{group}/add", data=sent, follow_redirects=False)


def rows_in(page: str) -> str:
    """A page whose form has a row for each of several things, for ``filled_in``."""
    return page.split("<main")[1].replace('<form method="post"', '<form class="form" method="post"')


# Who may, and how much it costs


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["Raili Rehtori", "Tiina Opettaja", "Aino Virtanen"])
def test_the_pages_are_the_municipality_s_administrator_s_alone(
    browse: Browse, admin: TestClient, path: str, name: str
) -> None:
    assert browse(name).get(f"/administration/{path}").status_code == 404
    assert admin.get(f"/administration/{path}").status_code == 200


@pytest.mark.parametrize("language", ["fi", "sv"])
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_speak_finnish_and_swedish(browse: Browse, path: str, language: str) -> None:
    page = browse("Helena Hallinto", language).get(f"/administration/{path}")
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text


def test_what_others_send_changes_nothing(app: FastAPI, browse: Browse, town: Town) -> None:
    group, person = town.groups["7C"], town.people["Aino Virtanen"]
    place = places(app, group)[0]
    for name in ("Raili Rehtori", "Tiina Opettaja", "Maija Virtanen"):
        for path in (
            f"groups/{group}",
            f"groups/{group}/add",
            f"places/{place.id}",
            f"people/{person}/move",
            f"courses/{group}",
            "move-up",
            "years/next",
        ):
            assert browse(name).post(f"/administration/{path}", data={"title": "x"}).status_code == 404, path
    assert find(app, select(func.count()).select_from(RowHistory).where(RowHistory.change == "update")) == 0


@pytest.mark.parametrize(
    "path",
    [
        "groups",
        "courses",
        "groups/{7C}",
        "groups/{10A}/add?of=everywhere",
        "groups/{7C}/add?of=staff",
        "groups/{7C}/edit",
        "people/{Aino}/move",
        "move-up?school={Koivu}",
        "move-up/done?school={Koivu}&batch={Koivu}",
        "years",
        "years/next",
    ],
)
@pytest.mark.usefixtures("set_up")
def test_more_rows_need_no_more_statements(app: FastAPI, admin: TestClient, town: Town, path: str) -> None:
    names = {"{7C}": town.groups["7C"], "{10A}": town.groups["10A"]}
    names |= {"{Aino}": town.people["Aino Virtanen"], "{Koivu}": town.places[KOIVU]}
    address = f"/administration/{path}"
    for name, key in names.items():
        address = address.replace(name, str(key))
    add_next_year(app)
    admin.get(address)
    with counted(app) as before:
        small = admin.get(address)
    grow(app, town)
    with Session(app.state.engine) as session, session.begin():
        term = session.scalars(
            select(AcademicSession.id).where(AcademicSession.title == "Syyslukukausi")
        ).one()
        year = session.scalars(select(AcademicSession).where(AcademicSession.title == "Seuraava")).one()
        for number in range(20):
            own = {"sourced_id": f"more{number}", "title": f"Lisää {number}"}
            session.add(Course(**own, organisation_id=town.places["municipality"]))
            session.add(
                AcademicSession(
                    **own,
                    session_type=SessionType.TERM,
                    start_date=year.start_date,
                    end_date=year.end_date,
                    school_year=year.school_year,
                )
            )
            group = session.scalars(select(Group).where(Group.sourced_id == f"c{number}")).one()
            session.add(GroupSession(group_id=group.id, session_id=term))
            teacher = Role(
                sourced_id=f"rt{number}",
                person_id=session.scalars(select(Person.id).where(Person.sourced_id == f"g{number}")).one(),
                organisation_id=town.places[KOIVU],
                role=RoleName.TEACHER,
            )
            session.add(teacher)
    with counted(app) as after:
        large = admin.get(address)
    assert (small.status_code, large.status_code) == (200, 200)
    assert len(large.text) > len(small.text) + 200
    assert len(after) == len(before)
    assert len(after) <= 14


# Courses and groups


def test_a_course_is_added_and_changed(app: FastAPI, admin: TestClient, town: Town) -> None:
    answer = fill(
        admin,
        "/administration/courses/new",
        title="Matematiikka 7",
        course_code="MA7",
        organisation_id=str(town.places["municipality"]),
        grades=["07", "08"],
        subjects="matematiikka, fysiikka",
    )
    assert answer.status_code == 303, answer.text
    row = find(app, select(Course).where(Course.title == "Matematiikka 7"))
    assert (row.title, row.grades, row.subjects, row.origin) == (
        "Matematiikka 7",
        ["07", "08"],
        ["matematiikka", "fysiikka"],
        Origin.PLATFORM,
    )
    assert "MA7" in admin.get("/administration/courses?search=ma7").text
    assert fill(admin, f"/administration/courses/{row.id}/edit", subjects="").status_code == 303
    assert find(app, select(Course.subjects).where(Course.id == row.id)) == []
    history = admin.get(f"/history/courses/{row.id}").text
    assert "matematiikka, fysiikka" in history
    assert "There is nothing yet" not in admin.get("/administration/courses").text


def test_a_class_is_added_once_with_its_terms(
    app: FastAPI, admin: TestClient, town: Town, term: UUID
) -> None:
    page = admin.get("/administration/groups/new").text
    sent = filled_in(page) | {"title": "1A", "school_id": str(town.places[KOIVU]), "term_ids": [str(term)]}
    for _ in range(2):
        assert admin.post(target(page), data=sent, follow_redirects=False).status_code == 303
    row = find(app, select(Group).where(Group.title == "1A"))
    assert find(app, select(GroupSession.session_id).where(GroupSession.group_id == row.id)) == term
    assert len(events(app, "add record")) == 1
    assert "Nobody is in it yet" in admin.get(f"/administration/groups/{row.id}").text
    again = fill(
        admin,
        "/administration/groups/new",
        title="1a",
        school_id=str(town.places[KOIVU]),
        term_ids=[str(term)],
    )
    assert again.status_code == 422
    assert "There is a group of this name" in again.text


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"term_ids": []}, {"term_ids": ["x"]}, {"course_id": "x"}, {"group_type": "x"}]
)
@pytest.mark.usefixtures("set_up")
def test_mistakes_of_a_group_are_told_at_the_field(
    app: FastAPI, admin: TestClient, town: Town, wrong: dict[str, Any]
) -> None:
    answer = fill(admin, f"/administration/groups/{town.groups['7C']}/edit", **wrong)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.usefixtures("set_up")
def test_the_second_editor_of_a_group_is_shown_the_difference(
    admin: TestClient, town: Town, term: UUID
) -> None:
    address = f"/administration/groups/{town.groups['7C']}/edit"
    page = admin.get(address).text
    sent = filled_in(page) | {"term_ids": [str(term)]}
    assert admin.post(target(page), data=sent | {"location": "A1"}, follow_redirects=False).status_code == 303
    late = admin.post(target(page), data=sent | {"location": "B2"})
    assert late.status_code == 409
    assert "<td>A1</td>" in late.text.replace("\n", "")


def test_groups_are_filtered_and_sorted_by_the_server(admin: TestClient, town: Town) -> None:
    def titles(query: str) -> list[str]:
        page = admin.get(f"/administration/groups?{query}").text
        return [title for title in ("7C", "10A", "3B", "Matematiikka 7C") if f">{title}</a>" in page]

    assert titles(f"place={town.places[AKERBY]}") == ["3B"]
    assert titles("kind=scheduled") == ["Matematiikka 7C"]
    assert titles("search=7c&kind=homeroom") == ["7C"]
    assert titles("search=7c") == ["7C", "Matematiikka 7C"]
    assert titles("search=c") == [], "words begin so, as in the search"
    assert titles(f"year={YEAR + 1}") == []
    page = admin.get("/administration/groups?sort=-name&kind=homeroom").text
    assert page.index(">10A<") < page.index(">7C<") < page.index(">3B<")
    for wrong in ("kind=x", "place=x", "year=1", "sort=x"):
        assert admin.get(f"/administration/groups?{wrong}").status_code == 404


# Places in groups


def test_pupils_are_put_into_a_class_together_and_once(app: FastAPI, admin: TestClient, town: Town) -> None:
    group, eero, elsa = (
        town.groups["Matematiikka 7C"],
        town.people["Eero Öhman"],
        town.people["Elsa Virtanen"],
    )
    page = admin.get(f"/administration/groups/{group}/add?of=everywhere").text
    sent = filled_in(page) | {"people": [str(eero), str(elsa)], "begin_date": TODAY.isoformat()}
    for _ in range(2):
        answer = admin.post(f"/administration/groups/{group}/add", data=sent, follow_redirects=False)
        assert answer.status_code == 303, answer.text
    added = places(app, group, Enrolment.origin == Origin.PLATFORM)
    assert {one.person_id for one in added} == {eero, elsa}
    assert {one.school_id for one in added} == {town.places[KOIVU]}
    assert {event.subject for event in events(app, "add record")} == {eero, elsa}
    assert "Öhman Eero" in admin.get(f"/administration/groups/{group}").text


def test_of_many_all_are_added_or_nobody(app: FastAPI, admin: TestClient, town: Town) -> None:
    # Eero is in a class already, and a pupil has one class at a time.
    group, eero = town.groups["7C"], town.people["Eero Öhman"]
    before = len(places(app, group))
    answer = add_people(admin, group, "everywhere", town.people["Elsa Virtanen"], eero)
    assert answer.status_code == 422
    assert "in another class at that time" in answer.text
    assert len(places(app, group)) == before
    assert events(app, "add record") == []
    assert add_people(admin, group, "everywhere").status_code == 422


def test_a_teacher_needs_a_role_at_the_school(app: FastAPI, admin: TestClient, town: Town) -> None:
    group = town.groups["3B"]
    page = admin.get(f"/administration/groups/{group}/add?of=staff&search=kolle").text
    assert "needs a role at this school" in page
    kalle = str(town.people["Kalle Kollega"])
    form = filled_in(admin.get(f"/administration/groups/{town.groups['10A']}/add?of=staff").text)
    refused = admin.post(f"/administration/groups/{group}/add", data=form | {"people": [kalle]})
    assert refused.status_code == 404
    answer = add_people(admin, town.groups["10A"], "staff", UUID(kalle), primary="yes")
    assert answer.status_code == 303
    (place,) = places(app, town.groups["10A"], Enrolment.role == EnrolmentRole.TEACHER)
    assert place.primary
    assert "Kollega Kalle" in admin.get("/administration/groups?search=10A").text


def test_people_under_non_disclosure_are_on_no_page_of_a_group(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    hidden, group = town.people["Piilo Suojattu"], town.groups["7C"]
    page = admin.get(f"/administration/groups/{group}").text
    assert "Suojattu" not in page
    assert "People under non-disclosure are not listed." in page
    for path in (f"groups/{town.groups['10A']}/add?of=everywhere", f"groups/{group}?who=past"):
        assert "Suojattu" not in admin.get(f"/administration/{path}").text
    assert add_people(admin, town.groups["10A"], "everywhere", hidden).status_code == 404
    assert admin.get(f"/administration/people/{hidden}/move").status_code == 404
    (place,) = places(app, group, Enrolment.person_id == hidden)
    assert admin.get(f"/administration/places/{place.id}/edit").status_code == 404
    assert admin.post(f"/administration/places/{place.id}", data={"take": "yes"}).status_code == 404
    assert "7C" not in admin.get(f"/administration/people/{hidden}").text


def test_a_place_ends_and_an_import_leaves_it(app: FastAPI, admin: TestClient, town: Town) -> None:
    aino, group = town.people["Aino Virtanen"], town.groups["Matematiikka 7C"]
    (place,) = places(app, group, Enrolment.person_id == aino)
    form = admin.get(f"/administration/places/{place.id}/edit?of=person").text
    assert "Place of Ainu Virtanen in Matematiikka 7C" in form
    for _ in range(2):
        taken = admin.post(target(form), data=filled_in(form) | {"take": "yes"}, follow_redirects=False)
        assert taken.headers["location"] == f"/administration/people/{aino}?saved=true"
    (place,) = places(app, group, Enrolment.person_id == aino)
    assert (place.end_date, place.origin) == (TODAY, Origin.PLATFORM)
    assert [event.subject for event in events(app, "change record")] == [aino]
    assert "Virtanen Ainu" in admin.get(f"/administration/groups/{group}?who=past").text


def test_a_place_that_never_began_is_withdrawn(app: FastAPI, admin: TestClient, town: Town) -> None:
    eero, group = town.people["Eero Öhman"], town.groups["Matematiikka 7C"]
    assert add_people(admin, group, "school", eero).status_code == 303
    (place,) = places(app, group, Enrolment.person_id == eero)
    form = admin.get(f"/administration/places/{place.id}/edit").text
    admin.post(target(form), data=filled_in(form) | {"take": "yes"})
    assert places(app, group, Enrolment.person_id == eero) == []
    assert add_people(admin, group, "school", eero).status_code == 303


@pytest.mark.usefixtures("set_up")
@pytest.mark.parametrize(("field", "day"), [("begin_date", "2020-01-01"), ("end_date", "2099-01-01")])
def test_a_place_is_within_the_school_year_of_its_group(
    app: FastAPI, admin: TestClient, town: Town, field: str, day: str
) -> None:
    (place,) = places(app, town.groups["7C"], Enrolment.person_id == town.people["Aino Virtanen"])
    form = admin.get(f"/administration/places/{place.id}/edit").text
    sent = filled_in(form)
    refused = admin.post(target(form), data=sent | {field: day})
    assert refused.status_code == 422
    assert "The group is not of a school year of this day" in refused.text
    ended = admin.post(target(form), data=sent | {"end_date": TODAY.isoformat()}, follow_redirects=False)
    assert ended.status_code == 303


def test_the_second_editor_of_a_place_is_shown_the_difference(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    (place,) = places(app, town.groups["7C"], Enrolment.person_id == town.people["Aino Virtanen"])
    form = admin.get(f"/administration/places/{place.id}/edit").text
    sent = filled_in(form)
    first = admin.post(target(form), data=sent | {"begin_date": "2020-08-01"}, follow_redirects=False)
    assert first.status_code == 303
    late = admin.post(target(form), data=sent | {"begin_date": "2020-09-01"})
    assert late.status_code == 409
    assert "This was changed meanwhile" in late.text


# A pupil moves


@pytest.fixture
def moved(app: FastAPI, admin: TestClient, town: Town) -> Callable[..., Response]:
    def move(name: str, school: str, group: str | None, day: date, *, times: int = 1) -> Response:
        address = f"/administration/people/{town.people[name]}/move"
        page = admin.get(f"{address}?school={town.places[school]}").text
        sent = filled_in(page) | {"group": str(town.groups[group]) if group else "", "day": day.isoformat()}
        for _ in range(times):
            answer = admin.post(address, data=sent, follow_redirects=False)
        return answer

    return move


def test_a_pupil_moves_to_another_school_and_everything_follows(
    app: FastAPI, browse: Browse, town: Town, moved: Callable[..., Response]
) -> None:
    aino = town.people["Aino Virtanen"]
    assert moved("Aino Virtanen", AKERBY, "3B", TODAY, times=2).status_code == 303
    with Session(app.state.engine) as session:
        roles = session.execute(
            select(Organisation.name, Role.begin_date, Role.end_date)
            .join(Organisation, Organisation.id == Role.organisation_id)
            .where(Role.person_id == aino)
            .order_by(Organisation.name)
        ).all()
        assert [tuple(row) for row in roles] == [(KOIVU, None, TODAY), (AKERBY, TODAY, None)]
        ended = session.scalars(
            select(Enrolment.end_date).where(
                Enrolment.person_id == aino, Enrolment.school_id == town.places[KOIVU]
            )
        ).all()
        assert ended == [TODAY, TODAY]
        assert session.get_one(Person, aino).primary_organisation_id == town.places[AKERBY]
    assert len(places(app, town.groups["3B"], Enrolment.person_id == aino)) == 1
    (event,) = events(app, "move pupil")
    assert (event.subject, len(event.detail["left"])) == (aino, 3)
    assert browse("Sirpa Sihteeri").get(f"/pupils/{aino}").status_code == 404
    assert "Åkerby skola" in browse("Maija Virtanen").get("/").text
    assert "Moved a pupil to another class or school" in browse("Aino Virtanen").get("/looks").text


def test_the_school_of_a_pupil_follows_a_move_when_it_comes(
    app: FastAPI, town: Town, moved: Callable[..., Response]
) -> None:
    aino, olli = town.people["Aino Virtanen"], town.people["Olli Åberg"]
    koivu, there = town.places[KOIVU], town.places[AKERBY]
    with Session(app.state.engine) as session, session.begin():
        for person in (aino, olli):
            session.get_one(Person, person).primary_organisation_id = koivu
    later = TODAY + timedelta(days=9)
    assert moved("Aino Virtanen", AKERBY, None, later).status_code == 303
    told = []
    for day in (later - timedelta(days=1), later, later):
        with Session(app.state.engine) as session, session.begin():
            follow_moves(session, day)
        told.append([find(app, select(Person.primary_organisation_id).where(Person.id == aino))])
        told[-1].append(find(app, select(func.count()).where(RowHistory.row_id == str(aino))))
    assert told == [[koivu, 2], [there, 3], [there, 3]]
    assert find(app, select(Person.primary_organisation_id).where(Person.id == olli)) == koivu


def test_within_a_school_only_the_class_changes(
    app: FastAPI, town: Town, moved: Callable[..., Response]
) -> None:
    aino = town.people["Aino Virtanen"]
    later = TODAY + timedelta(days=9)
    assert moved("Aino Virtanen", KOIVU, "10A", later).status_code == 303
    ends = {
        title: [place.end_date for place in places(app, town.groups[title], Enrolment.person_id == aino)]
        for title in ("7C", "10A", "Matematiikka 7C")
    }
    assert ends == {"7C": [later], "10A": [None], "Matematiikka 7C": [None]}
    assert find(app, select(func.count()).select_from(Role).where(Role.person_id == aino)) == 1
    # And back again, before it began.
    assert moved("Aino Virtanen", KOIVU, "7C", later).status_code == 303
    assert places(app, town.groups["10A"], Enrolment.person_id == aino) == []
    assert [place.end_date for place in places(app, town.groups["7C"], Enrolment.person_id == aino)] == [None]


@pytest.mark.parametrize(
    ("school", "group", "days", "told"),
    [
        (KOIVU, None, 0, "Fill this in."),
        (AKERBY, "3B", -800, "Write a day of this school year"),
        (AKERBY, None, 30_000, "Write a day of"),
    ],
)
def test_a_slip_moves_nobody(
    app: FastAPI,
    town: Town,
    moved: Callable[..., Response],
    school: str,
    group: str | None,
    days: int,
    told: str,
) -> None:
    day = min(TODAY + timedelta(days=days), date(2100, 1, 1))
    answer = moved("Aino Virtanen", school, group, day)
    assert answer.status_code == 422
    assert told in answer.text
    assert events(app, "move pupil") == []


@pytest.mark.usefixtures("set_up")
def test_a_class_is_entered_on_a_day_of_its_terms_and_the_next_year_s_stays(
    app: FastAPI,
    admin: TestClient,
    town: Town,
    moved: Callable[..., Response],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_next_year(app)
    seven, koivu, aino = town.groups["7C"], town.places[KOIVU], town.people["Aino Virtanen"]
    up, _ = move_up(admin, koivu, **{f"where-{seven}": str(koivu)})
    assert up.status_code == 303, up.text
    eight = find(app, select(Group.id).where(Group.title == "8C"))
    monkeypatch.setitem(town.groups, "8C", eight)
    early = moved("Aino Virtanen", KOIVU, "8C", TODAY)
    assert early.status_code == 422
    assert "The class does not meet on this day" in early.text
    (before,) = places(app, eight, Enrolment.person_id == aino)
    assert moved("Aino Virtanen", KOIVU, "10A", TODAY).status_code == 303
    (after,) = places(app, eight, Enrolment.person_id == aino)
    assert (after.begin_date, after.end_date, after.status) == (
        before.begin_date,
        before.end_date,
        before.status,
    )


def test_nobody_moves_to_the_class_in_which_they_are(app: FastAPI, moved: Callable[..., Response]) -> None:
    same = moved("Aino Virtanen", KOIVU, "7C", TODAY)
    assert same.status_code == 422
    assert "The pupil is in this class already" in same.text
    assert events(app, "move pupil") == []


def test_another_move_replaces_one_that_was_planned(
    app: FastAPI, town: Town, moved: Callable[..., Response]
) -> None:
    aino, there = town.people["Aino Virtanen"], town.places[AKERBY]
    assert moved("Aino Virtanen", AKERBY, None, TODAY + timedelta(days=9)).status_code == 303
    assert moved("Aino Virtanen", AKERBY, "3B", TODAY).status_code == 303
    held = select(Role.begin_date).where(
        Role.person_id == aino, Role.organisation_id == there, Role.status == "active"
    )
    with Session(app.state.engine) as session:
        assert session.scalars(held).all() == [TODAY]


def test_of_two_who_move_a_pupil_the_second_is_told(app: FastAPI, admin: TestClient, town: Town) -> None:
    address = f"/administration/people/{town.people['Aino Virtanen']}/move"
    pages = [admin.get(f"{address}?school={town.places[AKERBY]}").text for _ in range(2)]
    first, second = (filled_in(page) | {"group": str(town.groups["3B"])} for page in pages)
    assert admin.post(address, data=first, follow_redirects=False).status_code == 303
    late = admin.post(address, data=second)
    assert late.status_code == 409
    assert "Pupil of Åkerby skola" in late.text
    assert len(events(app, "move pupil")) == 1


@pytest.mark.parametrize("wrong", [{"day": ""}, {"day": "soon"}, {"group": "7C"}])
def test_a_wrong_move_is_refused(app: FastAPI, admin: TestClient, town: Town, wrong: dict[str, str]) -> None:
    address = f"/administration/people/{town.people['Aino Virtanen']}/move"
    sent = filled_in(admin.get(f"{address}?school={town.places[AKERBY]}").text)
    sent |= {key: str(town.groups[value]) if key == "group" else value for key, value in wrong.items()}
    assert admin.post(address, data=sent).status_code == 422
    assert admin.post(address, data=sent | {"school": "x"}).status_code == 404
    assert admin.post(address, data=sent | {"batch": "x"}).status_code == 404
    assert events(app, "move pupil") == []


# A new school year


def add_next_year(app: FastAPI) -> None:
    with Session(app.state.engine) as session, session.begin():
        session.add(
            AcademicSession(
                sourced_id="next",
                title="Seuraava",
                session_type=SessionType.SCHOOL_YEAR,
                start_date=date(YEAR + 1, 1, 2),
                end_date=date(YEAR + 2, 1, 1),
                school_year=YEAR + 2,
            )
        )


def test_the_next_school_year_comes_with_its_terms(app: FastAPI, admin: TestClient) -> None:
    asked = admin.get("/administration/years/next")
    page = asked.text
    sent = filled_in(rows_in(page))
    for _ in range(2):
        answer = admin.post("/administration/years/next", data=sent, follow_redirects=False)
        assert answer.status_code == 303, answer.text
    with Session(app.state.engine) as session:
        found = session.scalars(
            select(AcademicSession)
            .where(AcademicSession.school_year == YEAR + 2)
            .order_by(AcademicSession.title)
        ).all()
    assert [(one.title, one.start_date) for one in found] == [
        ("Lukuvuosi", date(YEAR + 1, 1, 1)),
        ("Syyslukukausi", date(YEAR + 1, 1, 1)),
    ]
    # Back in the browser leads to what was saved, not to another one.
    back = admin.get(str(asked.url), follow_redirects=False)
    assert back.status_code == 303
    assert "Lukuvuosi" in admin.get(back.headers["location"]).text
    again = filled_in(rows_in(page))
    twin = admin.post("/administration/years/next", data=again | {"batch": str(UUID(int=7))})
    assert twin.status_code == 422
    assert "This school year is there already" in twin.text


def test_a_wrong_day_of_the_next_year_saves_nothing(app: FastAPI, admin: TestClient) -> None:
    page = admin.get("/administration/years/next").text
    sent = filled_in(rows_in(page))
    wrong = {key: "1999-01-01" if key.startswith("end_date") else value for key, value in sent.items()}
    answer = admin.post("/administration/years/next", data=wrong)
    assert answer.status_code == 422
    assert "The last day is before the first" in answer.text
    assert find(app, select(AcademicSession).where(AcademicSession.school_year == YEAR + 2)) is None


def move_up(admin: TestClient, school: UUID, **changed: str) -> tuple[Response, dict[str, Any]]:
    page = admin.get(f"/administration/move-up?school={school}").text
    sent = filled_in(rows_in(page)) | changed
    return admin.post("/administration/move-up", data=sent, follow_redirects=False), sent


@pytest.mark.usefixtures("set_up")
def test_classes_move_up_with_their_pupils_and_teachers(app: FastAPI, admin: TestClient, town: Town) -> None:
    assert "no next school year" in admin.get("/administration/move-up").text
    add_next_year(app)
    seven, ten, koivu = town.groups["7C"], town.groups["10A"], town.places[KOIVU]
    olli = town.people["Olli Åberg"]
    answer, sent = move_up(admin, koivu, **{f"where-{seven}": str(koivu)})
    assert answer.status_code == 303, answer.text
    told = admin.get(answer.headers["location"])
    assert told.status_code == 200
    assert "1 new class from" in told.text
    rows = [
        re.sub(r"<[^>]+>|\s+", " ", row).split()
        for row in re.findall(r"<tr>(.*?)</tr>", told.text, re.DOTALL)
    ]
    assert ["7C", "8C", "Koivulan", "koulu", "2"] in rows, "without whom it would tell of"
    assert ["10A", "leaves", "the", "school", "–", "1"] in rows
    assert "Teaching groups do not move up" in told.text
    # The ninth grade leaves the school.
    assert sent[f"where-{ten}"] == "leaves"
    assert sent[f"title-{seven}"] == "8C"
    assert admin.post("/administration/move-up", data=sent, follow_redirects=False).status_code == 303
    new = find(app, select(Group).where(Group.title == "8C"))
    assert (new.grades, new.school_id, new.origin) == (["08"], koivu, Origin.PLATFORM)
    first, last = date(YEAR + 1, 1, 2), date(YEAR + 2, 1, 1)
    placed = places(app, new.id)
    assert {(one.begin_date, one.end_date) for one in placed} == {(first, last)}
    pupils = {"Aino Virtanen", "Olli Åberg", "Piilo Suojattu"}
    assert {one.person_id for one in placed if one.role == "student"} == {town.people[one] for one in pupils}
    assert [one.person_id for one in placed if one.role == "teacher"] == [town.people["Tiina Opettaja"]]
    old_end = date(YEAR + 1, 1, 1)
    assert {one.end_date for one in places(app, seven)} == {old_end}
    # Of the school itself only the ninth grade's pupil leaves.
    roles = select(Role.end_date).where(Role.organisation_id == koivu, Role.role == RoleName.STUDENT)
    assert find(app, roles.where(Role.person_id == olli)) is None
    assert find(app, roles.where(Role.person_id == town.people["Eero Öhman"])) == old_end
    with Session(app.state.engine) as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "move classes up")).one()
        assert set(event.people or []) >= {olli, town.people["Eero Öhman"]}
    listed = admin.get(f"/administration/groups?place={koivu}&year={YEAR + 2}").text
    (row,) = re.findall(r"<tr>(?:(?!<tr>).)*?>8C<.*?</tr>", listed, re.DOTALL)
    assert f"<td>{YEAR + 1}–{YEAR + 2}</td>" in row
    assert "<td>2</td>" in row, "people of the new year are counted on its days, but Piilo"
    (now_and_later,) = re.findall(
        r"<tr>(?:(?!<tr>).)*?>8C<.*?</tr>", admin.get("/administration/groups?search=8c").text, re.DOTALL
    )
    assert "<td>2</td>" in now_and_later
    assert "Opettaja Tiina" in now_and_later
    again, _ = move_up(admin, koivu, **{f"where-{seven}": str(koivu)})
    assert again.status_code == 422
    assert "There is a group of this name" in again.text


@pytest.mark.usefixtures("set_up")
def test_what_has_pupils_or_terms_in_it_stays_in_use_and_around_them(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    group = f"/administration/groups/{town.groups['7C']}/edit"
    refused = fill(admin, group, in_use=None)
    assert refused.status_code == 422
    assert "Pupils are in it" in refused.text
    year = find(
        app, select(AcademicSession).where(AcademicSession.session_type == SessionType.SCHOOL_YEAR).limit(1)
    )
    later = (year.start_date + timedelta(days=1)).isoformat()
    refused = fill(admin, f"/administration/years/{year.id}/edit", start_date=later)
    assert refused.status_code == 422
    assert "lie outside then" in refused.text


@pytest.mark.usefixtures("set_up")
def test_classes_of_the_same_name_are_told_apart_by_their_years(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    add_next_year(app)
    seven, koivu = town.groups["7C"], town.places[KOIVU]
    moved, _ = move_up(admin, koivu, **{f"where-{seven}": str(koivu), f"title-{seven}": "7c"})
    assert moved.status_code == 303, moved.text
    page = admin.get(f"/administration/people/{town.people['Olli Åberg']}/move").text
    names = re.findall(r"<option[^>]*>(7c[^<]*)</option>", page, re.IGNORECASE)
    assert sorted(names) == [f"7C · {YEAR}–{YEAR + 1}", f"7c · {YEAR + 1}–{YEAR + 2}"]
    assert ">10A</option>" in page


@pytest.mark.usefixtures("set_up")
def test_who_was_moved_or_placed_by_hand_does_not_go_with_the_class(
    app: FastAPI, admin: TestClient, town: Town, moved: Callable[..., Response]
) -> None:
    add_next_year(app)
    seven, koivu, first = town.groups["7C"], town.places[KOIVU], date(YEAR + 1, 1, 2)
    olli = town.people["Olli Åberg"]
    assert moved("Aino Virtanen", AKERBY, None, first).status_code == 303
    with Session(app.state.engine) as session, session.begin():
        year = session.scalar(select(AcademicSession.id).where(AcademicSession.sourced_id == "next"))
        by_hand = Group(sourced_id="by-hand", title="8D", school_id=koivu, group_type=GroupType.HOMEROOM)
        by_hand.sessions = [GroupSession(session_id=year)]
        session.add(by_hand)
        session.flush()
        session.add(
            Enrolment(
                sourced_id="by-hand",
                group_id=by_hand.id,
                school_id=koivu,
                person_id=olli,
                role=EnrolmentRole.STUDENT,
                begin_date=first,
            )
        )
    page = admin.get(f"/administration/move-up?school={koivu}").text
    assert re.findall(r"7C<small>\s*(\d+ pupils?)", page) == ["0 pupils"], "without Piilo"
    answer, _ = move_up(admin, koivu, **{f"where-{seven}": str(koivu), f"teachers-{seven}": ""})
    assert answer.status_code == 303, answer.text
    new = find(app, select(Group.id).where(Group.title == "8C"))
    assert [one.person_id for one in places(app, new)] == [town.people["Piilo Suojattu"]]
    assert len(places(app, find(app, select(Group.id).where(Group.title == "8D")))) == 1
    # The place of the teacher who stays behind has an end, too.
    told = find(app, select(AuditEvent.people).where(AuditEvent.action == "move classes up"))
    changed = {"Aino Virtanen", "Olli Åberg", "Piilo Suojattu", "Eero Öhman", "Tiina Opettaja"}
    assert set(told) == {town.people[name] for name in changed}


@pytest.mark.usefixtures("set_up")
def test_a_class_whose_last_term_ends_before_its_year_moves_up(
    app: FastAPI, admin: TestClient, town: Town, term: UUID
) -> None:
    add_next_year(app)
    seven, koivu, spring = town.groups["7C"], town.places[KOIVU], date(YEAR, 12, 1)
    with Session(app.state.engine) as session, session.begin():
        session.get_one(AcademicSession, term).end_date = spring
        for place in session.scalars(select(Enrolment).where(Enrolment.group_id == seven)):
            place.end_date = spring
            if place.person_id == town.people["Olli Åberg"]:
                place.end_date = spring - timedelta(days=1)
    page = admin.get(f"/administration/move-up?school={koivu}").text
    assert re.findall(r"7C<small>\s*(\d+ pupils?)", page) == ["1 pupil"], "without Piilo"
    answer, _ = move_up(admin, koivu, **{f"where-{seven}": str(koivu)})
    assert answer.status_code == 303, answer.text
    new = find(app, select(Group.id).where(Group.title == "8C"))
    pupils = {one.person_id for one in places(app, new) if one.role == "student"}
    assert pupils == {town.people["Aino Virtanen"], town.people["Piilo Suojattu"]}


@pytest.mark.usefixtures("set_up")
def test_a_class_goes_on_in_another_school(app: FastAPI, admin: TestClient, town: Town) -> None:
    add_next_year(app)
    three, koivu = town.groups["3B"], town.places[KOIVU]
    answer, _ = move_up(admin, town.places[AKERBY], **{f"where-{three}": str(koivu), f"title-{three}": "4K"})
    assert answer.status_code == 303, answer.text
    elsa = town.people["Elsa Virtanen"]
    new = find(app, select(Group).where(Group.title == "4K"))
    assert [(one.person_id, one.school_id) for one in places(app, new.id)] == [(elsa, koivu)]
    role = select(Role).where(Role.person_id == elsa)
    assert find(app, role.where(Role.organisation_id == koivu)).begin_date == date(YEAR + 1, 1, 2)
    assert find(app, role.where(Role.organisation_id == town.places[AKERBY])).end_date == date(YEAR + 1, 1, 1)


@pytest.mark.usefixtures("set_up")
def test_a_principal_sees_the_classes_that_meet_now(
    app: FastAPI, browse: Browse, admin: TestClient, town: Town
) -> None:
    add_next_year(app)
    move_up(admin, town.places[KOIVU], **{f"where-{town.groups['7C']}": str(town.places[KOIVU])})
    page = browse("Raili Rehtori").get("/").text
    assert ">7C<" in page
    assert ">8C<" not in page
