"""What is new for a person: told to whom it concerns, to nobody who may not know, and once."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from digione_platform.core.access import TABLE, TAKEN, Action, Desktop, allows, to_child
from digione_platform.core.history import acts_as
from digione_platform.core.models import Person
from digione_platform.core.news import What, may_know, newest, tell, tell_administrators
from digione_platform.core.news_of_changes import tell_of_changes
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.web.titles import NEWS
from tests.platform.bundles import PROVIDER, valid, write
from tests.platform.conftest import Browse
from tests.platform.forms import fill
from tests.platform.growing import counted
from tests.platform.town import Town

TOLD = """
    select p.given_name || ' ' || p.family_name as who, n.what, a.given_name as about
    from news n join persons p on p.id = n.person_id left join persons a on a.id = n.about order by 1, 2, 3
"""
_OF_PAIR = "update guardianships set {} where guardian_id = :guardian and child_id = :child"
FATHER = "Toinen Vanhempi"
HIDING = "Suvi Suojattu"


@pytest.fixture
def session(app: FastAPI) -> Iterator[Session]:
    with Session(app.state.engine) as session:
        yield session


def told(session: Session) -> list[tuple[str, ...]]:
    return [tuple(row) for row in session.execute(text(TOLD))]


def change(session: Session, town: Town, what: str, by: str = "Helena Hallinto", **values: Any) -> None:
    """Change the register as a form does, and tell of it."""
    session.execute(select(acts_as(str(town.people[by]))))
    session.execute(text(what), {**{key: town.people[name] for key, name in values.items()}})
    tell_of_changes(session)


def test_what_is_told_has_words() -> None:
    assert set(NEWS) == set(What)


# Of changes in the register


def test_contact_details_changed_by_somebody_else(session: Session, town: Town) -> None:
    change(session, town, "update persons set phone = '1' where id = :who", who="Aino Virtanen")
    assert told(session) == [
        ("Aino Virtanen", "contact changed", "Aino"),
        ("Maija Virtanen", "contact changed", "Aino"),
    ]


def test_nobody_is_told_of_what_they_did_themselves(session: Session, town: Town) -> None:
    mine = "update persons set phone = '1' where id = :who"
    change(session, town, mine, by="Aino Virtanen", who="Aino Virtanen")
    assert told(session) == [("Maija Virtanen", "contact changed", "Aino")]


def test_other_details_are_no_news(session: Session, town: Town) -> None:
    change(session, town, "update persons set birth_date = '2012-01-01' where id = :who", who="Aino Virtanen")
    assert told(session) == []


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("update roles set end_date = current_date - 1 where person_id = :who", "role ended"),
        ("update roles set status = 'tobedeleted' where person_id = :who", "role ended"),
        ("delete from roles where person_id = :who", "role ended"),
        ("update roles set end_date = current_date + 90 where person_id = :who", "role changed"),
        (
            "insert into roles (sourced_id, person_id, organisation_id, role) "
            "select 'new', person_id, organisation_id, 'aide' from roles where person_id = :who",
            "role given",
        ),
    ],
)
def test_roles(session: Session, town: Town, how: str, what: str) -> None:
    change(session, town, how, who="Kalle Kollega")
    assert told(session) == [("Kalle Kollega", what, "Kalle")]


@pytest.mark.parametrize(
    "how",
    [
        "delete from enrolments where person_id = :who",
        "update enrolments set status = 'tobedeleted' where person_id = :who",
        "update enrolments set group_id = (select id from groups where title = '10A') where person_id = :who",
        "update roles set end_date = current_date where person_id = :who",
    ],
)
def test_school_and_class_of_a_pupil(session: Session, town: Town, how: str) -> None:
    change(session, town, how, who="Aino Virtanen")
    assert told(session) == [
        ("Aino Virtanen", "place changed", "Aino"),
        ("Maija Virtanen", "place changed", "Aino"),
    ]


def test_the_groups_of_a_teacher(session: Session, town: Town) -> None:
    change(session, town, "delete from enrolments where person_id = :who", who="Kalle Kollega")
    assert told(session) == [("Kalle Kollega", "place changed", "Kalle")]


def test_what_has_ended_before_is_no_news_when_it_is_withdrawn(session: Session, town: Town) -> None:
    session.execute(text("update enrolments set end_date = '2020-01-01'"))
    session.commit()
    change(session, town, "update enrolments set status = 'tobedeleted'")
    assert told(session) == []


def test_guardianships(session: Session, town: Town) -> None:
    pair = {"guardian": "Kalle Kollega", "child": "Olli Åberg"}
    made = "insert into guardianships (guardian_id, child_id) values (:guardian, :child)"
    change(session, town, made, **pair)
    assert told(session) == [
        ("Kalle Kollega", "guardianship made", "Olli"),
        ("Olli Åberg", "guardianship made", None),
    ]
    session.execute(text("delete from news"))
    session.commit()
    change(session, town, _OF_PAIR.format("joint_custody = true"), **pair)
    assert told(session) == [
        ("Kalle Kollega", "guardianship changed", "Olli"),
        ("Olli Åberg", "guardianship changed", None),
    ]
    session.execute(text("delete from news"))
    session.commit()
    # Who is guardian no longer is told that, and not whose.
    change(session, town, _OF_PAIR.format("valid_to = current_date"), **pair)
    assert told(session) == [
        ("Kalle Kollega", "guardianship ended", None),
        ("Olli Åberg", "guardianship ended", None),
    ]


def test_one_item_however_much_was_changed(session: Session, town: Town) -> None:
    much = """
        with a as (update persons set phone = '1' where id = :who),
        b as (delete from enrolments where person_id = :who)
        update roles set end_date = current_date where person_id = :who
    """
    change(session, town, much, who="Aino Virtanen")
    assert told(session) == [
        ("Aino Virtanen", "register changed", None),
        ("Maija Virtanen", "register changed", None),
    ]


def test_who_cannot_sign_in_is_told_nothing(session: Session, town: Town) -> None:
    change(session, town, "update persons set phone = '1' where id = :who", who="Suljettu Tunnus")
    assert told(session) == []


# Access and non-disclosure


def test_the_other_guardian_is_told_nothing_of_where_a_hidden_child_is(session: Session, town: Town) -> None:
    change(session, town, "delete from enrolments where person_id = :who", who="Piilo Suojattu")
    assert told(session) == [
        ("Piilo Suojattu", "place changed", "Piilo"),
        (HIDING, "place changed", "Piilo"),
    ]


def test_nobody_is_told_of_contact_details_of_a_hidden_child(session: Session, town: Town) -> None:
    change(session, town, "update persons set phone = '1' where id = :who", who="Piilo Suojattu")
    assert told(session) == [("Piilo Suojattu", "contact changed", "Piilo")]


@pytest.mark.parametrize(("limit", "about"), [("no_contact", "contact changed"), ("no_information", "")])
def test_restrictions(session: Session, town: Town, limit: str, about: str) -> None:
    session.execute(text("update guardianships set restrictions = array[:limit]"), {"limit": limit})
    session.commit()
    change(session, town, "update persons set phone = '1' where id = :who", who="Aino Virtanen")
    assert told(session) == [("Aino Virtanen", "contact changed", "Aino")]
    session.execute(text("delete from news"))
    session.commit()
    change(session, town, "delete from enrolments where person_id = :who", who="Aino Virtanen")
    guardian = [("Maija Virtanen", "place changed", "Aino")] if about else []
    assert told(session) == [("Aino Virtanen", "place changed", "Aino"), *guardian]


def test_who_may_know_nothing_of_a_child_is_told_nothing_of_the_guardianship(
    session: Session, town: Town
) -> None:
    pair = {"guardian": "Maija Virtanen", "child": "Aino Virtanen"}
    taken = _OF_PAIR.format("restrictions = array['no_information']")
    change(session, town, taken, **pair)
    # That it was taken from them they are told, and not the name.
    assert ("Maija Virtanen", "guardianship changed", None) in told(session)
    session.execute(text("delete from news"))
    session.commit()
    change(session, town, _OF_PAIR.format("joint_custody = false"), **pair)
    assert told(session) == [("Aino Virtanen", "guardianship changed", None)]


def test_what_may_be_seen_no_longer_is_shown_no_longer(
    app: FastAPI, browse: Browse, session: Session, town: Town
) -> None:
    change(session, town, "delete from enrolments where person_id = :who", who="Aino Virtanen")
    session.commit()
    mother = browse("Maija Virtanen")
    assert "Ainu Virtanen: school, class or group has changed" in mother.get("/news").text
    session.execute(
        text("update persons set nondisclosure = true where id = :id"), {"id": town.people["Aino Virtanen"]}
    )
    session.commit()
    for path in ("/", "/news"):
        assert "class or group has changed" not in mother.get(path).text


def test_the_rule_in_sql_is_the_access_table(session: Session, town: Town) -> None:
    """For every action, pair of people and restriction, the database says what the table says."""
    people = {one.id: one for one in session.query(Person)}
    for limit in (None, *TAKEN):
        limits = [limit] if limit else []
        session.execute(text("update guardianships set restrictions = :limits"), {"limits": limits})
        for action in {one for grant in TABLE.values() for one in grant.open | grant.protected}:
            rows = session.execute(
                text(f"""
                    select g.guardian_id, g.child_id, {may_know(action)} from guardianships g
                    join persons p on p.id = g.guardian_id join persons c on c.id = g.child_id
                """)  # noqa: S608 - ours
            ).all()
            assert len(rows) == 5
            for guardian, child, may in rows:
                protected = people[child].nondisclosure
                relation = to_child(people[guardian], people[child])
                wanted = allows(Desktop.GUARDIAN, relation, action, protected=protected, limits=limits)
                assert may == wanted, (action, limit, guardian, child)
    assert Action.SCHOOL in TAKEN[next(iter(TAKEN))]


def test_areas_tell_by_the_same_rule(session: Session, town: Town) -> None:
    people = [town.people[name] for name in (FATHER, HIDING, "Kalle Kollega", "Piilo Suojattu")]
    tell(session, What.PLACE_CHANGED, people, "/areas/teaching", about=town.people["Piilo Suojattu"])
    assert {who for who, *_ in told(session)} == {HIDING, "Piilo Suojattu"}
    tell(session, What.REGISTER_CHANGED, [town.people["Kalle Kollega"]], "/")
    tell(session, What.REGISTER_CHANGED, [], "/")
    assert len(told(session)) == 3
    tell_administrators(session, What.IMPORT_FAILED, "/administration/imports")
    assert ("Helena Hallinto", "import failed", None) in told(session)


@pytest.mark.parametrize("link", ["//evil.example", "https://evil.example", "x", ""])
def test_a_link_stays_inside_the_platform(session: Session, town: Town, link: str) -> None:
    with pytest.raises(Exception, match="ck_news_link"):
        tell(session, What.REGISTER_CHANGED, [town.people["Kalle Kollega"]], link)


# Imports


def test_a_first_import_tells_nobody_and_a_later_one_each_person_once(empty: Engine, tmp_path: Any) -> None:
    def bulk(files: Any) -> None:
        path = write(tmp_path / "bulk.zip", files)
        assert import_bundle(empty, path, tenant_oid=PROVIDER, actor="oona", apply=True).applied

    def rows() -> list[tuple[str, ...]]:
        with Session(empty) as session:
            return told(session)

    bulk(valid())
    assert rows() == []
    files = valid()
    for user in files["users"]:
        user["phone"] = "+358 40 1"
        user["email"] = "uusi@kunta.example"
    bulk(files)
    after = rows()
    assert {what for _, what, _ in after} >= {"contact changed"}
    with Session(empty) as session:
        most = session.scalar(text("select max(n) from (select count(*) n from news group by person_id) c"))
        reached = session.scalar(text("select count(*) from accounts where enabled"))
    assert most == 1
    assert len(after) == reached
    imported = [one for one in after if one[1] == "import finished"]
    assert [who for who, *_ in imported] == ["Simo Johtaja"]
    undo_import(empty, actor="oona")
    assert [one for one in rows() if one[1] == "import finished"] == imported
    # The first import can still be taken back: news go with the people.
    undo_import(empty, actor="oona")
    assert rows() == []


def test_administrators_are_told_of_an_import(
    app: FastAPI, session: Session, town: Town, tmp_path: Any
) -> None:
    path = write(tmp_path / "bulk.zip", valid())
    report = import_bundle(
        app.state.engine, path, tenant_oid=PROVIDER, actor="oona", apply=True, allow_mass_removal=True
    )
    assert report.applied
    assert {who for who, what, _ in told(session) if what == "import finished"} <= {"Helena Hallinto"}


# In the browser


def test_a_form_tells_in_its_own_transaction(
    app: FastAPI, browse: Browse, session: Session, town: Town
) -> None:
    person = town.people["Aino Virtanen"]
    admin = browse("Helena Hallinto")
    done = fill(admin, f"/administration/people/{person}/edit", phone="+358 9 1234", username="aino")
    assert done.status_code == 303
    assert told(session) == [
        ("Aino Virtanen", "contact changed", "Aino"),
        ("Maija Virtanen", "contact changed", "Aino"),
    ]
    pupil = browse("Aino Virtanen").get("/").text
    assert "Your contact details were changed" in pupil
    assert "1 unread" in pupil
    assert "Ainu Virtanen: contact details were changed" in browse("Maija Virtanen").get("/").text


def test_the_desktop_says_what_will_be_told(browse: Browse) -> None:
    for name in ("Aino Virtanen", "Maija Virtanen", "Tiina Opettaja", "Raili Rehtori", "Sirpa Sihteeri"):
        page = browse(name).get("/").text
        assert "What is new for me" in page
        assert "Nothing is new. When the register changes" in page


def tell_much(session: Session, person: Any, number: int) -> None:
    session.execute(
        text("""
            insert into news (person_id, what, about, link, at)
            select :id, 'contact changed', :id, '/me', now() - n * interval '1 minute'
            from generate_series(1, :number) n
        """),
        {"id": person, "number": number},
    )
    session.commit()


def test_reading(browse: Browse, session: Session, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    tell_much(session, person, 30)
    pupil = browse("Aino Virtanen")
    desktop = pupil.get("/").text
    assert "30 unread" in desktop
    assert desktop.count('class="news__item') == 5
    item = re.search(r'href="(/news/[0-9a-f-]{36})"', desktop)
    assert item is not None
    on = pupil.get(item[1], follow_redirects=False)
    assert (on.status_code, on.headers["location"]) == (303, "/me")
    assert "29 unread" in pupil.get("/").text
    until = re.search(r'name="until" value="([^"]*)"', desktop)
    assert until is not None
    # What comes after the page was made stays unread.
    tell(session, What.ROLE_GIVEN, [person], "/me", about=person)
    session.commit()
    marked = pupil.post("/news/seen", data={"until": until[1], "back": "/news"}, follow_redirects=False)
    assert (marked.status_code, marked.headers["location"]) == (303, "/news")
    assert "1 unread" in pupil.get("/").text
    assert pupil.get("/news").text.count('class="news__item') == 25
    assert pupil.get("/news?page=2").text.count('class="news__item') == 6


def test_news_are_their_reader_s_alone(browse: Browse, session: Session, town: Town) -> None:
    tell_much(session, town.people["Aino Virtanen"], 1)
    item = newest(session, town.people["Aino Virtanen"], family=False, most=1)[0][0].id
    assert browse("Olli Åberg").get(f"/news/{item}", follow_redirects=False).status_code == 404
    browse("Olli Åberg").post("/news/seen", data={"until": "2999-01-01T00:00:00Z"})
    assert "1 unread" in browse("Aino Virtanen").get("/").text


def test_who_does_not_work_as_a_guardian_is_told_nothing_of_children(
    browse: Browse, session: Session, town: Town
) -> None:
    change(session, town, "delete from enrolments where person_id = :who", who="Eero Öhman")
    session.commit()
    teacher = browse("Tiina Opettaja")
    assert "Eero Öhman: school" in teacher.get("/").text
    session.execute(
        text("update roles set end_date = current_date where role = 'guardian' and person_id = :id"),
        {"id": town.people["Tiina Opettaja"]},
    )
    session.commit()
    assert "Eero Öhman: school" not in teacher.get("/").text


@pytest.mark.parametrize(
    "sent", [{}, {"until": "yesterday"}, {"until": "2026-01-01T00:00:00", "back": "//x"}]
)
def test_forms_that_are_not_ours(browse: Browse, sent: dict[str, str]) -> None:
    done = browse("Aino Virtanen").post("/news/seen", data=sent, follow_redirects=False)
    assert done.status_code == 422 or done.headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/news"])
@pytest.mark.parametrize("name", ["Maija Virtanen", "Aino Virtanen"])
def test_more_news_need_no_more_statements(
    app: FastAPI, browse: Browse, session: Session, town: Town, name: str, path: str
) -> None:
    def of_child(number: int) -> None:
        session.execute(
            text("""
                insert into news (person_id, what, about, link)
                select :id, 'place changed', :about, '/' from generate_series(1, :number)
            """),
            {"id": town.people[name], "about": town.people["Aino Virtanen"], "number": number},
        )
        session.commit()

    browser: TestClient = browse(name)
    of_child(1)
    browser.get(path)
    with counted(app) as before:
        small = browser.get(path)
    of_child(60)
    with counted(app) as after:
        large = browser.get(path)
    assert len(large.text) > len(small.text)
    assert len(after) == len(before) <= 12


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_the_page_speaks_finnish_and_swedish(
    browse: Browse, session: Session, town: Town, language: str
) -> None:
    tell_much(session, town.people["Aino Virtanen"], 1)
    page = browse("Aino Virtanen", language).get("/news").text
    assert "Your contact details were changed" not in page
