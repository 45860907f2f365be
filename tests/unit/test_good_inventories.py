"""What an inventory may hold: text stays as it was written, whatever other programs would take it for."""

from pathlib import Path

import pytest

from digione_cli.model.instance import Instance
from tests import fakes
from tests.fakes import INSTANCE, TENANT, load, write_inventory


@pytest.fixture
def inventories(tmp_path: Path) -> Path:
    return tmp_path


def _tenant(inventories: Path, text: str, name: str = "kuhmo") -> Instance:
    write_inventory(inventories, name, tenants={"kuhmo": text})
    return load(inventories, name)


@pytest.mark.parametrize("code", ['"049"', "'049'"])
def test_a_code_keeps_its_zero(inventories: Path, code: str) -> None:
    assert _tenant(inventories, TENANT.replace('"290"', code)).tenants[0].code == "049"


@pytest.mark.parametrize("name", ['"NO"', "'on'", '"Yes"', "n", "0o17", "1e3", "Nokia", "null-alue"])
def test_a_name_stays_text(inventories: Path, name: str) -> None:
    assert _tenant(inventories, TENANT.replace("fi: Kuhmo", f"fi: {name}")).tenants[0].name.fi == name.strip(
        "'\""
    )


@pytest.mark.parametrize("release", ["2026.10", "2026.11", '"2026.10"', "2026.10.1"])
def test_a_release_keeps_its_zero(inventories: Path, release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digione_cli.engine.coherence.RELEASE", release.strip('"'))
    write_inventory(inventories, main=INSTANCE.replace('"2026.11"', release))
    assert load(inventories).release == release.strip('"')


@pytest.mark.parametrize(
    "settings",
    [
        "base: {time_servers: [ntp1.kuhmo.example, 192.0.2.1, '2001:db8::1'], log_days: 3650}",
        "gateway: {acme_server: 'https://acme.kuhmo.example:14000/dir', sign_ins_per_minute: 1}",
        "postgresql: {memory_mb: 0}",
        "postgresql: {memory_mb: 128, platform_connections: 10}",
    ],
)
def test_settings_within_their_limits_are_taken(inventories: Path, settings: str) -> None:
    write_inventory(inventories, main=f"{INSTANCE}services:\n  {settings}\n")
    assert load(inventories).services


@pytest.mark.parametrize(
    "name", ["Ääkköset", "Södertälje", "Ähtäri – Etseri", "Åbo (Turku)", "L'Aquila", "Čohkka"]
)
def test_names_hold_the_letters_of_the_north(inventories: Path, name: str) -> None:
    assert _tenant(inventories, TENANT.replace("fi: Kuhmo", f'fi: "{name}"')).tenants[0].name.fi == name


def test_line_ends_and_a_byte_order_mark_change_no_fingerprint(inventories: Path) -> None:
    folder = write_inventory(inventories)
    before = fakes.situation(load(inventories)).desired.fingerprints
    for file in ("instance.yml", "tenants/kuhmo.yml"):
        text = (folder / file).read_text()
        (folder / file).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert fakes.situation(load(inventories)).desired.fingerprints == before


def test_a_domain_is_written_in_small_letters(inventories: Path) -> None:
    instance = _tenant(inventories, TENANT.replace("koulu.kuhmo", "Koulu.Kuhmo"))
    assert instance.tenants[0].domain == "koulu.kuhmo.example"


@pytest.mark.parametrize(
    "address", ["192.0.2.10", "2001:db8::1", "2001:DB8:0:0::1", "h1.kuhmo.example", "h1"]
)
def test_hosts_have_addresses_or_names(inventories: Path, address: str) -> None:
    write_inventory(inventories, main=INSTANCE.replace("192.0.2.10", f"'{address}'"))
    assert load(inventories).hosts["kuhmo1"].address in (address, "2001:db8::1")
