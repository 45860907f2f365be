"""The operator's registry of instances, tenants and runs: one SQLite file.

Alembic keeps its schema (``migrations/registry``); it is loaded only when the file is not at the newest
revision. Each write is durable before it is told (WAL and synchronous=FULL).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from digione_cli.errors import PreconditionError
from digione_cli.model.facts import Facts, HostFacts
from digione_cli.model.plan import Run, StepOutcome
from digione_cli.texts import t

if TYPE_CHECKING:
    from digione_cli.model.instance import Instance

HEAD = "r0001"
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations/registry"


class Registry:
    """Reads and writes the registry's file; makes it when something is written first."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self.file, timeout=20)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA foreign_keys=ON")
                revision = self._revision(connection)
                if revision > HEAD:
                    newer = t("it was written by a newer digione (schema {revision})", revision=revision)
                    raise sqlite3.DatabaseError(newer)
                if revision < HEAD:
                    self._migrate()
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as e:
            raise PreconditionError(
                "D1-LOCAL-002",
                t("The registry of this machine cannot be used"),
                f"{self.file}: {e}",
                t("make room, mend the file's rights or use the newer digione, then run this again"),
            ) from None

    @staticmethod
    def _revision(connection: sqlite3.Connection) -> str:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return ""
        return str(row[0]) if row else ""

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        engine = create_engine(f"sqlite:///{self.file}")
        try:
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except SQLAlchemyError as e:
            raise sqlite3.OperationalError(str(e).splitlines()[0]) from None
        finally:
            engine.dispose()

    def record_seen(self, instance: Instance, facts: Facts, at: str) -> None:
        """Remember what was seen on an instance's hosts; hosts that left with it on them are kept in mind."""
        _, before = self.seen().get(instance.name, ("", {}))
        known = {h: before[h] for h in self.left_hosts(instance)} | facts
        seen = json.dumps({name: known[name].model_dump(mode="json") for name in known})
        releases = sorted({f.release for f in facts.values() if f.release})
        with self._open() as c:
            c.execute(
                "INSERT INTO instances VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET release = excluded.release, hosts = excluded.hosts, seen = excluded.seen",
                (instance.name, ", ".join(releases), seen, at),
            )
            c.execute("DELETE FROM tenants WHERE instance = ?", (instance.name,))
            rows = [(instance.name, t.slug, t.code, t.domain) for t in instance.tenants]
            c.executemany("INSERT INTO tenants VALUES (?, ?, ?, ?)", rows)

    def seen(self) -> dict[str, tuple[str, dict[str, HostFacts]]]:
        """Return, by instance, when it was seen last and what was seen on its hosts."""
        if not self.file.exists():
            return {}
        with self._open() as c:
            rows = c.execute("SELECT name, seen, hosts FROM instances ORDER BY name").fetchall()
        return {
            name: (at, {host: HostFacts.model_validate(f) for host, f in json.loads(hosts).items()})
            for name, at, hosts in rows
        }

    def left_hosts(self, instance: Instance) -> tuple[str, ...]:
        """Return the hosts on which the instance was seen last and that its inventory no longer names."""
        _, hosts = self.seen().get(instance.name, ("", {}))
        return tuple(
            name
            for name, seen in hosts.items()
            if name not in instance.hosts and (seen.services or seen.kept) and seen.instance == instance.name
        )

    def record_run(self, run: Run) -> None:
        """Write a run, or overwrite what was known of it."""
        steps = json.dumps([s.model_dump(mode="json") for s in run.steps])
        with self._open() as c:
            c.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run.id, run.instance, run.verb, run.who, run.started, run.ended, run.outcome, steps),
            )

    def runs(self, instance: str, limit: int = 20) -> tuple[Run, ...]:
        """Return the newest runs of an instance, newest first."""
        if not self.file.exists():
            return ()
        with self._open() as c:
            rows = c.execute(
                "SELECT id, instance, verb, who, started, ended, outcome, steps FROM runs "
                "WHERE instance = ? ORDER BY started DESC, id DESC LIMIT ?",
                (instance, limit),
            ).fetchall()
        keys = ("id", "instance", "verb", "who", "started", "ended", "outcome")
        return tuple(
            Run(
                **dict(zip(keys, row[:7], strict=True)),
                steps=tuple(StepOutcome.model_validate(s) for s in json.loads(row[7])),
            )
            for row in rows
        )

    def seconds(self, instance: str) -> dict[str, float]:
        """Return how long each step took when it last did something, by step."""
        known: dict[str, float] = {}
        for run in reversed(self.runs(instance)):
            known |= {s.step: s.seconds for s in run.steps if s.outcome in ("done", "unchanged")}
        return known

    def forget_host(self, instance: str, host: str) -> None:
        """Drop what was seen on a host of an instance."""
        at, hosts = self.seen()[instance]
        seen = json.dumps({name: f.model_dump(mode="json") for name, f in hosts.items() if name != host})
        with self._open() as c:
            c.execute("UPDATE instances SET hosts = ? WHERE name = ? AND seen = ?", (seen, instance, at))

    def forget(self, instance: str) -> None:
        """Drop what is known of an instance: another one has its name from now on."""
        with self._open() as c:
            c.execute("DELETE FROM instances WHERE name = ?", (instance,))
            c.execute("DELETE FROM runs WHERE instance = ?", (instance,))
