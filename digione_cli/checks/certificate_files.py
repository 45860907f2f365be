"""Certificates of one's own (``certificates: files``): whether the gateway could use them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

STAGES = ("preflight", "doctor")

CODES = {
    "D1-CERT-003": Code(
        title="Certificate file of no use",
        cause="a file in services.gateway.certificate_files is no PEM, has ended, is for other names, or "
        "does not belong to its key",
        fix=mark(
            "put the right files in place on this machine, the tenant's own certificate first in its file; "
            "openssl x509 -noout -text -in FILE shows one"
        ),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at certificate and key of each tenant on the control machine."""
    settings = situation.instance.services.get("gateway", {})
    if settings.get("certificates") != "files":
        return
    for tenant in situation.instance.tenants:
        named = settings["certificate_files"][tenant.slug]
        names = (tenant.domain, tenant.auth_domain)
        for text in _faults(Path(named["certificate"]), Path(named["key"]), names, situation.now):
            fix = t(CODES["D1-CERT-003"].fix)
            yield Finding(code="D1-CERT-003", level=Level.ERROR, subject=tenant.slug, text=text, fix=fix)


def _faults(file: Path, key_file: Path, names: tuple[str, ...], now: datetime) -> Iterator[str]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    certificate = key = None
    try:
        certificate = load_pem_x509_certificates(file.read_bytes())[0]
    except OSError as e:
        yield f"{file}: {e.strerror}"
    except ValueError:
        yield t("{file} holds no certificates (PEM)", file=file)
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
    except OSError as e:
        yield f"{key_file}: {e.strerror}"
    except TypeError:
        yield t("{file} is locked by a password; take it off: openssl pkey -in FILE -out NEW", file=key_file)
    except (ValueError, UnsupportedAlgorithm):
        yield t("{file} holds no private key (PEM)", file=key_file)
    if certificate and key and certificate.public_key() != key.public_key():
        yield t("{key} is not the key of {file}", key=key_file, file=file)
    if certificate:
        yield from _of_no_use(file, certificate, names, now)


def _of_no_use(
    file: Path, certificate: "Certificate", names: tuple[str, ...], now: datetime
) -> Iterator[str]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        yield t("{file} holds from {date} on", file=file, date=f"{begins:%Y-%m-%d}")
    if now > ends:
        yield t("{file} ended on {date}", file=file, date=f"{ends:%Y-%m-%d}")
    has = _names(certificate)
    lacking = [name for name in names if not {name, "*." + name.partition(".")[2]} & has]
    if lacking:
        known = ", ".join(sorted(has)) or "–"
        yield t("{file} is for {known}, not for {names}", file=file, known=known, names=", ".join(lacking))


def _names(certificate: "Certificate") -> set[str]:
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName

    try:
        given = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return set()
    return {name.lower() for name in given.get_values_for_type(DNSName)}
