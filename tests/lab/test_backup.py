"""Backups of an instance on a real host: made, damaged, restored to a moment, and all but the copies lost."""

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import pytest

from digione_cli.lab import Lab
from tests.conftest import OID, Digione, Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

HOST, STORAGE = "turvala1", "turvavarasto1"
DOMAIN, NEIGHBOUR = "turvala.digione.test", "naapuri.digione.test"
DOMAINS = [DOMAIN, f"auth.{DOMAIN}", NEIGHBOUR, f"auth.{NEIGHBOUR}"]
NEIGHBOUR_OID = "1.2.246.562.99.00000009985"
COPY = f"/home/digione-backup/backups/turvala/{HOST}"
VAULT = "/var/lib/digione/backup"
KNOWN = "/var/lib/digione/backup.json"
PLANTED = "Salaisuus Kuusikossa"


@pytest.fixture(scope="module")
def turvala(lab: Lab, digione: Digione) -> str:
    """An instance with a small town, whose copies go to a second host."""
    lab.up([HOST], 2048)
    lab.up([STORAGE], 256)
    digione(
        *("init", "turvala", "--lab", HOST, "--code", "999", "--oid", OID, "--name-fi", "Turvala"),
        *("--name-sv", "Trygghet", "--domain", DOMAIN, "--contact", "operator@turvala.example"),
        *("--backup-host", STORAGE),
    )
    digione("lab", "storage", STORAGE, "turvala")
    tenants = digione.inventories / "turvala/tenants"
    text = (tenants / "turvala.yml").read_text().replace('"999"', '"998"').replace(OID, NEIGHBOUR_OID)
    (tenants / "naapuri.yml").write_text(text.replace(DOMAIN, NEIGHBOUR))
    digione("secrets", "generate", "turvala")
    lab.resolve(HOST, DOMAINS)
    digione("apply", "turvala", "--yes")
    digione("sample", "install", "turvala", "--pupils", "20")
    digione("recovery-kit", "turvala", "--into", str(digione.home), "--shares", "3", "--needed", "2")
    return "turvala"


