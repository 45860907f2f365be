"""An instance on a real host: installed, repaired, interrupted, joined by a second municipality."""

import json
import os
import re
import signal
from pathlib import Path
from subprocess import Popen

import pytest

from digione_cli.lab import Lab
from tests.conftest import DOMAIN, Digione, Installed
from tests.lab.conftest import Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

HOST = "testila1"
NEIGHBOUR = "naapuri.digione.test"


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


def test_drift_is_shown_and_repaired(installed: Installed, ssh: Ssh) -> None:
    digione = installed.digione
    damage = (
        "nft flush ruleset; chmod 0777 /etc/digione; rm /etc/digione/tls/postgresql.pem; "
        "systemctl stop digione-platform@testila.service"
    )
    assert ssh(HOST, f"sudo sh -c {json.dumps(damage)}").returncode == 0
    codes = {f["code"] for f in digione("doctor", "testila", "--json", expect=None).json["findings"]}
    assert codes >= {"D1-SVC-001", "D1-SVC-002"}
    assert planned(digione) == ["configure-base", "configure-postgresql", "configure-platform", "smoke-test"]
    digione("apply", "testila", "--yes")
    assert planned(digione) == []


def test_the_difference_is_shown_without_a_secret_and_repaired(installed: Installed, ssh: Ssh) -> None:
    digione = installed.digione
    damage = "sed -i '1i # by hand' /etc/nginx/nginx.conf; systemctl -q disable nginx"
    certificate = "/etc/digione/tls/gateway-testila.pem"
    assert ssh(HOST, f'sudo sh -c "{damage}; rm {certificate}"').returncode == 0
    secret = digione("secrets", "show", "testila", "platform_database@testila").out.strip()
    shown = digione("plan", "testila", "--diff").out
    assert "-# by hand" in shown
    assert secret not in shown
    digione("apply", "testila", "--yes")
    assert planned(digione) == []
    repaired = (
        f"systemctl is-enabled nginx; sudo test -e {certificate} && grep -c 'by hand' /etc/nginx/nginx.conf"
    )
    assert ssh(HOST, repaired).stdout == "enabled\n0\n"


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


def applying(installed: Installed, ssh: Ssh, service: str) -> Popen[str]:
    """Start apply and return its process once the host says that the service is being worked on."""
    process = installed.digione.start("apply", "testila", "--yes")
    watch = f"""
import json, time
def begun():
    services = json.load(open("/var/lib/digione/state.json"))["services"]
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


def test_interrupt_stops_in_good_order_and_names_the_next_command(installed: Installed, ssh: Ssh) -> None:
    assert ssh(HOST, "sudo rm /etc/digione/tls/postgresql.pem").returncode == 0
    process = applying(installed, ssh, "postgresql")
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "digione apply testila" in err
    assert "Traceback" not in err
    installed.digione("apply", "testila", "--yes")


def test_power_cut_in_the_middle_is_finished_by_the_next_apply(
    installed: Installed, lab: Lab, ssh: Ssh
) -> None:
    """Here while a secret that was rotated is given to the services which use it."""
    digione = installed.digione
    old = digione("secrets", "show", "testila", "platform_database@testila").out
    digione("secrets", "rotate", "testila", "platform_database@testila", "--yes")
    assert digione("secrets", "show", "testila", "platform_database@testila").out != old
    assert planned(digione) == ["configure-postgresql", "configure-platform", "smoke-test"]
    process = applying(installed, ssh, "postgresql")
    lab.kill(HOST)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    lab.up([HOST])
    digione("apply", "testila", "--yes")
    assert planned(digione) == []
    assert digione("doctor", "testila", "--json").json.get("findings", []) == []


def test_logs_come_from_the_host(installed: Installed) -> None:
    shown = installed.digione("logs", "testila", "platform", "--no-follow", "-n", "20")
    assert "digione-platform" in shown.out


def managed(ssh: Ssh) -> dict[str, list[str]]:
    """Return mode, owner and group of every managed file, as they are on the host."""
    services = json.loads(ssh(HOST, "sudo cat /var/lib/digione/state.json").stdout)["services"]
    files = sorted(path for service in services.values() for path in service["files"])
    seen = ssh(HOST, f"sudo stat --printf='%n %a %U %G\\n' {' '.join(files)}").stdout
    return {path: told for path, *told in map(str.split, seen.splitlines())}


@pytest.fixture(scope="module")
def joined(installed: Installed, ssh: Ssh) -> dict[str, list[str]]:
    """A second municipality has joined, the hard way; gives what was managed, and how, before.

    Somebody had given all managed files away, and ``apply`` was killed at every step.
    """
    digione, before = installed.digione, managed(ssh)
    tenants = digione.inventories / "testila/tenants"
    text = (tenants / "testila.yml").read_text()
    other = text.replace('"999"', '"998"').replace("00000009993", "00000009985")
    (tenants / "naapuri.yml").write_text(other.replace(DOMAIN, NEIGHBOUR))
    digione("secrets", "generate", "testila")
    # without sshd's settings it would not let us in again; what a link leads to is not the link
    damaged = [path for path, (mode, *_) in before.items() if mode != "777" and "/ssh/" not in path]
    assert len(damaged) > 50
    damage = f"chmod a+w {' '.join(damaged)}; chown nobody:nogroup {' '.join(damaged)}"
    assert ssh(HOST, f"sudo sh -c '{damage}'").returncode == 0
    steps = [s.removeprefix("configure-") for s in planned(digione)][:-1]
    assert len(steps) >= 8
    for service in steps:
        process = applying(installed, ssh, service)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert f"configure-{service}" in planned(digione)
    digione("apply", "testila", "--yes")
    return before


def test_kill_at_every_step_is_finished_by_the_next_apply(
    joined: dict[str, list[str]], installed: Installed
) -> None:
    assert planned(installed.digione) == []
    assert installed.digione("doctor", "testila", "--json").json.get("findings", []) == []


def test_modes_and_owners_are_given_back(joined: dict[str, list[str]], ssh: Ssh) -> None:
    after = managed(ssh)
    assert {path: after[path] for path, told in joined.items() if after[path] != told} == {}


def test_neither_municipality_reads_the_other(
    joined: dict[str, list[str]], installed: Installed, ssh: Ssh
) -> None:
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


def test_second_operator_is_told_who_holds_the_lock(
    joined: dict[str, list[str]], installed: Installed, ssh: Ssh
) -> None:
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
