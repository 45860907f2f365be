"""Every answer to a service is in the audit: who, what, how many; single people by themselves."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy.orm import Session

from digione_platform.api.access import Scope
from digione_platform.app import create_app
from digione_platform.core.models import AuditEvent
from digione_platform.settings import Settings
from tests.platform.api.conftest import GRADEBOOK, Connect, Service, connect_to
from tests.platform.conftest import Databases, KnockSignIn
from tests.platform.town import Town


def events(app: FastAPI, service: Service) -> list[tuple[str, Any, dict[str, Any]]]:
    with Session(app.state.engine) as session:
        found = session.query(AuditEvent).filter_by(actor=service.client_id).order_by(AuditEvent.id)
        return [
            (
                event.action,
                event.subject,
                {key: value for key, value in event.detail.items() if key != "service"},
            )
            for event in found
            if event.action != "client signed in"
        ]


def test_a_page_is_one_event_with_collection_and_count(app: FastAPI, connect: Connect) -> None:
    service = connect()
    service.roster("/users", limit=3)
    service.roster("/users", filter="familyName='Nobody'")
    assert events(app, service) == [
        ("client read", None, {"collection": "/users", "count": 3}),
        ("client read", None, {"collection": "/users", "count": 0}),
    ]


def test_everyone_on_a_page_is_named_once_in_its_event(app: FastAPI, connect: Connect, town: Town) -> None:
    service = connect()
    service.roster("/users", limit=3)
    service.roster("/users", filter="familyName='Nobody'")
    service.roster("/enrollments", filter="role='student'")
    service.roster("/orgs")
    with Session(app.state.engine) as session:
        found = session.query(AuditEvent).filter_by(actor=service.client_id, action="client read")
        three, nobody, placed, schools = (event.people for event in found.order_by(AuditEvent.id))
    assert nobody is schools is None
    assert len(three) == 3
    assert set(three) <= set(town.people.values())
    # Aino has two places, and is named once.
    pupils = ("Aino Virtanen", "Olli Åberg", "Eero Öhman", "Elsa Virtanen")
    assert placed == sorted(town.people[name] for name in pupils)


def test_what_is_about_one_person_names_them(app: FastAPI, connect: Connect, town: Town) -> None:
    service = connect()
    (aino,) = service.many("/users", filter="givenName='Aino'", fields="sourcedId")
    (place, _) = service.many("/enrollments", filter=f"user.sourcedId='{aino['sourcedId']}'")
    service.roster(f"/users/{aino['sourcedId']}")
    service.roster(f"/enrollments/{place['sourcedId']}")
    service.roster(f"/students/{aino['sourcedId']}/classes")
    pupil = town.people["Aino Virtanen"]
    assert events(app, service)[2:] == [
        ("client read", pupil, {"collection": "/users", "count": 1}),
        ("client read", pupil, {"collection": "/enrollments", "count": 1}),
        ("client read", pupil, {"collection": "/students/{studentSourcedId}/classes", "count": 2}),
    ]


def test_a_refusal_to_a_known_service_is_in_it_without_what_was_named(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER_CORE)
    service.roster("/demographics/town-0006")
    service.roster("/users/somebody-elses")
    refused = [(action, detail["address"], detail["status"]) for action, _, detail in events(app, service)]
    assert refused == [
        ("client refused", "/rostering/v1p2/demographics/{sourcedId}", 403),
        ("client refused", "/rostering/v1p2/users/{sourcedId}", 404),
    ]


def test_so_is_one_who_names_in_a_body_what_is_not_there(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.GRADEBOOK_PUT)
    place = f"{GRADEBOOK}/results/r"
    row = {"sourcedId": "r", "scoreStatus": "exempt", "scoreDate": "2026-11-24"}
    links = {"lineItem": {"sourcedId": "of-others"}, "student": {"sourcedId": "of-others"}}
    assert service.ask(place, "PUT", json={"result": row | links}).status_code == 422
    ((action, _, detail),) = events(app, service)
    assert (action, detail["status"], "of-others" in str(detail)) == ("client refused", 422, False)


def test_so_is_one_who_asks_for_a_scope_that_was_not_given(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER_CORE)
    asked = {"grant_type": "client_credentials", "scope": Scope.DEMOGRAPHICS.url}
    who = {"auth": (str(service.client_id), service.secret)}
    assert service.http.post("/ims/oneroster/token", data=asked, **who).status_code == 400
    refused = {"method": "POST", "address": "/token", "status": 400}
    assert events(app, service) == [("client refused", None, refused)]


def test_an_answer_that_is_not_in_the_audit_is_not_given(app: FastAPI, connect: Connect) -> None:
    service = connect()
    with app.state.engine.begin() as connection:
        connection.exec_driver_sql(
            "alter table audit_events add constraint full_now check (id < 0) not valid"
        )
    answer = service.roster("/users")
    assert (answer.status_code, "Aino" in answer.text) == (500, False)
    assert answer.json()["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"] == (
        "internal_server_error"
    )


def test_a_database_that_is_away_is_told_as_that(databases: Databases, settings: Settings) -> None:
    app = create_app(settings, KnockSignIn())
    service = connect_to(app)()
    app.state.engine.dispose()
    databases.rename(settings.database, "elsewhere")
    answer = service.roster("/users")
    databases.rename(settings.database.model_copy(update={"name": "elsewhere"}), settings.database.name)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["imsx_codeMajor"] == "failure"
    assert service.roster("/users").status_code == 200
    app.state.engine.dispose()


def test_logs_hold_no_identifier_of_anyone(connect: Connect, caplog: Any) -> None:
    caplog.set_level("INFO")
    service = connect()
    service.roster("/users/town-0006", fields="sourcedId")
    service.roster("/users", filter="familyName='Virtanen'")
    assert "/rostering/v1p2/users/{sourcedId}" in caplog.text
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("digione"))
    assert "town-0006" not in ours
    assert "Virtanen" not in ours
    assert service.token not in ours