def on_host(ssh: Ssh, command: str, host: str = HOST, *, text: str = "") -> str:
    done = ssh(host, command, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sql(ssh: Ssh, statement: str) -> str:
    done = ssh(HOST, "sudo -u postgres psql -qtA --set=ON_ERROR_STOP=1 platform_turvala", text=statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(ssh: Ssh, what: str, condition: str, seconds: int = 120) -> None:
    """Wait until a command on the host succeeds."""
    late = time.monotonic() + seconds
    while ssh(HOST, condition).returncode:
        assert time.monotonic() < late, f"not within {seconds} s: {what}"
        time.sleep(0.3)


def reached(ssh: Ssh, moment: str) -> None:
    """Wait until the copy at the target reaches to a moment of the host's clock."""
    known = f'sudo grep -oP \'"until": "\\K[^"]+\' {KNOWN} | tail -1'
    until(ssh, f"the copy reaches to {moment}", f'test "$({known})" ">" "{moment}"')


def looked(ssh: Ssh) -> None:
    """Wait until the host's backup program has looked once more."""
    on_host(ssh, "sudo touch /run/asked")
    until(ssh, "the program has looked", f"sudo test {KNOWN} -nt /run/asked")


def now(ssh: Ssh) -> str:
    return on_host(ssh, "date -u +%Y-%m-%dT%H:%M:%S+00:00")


def test_a_recovery_point_is_in_the_vault_and_at_the_target(turvala: str, digione: Digione, ssh: Ssh) -> None:
    sql(ssh, "create table precious (n serial primary key, word text)")
    sql(ssh, f"insert into precious (word) values ('{PLANTED}')")  # noqa: S608
    digione("backup", "create", turvala, "--kind", "full")
    digione("backup", "create", turvala)
    points = digione("backup", "list", turvala, "--json").json[f"points_{HOST}"]["points"]
    assert [(p["kind"], p["where"]) for p in points] == [
        ("full", ["vault", "copies"]),
        ("wal", ["vault", "copies"]),
    ]
    shown = digione("backup", "show", turvala, points[0]["id"], "--json").json["point"][HOST]
    assert shown["tenants"] == ["naapuri", "turvala"]
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []
    told = digione("status", turvala, "--json").json["backups"][HOST]
    assert told["last"]["id"] == points[1]["id"]
    reached(ssh, now(ssh))
    assert re.search(
        r"digione_backup_restorable_until_seconds\{target=\"copies\"\} \d{10}",
        on_host(ssh, "cat /var/lib/prometheus/node-exporter/backup.prom"),
    )


def test_nothing_at_the_target_can_be_read_there(turvala: str, digione: Digione, ssh: Ssh) -> None:
    key = digione("secrets", "show", turvala, "backup_key").out.strip()
    for planted in (PLANTED, key, "example.net", "BEGIN OPENSSH"):
        found = ssh(STORAGE, f"sudo grep -rlaF -- '{planted}' {COPY}")
        assert found.stdout == "", planted


FLIP = """
import json, os, random, sys
root, seed, count, again = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
wanted = ("files/data", "files/index", "files/snapshots", "points", "sums/backup")
wanted += ("postgresql/archive", "postgresql/backup")
files = sorted(
    os.path.relpath(os.path.join(d, n), root) for d, _, names in os.walk(root) for n in names
)
files = [f for f in files if f.startswith(wanted) and ".info" not in f]  # those are written anew meanwhile
chosen = again or random.Random(seed).sample(files, min(count, len(files)))
for name in chosen:
    path = os.path.join(root, name)
    info = os.stat(path)
    with open(path, "r+b") as file:
        bit = random.Random(f"{seed}{name}").randrange(info.st_size * 8)
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
print(json.dumps(chosen))
"""


def flip(ssh: Ssh, host: str, root: str, seed: int, *, again: Iterable[str] = ()) -> set[str]:
    """Flip a bit in each of sixty files, as a dying disk does; ``again`` names those to be flipped back."""
    done = ssh(host, f"sudo python3 - {root} {seed} 60 '{json.dumps(sorted(again))}'", text=FLIP)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def problems(digione: Digione, place: str) -> list[dict[str, Any]]:
    """What verify finds wrong in a place; it must end with code 6."""
    found = digione("backup", "verify", "turvala", "--json", expect=6).json
    return [p for p in found[f"problems_{HOST}"] if p["place"] == place]


def test_every_flipped_bit_is_found_at_the_target(turvala: str, digione: Digione, ssh: Ssh) -> None:
    flipped = flip(ssh, STORAGE, COPY, 1)
    found = problems(digione, "copies")
    assert {p["file"] for p in found if p["what"] == "altered"} == flipped
    assert all(p["mended"] for p in found), "the vault has them whole"
    codes = {f["code"] for f in digione("doctor", turvala, "--json", expect=3).json["findings"]}
    assert codes == {"D1-BK-007"}
    assert digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]["problems"] == []


def test_every_flipped_bit_is_found_in_the_vault_and_nothing_is_restored_from_it(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    looked(ssh)
    on_host(ssh, "sudo systemctl stop digione-backup")
    flipped = flip(ssh, HOST, VAULT, 2)
    found = ssh(HOST, "sudo python3 -", text=DAMAGED)
    assert flipped <= set(json.loads(found.stdout)), "where a sum is lost, all that it told of is doubtful"
    flip(ssh, HOST, VAULT, 2, again=flipped)
    on_host(ssh, "sudo systemctl start digione-backup")
    looked(ssh)


DAMAGED = """
import json, sys
sys.path.insert(0, "/usr/local/lib/digione")
from digione_backup import settings, verify
print(json.dumps(verify.damaged(settings.load())))
"""


def test_what_is_cut_off_or_missing_is_found(turvala: str, digione: Digione, ssh: Ssh) -> None:
    packs = f"sudo find {COPY}/files/data -type f -printf '%s %p\n' | sort -n"
    pack = on_host(ssh, f"{packs} | tail -1 | cut -d' ' -f2", STORAGE)
    segment = on_host(ssh, f"sudo find {COPY}/postgresql/archive -name '*.zst' | sort | head -1", STORAGE)
    on_host(
        ssh,
        f"sudo cp -p {pack} /root/pack; sudo truncate -s -100 {pack}; sudo touch -r /root/pack {pack}",
        STORAGE,
    )
    on_host(ssh, f"sudo mv {segment} /root/segment", STORAGE)
    wrong = [one.removeprefix(f"{COPY}/") for one in (pack, segment)]
    assert [(p["file"], p["mended"]) for p in problems(digione, "copies")] == [(one, True) for one in wrong]
    assert digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]["problems"] == []
    # In the vault, too: nothing of it comes to the target, and what is whole there comes back.
    on_host(ssh, f"sudo truncate -s -100 {VAULT}/{wrong[0]}; sudo rm {VAULT}/{wrong[1]}")
    assert "D1-BACKUP-027" in digione("backup", "create", turvala, expect=5).err
    assert [(p["file"], p["mended"]) for p in problems(digione, "vault") if p["file"] in wrong] == [
        (one, True) for one in wrong
    ]
    assert digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]["problems"] == []
    digione("backup", "create", turvala)


