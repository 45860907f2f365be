"""Certificates of one's own are looked at before anything changes."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from digione_cli import checks
from digione_cli.engine.situation import Situation
from tests.fakes import INSTANCE, NOW, FakeWorld, load, situation, write_inventory
from tests.unit.conftest import House
from tests.unit.test_verbs import world

__all__ = ["world"]

PEM = serialization.Encoding.PEM
OWN = ("koulu.kuhmo.example", "auth.koulu.kuhmo.example")


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _written(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, how)


def _certificate(
    key: ec.EllipticCurvePrivateKey, names: tuple[str, ...] = OWN, begins: int = -1, ends: int = 90
) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kuhmo")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=ends))
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


KEY, OTHER = _key(), _key()


@pytest.fixture
def files(tmp_path: Path) -> Callable[[bytes, bytes], Situation]:
    """Given the contents of both files, return an instance that names them."""

    def named(certificate: bytes, key: bytes) -> Situation:
        (tmp_path / "own.pem").write_bytes(certificate)
        (tmp_path / "own.key").write_bytes(key)
        write_inventory(tmp_path / "inventories", main=INSTANCE + _settings(tmp_path))
        return situation(load(tmp_path / "inventories"))

    return named


def _settings(folder: Path) -> str:
    given = f"{{certificate: {folder}/own.pem, key: {folder}/own.key}}"
    return f"services:\n  gateway: {{certificates: files, certificate_files: {{kuhmo: {given}}}}}\n"


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (b"garbage", _written(KEY), "own.pem holds no certificates (PEM)"),
        (_certificate(KEY)[:300], _written(KEY), "own.pem holds no certificates (PEM)"),
        (_written(KEY), _written(KEY), "own.pem holds no certificates (PEM)"),
        (_certificate(KEY), b"garbage", "own.key holds no private key (PEM)"),
        (_certificate(KEY), _certificate(KEY), "own.key holds no private key (PEM)"),
        (_certificate(KEY), _written(KEY, b"password"), "own.key is locked by a password"),
        (_certificate(KEY), _written(OTHER), "own.key is not the key of "),
        (_certificate(OTHER) + _certificate(KEY), _written(KEY), "own.key is not the key of "),
        (_certificate(KEY, ends=0 - 1, begins=-9), _written(KEY), "own.pem ended on 2026-11-23"),
        (_certificate(KEY, begins=2), _written(KEY), "own.pem holds from 2026-11-26 on"),
        (_certificate(KEY, OWN[:1]), _written(KEY), f"is for {OWN[0]}, not for {OWN[1]}"),
        (_certificate(KEY, ()), _written(KEY), f"not for {OWN[0]}, {OWN[1]}"),
        (_certificate(KEY, ("*.kuhmo.example",)), _written(KEY), f"not for {OWN[1]}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",  # the same in each process of tests
)
def test_files_of_no_use_are_found(
    files: Callable[[bytes, bytes], Situation], certificate: bytes, key: bytes, words: str
) -> None:
    of = files(certificate, key)
    for stage in ("preflight", "doctor"):
        found = [f for f in checks.findings(stage, of, None) if f.code == "D1-CERT-003"]  # type: ignore[arg-type]
        assert [f.subject for f in found] == ["kuhmo"]
        assert words in found[0].text


@pytest.mark.parametrize("names", [OWN, ("*.kuhmo.example", "*.koulu.kuhmo.example")])
def test_good_files_are_not_named(files: Callable[[bytes, bytes], Situation], names: tuple[str, ...]) -> None:
    of = files(_certificate(KEY, names) + _certificate(OTHER), _written(KEY))
    assert [f for f in checks.findings("preflight", of, None) if "CERT" in f.code] == []  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", [["plan"], ["apply", "--yes"]])
def test_nothing_changes_with_a_wrong_file(kuhmo: House, world: FakeWorld, verb: list[str]) -> None:
    (kuhmo.root / "own.pem").write_bytes(_certificate(KEY))
    (kuhmo.root / "own.key").write_bytes(_written(OTHER))
    (kuhmo.inventories / "kuhmo/instance.yml").write_text(INSTANCE + _settings(kuhmo.root))
    world.facts = {name: facts.model_copy(update={"services": {}}) for name, facts in world.facts.items()}
    result = kuhmo.run(verb[0], "kuhmo", *verb[1:])
    assert result.code == 3
    assert "D1-CERT-003" in result.err
    assert "is not the key of" in result.err
    assert "play" not in world.did
