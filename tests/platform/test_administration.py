"""The municipality's administrator keeps the register in the browser."""

import hashlib
import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from digione_platform.administration import imports
from digione_platform.core.models import (
    Enrolment,
    Guardianship,
    Organisation,
    OrganisationKind,
    Origin,
    Person,
    Role,
    RosterUpload,
    RowHistory,
    SignIn,
    Status,
    UploadState,
)
from digione_platform.errors import InputError
from digione_platform.i18n import today
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.roster.profile import NONDISCLOSURE
from digione_platform.security import LARGER_FORMS, LARGEST_FILE, MEGABYTE
from tests.platform.bundles import PROVIDER, delta, make_oid, valid, write
from tests.platform.conftest import Browse
from tests.platform.forms import events, fill, filled_in, find, target
from tests.platform.growing import counted, grow
from tests.platform.town import Town

PAGES = ("people", "schools", "years", "imports", "sign-ins", "retention", "access", "mail")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["Raili Rehtori", "Sirpa Sihteeri", "Tiina Opettaja", "Aino Virtanen"])
def test_the_register_is_the_municipality_s_administrator_s_alone(
    app: FastAPI, browse: Browse, admin: TestClient, path: str, name: str
) -> None:
    assert browse(name).get(f"/administration/{path}").status_code == 404
    assert [event.detail["route"] for event in events(app, "refused")][-1] == f"/administration/{path}"
    assert admin.get(f"/administration/{path}").status_code == 200
    assert f'href="/administration/{path}"' in admin.get("/").text


@pytest.mark.parametrize("language", ["fi", "sv"])
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_speak_finnish_and_swedish(browse: Browse, path: str, language: str) -> None:
    page = browse("Helena Hallinto", language).get(f"/administration/{path}")
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text


def test_what_others_send_changes_nothing(app: FastAPI, browse: Browse, town: Town) -> None:
    school, person = town.places["Koivulan koulu"], town.people["Aino Virtanen"]
    for name in ("Raili Rehtori", "Sirpa Sihteeri", "Aino Virtanen", "Maija Virtanen"):
        browser = browse(name)
        for address in (
            f"/administration/schools/{school}",
            f"/administration/people/{person}",
            f"/administration/roles/{uuid4()}?person={person}",
            f"/administration/guardianships/{person}/{town.people['Maija Virtanen']}",
            f"/administration/imports/{uuid4()}/apply",
            "/administration/retention",
        ):
            assert browser.post(address, data={"name": "x"}).status_code == 404, (name, address)
    assert find(app, select(Organisation.name).where(Organisation.id == school)) == "Koivulan koulu"


def test_a_form_from_elsewhere_is_refused(admin: TestClient, town: Town) -> None:
    address = f"/administration/schools/{town.places['Koivulan koulu']}"
    assert admin.post(address, headers={"origin": "https://elsewhere.example"}).status_code == 403


# Schools and school years


def test_a_school_is_added_once_however_often_the_form_is_sent(app: FastAPI, admin: TestClient) -> None:
    page = admin.get("/administration/schools/new").text
    sent = filled_in(page) | {"name": "Rantakylän koulu", "kind": "school", "school_code": "00077"}
    for _ in range(2):
        answer = admin.post(target(page), data=sent, follow_redirects=False)
        assert answer.status_code == 303, answer.text
    with Session(app.state.engine) as session:
        (row,) = session.scalars(select(Organisation).where(Organisation.name == "Rantakylän koulu"))
        assert (row.school_code, row.origin, row.status) == ("00077", Origin.PLATFORM, Status.ACTIVE)
        (change,) = session.scalars(select(RowHistory).where(RowHistory.row_id == str(row.id)))
    (event,) = events(app, "add record")
    assert event.detail["row"] == str(row.id)
    assert (change.actor, change.change) == (str(event.actor), "insert")
    assert "Rantakylän koulu" in admin.get("/administration/schools?search=ranta").text


def test_the_same_form_sent_twice_at_once_has_one_effect(app: FastAPI, admin: TestClient) -> None:
    page = admin.get("/administration/schools/new").text
    sent = filled_in(page) | {"name": "Rantakylän koulu", "kind": "school"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: admin.post(target(page), data=sent, follow_redirects=False).status_code, range(4)
            )
        )
    assert answers == [303] * 4
    assert len(events(app, "add record")) == 1


def test_a_form_of_a_new_row_that_is_sent_again_otherwise_meets_what_was_saved(
    app: FastAPI, admin: TestClient
) -> None:
    opened = admin.get("/administration/people/new")
    sent = filled_in(opened.text) | {"given_name": "Uusi", "family_name": "Henkilö", "phone": "040 1"}
    for _ in range(2):
        assert admin.post(target(opened.text), data=sent, follow_redirects=False).status_code == 303
    late = admin.post(target(opened.text), data=sent | {"family_name": "Toinen"})
    assert late.status_code == 409
    assert "This was changed meanwhile" in late.text
    saved = select(Person.family_name).where(Person.given_name == "Uusi")
    assert find(app, saved) == "Henkilö"
    again = admin.post(target(late.text), data=filled_in(late.text), follow_redirects=False)
    assert again.status_code == 303, again.text
    with Session(app.state.engine) as session:
        (row,) = session.scalars(select(Person).where(Person.given_name == "Uusi"))
        assert (row.family_name, row.phone, row.status) == ("Toinen", "040 1", Status.ACTIVE)
    # Back in the browser leads to the form's address, which has the row's identifier.
    back = admin.get(str(opened.url), follow_redirects=False)
    assert back.headers["location"] == f"/administration/people/{row.id}/edit"


def test_what_another_changed_meanwhile_is_not_taken_back_unseen(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    person = town.people["Olli Åberg"]
    address = f"/administration/people/{person}/edit"
    stale = admin.get(address).text
    assert fill(admin, address, nondisclosure="yes", family_name="Öberg").status_code == 303
    late = admin.post(target(stale), data=filled_in(stale) | {"preferred_given_name": "Ole"})
    assert late.status_code == 409
    told = late.text.partition("What differs")[2]
    assert told.index("Öberg") < told.index("Åberg"), "as it is now, and as it was sent"
    again = filled_in(late.text)
    kept = [again[name] for name in ("nondisclosure", "family_name", "preferred_given_name")]
    assert kept == ["yes", "Öberg", "Ole"]
    assert admin.post(target(late.text), data=again, follow_redirects=False).status_code == 303
    with Session(app.state.engine) as session:
        row = session.get_one(Person, person)
        assert (row.nondisclosure, row.family_name) == (True, "Öberg")


def test_a_form_of_a_new_role_that_is_sent_again_otherwise_meets_what_was_saved(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    person = town.people["Olli Åberg"]
    opened = admin.get(f"/administration/roles/new?person={person}")
    sent = filled_in(opened.text) | {"role": "aide", "organisation_id": str(town.places["Åkerby skola"])}
    assert admin.post(target(opened.text), data=sent, follow_redirects=False).status_code == 303
    late = admin.post(target(opened.text), data=sent | {"role": "teacher"})
    assert late.status_code == 409
    found = select(Role.role).where(Role.person_id == person, Role.origin == Origin.PLATFORM)
    assert find(app, found) == "aide"
    back = admin.get(str(opened.url), follow_redirects=False)
    assert back.status_code == 303
    assert back.headers["location"].endswith("/edit")


def test_of_those_who_add_the_same_at_once_one_does(admin: TestClient, town: Town) -> None:
    address = f"/administration/roles/new?person={town.people['Olli Åberg']}"
    opened = [admin.get(address).text for _ in range(4)]
    sent = {"role": "aide", "organisation_id": str(town.places["Åkerby skola"])}

    def send(page: str) -> int:
        return admin.post(target(page), data=filled_in(page) | sent, follow_redirects=False).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, opened)) == [303, 422, 422, 422]


def test_of_two_who_save_at_once_one_is_shown_the_difference(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    address = f"/administration/schools/{town.places['Koivulan koulu']}/edit"
    page = admin.get(address).text
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda number: (
                    admin.post(
                        target(page),
                        data=filled_in(page) | {"name": f"Koulu {number}"},
                        follow_redirects=False,
                    ).status_code
                ),
                range(4),
            )
        )
    assert sorted(answers) == [303, 409, 409, 409]
    assert len(events(app, "change record")) == 1


