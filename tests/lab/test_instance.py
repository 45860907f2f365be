"""An instance on a real host: repaired, taken off, and back the hard way with a second municipality."""

import json
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest

from digione_cli.lab import Lab
from tests.conftest import DOMAIN, Digione, Installed
from tests.fakes import services
from tests.lab.conftest import Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

HOST = "testila1"
NEIGHBOUR = "naapuri.digione.test"
# What of an instance is on its host.
LEFT = """
ls -d /etc/digione /opt/digione /var/lib/digione/state.json /var/lib/digione/maintenance 2>/dev/null
ls -d /var/lib/postgresql /var/lib/ldap /var/lib/prometheus 2>/dev/null
getent passwd | grep -o '^digione[^:]*'
systemctl list-units --all --plain --no-legend 'digione-*' 'postgresql*' slapd.service nginx.service |
  grep -w running
dpkg-query -W -f '${Package} ${db:Status-Status}\\n' postgresql-15 slapd nginx prometheus 2>/dev/null |
  grep -w installed
true
"""


def planned(digione: Digione) -> list[str]:
    """Return the ids of the steps that apply would take now."""
    return [s["id"] for s in digione("plan", "testila", "--json").json["plan"]["steps"]]


def test_fresh_instance_is_healthy_and_a_second_apply_does_nothing(installed: Installed) -> None:
    again = installed.digione("apply", "testila", "--yes", "--json").json
    assert again["plan"]["steps"] == []
    assert len(again["plan"]["skips"]) >= 8
    assert all("as wanted since" in s["why"] for s in again["plan"]["skips"])
    assert installed.digione("doctor", "testila", "--json").json.get("findings", []) == []


def test_status_tells_services_tenants_certificates_and_the_last_run(installed: Installed) -> None:
    status = installed.digione("status", "testila", "--json").json
    assert {s["state"] for s in status["services"]} == {"applied"}
    assert all(active == "active" for s in status["services"] for active in s["units"].values())
    assert [t["domain"] for t in status["tenants"]] == [DOMAIN]
    assert status["certificates"]
    assert status["last_run"]["outcome"] == "done"
    listed = installed.digione("status", "--json").json["instances"]
    assert next(i for i in listed if i["name"] == "testila")["last_run"]["outcome"] == "done"


def test_everything_fits_into_two_gigabytes(installed: Installed, ssh: Ssh) -> None:
    events = ssh(HOST, "sudo journalctl -b --no-pager | grep -ciE 'out of memory|oom-kill' || true").stdout
    assert events.strip() == "0"


def test_own_units_are_hardened(installed: Installed, ssh: Ssh) -> None:
    for unit in ("digione-platform@testila", "digione-identity@testila"):
        out = ssh(HOST, f"sudo systemd-analyze security --no-pager {unit} | tail -1").stdout
        assert float(out.split("level for")[1].split(":")[1].split()[0]) <= 2.0, out


def test_only_declared_ports_are_open(installed: Installed, ssh: Ssh) -> None:
    out = ssh(HOST, "sudo ss -Htln").stdout
    addresses = {line.split()[3] for line in out.splitlines()}
    outside = {a.rsplit(":", 1)[1] for a in addresses if not a.startswith(("127.", "[::1]"))}
    assert outside <= {"22", "80", "443"}


def managed(ssh: Ssh, *services: str) -> dict[str, list[str]]:
    """Return mode, owner and group of every managed file of some services, as they are on the host."""
    state = json.loads(ssh(HOST, "sudo cat /var/lib/digione/state.json").stdout)["services"]
    files = sorted(path for service in services for path in state[service]["files"])
    seen = ssh(HOST, f"sudo stat --printf='%n %a %U %G\\n' {' '.join(files)}").stdout
    return {path: told for path, *told in map(str.split, seen.splitlines())}


def give_away(managed: dict[str, list[str]]) -> str:
    """The command that lets everyone write to files, and gives them to somebody else.

    Without sshd's settings it would not let us in again; what a link leads to is not the link.
    """
    given = " ".join(path for path, (mode, *_) in managed.items() if mode != "777" and "/ssh/" not in path)
    assert given
    return f"chmod a+w {given}; chown nobody:nogroup {given}"


