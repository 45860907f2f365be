"""People under non-disclosure, and what hangs on them, do not exist for a service that may not see them."""

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.api import gradebook, rostering
from digione_platform.core.models import AuditEvent, Person
from tests.platform.api.conftest import GRADEBOOK, ROSTERING, Connect, Service
from tests.platform.api.gradebooks import CATEGORY, LINE_ITEM, RESULT, body, put
from tests.platform.town import Town

HIDDEN = ("Piilo Suojattu", "Suvi Suojattu")


@pytest.fixture
def marked(app: FastAPI, connect: Connect, town: Town) -> dict[str, str]:
    """Marks all that is about the hidden people, identifiers too; gives the identifiers of the town's places.

    A service that may see them has entered a result of the hidden pupil.
    """
    with app.state.open_session.begin() as session:
        for name in HIDDEN:
            person = session.get(Person, town.people[name])
            assert person is not None
            person.birth_date = "2012-12-12"
            for column in (
                "sourced_id",
                "given_name",
                "family_name",
                "learner_number",
                "identifier",
                "username",
            ):
                setattr(person, column, f"MARKER-{column}-{name[:4]}")
        session.execute(
            text("update enrolments set sourced_id = 'MARKER-enrolment' where person_id = :id"),
            {"id": town.people["Piilo Suojattu"]},
        )
        session.execute(
            text("update roles set sourced_id = 'MARKER-' || sourced_id where person_id = any(:ids)"),
            {"ids": [town.people[name] for name in HIDDEN]},
        )
        places = "select title, sourced_id from groups union all select name, sourced_id from organisations"
        named = dict(session.execute(text(places)).all())
        named["term"] = session.scalar(
            text("select sourced_id from academic_sessions where session_type = 'term'")
        )
    insider = connect(protected=True)
    put(insider, "categories", CATEGORY)
    put(insider, "lineItems", {**LINE_ITEM, "class": {"sourcedId": named["7C"]}})
    result = {**RESULT, "sourcedId": "MARKER-result", "student": {"sourcedId": "MARKER-sourced_id-Piil"}}
    assert put(insider, "results", {**result, "comment": "MARKER-comment"}).status_code == 201
    return named


def everything(service: Service, named: dict[str, str]) -> dict[str, str]:
    """All that a service can read, by address; the hidden pupil's own addresses are among those tried."""
    filled = {
        "schoolSourcedId": [named["Koivulan koulu"]],
        "classSourcedId": [named["7C"]],
        "termSourcedId": [named["term"]],
        "courseSourcedId": ["none"],
        "lineItemSourcedId": ["li1"],
        **{
            parameter: ["MARKER-sourced_id-Piil", "MARKER-sourced_id-Suvi"]
            for parameter in ("studentSourcedId", "teacherSourcedId", "userSourcedId")
        },
    }
    found = {}
    for root, views in ((ROSTERING, rostering.VIEWS), (GRADEBOOK, gradebook.VIEWS)):
        for view in views:
            paths = [view.path]
            for parameter, values in filled.items():
                paths = [path.replace(f"{{{parameter}}}", value) for path in paths for value in values]
            for path in dict.fromkeys(paths):
                answer = service.ask(f"{root}{path}", params={"limit": 1000})
                found[path] = answer.text + str(answer.headers.get("x-total-count"))
    return found


def test_planted_markers_reach_only_a_service_that_may_see_them(
    app: FastAPI, connect: Connect, marked: dict[str, str]
) -> None:
    seen = everything(connect(protected=True), marked)
    for path in ("/users", "/students", "/enrollments", "/demographics", "/results"):
        assert "MARKER" in seen[path], path
    hidden = everything(connect(), marked)
    assert [path for path, said in hidden.items() if "MARKER" in said] == []
    assert "Aino" in hidden["/users"]
    counts = {
        path: (int(hidden[path][-2:].strip("}]")), int(seen[path][-2:].strip("}]")))
        for path in ("/users", "/enrollments")
    }
    assert counts == {"/users": (13, 15), "/enrollments": (9, 10)}


@pytest.mark.parametrize(
    "path",
    [
        "rostering/v1p2/users/MARKER-sourced_id-Piil",
        "rostering/v1p2/students/MARKER-sourced_id-Piil",
        "rostering/v1p2/users/MARKER-sourced_id-Suvi",
        "rostering/v1p2/demographics/MARKER-sourced_id-Piil",
        "rostering/v1p2/enrollments/MARKER-enrolment",
        "rostering/v1p2/users/MARKER-sourced_id-Piil/classes",
        "rostering/v1p2/students/MARKER-sourced_id-Piil/classes",
        "gradebook/v1p2/results/MARKER-result",
    ],
)
def test_their_own_addresses_are_as_if_there_were_nothing(
    connect: Connect, marked: dict[str, str], path: str
) -> None:
    assert connect(protected=True).ask(f"/ims/oneroster/{path}").status_code == 200
    answer = connect().ask(f"/ims/oneroster/{path}")
    nothing = connect().ask(f"/ims/oneroster/{path.replace('MARKER', 'nothing')}")
    assert (answer.status_code, answer.text) == (404, nothing.text)