def test_an_oversize_form_is_refused_in_words(admin: TestClient) -> None:
    address = f"/administration/schools/{uuid4()}"
    refused = admin.post(address, data={"name": "x" * 70_000})
    assert refused.status_code == 413
    assert "larger than what is taken here" in refused.text


def test_the_second_of_two_editors_is_shown_the_difference(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    school = town.places["Koivulan koulu"]
    page = admin.get(f"/administration/schools/{school}/edit").text
    assert fill(admin, f"/administration/schools/{school}/edit", name="Koivula").status_code == 303
    late = admin.post(target(page), data=filled_in(page) | {"name": "Koivikko", "school_code": "00009"})
    assert late.status_code == 409
    assert "This was changed meanwhile" in late.text
    assert re.search(r"<td>Koivula</td>\s*<td>Koivikko</td>", late.text)
    assert find(app, select(Organisation.name).where(Organisation.id == school)) == "Koivula"
    # Having seen it, the second may still decide so.
    again = admin.post(target(late.text), data=filled_in(late.text), follow_redirects=False)
    assert again.status_code == 303
    assert find(app, select(Organisation.name).where(Organisation.id == school)) == "Koivikko"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"name": "a\x00b"},
        {"name": "Matti 131052-308T"},
        {"kind": "palace"},
        {"school_code": "1"},
        {"oid": "1.2.246.562.24.12345678901"},
        {"valid_from": "soon"},
        {"valid_from": "2026-08-01", "valid_to": "2026-07-01"},
        {"parent_id": str(uuid4())},
        {"parent_id": "OWN"},
    ],
)
def test_mistakes_are_told_at_the_field_and_nothing_is_saved(
    app: FastAPI, admin: TestClient, town: Town, wrong: dict[str, str]
) -> None:
    school = town.places["Koivulan koulu"]
    values = {key: str(school) if value == "OWN" else value for key, value in wrong.items()}
    answer = fill(admin, f"/administration/schools/{school}/edit", **values)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert find(app, select(RowHistory.id).where(RowHistory.change == "update")) is None


def test_a_school_year_is_added_with_its_last_day(admin: TestClient) -> None:
    answer = fill(
        admin,
        "/administration/years/new",
        title="2030–2031",
        session_type="schoolYear",
        start_date="2030-08-01",
        end_date="2031-07-31",
        school_year="2031",
    )
    assert answer.status_code == 303, answer.text
    page = admin.get("/administration/years").text
    assert "2030–2031" in page
    assert "31 Jul 2031" in page


TERM = {"title": "Syyslukukausi", "session_type": "term", "school_year": "2031"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"school_year": "1999"}, ["There is no such school year yet"]),
        ({"start_date": "1999-08-01", "end_date": "1999-12-20"}, ["This is outside its school year."]),
        ({"session_type": "schoolYear", "school_year": "2040"}, ["The last day is in another year."]),
        ({"start_date": "10.8.203", "title": ""}, ["as 31.8.2026.", "Fill this in."]),
    ],
)
def test_terms_lie_within_their_school_year(
    admin: TestClient, wrong: dict[str, str], words: list[str]
) -> None:
    days = {"start_date": "1.8.2030", "end_date": "31.7.2031"}
    year = {"title": "2030–2031", "session_type": "schoolYear", "school_year": "2031"}
    assert fill(admin, "/administration/years/new", **year, **days).status_code == 303
    sent = {**TERM, "start_date": "2030-08-10", "end_date": "2030-12-20"} | wrong
    refused = fill(admin, "/administration/years/new", **sent)
    assert refused.status_code == 422
    assert all(one in refused.text for one in words), refused.text


# People, roles and guardianships


NEW_PERSON = {"given_name": "Uusi", "family_name": "Rehtori"}
WRITE = {
    "birth_date": "Write a day of the calendar, as 31.8.2026.",
    "email": "Write one whole address",
    "phone": "Write digits and spaces",
    "username": "Write 2–64 letters a–z",
    "learner_number": "Write all of the number",
}


def mistakes_in(page: str) -> dict[str, str]:
    """What a page tells to be wrong, by field."""
    found = re.findall(r'error-text" id="([^"]+)-mistake">([^<]+)<', page)
    return {name: html.unescape(told) for name, told in found}


def test_one_answer_tells_all_mistakes_and_what_is_right(app: FastAPI, admin: TestClient, town: Town) -> None:
    fill(admin, "/administration/people/new", **NEW_PERSON, learner_number="1.2.246.562.98.00000000017")
    wrong = {"given_name": "", "birth_date": "soon", "email": "uusi@", "phone": "040 KOULU"}
    wrong |= {"username": "uusi väki", "learner_number": "17"}
    refused = fill(admin, "/administration/people/new", **NEW_PERSON | wrong)
    assert refused.status_code == 422
    told = mistakes_in(refused.text)
    assert told.keys() == wrong.keys()
    for name, begins in WRITE.items():
        assert told[name].startswith(begins) or begins in told[name]
    # What can be checked is checked, though the rest could not be read.
    taken = {"given_name": "", "username": "Kalle.Kollega", "birth_date": "2100-01-01"}
    taken |= {"learner_number": "1.2.246.562.98.00000000017"}
    told = mistakes_in(fill(admin, "/administration/people/new", **NEW_PERSON | taken).text)
    assert told == {
        "given_name": "Fill this in.",
        "username": "This is used by another already.",
        "birth_date": "This day is yet to come.",
        "learner_number": "This is used by another already.",
    }
    school = str(town.places["Koivulan koulu"])
    role = {"role": "guardian", "organisation_id": school, "begin_date": "?"}
    person = town.people["Aino Virtanen"]
    told = mistakes_in(fill(admin, f"/administration/roles/new?person={person}", **role).text)
    assert told.keys() == {"organisation_id", "begin_date"}
    assert find(app, select(Person.id).where(Person.username == "uusi väki")) is None


def test_what_is_right_is_told_before_a_mistake(admin: TestClient) -> None:
    page = admin.get("/administration/people/new").text
    for name, words in (("username", "a–z, digits and . _ - @"), ("preferred_given_name", "used every day")):
        told = re.search(rf'id="{name}-help">([^<]+)<', page)
        assert told is not None
        assert words in told[1]
        assert f'aria-describedby="{name}-help"' in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"birth_date": "1899-12-31"},
        {"phone": "+358 KOTI"},
        {"phone": "-"},
        {"sms": "040 123 4567 tai 050 765"},
        {"email": "a@b"},
        {"given_name": "x" * 201},
        {"family_name": "131052-308T"},
        {"family_name": "131052-308X"},
        {"preferred_given_name": "Aino (131052a308x)"},
    ],
)
def test_nonsense_about_people_is_refused(admin: TestClient, wrong: dict[str, str]) -> None:
    refused = fill(admin, "/administration/people/new", **NEW_PERSON | wrong)
    assert refused.status_code == 422
    assert mistakes_in(refused.text).keys() == wrong.keys()
    assert "{" not in "".join(mistakes_in(refused.text).values())


def test_a_day_may_be_written_as_in_finland(app: FastAPI, admin: TestClient) -> None:
    sent = NEW_PERSON | {"birth_date": "9.1.1980", "phone": "+358 (0)40-123 4567"}
    assert fill(admin, "/administration/people/new", **sent).status_code == 303
    born = find(
        app, select(Person.birth_date).where(Person.family_name == "Rehtori", Person.birth_date.is_not(None))
    )
    assert born.isoformat() == "1980-01-09"


