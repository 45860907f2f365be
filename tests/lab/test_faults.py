"""What must hold before work starts: each fault gives one clear error, and nothing is changed."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from digione_cli.lab import Lab
from digione_cli.lab.run import run
from tests.conftest import OID, Digione
from tests.lab.conftest import Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

HOST = "paljas1"


@pytest.fixture(scope="module")
def bare(lab: Lab, digione: Digione) -> str:
    """An instance whose host has nothing on it yet."""
    lab.up([HOST], 2048)
    initialise(digione, "paljas", HOST)
    return "paljas"


def initialise(digione: Digione, name: str, host: str) -> None:
    digione(
        *("init", name, "--lab", host, "--code", "997", "--oid", OID, "--name-fi", "Paljas"),
        *("--domain", f"{name}.digione.test", "--contact", "operator@paljas.example"),
    )


@pytest.fixture
def refused(bare: str, digione: Digione, ssh: Ssh) -> Iterator[object]:
    """Apply, expect a refusal with an id, and make sure that nothing was begun on the host."""

    def refused(identity: str, expect: int, *flags: str) -> str:
        done = digione("apply", bare, "--yes", *flags, expect=expect)
        assert identity in done.err, done.err
        assert "next:" in done.err
        return done.err

    yield refused
    assert ssh(HOST, "test -e /var/lib/digione/state.json").returncode != 0


def test_unreachable_host(refused, lab: Lab) -> None:  # type: ignore[no-untyped-def]
    link = lab.host(HOST).link
    run(["ip", "link", "set", link, "down"])
    try:
        assert HOST in refused("D1-SSH-007", 3)
    finally:
        run(["ip", "link", "set", link, "up"])


def test_changed_host_key(refused, digione: Digione, bare: str) -> None:  # type: ignore[no-untyped-def]
    known = digione.inventories / bare / "known_hosts"
    right = known.read_text()
    address = right.split()[0]
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUlc3QNWuDxAvoDeWgtY6Z0nnBoGUFRbFq8vtrnSuVq"
    known.write_text(f"{address} {other}\n")
    try:
        assert HOST in refused("D1-SSH-001", 6)
    finally:
        known.write_text(right)


def test_not_debian_12(refused, ssh: Ssh) -> None:  # type: ignore[no-untyped-def]
    ssh(HOST, "sudo cp /usr/lib/os-release /tmp/os; sudo sed -i 's/12/11/' /usr/lib/os-release")
    try:
        assert HOST in refused("D1-HOST-002", 3)
    finally:
        ssh(HOST, "sudo cp /tmp/os /usr/lib/os-release")


def test_port_taken(refused, ssh: Ssh) -> None:  # type: ignore[no-untyped-def]
    ssh(HOST, "sudo systemd-run --unit thief python3 -m http.server 443")
    time.sleep(2)
    try:
        assert "443" in refused("D1-PORT-001", 3)
    finally:
        ssh(HOST, "sudo systemctl stop thief")


def test_apply_waits_for_the_lock_of_apt(refused, digione: Digione, bare: str, ssh: Ssh) -> None:  # type: ignore[no-untyped-def]
    """That it went on shows in what keeps it then: a port that is taken."""
    hold = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,2); time.sleep(120)"
    ssh(HOST, f'sudo systemd-run --unit holder python3 -c "{hold}"')
    ssh(HOST, "sudo systemd-run --unit thief python3 -m http.server 443")
    time.sleep(2)
    try:
        found = digione("doctor", bare, "--json", expect=3).json["findings"]
        assert ("D1-HOST-007", HOST) in {(f["code"], f["subject"]) for f in found}
        ssh(HOST, "sudo systemd-run --on-active 6 systemctl stop holder")
        assert "apt" not in refused("D1-PORT-001", 3)
    finally:
        ssh(HOST, "sudo systemctl stop thief holder")


def test_disk_too_full(refused, ssh: Ssh) -> None:  # type: ignore[no-untyped-def]
    ssh(HOST, "sudo mount -t tmpfs -o size=500m tmpfs /var/lib")
    try:
        assert HOST in refused("D1-HOST-004", 3)
    finally:
        ssh(HOST, "sudo umount -l /var/lib")


@pytest.fixture(scope="module")
def asking(lab: Lab, digione: Digione) -> str:
    """An instance on a small host whose sudo asks for a password."""
    lab.up(["pieni1"], 512, sudo_password="oikea-sana")
    initialise(digione, "pieni", "pieni1")
    return "pieni"


def test_sudo_that_asks_is_told_with_the_option_to_answer(asking: str, digione: Digione) -> None:
    done = digione("apply", asking, "--yes", expect=3)
    assert "D1-SSH-004" in done.err
    assert "--ask-sudo-password" in done.err


@pytest.mark.parametrize(
    ("word", "identity"),
    [
        ("wrong-word", "D1-SSH-005"),
        ("oikea-sana", "D1-HOST-003"),
    ],  # the right one leads on: too little memory
)
def test_password_of_sudo_is_asked_for(asking: str, digione: Digione, word: str, identity: str) -> None:
    command = str(Path(sys.executable).parent / "digione")
    arguments = ["apply", asking, "--yes", "--ask-sudo-password"]
    terminal = pexpect.spawn(command, arguments, env=digione.environment, timeout=60, encoding="utf-8")
    terminal.expect("Password of sudo")
    terminal.sendline(word)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert identity in terminal.before
    assert word not in terminal.before
    assert terminal.exitstatus == 3


def test_broken_mirror_stops_resumably(bare: str, digione: Digione, ssh: Ssh) -> None:
    ssh(
        HOST,
        "sudo sh -c 'cp -r /etc/apt /tmp/apt; rm -f /etc/apt/sources.list.d/*; rm -rf /var/lib/apt/lists/*'",
    )
    ssh(HOST, "sudo sh -c 'echo deb http://127.0.0.1:9/ bookworm main > /etc/apt/sources.list'")
    done = digione("apply", bare, "--yes", expect=5)
    assert "D1-RUN-003" in done.err
    ssh(HOST, "sudo sh -c 'rm -rf /etc/apt && cp -r /tmp/apt /etc/apt'")
