"""Every example inventory is valid, agrees with the official lists, and belongs to nobody."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from digione_cli.engine.load import examine, load_instance
from digione_cli.engine.services import load_services
from digione_cli.model.instance import Instance
from digione_cli.settings import CHECKOUT

INVENTORIES = CHECKOUT / "inventories"
OWN = ("espoo", "jyvaskyla", "lahti", "oulu", "tampere", "turku", "vantaa")
NAMES = (*OWN, "kainuu")
KAINUU = {"hyrynsalmi", "kajaani", "kuhmo", "paltamo", "puolanka", "ristijarvi", "sotkamo", "suomussalmi"}
OFFICIAL = CHECKOUT.parent / "shared/data/municipalities.csv"
LANGUAGES = {"0": "finnish", "1": "bilingual", "2": "bilingual", "3": "swedish"}

SERVICES = load_services(CHECKOUT / "roles")


class Municipality(NamedTuple):
    """A row of the official list."""

    fi: str
    sv: str
    language: str


@pytest.fixture(scope="session")
def official() -> dict[str, Municipality]:
    if not OFFICIAL.is_file() and not os.environ.get("CI"):
        pytest.skip(
            f"{OFFICIAL} is missing: put the shared folder beside the checkout to check codes and names"
        )
    with OFFICIAL.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        r["code"]: Municipality(r["name_fi"], r["name_sv"], LANGUAGES[r["language_status"]]) for r in rows
    }


def load(name: str) -> Instance:
    return load_instance(INVENTORIES, name, SERVICES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_neither_mistake_nor_warning(name: str) -> None:
    _, mistakes = examine(INVENTORIES, name, SERVICES)
    assert not mistakes, f"digione validate {name}: " + "; ".join(map(str, mistakes))


@pytest.mark.parametrize("name", NAMES)
def test_codes_and_names_are_the_official_ones(name: str, official: dict[str, Municipality]) -> None:
    for tenant in load(name).tenants:
        where = f"inventories/{name}/tenants/{tenant.slug}.yml"
        assert tenant.code in official, f"{where}: there is no municipality {tenant.code}"
        real = official[tenant.code]
        assert (tenant.name.fi, tenant.name.sv) == (real.fi, real.sv), f"{where}: the names are {real}"
        assert tenant.language == real.language, f"{where}: its language status is {real.language}"


@pytest.mark.parametrize("name", NAMES)
def test_examples_use_only_what_is_reserved_for_examples(name: str) -> None:
    instance = load(name)
    for text in (instance.domain, instance.contact, *(t.domain for t in instance.tenants)):
        assert text.endswith(".example"), f"inventories/{name}: {text}: domains of examples end in .example"
    for host in instance.hosts.values():
        assert host.address.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")), (
            f"inventories/{name}: {host.address}: take an address of RFC 5737 or 3849"
        )
    for tenant in instance.tenants:
        assert tenant.oid.split(".")[4] in ("99", "199"), (
            f"inventories/{name}/tenants/{tenant.slug}.yml: {tenant.oid}: examples take OIDs of node 99"
        )


@pytest.mark.parametrize("name", OWN)
def test_an_own_instance_has_one_tenant_of_its_name(name: str) -> None:
    assert [t.slug for t in load(name).tenants] == [name]


def test_kainuu_is_shared_by_its_eight_municipalities() -> None:
    instance = load("kainuu")
    assert {t.slug for t in instance.tenants} == KAINUU
    assert len({t.domain for t in instance.tenants}) == 8


def test_no_two_examples_share_a_domain_or_an_address() -> None:
    domains = [d for n in NAMES for t in load(n).tenants for d in (t.domain, t.auth_domain)]
    assert len(domains) == len(set(domains))


def test_examples_hold_no_secrets_and_no_keys() -> None:
    for name in NAMES:
        held = {p.relative_to(INVENTORIES / name).parts[0] for p in (INVENTORIES / name).rglob("*")}
        authority = load(name).external.authority  # public, and part of the example
        assert held <= {"instance.yml", "tenants", str(authority)}, (
            f"inventories/{name}: an example holds nothing but its files"
        )


def test_all_finnish_municipalities_fit_into_one_inventory(
    official: dict[str, Municipality], tmp_path: Path
) -> None:
    from tests.fakes import INSTANCE, TENANT, write_inventory

    texts = {
        f"kunta-{code}": TENANT.replace("290", code)
        .replace("00000002907", f"00000{code}000")
        .replace("fi: Kuhmo", f'fi: "{m.fi}"')
        .replace("sv: Kuhmo", f'sv: "{m.sv}"')
        .replace("koulu.", f"k{code}.")
        for code, m in official.items()
    }
    write_inventory(tmp_path, "suomi", INSTANCE, texts)
    assert len(load_instance(tmp_path, "suomi", SERVICES).tenants) == 308
