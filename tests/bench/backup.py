"""Backups of a tenant's database of 2 GB and 1 GB of files on a host, and plain tools for the same work.

``DIGIONE_BENCH_MB`` makes the database smaller; files are half of it. A change is a hundredth of each.
"""

import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

import httpx2

from digione_cli.lab import Lab
from digione_cli.lab.requirements import require
from digione_cli.world.remote import visitor
from tests.bench import load
from tests.bench.clock import Row, seconds
from tests.conftest import CHECKOUT, OID, Digione

MB = 1_000_000
DATABASE = int(os.environ.get("DIGIONE_BENCH_MB", "2000")) * MB
FILES = DATABASE // 2
CHANGE = DATABASE // 100

INSTANCE, HOST, STORAGE = "mittala", "mittala1", "mittavarasto1"
DOMAIN = "mittala.digione.test"
DOMAINS = [DOMAIN, f"auth.{DOMAIN}"]
MEMORY_MB = 2048
VAULT = "/var/lib/digione/backup"
TENANT = f"platform_{INSTANCE}"
RATE, USUAL_SECONDS, SLICE_SECONDS = 10, 60, 10
PROGRAM = "cd /usr/local/lib/digione && python3 -m digione_backup"

# Seconds by the clock and of the processors: of the unit that it runs in, and of the server meanwhile.
METER = """
import json, subprocess, sys, time
def cpu():
    mine = open("/proc/self/cgroup").read().rpartition("::")[2].strip()
    of = [mine, "/system.slice/system-postgresql.slice"]
    return sum(int(open(f"/sys/fs/cgroup{one}/cpu.stat").read().split()[1]) for one in of) / 1e6
before, began = cpu(), time.monotonic()
done = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True)
print(json.dumps({"seconds": time.monotonic() - began, "cpu": cpu() - before, "said": done.stdout}))
"""

# A table like that of the history of rows, with its indexes: two identifiers and a digest, which nothing
# compresses, and 300 characters out of the names and addresses of the sample town, which do.
ROWS = """
create table if not exists grown (like row_history including all);
insert into grown (actor, table_name, row_id, change, before)
select gen_random_uuid(), 'persons', gen_random_uuid(), 'update', jsonb_build_object(
  'digest', encode(sha256(n::text::bytea || random()::text::bytea), 'hex'),
  'text', substr(words, 1 + (random() * (length(words) - 300))::int, 300))
from generate_series(1, {rows}) n, (
  select string_agg(concat_ws(' ', given_name, family_name, email, id), ', ') words
  from (select * from persons limit 100) as people) as corpus
"""

# Files of 20 to 400 kB: by turns of what nothing compresses, as pictures, and of words.
FILL = """
import os, random, sys
folder, wanted = sys.argv[1], int(sys.argv[2])
os.makedirs(folder)
words = [os.urandom(4).hex()[: random.randint(2, 8)] for _ in range(3000)]
number = 0
while wanted > 0:
    size = min(random.randint(20_000, 400_000), wanted)
    text = " ".join(random.choices(words, k=size // 4)).encode()[:size]
    with open(f"{folder}/{number}", "wb") as file:
        wanted -= file.write(os.urandom(size) if number % 2 else text)
    number += 1
"""

# Writes a row each second, and looks how far behind the copy at the target is: the worst of all looks.
WRITE = """
import datetime, json, os, subprocess, time
worst = 0
while not os.path.exists("/run/enough"):
    subprocess.run(["runuser", "-u", "postgres", "--", "psql", "-q", "-d", "{database}",
        "-c", "create table if not exists beats (at timestamptz)", "-c", "insert into beats values (now())"],
        check=True, stderr=subprocess.DEVNULL, cwd="/")
    known = json.load(open("/var/lib/digione/backup.json"))["targets"]
    for target in known.values():
        until = datetime.datetime.fromisoformat(target["until"])
        worst = max(worst, (datetime.datetime.now(datetime.UTC) - until).total_seconds())
    time.sleep(1)
print(worst)
"""


