"""Every address of the open interfaces against who may not use it, and against what is not there.

Nothing here names an address: they are read from the application. One whose blank, collection or method is
not known here fails, and so does one that the OpenAPI document leaves out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from starlette.routing import Mount

from digione_platform.api import clients
from digione_platform.api.access import Scope
from digione_platform.app import create_app
from digione_platform.core.audit import Act
from digione_platform.core.models import AuditEvent
from digione_platform.security import ONEROSTER
from tests.platform.api.conftest import Connect, Service, connect_to
from tests.platform.conftest import Browse, Databases, KnockSignIn, settings_for
from tests.platform.hostile import ATTACKS, all_routes, state_of
from tests.platform.town import Town

# What needs no token: it gives one, or says only what the documentation says.
OPEN = {("POST", "/token"), ("GET", "/openapi.json")}
CORE = {"academicSessions", "classes", "courses", "enrollments", "orgs", "users"}
# By kind of object: its table here, and whose name there stands for it.
TABLES = {
    "school": ("organisations", "name", "Koivulan koulu"),
    "class": ("groups", "title", "7C"),
    "term": ("academic_sessions", "title", "Syyslukukausi"),
    "course": ("courses", "title", "Perusopetus"),
    "student": ("persons", "given_name", "Aino"),
    "teacher": ("persons", "given_name", "Tiina"),
    "user": ("persons", "given_name", "Aino"),
    "enrollment": ("enrolments", "role", "student"),
    "session": ("academic_sessions", "title", "Lukuvuosi"),
    "period": ("academic_sessions", "title", "1. jakso"),
    "lineItem": ("line_items", "title", "Koe"),
    "category": ("grade_categories", "title", "Kokeet"),
    "result": ("results", "score_status", "fully graded"),
}
# Which of them an address ends in, by the collection before it.
LAST = {
    "academicSessions": "session",
    "gradingPeriods": "period",
    "terms": "term",
    "orgs": "school",
    "schools": "school",
    "courses": "course",
    "classes": "class",
    "enrollments": "enrollment",
    "users": "user",
    "students": "student",
    "teachers": "teacher",
    "demographics": "student",
    "categories": "category",
    "lineItems": "lineItem",
    "results": "result",
}


@dataclass(frozen=True)
class Operation:
    """A method at an address of the application."""

    method: str
    path: str

    @property
    def blanks(self) -> list[str]:
        return re.findall(r"\{([^}:]*)[^}]*\}", self.path)

    def kind(self, blank: str) -> str:
        """The kind of object that a blank stands for."""
        named = blank.removesuffix("SourcedId")
        return named if named != blank else LAST[self.path.split("/")[-2]]

    def address(self, known: dict[str, str], **changed: str) -> str:
        """The address in which blanks name what is known, or something else."""
        filled = {blank: changed.get(blank, known[self.kind(blank)]) for blank in self.blanks}
        return ONEROSTER + re.sub(r"\{([^}:]*)[^}]*\}", lambda found: filled[found[1]], self.path)

    @property
    def opened_by(self) -> set[Scope]:
        """The scopes that open it, each by itself, as the standard has them."""
        _, service, _, collection, *below = self.path.split("/")
        if service == "gradebook":
            return {
                "GET": {Scope.GRADEBOOK},
                "PUT": {Scope.GRADEBOOK_PUT},
                "DELETE": {Scope.GRADEBOOK_DELETE},
            }[self.method]
        assert (service, self.method) == ("rostering", "GET")
        if collection == "demographics":
            return {Scope.DEMOGRAPHICS}
        plain = collection in CORE and below in ([], ["{sourcedId}"])
        return {Scope.ROSTER, Scope.ROSTER_CORE} if plain else {Scope.ROSTER}


def operations(app: FastAPI) -> list[Operation]:
    """Everything that can be asked of the interfaces and needs a token."""
    (api,) = [one.app for one in app.routes if isinstance(one, Mount) and one.path == ONEROSTER]
    assert isinstance(api, FastAPI)
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    found = {(method, route.path) for method in methods for route in all_routes(api, method)}
    assert found > OPEN
    return [Operation(*one) for one in sorted(found - OPEN)]


def body(operation: Operation, known: dict[str, str]) -> dict[str, Any]:
    """What can be put at an address."""
    collection = operation.path.split("/")[3]
    reference = {kind: {"sourcedId": sourced_id} for kind, sourced_id in known.items()}
    rows: dict[str, dict[str, Any]] = {
        "categories": {"category": {"title": "Kokeet"}},
        "lineItems": {
            "lineItem": {
                "title": "Koe",
                "assignDate": "2026-10-01T08:00:00Z",
                "dueDate": "2026-10-08T08:00:00Z",
                "class": reference["class"],
                "category": reference["category"],
                "academicSession": reference["term"],
            }
        },
        "results": {
            "result": {
                "scoreStatus": "fully graded",
                "scoreDate": "2026-10-09",
                "lineItem": reference["lineItem"],
                "student": reference["student"],
            }
        },
    }
    ((one, row),) = rows[collection].items()
    return {one: row | {"sourcedId": known[operation.kind("sourcedId")]}}


def ask(service: Service, operation: Operation, known: dict[str, str], address: str = "") -> Response:
    sent = {"json": body(operation, known)} if operation.method == "PUT" else {}
    return service.ask(address or operation.address(known), operation.method, **sent)


def known_in(app: FastAPI) -> dict[str, str]:
    """The identifier of one object of each kind, once a service has filled its gradebook."""
    with app.state.engine.begin() as connection:
        connection.execute(
            text(
                "insert into academic_sessions (id, sourced_id, title, session_type, start_date, end_date, "
                "school_year, parent_id) select gen_random_uuid(), sourced_id || '-1', '1. jakso', "
                "'gradingPeriod', start_date, end_date, school_year, id from academic_sessions "
                "where session_type = 'term'"
            )
        )
        connection.execute(text("update persons set birth_date = '2015-01-01' where given_name = 'Aino'"))
    known = {"category": "own-c", "lineItem": "own-l", "result": "own-r"}
    with Session(app.state.engine) as session:
        for kind, (table, column, name) in TABLES.items():
            if kind not in known:
                found = f"select sourced_id from {table} where {column} = :name order by 1 limit 1"  # noqa: S608
                known[kind] = session.scalars(text(found), {"name": name}).one()
    return known


@pytest.fixture
def known(app: FastAPI, connect: Connect) -> dict[str, str]:
    """An object of each kind in the town, and what a service with every scope has put there."""
    known = known_in(app)
    maker = connect()
    for operation in operations(app):
        if operation.method == "PUT":
            assert ask(maker, operation, known).status_code == 201, operation
    for operation in operations(app):
        if operation.method == "GET":
            assert ask(maker, operation, known).status_code == 200, operation
    return known


@pytest.fixture
def elsewhere(databases: Databases, built: tuple[str, Town]) -> Iterator[FastAPI]:
    """Another municipality's platform, with the same people under other identifiers."""
    settings = settings_for(databases.copy(built[0]))
    other = create_app(settings, KnockSignIn())
    with other.state.engine.begin() as connection:
        for table in sorted({table for table, _, _ in TABLES.values()}):
            connection.execute(text(f"update {table} set sourced_id = 'theirs-' || sourced_id"))  # noqa: S608
    yield other
    other.state.engine.dispose()
    databases.drop(settings.database)


