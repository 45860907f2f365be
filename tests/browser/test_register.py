"""On the installed instance the register is kept from the browser, and people are told by mail."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from digione_cli.lab import Lab
from tests.browser.conftest import sign_in
from tests.conftest import RELAY, Installed, Ssh
from tests.platform.bundles import delta, write

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(900)]

SEND_MAIL = "sudo systemctl start digione-platform-notify@testila.service"


@pytest.fixture
def admin(browser: Browser, installed: Installed) -> Page:
    """The municipal administrator's browser, without scripts."""
    context = browser.new_context(
        java_script_enabled=False, locale="en-GB", base_url=f"https://{installed.domain}"
    )
    page = context.new_page()
    sign_in(page, installed, "administrator")
    page.goto("/language/en?next=/")
    return page


def test_the_register_is_kept_without_a_shell(admin: Page, tmp_path: Path) -> None:
    """Import, correct a bad row, import again; give a role and take it; find it in the audit."""
    person = {
        "sourcedId": "new-1",
        "enabledUser": "true",
        "username": "uusi.opettaja",
        "givenName": "",
        "familyName": "Opettaja",
    }

    def send(then: str) -> None:
        path = write(tmp_path / "new.zip", {"users": delta([person])}, kind="delta")
        admin.goto("/administration/imports")
        admin.get_by_label("File", exact=True).set_input_files(path)
        admin.get_by_role("button", name="Check").click()
        admin.get_by_role("heading", name=then).wait_for()

    send("Rows to look at")
    expect(admin.locator("main")).to_contain_text("users.csv:2")
    expect(admin.get_by_role("button", name="Import")).to_have_count(0)
    person["givenName"] = "Uusi"
    send("What changes")
    admin.get_by_role("button", name="Import").click()
    admin.locator(".hds-notification--success").wait_for()

    admin.goto("/administration/people?search=opettaja uusi")
    admin.get_by_role("link", name="Opettaja Uusi").click()
    admin.get_by_role("link", name="Give a role").click()
    admin.get_by_label("Role").select_option(label="Principal")
    admin.get_by_label("School").select_option(index=2)
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator("main")).to_contain_text("Principal")
    admin.get_by_role("link", name="Change the role Principal").click()
    admin.get_by_role("button", name="End the role now").click()
    expect(admin.locator("main")).to_contain_text("No role yet")

    admin.goto("/audit?person=opettaja uusi")
    for told in ("Added to the register", "Changed the register"):
        expect(admin.locator("tbody")).to_contain_text(told)


def test_who_is_told_gets_a_mail_with_nothing_but_a_link(
    page: Page, admin: Page, installed: Installed, lab: Lab, ssh: Ssh
) -> None:
    sign_in(page, installed, "guardian")
    page.goto("/me")
    page.locator("#language").select_option("sv")
    page.locator("#mail").select_option("at once")
    for hour in ("#quiet_from", "#quiet_until"):
        page.locator(hour).select_option("0")
    page.locator("form[action='/me'] button").click()
    address = page.locator("dd", has_text="@").inner_text()
    name = page.locator("dl dd").first.inner_text()

    admin.goto(f"/administration/people?search={name}")
    admin.get_by_role("link", name=re.compile(name.split()[-1])).first.click()
    admin.get_by_role("link", name="Change details").click()
    admin.get_by_label("Phone", exact=True).fill("+358 50 1234567")
    admin.get_by_role("button", name="Save").click()

    assert ssh(installed.host, SEND_MAIL).returncode == 0
    [mail] = [mail for mail in lab.mails(RELAY) if mail.to == address]
    assert mail.sender.endswith(f"@{installed.domain}>") or mail.sender.endswith(f"@{installed.domain}")
    assert f"https://{installed.domain}/" in mail.text
    assert "nytt" in mail.subject + mail.text
    assert not set(name.split()) & set((mail.subject + mail.text).split())
    assert "1234567" not in mail.text
    page.goto("/")
    expect(page.locator("main")).to_contain_text("kontaktuppgifter")