def test_a_person_is_added_given_a_role_and_has_it_taken(
    app: FastAPI, browse: Browse, admin: TestClient, town: Town
) -> None:
    added = fill(
        admin,
        "/administration/people/new",
        given_name="Uusi",
        family_name="Rehtori",
        username="Uusi.Rehtori",
        email="uusi@kunta.example",
    )
    assert added.status_code == 303, added.text
    address = added.headers["location"].split("?")[0]
    person = UUID(address.rsplit("/", 1)[1])
    school = str(town.places["Åkerby skola"])
    page = admin.get(address).text
    assert "No role yet" in page
    given = fill(
        admin, f"/administration/roles/new?person={person}", role="principal", organisation_id=school
    )
    assert given.status_code == 303, given.text
    account = find(app, text("select id from accounts where username = 'uusi.rehtori' and enabled"))
    browser = browse()
    browser.get(f"/sign-in?account={account}", follow_redirects=False)
    assert "Principal · Åkerby skola" in browser.get("/").text.replace("</p>", "")
    role = find(app, select(Role).where(Role.person_id == person))
    form = admin.get(f"/administration/roles/{role.id}/edit").text
    taken = admin.post(target(form), data=filled_in(form) | {"take": "yes"}, follow_redirects=False)
    assert taken.status_code == 303, taken.text
    assert browser.get("/").status_code == 403
    assert [event.subject for event in events(app, "change record")] == [person]


def test_a_person_s_page_tells_who_it_is(app: FastAPI, browse: Browse, town: Town) -> None:
    people = [town.people["Aino Virtanen"], town.people["Piilo Suojattu"]]
    with Session(app.state.engine) as session, session.begin():
        told = "birth_date = '2013-04-05', language = 'sv', grades = '{07,PK}', learner_number = :number"
        for number, person in enumerate(people):
            session.execute(
                text(f"update persons set {told} where id = :id"),  # noqa: S608 - from the line above
                {"id": person, "number": f"1.2.246.562.98.0000000002{number}"},
            )
    admin = browse("Helena Hallinto", "fi")
    known, protected = (
        dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", admin.get(f"/administration/people/{one}").text))
        for one in people
    )
    assert known["Syntymäaika"] == "5.4.2013"
    assert known["Oppijanumero"] == "1.2.246.562.98.00000000020"
    assert known["Kieli"] == "Ruotsi"
    assert known["Vuosiluokat"] == "7, varhaiskasvatus"
    # As on the form, but for what would tell the class.
    assert protected["Syntymäaika"] == "5.4.2013"
    assert protected["Vuosiluokat"] == "salattu"


def test_the_last_administrator_s_role_cannot_be_taken(app: FastAPI, admin: TestClient, town: Town) -> None:
    person = town.people["Helena Hallinto"]
    role = find(app, select(Role.id).where(Role.person_id == person))
    yesterday = (today() - timedelta(days=1)).isoformat()
    refused = fill(admin, f"/administration/roles/{role}/edit", end_date=yesterday)
    assert refused.status_code == 422
    assert fill(admin, f"/administration/people/{person}/edit", enabled=None).status_code == 422
    assert admin.get("/administration/people").status_code == 200


def test_an_administrator_leaves_when_another_stays(app: FastAPI, admin: TestClient, town: Town) -> None:
    person = town.people["Helena Hallinto"]
    role = find(app, select(Role.id).where(Role.person_id == person))
    address, later = f"/administration/roles/{role}/edit", today() + timedelta(days=30)
    for last_day in (today(), later):
        refused = fill(admin, address, end_date=last_day.isoformat())
        assert refused.status_code == 422, last_day
        assert "Nobody would administer the municipality any more." in refused.text
    # Neither one who cannot sign in nor one who comes a day too late is another who stays.
    begins = (later + timedelta(days=2)).isoformat()
    assert _administrator(admin, town, "Rooliton Henkilö", begin_date=begins).status_code == 303
    assert _administrator(admin, town, "Suljettu Tunnus").status_code == 303
    assert fill(admin, address, end_date=later.isoformat()).status_code == 422
    begins = (later + timedelta(days=1)).isoformat()
    assert _administrator(admin, town, "Kalle Kollega", begin_date=begins).status_code == 303
    assert fill(admin, address, end_date=later.isoformat()).status_code == 303


def test_the_municipality_itself_stays_in_use(admin: TestClient, town: Town) -> None:
    address = f"/administration/schools/{town.places['municipality']}/edit"
    refused = fill(admin, address, in_use=None)
    assert refused.status_code == 422
    assert "Nobody would administer the municipality any more." in refused.text
    assert fill(admin, address, name="Uusi Mallila").status_code == 303


def test_where_all_roles_have_a_last_day_the_register_is_kept_as_before(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    ends = today() + timedelta(days=100)
    with Session(app.state.engine) as session, session.begin():
        session.execute(text("update roles set end_date = :ends"), {"ends": ends})
    address = f"/administration/people/{town.people['Aino Virtanen']}/edit"
    assert fill(admin, address, phone="112", username="aino.virtanen").status_code == 303


def test_of_two_administrators_who_take_each_other_s_role_at_once_one_stays(
    app: FastAPI, browse: Browse, admin: TestClient, town: Town
) -> None:
    assert _administrator(admin, town, "Kalle Kollega").status_code == 303
    yesterday = (today() - timedelta(days=1)).isoformat()
    forms = []
    for browser, other in ((admin, "Kalle Kollega"), (browse("Kalle Kollega"), "Helena Hallinto")):
        desk = find(
            app,
            select(Role.id).where(
                Role.person_id == town.people["Kalle Kollega"], Role.role == "districtAdministrator"
            ),
        )
        if other == "Helena Hallinto":
            browser.post("/desk", data={"role": str(desk)})
        role = find(
            app,
            select(Role.id).where(Role.person_id == town.people[other], Role.role == "districtAdministrator"),
        )
        page = browser.get(f"/administration/roles/{role}/edit").text
        forms.append((browser, target(page), filled_in(page) | {"end_date": yesterday}))
    with Session(app.state.engine) as held:
        # Both have written before either is asked whether somebody stays.
        held.execute(text("select pg_advisory_xact_lock(hashtext('digione administrators'))"))
        with ThreadPoolExecutor(2) as pool:
            sent = [
                pool.submit(browser.post, address, data=data, follow_redirects=False)
                for browser, address, data in forms
            ]
            waiting = text(
                "select count(*) from pg_locks where locktype = 'advisory' and not granted "
                "and database = (select oid from pg_database where datname = current_database())"
            )
            for _ in range(100):
                if held.scalar(waiting) == 2:
                    break
                sleep(0.05)
            held.rollback()
            assert sorted(one.result().status_code for one in sent) == [303, 422]


def _administrator(admin: TestClient, town: Town, name: str, **values: str) -> Response:
    """Give a person the municipality's role."""
    return fill(
        admin,
        f"/administration/roles/new?person={town.people[name]}",
        role="districtAdministrator",
        organisation_id=str(town.places["municipality"]),
        **values,
    )


def test_a_role_is_given_only_where_it_belongs(admin: TestClient, town: Town) -> None:
    address = f"/administration/roles/new?person={town.people['Kalle Kollega']}"
    for role, place in (
        ("principal", "municipality"),
        ("districtAdministrator", "Koivulan koulu"),
        ("guardian", "Koivulan koulu"),
    ):
        answer = fill(admin, address, role=role, organisation_id=str(town.places[place]))
        assert answer.status_code == 422, role
    municipality = str(town.places["municipality"])
    assert fill(admin, address, role="guardian", organisation_id=municipality).status_code == 303


def test_a_role_that_was_taken_here_stays_taken_after_an_import(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    # Of the bundle's people, in a register of their own beside the town's.
    files = valid()
    path = write(tmp_path / "bulk.zip", files)
    report = import_bundle(
        app.state.engine, path, tenant_oid=PROVIDER, actor="oona", apply=True, allow_mass_removal=True
    )
    assert report.applied, report.problems.kept
    role = find(app, select(Role).where(Role.sourced_id == "r-t1"))
    with Session(app.state.engine) as session, session.begin():
        # The import has taken the administrator of the town away.
        session.execute(text("update persons set status = 'active'"))
        session.execute(text("update roles set status = 'active'"))
        session.execute(text("update organisations set status = 'active'"))
        session.execute(text("update accounts set enabled = true"))
    ended = (today() - timedelta(days=1)).isoformat()
    answer = fill(admin, f"/administration/roles/{role.id}/edit", end_date=ended)
    assert answer.status_code == 303, answer.text
    import_bundle(
        app.state.engine, path, tenant_oid=PROVIDER, actor="oona", apply=True, allow_mass_removal=True
    )
    assert find(app, select(Role.end_date).where(Role.id == role.id)) == today()


@pytest.mark.usefixtures("own_provider")
def test_a_non_disclosure_that_is_set_here_is_lifted_here_only(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    def take(said: str) -> Any:
        row = {"sourcedId": "t1", "enabledUser": "true", "givenName": "Aino", "familyName": "Väki"}
        files = {"users": delta([row | {NONDISCLOSURE: said}])}
        path = write(tmp_path / "delta.zip", files, kind="delta", extensions=(NONDISCLOSURE,))
        oid = app.state.settings.tenant.oid
        return import_bundle(app.state.engine, path, tenant_oid=oid, actor="oona", apply=True)

    def flag() -> tuple[bool, Origin]:
        found = find(app, select(Person).where(Person.sourced_id == "t1"))
        return found.nondisclosure, found.nondisclosure_origin

    take("false")
    person = find(app, select(Person.id).where(Person.sourced_id == "t1"))
    form = f"/administration/people/{person}/edit"
    assert fill(admin, form, given_name="Aada").status_code == 303
    assert flag() == (False, Origin.ROSTER)
    assert fill(admin, form, nondisclosure="yes").status_code == 303
    assert flag() == (True, Origin.PLATFORM)
    assert "Non-disclosure decided by" in admin.get(f"/history/persons/{person}").text
    take("false")
    assert flag() == (True, Origin.PLATFORM)
    assert fill(admin, form, nondisclosure=None).status_code == 303
    assert flag() == (False, Origin.ROSTER)
    report = take("true")
    assert flag() == (True, Origin.ROSTER)
    question = admin.get(f"/administration/imports/undo/{report.import_id}").text
    assert "under non-disclosure no longer" in question
    assert f'href="/administration/people/{person}"' in question


def test_a_role_is_given_once(admin: TestClient, town: Town) -> None:
    page = f"/administration/roles/new?person={town.people['Raili Rehtori']}"
    again = fill(admin, page, role="principal", organisation_id=str(town.places["Koivulan koulu"]))
    assert again.status_code == 422
    assert "This person has this role here already." in again.text


def test_a_school_in_which_people_have_roles_stays_in_use(admin: TestClient, town: Town) -> None:
    page = f"/administration/schools/{town.places['Koivulan koulu']}/edit"
    refused = fill(admin, page, in_use=None)
    assert refused.status_code == 422
    assert "People have roles here" in refused.text


def test_two_schools_have_no_code_in_common(admin: TestClient) -> None:
    new = {"kind": "school", "school_code": "00077"}
    assert fill(admin, "/administration/schools/new", name="Yksi", **new).status_code == 303
    refused = fill(admin, "/administration/schools/new", name="Kaksi", **new)
    assert refused.status_code == 422
    assert "Another school has this code." in refused.text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "carer", "joint_custody": "False"}, "Only a custodian"),
        ({"kind": "informed", "restrictions": "no_information"}, "exclude each other"),
    ],
)
def test_a_guardianship_does_not_contradict_itself(
    admin: TestClient, town: Town, wrong: dict[str, str], words: str
) -> None:
    child, guardian = town.people["Aino Virtanen"], town.people["Maija Virtanen"]
    refused = fill(admin, f"/administration/guardianships/{child}/{guardian}", reason="päätös 1", **wrong)
    assert refused.status_code == 422
    assert words in refused.text


