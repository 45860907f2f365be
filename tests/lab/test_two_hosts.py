"""A region on two hosts: the databases on one, what people meet on the other, two municipalities."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from digione_cli.lab import Lab
from digione_cli.world import http
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
    assert _told(digione) == set()
    assert digione("plan", region, "--json").json["plan"]["steps"] == []
    digione("sample", "install", "itala", "--pupils", "60")
    assert "rehtori" in digione("accounts", "list", "itala").out
    assert "rehtori" not in digione("accounts", "list", "lantola").out
    digione("sample", "install", "lantola", "--pupils", "30")


def _sql(ssh: Ssh, host: str, statement: str) -> str:
    done = ssh(host, "sudo -u postgres psql -qtA --set=ON_ERROR_STOP=1 platform_lantola", text=statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_restore_brings_back_what_was_on_both_hosts(region: str, digione: Digione, ssh: Ssh) -> None:
    _sql(ssh, BACK, "create table precious (word text); insert into precious values ('kept')")
    digione("backup", "create", region)
    before = ssh(BACK, "date -u +%Y-%m-%dT%H:%M:%S.%6N+00:00").stdout.strip()
    logins = digione("accounts", "list", "lantola", "--json").out
    ssh(FRONT, "sudo rm -r /var/lib/digione-platform/lantola")
    _sql(ssh, BACK, "drop table precious; update accounts set enabled = false")
    digione("restore", region, "--to", before, "--confirm", region)
    assert _sql(ssh, BACK, "select word from precious") == "kept"
    assert digione("accounts", "list", "lantola", "--json").out == logins
    assert _told(digione) == set()
    _sql(ssh, BACK, "drop table precious")
    digione("restore", region, "--tenant", "lantola", "--to", before, "--confirm", region)
    assert _sql(ssh, BACK, "select word from precious") == "kept"
    assert _told(digione) == set()


def test_a_municipality_moves_into_an_instance_of_its_own(
    region: str, digione: Digione, ssh: Ssh, lab: Lab
) -> None:
    (host,) = lab.up(["oma1"], 2048)
    given = ("--code", "995", "--oid", "1.2.246.562.99.00000009951", "--name-fi", "Lantola")
    digione(
        "init", "oma", "--lab", "oma1", *given, "--domain", "oma.digione.test", "--contact", "o@oma.example"
    )
    tenants = digione.inventories / "oma/tenants"
    (tenants / "oma.yml").rename(tenants / "lantola.yml")
    digione("secrets", "generate", "oma")
    assert "D1-RESTORE-023" in digione("restore", region, "--into", "oma", "--confirm", "oma", expect=2).err
    digione("apply", "oma", "--yes")
    digione("restore", region, "--tenant", "lantola", "--into", "oma", "--confirm", "oma")
    assert _sql(ssh, host.name, "select word from precious") == "kept"
    there, here = (digione("accounts", "list", f"{name}/lantola", "--json").out for name in ("oma", region))
    assert there == here
    digione("audit", "verify", "oma/lantola")
    found = digione("doctor", "oma", "--json", expect=None).json["findings"]
    assert {f["code"] for f in found} == {"D1-BK-004", "D1-BK-010"}
    assert ssh(host.name, "sudo slapcat -f /etc/ldap/slapd.conf | grep -c itala").stdout.strip() == "0"
    # By mistake its address gets into the region's inventory: nothing of it is touched.
    declared = digione.inventories / region / "instance.yml"
    text = declared.read_text()
    declared.write_text(text.replace(lab.host(BACK).address, host.address))
    digione("trust", region, "--yes")
    assert "D1-RESTORE-020" in digione("restore", region, "--confirm", region, expect=3).err
    for verb in ("list", "verify", "prune"):
        assert "D1-BACKUP-031" in digione("backup", verb, region, expect=3).err
    declared.write_text(text)
    digione("trust", region, "--yes")
    lab.down([host.name])
    shutil.rmtree(digione.inventories / "oma")


def test_databases_are_reached_from_the_other_host_alone(region: str, lab: Lab, ssh: Ssh) -> None:
    back = lab.host(BACK).address
    knock = "timeout 3 bash -c '</dev/tcp/{}/{}'"
    assert ssh(FRONT, knock.format(back, 5432)).returncode == 0
    assert ssh(FRONT, knock.format(back, 9090)).returncode != 0
    outside = lab.up(["vieras1"], 256)[0]
    assert ssh(outside.name, knock.format(back, 5432)).returncode != 0
    assert ssh(outside.name, knock.format(back, 636)).returncode != 0


ITALA = ("itala.digione.test/healthz", "auth.itala.digione.test/.well-known/openid-configuration")
PARTS_ON_FRONT = """
getent passwd | grep -o '^digione.*lantola'
systemctl list-units --all --plain --no-legend '*lantola*'
sudo find /etc /opt /run /var /home -xdev -name '*lantola*'
sudo grep -rl lantola /etc | grep -v -- '-$'
true
"""
PARTS_ON_BACK = """
sudo -u postgres psql -qAtc 'SELECT datname FROM pg_database' | grep lantola
sudo -u postgres psql -qAtc 'SELECT rolname FROM pg_roles' | grep lantola
sudo ldapsearch -LLLQ -Y EXTERNAL -H ldapi:/// -b dc=digione dn | grep ou=lantola
sudo grep -rl lantola /etc | grep -v -- '-$'
true
"""


def _tenant_file(digione: Digione) -> Path:
    return digione.inventories / "seutu/tenants/lantola.yml"


def _place(digione: Digione, service: str, off: str, onto: str) -> None:
    """Place a service on another host."""
    file = digione.inventories / "seutu/instance.yml"
    instance = json.loads(file.read_text())
    instance["hosts"][off]["services"].remove(service)
    instance["hosts"][onto]["services"].append(service)
    file.write_text(json.dumps(instance))


def _told(digione: Digione) -> set[str]:
    """Codes of what doctor finds besides that backups are copied nowhere and have no recovery kit."""
    found = digione("doctor", "seutu", "--json", expect=None).json["findings"]
    return {f["code"] for f in found} - {"D1-BK-004", "D1-BK-010"}


@contextmanager
def _served(lab: Lab, ssh: Ssh, digione: Digione) -> Iterator[None]:
    """While the block runs, every request to Itala is answered, and by the same processes as before."""
    address, authority = (
        lab.host(FRONT).address,
        digione("secrets", "show", "seutu", "authority_certificate").out,
    )
    pids = "systemctl show --property MainPID digione-platform@itala digione-identity@itala nginx"
    before, over, answers = ssh(FRONT, pids).stdout, Event(), []

    def ask() -> None:
        while not over.wait(0.5):
            answers.extend(http.get(f"https://{url}", address, authority).status for url in ITALA)

    asking = Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()
    assert set(answers) == {200}
    assert ssh(FRONT, pids).stdout == before


def test_a_tenant_leaves_by_a_killed_removal_while_the_other_is_served(
    region: str, lab: Lab, digione: Digione, ssh: Ssh
) -> None:
    refused = digione("tenant", "remove", region, "lantola", "--confirm", "lantola", expect=3)
    assert "D1-LEAVE-001" in refused.err
    kept = _tenant_file(digione).rename(digione.home / "lantola.yml")
    assert "D1-LEFT-001" in _told(digione)
    assert "digione tenant remove seutu lantola" in digione("plan", region).out
    assert "D1-USE-003" in digione("tenant", "remove", region, "lantola", "--confirm", region, expect=2).err
    removal = ("tenant", "remove", region, "lantola", "--confirm", "lantola", "--keep-data")
    with _served(lab, ssh, digione):
        killed = digione.start(*removal)
        assert killed.stderr
        assert any("✓ Take lantola out of" in line for line in killed.stderr)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        digione(*removal)
    assert ssh(FRONT, PARTS_ON_FRONT).stdout == ""
    assert "platform_lantola" in ssh(BACK, PARTS_ON_BACK).stdout
    assert _told(digione) == {"D1-LEFT-002"}
    assert digione("plan", region, "--json").json["plan"]["steps"] == []
    kept.rename(_tenant_file(digione))


def test_a_tenant_comes_back_and_a_service_moves(region: str, digione: Digione, ssh: Ssh) -> None:
    _place(digione, "directory", BACK, FRONT)
    refused = digione("apply", region, "--yes", expect=3)
    assert "D1-LEAVE-002" in refused.err
    _place(digione, "directory", FRONT, BACK)
    _place(digione, "monitoring", BACK, FRONT)
    digione("apply", region, "--yes")
    assert _told(digione) == {"D1-LEFT-005"}  # what was measured so far is still where it was
    assert "rehtori" in digione("accounts", "list", "lantola").out
    left = "systemctl is-active prometheus prometheus-alertmanager; ls -d /var/lib/prometheus/metrics2"
    assert ssh(BACK, left).stdout == "inactive\ninactive\n/var/lib/prometheus/metrics2\n"
    assert ssh(FRONT, "systemctl is-active prometheus").stdout == "active\n"


def test_a_removal_leaves_nothing(region: str, digione: Digione, ssh: Ssh) -> None:
    _tenant_file(digione).unlink()
    digione("tenant", "remove", region, "lantola", "--confirm", "lantola")
    assert ssh(FRONT, PARTS_ON_FRONT).stdout + ssh(BACK, PARTS_ON_BACK).stdout == ""
    assert "D1-SEC-005" in digione("secrets", "show", region, "platform_session@lantola", expect=2).err
    assert digione("plan", region, "--json").json["plan"]["steps"] == []
    assert _told(digione) == {"D1-LEFT-005"}
    assert "rehtori" in digione("accounts", "list", "itala").out
