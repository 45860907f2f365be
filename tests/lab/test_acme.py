"""Certificates from an ACME server: Pebble, which Let's Encrypt makes for tests, on this machine."""

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from trustme import CA

from digione_cli.lab import Lab
from tests.conftest import Installed, Ssh, lacking

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

DAYS = 20  # shorter than the rest at which certificates are renewed: each try renews


@dataclass
class Pebble:
    """The server, which validates at port 80 as others do."""

    folder: Path
    address: str
    ports: tuple[int, int]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def directory(self) -> str:
        return f"https://{self.address}:{self.ports[0]}/dir"

    def start(self) -> None:
        environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        argv = [str(which("pebble")), "-config", str(self.folder / "config.json")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection((self.address, self.ports[0]), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def root(self) -> str:
        """The certificate above all that it gives, made at its start."""
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        address = f"https://{self.address}:{self.ports[1]}/roots/0"
        with urllib.request.urlopen(address, context=trust) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def pebble(
    lab: Lab, ssh: Ssh, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    """The server, which the host trusts; afterwards the instance has the certificates it had before."""
    if not which("pebble"):
        lacking("needs Debian's pebble: apt-get install pebble")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        towards.connect((lab.host(installed.host).address, 9))
        address = towards.getsockname()[0]
    folder, ca = tmp_path_factory.mktemp("pebble"), CA()
    leaf = ca.issue_cert(address)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    ports = _free_port(address), _free_port(address)
    config = {
        "listenAddress": f"{address}:{ports[0]}",
        "managementListenAddress": f"{address}:{ports[1]}",
        "certificate": str(folder / "certificate.pem"),
        "privateKey": str(folder / "key.pem"),
        "httpPort": 80,
        "tlsPort": 443,
        "certificateValidityPeriod": DAYS * 86400,
    }
    (folder / "config.json").write_text(json.dumps({"pebble": config}))
    server = Pebble(folder, address, ports)
    server.start()
    file = installed.digione.inventories / installed.name / "instance.yml"
    before = file.read_text()
    yield server
    server.stop()
    file.write_text(before)
    installed.digione("apply", installed.name, "--yes")
    ssh(
        installed.host,
        "sudo rm -f /usr/local/share/ca-certificates/acme-*; sudo update-ca-certificates --fresh",
    )


@pytest.fixture(scope="module", autouse=True)
def trusted(pebble: Pebble, ssh: Ssh, installed: Installed) -> Iterator[None]:
    """Host and operator's machine trust the server, and what it certifies, as they would a public one."""
    system = Path(ssl.get_default_verify_paths().openssl_cafile or "")
    own = pebble.folder / "all.pem"
    roots = {"server": (pebble.folder / "ca.pem").read_text(), "root": pebble.root()}
    own.write_text((system.read_text() if system.is_file() else "") + "".join(roots.values()))
    for name, text in roots.items():
        trust = f"sudo tee /usr/local/share/ca-certificates/acme-{name}.crt && sudo update-ca-certificates"
        assert ssh(installed.host, trust, text=text).returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(own))
        yield


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as taken:
        return int(taken.getsockname()[1])


def use(installed: Installed, server: str) -> None:
    """Let the gateway get its certificates from a server."""
    file = installed.digione.inventories / installed.name / "instance.yml"
    text = file.read_text().split("services:\n  gateway:")[0]
    file.write_text(f"{text}services:\n  gateway:\n    certificates: acme\n    acme_server: {server}\n")


def shown(lab: Lab, installed: Installed, name: str) -> x509.Certificate:
    """Return the certificate that the gateway shows for a name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((lab.host(installed.host).address, 443), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as encrypted,
    ):
        return x509.load_der_x509_certificate(encrypted.getpeercert(binary_form=True) or b"")


def findings(installed: Installed) -> list[dict[str, str]]:
    found = installed.digione("doctor", installed.name, "--json", expect=None).json.get("findings", [])
    return [f for f in found if f["code"] == "D1-CERT-002"]


def test_wrong_name_of_the_server_is_told_and_the_site_stays(lab: Lab, installed: Installed) -> None:
    before = shown(lab, installed, installed.domain)
    use(installed, "https://acme.testila.invalid/directory")
    told = installed.digione("apply", installed.name, "--yes", expect=5).err
    assert "D1-CERT-002" in told
    assert "acme.testila.invalid" in told
    assert shown(lab, installed, installed.domain) == before


def test_both_names_get_a_certificate_from_the_server(pebble: Pebble, lab: Lab, installed: Installed) -> None:
    use(installed, pebble.directory)
    installed.digione("apply", installed.name, "--yes")
    for name in (installed.domain, f"auth.{installed.domain}"):
        given = shown(lab, installed, name)
        assert "Pebble" in given.issuer.rfc4514_string()
        names = given.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert name in names.get_values_for_type(x509.DNSName)
    assert findings(installed) == []


def test_certificate_is_renewed_before_its_end(
    pebble: Pebble, lab: Lab, installed: Installed, ssh: Ssh
) -> None:
    before = shown(lab, installed, installed.domain)
    unit = f"digione-certificate@{installed.name}"
    assert ssh(installed.host, f"systemctl is-active {unit}.timer").returncode == 0
    assert ssh(installed.host, f"sudo systemctl start {unit}.service").returncode == 0
    end = time.monotonic() + 30
    # nginx takes it up in good order: for a moment a worker of before may still answer
    while before in (after := {shown(lab, installed, installed.domain) for _ in range(10)}):
        assert time.monotonic() < end, "the gateway must show the new certificate"
        time.sleep(0.2)
    assert "Pebble" in after.pop().issuer.rfc4514_string()


def test_failed_renewal_keeps_the_old_certificate_and_is_a_finding(
    pebble: Pebble, lab: Lab, installed: Installed, ssh: Ssh
) -> None:
    before = shown(lab, installed, installed.domain)
    pebble.stop()
    unit = f"digione-certificate@{installed.name}.service"
    assert ssh(installed.host, f"sudo systemctl start {unit}").returncode != 0
    assert shown(lab, installed, installed.domain) == before
    (found,) = findings(installed)
    assert found["level"] == "warning"
    assert pebble.address in found["text"]
