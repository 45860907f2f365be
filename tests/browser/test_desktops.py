"""On the installed instance each role signs in and sees its desktop, in three languages, without barriers."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PICTURES, sign_in
from tests.conftest import Installed

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(900)]

ROLES = ("pupil", "guardian", "teacher", "principal", "secretary", "administrator")
LANGUAGES = ("fi", "sv", "en")
PHONE = {"width": 360, "height": 740}
NARROW = {"width": 320, "height": 740}
LOOK = "brand => ['fontFamily', 'fontSize', 'color', 'height'].map(one => getComputedStyle(brand)[one])"
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


def barriers(page: Page) -> list[Any]:
    """Return axe's violations of WCAG 2.1 A and AA, each with the elements concerned."""
    found = Axe().run(page, options=WCAG).response["violations"]
    return [(v["id"], [n["html"] for n in v["nodes"]]) for v in found]


@pytest.mark.parametrize("role", ROLES)
def test_role_signs_in_and_sees_its_desktop(page: Page, installed: Installed, role: str) -> None:
    sign_in(page, installed, role)
    headings = set()
    for language in LANGUAGES:
        page.goto(f"/language/{language}?next=/")
        assert page.locator("html").get_attribute("lang") == language
        expect(page.locator("h1")).to_have_count(1)
        headings.add(page.locator("main").inner_text())
        page.screenshot(path=PICTURES / f"{role}-{language}.png", full_page=True)
        assert barriers(page) == []
    assert len(headings) == len(LANGUAGES), "the desktop must differ between languages"
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.screenshot(path=PICTURES / f"{role}-phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_desktops_differ_by_role(page: Page, browser: Browser, installed: Installed) -> None:
    texts = set()
    for role in ROLES:
        context = browser.new_context(locale="fi-FI", base_url=f"https://{installed.domain}")
        own = context.new_page()
        sign_in(own, installed, role)
        texts.add(own.locator("main").inner_text())
        context.close()
    assert len(texts) == len(ROLES)


def test_signing_out_ends_the_session_at_both_ends(page: Page, installed: Installed) -> None:
    sign_in(page, installed, "teacher")
    page.locator("form[action='/sign-out'] button").click()
    page.wait_for_url(f"https://{installed.domain}/signed-out")
    page.goto("/me")
    assert "/me" not in page.url or page.locator("form[action='/sign-out']").count() == 0
    page.goto("/sign-in")
    expect(page.locator("input[name=password]")).to_be_visible()


def test_who_comes_back_to_sign_in_gets_in(page: Page, installed: Installed) -> None:
    page.goto("/sign-in")
    sign_in(page, installed, "teacher")
    expect(page.locator("form[action='/sign-out']")).to_be_visible()


def test_wrong_password_is_told_and_lets_nobody_in(page: Page, installed: Installed) -> None:
    page.goto("/sign-in")
    page.locator("input[name=user]").fill(installed.logins["principal"][0])
    page.locator("input[name=password]").fill("not-the-password")
    page.locator("input[name=password]").press("Enter")
    page.wait_for_load_state()
    assert page.url.startswith(f"https://auth.{installed.domain}")
    expect(page.locator("input[name=password]")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("yritä uudelleen")
    expect(page.locator("main")).to_contain_text("koulun kansliasta")
    page.screenshot(path=PICTURES / "wrong-password.png")
    assert barriers(page) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize(("language", "name"), [("fi", "Testilä"), ("sv", "Testby"), ("en", "Testilä")])
def test_sign_in_page_belongs_to_the_platform(
    browser: Browser, installed: Installed, language: str, name: str, scripts: bool
) -> None:
    other = "sv" if language == "fi" else "fi"
    context = browser.new_context(
        locale=other, base_url=f"https://{installed.domain}", java_script_enabled=scripts
    )
    page = context.new_page()
    page.goto(f"/language/{language}?next=/")
    look = page.locator(".brand").evaluate(LOOK)
    page.get_by_role("main").get_by_role("link").click()
    assert page.url.startswith(f"https://auth.{installed.domain}")
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator(".brand").inner_text().split() == ["DigiOne", name]
    assert page.locator(".brand").evaluate(LOOK) == look
    assert page.title() == f"{page.locator('h1').inner_text()} – DigiOne {name}"
    page.screenshot(path=PICTURES / f"sign-in-{language}.png")
    if scripts:
        assert barriers(page) == []
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.locator(f".languages [hreflang={other}]").click()
    assert page.url.startswith(f"https://auth.{installed.domain}")
    assert page.locator("html").get_attribute("lang") == other
    page.locator(".brand").click()
    assert page.url == f"https://{installed.domain}/"
    assert page.locator("html").get_attribute("lang") == other, "what was chosen there holds here too"
    context.close()


def test_own_sign_in_is_managed_in_the_chosen_language(page: Page, installed: Installed) -> None:
    sign_in(page, installed, "secretary")
    page.goto("/me")
    page.locator(f"main a[href='https://auth.{installed.domain}/']").click()
    expect(page.locator("input[name=newpassword]")).to_be_visible()
    page.locator(".languages [hreflang=sv]").click()
    assert page.locator("html").get_attribute("lang") == "sv"
    expect(page.locator("input[name=newpassword]")).to_be_visible()
    assert barriers(page) == []


def test_keyboard_alone_reaches_and_uses_sign_in(page: Page, installed: Installed) -> None:
    username, password = installed.logins["guardian"]
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.goto("/sign-in")
    page.locator("input[name=user]").focus()
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"https://{installed.domain}/**")
    expect(page.locator("form[action='/sign-out']")).to_be_visible()


def test_without_javascript_everything_works(browser: Browser, installed: Installed) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=f"https://{installed.domain}")
    page = context.new_page()
    sign_in(page, installed, "guardian")
    expect(page.locator("h1")).to_be_visible()
    context.close()


@pytest.mark.parametrize("host", ["", "auth."])
def test_file_that_is_not_there_is_told_in_three_languages(
    page: Page, installed: Installed, host: str
) -> None:
    for path in ("/static/nothing.css", "/static/"):
        answer = page.goto(f"https://{host}{installed.domain}{path}")
        assert answer is not None
        assert answer.status == 404
        for word in ("Ei löydy", "Hittades inte", "Not found"):
            expect(page.locator("main")).to_contain_text(word)
