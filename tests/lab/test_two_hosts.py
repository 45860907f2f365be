"""A region on two hosts: the databases on one, what people meet on the other, two municipalities."""

import json

import pytest

from digione_cli.lab import Lab
from tests.conftest import Digione
from tests.lab.conftest import Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

FRONT, BACK = "etu1", "taka1"


@pytest.fixture(scope="module")
def region(lab: Lab, digione: Digione) -> str:
    hosts = {h.name: h for h in lab.up([FRONT, BACK], 2048)}
    placed = {FRONT: ["gateway", "identity", "platform"], BACK: ["postgresql", "directory", "monitoring"]}
    folder = digione.inventories / "seutu"
    (folder / "tenants").mkdir(parents=True)
    instance = {
        "release": "2026.11",
        "domain": "seutu.digione.test",
        "contact": "operator@seutu.example",
        "hosts": {
            name: {"address": h.address, "user": h.user, "key": str(h.key), "services": placed[name]}
            for name, h in hosts.items()
        },
    }
    (folder / "instance.yml").write_text(json.dumps(instance))  # JSON is YAML
    for slug, code, oid in (("itala", "996", "00000009969"), ("lantola", "995", "00000009951")):
        tenant = {"code": code, "oid": f"1.2.246.562.99.{oid}", "name": {"fi": slug, "sv": slug}}
        (folder / f"tenants/{slug}.yml").write_text(
            json.dumps(tenant | {"domain": f"{slug}.digione.test", "language": "bilingual"})
        )
    (folder / "known_hosts").write_text("".join(f"{h.address} {h.host_key}\n" for h in hosts.values()))
    digione("secrets", "generate", "seutu")
    digione("apply", "seutu", "--yes")
    return "seutu"


def test_region_on_two_hosts_is_healthy(region: str, digione: Digione) -> None:
    assert digione("doctor", region, "--json").json.get("findings", []) == []
    assert digione("plan", region, "--json").json["plan"]["steps"] == []
    digione("sample", "install", "itala", "--pupils", "60")
    assert "rehtori" in digione("accounts", "list", "itala").out
    assert "rehtori" not in digione("accounts", "list", "lantola").out


def test_databases_are_reached_from_the_other_host_alone(region: str, lab: Lab, ssh: Ssh) -> None:
    back = lab.host(BACK).address
    knock = "timeout 3 bash -c '</dev/tcp/{}/{}'"
    assert ssh(FRONT, knock.format(back, 5432)).returncode == 0
    assert ssh(FRONT, knock.format(back, 9090)).returncode != 0
    outside = lab.up(["vieras1"], 256)[0]
    assert ssh(outside.name, knock.format(back, 5432)).returncode != 0
    assert ssh(outside.name, knock.format(back, 636)).returncode != 0
