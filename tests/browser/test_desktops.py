"""On the installed instance each role signs in and sees its desktop, in three languages, without barriers."""

import time
from base64 import b32decode
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
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


def test_a_new_password_signs_out_at_both_ends(page: Page, installed: Installed) -> None:
    sign_in(page, installed, "pupil")
    username, _ = installed.logins["pupil"]
    new = installed.digione("accounts", "password", "testila", username).out.strip()
    installed.logins["pupil"] = (username, new)
    # Neither is a second factor added by who knew the old one.
    for address in (f"https://auth.{installed.domain}/2fregisters", "/me"):
        page.goto(address)
        expect(page.locator("input[name=password]")).to_be_visible()
    sign_in(page, installed, "pupil")
    page.goto("/me")
    expect(page.get_by_role("heading", level=1)).to_have_text("Omat tiedot")


def test_whom_an_administrator_signs_out_needs_the_password(
    page: Page, browser: Browser, installed: Installed
) -> None:
    sign_in(page, installed, "guardian")
    context = browser.new_context(locale="fi-FI", base_url=f"https://{installed.domain}")
    admin = context.new_page()
    sign_in(admin, installed, "administrator")
    admin.goto("/administration/sign-ins")
    # The last seen stands first.
    admin.get_by_role("button", name=page.locator(".account__name").inner_text()).first.click()
    context.close()
    page.goto("/me")
    expect(page.get_by_role("heading", level=1)).to_have_text("Kirjaudu uudelleen")
    page.goto("/me")
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


def test_changing_the_password_tells_the_rule_and_what_came_of_it(page: Page, installed: Installed) -> None:
    sign_in(page, installed, "administrator")
    password = installed.logins["administrator"][1]
    page.goto(f"https://auth.{installed.domain}/")
    for new, again, heading, told in (
        ("a new password", "another password", "Salasanaa ei vaihdettu", "olivat erilaiset"),
        ("short", "short", "Salasanaa ei vaihdettu", "liian lyhyt"),
        (password, password, "Salasana on vaihdettu", "uutta salasanaa"),
    ):
        expect(page.locator("main")).to_contain_text("Vähintään 10 merkkiä")
        for name, value in (("oldpassword", password), ("newpassword", new), ("confirmpassword", again)):
            page.locator(f"input[name={name}]").fill(value)
        page.locator("input[name=confirmpassword]").press("Enter")
        expect(page.locator("h1")).to_have_text(heading)
        expect(page.locator(".message")).to_contain_text(told)
        assert barriers(page) == []
    page.get_by_role("main").get_by_role("link").first.click()
    expect(page.locator("form[action='/sign-out']")).to_be_visible()


def test_second_factor_is_set_up_asked_for_and_removed(
    page: Page, browser: Browser, installed: Installed
) -> None:
    second_factors = f"https://auth.{installed.domain}/2fregisters"
    sign_in(page, installed, "secretary")
    page.goto(f"{second_factors}/totp")
    code, message = page.locator("#code"), page.locator(".message")
    expect(page.locator("#secret")).not_to_be_empty()
    code.press("Enter")
    expect(message).to_contain_text("Kirjoita koodi")
    key = b32decode(page.locator("#secret").inner_text().replace(" ", ""))
    app = TOTP(key, 6, SHA1(), 30)  # noqa: S303 — what apps go by
    code.fill(app.generate(time.time()).decode())
    code.press("Enter")
    expect(message).to_contain_text("Valmis")
    expect(code).to_be_hidden()
    expect(page.get_by_role("link", name="Siirry palveluun")).to_be_visible()
    assert barriers(page) == []

    context = browser.new_context(locale="fi-FI", base_url=f"https://{installed.domain}")
    other = context.new_page()
    other.goto("/sign-in")
    username, password = installed.logins["secretary"]
    other.locator("input[name=user]").fill(username)
    other.locator("input[name=password]").fill(password)
    other.locator("input[name=password]").press("Enter")
    other.locator("input[name=code]").fill(app.generate(time.time()).decode())
    other.locator("input[name=code]").press("Enter")
    expect(other.locator("form[action='/sign-out']")).to_be_visible()
    context.close()

    page.goto(second_factors)
    page.get_by_role("button", name="Poista käytöstä").click()
    expect(message).to_contain_text("poistettu")


@pytest.mark.parametrize("signed_in", [False, True], ids=["stranger", "signed in"])
def test_address_that_leads_nowhere_is_told(page: Page, installed: Installed, signed_in: bool) -> None:
    if signed_in:
        sign_in(page, installed, "teacher")
    answer = page.goto(f"https://auth.{installed.domain}/no-such/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("Sivua ei löytynyt")


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
