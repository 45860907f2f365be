"""A connected service in the town, and the ways in which tests let it ask."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from digione_platform.api import clients
from digione_platform.api.access import Scope
from digione_platform.app import create_app
from digione_platform.roster.importer import import_bundle
from tests.platform import bundles
from tests.platform.conftest import URL, Databases, KnockSignIn, settings_for
from tests.platform.town import Town

ROSTERING = "/ims/oneroster/rostering/v1p2"
GRADEBOOK = "/ims/oneroster/gradebook/v1p2"


@dataclass
class Service:
    """A client with a token, as it asks over HTTP."""

    http: TestClient
    client_id: UUID
    secret: str
    token: str

    def ask(self, path: str, method: str = "GET", **more: Any) -> Response:
        return self.http.request(method, path, headers={"authorization": f"Bearer {self.token}"}, **more)

    def roster(self, path: str, **parameters: Any) -> Response:
        return self.ask(f"{ROSTERING}{path}", params=parameters)

    def many(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """The objects at a path, of which there must be an answer."""
        answer = self.roster(path, **parameters)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json().values()
        return list(found)


Connect = Callable[..., Service]


def connect_to(app: FastAPI) -> Connect:
    http = TestClient(app, base_url=URL, raise_server_exceptions=False)

    def connect(*scopes: Scope, protected: bool = False) -> Service:
        with app.state.open_session.begin() as session:
            client_id, secret = clients.add(
                session,
                f"service {id(scopes)} {clients.secrets.token_hex(4)}",
                "tuki@palvelu.example",
                scopes or tuple(Scope),
                protected=protected,
                operator="testi",
            )
            client = clients.authenticate(session, str(client_id), secret)
            assert client is not None
            token = clients.issue(session, client, client.scopes)
        return Service(http, client_id, secret, token)

    return connect


@pytest.fixture
def connect(app: FastAPI) -> Connect:
    """Adds a service with some scopes, by default all of them, to the test's own town."""
    return connect_to(app)


@pytest.fixture(scope="session")
def shared(databases: Databases, built: tuple[str, Town]) -> Iterator[Service]:
    """A service with all scopes in a town that no test changes."""
    app = create_app(settings_for(databases.copy(built[0])), KnockSignIn())
    yield connect_to(app)()
    app.state.engine.dispose()


@pytest.fixture(scope="session")
def rostered(
    databases: Databases, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with all scopes at an imported municipality that no test changes."""
    settings = settings_for(databases.copy(migrated))
    path = bundles.write(tmp_path_factory.mktemp("roster") / "town.zip", with_periods())
    app = create_app(settings, KnockSignIn())
    report = import_bundle(app.state.engine, path, tenant_oid=bundles.PROVIDER, actor="testi", apply=True)
    assert report.applied, report.as_json()
    yield connect_to(app)()
    app.state.engine.dispose()


@dataclass
class Live:
    """A platform that listens on loopback, with an imported municipality of its own."""

    url: str
    app: FastAPI


@pytest.fixture(scope="session")
def live(databases: Databases, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    path = bundles.write(tmp_path_factory.mktemp("live") / "town.zip", with_periods())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(settings_for(databases.copy(migrated), url=url), KnockSignIn())
        import_bundle(app.state.engine, path, tenant_oid=bundles.PROVIDER, actor="testi", apply=True)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield Live(url, app)
        server.should_exit = True
        thread.join()
    app.state.engine.dispose()


def with_periods() -> bundles.Files:
    """The valid bundle, with a grading period as well."""
    files = bundles.valid()
    files["academicSessions"].append(
        {
            "sourcedId": "p1",
            "title": "1. jakso",
            "type": "gradingPeriod",
            "startDate": "2026-08-01",
            "endDate": "2026-10-01",
            "schoolYear": "2027",
            "parentSourcedId": "t1",
        }
    )
    return files
