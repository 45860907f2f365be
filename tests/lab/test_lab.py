"""The lab itself: hosts behave like servers, and leave nothing behind."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digione_cli.errors import PreconditionError, UsageError
from digione_cli.lab import Lab
from digione_cli.lab.lab import HOSTS_FILE
from digione_cli.lab.names import address_of, write_block
from tests.lab.conftest import Ssh

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def pair(lab: Lab) -> list[str]:
    """Two hosts that run."""
    return [host.name for host in lab.up(["one", "two"], 512)]


def test_up_again_changes_nothing(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    boot = ssh(
        "one", "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic"
    ).stdout
    before = [lab.host(name) for name in pair]
    assert lab.up(pair, 512) == before
    assert (
        ssh(
            "one", "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic"
        ).stdout
        == boot
    )


def test_operator_signs_in_with_the_pinned_key_and_may_do_all(
    lab: Lab, pair: list[str], tmp_path: Path
) -> None:
    host = lab.host("one")
    known = tmp_path / "known_hosts"
    known.write_text(f"{host.address} {host.host_key}\n")
    options = [
        f"UserKnownHostsFile={known}",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        f"IdentityFile={host.key}",
    ]
    argv = ["ssh", "-F", "none", *(word for option in options for word in ("-o", option))]
    signed_in = subprocess.run(
        [*argv, f"{host.user}@{host.address}", "id -un; sudo -n id -un"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert signed_in.stdout.split() == ["operator", "root"], signed_in.stderr
    assert host.key.stat().st_mode & 0o777 == 0o600
    as_root = subprocess.run(
        [*argv, f"root@{host.address}", "true"], capture_output=True, text=True, check=False
    )
    assert "Permission denied" in as_root.stderr


def test_it_is_a_debian_server(pair: list[str], ssh: Ssh) -> None:
    said = ssh(
        "one", ". /etc/os-release; echo $ID $VERSION_ID; systemctl is-system-running --wait; cat /proc/1/comm"
    )
    assert said.stdout.split() == ["debian", "12", "running", "systemd"]


def test_hosts_reach_each_other_by_name(pair: list[str], ssh: Ssh) -> None:
    assert "0% packet loss" in ssh("one", "ping -c1 -W2 two").stdout
    assert "0% packet loss" in ssh("two", "ping -c1 -W2 one").stdout


def test_domains_lead_to_a_host_from_everywhere(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    address = lab.host("two").address
    lab.resolve("two", ["town.lab-test.example", "auth.town.lab-test.example"])
    lab.resolve("two", ["town.lab-test.example"])
    for name, expected in (("town.lab-test.example", [address]), ("auth.town.lab-test.example", [])):
        here = subprocess.run(["getent", "hosts", name], capture_output=True, text=True, check=False).stdout
        there = ssh("one", f"getent hosts {name}").stdout
        assert here.split()[:1] == there.split()[:1] == expected
    with pytest.raises(PreconditionError, match="D1-LAB-013"):
        lab.resolve("two", ["localhost"])


def test_names_of_a_lab_that_went_down_with_this_machine_are_free(lab: Lab, pair: list[str]) -> None:
    name, left = "left.lab-test.example", "10.97.255.11"  # a network that no lab has
    write_block(HOSTS_FILE, "digione lab left behind", [f"{left} {name}"])
    try:
        lab.resolve("two", [name])
        assert address_of(HOSTS_FILE.read_text(), name) == lab.host("two").address
    finally:
        write_block(HOSTS_FILE, "digione lab left behind", [])


def test_a_relay_keeps_all_mail_and_sends_none(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    with pytest.raises(UsageError, match="D1-LAB-016"):
        lab.mails("one")
    before = lab.keep_mail("post")
    assert lab.keep_mail("post") == before
    assert lab.mails("post") == []
    send = """python3 -c '
import smtplib
with smtplib.SMTP("post") as relay:
    relay.sendmail("a@one.example", ["b@far.example"], "From: a@one.example\\nSubject: hei\\n\\nterve")'"""
    assert ssh("one", send).returncode == 0
    [mail] = lab.mails("post")
    assert (mail.sender, mail.to, mail.subject) == ("a@one.example", "b@far.example", "hei")
    assert mail.text.strip() == "terve"
    assert ssh("post", "sudo exim4 -bpc").stdout == "0\n"
    lab.down(["post"])


def test_a_host_sees_and_has_no_more_memory_than_its_limit(pair: list[str], ssh: Ssh) -> None:
    assert ssh("one", "free -m | awk '/^Mem/ {print $2}'").stdout == "512\n"
    eats = ssh("one", "python3 -c 'len(bytearray(800 * 2**20))'; echo $?")
    assert eats.stdout == "137\n"
    assert ssh("one", "true").returncode == 0