def test_drift_is_shown_without_a_secret_and_repaired(installed: Installed, ssh: Ssh) -> None:
    """What somebody deleted, stopped, wrote and gave away, and a secret that was rotated."""
    digione = installed.digione
    damaged = ("base", "gateway", "postgresql", "platform")
    before = managed(ssh, *damaged)
    old = digione("secrets", "show", "testila", "platform_database@testila").out
    digione("secrets", "rotate", "testila", "platform_database@testila", "--yes")
    secret = digione("secrets", "show", "testila", "platform_database@testila").out
    assert secret != old
    assert planned(digione) == ["configure-postgresql", "configure-platform", "smoke-test"]
    damage = (
        f"{give_away(before)}; nft flush ruleset; chmod 0777 /etc/digione; "
        "rm /etc/digione/tls/postgresql.pem /etc/digione/tls/gateway-testila.pem; "
        "sed -i '1i # by hand' /etc/nginx/nginx.conf; systemctl -q disable nginx; "
        "systemctl stop digione-platform@testila.service"
    )
    assert ssh(HOST, f"sudo sh -c {json.dumps(damage)}").returncode == 0
    codes = {f["code"] for f in digione("doctor", "testila", "--json", expect=None).json["findings"]}
    assert codes >= {"D1-SVC-001", "D1-SVC-002"}
    assert planned(digione) == [*(f"configure-{service}" for service in damaged), "smoke-test"]
    shown = digione("plan", "testila", "--diff").out
    assert "-# by hand" in shown
    assert secret.strip() not in shown
    digione("apply", "testila", "--yes")
    assert planned(digione) == []
    assert managed(ssh, *damaged) == before
    repaired = "systemctl is-enabled nginx; grep -c 'by hand' /etc/nginx/nginx.conf"
    assert ssh(HOST, repaired).stdout == "enabled\n0\n"
    assert digione("doctor", "testila", "--json").json.get("findings", []) == []


def test_monitoring_knows_when_certificates_end(installed: Installed, ssh: Ssh) -> None:
    """Also that of PostgreSQL, whom no prober understands."""
    asked = "curl -sG 127.0.0.1:9090/api/v1/query --data-urlencode query=digione:certificate_left:seconds"
    known = f"until {asked} | grep -q postgresql.pem; do sleep 2; done; {asked}"
    told = ssh(
        HOST, f"sudo systemctl start prometheus-node-exporter-certificates; timeout 110 sh -c '{known}'"
    )
    found = {
        r["metric"]["certificate"]: float(r["value"][1]) for r in json.loads(told.stdout)["data"]["result"]
    }
    assert f"https://{DOMAIN}/healthz" in found
    assert found["/etc/digione/tls/postgresql.pem"] > 390 * 86400


def test_platform_answers_as_soon_as_its_restart_is_done(installed: Installed, ssh: Ssh) -> None:
    restart = "sudo systemctl restart digione-platform@testila"
    ask = "sudo curl -sf --unix-socket /run/digione-platform/testila.sock http://localhost/healthz"
    done = ssh(HOST, f"{restart} && {ask}")
    assert done.returncode == 0, done.stderr


def test_what_is_too_large_is_told_by_the_gateway(installed: Installed, ssh: Ssh) -> None:
    """Also over HTTP/2, as browsers send it."""
    curl = "curl -s --http2 --cacert /etc/digione/authority.pem --connect-to ::127.0.0.1: -w '%{http_code}'"
    sent = f"head -c 30000000 /dev/zero | {curl} -F 'bundle=@-;filename=x.zip' https://{DOMAIN}"
    answer = ssh(HOST, f"{sent}/administration/imports").stdout
    assert answer.endswith("413")
    assert "File too large" in answer


def test_logs_come_from_the_host(installed: Installed) -> None:
    shown = installed.digione("logs", "testila", "platform", "--no-follow", "-n", "20")
    assert "digione-platform" in shown.out


def test_destroy_asks_for_the_name(installed: Installed) -> None:
    refused = installed.digione("destroy", "testila", expect=2)
    assert "D1-USE-003" in refused.err
    assert "--confirm testila" in refused.err
    wrong = installed.digione("destroy", "testila", "--confirm", "tästilä", expect=2)
    assert "D1-USE-003" in wrong.err


