"""The process of a tenant: its socket, its settings, its end."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from digione_platform.errors import InputError
from digione_platform.settings import ENVIRONMENT_KEY, Database, Settings, load_settings
from tests.platform.conftest import Databases


def write_settings(folder: Path, settings: Settings, **changed: object) -> Path:
    values = settings.model_dump(mode="json")
    values["session_secret"] = "planted-secret"
    values["database"]["password"] = ""
    values["oidc"] = {
        "issuer": "http://127.0.0.1:9/",
        "client_id": "platform",
        "client_secret": "planted-secret",
    }
    path = folder / "mallila.json"
    path.write_text(json.dumps(values | changed))
    return path


def command(repository: Path, settings: Path | None, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != ENVIRONMENT_KEY}
    if settings is not None:
        environment[ENVIRONMENT_KEY] = str(settings)
    return subprocess.Popen(
        [sys.executable, "-m", "digione_platform", *arguments],
        cwd=repository,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_serves_on_a_socket_for_the_gateway_and_ends_when_told(
    tmp_path: Path, settings: Settings, repository: Path
) -> None:
    socket = tmp_path / "http.sock"
    running = command(repository, write_settings(tmp_path, settings), "serve", "--socket", str(socket))
    try:
        _wait_for(socket, running)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o660
        with httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(socket)), base_url="http://localhost"
        ) as gateway:
            assert gateway.get("/healthz").json()["status"] == "ok"
            host = {"host": "mallila.example", "x-forwarded-proto": "https"}
            assert gateway.get("/", headers=host).status_code == 200
            assert gateway.get("/pupils?search=hidden-words", headers=host).status_code == 303
            away = gateway.get("/sign-in", headers=host)
            assert away.status_code == 503
    finally:
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=20)
    assert running.returncode == 0
    assert not socket.exists()
    assert "GET /pupils 303" in log
    assert "hidden-words" not in log
    assert "planted-secret" not in log
    assert "Traceback" not in log


def test_a_stale_socket_is_replaced(tmp_path: Path, settings: Settings, repository: Path) -> None:
    socket = tmp_path / "http.sock"
    path = write_settings(tmp_path, settings)
    for _ in range(2):
        running = command(repository, path, "serve", "--socket", str(socket))
        _wait_for(socket, running)
        running.kill()
        running.communicate()
        assert socket.exists()


def _wait_for(socket: Path, running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert running.poll() is None, running.communicate()[1]
        if socket.exists():
            try:
                with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket))) as client:
                    client.get("http://localhost/healthz")
                return
            except httpx2.TransportError:
                pass
        time.sleep(0.05)
    raise AssertionError("the platform did not listen")


def test_it_does_not_serve_a_database_of_another_schema(
    tmp_path: Path, settings: Settings, databases: Databases, repository: Path
) -> None:
    database = databases.copy()
    path = write_settings(tmp_path, settings.model_copy(update={"database": database}))
    running = command(repository, path, "serve", "--socket", str(tmp_path / "s"))
    _, log = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "P-DATABASE-002" in log

    migrating = command(repository, path, "migrate")
    migrating.communicate(timeout=60)
    assert migrating.returncode == 0


@pytest.mark.parametrize("verb", [["migrate"], ["serve", "--socket", "s"]], ids=lambda verb: str(verb[0]))
def test_a_database_that_is_away_is_told_in_words(
    tmp_path: Path, settings: Settings, repository: Path, verb: list[str]
) -> None:
    away = settings.model_copy(
        update={"database": settings.database.model_copy(update={"host": "/nowhere/at/all"})}
    )
    running = command(repository, write_settings(tmp_path, away), *verb)
    _, log = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "P-DATABASE-001" in log
    assert "Traceback" not in log


def test_without_settings_the_command_says_which(repository: Path) -> None:
    running = command(repository, None, "migrate")
    _, log = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "P-SETTINGS-001" in log


def test_without_an_identity_provider_nothing_is_served(
    tmp_path: Path, settings: Settings, repository: Path
) -> None:
    running = command(repository, write_settings(tmp_path, settings, oidc=None), "serve", "--socket", "s")
    _, log = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "P-SETTINGS-005" in log


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"relase": "2026.11"}, "relase: Extra inputs are not permitted"),
        ({"tenant": None}, "tenant: Input should be an object"),
        (
            {"database": {"host": "x", "name": "x", "user": "x", "password": ["planted-secret"]}},
            "database.password",
        ),
        ({"url": 1}, "url: Input should be a valid string"),
    ],
)
def test_wrong_settings_are_told_by_name_without_their_values(
    tmp_path: Path, settings: Settings, changed: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match="P-SETTINGS-003") as error:
        load_settings(write_settings(tmp_path, settings, **changed))
    assert told in str(error.value)
    assert "planted-secret" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_file_that_is_no_settings_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(InputError, match="P-SETTINGS-003"):
        load_settings(path)
    with pytest.raises(InputError, match="P-SETTINGS-002"):
        load_settings(tmp_path / "missing.json")


def test_database_connections_over_tcp_check_the_server(tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    given = {"host": "127.0.0.1", "name": "n", "user": "u", "password": "p@:/", "authority": authority}
    url = Database.model_validate(given).url()
    assert url.query["sslmode"] == "verify-full"
    assert url.query["sslrootcert"] == str(authority)
    assert url.password == "p@:/"
    socket = Database.model_validate(given | {"host": "/run/s"}).url()
    assert socket.query["host"] == "/run/s"
    assert "sslmode" not in socket.query