@dataclass(frozen=True)
class Place:
    """An instance of one host, whose copies go to a second one."""

    lab: Lab
    digione: Digione
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def trusted(self) -> ssl.SSLContext:
        """Trusts the instance's certificates."""
        shown = self.digione("secrets", "show", INSTANCE, "authority_certificate")
        return ssl.create_default_context(cadata=shown.out)

    def start(self, command: str) -> "subprocess.Popen[str]":
        """Start a command as root on the host."""
        argv = ["ssh", "-F", str(self.lab.ssh_config), HOST, shlex.join(["sudo", "bash", "-euc", command])]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8")

    def run(self, command: str, text: str = "") -> str:
        """Carry out a command as root on the host; what it prints."""
        return ended(self.start(command), text)

    def metered(self, command: str, user: str = "root") -> "Metered":
        """Carry out a command on the host; what it took."""
        argv = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--", "python3", "-"]
        argv += ["runuser", "-u", user, "--", "bash", "-euc", command]
        told = json.loads(self.run(shlex.join(argv), METER))
        return Metered(told["seconds"], told["cpu"], told["said"])

    def sql(self, statement: str, database: str = TENANT) -> str:
        """Ask the host's database."""
        return self.run(f"runuser -u postgres -- psql -XqtA -v ON_ERROR_STOP=1 {database}", statement)

    def settle(self) -> None:
        """Wait until all that was written is in the vault."""
        self.sql("select pg_switch_wal()")
        while self.sql("select count(*) from pg_ls_archive_statusdir() where name like '%.ready'") != "0":
            time.sleep(1)

    def copied(self) -> None:
        """Wait until the target has all that was written so far."""
        now = self.run("date -u +%Y-%m-%dT%H:%M:%S+00:00")
        while True:
            known = json.loads(self.run("cat /var/lib/digione/backup.json"))["targets"]
            if all(target.get("until", "") >= now for target in known.values()):
                return
            time.sleep(2)


@dataclass(frozen=True)
class Metered:
    """Seconds by the clock and of the processors, the database server's included; and what was printed."""

    seconds: float
    cpu: float
    said: str

    @property
    def told(self) -> str:
        return f"{self.cpu:.1f} s of processors, {self.seconds:.1f} s"


def ended(process: "subprocess.Popen[str]", text: str = "") -> str:
    """Wait for the end of a process, which must be good; what it printed."""
    out, err = process.communicate(text)
    if process.returncode:
        raise RuntimeError(err[-600:])
    return out.strip()


@contextmanager
def place() -> Iterator[Place]:
    """Hosts of their own with the sample town; all taken down at the end, whatever happened."""
    store = CHECKOUT / ".lab"
    folder = store / f"bench-{os.getpid()}"
    require(folder)
    lab = Lab(folder, store=store)
    with tempfile.TemporaryDirectory(prefix="digione-bench-") as name:
        home = Path(name)
        (home / "inventories").mkdir()
        there = Place(lab, Digione(home, folder))
        try:
            _install(there)
            yield there
        finally:
            lab.down()
            shutil.rmtree(folder, ignore_errors=True)


def _install(there: Place) -> None:
    there.lab.up([HOST], MEMORY_MB)
    there.lab.up([STORAGE], 512)
    there.digione(
        *("init", INSTANCE, "--lab", HOST, "--code", "999", "--oid", OID, "--name-fi", "Mittala"),
        *("--name-sv", "Mätby", "--domain", DOMAIN, "--contact", "operator@mittala.example"),
        *("--backup-host", STORAGE),
    )
    there.digione("lab", "storage", STORAGE, INSTANCE)
    there.lab.resolve(HOST, DOMAINS)
    there.digione("apply", INSTANCE, "--yes")
    logins = there.digione("sample", "install", INSTANCE, "--json").json["sample_logins"]
    there.logins.update({one["role"]: (one["username"], one["password"]) for one in logins})


def measured() -> Iterator[Row]:
    """Everything that is promised of backups."""
    with place() as there:
        _grow(there)
        yield from _compared(there)
        yield from _meanwhile(there)
        yield from _changed(there)
        yield from _restored(there)
        yield from _recovered(there)