def test_the_document_says_of_every_operation(app: FastAPI, connect: Connect) -> None:
    document = connect().http.get(f"{ONEROSTER}/openapi.json").json()
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(one.method, one.path) for one in operations(app)}
    assert len(told) > 50


def test_without_a_token_of_this_municipality_that_is_good_nothing_is_answered(
    app: FastAPI, browse: Browse, connect: Connect, known: dict[str, str], elsewhere: FastAPI
) -> None:
    stranger, old, closed, good = connect_to(elsewhere)(), connect(), connect(), connect()
    with app.state.open_session.begin() as session:
        session.execute(
            text("update api_tokens set expires = now() - interval '1 second' where client_id = :id"),
            {"id": old.client_id},
        )
        clients.disable(session, closed.client_id, "testi")
    cookie = f"__Host-digione={browse('Helena Hallinto').cookies['__Host-digione']}"
    sent: dict[str, dict[str, str]] = {
        "none": {},
        "empty": {"authorization": "Bearer "},
        "unknown": {"authorization": "Bearer unknown"},
        "expired": {"authorization": f"Bearer {old.token}"},
        "of a closed service": {"authorization": f"Bearer {closed.token}"},
        "of another municipality": {"authorization": f"Bearer {stranger.token}"},
        "altered": {"authorization": f"Bearer {good.token[:-1]}"},
        "the secret": {"authorization": f"Bearer {good.secret}"},
        "in another scheme": {"authorization": f"Basic {good.token}"},
        "a cookie": {"cookie": cookie},
    }
    before = state_of(app.state.engine)
    for operation in operations(app):
        for what, headers in sent.items():
            for address in (operation.address(known), operation.address(dict.fromkeys(known, "nothing"))):
                answer = good.http.request(operation.method, address, headers=headers)
                assert answer.status_code == 401, (operation, what)
                assert answer.headers["www-authenticate"].startswith("Bearer"), (operation, what)
                assert answer.json()["imsx_codeMajor"] == "failure", (operation, what)
    assert state_of(app.state.engine) == before
    assert [one.roster("/users").status_code for one in (good, stranger)] == [200, 200]


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_its_operations_and_no_other(
    app: FastAPI, connect: Connect, known: dict[str, str], scope: Scope
) -> None:
    service = connect(scope)
    opened = set()
    for operation in operations(app):
        # Of its own: what others made is not there to be deleted or written over.
        own = known | {kind: f"{kind}-of-{scope}" for kind in ("category", "lineItem", "result")}
        address = operation.address(own if operation.method != "GET" else known)
        answer = service.ask(address, operation.method, **({"json": {}} if operation.method == "PUT" else {}))
        if scope in operation.opened_by:
            opened.add(operation)
            assert answer.status_code == {"GET": 200, "PUT": 422, "DELETE": 404}[operation.method], operation
        else:
            assert answer.status_code == 403, operation
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"], operation
            assert last_event(app) == (Act.CLIENT_REFUSED, service.client_id, operation.path, 403)
    assert opened


