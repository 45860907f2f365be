"""Secrets of an instance: generated, kept encrypted in ``secrets.yml``, never shown unasked.

The file is encrypted by ansible-vault's library with a password of its own for each instance, which
lies in the operator's key folder, not beside the inventory.
"""

import difflib
import hashlib
import hmac
import json
import secrets
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from digione_cli.engine.documents import DocumentError, read_text
from digione_cli.engine.services import Services
from digione_cli.errors import IntegrityError, PreconditionError, UsageError
from digione_cli.model.backup import Target
from digione_cli.model.instance import Instance, Tenant
from digione_cli.model.service import SecretSpec
from digione_cli.model.text import shown
from digione_cli.texts import t
from digione_cli.world.files import read_own, write_whole

PASSWORD_LENGTH = 40
_MAX_BYTES = 20_000_000  # a region of a hundred tenants has about one megabyte, encrypted


@dataclass(frozen=True)
class SecretName:
    """A secret's name; of a tenant's secret also the tenant. Written ``name`` or ``name@tenant``."""

    name: str
    tenant: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.tenant}" if self.tenant else self.name


@dataclass(frozen=True)
class Secrets:
    """All secrets of an instance. Printing it shows no value."""

    values: Mapping[SecretName, SecretStr] = field(repr=False)
    salt: str = field(repr=False)

    def digest(self, name: SecretName) -> str:
        """Given a name, return a keyed digest of the value: equal only for equal values of this instance."""
        value = self.values[name].get_secret_value()
        return hmac.new(self.salt.encode(), value.encode(), hashlib.sha256).hexdigest()

    def derived(self, purpose: str) -> str:
        """Given a purpose, return a password of 16 characters that always follows from this instance."""
        return hmac.new(self.salt.encode(), purpose.encode(), hashlib.sha256).hexdigest()[:16]

    def for_ansible(self) -> dict[str, Any]:
        """Return the variable ``digione_secrets``: plain values, for an encrypted file only."""
        given: dict[str, Any] = {"instance": {}, "tenants": {}}
        for name, value in self.values.items():
            group = given["tenants"].setdefault(name.tenant, {}) if name.tenant else given["instance"]
            group[name.name] = value.get_secret_value()
        return given

    def all_values(self) -> tuple[str, ...]:
        """Return every value."""
        return tuple(v.get_secret_value() for v in self.values.values())

    def redacted(self, text: str) -> str:
        """Given text from a host or a file, return it with every value in it hidden, line by line."""
        lines = {line for value in self.all_values() for line in value.splitlines() if len(line) > 7}
        for line in sorted(lines, key=len, reverse=True):
            text = text.replace(line, "[secret]")
        return text


def wanted(instance: Instance, services: Services) -> dict[SecretName, str]:
    """Given an instance, return the kind of every secret that it needs, by name."""
    kinds: dict[SecretName, str] = {}
    for service in services.values():
        for spec in service.secrets:
            for name, owner in _owners(instance, spec):
                if not spec.when or _has(owner, spec.when):
                    kinds[name] = spec.kind
    return kinds


def _owners(instance: Instance, spec: SecretSpec) -> list[tuple[SecretName, Instance | Tenant | Target]]:
    """Given a secret that a service declares, return the name for each that may need one, and who that is."""
    if spec.per == "tenant":
        return [(SecretName(spec.name, tenant.slug), tenant) for tenant in instance.tenants]
    if spec.per == "target":
        return [(SecretName(of_target(spec.name, n)), one) for n, one in instance.backup.targets.items()]
    return [(SecretName(spec.name), instance)]


def of_target(name: str, target: str) -> str:
    """Given a secret that there is for each target, and a target, return the name of that target's."""
    return f"{name}_{target}"


def _has(owner: Instance | Tenant | Target, key: str) -> bool:
    """Given a key of an instance's or a tenant's file or of a target, with dots, say whether it is set."""
    return (
        reduce(lambda value, part: getattr(value, part, None), key.split("."), cast(Any, owner)) is not None
    )


def stored_names(name: SecretName, kind: str) -> tuple[SecretName, ...]:
    """Given a secret's name and kind, return the names under which its parts are stored."""
    if kind == "authority":
        return (SecretName(f"{name.name}_key"), SecretName(f"{name.name}_certificate"))
    if kind == "ssh_key":
        return (SecretName(f"{name.name}_key"), SecretName(f"{name.name}_public"))
    return (name,)


