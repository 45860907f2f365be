"""Taking an instance off its host: with its data kept it comes back as it was, otherwise nothing is left."""

import pytest

from tests.conftest import Installed
from tests.fakes import services
from tests.lab.conftest import Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

HOST = "testila1"
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


def test_destroy_asks_for_the_name(installed: Installed) -> None:
    refused = installed.digione("destroy", "testila", expect=2)
    assert "D1-USE-003" in refused.err
    assert "--confirm testila" in refused.err
    wrong = installed.digione("destroy", "testila", "--confirm", "tästilä", expect=2)
    assert "D1-USE-003" in wrong.err


def test_kept_data_come_back_with_the_next_apply(installed: Installed, ssh: Ssh) -> None:
    digione = installed.digione
    before = digione("accounts", "list", "testila/testila", "--json").out
    now = ssh(HOST, "date +%s").stdout.strip()
    measured = f"curl -s 'http://127.0.0.1:9090/api/v1/query?query=count(up==1)&time={now}'"
    measurement = ssh(HOST, measured).stdout
    assert '"value"' in measurement
    digione("destroy", "testila", "--confirm", "testila", "--keep-data")
    left = ssh(HOST, LEFT).stdout
    assert "/var/lib/postgresql" in left
    assert "running" not in left
    assert digione("destroy", "testila", "--keep-data", "--dry-run", "--json").json["plan"]["steps"] == []
    again = digione("destroy", "testila", "--dry-run", "--json").json["plan"]["steps"]
    assert len(again) == len(services())  # what was kept goes with the next one
    digione("apply", "testila", "--yes")
    assert digione("accounts", "list", "testila/testila", "--json").out == before
    assert ssh(HOST, measured).stdout == measurement
    assert digione("doctor", "testila", "--json").json.get("findings", []) == []


def test_destroy_leaves_nothing(installed: Installed, ssh: Ssh) -> None:
    installed.digione("destroy", "testila", "--confirm", "testila")
    assert ssh(HOST, LEFT).stdout == ""
    dumps = "sudo find / -xdev -name '*digione.ldif'"
    assert ssh(HOST, f"systemctl is-enabled ssh; {dumps}").stdout == "enabled\n"
    plan = installed.digione("plan", "testila", "--json").json["plan"]
    assert {w for s in plan["steps"] for w in s["why"]} == {f"{HOST}: not there yet"}