@dataclass(frozen=True)
class Kept:
    """What was there before the instance was taken off: accounts, and a question of what was measured."""

    accounts: str
    question: str
    measurement: str


@pytest.fixture(scope="module")
def kept(installed: Installed, ssh: Ssh) -> Kept:
    """The instance was taken off its host, and its data kept."""
    accounts = installed.digione("accounts", "list", "testila/testila", "--json").out
    now = ssh(HOST, "date +%s").stdout.strip()
    question = f"curl -s 'http://127.0.0.1:9090/api/v1/query?query=count(up==1)&time={now}'"
    measurement = ssh(HOST, question).stdout
    assert '"value"' in measurement
    installed.digione("destroy", "testila", "--confirm", "testila", "--keep-data")
    return Kept(accounts, question, measurement)


def test_data_are_kept_and_nothing_else_runs(kept: Kept, installed: Installed, ssh: Ssh) -> None:
    left = ssh(HOST, LEFT).stdout
    assert "/var/lib/postgresql" in left
    assert "running" not in left
    digione = installed.digione
    assert digione("destroy", "testila", "--keep-data", "--dry-run", "--json").json["plan"]["steps"] == []
    again = digione("destroy", "testila", "--dry-run", "--json").json["plan"]["steps"]
    assert len(again) == len(services())  # what was kept goes with the next one


def applying(installed: Installed, ssh: Ssh, service: str) -> Popen[str]:
    """Start apply and return its process once the host says that the service is being worked on."""
    process = installed.digione.start("apply", "testila", "--yes")
    watch = f"""
import json, pathlib, time
state = pathlib.Path("/var/lib/digione/state.json")
def begun():
    services = json.loads(state.read_text())["services"] if state.exists() else {{}}
    return services.get("{service}", {{}}).get("fingerprint") == {{}}
while not begun():
    time.sleep(0.1)
"""
    begun = ssh(
        HOST, "sudo timeout 110 python3 -", text=watch
    )  # one connection: each costs as much as a task
    if begun.returncode == 0 and process.poll() is None:
        return process
    out, err = process.communicate()
    raise AssertionError(f"{service} was never worked on\n{out}\n{err}")


@dataclass(frozen=True)
class Told:
    """How applies ended that were interrupted, and that lost their host: exit code and message."""

    interrupted: tuple[int, str]
    cut: tuple[int, str]


@pytest.fixture(scope="module")
def back(kept: Kept, installed: Installed, lab: Lab, ssh: Ssh) -> Told:
    """The instance is back the hard way, with a second municipality and a secret that was rotated.

    ``apply`` was killed at every step but two: at one it was interrupted, at one the host lost its power.
    """
    digione = installed.digione
    tenants = digione.inventories / "testila/tenants"
    text = (tenants / "testila.yml").read_text()
    other = text.replace('"999"', '"998"').replace("00000009993", "00000009985")
    (tenants / "naapuri.yml").write_text(other.replace(DOMAIN, NEIGHBOUR))
    digione("secrets", "generate", "testila")
    digione("secrets", "rotate", "testila", "platform_database@testila", "--yes")
    steps = [s.removeprefix("configure-") for s in planned(digione)][:-1]
    assert len(steps) >= 8
    told = {}
    for service in steps:
        process = applying(installed, ssh, service)
        if service == "gateway":
            os.kill(process.pid, signal.SIGINT)
        elif service == "postgresql":
            lab.kill(HOST)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=120)
        told[service] = process.returncode, err
        if service == "postgresql":
            lab.up([HOST])
        assert f"configure-{service}" in planned(digione)
    digione("apply", "testila", "--yes")
    return Told(told["gateway"], told["postgresql"])


def test_what_was_killed_at_every_step_is_finished_by_the_next_apply(
    back: Told, installed: Installed
) -> None:
    assert planned(installed.digione) == []
    assert installed.digione("doctor", "testila", "--json").json.get("findings", []) == []


def test_kept_data_are_there_again(back: Told, kept: Kept, installed: Installed, ssh: Ssh) -> None:
    assert installed.digione("accounts", "list", "testila/testila", "--json").out == kept.accounts
    assert ssh(HOST, kept.question).stdout == kept.measurement


