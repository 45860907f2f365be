"""What is said of the interface holds: the commands of the docs page, and the OpenAPI document."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import negative_data_rejection
from sqlalchemy import create_engine

from digione_platform.api import gradebook, rostering
from digione_platform.api.access import Scope
from digione_platform.api.app import create_api, document
from digione_platform.api.fields import GRADEBOOK, ROSTERING
from digione_platform.settings import Database
from tests.platform.api.conftest import Live, connect_to
from tests.platform.conftest import settings_for


def page_of(repository: Path) -> str:
    return (repository / "docs/how-to/connect-a-service.md").read_text(encoding="utf-8")


def commands(repository: Path) -> list[str]:
    """The commands of the docs page, in their order."""
    return re.findall(r"^```sh\n(.*?)^```$", page_of(repository), re.M | re.S)


def test_the_commands_of_the_docs_work_as_they_stand(live: Live, repository: Path) -> None:
    service = connect_to(live.app)()
    found = commands(repository)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "echo;echo =====\n".join(found)],
        env={
            "PATH": os.environ["PATH"],
            "HOST": live.url,
            "CLIENT_ID": str(service.client_id),
            "CLIENT_SECRET": service.secret,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split("=====")
    assert len(answers) == len(found) == 12
    token, _, everyone, pages, school, teachers, quoted, changed, put, read, deleted, refused = answers
    assert '"token_type":"Bearer"' in token
    assert "x-total-count: 7" in everyone.lower()
    assert '"users":[{"sourcedId"' in everyone.replace(" ", "")
    assert [len(page["users"]) for page in jsons(pages)] == [3, 3, 1]
    one_school, students = jsons(school)
    assert one_school["org"]["type"] == "school"
    assert "Aino" in str(students)
    assert "Opettaja" in teachers
    assert "Aino" not in teachers
    assert jsons(quoted) == [{"users": []}]
    assert "Aino" in changed
    category, line_item, result = jsons(put)
    assert category["category"]["title"] == "Exams"
    assert (result["result"]["score"], result["result"]["comment"]) == (9.5, "Well done")
    assert jsons(read) == [
        line_item,
        {"results": [result["result"]]},
        {"results": [{"sourcedId": "oppi-exam-1-1", "score": 9.5}]},
    ]
    assert jsons(deleted) == []
    (told,) = re.findall(r"^```json\n(.*?)^```$", page_of(repository), re.M | re.S)
    assert jsons(refused) == [json.loads(told)]


def jsons(text: str) -> list[Any]:
    """The JSON values that stand one after another in a text."""
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        value, place = json.JSONDecoder().raw_decode(text, place)
        found.append(value)
        place += len(text[place:]) - len(text[place:].lstrip())
    return found


@pytest.fixture(scope="session")
def bearer(live: Live) -> str:
    return f"Bearer {connect_to(live.app)(protected=True).token}"


DOCUMENT = document(
    create_api(settings_for(Database(host="/", name="", user="")), create_engine("postgresql+psycopg://"))
)
OPERATIONS = {
    operation.ok().label: operation.ok()
    for operation in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
}
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ]
)


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_as_the_openapi_document_says(name: str, live: Live, bearer: str) -> None:
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[name].as_strategy())
    def ask(case: Case) -> None:
        case.call_and_validate(f"{live.url}/ims/oneroster", headers={"authorization": bearer}, checks=CHECKED)

    ask()


# Of what is deleted nothing is said but the address, and that may be any text.
@pytest.mark.parametrize("name", [name for name in OPERATIONS if not name.startswith("DELETE")])
def test_what_the_openapi_document_does_not_allow_is_refused(name: str, live: Live, bearer: str) -> None:
    @settings(
        max_examples=4,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[name].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def ask(case: Case) -> None:
        checks = [*CHECKED, negative_data_rejection]
        case.call_and_validate(f"{live.url}/ims/oneroster", headers={"authorization": bearer}, checks=checks)

    ask()


@pytest.mark.parametrize("name", OPERATIONS)
def test_without_token_or_scope_nothing_is_answered_whatever_is_asked(name: str, live: Live) -> None:
    """Neither who is nobody, nor who has every scope but those that open the address."""
    operation = OPERATIONS[name]
    security = operation.definition.raw["security"]
    opened_by = {scope for one in security for scope in one["oauth2"]}
    lacking = connect_to(live.app)(*(one for one in Scope if one.url not in opened_by)).token

    @settings(
        max_examples=2,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: Case) -> None:
        for token, status in (("", 401), ("Bearer unknown", 401), (f"Bearer {lacking}", 403)):
            answer = case.call_and_validate(
                f"{live.url}/ims/oneroster", headers={"authorization": token}, checks=CHECKED
            )
            assert answer.status_code == status

    ask()


def test_every_part_to_which_the_document_refers_is_in_it() -> None:
    for one in re.findall(r'"[$]ref": "#/([^"]+)"', json.dumps(DOCUMENT)):
        found = DOCUMENT
        for part in one.split("/"):
            assert part in found, one
            found = found[part]


def test_the_document_names_every_address_and_its_scopes() -> None:
    for root, views in ((ROSTERING, rostering.VIEWS), (GRADEBOOK, gradebook.VIEWS)):
        for view in views:
            said = DOCUMENT["paths"][f"/{root}{view.path}"]["get"]
            assert said["operationId"] == view.many
            assert said["security"] == [{"oauth2": [scope.url]} for scope in view.scopes]
    assert len(OPERATIONS) == len(rostering.VIEWS) + len(gradebook.VIEWS) + 12 + 3 + 6
