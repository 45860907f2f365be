"""A municipality's own provider in front of ours: people come in as who they are, or not at all."""

import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from trustme import CA, KeyType

from digione_cli.lab import Lab
from tests.browser.upstream import Forgery, OidcProvider, SamlProvider
from tests.conftest import Installed, Ssh
from tests.platform.provider import Served

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(900)]

Provider = OidcProvider | SamlProvider

TITLE = "Koulun tunnus"
UNKNOWN = "sinulla ei ole täällä käyttäjätiliä"
NOT_DONE = "Tunnistautuminen toisessa palvelussa ei onnistunut"
AWAY = "Toinen palvelu ei vastaa juuri nyt"
TRUSTED = "/usr/local/share/ca-certificates/upstream.crt"


@dataclass
class Upstream:
    """Where providers are served, and how the tenant is told of one."""

    installed: Installed
    address: str
    key: Path
    certificate: Path
    servers: list[Served] = field(default_factory=list)

    def server(self) -> Served:
        """One more server on this machine."""
        self.servers.append(Served(self.address, self.certificate, self.key))
        return self.servers[-1]

    def use(self, client_secret: str = "", **upstream: str) -> None:
        """Let the tenant sign people in through a provider besides its own passwords."""
        tenant = self.installed.tenant_file
        text = tenant.read_text().split("identity:")[0] + "identity:\n  upstream:\n"
        tenant.write_text(text + "".join(f"    {k}: {v}\n" for k, v in {"title": TITLE, **upstream}.items()))
        digione, name = self.installed.digione, self.installed.name
        if client_secret:
            digione.keep(name, f"upstream_client@{name}", client_secret)
        digione("apply", name, "--yes")


