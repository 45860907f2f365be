"""Headless Chromium from Debian, trusting the instance's authority and nothing else of ours."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, Page, Playwright
from trustme import CA

from tests.conftest import CHECKOUT, CHROMIUM, FLAGS, Installed, lacking

PICTURES = CHECKOUT / "test-output/screenshots"


@pytest.fixture(scope="session")
def ca() -> CA:
    """The authority that certifies servers of others."""
    return CA()


@pytest.fixture(scope="session")
def browser(
    playwright: Playwright, installed: Installed, ca: CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser in whose certificate store the instance's authority is, and that of servers of others."""
    chromium, certutil = which(CHROMIUM), which("certutil")
    if not chromium or not certutil:
        lacking(f"needs Debian's {CHROMIUM} and libnss3-tools: apt-get install {CHROMIUM} libnss3-tools")
    home = tmp_path_factory.mktemp("browser")
    _trust([installed.authority, ca.cert_pem.bytes().decode()], home, str(certutil))
    PICTURES.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(home)}
    running = playwright.chromium.launch(executable_path=chromium, args=FLAGS, env=environment)
    yield running
    running.close()


@pytest.fixture
def page(browser: Browser, installed: Installed) -> Iterator[Page]:
    context = browser.new_context(locale="fi-FI", base_url=f"https://{installed.domain}")
    yield context.new_page()
    context.close()


def sign_in(page: Page, installed: Installed, role: str) -> None:
    sign_in_as(page, installed, *installed.logins[role])


def sign_in_as(page: Page, installed: Installed, username: str, password: str) -> None:
    page.goto("/sign-in")
    page.locator("input[name=user]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(f"https://{installed.domain}/**")


def _trust(certificates: list[str], home: Path, certutil: str) -> None:
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    store = ["-d", f"sql:{database}"]
    subprocess.run([certutil, "-N", "--empty-password", *store], check=True)
    for number, certificate in enumerate(certificates):
        file = home / f"authority-{number}.pem"
        file.write_text(certificate)
        trust = ["-A", "-n", file.name, "-t", "C,,", "-i", str(file)]
        subprocess.run([certutil, *trust, *store], check=True)