def test_sole_custody_beside_another_s_custody_is_warned_of_until_one_is_changed(
    admin: TestClient, town: Town
) -> None:
    child = town.people["Aino Virtanen"]
    mother, other = town.people["Maija Virtanen"], town.people["Toinen Vanhempi"]

    def decided(guardian: UUID, **rights: str) -> bool:
        """Whether the child's page warns after a decision."""
        form = f"/administration/guardianships/{child}/{guardian}"
        assert fill(admin, form, reason="decision 8/2026", **rights).status_code == 303
        return "Sole custody beside other custody" in admin.get(f"/administration/people/{child}").text

    assert not decided(mother, joint_custody="False")
    assert decided(other, joint_custody="True")
    assert not decided(other, joint_custody="", kind="informed")
    assert decided(other, kind="custodian")
    assert not decided(other, valid_to=(today() - timedelta(days=1)).isoformat())
    assert "Sole custody" not in admin.get(f"/administration/people/{mother}").text


def test_usernames_and_numbers_of_others_are_refused(admin: TestClient, town: Town) -> None:
    with_name = "/administration/people/new"
    answer = fill(
        admin, with_name, given_name="A", family_name="B", username="kalle.kollega", email="a@b.example"
    )
    assert answer.status_code == 422
    assert "used by another already" in answer.text


def test_a_guardian_is_added_with_restrictions_and_a_reason(
    app: FastAPI, browse: Browse, admin: TestClient, town: Town
) -> None:
    child, guardian = town.people["Olli Åberg"], town.people["Toinen Vanhempi"]
    found = admin.get(f"/administration/guardianships/{child}/add?search=toin").text
    address = f"/administration/guardianships/{child}/{guardian}"
    assert address in found
    told = found.partition(address)[2].partition("</li>")[0]
    assert "Guardian" in told, "what somebody is tells them apart"
    assert fill(admin, address).status_code == 422, "a reason is needed"
    page = admin.get(address).text
    sent = filled_in(page) | {"reason": "decision 7/2026", "restrictions": ["no_contact", "no_decisions"]}
    for _ in range(2):
        assert admin.post(target(page), data=sent, follow_redirects=False).status_code == 303
    row = find(app, select(Guardianship).where(Guardianship.child_id == child))
    assert (row.restrictions, row.origin) == (["no_contact", "no_decisions"], Origin.PLATFORM)
    changes = events(app, "change guardianship")
    assert [event.reason for event in changes] == ["decision 7/2026"] * 2, "one for each of the two people"
    assert "must get no contact details" in admin.get(f"/administration/people/{child}").text
    late = admin.post(target(page), data=sent | {"restrictions": ["no_information"]})
    assert late.status_code == 409
    assert "This was changed meanwhile" in late.text


def test_nothing_hidden_of_the_protected_is_in_any_page(admin: TestClient, town: Town) -> None:
    child, mother = town.people["Piilo Suojattu"], town.people["Suvi Suojattu"]
    pages = [
        "/administration/people",
        f"/administration/people/{child}",
        f"/administration/people/{child}/edit",
        f"/administration/people/{mother}",
        f"/administration/people/{mother}/edit",
        f"/administration/guardianships/{child}/{mother}",
        f"/history/persons/{child}",
        f"/history/persons/{mother}",
    ]
    for address in pages:
        answer = admin.get(address)
        assert answer.status_code == 200, address
        assert "MARKER" not in answer.text, address
        if str(child) in address:
            assert "Koivulan" not in answer.text, address
    place = town.places["Koivulan koulu"]
    assert "Suojattu" not in admin.get(f"/administration/people?place={place}").text


def test_that_roles_of_the_protected_at_schools_come_from_the_roster_is_said_first(
    admin: TestClient, town: Town
) -> None:
    page = admin.get(f"/administration/roles/new?person={town.people['Piilo Suojattu']}").text
    assert "roles at schools come from the roster alone" in page


def test_the_history_of_a_guardian_tells_nothing_of_a_child_under_non_disclosure(
    admin: TestClient, town: Town
) -> None:
    guardian, child = town.people["Toinen Vanhempi"], town.people["Piilo Suojattu"]
    decided = fill(
        admin, f"/administration/guardianships/{child}/{guardian}", reason="1", restrictions="no_contact"
    )
    assert decided.status_code == 303
    page = admin.get(f"/history/persons/{guardian}").text
    assert "Restrictions: hidden" in page
    assert "must get no contact details" not in page
    assert "Piilo" not in page