def test_interrupt_stops_in_good_order_and_names_the_next_command(back: Told) -> None:
    code, err = back.interrupted
    assert code == 130
    assert "digione apply testila" in err
    assert "Traceback" not in err


def test_power_cut_is_told(back: Told) -> None:
    code, err = back.cut
    assert code == 5, err
    assert "Traceback" not in err


def test_neither_municipality_reads_the_other(back: Told, installed: Installed, ssh: Ssh) -> None:
    for ours, theirs in (("testila", "naapuri"), ("naapuri", "testila")):
        password = installed.digione("secrets", "show", "testila", f"platform_database@{ours}").out.strip()
        refused = ssh(
            HOST,
            "read -r PGPASSWORD; export PGPASSWORD; psql "
            f"'host=127.0.0.1 sslmode=require user=platform_{ours} dbname=platform_{theirs}' -c 'select 1'",
            text=password + "\n",
        )
        assert refused.returncode != 0
        assert "denied" in refused.stderr or "no pg_hba.conf entry" in refused.stderr
        reads = ssh(HOST, f"sudo -u digione-{ours} cat /etc/digione/platform/{theirs}.json")
        assert reads.returncode != 0
    # Each shows the way to the other, also the one that was there before.
    for ours, theirs in ((DOMAIN, NEIGHBOUR), (NEIGHBOUR, DOMAIN)):
        page = ssh(
            HOST, f"curl -s --cacert /etc/digione/authority.pem --connect-to ::127.0.0.1: https://{ours}/"
        )
        assert f'href="https://{theirs}/"' in page.stdout


def test_second_operator_is_told_who_holds_the_lock(back: Told, installed: Installed, ssh: Ssh) -> None:
    """And the first, who chose another sign-in for one municipality, restarts only that one's service."""

    def starts() -> list[str]:
        units = "digione-identity@testila digione-identity@naapuri"
        return ssh(HOST, f"systemctl show -p InvocationID --value {units}").stdout.split()

    before = starts()
    with installed.tenant_file.open("a") as file:
        file.write('identity:\n  second_factor: "off"\n')
    assert planned(installed.digione) == ["configure-identity", "smoke-test"]
    first = applying(installed, ssh, "identity")
    second = installed.digione("apply", "testila", "--yes", expect=4)
    assert "D1-LOCK-001" in second.err
    assert re.search(r"holds the lock since \d+ \w{3} 20\d\d, \d+:\d\d ", second.err)
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    after = starts()
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_no_secret_in_any_log_or_record(installed: Installed, ssh: Ssh) -> None:
    names = [
        "platform_database@testila",
        "directory_root",
        "platform_session@testila",
        "platform_client@testila",
    ]
    values = [installed.digione("secrets", "show", "testila", n).out.strip() for n in names]
    journal = ssh(HOST, "sudo journalctl -b --no-pager; sudo cat /var/log/postgresql/*.log").stdout
    registry = (installed.digione.home / "state/registry.sqlite").read_bytes()
    for name, value in zip(names, values, strict=True):
        assert value not in journal, name
        assert value.encode() not in registry, name


def test_nothing_is_left_of_a_run_on_this_machine(installed: Installed) -> None:
    folders = Path(f"/dev/shm/digione-{os.geteuid()}").glob("play-*")
    left = [f for f in folders if not Path("/proc", f.name.split("-")[1]).exists()]
    assert left == []


def test_destroy_leaves_nothing(back: Told, installed: Installed, ssh: Ssh) -> None:
    installed.digione("destroy", "testila", "--confirm", "testila")
    assert ssh(HOST, LEFT).stdout == ""
    dumps = "sudo find / -xdev -name '*digione.ldif'"
    assert ssh(HOST, f"systemctl is-enabled ssh; {dumps}").stdout == "enabled\n"
    plan = installed.digione("plan", "testila", "--json").json["plan"]
    assert {w for s in plan["steps"] for w in s["why"]} == {f"{HOST}: not there yet"}


def test_the_directory_is_installed_again_where_it_was_destroyed(
    back: Told, installed: Installed, ssh: Ssh
) -> None:
    """Its package makes a folder together with a user only, and Debian's users stay on the host."""
    installed.digione("destroy", "testila", "--confirm", "testila")
    process = applying(installed, ssh, "gateway")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    assert "configure-directory" not in planned(installed.digione)