@pytest.mark.parametrize(
    ("path", "filter_"),
    [
        ("users", "familyName~'MARKER'"),
        ("users", "agents.sourcedId='MARKER-sourced_id-Suvi'"),
        ("users", "metadata.digione.nondisclosure='true'"),
        ("enrollments", "user.sourcedId='MARKER-sourced_id-Piil'"),
        ("demographics", "birthDate='2012-12-12'"),
    ],
)
def test_no_filter_finds_them(connect: Connect, marked: dict[str, str], path: str, filter_: str) -> None:
    assert connect(protected=True).many(f"/{path}", filter=filter_) != []
    assert connect().many(f"/{path}", filter=filter_) == []


def test_a_child_is_shown_without_the_guardian_in_hiding(
    app: FastAPI, connect: Connect, town: Town, marked: dict[str, str]
) -> None:
    with app.state.engine.begin() as connection:
        connection.execute(
            text("update persons set nondisclosure = false where id = :id"),
            {"id": town.people["Piilo Suojattu"]},
        )
    (child,) = connect().many("/users", filter="familyName='MARKER-family_name-Piil'")
    (other,) = child["agents"]
    assert other["sourcedId"] == connect().many("/users", filter="givenName='Toinen'")[0]["sourcedId"]


def test_a_service_that_sees_them_is_told_of_their_non_disclosure(
    connect: Connect, marked: dict[str, str]
) -> None:
    (child,) = connect(protected=True).many("/students", filter="metadata.digione.nondisclosure='true'")
    assert child["metadata"]["digione.nondisclosure"] == "true"


def test_no_result_can_be_entered_for_them(connect: Connect, marked: dict[str, str]) -> None:
    service = connect()
    row = {**RESULT, "sourcedId": "new", "student": {"sourcedId": "MARKER-sourced_id-Piil"}}
    answer = put(service, "results", row)
    nobody = put(service, "results", {**row, "student": {"sourcedId": "nobody"}})
    assert (answer.status_code, answer.text) == (422, nobody.text)
    assert body(row, "result")["result"]["sourcedId"] == "new"


def test_a_result_of_one_who_is_protected_since_is_not_overwritten(
    app: FastAPI, connect: Connect, town: Town
) -> None:
    service = connect()
    for key, row in (("categories", CATEGORY), ("lineItems", LINE_ITEM), ("results", RESULT)):
        assert put(service, key, row).status_code == 201
    hide = text("update persons set nondisclosure = true where id = :id")
    with app.state.engine.begin() as connection:
        connection.execute(hide, {"id": town.people["Aino Virtanen"]})
    others = {**RESULT, "student": {"sourcedId": "town-0010"}}
    answer = put(service, "results", others)
    another = put(connect(), "categories", CATEGORY)
    assert (answer.status_code, answer.text) == (403, another.text)
    assert put(service, "results", RESULT).text == another.text
    gone = [service.ask(f"{GRADEBOOK}/results/{one}", "DELETE") for one in (RESULT["sourcedId"], "nothing")]
    assert [(one.status_code, one.text) for one in gone] == [(404, gone[0].text)] * 2
    with app.state.engine.connect() as connection:
        assert connection.scalars(text("select student_id from results")).all() == [
            town.people["Aino Virtanen"]
        ]


def test_a_hidden_result_takes_no_part_in_what_a_service_is_told(
    connect: Connect, app: FastAPI, town: Town
) -> None:
    """By its class or range the service would find out where the pupil is, or how they did."""
    service = connect()
    put(service, "categories", CATEGORY)
    put(service, "lineItems", LINE_ITEM)
    assert put(service, "results", RESULT).status_code == 201
    for change in ({"class": {"sourcedId": "town-0038"}}, {"resultValueMax": 9}):
        assert put(service, "lineItems", LINE_ITEM | change).status_code == 422
    hide = text("update persons set nondisclosure = true where sourced_id = :id")
    with Session(app.state.engine) as session, session.begin():
        session.execute(hide, {"id": RESULT["student"]["sourcedId"]})
    for change in ({"class": {"sourcedId": "town-0038"}}, {"resultValueMax": 9}):
        assert put(service, "lineItems", LINE_ITEM | change).status_code == 201


def test_of_a_protected_child_a_service_is_told_only_who_is_in_hiding_with_it(
    connect: Connect, marked: dict[str, str]
) -> None:
    insider = connect(protected=True)
    (child,) = insider.many("/users", filter="familyName='MARKER-family_name-Piil'")
    assert [one["sourcedId"] for one in child["agents"]] == ["MARKER-sourced_id-Suvi"]
    (other,) = insider.many("/users", filter="givenName='Toinen'")
    assert insider.many("/users", filter=f"agents.sourcedId='{other['sourcedId']}'") == []


def test_a_look_at_one_of_them_is_in_the_audit(
    app: FastAPI, connect: Connect, town: Town, marked: dict[str, str]
) -> None:
    insider = connect(protected=True)
    insider.roster("/users/MARKER-sourced_id-Piil")
    with Session(app.state.engine) as session:
        subjects = [
            event.subject
            for event in session.query(AuditEvent).filter_by(action="client read", actor=insider.client_id)
        ]
    assert subjects == [town.people["Piilo Suojattu"]]