def _grow(there: Place) -> None:
    while (size := int(there.sql(f"select pg_database_size('{TENANT}')"))) < DATABASE:
        there.sql(ROWS.format(rows=max(5_000, min(150_000, (DATABASE - size) // 900))))
    there.run(f"python3 - /var/lib/digione-platform/{INSTANCE}/grown {FILES}", FILL)
    there.sql("vacuum analyze")
    there.sql("checkpoint")
    there.settle()


def _compared(there: Place) -> Iterator[Row]:
    """Making a backup: how much work it is beside pg_dump, and how long if nothing changed."""
    size = int(there.sql(f"select pg_database_size('{TENANT}')"))
    yield "the database, and files beside", f"{size / MB:.0f} MB, {FILES / MB:.0f} MB", "–"
    plain = there.metered(f"pg_dump -Fc {TENANT} >/var/tmp/plain.dump", "postgres")
    yield "pg_dump -Fc", f"{plain.told}: {size / MB / plain.cpu:.0f} MB/s of a processor", "–"
    take = "from digione_backup import database, settings; database.base_backup(settings.load(), 'full')"
    base = there.metered(f"cd /usr/local/lib/digione && python3 -c {shlex.quote(take)}")
    ratio = f"≥ 2.5 times pg_dump: {plain.cpu / base.cpu:.1f} times"
    yield "full base backup", f"{base.told}: {size / MB / base.cpu:.0f} MB/s of a processor", ratio
    whole = there.metered(f"{PROGRAM} create --kind full")
    ratio = f"pg_dump: {plain.cpu / whole.cpu:.1f} times"
    yield "… all of a full recovery point, copied to the target", whole.told, ratio
    again = there.metered(f"{PROGRAM} create")
    made = json.loads(again.said)["point"]
    yield f"the next recovery point ({made['kind']}), nothing changed", f"{made['seconds']:.0f} s", "≤ 5 s"
    yield "… copied to the target", again.told, "–"


def _meanwhile(there: Place) -> Iterator[Row]:
    """The platform and the copy's lag, as usual and while a full backup runs as it does by itself."""
    there.copied()
    writer = there.start("rm -f /run/enough; python3 -c " + shlex.quote(WRITE.format(database=TENANT)))
    asks = cycle(_asks(there))
    end = time.monotonic() + USUAL_SECONDS
    usual = _asked(there, asks, lambda: time.monotonic() < end)
    backup = there.start(f"{PROGRAM.replace('python3', 'nice ionice -c idle python3')} create --kind full")
    busy = _asked(there, asks, lambda: backup.poll() is None)
    ended(backup)
    time.sleep(30)
    there.run("touch /run/enough")
    worst = float(ended(writer))
    for when, answers in (("as usual", usual), ("while a full backup runs", busy)):
        told = f"{median(answers.all):.0f} ms, {load.percentile(answers.all, 95):.0f} ms"
        failed = f"{len(answers.failed)} of {len(answers.all)} failed"
        yield f"{RATE} requests a second {when}: median, 95th percentile", told, failed
    ratio = load.percentile(busy.all, 95) / load.percentile(usual.all, 95)
    yield "… 95th percentile, of the usual one", f"{ratio:.1f} times", "≤ 1.5 times"
    yield "recovery point: the copy was behind by at most, meanwhile", f"{worst:.0f} s", "≤ 60 s"


def _asks(there: Place) -> list[load.Ask]:
    """What people look at and a service reads, again and again; a page for each answer to the service."""
    pages = {role: _signed_in(there, role) for role in ("guardian", "teacher", "principal")}
    return [
        *(load.Ask(f"page of a {role}", "/", {"cookie": cookie}) for role, cookie in pages.items()),
        *_read_by_a_service(there),
    ]


def _signed_in(there: Place, role: str) -> str:
    """Sign somebody in as a browser does; the cookie that says so."""
    user, password = there.logins[role]
    with httpx2.Client(base_url=f"https://{DOMAIN}", verify=there.trusted, follow_redirects=True) as browser:
        asked = browser.get("/sign-in").raise_for_status()
        form = visitor.Form()
        form.feed(asked.text)
        given = {**form.fields, "user": user, "password": password}
        page = browser.post(asked.url.join(form.action), data=given).raise_for_status()
        if "/sign-out" not in page.text:
            raise RuntimeError(f"{role} did not get in")
        return "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar if one.domain == DOMAIN)


def _read_by_a_service(there: Place) -> list[load.Ask]:
    added = there.digione(
        *("clients", "add", INSTANCE, "Mittari", "--scope", "roster.readonly"),
        *("--contact", "tuki@mittari.example", "--json"),
    ).json
    login = (added["client_id"], added["client_secret"])
    with httpx2.Client(base_url=f"https://{DOMAIN}", verify=there.trusted) as http:
        grant = {"grant_type": "client_credentials"}
        answer = http.post("/ims/oneroster/token", data=grant, auth=login).raise_for_status()
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    address = "/ims/oneroster/rostering/v1p2"
    return [
        load.Ask(one, f"{address}/{one}?limit=20", headers) for one in ("users", "classes", "enrollments")
    ]


def _asked(there: Place, asks: Iterator[load.Ask], going_on: Callable[[], bool]) -> load.Answers:
    answers = load.Answers()
    while going_on():
        some = load.run_at(
            f"https://{DOMAIN}", there.trusted, lambda: next(asks), rate=RATE, seconds=SLICE_SECONDS
        )
        for kind, times in some.by_kind.items():
            answers.by_kind.setdefault(kind, []).extend(times)
        answers.failed += some.failed
    return answers


def _changed(there: Place) -> Iterator[Row]:
    """What the next recovery point adds to the vault, of rows and files that came."""
    there.digione("backup", "create", INSTANCE)
    before, size = _kept(there), int(there.sql(f"select pg_database_size('{TENANT}')"))
    there.sql(ROWS.format(rows=CHANGE // 800))
    there.run(f"python3 - /var/lib/digione-platform/{INSTANCE}/more {CHANGE}", FILL)
    there.settle()
    there.digione("backup", "create", INSTANCE)
    rows = int(there.sql(f"select pg_database_size('{TENANT}')")) - size
    added = {part: now - before[part] for part, now in _kept(there).items()}
    yield (
        f"the next one after {rows / MB:.0f} MB of rows and {CHANGE / MB:.0f} MB of files adds",
        f"{sum(added.values()) / MB:.0f} MB, {sum(added.values()) / (rows + CHANGE):.1f} times",
        "≤ 1.3 times",
    )
    parts = ", ".join(f"{part} {size / MB:.0f} MB" for part, size in added.items() if size > MB / 10)
    yield "… of it", parts, "–"


def _kept(there: Place) -> dict[str, int]:
    """Bytes in the parts of the vault."""
    parts = ("postgresql/backup", "postgresql/archive", "files", "sums", "points")
    said = there.run("cd " + VAULT + " && du -sb --apparent-size " + " ".join(parts))
    return {part: int(size) for size, part in (line.split() for line in said.splitlines())}


def _restored(there: Place) -> Iterator[Row]:
    """Putting the database back: how much work it is beside pg_restore."""
    there.sql("create database plain", "postgres")
    plain = there.metered("pg_restore -d plain /var/tmp/plain.dump", "postgres")
    there.sql("drop database plain", "postgres")
    yield "pg_restore into an empty database", plain.told, "–"
    there.settle()
    config = "--config=/etc/digione/backup/pgbackrest.conf --stanza=digione --pg1-path=/var/tmp/again"
    put_back = f"pgbackrest {config} --archive-mode=off"
    # Until it takes writes: what was written since the base backup is replayed.
    go = (
        "/usr/lib/postgresql/15/bin/pg_ctl -s -t 600 -w -D /var/tmp/again -o "
        "'-c config_file=/etc/postgresql/15/main/postgresql.conf -c data_directory=/var/tmp/again "
        "-c port=5499 -c unix_socket_directories=/var/tmp/again -c external_pid_file= -c archive_mode=off' "
    )
    for what, option in (("into an empty folder", ""), ("over what is there (--delta)", "--delta")):
        there.run("install -d -o postgres -g postgres -m 0700 /var/tmp/again")
        done = there.metered(f"{put_back} {option} restore && {go} start && {go} stop", "postgres")
        yield f"restore {what}, WAL replayed", done.told, f"≤ 1/3 of pg_restore: 1/{plain.cpu / done.cpu:.1f}"
    there.run("rm -rf --one-file-system /var/tmp/again /var/tmp/plain.dump")


def _recovered(there: Place) -> Iterator[Row]:
    """The host is lost: how long it takes from an empty one until it answers again."""
    there.sql("insert into beats values (now())")
    time.sleep(60)  # until that is at the target, as the recovery point promises
    rows = there.sql("select count(*) from grown")
    there.lab.down([HOST])
    there.lab.up([HOST], MEMORY_MB)
    there.lab.resolve(HOST, DOMAINS)
    file = there.digione.inventories / INSTANCE / "instance.yml"
    address = there.lab.host(HOST).address
    file.write_text(re.sub(rf"({HOST}:\n    address: )\S+", rf'\g<1>"{address}"', file.read_text()))
    began = time.monotonic()
    there.digione("trust", INSTANCE, "--yes")
    told = there.digione("restore", INSTANCE, "--confirm", INSTANCE, "--json").json["run"]
    httpx2.get(f"https://{DOMAIN}/healthz", verify=there.trusted).raise_for_status()
    took = time.monotonic() - began
    if there.sql("select count(*) from grown") != rows:
        raise RuntimeError("rows are missing after the restore")
    yield "recovery of a lost host onto an empty one", f"{took:.0f} s", "≤ 300 s"
    steps = sorted(told["steps"], key=lambda step: -step["seconds"])
    first = took - sum(step["seconds"] for step in steps)
    yield "… of it, before the plan: the backup program is installed, choices are made", f"{first:.0f} s", "–"
    parts = ", ".join(f"{step['step']} {step['seconds']:.0f} s" for step in steps[:7])
    yield "… the longest steps", parts, "–"
    copy = f"digione-backup@{there.lab.host(STORAGE).address}:backups/{INSTANCE}/{HOST}"
    keys = "-B -i /etc/digione/backup/ssh_key -o UserKnownHostsFile=/etc/digione/backup/known_hosts"
    plain = seconds(partial(there.run, f"scp -qr {keys} {copy} /var/tmp/copy"))
    yield "plain scp of the copy onto it", f"{plain:.0f} s", f"recovery: {took / plain:.1f} times"
