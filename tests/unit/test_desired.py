"""The desired state: what makes a service's fingerprint change, and what does not."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from digione_cli.engine.desired import Bundle, desired_state
from digione_cli.engine.fingerprint import changes, fingerprint
from digione_cli.engine.secrets import SecretName, Secrets
from digione_cli.engine.situation import Situation
from tests import fakes
from tests.fakes import (
    BUNDLE,
    COPIES,
    INSTANCE,
    TENANT,
    TWO_HOSTS,
    load,
    sentinels,
    situation,
    write_inventory,
)

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
    whole = next((w for w in ("authority", "backup_ssh") if secret.startswith(w)), secret)
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


def _after(tmp_path: Path, **tenants: str) -> Situation:
    write_inventory(tmp_path / "other", tenants=tenants)
    return situation(load(tmp_path / "other"))


def test_a_service_depends_only_on_what_its_role_reads_of_a_tenant(two: Situation, tmp_path: Path) -> None:
    after = _after(tmp_path, kuhmo=TENANT, sotkamo=SOTKAMO.replace("fi: Sotkamo", "fi: Uusi"))
    assert _changed(two, after) == {"identity", "platform"}
    assert _said(two, after, "platform") == ["changed: tenants.sotkamo.name.fi"]
    after = _after(tmp_path / "areas", kuhmo=TENANT, sotkamo=SOTKAMO + "areas: [teaching]\n")
    assert _changed(two, after) == {"platform"}
    assert _said(two, after, "platform") == ["changed: tenants.sotkamo.areas"]


def test_a_tenant_that_comes_or_goes_is_named_alone(two: Situation, tmp_path: Path) -> None:
    one = _after(tmp_path, kuhmo=TENANT)
    for service in _changed(two, one):
        assert _said(one, two, service) == ["new: tenant sotkamo"]
        assert _said(two, one, service) == ["gone: tenant sotkamo"]
    assert set(fakes.services()) - _changed(two, one) == {"metrics"}


def test_a_secret_is_named_and_nothing_of_its_value(two: Situation) -> None:
    name = SecretName("platform_client", "kuhmo")
    values = dict(two.secrets.values) | {name: SecretStr("another")}
    after = situation(two.instance, secrets=Secrets(values, two.secrets.salt))
    assert _said(two, after, "platform") == ["changed: secret platform_client@kuhmo"]


def test_another_host_is_named(tmp_path: Path) -> None:
    write_inventory(tmp_path, main=TWO_HOSTS)
    moved = TWO_HOSTS.replace("192.0.2.11", "192.0.2.99")
    write_inventory(tmp_path / "b", main=moved)
    one, other = situation(load(tmp_path)), situation(load(tmp_path / "b"))
    assert _said(one, other, "identity", "front") == [
        "changed: the address of directory, the address of postgresql"
    ]
    assert _said(one, other, "metrics", "front") == ["changed: hosts.back.address"]


def test_many_changes_are_counted() -> None:
    before = {f"services.gateway.x{n}": "a" for n in range(20)}
    assert changes(before, dict.fromkeys(before, "b"))[0].endswith("services.gateway.x15 and 12 more")


@pytest.mark.parametrize("name", fakes.services())
def test_whatever_a_role_is_given_is_part_of_its_fingerprint(two: Situation, name: str) -> None:
    part = two.desired.variables["kuhmo1"]["digione_given"][name]
    service, now = two.services[name], two.desired.fingerprints["kuhmo1"][name]
    places = list(_places(part))
    assert places
    for place in places:
        other = copy.deepcopy(part)
        inside = other
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = "another"
        differs = fingerprint(service, other, two.instance, two.secrets) != now
        assert differs or place == ("bundle", "path"), f"{name}: {place}"


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value in nested data."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*place, key)
        yield from _places(inner, (*place, key))


def _said(one: Situation, other: Situation, service: str, host: str = "kuhmo1") -> list[str]:
    return changes(one.desired.fingerprints[host][service], other.desired.fingerprints[host][service])


def test_a_setting_changes_its_service_alone(tmp_path: Path) -> None:
    write_inventory(tmp_path)
    write_inventory(tmp_path / "b", main=INSTANCE + COPIES + "services:\n  gateway: {upload_megabytes: 50}\n")
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
    for host, address in (("front", "192.0.2.11"), ("back", "127.0.0.1")):
        endpoints = variables[host]["digione_given"]["monitoring"]["endpoints"]
        assert endpoints["postgresql"]["address"] == address


def test_the_firewall_lets_in_what_services_declare(tmp_path: Path) -> None:
    main = TWO_HOSTS.replace("    address: 192.0.2.11", "    port: 2222\n    address: 192.0.2.11")
    write_inventory(tmp_path, main=main)
    variables = situation(load(tmp_path)).desired.variables
    rules = {
        host: {
            (r["service"], r["port"]): r["from"] for r in variables[host]["digione_given"]["base"]["firewall"]
        }
        for host in variables
    }
    assert rules["front"][("ssh", 22)] == []
    assert rules["back"][("ssh", 2222)] == []
    assert rules["front"][("gateway", 443)] == []
    assert ("gateway", 443) not in rules["back"]
    assert rules["back"][("postgresql", 5432)] == ["192.0.2.10"]
    assert ("postgresql", 5432) not in rules["front"]


def test_a_single_host_opens_nothing_for_others(two: Situation) -> None:
    services = {r["service"] for r in two.desired.variables["kuhmo1"]["digione_given"]["base"]["firewall"]}
    assert services == {"ssh", "gateway"}


def test_metadata_of_a_provider_goes_along(tmp_path: Path) -> None:
    saml = TENANT + "identity:\n  upstream: {kind: saml, title: MPASSid, metadata: mpass.xml}\n"
    folder = write_inventory(tmp_path, tenants={"kuhmo": saml})
    (folder / "tenants/mpass.xml").write_text("<EntityDescriptor/>")
    parts = situation(load(tmp_path)).desired.variables["kuhmo1"]["digione_given"]
    given = parts["identity"]["tenants"][0]
    assert given["identity"]["upstream"]["metadata"] == "<EntityDescriptor/>"


def test_no_secret_is_in_the_desired_state(two: Situation) -> None:
    assert "SENTINEL" not in repr(two.desired)
    assert "SENTINEL" not in repr(two)
    assert all(f"SENTINEL-{n}" in two.secrets.all_values() for n in sentinels(two.instance).values)
