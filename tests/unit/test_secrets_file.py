"""``digione validate`` looks into secrets.yml, and tells nothing of what it sees there."""

import json

import pytest

from digione_cli.engine.secrets import SecretName, SecretStore, complete
from tests import fakes
from tests.fakes import INSTANCE, load
from tests.unit.conftest import House


@pytest.fixture
def store(kuhmo: House) -> SecretStore:
    """The complete secrets of an instance."""
    instance = load(kuhmo.inventories)
    made = SecretStore(instance.folder, kuhmo.keys)
    complete(instance, fakes.services(), made)
    return made


def _told(kuhmo: House, store: SecretStore, values: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    result = kuhmo.run("validate", "kuhmo", "--json")
    told = json.loads(result.out)
    assert result.code == (0 if told["valid"] else 2)
    assert not any(line in result.all for value in values for line in value.splitlines() if len(line) > 7)
    assert {m["file"] for m in told["mistakes"]} <= {"secrets.yml"}
    return [(m["code"], m["level"], m["text"]) for m in told["mistakes"]]


def test_whole_secrets_are_not_named(kuhmo: House, store: SecretStore) -> None:
    assert _told(kuhmo, store) == []


def _garbage(store: SecretStore) -> None:
    store.file.write_text("garbage")


def _cut_off(store: SecretStore) -> None:
    store.file.write_bytes(store.file.read_bytes()[:500])


def _other_key(store: SecretStore) -> None:
    store.key_file.write_text("another")


def _open_key(store: SecretStore) -> None:
    store.key_file.chmod(0o644)


def _no_key(store: SecretStore) -> None:
    store.key_file.unlink()


def _no_file(store: SecretStore) -> None:
    store.file.unlink()


@pytest.mark.parametrize(
    ("spoil", "code", "level", "words"),
    [
        (_garbage, "D1-SEC-003", "error", "cannot be opened"),
        (_cut_off, "D1-SEC-003", "error", "cannot be opened"),
        (_other_key, "D1-SEC-003", "error", "is not the key of secrets.yml"),
        (
            _open_key,
            "D1-LOCAL-003",
            "error",
            "must be yours alone (mode 0600), and has mode 0644 → chmod 600",
        ),
        (_no_key, "D1-SEC-002", "warning", "is missing"),
        (_no_file, "D1-SEC-001", "warning", "digione secrets generate kuhmo"),
    ],
)
@pytest.mark.parametrize("valid", [True, False], ids=["", "beside another mistake"])
def test_secrets_that_cannot_be_opened_are_a_mistake(
    kuhmo: House, store: SecretStore, spoil: object, code: str, level: str, words: str, valid: bool
) -> None:
    values = store.read().all_values()
    assert callable(spoil)
    spoil(store)
    if not valid:
        (kuhmo.inventories / "kuhmo/instance.yml").write_text(INSTANCE.replace("user:", "usr:"))
        assert code in kuhmo.run("validate", "kuhmo").out
        return
    (told,) = _told(kuhmo, store, values)
    assert told[:2] == (code, level)
    assert words in told[2]


def test_a_secret_that_is_lacking_or_misnamed_is_told(kuhmo: House, store: SecretStore) -> None:
    values = dict(store.read().values)
    values[SecretName("platform_sesion", "kuhmo")] = values.pop(SecretName("platform_session", "kuhmo"))
    values[SecretName("platform_session", "sotkamo")] = values[SecretName("postgresql_exporter")]  # has left
    store.write(values, store.read().salt)
    assert _told(kuhmo, store, tuple(v.get_secret_value() for v in values.values())) == [
        ("D1-SEC-006", "error", "not there: platform_session@kuhmo → digione secrets generate kuhmo"),
        ("D1-SEC-012", "warning", "platform_sesion@kuhmo is a secret that nothing uses"),
    ]
