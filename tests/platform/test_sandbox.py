"""The sandbox: the same platform, anybody may be anybody, and never where it could harm."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from digione_platform.app import create_app
from digione_platform.core.access import Desktop
from digione_platform.db import open_database
from digione_platform.errors import InputError
from digione_platform.sandbox.run import is_empty, refuse_instance, sandbox_settings
from digione_platform.sandbox.sample import import_sample
from digione_platform.sandbox.sign_in import LocalSignIn, one_of_each_role
from digione_platform.settings import ENVIRONMENT_KEY
from tests.platform.conftest import Databases, url_of

URL = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def sandbox(
    databases: Databases, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A sandbox with a small sample municipality."""
    settings = sandbox_settings("127.0.0.1", 8080, url_of(databases.copy(migrated)))
    engine = open_database(settings)
    assert is_empty(engine)
    import_sample(engine, tmp_path_factory.mktemp("sandbox"), 40)
    assert not is_empty(engine)
    engine.dispose()
    app = create_app(settings, LocalSignIn())
    yield TestClient(app, base_url=URL, headers={"accept-language": "en", "origin": URL})
    app.state.engine.dispose()


def test_the_sample_municipality_has_somebody_in_each_role(sandbox: TestClient) -> None:
    with Session(sandbox.app.state.engine) as session:  # type: ignore[attr-defined]
        assert [one.desktop for one in one_of_each_role(session)] == list(Desktop)


@pytest.mark.parametrize("desktop", Desktop)
def test_anyone_at_this_machine_signs_in_as_any_role(sandbox: TestClient, desktop: Desktop) -> None:
    with Session(sandbox.app.state.engine) as session:  # type: ignore[attr-defined]
        somebody = next(one for one in one_of_each_role(session) if one.desktop is desktop)
    choice = sandbox.get("/sign-in").text
    assert "This is a sandbox" in choice
    assert somebody.person.name in choice
    page = sandbox.post("/sign-in", data={"account": str(somebody.account_id), "next": "/me"})
    assert page.url.path == "/me"
    assert somebody.person.name in page.text
    assert sandbox.post("/sign-out").url.path == "/signed-out"


def test_people_are_found_by_name_and_username(sandbox: TestClient) -> None:
    assert "Opettaja Olli" in sandbox.get("/sign-in?search=olli+opett").text
    assert "Opettaja Olli" in sandbox.get("/sign-in?search=opettaja.esim").text
    assert "Nobody was found" in sandbox.get("/sign-in?search=%25").text


def test_another_site_signs_nobody_in(sandbox: TestClient) -> None:
    answer = sandbox.post("/sign-in", data={"account": "x"}, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    rebound = sandbox.get("/sign-in", headers={"host": "rebound.example"}, follow_redirects=False)
    assert rebound.headers["location"] == f"{URL}/sign-in"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", "kunta.example", ""])  # noqa: S104
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(InputError, match="P-SANDBOX-002"):
        sandbox_settings(host, 8080, "postgresql://postgres@/sandbox?host=/tmp")


@pytest.mark.parametrize(
    "url", ["", "postgresql://postgres@db.kunta.example/x", "postgresql://a:b@192.0.2.1/x"]
)
def test_its_database_is_on_this_machine(url: str) -> None:
    with pytest.raises(InputError, match="P-SANDBOX-003"):
        sandbox_settings("127.0.0.1", 8080, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback_is_taken_in_both_families(host: str) -> None:
    url = sandbox_settings(host, 8080, "postgresql://postgres@/sandbox?host=/tmp").url
    assert url in {URL, "http://[::1]:8080"}


def instance_settings(folder: Path) -> Path:
    path = folder / "mallila.json"
    path.write_text(
        json.dumps(
            {
                "tenant": {
                    "slug": "mallila",
                    "code": "999",
                    "oid": "1.2.246.562.99.00000000999",
                    "name": {"fi": "Mallila"},
                    "languages": ["fi"],
                    "areas": [],
                },
                "release": "2026.11",
                "url": "https://mallila.example",
                "database": {"host": "127.0.0.1", "name": "x", "user": "x", "password": "planted-secret"},
                "session_secret": "planted-secret",
                "oidc": {
                    "issuer": "https://auth/",
                    "client_id": "platform",
                    "client_secret": "planted-secret",
                },
            }
        )
    )
    return path


def test_it_does_not_start_where_an_instance_s_settings_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_KEY, str(instance_settings(tmp_path)))
    with pytest.raises(InputError, match="P-SANDBOX-001"):
        refuse_instance()


def test_the_command_refuses_an_instance_in_words(tmp_path: Path, repository: Path) -> None:
    environment = os.environ | {ENVIRONMENT_KEY: str(instance_settings(tmp_path))}
    done = subprocess.run(
        [sys.executable, "-m", "digione_platform", "sandbox"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=repository,
        check=False,
    )
    assert done.returncode == 2
    assert "P-SANDBOX-001" in done.stderr
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "planted-secret" not in done.stderr + done.stdout