@pytest.fixture(scope="module")
def upstream(
    lab: Lab, ssh: Ssh, installed: Installed, ca: CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upstream]:
    """A server on this machine that the lab's host and the browser reach and trust."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        towards.connect((lab.host(installed.host).address, 9))
        address = towards.getsockname()[0]
    leaf = ca.issue_cert(address, key_type=KeyType.RSA)
    folder = tmp_path_factory.mktemp("upstream")
    leaf.private_key_pem.write_to_path(folder / "key")
    leaf.cert_chain_pems[0].write_to_path(folder / "certificate")
    trust = f"sudo tee {TRUSTED} && sudo update-ca-certificates"
    assert ssh(installed.host, trust, text=ca.cert_pem.bytes().decode()).returncode == 0
    before = installed.tenant_file.read_text()
    upstream = Upstream(installed, address, folder / "key", folder / "certificate")
    yield upstream
    for server in upstream.servers:
        server.stop()
    installed.tenant_file.write_text(before)
    installed.digione("apply", installed.name, "--yes")
    ssh(installed.host, f"sudo rm {TRUSTED} && sudo update-ca-certificates --fresh")


@pytest.fixture(scope="module")
def oidc(upstream: Upstream, installed: Installed) -> OidcProvider:
    """The tenant has an OpenID Connect provider; it is away."""
    secret = "given-by-the-provider"
    server = upstream.server()
    provider = OidcProvider(server.url, ("digione", secret), away=True)
    server.serve(provider.app())
    upstream.use(secret, kind="oidc", issuer=provider.url, client_id="digione", match="learner_number")
    return provider


@pytest.fixture(scope="module")
def saml(upstream: Upstream, installed: Installed) -> SamlProvider:
    """The tenant has a SAML provider."""
    server = upstream.server()
    provider = SamlProvider(server.url, upstream.key.read_text(), upstream.certificate.read_text())
    server.serve(provider.app())
    (installed.tenant_file.parent / "idp.xml").write_text(provider.metadata)
    upstream.use(kind="saml", metadata="idp.xml", match="account")
    return provider


@pytest.fixture(scope="module", params=["oidc", "saml"])
def provider(request: pytest.FixtureRequest, pupil: dict[str, str]) -> Provider:
    """Each kind of provider after the other."""
    found: Provider = request.getfixturevalue(request.param)
    if isinstance(found, OidcProvider):
        found.away = False
        time.sleep(5)  # each of the sign-in service's workers asks a provider that was away again after that
    return found


@pytest.fixture(scope="module")
def pupil(installed: Installed, ssh: Ssh) -> dict[str, str]:
    """What the directory knows of the sample pupil."""
    search = "sudo ldapsearch -QLLL -Y EXTERNAL -H ldapi:/// -b dc=digione uid="
    entry = ssh(installed.host, search + installed.logins["pupil"][0]).stdout
    return dict(re.findall(r"^(\w+): (.+)$", entry, re.MULTILINE))


@pytest.fixture(autouse=True)
def nothing_is_wrong(request: pytest.FixtureRequest) -> Iterator[None]:
    """Afterwards the provider does again what it should."""
    yield
    if "provider" in request.fixturenames:
        provider: Provider = request.getfixturevalue("provider")
        provider.person, provider.forgery, provider.cancel = None, "none", False


@pytest.fixture
def page(browser: Browser, installed: Installed) -> Iterator[Page]:
    context = browser.new_context(locale="fi-FI", base_url=f"https://{installed.domain}")
    yield context.new_page()
    context.close()


def who_is(provider: Provider, pupil: dict[str, str]) -> str:
    """Return what the provider knows the pupil by."""
    return pupil["learnerId" if isinstance(provider, OidcProvider) else "employeeNumber"]


def come_through(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name=TITLE).click()


def expect_pupil(page: Page, pupil: dict[str, str]) -> None:
    expect(page.locator(".account__name")).to_have_text(pupil["cn"])


def expect_nobody(page: Page, told: str) -> None:
    """The sign-in page says why, and there is no way past it."""
    expect(page.locator("main")).to_contain_text(told)
    expect(page.locator("input[name=password]")).to_be_visible()
    page.goto("/me")
    expect(page.locator(".account__name")).to_have_count(0)


def test_provider_that_is_away_keeps_nobody_with_a_password_out(
    page: Page, installed: Installed, oidc: OidcProvider
) -> None:
    assert oidc.away
    found = installed.digione("doctor", installed.name, "--json").json["findings"]
    assert [(f["code"], f["level"]) for f in found] == [("D1-TEN-004", "warning")]
    come_through(page)
    expect(page.locator("main")).to_contain_text(AWAY)
    username, password = installed.logins["pupil"]
    page.locator("input[name=user]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")
    expect(page.locator(".account__name")).to_be_visible()

    oidc.away = False
    end = time.monotonic() + 60
    while installed.digione("doctor", installed.name, "--json").json["findings"]:
        assert time.monotonic() < end, "it must heal by itself"


def test_pupil_comes_in_and_goes_out(page: Page, provider: Provider, pupil: dict[str, str]) -> None:
    provider.person = who_is(provider, pupil)
    come_through(page)
    expect_pupil(page, pupil)
    before = provider.signed_out
    page.locator("form[action='/sign-out'] button").click()
    expect(page.locator(".account__name")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert provider.signed_out == before + 1
    page.goto("/sign-in")
    expect(page.get_by_role("button", name=TITLE)).to_be_visible()


@pytest.mark.parametrize("person", [None, "1.2.246.562.98.99999999999", "*", "oppilas.esimerkki"])
def test_person_who_is_not_known_here_is_told(page: Page, provider: Provider, person: str | None) -> None:
    provider.person = person
    come_through(page)
    expect_nobody(page, UNKNOWN)


@pytest.mark.parametrize("forgery", ["altered", "unsigned"])
def test_forged_word_of_the_provider_is_refused(
    page: Page, provider: Provider, pupil: dict[str, str], forgery: Forgery
) -> None:
    provider.person, provider.forgery = who_is(provider, pupil), forgery
    come_through(page)
    expect_nobody(page, NOT_DONE)


def test_person_who_cancels_may_choose_again(page: Page, provider: Provider, pupil: dict[str, str]) -> None:
    provider.cancel = True
    come_through(page)
    expect(page.locator("main")).to_contain_text(NOT_DONE)
    provider.cancel, provider.person = False, who_is(provider, pupil)
    come_through(page)
    expect_pupil(page, pupil)