def test_a_wrong_key_is_told_apart_from_damage(turvala: str, digione: Digione, ssh: Ssh) -> None:
    on_host(
        ssh, "sudo cp -p /etc/digione/backup/key /root/key; echo wrong | sudo tee /etc/digione/backup/key"
    )
    refused = digione("backup", "verify", turvala, expect=6)
    on_host(ssh, "sudo mv /root/key /etc/digione/backup/key")
    assert "D1-BACKUP-007" in refused.err
    assert "not damaged" in refused.err


def test_anothers_backups_are_refused(turvala: str, digione: Digione, ssh: Ssh) -> None:
    edit = f'sudo sed -i \'s/"instance": "{{}}"/"instance": "{{}}"/\' {COPY}/vault.json'
    on_host(ssh, edit.format("turvala", "muuala"), STORAGE)
    refused = digione("restore", turvala, "--from", "copies", "--confirm", turvala, expect=6)
    on_host(ssh, edit.format("muuala", "turvala"), STORAGE)
    assert "D1-BACKUP-006" in refused.err


@contextmanager
def read_only(ssh: Ssh, host: str, folder: str) -> Iterator[None]:
    """While the block runs nothing can be written into a folder."""
    on_host(ssh, f"sudo mount --bind {folder} {folder} && sudo mount -o remount,bind,ro {folder}", host)
    try:
        yield
    finally:
        on_host(ssh, f"sudo umount {folder}", host)


def test_a_target_that_is_full_or_lost_keeps_no_recovery_point_from_being_made(
    turvala: str, digione: Digione, ssh: Ssh, lab: Lab
) -> None:
    on_host(ssh, "sudo systemctl stop digione-backup")  # it would make the folder anew
    aside = f"sudo mv {COPY} {COPY}.aside && sudo -u digione-backup mkdir {COPY}"
    on_host(ssh, f"{aside} && sudo mount -t tmpfs -o size=1m,mode=777 tmpfs {COPY}", STORAGE)
    full = digione("backup", "create", turvala, expect=5)
    on_host(ssh, f"sudo umount {COPY} && sudo rmdir {COPY} && sudo mv {COPY}.aside {COPY}", STORAGE)
    assert "D1-BACKUP-024" in full.err
    with read_only(ssh, STORAGE, COPY):
        assert "D1-BACKUP-024" in digione("backup", "create", turvala, expect=5).err

    making = digione.start("backup", "create", turvala)
    until(ssh, "the point is brought to the target", "sudo pkill -STOP -x rclone")
    lab.kill(STORAGE)
    on_host(ssh, "sudo pkill -CONT -x rclone; sudo systemctl start digione-backup")
    _, said = making.communicate(timeout=600)
    assert (making.returncode, "D1-BACKUP-021" in said) == (5, True), said
    found = digione("doctor", turvala, "--json", expect=3).json["findings"]
    assert {f["code"] for f in found} == {"D1-BK-003"}
    lab.up([STORAGE])
    reached(ssh, now(ssh))
    points = digione("backup", "list", turvala, "--json").json[f"points_{HOST}"]["points"]
    assert len(points) == 7
    assert all(p["where"] == ["vault", "copies"] for p in points), "what it missed came to it by itself"
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


