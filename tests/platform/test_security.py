"""What every request passes: headers, hosts, forged forms, failures, the access log."""

import logging
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from digione_platform.app import create_app
from digione_platform.settings import Settings
from tests.platform.conftest import URL, Browse, KnockSignIn
from tests.platform.town import Town


@pytest.fixture
def app(shared_app: FastAPI) -> FastAPI:
    return shared_app


@pytest.mark.parametrize("path", ["/", "/nothing", "/pupils", "/healthz", "/static/site.css"])
def test_every_answer_carries_the_headers_that_browsers_need(browse: Browse, path: str) -> None:
    headers = browse().get(path, follow_redirects=False).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    kept = "public, max-age=31536000, immutable" if path.startswith("/static/") else "no-store"
    assert headers["cache-control"] == kept
    assert "server" not in headers


def test_the_session_s_cookie_is_for_this_host_and_not_for_scripts(browse: Browse, town: Town) -> None:
    answer = browse().get(f"/sign-in?account={town.accounts['Aino Virtanen']}", follow_redirects=False)
    cookie = next(line for line in answer.headers.get_list("set-cookie") if "__Host-digione=" in line)
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": f"{URL}.elsewhere.example"},
        {"origin": "http://mallila.example"},
        {"origin": "https://elsewhere.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {},
    ],
)
def test_a_form_that_another_site_sent_changes_nothing(browse: Browse, headers: dict[str, str]) -> None:
    browser = browse("Raili Rehtori")
    del browser.headers["origin"]
    assert browser.post("/sign-out", headers=headers, follow_redirects=False).status_code == 403
    assert "Welcome, Raili" in browser.get("/").text


@pytest.mark.parametrize("headers", [{"origin": URL}, {"sec-fetch-site": "same-origin"}])
def test_our_own_forms_are_taken(browse: Browse, headers: dict[str, str]) -> None:
    browser = browse("Raili Rehtori")
    del browser.headers["origin"]
    assert browser.post("/sign-out", headers=headers, follow_redirects=False).status_code == 303


def test_another_host_name_leads_back_to_ours(browse: Browse) -> None:
    browser = browse("Raili Rehtori")
    answer = browser.get("/pupils?search=a", headers={"host": "rebound.example"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{URL}/pupils")
    assert browser.post("/sign-out", headers={"host": "rebound.example"}).status_code == 421
    assert browser.get("/healthz", headers={"host": "localhost"}).status_code == 200


@pytest.mark.parametrize("path", ["/pupils", "/pupils/x", "/me", "/areas/teaching", "/groups/x"])
def test_pages_ask_to_sign_in_first(browse: Browse, path: str) -> None:
    answer = browse().get(path, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2F")


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 5000, "'; drop table sign_ins; --"])
def test_made_up_cookies_sign_nobody_in(browse: Browse, token: str) -> None:
    browser = browse()
    page = browser.get("/", headers={b"cookie": f"__Host-digione={token}".encode()})
    assert "Welcome to DigiOne" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/pupils/not-an-identifier",
        "/groups/1",
        "/areas/nothing",
        "/areas/..%2f",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/openapi.json",
        "/docs",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(browse: Browse, path: str) -> None:
    page = browse("Raili Rehtori").get(path)
    assert page.status_code == 404
    if not path.startswith("/static"):
        assert "Page not found" in page.text


def test_wrong_methods_and_forms_are_refused_in_words(browse: Browse) -> None:
    browser = browse("Raili Rehtori")
    assert browser.delete("/pupils").status_code == 405
    assert browser.get("/sign-out").status_code == 405
    page = browser.post("/desk", data={"role": "x"})
    assert page.status_code == 422
    assert "Nothing was saved" in page.text


def test_a_database_that_is_away_gives_a_page_that_says_so(settings: Settings) -> None:
    away = settings.model_copy(
        update={"database": settings.database.model_copy(update={"host": "/nowhere/at/all"})}
    )
    browser = TestClient(create_app(away, KnockSignIn()), base_url=URL, raise_server_exceptions=False)
    page = browser.get("/", headers={"accept-language": "en", "cookie": "__Host-digione=x"})
    assert page.status_code == 503
    assert "out of order for a moment" in page.text
    health = browser.get("/healthz")
    assert health.status_code == 503
    assert health.json() == {"status": "failing", "release": "2026.11", "database": "away"}


def test_health_tells_release_and_database(browse: Browse) -> None:
    assert browse().get("/healthz").json() == {"status": "ok", "release": "2026.11", "database": "ok"}


def test_a_database_that_comes_back_serves_the_next_request(app: FastAPI, browse: Browse) -> None:
    browser = browse("Raili Rehtori")
    assert browser.get("/").status_code == 200
    with create_engine(app.state.engine.url, isolation_level="AUTOCOMMIT").connect() as other:
        other.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert browser.get("/").status_code == 200


def test_our_own_faults_show_no_details(
    app: FastAPI, browse: Browse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = browse("Raili Rehtori")

    def fail(*_: object) -> None:
        raise RuntimeError("inner words")

    monkeypatch.setattr("digione_platform.web.pages.blocks_of", fail)
    page = browser.get("/")
    assert page.status_code == 500
    assert "Something went wrong" in page.text
    assert "inner words" not in page.text
    assert "inner words" in caplog.text


def test_the_access_log_names_neither_people_nor_searches(
    browse: Browse, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    browser = browse("Sirpa Sihteeri")
    browser.get("/pupils?search=virtanen")
    browser.get(f"/pupils/{town.people['Aino Virtanen']}")
    ours = "\n".join(record.getMessage() for record in caplog.records if "digione" in record.name)
    assert "GET /pupils 200" in ours
    assert "GET /pupils/{person_id} 200" in ours
    assert "virtanen" not in ours.lower()
    assert str(town.people["Aino Virtanen"]) not in ours


def test_pages_need_no_scripts_and_carry_no_styles_of_their_own(repository: Path) -> None:
    for page in (repository / "digione_platform").glob("*/templates/**/*.html"):
        text = page.read_text("utf-8")
        assert "<script" not in text, page
        assert " style=" not in text, page
        assert " on" not in [part[:3] for part in text.split("<")], page
