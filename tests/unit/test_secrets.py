"""Secrets: made once, opened only by their key, shown nowhere."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from digione_cli.engine.secrets import SecretName, Secrets, SecretStore, complete, missing
from digione_cli.errors import DigioneError, Exit, IntegrityError, PreconditionError
from digione_cli.model.instance import Instance
from digione_cli.world.files import write_whole
from tests import fakes
from tests.fakes import TENANT, load, write_inventory
from tests.unit.conftest import House


@pytest.fixture
def instance(kuhmo: House) -> Instance:
    return load(kuhmo.inventories)


@pytest.fixture
def store(kuhmo: House, instance: Instance) -> SecretStore:
    made = SecretStore(instance.folder, kuhmo.keys)
    complete(instance, fakes.services(), made)
    return made


def test_everything_that_services_declare_is_made(instance: Instance, store: SecretStore) -> None:
    present = store.read()
    assert missing(instance, fakes.services(), present) == ()
    assert SecretName("authority_key") in present.values
    assert SecretName("platform_database", "kuhmo") in present.values
    assert (
        present.values[SecretName("identity_signing_key", "kuhmo")]
        .get_secret_value()
        .startswith("-----BEGIN")
    )


def test_nothing_is_made_twice(instance: Instance, store: SecretStore) -> None:
    before = store.file.read_bytes()
    assert complete(instance, fakes.services(), store) == ()
    assert store.file.read_bytes() == before


def test_only_what_is_missing_is_made(kuhmo: House, store: SecretStore) -> None:
    before = store.read()
    other = TENANT.replace("290", "765").replace("2907", "7658").replace("koulu", "koti")
    (kuhmo.inventories / "kuhmo/tenants/sotkamo.yml").write_text(other)
    new = complete(load(kuhmo.inventories), fakes.services(), store)
    assert new
    assert all(n.tenant == "sotkamo" for n in new)
    after = store.read()
    assert after.salt == before.salt
    assert all(after.values[n] == v for n, v in before.values.items())


def test_the_file_is_encrypted_and_private(store: SecretStore) -> None:
    text = store.file.read_text()
    assert text.startswith("$ANSIBLE_VAULT;1.1;AES256")
    assert not any(v in text for v in store.read().all_values())
    for file in (store.file, store.key_file):
        assert file.stat().st_mode & 0o777 == 0o600


def test_values_are_in_no_text_of_objects(instance: Instance, store: SecretStore) -> None:
    known = store.read()
    of = fakes.situation(instance, secrets=known)
    for shown in (repr(known), str(known), repr(of), str(dict(known.values)), repr(of.desired)):
        assert not any(v in shown for v in known.all_values())
        assert known.salt not in shown


def test_a_digest_tells_nothing_between_instances() -> None:
    values = {SecretName("a"): SecretStr("x"), SecretName("b"): SecretStr("x")}
    one, other = Secrets(values, "salt"), Secrets(values, "another")
    assert one.digest(SecretName("a")) == one.digest(SecretName("b"))
    assert one.digest(SecretName("a")) != other.digest(SecretName("a"))


def test_values_are_taken_out_of_text_line_by_line(store: SecretStore) -> None:
    known = store.read()
    text = "\n".join(f"seen: {v}" for v in known.all_values())
    clean = known.redacted(text)
    for value in known.all_values():
        assert not any(line in clean for line in value.splitlines() if len(line) > 7)


def _other_key(store: SecretStore) -> None:
    store.key_file.write_text("another key\n")


def _no_key(store: SecretStore) -> None:
    store.key_file.unlink()


def _open_key(store: SecretStore) -> None:
    store.key_file.chmod(0o644)


def _executable_key(store: SecretStore) -> None:
    store.key_file.chmod(0o700)


def _piped_key(store: SecretStore) -> None:
    store.key_file.unlink()
    os.mkfifo(store.key_file, 0o600)


def _changed_file(store: SecretStore) -> None:
    text = store.file.read_text()
    store.file.write_text(text[:-3] + ("0" if text[-3] != "0" else "1") + text[-2:])


def _cut_file(store: SecretStore) -> None:
    store.file.write_text(store.file.read_text()[:300])


def _plain_file(store: SecretStore) -> None:
    store.file.write_text("platform_session: hello\n")


def _empty_file(store: SecretStore) -> None:
    store.file.write_text("")


def _other_content(store: SecretStore) -> None:
    store.file.write_bytes(store.encrypt("[]"))


def _linked_file(store: SecretStore) -> None:
    store.file.rename(store.file.with_name("elsewhere"))
    store.file.symlink_to("elsewhere")


def _piped_file(store: SecretStore) -> None:
    store.file.unlink()
    os.mkfifo(store.file)


def _open_file(store: SecretStore) -> None:
    store.file.chmod(0o666)


def _no_file(store: SecretStore) -> None:
    store.file.unlink()


@pytest.mark.parametrize(
    ("spoil", "kind", "error_id"),
    [
        (_other_key, IntegrityError, "D1-SEC-003"),
        (_no_key, PreconditionError, "D1-SEC-002"),
        (_open_key, PreconditionError, "D1-LOCAL-003"),
        (_executable_key, PreconditionError, "D1-LOCAL-003"),
        (_piped_key, PreconditionError, "D1-LOCAL-003"),
        (_changed_file, IntegrityError, "D1-SEC-003"),
        (_cut_file, IntegrityError, "D1-SEC-003"),
        (_plain_file, IntegrityError, "D1-SEC-003"),
        (_empty_file, IntegrityError, "D1-SEC-003"),
        (_other_content, IntegrityError, "D1-SEC-003"),
        (_linked_file, PreconditionError, "D1-LOCAL-003"),
        (_piped_file, PreconditionError, "D1-LOCAL-003"),
        (_open_file, PreconditionError, "D1-LOCAL-003"),
        (_no_file, PreconditionError, "D1-SEC-001"),
    ],
)
def test_what_is_not_as_it_was_written_is_not_used(
    kuhmo: House, store: SecretStore, spoil: object, kind: type[DigioneError], error_id: str
) -> None:
    values = store.read().all_values()
    assert callable(spoil)
    spoil(store)
    for verb in (["secrets", "show", "kuhmo", "platform_session@kuhmo"], ["apply", "kuhmo", "--yes"]):
        result = kuhmo.refused(*verb)
        assert error_id in result.err
        assert result.code == (Exit.INTEGRITY if kind is IntegrityError else Exit.PRECONDITION)
        assert not any(v in result.all for v in values)


def test_somebody_elses_key_is_not_used(
    kuhmo: House, store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    result = kuhmo.refused("secrets", "show", "kuhmo", "platform_session@kuhmo")
    assert "D1-LOCAL-003" in result.err
    assert "chown 12345 " in result.err


def test_a_lost_key_is_never_replaced_by_a_new_one(kuhmo: House, store: SecretStore) -> None:
    store.key_file.unlink()
    result = kuhmo.refused("secrets", "generate", "kuhmo")
    assert "D1-SEC-002" in result.err


def test_a_write_that_fails_leaves_the_old_file(store: SecretStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.file.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(store.file, b"half")
    assert store.file.read_bytes() == before
    assert [p.name for p in store.file.parent.glob(".*")] == []


def test_passwords_are_long_and_need_no_quotes(store: SecretStore) -> None:
    for name, value in store.read().values.items():
        if name.name.startswith(("platform", "directory", "postgresql")):
            assert len(value.get_secret_value()) == 40
            assert value.get_secret_value().isalnum()


def test_the_authority_may_sign_servers_and_nothing_below(store: SecretStore) -> None:
    from cryptography import x509

    pem = store.read().values[SecretName("authority_certificate")].get_secret_value()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_a_key_folder_is_made_private(tmp_path: Path) -> None:
    folder = write_inventory(tmp_path)
    store = SecretStore(folder, tmp_path / "new/keys")
    complete(load(tmp_path), fakes.services(), store)
    assert (tmp_path / "new/keys").stat().st_mode & 0o777 == 0o700
