"""Drills, and restores onto other hosts: how an inventory is described anew, and what is told of them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from digione_cli import checks
from digione_cli.engine import drill
from digione_cli.engine.drill import Drill
from digione_cli.engine.inventory import with_addresses
from digione_cli.errors import UsageError
from digione_cli.settings import Settings
from tests import fakes
from tests.fakes import NOW, FakeWorld
from tests.unit.conftest import House
from tests.unit.test_verbs import world

__all__ = ["world"]

MAIN = """\
release: "2026.11"
domain: digione.kuhmo.example
contact: operator@kuhmo.example
hosts:
  front: {address: 192.0.2.10, user: admin, services: [gateway, identity, platform]}
  back: {address: 192.0.2.11, user: admin, port: 2222, services: [postgresql, directory, monitoring]}
services:
  gateway: {certificates: acme, sign_ins_per_minute: 60}
external:
  mail: {server: 192.0.2.25, tls: false}
backup:
  targets:
    copies: {kind: ssh, address: 192.0.2.20}
    nas: {kind: mounted, folder: /mnt/nas}
    cloud: {kind: s3, endpoint: "https://s3.example:9000", bucket: kuhmo}
"""
WHERE = {
    "front": {"address": "10.97.9.11", "user": "admin", "key": "/lab/key"},
    "back": {"address": "10.97.9.12", "user": "admin", "key": "/lab/key"},
}


def drilled() -> dict[str, dict[str, Any]]:
    tenant = yaml.safe_load(fakes.TENANT + fakes.UPSTREAM)
    return drill.described({"instance.yml": yaml.safe_load(MAIN), "tenants/kuhmo.yml": tenant}, WHERE)


def test_a_drill_describes_the_instance_on_other_hosts_and_needs_nobody_outside(tmp_path: Path) -> None:
    files = drilled()
    texts = {name: yaml.safe_dump(data, allow_unicode=True, sort_keys=False) for name, data in files.items()}
    fakes.write_inventory(tmp_path, main=texts["instance.yml"], tenants={"kuhmo": texts["tenants/kuhmo.yml"]})
    there = fakes.load(tmp_path)
    assert {name: host.address for name, host in there.hosts.items()} == {
        "front": "10.97.9.11",
        "back": "10.97.9.12",
    }
    assert there.placed("platform") == ("front",)
    assert there.placed("postgresql") == ("back",)
    assert there.external.mail is None
    assert there.services["gateway"] == {"sign_ins_per_minute": 60}
    assert list(there.backup.targets) == ["copies", "cloud"]
    (tenant,) = there.tenants
    assert tenant.identity.upstream is None
    assert tenant.identity.local
    assert tenant.identity.second_factor == "off"


def test_everything_that_the_inventory_names_must_be_out_of_reach(tmp_path: Path) -> None:
    fakes.write_inventory(tmp_path, main=MAIN)
    assert drill.outside(fakes.load(tmp_path)) == [
        ("192.0.2.10", 22),
        ("192.0.2.11", 2222),
        ("192.0.2.20", 22),
        ("s3.example", 9000),
        ("192.0.2.25", 25),
    ]


def test_one_of_each_role_signs_in_and_nobody_whose_account_is_closed() -> None:
    accounts = [
        {"username": "aino", "roles": ["student"], "enabled": False},
        {"username": "eero", "roles": ["student"], "enabled": True},
        {"username": "raili", "roles": ["teacher", "principal"], "enabled": True},
        {"username": "timo", "roles": ["teacher"], "enabled": True},
    ]
    assert drill.sample(accounts) == {"student": "eero", "teacher": "raili", "principal": "raili"}


def held(age: timedelta, error: str = "") -> Drill:
    return Drill(began=(NOW - age).isoformat(), release="2026.11", error=error)


def test_records_are_kept_and_a_damaged_file_of_them_is_none(tmp_path: Path) -> None:
    for days in (3, 2, 1):
        drill.remember(tmp_path, held(timedelta(days=days)))
    assert [one.began for one in drill.records(tmp_path)] == sorted(
        one.began for one in drill.records(tmp_path)
    )
    assert len(drill.records(tmp_path)) == 3
    (tmp_path / drill.RECORD).write_text("{")
    assert drill.records(tmp_path) == []


@pytest.mark.parametrize(
    ("last", "installed_days", "told"),
    [
        (None, 10, ""),
        (None, 40, "no drill was held yet"),
        (held(timedelta(days=10)), 400, ""),
        (held(timedelta(days=190)), 400, "the last drill is of"),
        (held(timedelta(days=10), "Files are missing"), 20, "failed: Files are missing"),
    ],
)
def test_the_doctor_tells_of_a_drill_that_is_due(
    tmp_path: Path, last: Drill | None, installed_days: int, told: str
) -> None:
    folder = fakes.write_inventory(tmp_path)
    situation = fakes.applied(fakes.situation(fakes.load(tmp_path)))
    facts = situation.facts["kuhmo1"]
    at = (NOW - timedelta(days=installed_days)).isoformat()
    applied = facts.services["backup"].model_copy(update={"at": at})
    services = {**facts.services, "backup": applied}
    situation = replace(situation, facts={"kuhmo1": facts.model_copy(update={"services": services})})
    if last:
        drill.remember(folder, last)
    seen = checks.findings("doctor", situation, FakeWorld(Settings(), situation.facts))
    texts = [one.text for one in seen if one.code == "D1-BK-011"]
    assert [told in text for text in texts] == ([True] if told else [])


TEXT = """\
# our servers
hosts:
  front:
    address: 192.0.2.10   # the old one
    user: admin
  back:
    user: admin
    address: "192.0.2.11"