def test_a_full_disk_of_the_operator_stops_everything_before_it_begins(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    before, state = points_of(digione), digione.home / "state"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(state)], check=True)
    try:
        (state / "fill").write_bytes(b"x" * 12_000)
        for command in (("backup", "create", turvala), ("restore", turvala, "--confirm", turvala)):
            assert "D1-LOCAL-002" in digione(*command, expect=3).err
    finally:
        subprocess.run(["umount", str(state)], check=True)
    assert points_of(digione) == before
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


def test_a_vault_that_is_full_or_read_only_loses_nothing(turvala: str, digione: Digione, ssh: Ssh) -> None:
    before = points_of(digione)
    packs = f"{VAULT}/files/data"
    for lacking in ("size=4k", "nr_inodes=257"):  # the folder itself and those in it
        on_host(ssh, f"sudo mount -t tmpfs -o {lacking},mode=700 tmpfs {packs}")
        on_host(ssh, f"printf '{packs}/%02x ' $(seq 0 255) | xargs sudo mkdir")
        full = digione("backup", "create", turvala, expect=1)
        on_host(ssh, f"sudo umount {packs}")
        assert "D1-BACKUP-002" in full.err, lacking
    assert "D1-BK-008" in {f["code"] for f in digione("doctor", turvala, "--json", expect=3).json["findings"]}
    with read_only(ssh, HOST, VAULT):
        assert "D1-BACKUP-003" in digione("backup", "create", turvala, expect=1).err
    assert points_of(digione) == before
    digione("backup", "create", turvala)
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


@contextmanager
def full_for_wal(ssh: Ssh) -> Iterator[None]:
    """While the block runs no WAL finds room in the vault; also for programs with mounts of their own."""
    archive = f"{VAULT}/postgresql/archive"
    on_host(ssh, f"sudo sh -c 'rm -rf /run/info; mkdir /run/info; cp -p {archive}/digione/*.info* /run/info'")
    on_host(
        ssh,
        f"sudo mount -t tmpfs -o size=8k,mode=755 tmpfs {archive} && sudo sh -c '"
        f"mkdir {archive}/digione; cp -p /run/info/* {archive}/digione; chown -R postgres: {archive}'",
    )
    try:
        yield
    finally:
        on_host(ssh, f"sudo umount {archive}")


