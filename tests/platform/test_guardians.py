"""Guardianships end, are restricted and survive imports; the next request follows."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.core.audit import By
from digione_platform.core.guardians import Rights, decide, limits_of
from digione_platform.core.models import (
    AuditEvent,
    GuardianKind,
    Guardianship,
    Origin,
    Restriction,
    Role,
)
from digione_platform.i18n import today
from tests.platform.conftest import Browse
from tests.platform.town import Town

MOTHER, CHILD = "Maija Virtanen", "Aino Virtanen"


def set_rights(app: FastAPI, town: Town, rights: Rights, guardian: str = MOTHER, child: str = CHILD) -> None:
    by = By(town.people["Sirpa Sihteeri"], "secretary")
    with Session(app.state.engine) as session, session.begin():
        decide(session, by, town.people[guardian], town.people[child], rights, "decision 12/2026")


def test_a_right_that_ended_is_refused_at_the_next_request(app: FastAPI, browse: Browse, town: Town) -> None:
    mother = browse(MOTHER)
    address = f"/looks/{town.people[CHILD]}"
    assert mother.get(address).status_code == 200
    assert "Virtanen Maija" in browse("Raili Rehtori").get(f"/pupils/{town.people[CHILD]}").text
    set_rights(app, town, Rights(valid_to=today()))
    assert mother.get(address).status_code == 404
    page = mother.get("/").text
    assert "Ainu Virtanen" not in page
    assert "Elsa Virtanen" in page
    assert "Virtanen Maija" not in browse("Raili Rehtori").get(f"/pupils/{town.people[CHILD]}").text


def test_a_right_begins_on_its_day(app: FastAPI, browse: Browse, town: Town) -> None:
    set_rights(app, town, Rights(valid_from=today() + timedelta(days=1)))
    assert "Ainu Virtanen" not in browse(MOTHER).get("/").text
    set_rights(app, town, Rights(valid_from=today(), valid_to=today() + timedelta(days=1)))
    assert "Ainu Virtanen" in browse(MOTHER).get("/").text


def test_a_restriction_holds_from_the_next_request(app: FastAPI, browse: Browse, town: Town) -> None:
    mother = browse(MOTHER)
    assert "aino.virtanen@kunta.example" in mother.get("/").text
    set_rights(app, town, Rights(restrictions=frozenset({Restriction.NO_CONTACT})))
    page = mother.get("/").text
    assert "Ainu Virtanen" in page
    assert "aino.virtanen@kunta.example" not in page
    set_rights(app, town, Rights(restrictions=frozenset({Restriction.NO_INFORMATION})))
    assert "Ainu Virtanen" not in mother.get("/").text
    assert mother.get(f"/looks/{town.people[CHILD]}").status_code == 404


def test_staff_are_told_of_rights(app: FastAPI, browse: Browse, town: Town) -> None:
    rights = Rights(GuardianKind.INFORMED, False, frozenset({Restriction.NO_CONTACT}))
    set_rights(app, town, rights)
    page = browse("Sirpa Sihteeri").get(f"/pupils/{town.people[CHILD]}").text
    assert "no custody, right to information, sole custody, must get no contact details" in page


def test_who_is_only_informed_does_not_decide() -> None:
    assert limits_of(Guardianship(kind=GuardianKind.INFORMED, restrictions=[])) == {Restriction.NO_DECISIONS}
    assert limits_of(Guardianship(kind=GuardianKind.CUSTODIAN, restrictions=[])) == set()


def test_a_new_pair_is_the_platform_s_own_and_the_decision_is_in_the_audit(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    set_rights(app, town, Rights(GuardianKind.CARER), "Toinen Vanhempi", "Eero Öhman")
    assert "Eero Öhman" in browse("Toinen Vanhempi").get("/").text
    with Session(app.state.engine) as session:
        row = session.scalars(
            select(Guardianship).where(Guardianship.child_id == town.people["Eero Öhman"])
        ).all()
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "change guardianship")).all()
    assert {one.origin for one in row} == {Origin.ROSTER, Origin.PLATFORM}
    assert {event.subject for event in events} == {
        town.people["Toinen Vanhempi"],
        town.people["Eero Öhman"],
    }
    assert {event.reason for event in events} == {"decision 12/2026"}


def test_whoever_becomes_a_guardian_is_given_the_desktop_for_it_once(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    set_rights(app, town, Rights(), "Kalle Kollega", CHILD)
    set_rights(app, town, Rights(GuardianKind.CARER), "Kalle Kollega", CHILD)
    with Session(app.state.engine) as session:
        held = select(Role.role).where(Role.person_id == town.people["Kalle Kollega"])
        assert sorted(session.scalars(held)) == ["guardian", "teacher"]
    browser = browse("Kalle Kollega")
    (role,) = re.findall(r'name="role" value="([^"]+)">[^<]*Guardian', browser.get("/").text)
    browser.post("/desk", data={"role": role})
    assert "Ainu Virtanen" in browser.get("/").text


@pytest.mark.parametrize("wrong", ["no_access", "", "NO_CONTACT"])
def test_the_database_knows_every_restriction(app: FastAPI, town: Town, wrong: str) -> None:
    from sqlalchemy.exc import IntegrityError

    assert {one.value for one in Restriction} == {"no_information", "no_contact", "no_decisions"}
    with Session(app.state.engine) as session:
        session.add(Guardianship(guardian_id=UUID(int=1), child_id=town.people[CHILD], restrictions=[wrong]))
        with pytest.raises(IntegrityError):
            session.flush()
