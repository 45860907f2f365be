"""The pages of the application, by whom they can be opened."""

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.core.models import AuditEvent
from tests.platform.town import Town

# Open to everyone; they show nobody.
OPEN = {"/sign-in", "/signed-out", "/healthz", "/language/{code}"}


def addresses(route: str, town: Town) -> list[str]:
    blanks: dict[str, list[object]] = {
        "person_id": [*town.people.values(), uuid4()],
        "group_id": [*town.groups.values(), uuid4()],
        "key": ["homeschool", "scheduling", "administration", "teaching", "none"],
        "table": ["persons", "organisations", "academic_sessions", "groups"],
        "row_id": [
            town.people["Aino Virtanen"],
            town.people["Piilo Suojattu"],
            town.places["Koivulan koulu"],
            town.groups["7C"],
            uuid4(),
        ],
        "child_id": [town.people["Aino Virtanen"], town.people["Piilo Suojattu"], uuid4()],
        "guardian_id": [town.people["Maija Virtanen"], town.people["Suvi Suojattu"], uuid4()],
        "item_id": [uuid4()],
        "upload_id": [uuid4()],
        "import_id": [uuid4()],
    }
    route = re.sub(r":uuid\}", "}", route)
    names = re.findall(r"\{(\w+)\}", route)
    assert set(names) <= set(blanks), f"say in this test what may stand in {route}"
    found = [route]
    for name in names:
        found = [one.replace(f"{{{name}}}", str(value)) for one in found for value in blanks[name]]
    return found


def in_each_role(browser: TestClient) -> Iterator[None]:
    others = re.findall(r'name="role" value="([^"]+)"', browser.get("/").text)
    yield
    for role in others:
        browser.post("/desk", data={"role": role})
        yield


def events_of(app: FastAPI, request: str) -> list[AuditEvent]:
    with Session(app.state.engine) as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.request == UUID(request))))
