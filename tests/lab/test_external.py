"""A municipality with a PostgreSQL server and a mail relay: the instance uses both, and monitoring writes."""

import json
import time
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from digione_cli.lab import Lab
from tests.conftest import Digione
from tests.lab.conftest import Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

HOST, MUNICIPALITY = "ulkola1", "ulkola-palvelut"
PASSWORD = r"kunnan:salainen\sana"  # such as people choose
DOMAIN = "ulkola.digione.test"
BROKEN = "varmuuskopio.service"


@pytest.fixture(scope="module")
def ulkola(lab: Lab, digione: Digione, ssh: Ssh) -> str:
    """The instance, applied; a unit on its host fails from the beginning on."""
    (host,) = lab.up([HOST], 2048)
    lab.up([MUNICIPALITY], 512)
    lab.resolve(HOST, [DOMAIN, f"auth.{DOMAIN}"])
    lab.resolve(MUNICIPALITY, ["tietokanta.kunta.test", "posti.kunta.test"])
    script = (Path(__file__).parent / "municipality.sh").read_text()
    made = ssh(MUNICIPALITY, f"sudo bash -s {host.address} '{PASSWORD}'", text=script)
    assert made.returncode == 0, made.stderr
    digione(
        *("init", "ulkola", "--lab", HOST, "--code", "997", "--oid", "1.2.246.562.99.00000009977"),
        *("--name-fi", "Ulkola", "--name-sv", "Utby", "--domain", DOMAIN, "--contact", "it@kunta.test"),
    )
    folder = digione.inventories / "ulkola"
    (folder / "kunta.pem").write_text(ssh(MUNICIPALITY, "sudo cat /etc/ssl/private/kunta.pem").stdout)
    external = {
        "authority": "kunta.pem",
        "postgresql": {"address": "tietokanta.kunta.test"},
        "mail": {"server": "posti.kunta.test", "port": 587, "user": "digione"},
    }
    with (folder / "instance.yml").open("a") as file:
        file.write(f"external: {json.dumps(external)}\n")
    ssh(HOST, f"sudo systemd-run --quiet --unit={BROKEN} false")
    return "ulkola"


def test_a_password_that_was_not_given_or_is_wrong_is_one_error(ulkola: str, digione: Digione) -> None:
    lacking = digione("apply", ulkola, "--yes", expect=3)
    assert "D1-SEC-006" in lacking.err
    assert "digione secrets set ulkola" in lacking.err
    digione.keep("ulkola", "mail_password", PASSWORD)
    digione.keep("ulkola", "postgresql_admin", "another")
    wrong = digione("apply", ulkola, "--yes", expect=3)
    assert "D1-DB-003" in wrong.err
    assert "password authentication failed" in wrong.err
    assert "digione secrets set ulkola postgresql_admin" in wrong.err
    assert "another" not in wrong.out + wrong.err
    digione.keep("ulkola", "postgresql_admin", PASSWORD)


def test_the_instance_keeps_its_data_there(ulkola: str, digione: Digione, ssh: Ssh) -> None:
    digione("apply", ulkola, "--yes")
    codes = {f["code"] for f in digione("doctor", ulkola, "--json").json["findings"]}
    assert codes == {"D1-BK-004", "D1-BK-010"}, "backups are copied nowhere, and nothing else is amiss"
    assert digione("plan", ulkola, "--json").json["plan"]["steps"] == []
    assert ssh(HOST, "sudo ls /var/lib/postgresql /run/digione-postgresql.pgpass").stdout == ""
    digione("sample", "install", "ulkola/ulkola", "--pupils", "30")
    assert "rehtori" in digione("accounts", "list", "ulkola/ulkola").out
    assert databases(ssh) == ["identity_ulkola", "platform_ulkola"]
    plain = "sudo -u postgres psql -Atc 'select count(*) from pg_stat_ssl join pg_stat_activity using (pid)"
    assert ssh(MUNICIPALITY, f"{plain} where client_addr is not null and not ssl'").stdout == "0\n"


def databases(ssh: Ssh) -> list[str]:
    listed = "select datname from pg_database where datname like '%_ulkola' order by 1"
    return ssh(MUNICIPALITY, f'sudo -u postgres psql -Atc "{listed}"').stdout.split()


def test_a_server_that_is_away_is_told(ulkola: str, digione: Digione, ssh: Ssh) -> None:
    ssh(MUNICIPALITY, "sudo systemctl stop postgresql@15-main")
    codes = {f["code"] for f in digione("doctor", ulkola, "--json", expect=3).json["findings"]}
    assert codes >= {"D1-DB-001", "D1-TEN-001"}
    ssh(MUNICIPALITY, "sudo systemctl start postgresql@15-main")


def letter(ssh: Ssh) -> EmailMessage:
    """Wait for the letter about the broken unit: the rule waits two minutes, the programs one more."""
    for _ in range(60):
        read = f"cat $(grep -ls {BROKEN} /home/it/Maildir/new/* | head -1) </dev/null"
        if text := ssh(MUNICIPALITY, f"sudo sh -c '{read}'").stdout:
            letter = message_from_string(text, EmailMessage, policy=default)
            assert isinstance(letter, EmailMessage)
            return letter
        time.sleep(5)
    pytest.fail(ssh(HOST, "sudo journalctl -u prometheus-alertmanager --no-pager | tail -5").stdout)


def test_monitoring_writes_what_is_wrong_and_what_to_do(ulkola: str, ssh: Ssh) -> None:
    mail = letter(ssh)
    assert mail["Subject"] == f"[digione ulkola] {BROKEN} has failed on {HOST} (critical)"
    assert (mail["From"], mail["To"]) == (f"digione@{DOMAIN}", "it@kunta.test")
    assert "TLS1.3" in mail["Received"]
    body = mail.get_body(("plain",))
    assert body
    text = body.get_content()
    for words in ("What to do:", "digione doctor ulkola", f"journalctl -u {BROKEN}", "UnitFailed"):
        assert words in text


def test_destroy_drops_the_databases_and_roles(ulkola: str, digione: Digione, ssh: Ssh) -> None:
    digione("destroy", ulkola, "--confirm", ulkola)
    assert databases(ssh) == []
    roles = "select rolname from pg_roles where rolname not like 'pg%' and rolname <> 'postgres'"
    assert ssh(MUNICIPALITY, f'sudo -u postgres psql -Atc "{roles}"').stdout.split() == ["digione"]