def test_while_wal_cannot_be_archived_the_database_goes_on_and_nothing_is_missing_later(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    with full_for_wal(ssh):
        sql(ssh, f"insert into precious (word) values ('{PLANTED}')")  # noqa: S608
        sql(ssh, "select pg_switch_wal()")
        before = points_of(digione)
        refused = digione("backup", "create", turvala, expect=1)
        assert re.search("D1-BACKUP-00[14]", refused.err), "it waited a minute for WAL"
        assert points_of(digione) == before
    sql(ssh, "delete from precious where n > 1")
    digione("backup", "create", turvala)
    reached(ssh, now(ssh))
    told = digione("backup", "list", turvala, "--json").json[f"points_{HOST}"]
    assert told["gaps"] == []
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


# A recovery point that is being made, of which all programs have a part.
MAKING = (
    "systemd-run --quiet --collect --unit=making --working-directory=/usr/local/lib/digione "
    "python3 -m digione_backup create --kind full"
)
KILLED = f"""
import subprocess, sys, time
unit = "making.service"
subprocess.run("{MAKING}".split(), check=True)
late = time.monotonic() + 120
while time.monotonic() < late:
    main = subprocess.run(
        ["systemctl", "show", "--property=MainPID", "--value", unit], capture_output=True, text=True
    ).stdout.strip()
    if subprocess.run(["pgrep", "-x", "-P", main, sys.argv[1]], capture_output=True).returncode == 0:
        subprocess.run(["systemctl", "kill", "--signal=KILL", unit], check=True)
        sys.exit()
sys.exit(sys.argv[1] + " was not seen")
"""


def test_a_recovery_point_that_is_killed_at_any_step_leaves_the_others_whole(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    before = points_of(digione)
    sql(ssh, "create table killed (n int)")
    for program in ("pgbackrest", "psql", "pg_dump", "restic"):
        sql(ssh, "insert into killed values (1)")  # or the exports of the last point would do
        on_host(ssh, f"sudo python3 - {program}", text=KILLED)
        assert points_of(digione) == before, f"{program} was killed"
    # Only its way to the target is cut off: the point is made, and comes there by itself.
    on_host(ssh, "sudo python3 - rclone", text=KILLED)
    reached(ssh, now(ssh))
    digione("backup", "create", turvala)
    found = digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]
    assert found["problems"] == []
    assert len(points_of(digione)) == len(before) + 2
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


LEFT = f"""
set -e
cd {VAULT}
restic="restic --repo=files --password-file=/etc/digione/backup/key --no-cache --quiet"
sleep 20 | $restic backup --stdin & sleep 3
pkill -KILL -x restic
ls files/locks/*
pack=$(ls files/data/*/* | head -1)
head -c 1000 $pack > $pack-tmp-123456
cd postgresql/backup/digione
cp -a $(ls -d *F | head -1) 20200101-000000F
rm 20200101-000000F/backup.manifest
"""


def test_what_killed_programs_leave_keeps_nobody_from_going_on(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    on_host(ssh, "sudo systemctl stop digione-backup")
    on_host(ssh, "sudo sh -s", text=LEFT)
    on_host(ssh, "sudo systemctl start digione-backup")
    assert digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]["problems"] == []
    digione("backup", "create", turvala)


def test_a_power_cut_while_a_recovery_point_is_made_loses_nothing(
    turvala: str, digione: Digione, ssh: Ssh, lab: Lab
) -> None:
    before = points_of(digione)
    sql(ssh, "insert into killed values (1)")
    on_host(ssh, f"sudo {MAKING}")
    until(ssh, "an export is made", "pgrep -x 'pg_dump|restic'")
    lab.kill(HOST)
    lab.up([HOST])
    until(ssh, "the database runs", "sudo -u postgres psql -c 'select 1'")
    digione("backup", "create", turvala)
    assert points_of(digione)[: len(before)] == before
    assert digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]["problems"] == []