def generate(instance: Instance, name: SecretName, kind: str) -> dict[SecretName, SecretStr]:
    """Given a secret's name and kind, return new values for its parts."""
    parts = stored_names(name, kind)
    if kind == "password":
        letters = string.ascii_letters + string.digits
        return {parts[0]: SecretStr("".join(secrets.choice(letters) for _ in range(PASSWORD_LENGTH)))}
    if kind == "rsa_key":
        return {parts[0]: SecretStr(_rsa_key())}
    if kind == "ssh_key":
        private, public = _ssh_key()
        return {parts[0]: SecretStr(private), parts[1]: SecretStr(f"{public} digione {instance.name}")}
    key, certificate = _authority(instance)
    return {parts[0]: SecretStr(key), parts[1]: SecretStr(certificate)}


def _rsa_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _ssh_key() -> tuple[str, str]:
    """Return both halves of a key of ssh, private and public."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def _authority(instance: Instance) -> tuple[str, str]:
    """Return key and certificate (PEM, ten years) of the instance's private authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"DigiOne authority of {instance.name}")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), certificate.public_bytes(pem).decode()


class SecretStore:
    """The encrypted file ``secrets.yml`` of one inventory and the key that opens it."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.file = folder / "secrets.yml"
        self.authority_file = folder / "authority.pem"
        self.public_key_file = folder / "backup.pub"
        self.key_file = keys / folder.name
        self.instance = folder.name

    def public_key(self) -> str:
        """The key that hosts which keep copies of the backups let in.

        Raises:
            PreconditionError: it was not made yet.
        """
        try:
            return read_own(self.public_key_file).decode()
        except OSError:
            raise PreconditionError(
                "D1-SEC-014",
                t("Instance {name} has no key for backups yet", name=self.instance),
                t("{file} is missing from its inventory", file=self.public_key_file.name),
                f"digione secrets generate {self.instance}",
            ) from None

    def key(self) -> str:
        """The key that opens the file.

        Raises:
            PreconditionError: it is missing or open to others.
        """
        return self._key().decode()

    def exists(self) -> bool:
        """Say whether the file is there."""
        return self.file.exists()

    def read(self) -> Secrets:
        """Return all secrets.

        Raises:
            PreconditionError: the file or its key is missing or open to others.
            IntegrityError: the key does not open the file.
        """
        if not self.file.exists():
            raise PreconditionError(
                "D1-SEC-001",
                t("Instance {name} has no secrets yet", name=self.instance),
                t("{file} is missing from its inventory", file=self.file.name),
                f"digione secrets generate {self.instance}",
            )
        from ansible.errors import AnsibleError

        try:
            content = json.loads(self._vault().decrypt(read_text(self.file, self.file.name, _MAX_BYTES)))
            return Secrets(dict(_flat(content["secrets"])), content["salt"])
        except (AnsibleError, ValueError, LookupError, TypeError, AttributeError):
            raise IntegrityError(
                "D1-SEC-003",
                t("The secrets of {instance} cannot be opened", instance=self.instance),
                t(
                    "{key} is not the key of {file}, or the file was altered",
                    key=self.key_file,
                    file=self.file.name,
                ),
                t("restore the right key or file from your copy; nothing was changed"),
            ) from None
        except DocumentError as e:
            raise PreconditionError(
                "D1-SEC-008",
                t("The secrets of {instance} were not opened", instance=self.instance),
                str(e),
                t("put the right file there; nothing was changed"),
            ) from None

    def write(self, values: Mapping[SecretName, SecretStr], salt: str | None = None) -> Secrets:
        """Write all secrets, encrypted, in one move; make the key first if there is none."""
        content: dict[str, Any] = {"instance": {}, "tenants": {}}
        for name, value in sorted(values.items(), key=lambda item: str(item[0])):
            group = content["tenants"].setdefault(name.tenant, {}) if name.tenant else content["instance"]
            group[name.name] = value.get_secret_value()
        salt = salt or secrets.token_hex(16)
        plain = json.dumps({"salt": salt, "secrets": content}, indent=1)
        if not self.key_file.exists():
            self._new_key()
        write_whole(self.file, self._vault().encrypt(plain))
        certificate = values.get(SecretName("authority_certificate"))
        if certificate:  # public: browsers of a lab or a closed network are told to trust it
            write_whole(self.authority_file, certificate.get_secret_value().encode(), 0o644)
        public = values.get(SecretName("backup_ssh_public"))
        if public:  # hosts that keep copies are told to let its owner in
            write_whole(self.public_key_file, f"restrict {public.get_secret_value()}\n".encode(), 0o644)
        return Secrets(dict(values), salt)

    def _new_key(self) -> None:
        if self.file.exists():
            self._key()  # raises: a new key would make the existing file unreadable for ever
        self.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self.key_file, secrets.token_urlsafe(32).encode() + b"\n")

    def _key(self) -> bytes:
        try:
            # private: others must not read it, and if it were executable, Ansible would run it to get the key
            return read_own(self.key_file, private=True).strip()
        except OSError:
            raise PreconditionError(
                "D1-SEC-002",
                t("The secrets of {instance} cannot be opened", instance=self.instance),
                t("their key {key} is missing", key=self.key_file),
                t(
                    "put the key there (from the operator who ran digione init {instance}), mode 0600",
                    instance=self.instance,
                ),
            ) from None

    def _vault(self) -> Any:
        from ansible.parsing.vault import VaultLib, VaultSecret

        return VaultLib([("default", VaultSecret(self._key()))])

    def encrypt(self, plain: str) -> bytes:
        """Given text, return it encrypted so that ansible-playbook opens it with the same key."""
        encrypted: bytes = self._vault().encrypt(plain)
        return encrypted


def complete(instance: Instance, services: Services, store: SecretStore) -> tuple[SecretName, ...]:
    """Generate the secrets that are missing, change none that is whole, and return the new names.

    Those that somebody else gives stay missing.
    """
    present = store.read() if store.exists() else None
    known = dict(present.values) if present else {}
    new: dict[SecretName, SecretStr] = {}
    for name, kind in wanted(instance, services).items():
        if kind != "given" and not all(part in known for part in stored_names(name, kind)):
            new |= generate(instance, name, kind)
    if new or not present:
        store.write(known | new, present.salt if present else None)
    return tuple(new)


def to_be_given(instance: Instance, services: Services, present: Secrets) -> tuple[SecretName, ...]:
    """Given the secrets that are there, return the names of the lacking ones that somebody else must give."""
    kinds = wanted(instance, services)
    return tuple(n for n in missing(instance, services, present) if kinds.get(n) == "given")


def missing(instance: Instance, services: Services, present: Secrets) -> tuple[SecretName, ...]:
    """Given the secrets that are there, return the names of those that the instance lacks."""
    return tuple(
        part
        for name, kind in wanted(instance, services).items()
        for part in stored_names(name, kind)
        if part not in present.values
    )


def parse_name(text: str, services: Services, known: Mapping[SecretName, Any]) -> SecretName:
    """Given ``name`` or ``name@tenant``, return the known secret that it means.

    Raises:
        UsageError: there is none; said is when there would be, or which one may be meant.
    """
    name, _, tenant = text.partition("@")
    wanted_name = SecretName(name, tenant or None)
    if wanted_name in known:
        return wanted_name
    written = sorted(map(str, known))
    whose = sorted(str(one) for one in known if one.name == name) if not tenant else []
    specs = [spec for service in services.values() for spec in service.secrets if spec.name == name]
    lacking = next((spec for spec in specs if spec.when and spec.per != "target" and not whose), None)
    near = difflib.get_close_matches(text, written, 1)
    why = (
        t("each tenant has its own")
        if whose
        else t("it exists only where {key} is set", key=lacking.when)
        if lacking
        else t("known are: {known}", known=", ".join(written) or "–")
    )
    fix = (
        t("name the tenant too: {names}", names=", ".join(whose))
        if whose
        else t("set {key} in the inventory, then the same command again", key=lacking.when)
        if lacking
        else t("did you mean “{near}”?", near=near[0])
        if near
        else t("name one of them")
    )
    raise UsageError("D1-SEC-005", t("There is no secret “{name}”", name=shown(text)[:60]), why, fix)


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[SecretName, SecretStr]]:
    for name, value in content["instance"].items():
        yield SecretName(name), SecretStr(value)
    for tenant, group in content["tenants"].items():
        for name, value in group.items():
            yield SecretName(name, tenant), SecretStr(value)
