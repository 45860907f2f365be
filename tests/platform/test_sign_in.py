"""Signing in and out against a real provider over real HTTP, both listening on loopback."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx2
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.app import create_app
from digione_platform.auth import OidcSignIn
from digione_platform.core.audit import Act, By, record
from digione_platform.core.models import Account, AuditEvent, SignIn
from digione_platform.db import open_database
from digione_platform.settings import Oidc, Settings
from tests.platform.provider import CLIENT, Provider, Served
from tests.platform.town import Town

TITLE = "Welcome, Raili"
# what nginx takes of headers by itself (proxy_buffer_size)
GATEWAY_TAKES = 4096


@dataclass
class World:
    """A platform and its provider, both running."""

    url: str
    provider: Provider
    provider_process: Served
    settings: Settings
    town: Town

    def browser(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=self.url,
            follow_redirects=True,
            headers={"accept-language": "en", "origin": self.url},
            trust_env=False,
            timeout=10,
        )

    def signs_in(self, name: str) -> None:
        self.provider.subject = str(self.town.accounts[name])


@pytest.fixture
def world(settings: Settings, town: Town) -> Iterator[World]:
    provider_process, platform_process = Served(), Served()
    provider = Provider(f"{provider_process.url}/")
    provider_process.serve(provider.app())
    changed = settings.model_copy(
        update={
            "url": platform_process.url,
            "oidc": Oidc(issuer=provider.issuer, client_id=CLIENT[0], client_secret=SecretStr(CLIENT[1])),
        }
    )
    assert changed.oidc is not None
    app = create_app(changed, OidcSignIn(changed, changed.oidc))
    platform_process.serve(app)
    yield World(platform_process.url, provider, provider_process, changed, town)
    platform_process.stop()
    provider_process.stop()
    app.state.engine.dispose()


def test_a_person_signs_in_and_lands_where_they_wanted_to_go(world: World) -> None:
    world.signs_in("Sirpa Sihteeri")
    with world.browser() as browser:
        page = browser.get("/pupils?search=virt")
        assert page.status_code == 200
        assert str(page.url) == f"{world.url}/pupils?search=virt"
        assert "Virtanen Ainu" in page.text
    asked = world.provider.asked[0]
    assert asked["scope"] == "openid"
    assert asked["redirect_uri"] == f"{world.url}/auth/callback"
    assert asked["ui_locales"] == "en"
    assert asked["state"]
    assert asked["nonce"]


def test_who_chooses_a_language_while_signing_in_still_lands_where_they_wanted_to_go(world: World) -> None:
    world.signs_in("Sirpa Sihteeri")
    with world.browser() as browser:
        browser.get("/sign-in?next=/pupils%3Fsearch=virt", follow_redirects=False)
        page = browser.get("/language/sv?next=/sign-in")
        assert str(page.url) == f"{world.url}/pupils?search=virt"
        assert 'lang="sv"' in page.text
    assert world.provider.asked[-1]["ui_locales"] == "sv"


def test_the_front_page_welcomes_before_signing_in(world: World) -> None:
    with world.browser() as browser:
        page = browser.get("/")
    assert "Welcome to DigiOne" in page.text
    assert 'href="/sign-in"' in page.text
    assert world.provider.asked == []


def test_signing_out_ends_the_session_here_and_at_the_provider(world: World) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        assert TITLE in browser.get("/sign-in").text
        stolen = dict(browser.cookies)
        page = browser.post("/sign-out")
        assert "You have signed out" in page.text
        assert TITLE not in browser.get("/").text
    ended = world.provider.signed_out[0]
    assert ended["post_logout_redirect_uri"] == f"{world.url}/signed-out"
    assert ended["client_id"] == CLIENT[0]
    assert ended["id_token_hint"]
    with world.browser() as thief:
        thief.cookies.update(stolen)
        assert TITLE not in thief.get("/").text


def test_signing_out_while_the_provider_is_away_still_ends_the_session_here(world: World) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        browser.get("/sign-in")
        world.provider_process.stop()
        assert browser.post("/sign-out", follow_redirects=False).status_code == 303
        assert "Welcome to DigiOne" in browser.get("/").text


def test_an_unknown_subject_is_told_that_there_is_no_account(world: World) -> None:
    world.provider.subject = str(uuid4())
    with world.browser() as browser:
        page = browser.get("/sign-in")
        assert page.status_code == 403
        assert "You have no user account here" in page.text
        browser.post("/sign-out")
    assert world.provider.signed_out[0]["id_token_hint"]


def test_a_closed_account_is_not_let_in_and_loses_its_open_sessions(world: World) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        assert TITLE in browser.get("/sign-in").text
        with _database(world) as session, session.begin():
            account = session.get_one(Account, world.town.accounts["Raili Rehtori"])
            account.enabled = False
        assert TITLE not in browser.get("/").text
        assert browser.get("/sign-in").status_code == 403


@pytest.mark.parametrize("act", [Act.NEW_PASSWORD, Act.END_SIGN_IN])
def test_who_was_given_a_new_password_or_signed_out_proves_who_they_are_again(world: World, act: Act) -> None:
    world.signs_in("Raili Rehtori")
    with _database(world) as session, session.begin():
        record(session, By(), act, [world.town.people["Raili Rehtori"]])
    # The provider still knows the browser, by the old password.
    world.provider.claims = {"auth_time": int(time.time()) - 60}
    with world.browser() as browser:
        page = browser.get("/sign-in?next=/me")
        assert "This browser was signed out by somebody else" in page.text
        assert world.provider.signed_out[0]["id_token_hint"]
        assert TITLE not in browser.get("/").text
        world.provider.claims = {"auth_time": int(time.time()) + 2}
        assert browser.get("/sign-in").url.path == "/me"
    world.provider.claims = {"auth_time": int(time.time()) - 60}
    world.signs_in("Aino Virtanen")
    with world.browser() as browser:
        assert browser.get("/sign-in?next=/me").url.path == "/me", "of another person"


@pytest.mark.parametrize(
    "fault",
    [
        {"claims": {"nonce": "of another sign-in"}},
        {"claims": {"aud": "somebody else"}},
        {"claims": {"iss": "https://elsewhere.example/"}},
        {"claims": {"exp": 1}},
        {"published_key": RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})},
        {"algorithm": "none"},
        {"subject": "raili.rehtori"},
    ],
    ids=["nonce", "audience", "issuer", "expired", "foreign key", "unsigned", "subject"],
)
def test_a_token_that_is_wrong_signs_nobody_in(world: World, fault: dict[str, object]) -> None:
    world.signs_in("Raili Rehtori")
    for name, value in fault.items():
        setattr(world.provider, name, value)
    with world.browser() as browser:
        page = browser.get("/sign-in")
        assert page.status_code == 400
        assert "Signing in did not succeed" in page.text
        assert TITLE not in browser.get("/").text
    with _database(world) as session:
        assert session.scalars(select(SignIn)).all() == []


@pytest.mark.parametrize(
    "query",
    ["", "?code=x", "?state=x&code=x", "?error=access_denied", "?error=<script>alert(1)</script>%0d%0aX: y"],
)
def test_a_made_up_callback_signs_nobody_in(world: World, query: str) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        page = browser.get(f"/auth/callback{query}")
        assert page.status_code == 400
        assert "<script" not in page.text


def test_a_callback_of_another_browser_signs_nobody_in(world: World) -> None:
    """Whoever sends a victim the end of their own sign-in gets the victim nowhere."""
    world.signs_in("Raili Rehtori")
    with world.browser() as attacker, world.browser() as victim:
        begun = attacker.get("/sign-in", follow_redirects=False)
        back = httpx2.get(begun.headers["location"], trust_env=False)
        assert back.status_code == 302
        page = victim.get(back.headers["location"])
        assert page.status_code == 400
        assert TITLE not in victim.get("/").text


def test_a_callback_is_good_once(world: World) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        begun = browser.get("/sign-in", follow_redirects=False)
        back = httpx2.get(begun.headers["location"], trust_env=False).headers["location"]
        assert browser.get(back).status_code == 200
        assert browser.get(back).status_code == 400


def test_a_provider_that_is_away_gives_a_page_that_says_what_to_do(world: World) -> None:
    world.provider_process.stop()
    with world.browser() as browser:
        page = browser.get("/sign-in")
    assert page.status_code == 503
    assert page.headers["retry-after"]
    assert "Try again in a minute" in page.text


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"]
)
def test_signing_in_leads_to_no_foreign_site(world: World, target: str) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        page = browser.get("/sign-in", params={"next": target})
    assert str(page.url) == f"{world.url}/"


@pytest.mark.parametrize("letter", ["a", "ä", "€"])
def test_a_page_with_a_long_address_is_not_remembered(world: World, letter: str) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        first = browser.get("/pupils", params={"search": letter * 5000}, follow_redirects=False)
        assert first.headers["location"] == "/sign-in?next=%2F"
        begun = browser.get("/sign-in", params={"next": "/" + letter * 5000}, follow_redirects=False)
        assert _size(begun) < GATEWAY_TAKES
        longest = browser.get("/sign-in", params={"next": "/" + letter * 480}, follow_redirects=False)
        assert _size(longest) < GATEWAY_TAKES
        assert str(browser.get("/sign-in", params={"next": "/" + letter * 5000}).url) == f"{world.url}/"


def _size(response: httpx2.Response) -> int:
    return sum(len(name) + len(value) + 4 for name, value in response.headers.raw)


def test_sign_ins_and_sign_outs_are_in_the_audit(world: World) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        browser.get("/sign-in")
        browser.post("/sign-out")
    world.provider.subject = str(uuid4())
    with world.browser() as browser:
        browser.get("/sign-in")
    with _database(world) as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        actors = [(event.action, event.actor) for event in events]
    raili = world.town.people["Raili Rehtori"]
    assert actors == [("sign in", raili), ("sign out", raili), ("sign-in refused", None)]


def test_the_database_holds_no_token_that_a_browser_could_show(world: World) -> None:
    world.signs_in("Raili Rehtori")
    with world.browser() as browser:
        browser.get("/sign-in")
        tokens = [value for name, value in browser.cookies.items() if name != "digione-flow"]
    with _database(world) as session:
        rows = json.dumps([row.id for row in session.scalars(select(SignIn))])
    assert tokens
    assert all(token not in rows for token in tokens)


@contextmanager
def _database(world: World) -> Iterator[Session]:
    engine = open_database(world.settings)
    with Session(engine) as session:
        yield session
    engine.dispose()
