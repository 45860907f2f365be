"""OneRoster's gradebook service: what is put can be read, and what does not fit is refused by name."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.api import gradebook
from digione_platform.api.access import Scope
from digione_platform.api.dependencies import MAX_BODY
from digione_platform.core.models import AuditEvent
from tests.platform.api.conftest import GRADEBOOK, Connect, Service
from tests.platform.api.gradebooks import CATEGORY, LINE_ITEM, RESULT, minor, put
from tests.platform.town import Town


def get(service: Service, path: str, **parameters: Any) -> Any:
    answer = service.ask(f"{GRADEBOOK}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json().values()
    return found


@pytest.fixture
def service(connect: Connect) -> Service:
    """A service that has put a category, a line item and a result."""
    service = connect()
    for key, row in (("categories", CATEGORY), ("lineItems", LINE_ITEM), ("results", RESULT)):
        answer = put(service, key, row)
        assert answer.status_code == 201, answer.text
    return service


def test_what_was_put_can_be_read(service: Service) -> None:
    category, line_item, result = (
        get(service, "/categories/c1"),
        get(service, "/lineItems/li1"),
        get(service, "/results/r1"),
    )
    assert (category["title"], category["weight"], category["status"]) == ("Kokeet", 0.5, "active")
    assert (line_item["title"], line_item["description"]) == (LINE_ITEM["title"], LINE_ITEM["description"])
    assert (line_item["assignDate"], line_item["dueDate"]) == (
        "2026-10-01T08:00:00.000Z",
        "2026-10-08T05:00:00.500Z",
    )
    assert (line_item["resultValueMin"], line_item["resultValueMax"]) == (4, 10)
    assert {line_item[key]["type"] for key in ("class", "school", "category")} == {"class", "org", "category"}
    assert {key: result[key] for key in ("scoreStatus", "score", "scoreDate", "comment", "late")} == {
        key: RESULT[key] for key in ("scoreStatus", "score", "scoreDate", "comment", "late")
    }
    assert result["student"]["sourcedId"] == "town-0006"
    assert result["class"]["sourcedId"] == "town-0037"
    assert "missing" not in result


def test_the_answer_to_a_put_is_the_object(service: Service) -> None:
    answer = put(service, "categories", CATEGORY | {"metadata": {"color": "#fff", "n": [1, 2]}})
    assert answer.json()["category"] == get(service, "/categories/c1")
    assert answer.json()["category"]["metadata"] == {"color": "#fff", "n": [1, 2]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/categories", ["c1"]),
        ("/lineItems", ["li1"]),
        ("/results", ["r1"]),
        ("/classes/town-0037/categories", ["c1"]),
        ("/classes/town-0038/categories", []),
        ("/classes/town-0037/lineItems", ["li1"]),
        ("/classes/town-0037/results", ["r1"]),
        ("/classes/town-0038/results", []),
        ("/classes/town-0037/lineItems/li1/results", ["r1"]),
        ("/classes/town-0037/students/town-0006/results", ["r1"]),
        ("/classes/town-0037/students/town-0010/results", []),
        ("/schools/town-0002/lineItems", ["li1"]),
        ("/schools/town-0003/lineItems", []),
    ],
)
def test_an_address_gives_its_objects(service: Service, path: str, found: list[str]) -> None:
    assert [row["sourcedId"] for row in get(service, path)] == found


@pytest.mark.parametrize(
    ("path", "filter_", "found"),
    [
        ("/results", "score>='9.25' AND late='false'", ["r1"]),
        ("/results", "score<'9'", []),
        ("/results", "student.sourcedId='town-0006'", ["r1"]),
        ("/results", "missing!='true'", ["r1"]),
        ("/lineItems", "dueDate<'2026-10-09' AND category.sourcedId='c1'", ["li1"]),
        ("/categories", "weight='0.5'", ["c1"]),
    ],
)
def test_a_filter_finds(service: Service, path: str, filter_: str, found: list[str]) -> None:
    assert [row["sourcedId"] for row in get(service, path, filter=filter_)] == found


@pytest.mark.parametrize("number", ["nan", "1e400", "1_0", "٣", "", "infinity"])
def test_a_filter_takes_numbers_as_json_writes_them(service: Service, number: str) -> None:
    answer = service.ask(f"{GRADEBOOK}/results", params={"filter": f"score>'{number}'"})
    assert minor(answer)[0] == 400


@pytest.mark.parametrize(
    "path", ["/classes/town-0038/lineItems/li1/results", "/classes/x/results", "/schools/town-0001/lineItems"]
)
def test_below_what_does_not_belong_together_nothing_is_found(service: Service, path: str) -> None:
    assert service.ask(f"{GRADEBOOK}{path}").status_code == 404


def test_a_second_put_replaces_all_of_the_first(service: Service) -> None:
    changed = {key: value for key, value in RESULT.items() if key != "comment"} | {"score": 7}
    before = get(service, "/results/r1")["dateLastModified"]
    assert put(service, "results", changed).status_code == 201
    after = get(service, "/results/r1")
    assert (after["score"], "comment" in after) == (7, False)
    assert after["dateLastModified"] >= before
    assert len(get(service, "/results")) == 1


def test_what_was_deleted_is_told_as_to_be_deleted(service: Service) -> None:
    assert service.ask(f"{GRADEBOOK}/results/r1", "DELETE").status_code == 204
    assert get(service, "/results/r1")["status"] == "tobedeleted"
    assert service.ask(f"{GRADEBOOK}/results/r1", "DELETE").status_code == 204
    assert service.ask(f"{GRADEBOOK}/results/none", "DELETE").status_code == 404
    assert put(service, "results", RESULT).json()["result"]["status"] == "active"


def test_with_a_line_item_its_results_are_deleted(
    service: Service, connect: Connect, app: FastAPI, town: Town
) -> None:
    other = connect()
    assert put(other, "results", {**RESULT, "sourcedId": "r2"}).status_code == 201
    assert service.ask(f"{GRADEBOOK}/lineItems/li1", "DELETE").status_code == 204
    assert {row["status"] for row in get(service, "/results")} == {"tobedeleted"}
    with Session(app.state.engine) as session:
        event = session.query(AuditEvent).filter_by(action="client deleted").one()
        assert event.people == [town.people["Aino Virtanen"]]
    assert minor(put(service, "results", RESULT)) == (422, "result.lineItem.sourcedId", "invaliddata")
    assert put(service, "results", {**RESULT, "status": "tobedeleted"}).status_code == 201
    assert put(service, "lineItems", LINE_ITEM).status_code == 201
    assert put(service, "results", RESULT).json()["result"]["status"] == "active"
    assert put(service, "lineItems", {**LINE_ITEM, "status": "tobedeleted"}).status_code == 201
    assert get(service, "/results/r1")["status"] == "tobedeleted"


def test_a_line_item_keeps_room_for_its_results(service: Service) -> None:
    """A result of 9.5 of a pupil of its class is there."""
    narrow = put(service, "lineItems", {**LINE_ITEM, "resultValueMax": 9})
    assert minor(narrow) == (422, "lineItem.resultValueMax", "invaliddata")
    moved = put(service, "lineItems", {**LINE_ITEM, "class": {"sourcedId": "town-0038"}})
    assert minor(moved) == (422, "lineItem.class.sourcedId", "invaliddata")
    assert service.ask(f"{GRADEBOOK}/results/r1", "DELETE").status_code == 204
    assert put(service, "lineItems", {**LINE_ITEM, "resultValueMax": 9}).status_code == 201


def test_refusals_are_in_words(service: Service) -> None:
    extra = put(service, "results", {**RESULT, "grade": 9}).json()["imsx_description"]
    assert extra == "result.grade: there is no such field"
    order = put(service, "lineItems", {**LINE_ITEM, "resultValueMax": 3}).json()["imsx_description"]
    assert order == "lineItem.resultValueMax: it is below resultValueMin"
    method = service.ask(f"{GRADEBOOK}/results/r1", "POST")
    assert method.status_code == 405
    assert method.json()["imsx_description"] == "this address does not take the method POST"


def test_a_line_item_is_of_no_deleted_category(service: Service) -> None:
    assert service.ask(f"{GRADEBOOK}/categories/c1", "DELETE").status_code == 204
    assert minor(put(service, "lineItems", LINE_ITEM)) == (422, "lineItem.category.sourcedId", "invaliddata")


def test_only_the_service_that_made_it_changes_or_deletes_it(service: Service, connect: Connect) -> None:
    other = connect()
    assert minor(put(other, "results", {**RESULT, "score": 4})) == (403, "sourcedId", "forbidden")
    taken = other.ask(f"{GRADEBOOK}/results/r1", "DELETE")
    nothing = other.ask(f"{GRADEBOOK}/results/none", "DELETE")
    assert minor(taken) == (404, "sourcedId", "unknownobject")
    assert taken.text == nothing.text
    assert get(service, "/results/r1")["score"] == 9.25
    assert put(other, "results", {**RESULT, "sourcedId": "r2", "score": 4}).status_code == 201


def test_a_put_that_deletes_needs_the_scope_for_it(service: Service, app: FastAPI, connect: Connect) -> None:
    gone = CATEGORY | {"status": "tobedeleted"}
    writer = connect(Scope.GRADEBOOK_PUT, Scope.GRADEBOOK)
    own = gone | {"sourcedId": "own"}
    assert put(writer, "categories", own | {"status": "active"}).status_code == 201
    answer = put(writer, "categories", own)
    assert minor(answer)[0::2] == (403, "forbidden")
    assert "gradebook.delete" in answer.text
    assert get(writer, "/categories/own")["status"] == "active"
    assert put(service, "categories", gone).json()["category"]["status"] == "tobedeleted"
    with Session(app.state.engine) as session:
        assert session.query(AuditEvent).filter_by(action="client deleted").count() == 1


def test_a_result_that_changes_its_pupil_is_in_the_audit_of_both(
    service: Service, app: FastAPI, town: Town
) -> None:
    assert put(service, "results", RESULT | {"student": {"sourcedId": "town-0010"}}).status_code == 201
    with Session(app.state.engine) as session:
        event = (
            session.query(AuditEvent).filter_by(action="client wrote").order_by(AuditEvent.id.desc()).first()
        )
        assert event is not None
        assert event.people == [town.people["Aino Virtanen"]]
        assert event.subject not in (None, town.people["Aino Virtanen"])


# A pupil whom the service may know, in a class other than the line item's.
OF_ANOTHER_CLASS = "town-0017"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("results", {"score": "9"}, "result.score"),
    ("results", {"score": True}, "result.score"),
    ("results", {"scoreStatus": "done"}, "result.scoreStatus"),
    ("results", {"scoreDate": "yesterday"}, "result.scoreDate"),
    ("results", {"scoreDate": "1700006400"}, "result.scoreDate"),
    ("results", {"comment": "of 131052-308t"}, "result.comment"),
    ("results", {"late": True}, "result.late"),
    ("results", {"student": {"sourcedId": "nobody"}}, "result.student.sourcedId"),
    ("results", {"student": {"sourcedId": "town-0026"}}, "result.student.sourcedId"),
    ("results", {"student": None}, "result.student"),
    ("results", {"lineItem": {"sourcedId": "none"}}, "result.lineItem.sourcedId"),
    ("results", {"class": {"sourcedId": "town-0038"}}, "result.class.sourcedId"),
    ("results", {"score": 10.5}, "result.score"),
    ("results", {"score": 3.75}, "result.score"),
    ("results", {"student": {"sourcedId": OF_ANOTHER_CLASS}}, "result.student.sourcedId"),
    ("results", {"comment": "x" * 10_001}, "result.comment"),
    ("results", {"comment": "a\x00b"}, "result.comment"),
    ("results", {"textScore": "a\nb"}, "result.textScore"),
    ("results", {"grade": 9}, "result.grade"),
    ("results", {"status": "gone"}, "result.status"),
    ("lineItems", {"school": {"sourcedId": "town-0003"}}, "lineItem.school.sourcedId"),
    ("lineItems", {"class": {"sourcedId": "none"}}, "lineItem.class.sourcedId"),
    ("lineItems", {"category": {"sourcedId": "none"}}, "lineItem.category.sourcedId"),
    ("lineItems", {"academicSession": {"sourcedId": "none"}}, "lineItem.academicSession.sourcedId"),
    ("lineItems", {"dueDate": "2026-10-08T08:00:00"}, "lineItem.dueDate"),
    ("lineItems", {"dueDate": 0}, "lineItem.dueDate"),
    ("lineItems", {"dueDate": "0001-01-01T00:00:00+14:00"}, "lineItem.dueDate"),
    ("lineItems", {"dueDate": "1900000000"}, "lineItem.dueDate"),
    ("lineItems", {"title": "Koe of 131052-308T"}, "lineItem.title"),
    ("lineItems", {"dueDate": "2026-10-01T07:59:59Z"}, "lineItem.dueDate"),
    ("lineItems", {"resultValueMax": 3}, "lineItem.resultValueMax"),
    ("lineItems", {"title": ""}, "lineItem.title"),
    ("lineItems", {"title": "  "}, "lineItem.title"),
    ("categories", {"title": None}, "category.title"),
    ("categories", {"metadata": {"a": [{"b": "131052-308T"}]}}, "category.metadata"),
    ("categories", {"weight": "heavy"}, "category.weight"),
    ("categories", {"weight": -5}, "category.weight"),
]


@pytest.mark.parametrize(("key", "change", "field"), WRONG)
def test_a_body_that_does_not_fit_is_refused_by_name(
    service: Service, key: str, change: dict[str, Any], field: str
) -> None:
    row = {"categories": CATEGORY, "lineItems": LINE_ITEM, "results": RESULT}[key]
    before = get(service, f"/{key}/{row['sourcedId']}")
    answer = put(service, key, {**row, **change})
    assert minor(answer) == (422, field, "invaliddata")
    assert get(service, f"/{key}/{row['sourcedId']}") == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"category": {}}',
        b'{"result": {"sourcedId": "c1", "title": "x"}}',
        b'{"category": {"sourcedId": "c2", "title": "x"}}',
        b'{"category": {"sourcedId": "c1", "title": "\\ud800"}}',
        b'{"category": {"sourcedId": "c1", "title": "x", "weight": 1e999}}',
        b'{"category": {"sourcedId": "c1", "title": "x", "weight": NaN}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"category": {"sourcedId": "c1", "title": "x", "metadata": {"a": "\\u0000"}}}',
    ],
)
def test_a_body_of_another_form_is_refused(service: Service, content: bytes) -> None:
    answer = service.ask(f"{GRADEBOOK}/categories/c1", "PUT", content=content)
    assert minor(answer)[0::2] == (422, "invaliddata")
    assert get(service, "/categories/c1")["title"] == "Kokeet"


def test_a_body_that_is_called_something_else_than_json_is_refused(service: Service) -> None:
    body = json.dumps({"category": CATEGORY | {"title": "Toinen"}})
    for kind, status in (("text/plain", 415), ("application/json; charset=utf-8", 201)):
        headers = {"authorization": f"Bearer {service.token}", "content-type": kind}
        answer = service.http.put(f"{GRADEBOOK}/categories/c1", content=body, headers=headers)
        assert answer.status_code == status


def test_a_body_is_not_looked_at_before_the_token(service: Service) -> None:
    service.token = "unknown"
    answer = service.ask(f"{GRADEBOOK}/categories/c1", "PUT", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 401


def test_a_body_that_is_too_large_is_refused(service: Service) -> None:
    answer = service.ask(f"{GRADEBOOK}/categories/c1", "PUT", content=b" " * (MAX_BODY + 1))
    assert minor(answer)[0] == 413


@pytest.mark.parametrize("scope", [Scope.GRADEBOOK, Scope.ROSTER, Scope.GRADEBOOK_DELETE])
def test_putting_needs_its_own_scope(connect: Connect, scope: Scope) -> None:
    assert put(connect(scope), "categories", CATEGORY).status_code == 403


@pytest.mark.parametrize("scope", [Scope.GRADEBOOK, Scope.GRADEBOOK_PUT])
def test_deleting_needs_its_own_scope(service: Service, connect: Connect, scope: Scope) -> None:
    assert connect(scope).ask(f"{GRADEBOOK}/categories/c1", "DELETE").status_code == 403


def test_writing_is_in_the_audit_with_service_and_pupil(service: Service, app: FastAPI, town: Town) -> None:
    service.ask(f"{GRADEBOOK}/results/r1", "DELETE")
    with Session(app.state.engine) as session:
        written = [
            (event.action, event.detail["collection"], event.subject)
            for event in session.query(AuditEvent).filter_by(actor=service.client_id).order_by(AuditEvent.id)
            if event.action != "client signed in"
        ]
    pupil = town.people["Aino Virtanen"]
    assert written == [
        ("client wrote", "/categories", None),
        ("client wrote", "/lineItems", None),
        ("client wrote", "/results", pupil),
        ("client deleted", "/results", pupil),
    ]


def test_the_service_offers_every_address_that_the_documentation_names(
    service: Service, repository: Any
) -> None:
    told = (repository / "docs/reference/api.md").read_text()
    for view in gradebook.VIEWS:
        assert view.path in told


def test_markers_of_the_town_are_where_these_tests_think(app: FastAPI) -> None:
    with Session(app.state.engine) as session:
        found = session.execute(
            text("select given_name from persons where sourced_id = 'town-0006'")
        ).scalar_one()
    assert found == "Aino"
