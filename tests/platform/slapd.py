"""A real OpenLDAP server on loopback, with the configuration that the directory role writes."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import jinja2
import ldap3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from digione_platform.settings import Directory

ROLE = Path(__file__).resolve().parents[2] / "roles" / "directory"
BASE = "ou=people,ou=mallila,dc=digione"
PLATFORM = "cn=platform,ou=services,ou=mallila,dc=digione"
PASSWORD = "platform-of-mallila"

_TREE = f"""
dn: dc=digione
objectClass: dcObject
objectClass: organization
o: DigiOne

dn: ou=policies,dc=digione
objectClass: organizationalUnit

dn: cn=people,ou=policies,dc=digione
objectClass: organizationalRole
objectClass: pwdPolicy
pwdAttribute: userPassword
pwdMinLength: 10
pwdCheckQuality: 2
pwdLockout: TRUE
pwdMaxFailure: 3

dn: ou=mallila,dc=digione
objectClass: organizationalUnit

dn: ou=services,ou=mallila,dc=digione
objectClass: organizationalUnit

dn: {BASE}
objectClass: organizationalUnit

dn: {PLATFORM}
objectClass: person
sn: Service
userPassword: {PASSWORD}
"""


class Slapd:
    """A running server; ``settings`` and ``authority`` are what the platform is told."""

    def __init__(self, port: int, authority: Path) -> None:
        self.authority = authority
        self.settings = Directory(
            host="127.0.0.1", port=port, base=BASE, bind_dn=PLATFORM, password=SecretStr(PASSWORD)
        )

    def opens(self, username: str, password: str) -> bool:
        """Whether a person can sign in."""
        server = ldap3.Server("127.0.0.1", self.settings.port, use_ssl=True)
        connection = ldap3.Connection(server, f"uid={username},{BASE}", password)
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()

    def clear(self) -> None:
        """Take all people out."""
        server = ldap3.Server("127.0.0.1", self.settings.port, use_ssl=True)
        with ldap3.Connection(server, PLATFORM, PASSWORD, auto_bind=True) as connection:
            connection.search(BASE, "(uid=*)", ldap3.LEVEL)
            for entry in list(connection.entries):
                connection.delete(entry.entry_dn)  # type: ignore[no-untyped-call]


@contextmanager
def running_slapd(folder: Path) -> Iterator[Slapd]:
    """Start a server whose files are all in a folder; stop it at the end."""
    slapd = shutil.which("slapd", path="/usr/sbin:/usr/bin")
    if slapd is None:
        pytest.fail("slapd is missing: install the Debian package slapd (make setup does)", pytrace=False)
    port = _free_port()
    _write_certificates(folder)
    configuration = folder / "slapd.conf"
    configuration.write_text(_configuration(folder))
    (folder / "data").mkdir()
    load = [slapd, "-T", "add", "-f", str(configuration)]
    subprocess.run(load, input=_TREE, text=True, check=True, capture_output=True)
    process = subprocess.Popen(
        [slapd, "-f", str(configuration), "-h", f"ldaps://127.0.0.1:{port}", "-d", "0"],
        stderr=(folder / "slapd.log").open("wb"),
    )
    try:
        _wait(process, port, folder)
        yield Slapd(port, folder / "authority.pem")
    finally:
        process.terminate()
        process.wait(10)


def _configuration(folder: Path) -> str:
    template = jinja2.Template(
        (ROLE / "templates" / "slapd.conf.j2").read_text(), undefined=jinja2.StrictUndefined
    )
    text = template.render(
        ansible_managed="test", digione=SimpleNamespace(tenants=[SimpleNamespace(slug="mallila")])
    )
    for there, here in (
        ("/etc/digione/tls/directory", folder / "server"),
        ("/etc/digione/authority.pem", folder / "authority.pem"),
        ("/var/lib/ldap", folder / "data"),
    ):
        text = text.replace(there, str(here))
    return f"pidfile {folder}/pid\nargsfile {folder}/args\n{text}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            pytest.fail(f"slapd ended: {(folder / 'slapd.log').read_text()}", pytrace=False)
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("slapd did not listen within 10 s", pytrace=False)


def _write_certificates(folder: Path) -> None:
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _certificate("authority", authority_key, "authority", authority_key)
    server = _certificate("directory", server_key, "authority", authority_key)
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    def named(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("mallila1"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
