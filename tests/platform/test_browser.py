"""The pages in a real browser: accessible by axe, usable on a phone and by keyboard, in three languages."""

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from digione_platform.app import create_app
from digione_platform.core.access import Desktop
from digione_platform.db import open_database
from digione_platform.sandbox.run import sandbox_settings
from digione_platform.sandbox.sample import import_sample
from digione_platform.sandbox.sign_in import LocalSignIn
from tests.conftest import CHROMIUM, FLAGS, lacking
from tests.platform.conftest import Databases, url_of
from tests.platform.provider import Served

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 900}
ROLES = list(Desktop)


@pytest.fixture(scope="module")
def site(databases: Databases, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a sandbox that is served on loopback, in a region of two municipalities."""
    served = Served()
    port = int(served.url.rpartition(":")[2])
    settings = sandbox_settings("127.0.0.1", port, url_of(databases.copy(migrated)))
    engine = open_database(settings)
    import_sample(engine, tmp_path_factory.mktemp("sample"), 120)
    engine.dispose()
    region = tmp_path_factory.mktemp("region") / "region.json"
    region.write_text('[{"name": {"fi": "Naapuri"}, "languages": ["fi"], "url": "https://naapuri.example"}]')
    app = create_app(settings.model_copy(update={"region": region}), LocalSignIn())
    served.serve(app)
    yield served.url
    served.stop()
    app.state.engine.dispose()


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    if not (executable := which(CHROMIUM)):
        lacking(f"needs Debian's {CHROMIUM}: apt-get install {CHROMIUM}")
    browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pictures(repository: Path) -> Path:
    folder = repository / "test-output" / "platform"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def examine(page: Page, name: str, pictures: Path) -> None:
    """What every page must be. How it looks is judged, and a picture kept, in one language."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if page.locator("html").get_attribute("lang") == "fi":
        page.screenshot(path=pictures / f"{name}.png", full_page=True)
    else:  # colours and style sheets are the same in each language, and most of axe's work
        options |= {"preload": False, "rules": {"color-contrast": {"enabled": False}}}
    violations = Axe().run(page, options=options).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == [], name
    wanted = page.viewport_size
    for size in (wanted, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{name} is {too_wide} px wider than the screen"
    page.set_viewport_size(wanted)  # type: ignore[arg-type]
    assert page.locator("h1").count() == 1, name
    assert page.evaluate("document.fonts.check('16px \"Hanken Grotesk\"')"), name


def sign_in(page: Page, site: str, role: Desktop) -> None:
    page.goto(f"{site}/sign-in")
    page.locator(".cards form button").nth(ROLES.index(role)).click()
    page.wait_for_url(f"{site}/")


def context_of(chromium: Browser, site: str, language: str, size: dict[str, int]) -> BrowserContext:
    context = chromium.new_context(viewport=size, java_script_enabled=True)  # type: ignore[arg-type]
    context.add_cookies([{"name": "digione-language", "value": language, "url": site}])
    context.set_default_timeout(20_000)
    return context


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_each_desktop_in_each_language_on_a_phone(
    site: str, chromium: Browser, pictures: Path, language: str, role: Desktop
) -> None:
    with context_of(chromium, site, language, PHONE) as context:
        page = context.new_page()
        sign_in(page, site, role)
        assert page.locator("html").get_attribute("lang") == language
        examine(page, f"{role}-desktop-{language}-phone", pictures)
        header = page.locator("header").bounding_box()
        assert header is not None
        assert header["height"] < PHONE["height"] / 5, "the header leaves the screen to the page"
        # Where the menu is longer than the screen a shadow tells it.
        menu = page.locator(".menu nav")
        shadow = menu.evaluate("menu => getComputedStyle(menu).backgroundImage")
        assert menu.evaluate("menu => menu.scrollWidth <= menu.clientWidth") or "gradient" in shadow


def test_addresses_break_before_the_at_sign_only(site: str, chromium: Browser) -> None:
    lines = """cell => [...cell.childNodes].filter(node => node.nodeType == Node.TEXT_NODE).map(text => {
        const range = document.createRange();
        range.selectNode(text);
        return range.getClientRects().length;
    })"""
    with context_of(chromium, site, "fi", PHONE) as context:
        page = context.new_page()
        sign_in(page, site, Desktop.SECRETARY)
        page.goto(f"{site}/pupils")
        cells = page.locator("td", has_text="@").all()
        assert cells
        for cell in cells:
            assert cell.evaluate(lines) == [1, 1], cell.inner_text()


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_each_page_of_each_role(
    site: str, chromium: Browser, pictures: Path, language: str, role: Desktop
) -> None:
    """One page of each kind, followed from link to link."""
    with context_of(chromium, site, language, DESK) as context:
        page = context.new_page()
        sign_in(page, site, role)
        waiting, seen = ["/"], set()
        while waiting:
            path = waiting.pop(0)
            kind = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\?.*", "one", path)
            if kind in seen:
                continue
            seen.add(kind)
            page.goto(f"{site}{path}")
            assert page.locator("html").get_attribute("lang") == language, path
            examine(page, f"{role}{kind.replace('/', '-')}-{language}", pictures)
            links = page.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
            waiting += [link for link in links if link.startswith("/") and not link.startswith("/language/")]
        assert len(seen) >= 3


@pytest.mark.parametrize("path", ["/", "/sign-in?search=a", "/signed-out", "/nothing"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_pages_before_signing_in(
    site: str, chromium: Browser, pictures: Path, path: str, size: dict[str, int]
) -> None:
    with context_of(chromium, site, "fi", size) as context:
        page = context.new_page()
        page.goto(f"{site}{path}")
        examine(page, f"nobody{re.sub('[/?=]', '-', path)}-{size['width']}", pictures)


def test_everything_is_done_by_keyboard_alone(site: str, chromium: Browser) -> None:
    with context_of(chromium, site, "en", DESK) as context:
        page = context.new_page()
        page.goto(f"{site}/sign-in")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip-link"
        assert page.locator(".skip-link").bounding_box()["y"] >= 0  # type: ignore[index]
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        focused = "document.activeElement.innerText.trim()"
        assert page.evaluate(focused) == "Sign in"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}/")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate(focused) == "Sign out":
                break
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}/signed-out")


def test_everything_works_without_scripts(site: str, chromium: Browser) -> None:
    with chromium.new_context(java_script_enabled=False, locale="sv-FI") as context:
        page = context.new_page()
        page.goto(site)
        assert page.locator("html").get_attribute("lang") == "sv"
        page.goto(f"{site}/language/sv")
        sign_in(page, site, Desktop.SECRETARY)
        assert page.locator("html").get_attribute("lang") == "sv"
        page.get_by_label("Sök personer, grupper och kurser").fill("a")
        page.get_by_role("button", name="Sök").click()
        assert page.locator("tbody tr").count() > 0
        page.get_by_role("link", name="English").click()
        assert page.locator("h1").inner_text() == "Search"
        assert "search=a" in page.url
        page.get_by_role("link", name="Show all").first.click()
        assert page.locator("h1").inner_text() == "Pupils"


def test_other_municipalities_are_reached_from_any_page_by_keyboard(site: str, chromium: Browser) -> None:
    with chromium.new_context(java_script_enabled=False, locale="fi-FI") as context:
        page = context.new_page()
        sign_in(page, site, Desktop.PUPIL)
        page.goto(f"{site}/me")
        page.locator(".desks summary").focus()
        page.keyboard.press("Enter")
        link = page.get_by_role("link", name="Naapuri")
        assert link.is_visible()
        assert link.get_attribute("href") == "https://naapuri.example/"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("role", [Desktop.TEACHER, Desktop.SECRETARY, Desktop.MUNICIPALITY])
def test_search_and_open_menu_on_a_phone(
    site: str, chromium: Browser, pictures: Path, language: str, role: Desktop
) -> None:
    with context_of(chromium, site, language, PHONE) as context:
        page = context.new_page()
        sign_in(page, site, role)
        for path in ("/search", "/search?search=a", "/search?search=zzz", "/search?kind=groups"):
            page.goto(f"{site}{path}")
            page.locator(".desks summary").click()
            examine(page, f"{role}{re.sub('[/?=]', '-', path)}-{language}-phone", pictures)