def test_a_missing_wal_segment_is_a_gap_and_a_new_point_ends_it(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    moments = []
    for _ in range(3):
        moments.append(now(ssh))
        sql(ssh, "create table if not exists gap (n int); insert into gap values (1)")
        sql(ssh, "select pg_switch_wal()")
        time.sleep(1.1)
    looked(ssh)
    before = points_of(digione)
    on_host(ssh, "sudo systemctl stop digione-backup")
    segments = f"sudo find {VAULT}/postgresql/archive -name '*.zst' | grep -E '/[0-9A-F]{{24}}-' | sort"
    *_, lost, _ = on_host(ssh, segments).splitlines()
    on_host(ssh, f"sudo mv {lost} /root/lost; sudo systemctl start digione-backup")
    until(ssh, "a new recovery point", f'test "$(sudo ls {VAULT}/points | wc -l)" -gt {len(before)}')
    looked(ssh)
    gaps = digione("backup", "list", turvala, "--json", expect=None).json[f"points_{HOST}"]["gaps"]
    assert len(gaps) == 1
    refused = digione("restore", turvala, "--to", moments[-1], "--confirm", turvala, expect=2)
    assert "D1-RESTORE-003" in refused.err
    assert {p["file"] for p in problems(digione, "vault")} == {lost.removeprefix(f"{VAULT}/")}
    digione("restore", turvala, "--to", moments[0], "--dry-run")
    on_host(ssh, f"sudo mv /root/lost {lost}")
    assert digione("backup", "verify", turvala, "--json").json[f"verified_{HOST}"]["problems"] == []


def test_what_cannot_be_restored_is_said_before_anything_starts(turvala: str, digione: Digione) -> None:
    for wish, id_ in (
        (("--to", "2020-01-01T00:00Z"), "D1-RESTORE-002"),
        (("--to", "2099-01-01T00:00Z"), "D1-RESTORE-002"),
        (("--backup", "20200101-000000"), "D1-RESTORE-001"),
        (("--from", "nowhere"), "D1-BACKUP-023"),
    ):
        assert id_ in digione("restore", turvala, *wish, "--confirm", turvala, expect=2).err
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


ODD = '/var/lib/digione-platform/turvala/häät \'n\n"$(id)"; .txt'


def test_a_restore_to_a_moment_brings_back_what_was_dropped_and_nothing_later(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    on_host(ssh, f"sudo install -m 0644 /dev/stdin {shlex.quote(ODD)}", text="kept")
    before = now(ssh)
    time.sleep(1.5)
    sql(ssh, "drop table precious; create table later (n int)")
    process = digione.start("restore", turvala, "--to", before, "--confirm", turvala)
    until(ssh, "the database is put back", "! systemctl is-active --quiet postgresql@15-main")
    process.kill()
    process.wait()
    assert ssh(HOST, "systemctl is-active digione-platform@turvala").stdout.strip() != "active"
    assert "D1-BK-009" in digione("apply", turvala, "--yes", expect=3).err
    digione("restore", turvala, "--to", before, "--confirm", turvala)
    assert sql(ssh, "select word from precious") == PLANTED
    assert sql(ssh, "select to_regclass('later') is null") == "t"
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []
    assert digione("apply", turvala, "--yes").out.startswith("Nothing to do")


ASK = """
import json, ssl, sys, time, urllib.request
trust = ssl.create_default_context(cafile="/etc/digione/authority.pem")
answers = []
while not __import__("os").path.exists("/run/enough"):
    try:
        answers.append(urllib.request.urlopen(sys.argv[1], context=trust, timeout=5).status)
    except OSError as e:
        answers.append(str(e))
    time.sleep(0.2)
json.dump(answers, open("/run/answers", "w"))
"""


def points_of(digione: Digione) -> list[str]:
    found = digione("backup", "list", "turvala", "--json").json[f"points_{HOST}"]["points"]
    return [point["id"] for point in found]


KILL_STEP = """
import os, signal, subprocess, sys, time
step, program, late = sys.argv[1], sys.argv[2], time.monotonic() + 300
wanted = ["-m", "digione_backup", "restore", step]

def running():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline").read().split(chr(0))
        except OSError:
            continue
        if words[1:5] == wanted:
            yield int(pid)

while time.monotonic() < late:
    for pid in running():
        children = subprocess.run(["pgrep", "-x", "-P", str(pid), program], capture_output=True, text=True)
        if program == "-" or children.stdout:
            for one in (pid, *map(int, children.stdout.split())):
                os.kill(one, signal.SIGKILL)
            sys.exit()
"""


@contextmanager
def killed(ssh: Ssh, step: str, program: str = "-") -> Iterator[None]:
    """Kill a step of a restore on the host, as soon as it runs this program; it must have been seen."""
    on_host(ssh, "cat >/tmp/kill.py", text=KILL_STEP)
    on_host(ssh, f"sudo systemd-run --quiet --unit=kill-step python3 /tmp/kill.py {step} {program}")
    yield
    assert ssh(HOST, "systemctl is-active --quiet kill-step").returncode, f"{step} was not seen"


LATER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "later", "{head}"

def upgrade():
    op.create_table("of_a_later_release", sa.Column("n", sa.Integer()))
"""


def test_a_restore_that_is_killed_at_any_step_is_never_live_and_goes_on(
    turvala: str, digione: Digione, ssh: Ssh, lab: Lab
) -> None:
    """The point that was made before the last restore; it lies on a branch of the WAL that was left."""
    *_, point, _ = points_of(digione)
    on_host(ssh, f"sudo rm -f {shlex.quote(ODD)}")
    # A newer release comes: its migration runs after the restore.
    head = sql(ssh, "select version_num from alembic_version")
    versions = on_host(
        ssh, "ls -d /opt/digione/releases/*/venv/lib/*/site-packages/migrations/platform/versions"
    )
    on_host(ssh, f"sudo tee {versions}/later.py", text=LATER.format(head=head))
    sql(ssh, "create table too_late (n int)")
    restore = ("restore", turvala, "--backup", point, "--confirm", turvala)
    for step, program in (("begin", "-"), ("check", "-"), ("files", "restic"), ("prove", "psql")):
        with killed(ssh, step, program):
            assert "D1-BACKUP-028" in digione(*restore, expect=1).err
        if step != "begin":
            assert ssh(HOST, f"systemctl is-active digione-platform@{turvala}").stdout.strip() != "active"
    process = digione.start(*restore)
    until(ssh, "the database is put back", "pgrep -f 'pgbackrest.* restore'")
    lab.kill(HOST)
    process.communicate(timeout=600)
    lab.up([HOST])
    assert ssh(HOST, f"systemctl is-active digione-platform@{turvala}").stdout.strip() != "active"
    with killed(ssh, "end"):
        digione(*restore, expect=1)
    digione(*restore)
    assert on_host(ssh, f"sudo cat {shlex.quote(ODD)}") == "kept"
    assert sql(ssh, "select to_regclass('later') is not null and to_regclass('precious') is null") == "t"
    assert sql(ssh, "select to_regclass('too_late') is null") == "t"
    assert sql(ssh, "select version_num from alembic_version") == "later"
    on_host(ssh, f"sudo rm {versions}/later.py")
    undo = f"drop table of_a_later_release; update alembic_version set version_num = '{head}'"  # noqa: S608
    for tenant in ("turvala", "naapuri"):
        on_host(ssh, f"sudo -u postgres psql -q --set=ON_ERROR_STOP=1 platform_{tenant}", text=undo)
    reached(ssh, now(ssh))
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []


def test_one_tenant_goes_back_though_killed_at_any_step_while_its_neighbour_is_served(
    turvala: str, digione: Digione, ssh: Ssh
) -> None:
    logins = digione("accounts", "list", "turvala/turvala", "--json").out
    point = points_of(digione)[0]
    on_host(ssh, "sudo rm -f /run/enough; cat >/tmp/ask.py", text=ASK)
    on_host(ssh, f"sudo systemd-run --quiet python3 /tmp/ask.py https://{NEIGHBOUR}/healthz")
    restore = ("restore", turvala, "--tenant", "turvala", "--backup", point, "--confirm", turvala)
    for step, program in (
        *(("check", "-"), ("tenant-lay-out", "restic"), ("tenant-close", "-")),
        *(("tenant-put-back", "pg_restore"), ("tenant-prove", "-"), ("tenant-open", "-")),
    ):
        with killed(ssh, step, program):
            assert "D1-BACKUP-028" in digione(*restore, expect=1).err
        if step in ("tenant-put-back", "tenant-prove"):
            assert ssh(HOST, f"systemctl is-active digione-platform@{turvala}").stdout.strip() != "active"
    digione(*restore)
    on_host(ssh, "sudo touch /run/enough; sleep 1")
    assert set(json.loads(on_host(ssh, "cat /run/answers"))) == {200}
    assert sql(ssh, "select word from precious") == PLANTED
    assert digione("accounts", "list", "turvala/turvala", "--json").out == logins
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []
    refused = digione("restore", turvala, "--tenant", "nobody", "--confirm", turvala, expect=2)
    assert "naapuri, turvala" in refused.err


def test_a_drill_proves_everything_on_hosts_that_reach_nothing(
    turvala: str, digione: Digione, ssh: Ssh, lab: Lab
) -> None:
    on_host(
        ssh, "sudo systemctl stop digione-backup-create.timer"
    )  # the instance's own point would look like it
    before = points_of(digione)
    told = digione("drill", turvala, "--json").json["drill"]
    assert told["point"] == before[-1]
    assert told["audits"] == ["naapuri", "turvala"]
    assert {"guardian", "student", "teacher"} <= set(told["sign_ins"]["turvala"])
    assert told["rows"] > 1000
    assert told["files"] >= 2
    assert told["cut_off"] == 2, "the host itself, and that with the copies"
    assert points_of(digione) == before, "nothing of it came to the target"
    on_host(ssh, "sudo systemctl start digione-backup-create.timer")
    assert not list((lab.folder / "drill").glob("hosts/*"))
    shown = digione("status", turvala, "--json").json["last_drill"]
    assert shown == told
    assert "D1-DRILL-001" in digione("drill", turvala, "--from", "nowhere", expect=2).err


@contextmanager
def written(lab: Lab) -> Iterator[list[tuple[int, str]]]:
    """Write row after row while the block runs; yield those that were acknowledged, and when."""
    argv = ["ssh", "-F", str(lab.ssh_config), HOST, "sudo -u postgres psql -qtA platform_turvala"]
    statement = (
        "insert into precious (word) values ('acknowledged') returning n, "
        "to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"');\n"
    )
    acknowledged: list[tuple[int, str]] = []
    psql = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    stdin, stdout, over = psql.stdin, psql.stdout, Event()
    assert stdin
    assert stdout

    def write() -> None:
        with suppress(OSError):
            while not over.wait(0.02):
                stdin.write(statement)
                number, _, moment = stdout.readline().strip().partition("|")
                if not moment:
                    return
                acknowledged.append((int(number), moment))

    writing = Thread(target=write)
    writing.start()
    try:
        yield acknowledged
    finally:
        over.set()
        psql.kill()
        writing.join()
        psql.wait()


def test_target_and_recovery_kit_alone_bring_everything_back(
    turvala: str, digione: Digione, ssh: Ssh, lab: Lab
) -> None:
    files_kept = f"sudo grep -A2 newest {KNOWN} | tail -1"
    before = on_host(ssh, files_kept)
    password = digione("accounts", "password", "turvala/turvala", "rehtori.esimerkki").out.strip()
    until(ssh, "the directory is kept", f'test "$({files_kept})" != "{before}"')
    with written(lab) as acknowledged:
        reached(ssh, now(ssh))
        until_then = on_host(ssh, f'sudo grep -oP \'"until": "\\K[^"]+\' {KNOWN} | tail -1')
        lab.kill(HOST)
    lab.down([HOST])
    for folder in (digione.inventories / "turvala", digione.home / "state"):
        shutil.rmtree(folder)
    (digione.home / "keys/turvala").unlink()
    lab.up([HOST], 2048)
    lab.resolve(HOST, DOMAINS)
    shares = [str(digione.home / f"turvala-kit-{number}-of-3.txt") for number in (3, 1)]
    assert "D1-KIT-002" in digione("restore", turvala, "--kit", shares[0], expect=2).err
    digione("restore", turvala, "--kit", shares[0], "--kit", shares[1])
    # Nobody can be asked about the host key here: --onto has written the address when it says so.
    digione("restore", turvala, "--onto", lab.host(HOST).address, "--confirm", turvala, expect=2)
    digione("trust", turvala, "--yes")
    restored = digione("restore", turvala, "--confirm", turvala)
    assert "from copies" in restored.out + restored.err
    there = {int(n) for n in sql(ssh, "select n from precious").split()}
    due = [n for n, moment in acknowledged if moment <= until_then]
    assert len(due) > 100
    assert set(due) <= there, "what was acknowledged before the recovery point"
    person = "uid=rehtori.esimerkki,ou=people,ou=turvala,dc=digione"
    as_her = f"ldapwhoami -x -H ldapi:/// -D {person} -y /dev/stdin"
    assert person in on_host(ssh, as_her, text=password), "the password of after the last recovery point"
    assert digione("doctor", turvala, "--json").json.get("findings", []) == []
    digione("audit", "verify", turvala)
    digione("backup", "create", turvala)
    points = digione("backup", "list", turvala, "--json").json[f"points_{HOST}"]["points"]
    assert len(points) > 8, "those of the lost host, and those since"
    assert all(p["where"] == ["vault", "copies"] for p in points)