def test_a_role_that_tells_a_protected_person_s_school_is_not_opened(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    person = town.people["Piilo Suojattu"]
    role = find(app, select(Role.id).where(Role.person_id == person))
    assert admin.get(f"/administration/roles/{role}/edit").status_code == 404
    assert admin.post(f"/administration/roles/{role}?person={person}", data={"x": "y"}).status_code == 404


def test_a_role_at_a_school_is_given_to_nobody_whose_school_is_hidden(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    hidden = town.people["Piilo Suojattu"]
    before = find(app, text("select count(*) from roles"))
    told = set()
    for school in ("Koivulan koulu", "Åkerby skola"):
        place = str(town.places[school])
        answer = fill(
            admin, f"/administration/roles/new?person={hidden}", role="student", organisation_id=place
        )
        assert answer.status_code == 422
        told.add(tuple(mistakes_in(answer.text).items()))
    assert len(told) == 1, "the answer would tell which school it is"
    assert find(app, text("select count(*) from roles")) == before


def test_a_school_year_stays_in_use_as_long_as_its_terms(admin: TestClient, app: FastAPI) -> None:
    year = find(app, text("select id from academic_sessions where session_type = 'schoolYear'"))
    term = find(app, text("select id from academic_sessions where session_type = 'term'"))
    early = fill(admin, f"/administration/years/{year}/edit", in_use=None)
    assert early.status_code == 422
    assert "Its terms and periods are still in use" in early.text
    for one in (term, year):
        gone = fill(admin, f"/administration/years/{one}/edit", in_use=None)
        assert gone.status_code == 303, gone.text


def test_nobody_under_age_becomes_a_guardian(app: FastAPI, admin: TestClient, town: Town) -> None:
    child, other = town.people["Aino Virtanen"], town.people["Eero Öhman"]
    with Session(app.state.engine) as session, session.begin():
        session.get_one(Person, other).birth_date = today() - timedelta(days=12 * 365)
    answer = fill(admin, f"/administration/guardianships/{child}/{other}", reason="1")
    assert answer.status_code == 422
    assert "A guardian is of age" in answer.text


def test_details_saved_of_a_protected_person_leave_the_hidden_ones(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    person = town.people["Piilo Suojattu"]
    answer = fill(admin, f"/administration/people/{person}/edit", given_name="Piilu")
    assert answer.status_code == 303, answer.text
    row = find(app, select(Person).where(Person.id == person))
    assert (row.given_name, row.email) == ("Piilu", "MARKER-child@kunta.example")
    history = admin.get(f"/history/persons/{person}").text
    assert "Piilu" not in history.split("Before and after")[1]
    assert "Given name: hidden" in history


def test_the_history_tells_who_changed_what(admin: TestClient, browse: Browse, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    fill(admin, f"/administration/people/{person}/edit", phone="+358 40 1")
    for browser in (admin, browse("Sirpa Sihteeri")):
        page = browser.get(f"/history/persons/{person}").text
        assert "Helena Hallinto" in page
        assert "<del>+358 50 000 0000</del> → <ins>+358 40 1</ins>" in page
    assert f'href="/history/persons/{person}"' in browse("Sirpa Sihteeri").get(f"/pupils/{person}").text
    elsa = town.people["Elsa Virtanen"]
    for name, address in (
        ("Sirpa Sihteeri", f"/history/persons/{elsa}"),
        ("Sirpa Sihteeri", f"/history/persons/{town.people['Piilo Suojattu']}"),
        ("Tiina Opettaja", f"/history/persons/{person}"),
        ("Aino Virtanen", f"/history/persons/{person}"),
        ("Raili Rehtori", f"/history/organisations/{town.places['Åkerby skola']}"),
    ):
        assert browse(name).get(address).status_code == 404, (name, address)
    assert browse("Raili Rehtori").get(f"/history/groups/{town.groups['7C']}").status_code == 200


def test_the_history_tells_of_which_role_group_and_guardian(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    person, guardian = town.people["Olli Åberg"], town.people["Maija Virtanen"]
    school = str(town.places["Åkerby skola"])
    days = {"begin_date": "2026-01-01", "end_date": "2026-05-31"}
    role = {"role": "student", "organisation_id": school} | days
    given = fill(admin, f"/administration/roles/new?person={person}", **role)
    assert given.status_code == 303, given.text
    place = find(app, select(Enrolment.id).where(Enrolment.person_id == person).limit(1))
    assert fill(admin, f"/administration/places/{place}/edit", end_date="2099-05-31").status_code == 303
    assert fill(admin, f"/administration/guardianships/{person}/{guardian}", reason="1").status_code == 303
    limited = town.people["Elsa Virtanen"]
    decided = fill(
        admin,
        f"/administration/guardianships/{limited}/{town.people['Toinen Vanhempi']}",
        reason="1",
        restrictions="no_contact",
    )
    assert decided.status_code == 303
    # What was decided at first is part of the history.
    page = admin.get(f"/history/persons/{limited}").text
    assert "Restrictions: <del>–</del> → <ins>must get no contact details</ins>" in page
    page = admin.get(f"/history/persons/{person}").text
    for told in (
        r"Added: Role \(Pupil, Åkerby skola\)",
        r"Changed: Place in a group \((7C|Matematiikka 7C)\)",
        r"Added: Guardianship \(Maija Virtanen\)",
        # The last day, as everywhere on pages, and not the first one after.
        r"Last day: <del>–</del> → <ins>31 May 2099</ins>",
    ):
        assert re.search(told, page), (told, page)
    seen = {event.subject for event in events(app, "view history")}
    assert seen >= {person, guardian, limited}
    hidden = town.people["Piilo Suojattu"]
    mother = town.people["Suvi Suojattu"]
    assert fill(admin, f"/administration/guardianships/{hidden}/{mother}", reason="1", kind="informed")
    page = admin.get(f"/history/persons/{hidden}").text
    assert "Changed: Guardianship" in page
    assert "Suvi" not in page
    # When a place was added tells which one, by the move up or import of that moment.
    assert "Place in a group" not in page
    assert "Role" not in page


# Imports


def wait_for(browser: TestClient, address: str) -> str:
    for _ in range(200):
        answer = browser.get(address)
        if "refresh" not in answer.headers:
            return answer.text
        sleep(0.05)
    raise AssertionError("the work never ended")


def send_bundle(browser: TestClient, path: Path) -> str:
    form = filled_in(browser.get("/administration/imports").text)
    with path.open("rb") as file:
        answer = browser.post(
            "/administration/imports",
            data={"upload": form["upload"]},
            files={"bundle": (path.name, file, "application/zip")},
            follow_redirects=False,
        )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


@pytest.fixture
def own_provider(app: FastAPI) -> None:
    tenant = app.state.settings.tenant.model_copy(update={"oid": PROVIDER})
    app.state.settings = app.state.settings.model_copy(update={"tenant": tenant})
    with Session(app.state.engine) as session, session.begin():
        # As an import leaves it: whoever has an account has a username in the register.
        session.execute(
            text("update persons p set username = a.username from accounts a where a.person_id = p.id")
        )


@pytest.mark.usefixtures("own_provider")
def test_a_bundle_is_checked_corrected_imported_and_taken_back(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    files = {
        name: rows for name, rows in valid().items() if name in ("orgs", "users", "roles", "demographics")
    }
    files["users"][1]["givenName"] = ""
    bundle = write(tmp_path / "town.zip", files, kind="bulk")
    address = send_bundle(admin, bundle)
    page = wait_for(admin, address)
    assert "users.csv:3" in page
    (sent,) = events(app, "send bundle")
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert (sent.desktop, sent.detail) == ("municipality", {"upload": address[-36:], "sha256": digest})
    (seen,) = events(app, "view bundle")
    assert seen.detail == {"upload": address[-36:], "kind": "bulk"}
    assert "Correct the rows below" in page
    assert "Import</button>" not in page
    assert admin.post(f"{address}/apply").status_code == 200
    assert find(app, select(Person.id).where(Person.sourced_id == "t1")) is None

    files["users"][1]["givenName"] = "Šimo"
    rows = {
        name: [{"status": "active", "dateLastModified": "2026-10-01T12:00:00Z", **row} for row in some]
        for name, some in files.items()
    }
    address = send_bundle(admin, write(tmp_path / "town.zip", rows, kind="delta"))
    page = wait_for(admin, address)
    assert "Nothing was imported yet" in page
    assert find(app, select(Person.id).where(Person.sourced_id == "t1")) is None
    for _ in range(2):
        assert admin.post(f"{address}/apply", follow_redirects=False).status_code == 303
    done = wait_for(admin, address)
    assert "rows changed." in done, done
    assert find(app, select(Person.given_name).where(Person.sourced_id == "p2")) == "Šimo"
    assert [event.desktop for event in events(app, "roster.import")] == ["municipality"]
    assert find(app, text("select content from roster_uploads where state = 'applied'")) is None

    listed = admin.get("/administration/imports").text
    assert "Helena Hallinto" in listed
    question = re.search(r'href="(/administration/imports/undo/[^"]+)"', listed)
    assert question is not None
    last = re.search(r'name="last" value="([^"]+)"', admin.get(question[1]).text)
    assert last is not None
    for _ in range(2):
        undone = admin.post("/administration/imports/undo", data={"last": last[1]})
        assert "The import was taken back" in undone.text
    assert find(app, select(Person.id).where(Person.sourced_id == "t1")) is None
    assert admin.get(question[1]).status_code == 404


@pytest.mark.usefixtures("own_provider")
@pytest.mark.parametrize(
    "happened",
    [
        "update roster_uploads set at = at - interval '49 hours'",
        "update roster_uploads set content = null, report = report - 'problems'",
        """insert into roster_imports (at, actor, kind, file_name, sha256, counts)
            values (now(), 'oona', 'bulk', 'x.zip', '', '{}')""",
    ],
)
def test_a_bundle_that_is_old_or_overtaken_cannot_be_imported(
    app: FastAPI, admin: TestClient, tmp_path: Path, happened: str
) -> None:
    new = {"sourcedId": "t1", "enabledUser": "true", "givenName": "Uusi", "familyName": "Väki"}
    address = send_bundle(admin, write(tmp_path / "new.zip", {"users": delta([new])}, kind="delta"))
    assert "Import</button>" in wait_for(admin, address)
    with Session(app.state.engine) as session, session.begin():
        session.execute(text(happened))
    page = admin.get(address).text
    assert "can be imported no longer" in page
    assert "Import</button>" not in page
    assert "· can be imported no longer" in admin.get("/administration/imports").text
    assert admin.post(f"{address}/apply", follow_redirects=False).status_code == 303
    assert find(app, select(Person.id).where(Person.sourced_id == "t1")) is None
    assert find(app, text("select state from roster_uploads")) == "checked"


@pytest.mark.usefixtures("own_provider")
def test_what_is_wrong_with_a_bundle_is_told_also_after_another_import(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    wrong = {"sourcedId": "t1", "enabledUser": "maybe", "givenName": "Uusi", "familyName": "Väki"}
    address = send_bundle(admin, write(tmp_path / "new.zip", {"users": delta([wrong])}, kind="delta"))
    assert "Correct the rows below" in wait_for(admin, address)
    with Session(app.state.engine) as session, session.begin():
        session.execute(
            text("""insert into roster_imports (at, actor, kind, file_name, sha256, counts)
                values (now(), 'oona', 'bulk', 'x.zip', '', '{}')""")
        )
    page = admin.get(address).text
    assert "Correct the rows below" in page
    assert "can be imported no longer" not in page


@pytest.mark.usefixtures("own_provider")
def test_a_bundle_is_not_emptied_while_it_is_worked_on(
    app: FastAPI, admin: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*arguments: Any, **options: Any) -> Any:
        with Session(app.state.engine) as session:
            session.execute(text("set local lock_timeout = '100ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                session.execute(text("update roster_uploads set content = null"))
        tried.append(options["apply"])
        return import_bundle(*arguments, **options)

    tried: list[bool] = []
    monkeypatch.setattr(imports, "import_bundle", work)
    new = {"sourcedId": "t1", "enabledUser": "true", "givenName": "Uusi", "familyName": "Väki"}
    address = send_bundle(admin, write(tmp_path / "new.zip", {"users": delta([new])}, kind="delta"))
    wait_for(admin, address)
    admin.post(f"{address}/apply")
    assert "Imported" in wait_for(admin, address)
    assert tried == [False, True]


@pytest.mark.usefixtures("own_provider")
def test_schools_come_as_organisation_json_too(app: FastAPI, admin: TestClient, tmp_path: Path) -> None:
    new = make_oid(99, 999_000_077)
    answer = {"oid": new, "nimi": {"fi": "Uusi koulu"}, "tyypit": ["organisaatiotyyppi_02"]}
    answer |= {"oppilaitosKoodi": "99077", "status": "AKTIIVINEN"}
    path = tmp_path / "school.json"
    path.write_text(json.dumps(answer), encoding="utf-8")
    address = send_bundle(admin, path)
    assert "Nothing was imported yet" in wait_for(admin, address)
    admin.post(f"{address}/apply")
    assert "Imported" in wait_for(admin, address)
    assert find(app, select(Organisation.name).where(Organisation.oid == new)) == "Uusi koulu"


@pytest.mark.usefixtures("own_provider")
def test_a_check_tells_row_by_row_what_would_change(
    app: FastAPI, admin: TestClient, tmp_path: Path, town: Town
) -> None:
    people(app, tmp_path, "x1")
    people(app, tmp_path, "x2")
    user = {"sourcedId": "x1", "enabledUser": "true", "givenName": "Uusi", "familyName": "Uudempi"}
    gone = {
        "sourcedId": "x2",
        "status": "tobedeleted",
        "enabledUser": "true",
        "givenName": "-",
        "familyName": "-",
    }
    new = {"sourcedId": "x3", "enabledUser": "true", "givenName": "Tulo", "familyName": "Kas"}
    bundle = write(tmp_path / "new.zip", {"users": delta([user, gone, new])}, kind="delta")
    address = send_bundle(admin, bundle)
    page = wait_for(admin, address)
    rows = re.findall(r"<td>(added|changed|removed)</td>\s*<td class=\"break\">([^<]*)", page)
    assert rows == [("removed", "Uusi x2"), ("changed", "Uusi Uudempi"), ("added", "Tulo Kas")]
    assert "Family name: <del>x1</del> → <ins>Uudempi</ins>" in page
    # Who was listed is in the audit, also of those who are there after the import only by its dry run.
    x1 = find(app, select(Person.id).where(Person.sourced_id == "x1"))
    assert x1 in {event.subject for event in events(app, "list people")}
    assert find(app, select(Person.id).where(Person.sourced_id == "x3")) is None
    admin.post(f"{address}/apply")
    assert "<ins>Uudempi</ins>" in wait_for(admin, address)
    # Whoever is protected since then is so in the rows of before as well.
    with Session(app.state.engine) as session, session.begin():
        session.get_one(Person, x1).nondisclosure = True
    assert "Uudempi</ins>" not in admin.get(address).text
    with Session(app.state.engine) as session, session.begin():
        session.get_one(Person, x1).nondisclosure = False
    # Before it is taken back, the same is told.
    last = find(app, text("select id from roster_imports order by at desc limit 1"))
    question = admin.get(f"/administration/imports/undo/{last}").text
    assert "Family name: <del>x1</del> → <ins>Uudempi</ins>" in question
    assert "by Helena Hallinto" in question


@pytest.mark.usefixtures("own_provider")
def test_rows_that_change_are_paged_by_table_and_the_rest_is_counted(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    user = {"enabledUser": "true", "familyName": "Väki"}
    crowd = [{**user, "sourcedId": f"v{n}", "givenName": f"V{n:03}", "username": f"v{n}"} for n in range(230)]
    address = send_bundle(admin, write(tmp_path / "crowd.zip", {"users": delta(crowd)}, kind="delta"))
    page = wait_for(admin, address)
    assert "230 rows, the first 200 are listed" in page
    assert ("V000 Väki" in page, "V025 Väki" in page) == (True, False)
    page = admin.get(f"{address}?of=persons&page=2").text
    assert ("V000 Väki" in page, "V025 Väki" in page) == (False, True)
    assert admin.get(f"{address}?of=nothing&page=99").status_code == 200


@pytest.mark.usefixtures("own_provider")
def test_of_people_under_nondisclosure_no_value_and_no_place_is_listed(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    hidden = {NONDISCLOSURE: "true"}
    user = {"sourcedId": "x1", "enabledUser": "true", "givenName": "Uusi", "familyName": "Väki"}
    first = delta([user | hidden | {"email": "before@example.org"}])
    oid = app.state.settings.tenant.oid
    known = (NONDISCLOSURE,)
    path = write(tmp_path / "first.zip", {"users": first}, kind="delta", extensions=known)
    assert import_bundle(app.state.engine, path, tenant_oid=oid, actor="oona", apply=True).applied
    school = find(
        app, select(Organisation.sourced_id).where(Organisation.kind == OrganisationKind.SCHOOL).limit(1)
    )
    role = {"sourcedId": "r1", "userSourcedId": "x1", "roleType": "primary", "role": "student"}
    files = {
        "users": delta([user | hidden | {"email": "after@example.org"}]),
        "roles": delta([role | {"orgSourcedId": school}]),
    }
    address = send_bundle(admin, write(tmp_path / "next.zip", files, kind="delta", extensions=known))
    page = wait_for(admin, address)
    assert "E-mail" not in page.partition("Row by row")[2], "nor which columns differ"
    kept = json.dumps(find(app, text("select report -> 'rows' from roster_uploads")))
    assert "@example.org" not in kept
    assert '"of": null' in kept
    assert '"hidden": true' in kept


@pytest.mark.usefixtures("own_provider")
def test_the_report_is_in_the_reader_s_language(
    app: FastAPI, browse: Browse, admin: TestClient, tmp_path: Path
) -> None:
    user = {"sourcedId": "x1", "enabledUser": "perhaps", "givenName": "Uusi", "familyName": "Väki"}
    address = send_bundle(admin, write(tmp_path / "x.zip", {"users": delta([user])}, kind="delta"))
    assert "the value is neither true nor false" in wait_for(admin, address)
    reader = browse("Helena Hallinto", "fi")
    assert "arvo ei ole true eikä false" in html.unescape(reader.get(address).text)
    assert "neither true" not in reader.get(address).text


@pytest.mark.usefixtures("own_provider")
def test_why_a_file_was_not_worked_through_is_told_in_the_reader_s_language(
    app: FastAPI, browse: Browse, admin: TestClient, tmp_path: Path
) -> None:
    user = {"sourcedId": "x1", "enabledUser": "true", "givenName": "Uusi", "familyName": "Väki"}
    bundle = write(tmp_path / "x.zip", {"users": delta([user])}, kind="delta")
    with app.state.engine.begin() as other:
        other.execute(text("select pg_advisory_xact_lock(hashtext('digione roster'))"))
        address = send_bundle(admin, bundle)
        page = wait_for(admin, address)
    assert "P-ROSTER-086: Nothing was imported: another import or undo is running since" in page
    assert "command" not in page
    told = browse("Helena Hallinto", "fi").get(address).text
    assert "yritä sitten uudelleen" in html.unescape(told)


def send_mapped(browser: TestClient, path: Path, mapping: str | None) -> str:
    form = filled_in(browser.get("/administration/imports").text)
    files = {"bundle": (path.name, path.read_bytes(), "text/csv")}
    if mapping is not None:
        files["mapping"] = ("kunta.yml", mapping.encode(), "application/yaml")
    sent = {"upload": form["upload"]}
    answer = browser.post("/administration/imports", data=sent, files=files, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return wait_for(browser, answer.headers["location"])


@pytest.mark.usefixtures("own_provider")
def test_files_of_a_pupil_register_come_with_their_mapping(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    with app.state.engine.begin() as connection:
        named = text("update organisations set oid = :oid where kind = 'district'")
        connection.execute(named, {"oid": PROVIDER})
    path = tmp_path / "huoltajat.csv"
    path.write_text("Nro;Etunimi;Sukunimi\n1;Äiti;Öhman\n", encoding="cp1252")
    mapping = """
        charset: cp1252
        delimiter: ";"
        prefixes: {guardians: "h-"}
        files:
          - file: huoltajat.csv
            rows: guardians
            columns: {id: Nro, given_name: Etunimi, family_name: Sukunimi}
    """
    page = send_mapped(admin, path, None)
    assert "P-ROSTER-107" in page
    assert "send the file once more, together with the municipality&#39;s mapping" in page
    assert "--mapping" not in page
    # What is wrong with a mapping is told as for any file.
    assert "mapping.yml:2" in send_mapped(admin, path, mapping.replace("cp1252", "latin"))
    assert "P-ROSTER-102" in send_mapped(admin, path, "#" * 70_000)
    page = send_mapped(admin, path, mapping)
    assert "Äiti Öhman" in page
    action = re.search(r'action="([^"]+/apply)"', page)
    assert action is not None
    admin.post(action[1])
    assert "Imported" in wait_for(admin, action[1].removesuffix("/apply"))
    assert find(app, select(Person.given_name).where(Person.sourced_id == "h-1")) == "Äiti"


@pytest.mark.usefixtures("own_provider")
def test_what_most_people_would_leave_by_is_confirmed_on_the_page(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    user = {"enabledUser": "true", "familyName": "Väki"}
    crowd = [{**user, "sourcedId": f"v{n}", "givenName": f"V{n}"} for n in range(30)]
    bundle = write(tmp_path / "crowd.zip", {"users": delta(crowd)}, kind="delta")
    oid = app.state.settings.tenant.oid
    assert import_bundle(app.state.engine, bundle, tenant_oid=oid, actor="tester", apply=True).applied
    leaving = delta([one | {"status": "tobedeleted"} for one in crowd])
    address = send_bundle(admin, write(tmp_path / "few.zip", {"users": leaving}, kind="delta"))
    page = wait_for(admin, address)
    assert "P-ROSTER-059" in page
    assert "--allow" not in page
    assert "Remove them all the same" in page
    admin.post(f"{address}/apply", data={"mass_removal": "true"})
    done = wait_for(admin, address)
    assert find(app, select(Person.status).where(Person.sourced_id == "v2")) == "tobedeleted", done


def test_the_gateway_lets_through_what_the_platform_takes(repository: Path) -> None:
    defaults = yaml.safe_load((repository / "roles/gateway/defaults/main.yml").read_text("utf-8"))
    let_in = defaults["gateway_upload_megabytes"] * MEGABYTE
    assert let_in == LARGER_FORMS["/administration/imports"] > LARGEST_FILE
    guide = (repository / "docs/how-to/administration.md").read_text("utf-8")
    assert f"at most {LARGEST_FILE // MEGABYTE} MB" in guide


@pytest.mark.usefixtures("own_provider")
def test_taking_back_by_which_most_people_leave_is_asked_twice(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    user = {"enabledUser": "true", "familyName": "Väki"}
    crowd = [{**user, "sourcedId": f"v{n}", "givenName": f"V{n}", "username": f"vaki{n}"} for n in range(30)]
    bundle = write(tmp_path / "crowd.zip", {"users": delta(crowd)}, kind="delta")
    oid = app.state.settings.tenant.oid
    report = import_bundle(app.state.engine, bundle, tenant_oid=oid, actor="tester", apply=True)
    assert report.applied
    address = "/administration/imports/undo"
    page = admin.get(f"{address}/{report.import_id}").text
    assert "mass_removal" not in page
    refused = admin.post(address, data={"last": str(report.import_id)})
    assert refused.status_code == 409
    assert "people would leave with the import" in refused.text
    assert find(app, select(Person.id).where(Person.sourced_id == "v1")) is not None
    meant = {"last": str(report.import_id), "mass_removal": "true"}
    assert "The import was taken back" in admin.post(address, data=meant).text
    assert find(app, select(Person.id).where(Person.sourced_id == "v1")) is None


@pytest.mark.usefixtures("own_provider")
def test_only_the_import_that_was_meant_is_taken_back(
    app: FastAPI, admin: TestClient, tmp_path: Path
) -> None:
    imported = [people(app, tmp_path, user) for user in ("x1", "x2")]
    refused = admin.post("/administration/imports/undo", data={"last": str(imported[0])})
    assert refused.status_code == 409
    assert "P-ROSTER-089" in refused.text
    with pytest.raises(InputError, match="P-ROSTER-089"):
        undo_import(app.state.engine, actor="oona", import_id=imported[0])
    undo_import(app.state.engine, actor="oona", import_id=imported[1])
    with pytest.raises(InputError, match="P-ROSTER-089"):
        undo_import(app.state.engine, actor="oona", import_id=imported[1])
    assert find(app, select(Person.sourced_id).where(Person.sourced_id.in_(("x1", "x2")))) == "x1"
    assert admin.post("/administration/imports/undo", data={"last": str(uuid4())}).status_code == 404


@pytest.mark.usefixtures("own_provider")
def test_whoever_came_with_an_import_may_take_it_back_if_another_administrator_stays(
    app: FastAPI, browse: Browse, admin: TestClient, tmp_path: Path
) -> None:
    with Session(app.state.engine) as session:
        municipality = session.scalars(
            select(Organisation.sourced_id).where(Organisation.kind == OrganisationKind.DISTRICT)
        ).one()
    role = {"sourcedId": "r-x1", "userSourcedId": "x1", "roleType": "primary", "orgSourcedId": municipality}
    newest = people(app, tmp_path, "x1", roles=delta([role | {"role": "districtAdministrator"}]))
    account = find(app, text("select id from accounts where username = 'x1'"))
    newcomer = browse()
    newcomer.get(f"/sign-in?account={account}", follow_redirects=False)
    with Session(app.state.engine) as session, session.begin():
        # So long ago that the next request writes down that the browser was seen.
        session.execute(text("update sign_ins set last_seen = last_seen - interval '5 minutes'"))
    answer = newcomer.post("/administration/imports/undo", data={"last": str(newest)}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert find(app, select(Person.id).where(Person.sourced_id == "x1")) is None
    assert newcomer.get("/me", follow_redirects=False).headers["location"].startswith("/sign-in")


def people(app: FastAPI, folder: Path, user: str, **files: list[dict[str, str]]) -> UUID:
    """Import one more person, and what else there is about them; gives the import."""
    row = {"sourcedId": user, "enabledUser": "true", "givenName": "Uusi", "familyName": user}
    path = write(folder / "delta.zip", {"users": delta([row | {"username": user}]), **files}, kind="delta")
    oid = app.state.settings.tenant.oid
    report = import_bundle(app.state.engine, path, tenant_oid=oid, actor="oona", apply=True)
    assert report.applied, report.problems.kept
    assert report.import_id is not None
    return report.import_id


@pytest.mark.usefixtures("own_provider")
def test_what_is_no_bundle_is_told_and_what_is_no_file_is_refused(admin: TestClient, tmp_path: Path) -> None:
    wrong = tmp_path / "picture.zip"
    wrong.write_bytes(b"no zip at all")
    page = wait_for(admin, send_bundle(admin, wrong))
    assert "P-ROSTER-001" in page
    empty = {"upload": str(uuid4())}
    nothing = {"bundle": ("x.zip", b"", "application/zip")}
    assert admin.post("/administration/imports", data=empty, files=nothing).status_code == 422
    assert admin.post("/administration/imports", data=empty).status_code == 422
    assert admin.get(f"/administration/imports/{uuid4()}").status_code == 404


def test_work_that_ends_while_its_page_is_made_was_not_interrupted(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    upload = uuid4()
    with Session(app.state.engine) as session, session.begin():
        session.add(
            RosterUpload(
                id=upload, actor=town.people["Helena Hallinto"], file_name="a.zip", state=UploadState.CHECKING
            )
        )
    imports._running.add(upload)

    def end(*_: object) -> None:
        imports._running.discard(upload)

    event.listen(RosterUpload, "load", end)
    try:
        shown = admin.get(f"/administration/imports/{upload}").text
    finally:
        event.remove(RosterUpload, "load", end)
    assert "Being checked" in shown
    assert "interrupted" not in shown


def test_work_that_was_interrupted_is_told(app: FastAPI, admin: TestClient, town: Town) -> None:
    number = uuid4()
    with Session(app.state.engine) as session, session.begin():
        session.execute(
            text(
                "insert into roster_uploads (id, actor, file_name, state) "
                "values (:id, :who, 'x.zip', 'applying')"
            ),
            {"id": number, "who": town.people["Helena Hallinto"]},
        )
    answer = admin.get(f"/administration/imports/{number}")
    assert "The work was interrupted" in answer.text
    assert "refresh" not in answer.headers


# Who is signed in, periods, the access table


def test_somebody_is_signed_out(app: FastAPI, browse: Browse, admin: TestClient) -> None:
    teacher = browse("Kalle Kollega")
    page = admin.get("/administration/sign-ins?search=kolle").text
    browser = re.search(r'name="browser" value="([0-9a-f]{64})"', page)
    assert browser is not None
    for _ in range(2):
        admin.post("/administration/sign-ins/end", data={"browser": browser[1]})
    assert find(app, select(SignIn.id).where(SignIn.id == browser[1])) is None
    assert teacher.get("/me", follow_redirects=False).status_code == 303
    assert len(events(app, "end sign-in")) == 1


def test_whoever_may_sign_in_no_longer_is_signed_out_for_good(
    browse: Browse, admin: TestClient, town: Town
) -> None:
    teacher = browse("Kalle Kollega")
    address = f"/administration/people/{town.people['Kalle Kollega']}/edit"
    assert fill(admin, address, enabled=None).status_code == 303
    assert teacher.get("/me", follow_redirects=False).status_code == 303
    assert fill(admin, address, enabled="yes").status_code == 303
    assert teacher.get("/me", follow_redirects=False).status_code == 303, "not as if nothing had been"


def test_periods_are_set_within_limits(app: FastAPI, admin: TestClient) -> None:
    page = admin.get("/administration/retention").text
    days = dict(re.findall(r'input days" name="(\w+)".*?value="(\d+)"', page))
    assert days["row_history"] == "730"
    # What is allowed is said before it is got wrong.
    assert re.search(r'id="row_history-range">30–36.500<', page)
    days |= dict(re.findall(r'name="(version)" value="([^"]*)"', page))
    wrong = admin.post("/administration/retention", data=days | {"row_history": "1"})
    assert wrong.status_code == 422
    assert "from 30 to" in wrong.text
    saved = admin.post("/administration/retention", data=days | {"row_history": "365"})
    assert saved.status_code == 200
    assert 'value="365"' in saved.text
    (event,) = events(app, "change retention")
    assert event.detail["after"] == {"row_history": 365}
    # Whoever opened the form before does not put it back.
    late = admin.post("/administration/retention", data=days | {"letters": "33"})
    assert late.status_code == 409
    assert re.search(r'name="row_history"[^>]* value="365"', late.text)
    assert re.search(r'name="letters"[^>]* value="33"', late.text)
    assert len(events(app, "change retention")) == 1


def test_the_access_table_is_shown(admin: TestClient) -> None:
    page = admin.get("/administration/access").text
    for told in ("pupil of own group", "who has looked", "must get no information"):
        assert told in page


@pytest.mark.parametrize("path", ["people", "people/{Aino}", "sign-ins", "schools", "imports"])
def test_more_rows_need_no_more_statements(app: FastAPI, admin: TestClient, town: Town, path: str) -> None:
    address = f"/administration/{path.replace('{Aino}', str(town.people['Aino Virtanen']))}"
    # One of everything there is before: of nothing, some pages need not ask further.
    grow(app, town, range(1))
    admin.get(address)
    with counted(app) as before:
        admin.get(address)
    grow(app, town, range(1, 20))
    with counted(app) as after:
        admin.get(address)
    assert len(after) == len(before)
    assert len(after) <= 12


@pytest.mark.parametrize(
    "query",
    ["people?role=x", "people?place=x", "people?sort=x", "schools?sort=x", "people/x", "years?page=x"],
)
def test_addresses_that_no_page_has_are_not_found(admin: TestClient, query: str) -> None:
    assert admin.get(f"/administration/{query}").status_code == 404


def test_the_last_administrator_s_sign_in_cannot_be_closed(
    app: FastAPI, admin: TestClient, town: Town
) -> None:
    address = f"/administration/people/{town.people['Helena Hallinto']}/edit"
    assert fill(admin, address, username="helena.hallinto").status_code == 303
    for closed in ({"username": ""}, {"enabled": None}):
        answer = fill(admin, address, **closed)
        assert answer.status_code == 422, closed
        assert "Nobody would administer the municipality any more." in answer.text
    assert admin.get("/administration/people").status_code == 200