def test_a_power_cut_keeps_the_disk(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    ssh("one", "echo written > kept; sudo systemd-run --unit=busy sleep 600")
    lab.kill("one")
    assert lab.host("one").state == "stopped"
    assert lab.host("two").state == "running"
    [host] = lab.up(["one"], 512)
    assert host == lab.host("one")
    assert ssh("one", "cat kept; systemctl is-active busy").stdout.split() == ["written", "inactive"]


def test_a_host_may_reboot_itself(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    started = "systemctl show --value -p UserspaceTimestamp; cat /proc/1/stat | cut -d' ' -f22"
    before = ssh("two", started).stdout
    ssh("two", "sudo systemctl reboot")
    for _ in range(300):
        after = ssh("two", started).stdout
        if after and after != before:
            break
        time.sleep(0.1)
    assert after != before
    assert lab.host("two").state == "running"
    assert "0% packet loss" in ssh("two", "ping -c1 -W2 one").stdout


def test_a_stopped_host_can_be_copied(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    with pytest.raises(PreconditionError, match="D1-LAB-011"):
        lab.clone("one", "three")
    ssh("one", "sudo rm /etc/motd; echo written > kept; sync")
    identity = "cat /etc/hostname /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub | sort"
    before = ssh("one", identity).stdout.splitlines()
    # Its key comes back with the next start, so that it can always be reached.
    assert ssh("one", "sudo sh -c 'rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -A'").returncode == 0
    lab.stop("one")
    copy = lab.clone("one", "three")
    assert copy.state == "stopped"
    assert copy.address != lab.host("one").address
    assert copy.host_key != lab.host("one").host_key
    lab.up(["one", "three"], 512)
    assert ssh("three", "cat kept; hostname; ls /etc/motd").stdout.split() == ["written", "three"]
    assert not set(ssh("three", identity).stdout.splitlines()) & set(before)
    assert ssh("one", identity).stdout.splitlines() == before
    lab.down(["three"])
    assert "three" not in [host.name for host in lab.list()]


def test_a_fresh_host_installs_what_another_downloaded(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    assert ssh("one", "sudo apt-get update && sudo apt-get install -y tree").returncode == 0
    lab.up(["four"], 512)
    installed = ssh("four", "sudo apt-get install -y --no-download tree && tree --version")
    assert installed.returncode == 0, installed.stderr
    lab.down(["four"])


def test_sudo_may_ask_for_a_password(lab: Lab, pair: list[str], ssh: Ssh) -> None:
    lab.up(["five"], 512, sudo_password="not a secret: æ")
    assert "password is required" in ssh("five", "sudo -n id -un").stderr
    assert ssh("five", "sudo -S -p '' id -un", text="not a secret: æ\n").stdout == "root\n"
    lab.down(["five"])


def names_besides_labs() -> str:
    """What /etc/hosts has that no lab wrote: other labs come and go meanwhile."""
    block = r"# begin digione lab .*?# end digione lab [^\n]*\n"
    return re.sub(block, "", Path("/etc/hosts").read_text(), flags=re.DOTALL)


def test_down_leaves_nothing_behind(tmp_path: Path, lab: Lab) -> None:
    names = names_besides_labs()
    passing = Lab(tmp_path / "a lab, with: signs/.lab", store=lab.store)
    host, _ = passing.up(["passing", "stopped"], 512)
    passing.resolve("passing", ["passing.lab-test.example"])
    passing.stop("stopped")
    marks = [host.link.split("-")[0], host.address.rpartition(".")[0] + ".", str(tmp_path), "passing"]
    assert all(traces(marks).values()), "the test must see a lab that is up"
    passing.down()
    for _ in range(100):  # the kernel and PID 1 bury the dead a moment later
        if not any(traces(marks).values()):
            break
        time.sleep(0.05)
    assert not any(traces(marks).values()), traces(marks)
    assert "passing" not in Path("/etc/hosts").read_text()
    assert names_besides_labs() == names
    assert [file.name for file in passing.folder.iterdir()] == ["lab.lock"]
    passing.down()


def test_building_an_image_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    """By what stands for the building: it mounts and would go on."""
    ready, mounted = tmp_path / "ready", tmp_path / "mounted"
    mounted.mkdir()
    work = f"mount -t tmpfs none {mounted} && touch {mounted}/inside {ready} && sleep 1000"
    program = (
        "import sys; from digione_cli.lab import base, run; run.run([*base.ALONE, 'sh', '-c', sys.argv[1]])"
    )
    building = subprocess.Popen([sys.executable, "-c", program, work])
    while not ready.exists():
        assert building.poll() is None
        time.sleep(0.05)
    assert not (mounted / "inside").exists()
    assert traces([str(tmp_path)])["processes"]
    building.kill()
    building.wait()
    for _ in range(100):
        if not any(traces([str(tmp_path)]).values()):
            break
        time.sleep(0.05)
    assert not any(traces([str(tmp_path)]).values()), traces([str(tmp_path)])


def test_two_labs_live_side_by_side(tmp_path: Path, lab: Lab, pair: list[str], ssh: Ssh) -> None:
    other = Lab(tmp_path / ".lab", store=lab.store)
    try:
        [host] = other.up(["one"], 512)
        assert host.address.split(".")[2] != lab.host("one").address.split(".")[2]
        assert ssh("one", "hostname").stdout == "one\n"
    finally:
        other.down()
    assert ssh("one", "ping -c1 -W2 two").returncode == 0


def traces(marks: list[str]) -> dict[str, list[str]]:
    """What of a lab can be seen on this machine, per kind: lines that have one of its marks."""

    def shown(*argv: str) -> str:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def of_processes(file: str) -> str:
        texts = []
        for path in Path("/proc").glob(f"[0-9]*/{file}"):
            try:
                texts.append(path.read_text(errors="replace").replace("\0", " "))
            except OSError:
                continue
        return "\n".join(texts)

    everything = {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "links": shown("ip", "-oneline", "link"),
        "routes": shown("ip", "-4", "route"),
        "rules": shown("iptables-save"),
        "names": Path("/etc/hosts").read_text(),
        "processes": of_processes("cmdline"),
        "groups of processes": of_processes("cgroup"),
        "groups": "\n".join(map(str, Path("/sys/fs/cgroup").glob("**/digione*"))),
    }
    return {
        kind: [line for line in text.splitlines() if any(mark in line for mark in marks)]
        for kind, text in everything.items()
    }
