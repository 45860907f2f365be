"""OAuth 2 client credentials: who gets a token, for what, and when it ends."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from digione_platform.api import clients
from digione_platform.api.access import PREFIX, Operation, Scope, scopes_for
from digione_platform.api.models import ApiClient, ApiToken
from digione_platform.api.rostering import VIEWS
from digione_platform.api.tokens import MAX_FAILURES
from digione_platform.app import create_app
from digione_platform.core.models import AuditEvent
from digione_platform.errors import InputError
from tests.platform.api.conftest import ROSTERING, Connect, Service, connect_to
from tests.platform.conftest import URL, Databases, KnockSignIn, settings_for
from tests.platform.town import Town

TOKEN = "/ims/oneroster/token"


def ask_token(service: Service, form: Any, *, basic: tuple[str, str] | None = None) -> Response:
    return service.http.post(TOKEN, data=form, auth=basic)


def basic(service: Service) -> tuple[str, str]:
    return str(service.client_id), service.secret


GRANT = {"grant_type": "client_credentials"}


def test_id_and_secret_by_http_basic_get_a_token_that_opens_the_scopes_asked_for(connect: Connect) -> None:
    service = connect(Scope.ROSTER, Scope.DEMOGRAPHICS)
    answer = ask_token(service, {**GRANT, "scope": Scope.ROSTER.url}, basic=basic(service))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 3600, Scope.ROSTER.url)
    service.token = told["access_token"]
    assert service.roster("/users").status_code == 200
    assert service.roster("/demographics").status_code == 403


def test_id_and_secret_may_stand_in_the_form(connect: Connect) -> None:
    service = connect(Scope.ROSTER, Scope.DEMOGRAPHICS)
    client_id, secret = basic(service)
    told = ask_token(service, {**GRANT, "client_id": client_id, "client_secret": secret}).json()
    assert told["scope"] == f"{Scope.DEMOGRAPHICS.url} {Scope.ROSTER.url}"


def test_basic_with_encoded_characters_is_understood(connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    # RFC 6749 has id and secret form-encoded before HTTP Basic.
    pair = f"{str(service.client_id).replace('-', '%2D')}:{service.secret}"
    header = {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    assert service.http.post(TOKEN, data=GRANT, headers=header).status_code == 200


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        (GRANT, "Basic {wrong}", 401, "invalid_client"),
        (GRANT, "Basic {unknown}", 401, "invalid_client"),
        (GRANT, "Basic {noid}", 401, "invalid_client"),
        (GRANT, "Basic !!!", 401, "invalid_client"),
        (GRANT, "Bearer {right}", 401, "invalid_client"),
        (GRANT, "", 401, "invalid_client"),
        ({}, "Basic {right}", 400, "invalid_request"),
        ({"grant_type": "password"}, "Basic {right}", 400, "unsupported_grant_type"),
        ({**GRANT, "scope": Scope.DEMOGRAPHICS.url}, "Basic {right}", 400, "invalid_scope"),
        ({**GRANT, "scope": "everything"}, "Basic {right}", 400, "invalid_scope"),
        ({**GRANT, "client_id": "x", "client_secret": "y"}, "Basic {right}", 400, "invalid_request"),
        ({"grant_type": ["client_credentials"] * 2}, "Basic {right}", 400, "invalid_request"),
    ],
)
def test_any_other_request_is_refused_as_the_rfc_says(
    connect: Connect, form: Any, authorization: str, status: int, error: str
) -> None:
    service = connect(Scope.ROSTER)
    client_id, secret = basic(service)
    pairs = {
        "right": f"{client_id}:{secret}",
        "wrong": f"{client_id}:{secret}x",
        "unknown": f"{uuid4()}:{secret}",
        "noid": f"me:{secret}",
    }
    encoded = {name: base64.b64encode(pair.encode()).decode() for name, pair in pairs.items()}
    headers = {"authorization": authorization.format(**encoded)} if authorization else {}
    answer = service.http.post(TOKEN, data=form, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert secret not in answer.text


def test_after_many_failures_an_address_must_wait(connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    for _ in range(MAX_FAILURES):
        assert ask_token(service, GRANT, basic=("me", "no")).status_code == 401
    answer = ask_token(service, GRANT, basic=basic(service))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize("token", ["", "x", "ä"])
def test_without_a_known_token_nothing_is_answered(connect: Connect, token: str) -> None:
    service = connect(Scope.ROSTER)
    header = {"authorization": f"Bearer {token}".encode()} if token else {}
    answer = service.http.get(f"{ROSTERING}/users", headers=header)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    (field,) = answer.json()["imsx_CodeMinor"]["imsx_codeMinorField"]
    assert field["imsx_codeMinorFieldValue"] == "unauthorisedrequest"


def test_a_token_ends_after_its_time(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    with app.state.open_session.begin() as session:
        session.execute(text("update api_tokens set expires = now() - interval '1 second'"))
    assert service.roster("/users").status_code == 401


def test_a_disabled_client_is_out_at_once_and_gets_no_more_tokens(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    with app.state.open_session.begin() as session:
        clients.disable(session, service.client_id, "testi")
    assert service.roster("/users").status_code == 401
    assert ask_token(service, GRANT, basic=basic(service)).status_code == 401


def test_a_new_secret_ends_the_old_one_and_its_tokens(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    with app.state.open_session.begin() as session:
        new = clients.rotate(session, service.client_id, "testi")
    assert service.roster("/users").status_code == 401
    assert ask_token(service, GRANT, basic=basic(service)).status_code == 401
    assert ask_token(service, GRANT, basic=(str(service.client_id), new)).status_code == 200


def test_a_token_of_another_tenant_is_no_token(
    connect: Connect, databases: Databases, built: tuple[str, Town]
) -> None:
    other = create_app(settings_for(databases.copy(built[0])), KnockSignIn())
    stranger = connect_to(other)(Scope.ROSTER)
    ours = connect(Scope.ROSTER)
    ours.token = stranger.token
    assert stranger.roster("/users").status_code == 200
    assert ours.roster("/users").status_code == 401
    other.state.engine.dispose()


def test_a_cookie_opens_nothing(browse: Callable[..., Any]) -> None:
    assert browse("Helena Hallinto").get(f"{ROSTERING}/users").status_code == 401


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_opens_what_the_table_says_and_nothing_else(
    app: FastAPI, connect: Connect, scope: Scope
) -> None:
    service = connect(scope)
    for view in VIEWS:
        operation = Operation.DERIVED if view.derived else Operation.READ
        opened = scope in scopes_for(view.collection.key, operation)
        path = view.path.replace("{", "").replace("}", "")
        answer = service.roster(path)
        assert (answer.status_code != 403) == opened, view.path
        if not opened:
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_scopes_on_the_wire_are_the_standard_s() -> None:
    assert Scope.ROSTER_CORE.url == f"{PREFIX}roster-core.readonly"


def test_secrets_and_tokens_stand_nowhere_in_the_database(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    service.roster("/users")
    with Session(app.state.engine) as session:
        everything = "".join(
            str(row.__dict__)
            for table in (ApiClient, ApiToken, AuditEvent)
            for row in session.scalars(select(table))
        )
    assert str(service.client_id) in everything
    assert service.secret not in everything
    assert service.token not in everything


def test_a_client_shows_when_it_was_last_seen(app: FastAPI, connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    long_ago = datetime.now(UTC) - timedelta(days=3)
    with app.state.open_session.begin() as session:
        session.get(ApiClient, service.client_id).last_used = long_ago
    service.roster("/users")
    with Session(app.state.engine) as session:
        seen = session.get(ApiClient, service.client_id).last_used
        assert seen > long_ago
        assert session.query(ApiToken).count() == 1


def test_two_clients_do_not_share_a_name(app: FastAPI) -> None:
    def add() -> None:
        with app.state.open_session.begin() as session:
            clients.add(session, "Oppi", "x@y", [Scope.ROSTER], protected=False, operator="testi")

    add()
    with pytest.raises(InputError, match="P-CLIENTS-001"):
        add()


@pytest.mark.parametrize(
    ("name", "contact"), [("", "x@y"), ("Oppi\nx", "x@y"), ("Oppi", " "), ("O" * 201, "x@y")]
)
def test_a_client_is_called_something_that_can_be_listed(app: FastAPI, name: str, contact: str) -> None:
    with app.state.open_session.begin() as session, pytest.raises(InputError, match="P-CLIENTS-004"):
        clients.add(session, name, contact, [Scope.ROSTER], protected=False, operator="testi")


def test_posts_elsewhere_still_need_to_come_from_this_site(connect: Connect) -> None:
    service = connect(Scope.ROSTER)
    assert service.http.post("/sign-out").status_code == 403
    assert service.http.post("/ims/onerosters").status_code == 403
    assert json.loads(service.http.post(f"{ROSTERING}/users").text)["imsx_codeMajor"] == "failure"


def test_the_address_in_the_document_is_the_public_one(shared: Service) -> None:
    document = shared.http.get("/ims/oneroster/openapi.json").json()
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == URL + TOKEN
    assert set(flow["scopes"]) == {scope.url for scope in Scope}