"""


def test_new_addresses_change_nothing_else_of_the_file() -> None:
    assert with_addresses(TEXT, ("front", "back"), "front=192.0.2.70, back=192.0.2.71") == TEXT.replace(
        "192.0.2.10 ", '"192.0.2.70" '
    ).replace('"192.0.2.11"', '"192.0.2.71"')


def test_one_host_needs_no_name() -> None:
    text = "hosts:\n  kuhmo1:\n    address: a.example\n"
    assert with_addresses(text, ("kuhmo1",), "192.0.2.7") == text.replace("a.example", '"192.0.2.7"')


@pytest.mark.parametrize(
    "given", ["192.0.2.7", "front", "side=192.0.2.7", "front=192.0.2.7,front=192.0.2.8", "front=$(x)", "="]
)
def test_what_does_not_name_hosts_and_addresses_is_refused(given: str) -> None:
    with pytest.raises(UsageError) as refused:
        with_addresses(TEXT, ("front", "back"), given)
    assert refused.value.id == "D1-RESTORE-021"


def test_an_address_among_others_on_its_line_is_left_to_the_operator() -> None:
    with pytest.raises(UsageError) as refused:
        with_addresses("hosts: {a: {address: 192.0.2.1, user: x}}\n", ("a",), "192.0.2.2")
    assert refused.value.id == "D1-RESTORE-022"


def test_a_host_of_another_instance_is_not_restored_onto(kuhmo: House, world: FakeWorld) -> None:
    world.facts = {"kuhmo1": fakes.host(instance="sotkamo")}
    for further in ((), ("--tenant", "kuhmo")):
        result = kuhmo.run("restore", "kuhmo", *further, "--confirm", "kuhmo")
        assert result.code == 3, result.all
        assert "D1-RESTORE-020" in result.err
        assert "sotkamo" in result.err
    assert world.did == [] or all(did.startswith("build") for did in world.did)


def test_without_a_target_over_the_network_there_is_no_drill(kuhmo: House, world: FakeWorld) -> None:
    file = kuhmo.inventories / "kuhmo/instance.yml"
    file.write_text(file.read_text().replace(fakes.COPIES, ""))
    result = kuhmo.run("drill", "kuhmo")
    assert result.code == 3, result.all
    assert "D1-DRILL-001" in result.err
