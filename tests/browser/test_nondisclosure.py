"""What is planted in the details of a protected pupil comes out nowhere on the installed instance."""

import csv
import io
import re
import ssl
import zipfile
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page

from digione_cli.lab import Lab
from tests.browser.conftest import sign_in, sign_in_as
from tests.browser.test_desktops import ROLES
from tests.browser.test_register import SEND_MAIL
from tests.conftest import OID, RELAY, Installed, Ssh
from tests.platform.bundles import delta, write

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(900)]

ADDRESS, PHONE = "marker-child@kunta.example", "+358 50 99887766"
MARKS = ("marker-", "99887766")
# A page for each pupil, class and school tells no more than a few of them.
ALIKE = 3


def changed(path: Path, row: dict[str, str]) -> str:
    """A delta with this row of users."""
    extensions = tuple(name for name in row if name.startswith("metadata."))
    told = {name: value for name, value in row.items() if name not in ("status", "dateLastModified")}
    write(path, {"users": delta([told])}, kind="delta", extensions=extensions)
    return str(path)


def planted(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text.lower()]


@pytest.fixture(scope="module")
def pupil(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The sample town's pupil under non-disclosure, with planted details."""
    folder = tmp_path_factory.mktemp("town")
    made = folder / "town.zip"
    installed.digione("sample", "make", str(made), "--oid", OID)
    with zipfile.ZipFile(made) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("users.csv").decode())))
    hidden = "metadata.digione.nondisclosure"
    [pupil] = [row for row in rows if row[hidden] == "true" and row["agentSourcedIds"]]
    pupil |= {"email": ADDRESS, "sms": PHONE, "phone": PHONE}
    installed.digione("roster", "import", "testila", changed(folder / "planted.zip", pupil), "--apply")
    return pupil


@pytest.fixture
def visitor(browser: Browser, installed: Installed) -> Iterator[Page]:
    """A browser whose requests without a page trust the instance, too."""
    context = browser.new_context(base_url=f"https://{installed.domain}", ignore_https_errors=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("role", ROLES)
def test_no_page_shows_it(visitor: Page, installed: Installed, pupil: dict[str, str], role: str) -> None:
    """From link to link, and what is found by the pupil's name; by the planted words nobody is found."""
    sign_in(visitor, installed, role)
    name = pupil["familyName"]
    lists = ("/search?search=", "/pupils?search=", "/administration/people?search=", "/audit?person=")
    for path in lists:
        for words in (ADDRESS, PHONE):
            assert name not in visitor.request.get(f"{path}{quote(words)}").text(), path
    waiting = deque(["/", *(f"{path}{name}" for path in lists)])
    seen: set[str] = set()
    kinds: Counter[str] = Counter()
    while waiting:
        path = waiting.popleft()
        answer = visitor.request.get(path, fail_on_status_code=False)
        assert answer.status < 500, path
        if "text/html" in answer.headers["content-type"]:
            text = answer.text()
            assert planted(text) == [], path
            for link, words in re.findall(r'<a [^>]*href="(/[^"]*)"[^>]*>(.*?)</a>', text, re.DOTALL):
                address = link.replace("&amp;", "&")
                kind = re.sub(r"[0-9a-f-]{36}|\d+|=[^&]*", "*", address)
                known = address in seen or address.startswith(("/language/", "/static/", "/sign-"))
                if not known and (name in words or kinds[kind] < ALIKE):
                    seen.add(address)
                    kinds[kind] += 1
                    waiting.append(address)
    assert len(seen) > 5


def test_no_mail_says_it(
    page: Page, installed: Installed, pupil: dict[str, str], lab: Lab, ssh: Ssh, tmp_path: Path
) -> None:
    """Not even the one to the pupil, who is told that there is something new."""
    password = installed.digione("accounts", "password", "testila", pupil["username"]).out.strip()
    sign_in_as(page, installed, pupil["username"], password)
    page.goto("/me")
    page.locator("#mail").select_option("at once")
    for hour in ("#quiet_from", "#quiet_until"):
        page.locator(hour).select_option("0")
    page.locator("form[action='/me'] button").click()
    row = pupil | {"email": f"2-{ADDRESS}"}
    installed.digione("roster", "import", "testila", changed(tmp_path / "again.zip", row), "--apply")
    assert ssh(installed.host, SEND_MAIL).returncode == 0
    mails = lab.mails(RELAY)
    assert f"2-{ADDRESS}" in [mail.to for mail in mails]
    for mail in mails:
        assert planted(mail.subject + mail.text) == []
        assert pupil["familyName"] not in mail.subject + mail.text


def test_no_export_has_it(installed: Installed, pupil: dict[str, str], tmp_path: Path) -> None:
    for protected in (False, True):
        file = tmp_path / f"{protected}.zip"
        options = ["--protected"] if protected else []
        installed.digione("roster", "export", "testila", str(file), *options)
        with zipfile.ZipFile(file) as archive:
            text = "".join(archive.read(one).decode() for one in archive.namelist())
        assert bool(planted(text)) is protected


@pytest.mark.parametrize("protected", [False, True])
def test_no_service_is_told(installed: Installed, pupil: dict[str, str], protected: bool) -> None:
    options = ["--protected"] if protected else []
    added = installed.digione(
        *("clients", "add", "testila", f"Oppi {protected}", "--scope", "roster.readonly"),
        *("--contact", "tuki@oppi.example", "--json", *options),
    ).json
    trusted = ssl.create_default_context(cadata=installed.authority)
    with httpx.Client(base_url=f"https://{installed.domain}", verify=trusted) as service:
        grant = {"grant_type": "client_credentials"}
        login = (added["client_id"], added["client_secret"])
        token = service.post("/ims/oneroster/token", data=grant, auth=login).json()["access_token"]
        service.headers["Authorization"] = f"Bearer {token}"
        said = ""
        for collection in ("users", "students", f"users/{pupil['sourcedId']}", "enrollments"):
            said += service.get(f"/ims/oneroster/rostering/v1p2/{collection}?limit=1000").text
    assert bool(planted(said)) is protected


def test_no_log_has_it(installed: Installed, pupil: dict[str, str], ssh: Ssh) -> None:
    """After all that was done above: the journal, and what services write into files of their own."""
    everything = "sudo journalctl --no-pager -o cat; sudo sh -c 'cat /var/log/*.log /var/log/*/*.log || true'"
    logs = ssh(installed.host, everything).stdout
    assert "digione-platform" in logs
    assert [line for line in logs.splitlines() if planted(line)] == []
