"""The desired state: what makes a service's fingerprint change, and what does not."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from digione_cli.engine.desired import Bundle, desired_state
from digione_cli.engine.secrets import SecretName, Secrets
from digione_cli.engine.situation import Situation
from tests import fakes
from tests.fakes import BUNDLE, INSTANCE, TENANT, TWO_HOSTS, load, sentinels, situation, write_inventory

SOTKAMO = (
    TENANT.replace("290", "765")
    .replace("2907", "7658")
    .replace("Kuhmo", "Sotkamo")
    .replace("kuhmo", "sotkamo")
)


@pytest.fixture
def two(tmp_path: Path) -> Situation:
    write_inventory(tmp_path, tenants={"kuhmo": TENANT, "sotkamo": SOTKAMO})
    return situation(load(tmp_path))


def _changed(one: Situation, other: Situation, host: str = "kuhmo1") -> set[str]:
    before, after = one.desired.fingerprints[host], other.desired.fingerprints[host]
    return {s for s in before | after if before.get(s) != after.get(s)}


def _users(secret: str) -> set[str]:
    whole = "authority" if secret.startswith("authority") else secret
    return {
        n
        for n, s in fakes.services().items()
        if whole in s.uses or whole in {spec.name for spec in s.secrets}
    }


def test_a_rotated_secret_changes_the_services_that_store_or_use_it(two: Situation) -> None:
    for name in two.secrets.values:
        values = dict(two.secrets.values) | {name: SecretStr("another")}
        after = situation(two.instance, secrets=Secrets(values, two.secrets.salt))
        assert _changed(two, after) == _users(name.name) != set()


def test_another_way_to_sign_in_concerns_the_identity_provider_alone(two: Situation, tmp_path: Path) -> None:
    other = SOTKAMO + 'identity: {second_factor: "off"}\n'
    write_inventory(tmp_path / "other", tenants={"kuhmo": TENANT, "sotkamo": other})
    after = situation(load(tmp_path / "other"))
    assert _changed(two, after) == {"identity"}


def test_a_secret_of_nobody_changes_nothing(two: Situation) -> None:
    values = dict(two.secrets.values) | {SecretName("left_over"): SecretStr("x")}
    assert _changed(two, situation(two.instance, secrets=Secrets(values, two.secrets.salt))) == set()


def test_the_name_of_a_tenant_changes_all_services(two: Situation, tmp_path: Path) -> None:
    renamed = SOTKAMO.replace("fi: Sotkamo", "fi: Uusi")
    write_inventory(tmp_path / "other", tenants={"kuhmo": TENANT, "sotkamo": renamed})
    after = situation(load(tmp_path / "other"))
    assert _changed(two, after) == set(fakes.services())


def test_a_setting_changes_its_service_alone(tmp_path: Path) -> None:
    write_inventory(tmp_path)
    write_inventory(tmp_path / "b", main=INSTANCE + "services:\n  gateway: {upload_megabytes: 50}\n")
    assert _changed(situation(load(tmp_path)), situation(load(tmp_path / "b"))) == {"gateway"}


def test_the_bundle_changes_the_platform_alone_and_its_path_nothing(two: Situation) -> None:
    other = desired_state(two.instance, two.services, two.secrets, Bundle(BUNDLE.id, BUNDLE.path, "cd" * 32))
    moved = desired_state(
        two.instance, two.services, two.secrets, Bundle(BUNDLE.id, "/else.tar", BUNDLE.sha256)
    )
    before = two.desired.fingerprints["kuhmo1"]
    assert {s for s in before if before[s] != other.fingerprints["kuhmo1"][s]} == {"platform"}
    assert moved.fingerprints == two.desired.fingerprints


def test_the_order_of_files_and_keys_means_nothing(tmp_path: Path) -> None:
    write_inventory(tmp_path, main=TWO_HOSTS)
    one = situation(load(tmp_path))
    top, front, back = TWO_HOSTS.partition("  front")[0], "  front" + TWO_HOSTS.partition("  front")[2], ""
    front, _, back = front.partition("  back")
    write_inventory(tmp_path / "b", main=top + "  back" + back + front)
    other = situation(load(tmp_path / "b"))
    assert list(other.instance.hosts) == ["back", "front"]
    assert one.desired.fingerprints == other.desired.fingerprints


def test_the_name_of_the_inventorys_folder_is_no_part_of_a_path(tmp_path: Path) -> None:
    write_inventory(tmp_path / "a")
    write_inventory(tmp_path / "b")
    assert _changed(situation(load(tmp_path / "a")), situation(load(tmp_path / "b"))) == set()


def test_endpoints_are_local_where_the_service_is(tmp_path: Path) -> None:
    write_inventory(tmp_path, main=TWO_HOSTS)
    variables = situation(load(tmp_path)).desired.variables
    assert variables["front"]["digione"]["endpoints"]["postgresql"]["address"] == "192.0.2.11"
    assert variables["back"]["digione"]["endpoints"]["postgresql"]["address"] == "127.0.0.1"


def test_the_firewall_lets_in_what_services_declare(tmp_path: Path) -> None:
    main = TWO_HOSTS.replace("    address: 192.0.2.11", "    port: 2222\n    address: 192.0.2.11")
    write_inventory(tmp_path, main=main)
    variables = situation(load(tmp_path)).desired.variables
    rules = {
        host: {(r["service"], r["port"]): r["from"] for r in variables[host]["digione"]["firewall"]}
        for host in variables
    }
    assert rules["front"][("ssh", 22)] == []
    assert rules["back"][("ssh", 2222)] == []
    assert rules["front"][("gateway", 443)] == []
    assert ("gateway", 443) not in rules["back"]
    assert rules["back"][("postgresql", 5432)] == ["192.0.2.10"]
    assert ("postgresql", 5432) not in rules["front"]


def test_a_single_host_opens_nothing_for_others(two: Situation) -> None:
    services = {r["service"] for r in two.desired.variables["kuhmo1"]["digione"]["firewall"]}
    assert services == {"ssh", "gateway"}


def test_metadata_of_a_provider_goes_along(tmp_path: Path) -> None:
    saml = TENANT + "identity:\n  upstream: {kind: saml, title: MPASSid, metadata: mpass.xml}\n"
    folder = write_inventory(tmp_path, tenants={"kuhmo": saml})
    (folder / "tenants/mpass.xml").write_text("<EntityDescriptor/>")
    given = situation(load(tmp_path)).desired.variables["kuhmo1"]["digione"]["tenants"][0]
    assert given["identity"]["upstream"]["metadata"] == "<EntityDescriptor/>"


def test_no_secret_is_in_the_desired_state(two: Situation) -> None:
    assert "SENTINEL" not in repr(two.desired)
    assert "SENTINEL" not in repr(two)
    assert all(f"SENTINEL-{n}" in two.secrets.all_values() for n in sentinels(two.instance).values)
