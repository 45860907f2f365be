"""Who has looked at me, and the search over the audit."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from digione_platform.core.access import Desktop
from digione_platform.core.audit import Act, By, record
from digione_platform.core.guardians import Rights, decide
from digione_platform.core.models import AuditEvent, GuardianKind, Person
from digione_platform.roster.importer import import_bundle, undo_import
from tests.platform.bundles import delta, write
from tests.platform.conftest import Browse
from tests.platform.forms import fill
from tests.platform.growing import counted
from tests.platform.town import Town


def test_the_audit_names_the_operator_who_acted_by_the_command(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    with Session(app.state.engine) as session, session.begin():
        record(session, By(), Act.EXPORT, list(town.people.values()), operator="oona@kunta")
    assert "Operator of the service · oona@kunta" in browse("Helena Hallinto").get("/audit").text


def test_a_pupil_sees_who_looked_and_why(browse: Browse, town: Town) -> None:
    browse("Kalle Kollega").get(f"/pupils/{town.people['Aino Virtanen']}")
    page = browse("Aino Virtanen").get("/looks").text
    for told in ("Kollega Kalle · Teacher", "Saw a pupil&#39;s details", "pupil of a group of theirs"):
        assert told in page
    assert '<a class="hds-link" href="/looks">' in browse("Aino Virtanen").get("/").text


def test_a_guardian_sees_who_looked_at_own_children_only(browse: Browse, town: Town) -> None:
    browse("Sirpa Sihteeri").get(f"/pupils/{town.people['Aino Virtanen']}")
    mother = browse("Maija Virtanen")
    address = f"/looks/{town.people['Aino Virtanen']}"
    assert address in mother.get("/").text
    assert "Sihteeri Sirpa · School secretary" in mother.get(address).text
    for name in ("Toinen Vanhempi", "Aino Virtanen", "Raili Rehtori", "Helena Hallinto"):
        assert browse(name).get(address).status_code == 404, name


def test_who_of_a_school_looked_at_a_guardian_does_not_tell_where_a_protected_child_goes(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    """Neither to the other guardian nor, without a reason, to who searches the audit."""
    with Session(app.state.engine) as session, session.begin():
        child = update(Person).where(Person.id == town.people["Aino Virtanen"])
        session.execute(child.values(nondisclosure=True))
    browse("Sirpa Sihteeri").get(f"/pupils/{town.people['Aino Virtanen']}")
    page = browse("Maija Virtanen").get("/looks").text
    assert "Sihteeri" not in page
    assert "School secretary" in page
    audit = browse("Helena Hallinto")
    saw = "Sihteeri Sirpa · School secretary"
    assert saw not in audit.get("/audit?person=maija").text
    assert saw not in audit.get("/audit").text
    assert saw in audit.get("/audit?person=maija&reason=Request+17").text


def test_of_family_only_the_role_is_told(browse: Browse, town: Town) -> None:
    browse("Maija Virtanen").get("/")
    page = browse("Aino Virtanen").get("/looks").text
    assert "Saw a child of their own" in page
    assert "Guardian" in page
    assert "Maija" not in page


def test_what_staff_wrote_as_a_reason_is_for_the_municipality_only(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    child, mother = town.people["Aino Virtanen"], town.people["Maija Virtanen"]
    with Session(app.state.engine) as session, session.begin():
        by = By(town.people["Helena Hallinto"], Desktop.MUNICIPALITY)
        rights = Rights(GuardianKind.CARER)
        decide(session, by, mother, child, rights, "Court order about Maija")
    for name, address in (("Aino Virtanen", "/looks"), ("Maija Virtanen", f"/looks/{child}")):
        page = browse(name).get(address).text
        assert "Changed a guardianship" in page
        assert "Court order" not in page, name
    assert "Court order about Maija" in browse("Helena Hallinto").get("/audit?person=virtanen").text


def test_staff_under_non_disclosure_are_not_named(app: FastAPI, browse: Browse, town: Town) -> None:
    with Session(app.state.engine) as session, session.begin():
        session.execute(
            update(Person).where(Person.id == town.people["Kalle Kollega"]).values(nondisclosure=True)
        )
    browse("Kalle Kollega").get(f"/pupils/{town.people['Aino Virtanen']}")
    page = browse("Aino Virtanen").get("/looks").text
    assert "Teacher" in page
    assert "Kalle" not in page


def test_of_a_child_under_non_disclosure_only_the_guardian_in_hiding_sees_it(
    browse: Browse, town: Town
) -> None:
    browse("Tiina Opettaja").get(f"/pupils/{town.people['Piilo Suojattu']}")
    address = f"/looks/{town.people['Piilo Suojattu']}"
    assert "Opettaja Tiina" in browse("Suvi Suojattu").get(address).text
    assert browse("Toinen Vanhempi").get(address).status_code == 404


def test_the_administrator_searches_by_person_actor_action_and_day(browse: Browse, town: Town) -> None:
    browse("Kalle Kollega").get(f"/pupils/{town.people['Aino Virtanen']}")
    browse("Kalle Kollega").get(f"/pupils/{town.people['Eero Öhman']}")
    admin = browse("Helena Hallinto")

    def rows(**asked: str) -> int:
        page = admin.get("/audit", params=asked)
        assert page.status_code == 200
        return page.text.count("Kollega Kalle · Teacher")

    assert rows(person="virt ai", action="view pupil") == 1
    assert rows(actor="kollega", action="refused") == 1
    assert rows(actor="nobody") == 0
    assert rows(until="2001-01-01") == 0
    assert rows(since="2001-01-01", actor="kolle kal") >= 2
    assert rows(person="%", actor="_") == 0
    assert "Search who saw and did what" in admin.get("/").text
    for name in ("Raili Rehtori", "Sirpa Sihteeri", "Aino Virtanen"):
        assert browse(name).get("/audit").status_code == 404, name


def test_a_search_is_itself_an_event_for_everyone_it_showed(app: FastAPI, browse: Browse, town: Town) -> None:
    browse("Kalle Kollega").get(f"/pupils/{town.people['Aino Virtanen']}")
    browse("Helena Hallinto").get("/audit", params={"person": "virt"})
    with Session(app.state.engine) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "search audit")).all()
    assert town.people["Aino Virtanen"] in {event.subject for event in events}
    # What was typed may be a name, and the audit is kept when the person is erased.
    assert all(event.detail == {} for event in events)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=x", "Write a day of the calendar"),
        ("until=31.2.2026", "Write a day of the calendar"),
        ("since=0001-01-01", "Write a day of the calendar"),
        ("since=2026-09-01&until=2026-08-31", "The last day is before the first"),
        ("reason=010190-123A", "Write no personal identity code here"),
    ],
)
def test_what_cannot_be_searched_for_is_told_at_the_field(browse: Browse, query: str, told: str) -> None:
    page = browse("Helena Hallinto").get(f"/audit?{query}")
    assert page.status_code == 422
    assert told in page.text


def test_a_day_may_be_written_as_in_finland(browse: Browse) -> None:
    page = browse("Helena Hallinto").get("/audit?since=1.8.2026&until=31.8.2026")
    assert page.status_code == 200
    assert 'value="2026-08-01"' in page.text
    assert 'value="2026-08-31"' in page.text


def test_what_was_done_of_the_protected_is_shown_for_a_reason_that_is_kept(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    hidden = town.people["Piilo Suojattu"]
    browse("Raili Rehtori").get(f"/pupils/{hidden}")
    browse("Suvi Suojattu").get("/")
    admin = browse("Helena Hallinto")
    for query in ("", "person=suojattu", "actor=rehtori", "actor=suojattu"):
        page = admin.get(f"/audit?{query}").text
        assert "Suojattu" not in page, query
    assert "Rehtori" not in admin.get("/audit?person=suojattu").text
    page = admin.get("/audit?person=suojattu&reason=Request+17%00").text
    assert "Rehtori Raili · Principal" in page
    assert "Suojattu Suvi · Guardian" in page
    with Session(app.state.engine) as session:
        searches = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "search audit", AuditEvent.subject == hidden)
        ).all()
    assert [event.reason for event in searches] == ["Request 17"]


def test_what_was_done_of_many_is_found_by_none_who_is_protected(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    people = [town.people["Piilo Suojattu"], town.people["Aino Virtanen"]]
    with Session(app.state.engine) as session, session.begin():
        record(session, By(town.people["Helena Hallinto"], Desktop.MUNICIPALITY), Act.MOVE_UP, people=people)
    admin = browse("Helena Hallinto")
    found = {
        query: "Moved classes up" in admin.get(f"/audit?{query}").text.partition("<tbody")[2]
        for query in ("person=piilo", "person=piilo&reason=17", "person=aino")
    }
    assert found == {"person=piilo": False, "person=piilo&reason=17": True, "person=aino": True}
    # Nor does the number of people tell of them.
    assert "<td>1 person</td>" in admin.get("/audit?person=aino").text
    assert "<td>2 people</td>" in admin.get("/audit?person=aino&reason=17").text


def test_what_was_changed_of_no_person_is_named(browse: Browse, town: Town) -> None:
    admin = browse("Helena Hallinto")
    changed = fill(
        admin, f"/administration/schools/{town.places['Koivulan koulu']}/edit", school_code="00017"
    )
    assert changed.status_code == 303
    assert "<td>Koivulan koulu</td>" in admin.get("/audit?action=change+record").text


@pytest.mark.parametrize("query", ["action=x", "page=x"])
def test_addresses_that_no_form_makes_are_not_found(browse: Browse, query: str) -> None:
    assert browse("Helena Hallinto").get(f"/audit?{query}").status_code == 404


def test_long_lists_come_in_pages_with_a_fixed_number_of_statements(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    pupil = browse("Aino Virtanen")
    browse("Kalle Kollega").get(f"/pupils/{town.people['Aino Virtanen']}")
    pupil.get("/looks")
    with counted(app) as few:
        pupil.get("/looks")
    teacher = browse("Kalle Kollega")
    for _ in range(30):
        teacher.get(f"/pupils/{town.people['Aino Virtanen']}")
    with counted(app) as many:
        first = pupil.get("/looks")
    assert len(many) == len(few)
    assert told_of_kalle(first.text) == 25
    assert 'href="/looks?page=2"' in first.text
    assert told_of_kalle(pupil.get("/looks?page=2").text) == 6


def told_of_kalle(page: str) -> int:
    """How many events of Kalle a page tells; those of one minute are one line with their number."""
    lines = re.findall(r"Kollega Kalle · Teacher</td>\s*<td>[^<(]*(?:\((\d+) times\))?</td>", page)
    assert len(lines) <= 2, "a list of equal lines"
    return sum(int(count or 1) for count in lines)


@pytest.mark.parametrize(("language", "title"), [("fi", "Kuka on katsonut"), ("sv", "Vem har tittat")])
def test_the_page_speaks_the_reader_s_language(browse: Browse, language: str, title: str) -> None:
    assert title in browse("Aino Virtanen", language).get("/looks").text


def test_everyone_whose_data_an_import_changed_finds_it(
    app: FastAPI, browse: Browse, town: Town, tmp_path: Path
) -> None:
    engine = app.state.engine
    with Session(engine) as session, session.begin():
        # As an import leaves it: whoever has an account has a username in the register.
        session.execute(
            text("update persons p set username = a.username from accounts a where a.person_id = p.id")
        )
        aino = session.get_one(Person, town.people["Aino Virtanen"])
        row = {"sourcedId": aino.sourced_id, "enabledUser": "true", "givenName": "Aino", "familyName": "Uusi"}
    bundle = write(
        tmp_path / "delta.zip", {"users": delta([row | {"username": "aino.virtanen"}])}, kind="delta"
    )
    oid = app.state.settings.tenant.oid
    assert import_bundle(engine, bundle, tenant_oid=oid, actor="oona@kunta", apply=True).applied
    page = browse("Aino Virtanen").get("/looks").text
    assert "Imported the register" in page
    assert "Operator of the service" in page
    assert "Imported the register" not in browse("Eero Öhman").get("/looks").text
    undo_import(engine, actor="oona@kunta")
    assert "Took an import back" in browse("Aino Virtanen").get("/looks").text