def test_what_belongs_to_another_municipality_or_service_is_not_there(
    app: FastAPI, connect: Connect, known: dict[str, str], elsewhere: FastAPI
) -> None:
    theirs, insider = known_in(elsewhere), connect_to(elsewhere)()
    service, tried = connect(), 0
    theirs |= {"category": "theirs-c", "lineItem": "theirs-l", "result": "theirs-r"}
    for operation in operations(elsewhere):
        if operation.method == "PUT":
            assert ask(insider, operation, theirs).status_code == 201, operation
    before = state_of(app.state.engine)
    for operation in operations(app):
        if operation.method == "PUT":
            one, row = next(iter(body(operation, known).items()))
            foreign = body(operation, theirs)[one]
            for name in [name for name, value in row.items() if isinstance(value, dict)]:
                wrong = {one: row | {"sourcedId": "new", name: foreign[name]}}
                answer = service.ask(operation.address(known, sourcedId="new"), "PUT", json=wrong)
                assert answer.status_code == 422, (operation, name)
                assert f"{name}.sourcedId" in answer.text, (operation, name)
                assert last_event(app) == (Act.CLIENT_REFUSED, service.client_id, operation.path, 422)
                tried += 1
            # The maker's, and another service's.
            assert ask(service, operation, known).status_code == 403, operation
            assert last_event(app) == (Act.CLIENT_REFUSED, service.client_id, operation.path, 403)
            continue
        for blank in operation.blanks:
            strange = theirs[operation.kind(blank)]
            if operation.method == "GET":
                there = insider.ask(operation.address(theirs))
                assert there.status_code == 200, operation
            answer = service.ask(operation.address(known, **{blank: strange}), operation.method)
            assert answer.status_code == 404, (operation, blank)
            assert last_event(app) == (Act.CLIENT_REFUSED, service.client_id, operation.path, 404)
            tried += 1
        if operation.method == "DELETE":
            assert ask(service, operation, known).status_code == 404, operation
    assert tried > 40
    after = state_of(app.state.engine)
    assert {name for name in after if after[name] != before[name]} <= {"api_clients"}


def test_what_is_of_another_school_or_class_is_not_found_below_this_one(
    app: FastAPI, connect: Connect, known: dict[str, str]
) -> None:
    service, tried = connect(), 0
    with Session(app.state.engine) as session:
        places = "select title, sourced_id from groups union all select name, sourced_id from organisations"
        names = dict(session.execute(text(places)).all())
    others = {"schoolSourcedId": names["Åkerby skola"], "classSourcedId": names["3B"]}
    for operation in operations(app):
        if operation.method == "GET" and len(operation.blanks) > 1:
            for blank in set(operation.blanks) & set(others):
                answer = service.ask(operation.address(known, **{blank: others[blank]}))
                empty = answer.status_code == 200 and not any(answer.json().values())
                assert empty or answer.status_code == 404, (operation, blank)
                tried += 1
    assert tried >= 6


def test_no_operation_stumbles_over_a_part_of_its_address(
    app: FastAPI, connect: Connect, known: dict[str, str]
) -> None:
    service = connect()
    before = state_of(app.state.engine)
    for operation in operations(app):
        for blank in operation.blanks:
            for kind, attack in ATTACKS.items():
                address = operation.address(known, **{blank: attack})
                sent = {"json": body(operation, known)} if operation.method == "PUT" else {}
                answer = service.ask(address, operation.method, **sent)
                # A body is about the object of its address.
                told = (operation, blank, kind)
                assert answer.status_code == (422 if sent and answer.status_code != 404 else 404), told
                assert answer.json()["imsx_codeMajor"] == "failure", told
    after = state_of(app.state.engine)
    assert {name for name in after if after[name] != before[name]} <= {"api_clients"}


def last_event(app: FastAPI) -> tuple[str, Any, Any, Any]:
    """What the last event in the audit says: action, actor, address and status."""
    with Session(app.state.engine) as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
        return event.action, event.actor, event.detail.get("address"), event.detail.get("status")
