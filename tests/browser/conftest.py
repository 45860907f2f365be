"""Headless Chromium from Debian, trusting the instance's authority and nothing else of ours."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, Playwright

from tests.conftest import CHECKOUT, FLAGS, Installed, lacking

PICTURES = CHECKOUT / "test-output/screenshots"


@pytest.fixture(scope="session")
def browser(
    playwright: Playwright, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser in whose certificate store the instance's authority is."""
    chromium, certutil = which("chromium"), which("certutil")
    if not chromium or not certutil:
        lacking("needs Debian's chromium and libnss3-tools: apt-get install chromium libnss3-tools")
    home = tmp_path_factory.mktemp("browser")
    _trust(installed.authority, home, str(certutil))
    PICTURES.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(home)}
    running = playwright.chromium.launch(executable_path=chromium, args=FLAGS, env=environment)
    yield running
    running.close()


def _trust(certificate: str, home: Path, certutil: str) -> None:
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    store = ["-d", f"sql:{database}"]
    subprocess.run([certutil, "-N", "--empty-password", *store], check=True)
    file = home / "authority.pem"
    file.write_text(certificate)
    trust = ["-A", "-n", "DigiOne", "-t", "C,,", "-i", str(file)]
    subprocess.run([certutil, *trust, *store], check=True)
