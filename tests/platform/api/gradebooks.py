"""Objects of the gradebook as a service puts them, and what it is told when they are refused."""

from typing import Any

from httpx import Response

from tests.platform.api.conftest import GRADEBOOK, Service

CATEGORY = {"sourcedId": "c1", "title": "Kokeet", "weight": 0.5}


LINE_ITEM: dict[str, Any] = {
    "sourcedId": "li1",
    "title": "Koe 1: =SUM(A1)",
    "description": "Luvut\n1 ja 2",
    "assignDate": "2026-10-01T08:00:00Z",
    "dueDate": "2026-10-08T08:00:00.500+03:00",
    "class": {"sourcedId": "town-0037"},
    "category": {"sourcedId": "c1"},
    "resultValueMin": 4,
    "resultValueMax": 10.0,
}


RESULT: dict[str, Any] = {
    "sourcedId": "r1",
    "lineItem": {"sourcedId": "li1"},
    "student": {"sourcedId": "town-0006"},
    "scoreStatus": "fully graded",
    "score": 9.25,
    "scoreDate": "2026-10-09",
    "comment": "Hienoa!",
    "late": "false",
}


ONE = {"categories": "category", "lineItems": "lineItem", "results": "result"}


def body(row: dict[str, Any], one: str) -> dict[str, Any]:
    return {one: row}


def put(service: Service, key: str, row: dict[str, Any]) -> Response:
    return service.ask(f"{GRADEBOOK}/{key}/{row['sourcedId']}", "PUT", json=body(row, ONE[key]))


def minor(answer: Any) -> tuple[int, str, str]:
    """The status of a refusal, and the name and value that OneRoster has for it.

    What is at fault is named in the words, too.
    """
    told = answer.json()
    assert (told["imsx_codeMajor"], told["imsx_severity"]) == ("failure", "error")
    (field,) = told["imsx_CodeMinor"]["imsx_codeMinorField"]
    name = field["imsx_codeMinorFieldName"]
    assert name in ("TargetEndSystem", "") or name in told["imsx_description"]
    return answer.status_code, field["imsx_codeMinorFieldName"], field["imsx_codeMinorFieldValue"]
