"""The audit: every read of another person's data is in it, and nothing in it can be changed."""

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.models import AuditEvent
from tests.platform.conftest import Browse
from tests.platform.forms import fill
from tests.platform.town import Town


def events(app: FastAPI, action: str) -> list[AuditEvent]:
    with Session(app.state.engine) as session:
        return list(
            session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id))
        )


def test_a_list_names_everyone_who_was_on_the_page(app: FastAPI, browse: Browse, town: Town) -> None:
    browse("Sirpa Sihteeri").get("/pupils")
    found = events(app, "list pupils")
    assert {event.actor for event in found} == {town.people["Sirpa Sihteeri"]}
    names = ("Aino Virtanen", "Eero Öhman", "Olli Åberg", "Piilo Suojattu")
    assert {event.subject for event in found} == {town.people[name] for name in names}


def test_a_pupil_page_names_pupil_and_guardians(app: FastAPI, browse: Browse, town: Town) -> None:
    browse("Kalle Kollega").get(f"/pupils/{town.people['Aino Virtanen']}")
    assert [event.subject for event in events(app, "view pupil")] == [town.people["Aino Virtanen"]]
    assert [event.subject for event in events(app, "view guardian")] == [town.people["Maija Virtanen"]]


def test_a_guardian_s_look_at_own_children_is_recorded(app: FastAPI, browse: Browse, town: Town) -> None:
    browse("Maija Virtanen").get("/")
    subjects = {event.subject for event in events(app, "view child")}
    assert subjects == {town.people["Aino Virtanen"], town.people["Elsa Virtanen"]}


def test_a_refusal_is_recorded_although_the_page_is_not_found(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    browse("Kalle Kollega").get(f"/pupils/{town.people['Eero Öhman']}")
    browse("Kalle Kollega").get(f"/groups/{town.groups['3B']}")
    pupil, group = events(app, "refused")
    assert (pupil.subject, pupil.detail["route"]) == (town.people["Eero Öhman"], "/pupils/{person_id}")
    assert (group.subject, group.detail["group_id"]) == (None, str(town.groups["3B"]))
    assert {event.desktop for event in (pupil, group)} == {"teacher"}


def test_looking_at_oneself_is_no_event(app: FastAPI, browse: Browse) -> None:
    browser = browse("Aino Virtanen")
    browser.get("/")
    browser.get("/me")
    with Session(app.state.engine) as session:
        assert [event.action for event in session.scalars(select(AuditEvent))] == ["sign in"]


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_events set action = 'nothing'",
        "delete from audit_events",
        "truncate audit_events cascade",
        "update audit_chain set hash = ''",
        "delete from audit_chain",
        "truncate audit_chain",
        "insert into audit_chain (position, event_id, hash) values (2, 1, '')",
    ],
)
def test_the_database_refuses_to_change_the_audit(empty: Engine, statement: str) -> None:
    with Session(empty) as session:
        audit.record(session, By(), Act.SIGN_IN)
        session.commit()
    with pytest.raises(DBAPIError, match="audit events are never changed"), empty.begin() as connection:
        connection.execute(text(statement))
    with Session(empty) as session:
        assert session.scalars(select(AuditEvent.action)).all() == ["sign in"]


def test_what_an_administrator_changes_of_themselves_is_in_the_audit(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    me, browser = town.people["Helena Hallinto"], browse("Helena Hallinto")
    browser.get(f"/administration/people/{me}")
    edited = fill(browser, f"/administration/people/{me}/edit", phone="1", username="helena.hallinto")
    school = str(town.places["Koivulan koulu"])
    role = fill(browser, f"/administration/roles/new?person={me}", role="principal", organisation_id=school)
    assert (edited.status_code, role.status_code) == (303, 303)
    (changed,), (added,) = events(app, "change record"), events(app, "add record")
    assert (changed.actor, changed.subject, changed.detail["table"]) == (me, me, "persons")
    assert (added.actor, added.subject, added.detail["table"]) == (me, me, "roles")
    assert events(app, "view person") == []
