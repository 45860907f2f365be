"""The operator's registry: what is written is read again, by this release or with a clear error."""

import sqlite3
from pathlib import Path

import pytest

from digione_cli.errors import PreconditionError
from digione_cli.model.plan import Run, StepOutcome
from digione_cli.world.registry import HEAD, MIGRATIONS, Registry
from tests import fakes
from tests.fakes import TENANT, load, write_inventory
from tests.unit.conftest import House

RUN = Run(
    id="1",
    verb="apply",
    instance="kuhmo",
    who="maija@desk",
    started="2026-11-24T10:00:00Z",
    ended="2026-11-24T10:05:00Z",
    outcome="done",
    steps=(
        StepOutcome(step="configure-base", title="Configure base", outcome="done", changed=3, seconds=61.5),
        StepOutcome(step="configure-gateway", title="Configure gateway", outcome="failed", error="{{ x }}"),
    ),
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "state/registry.sqlite")


def test_reading_makes_no_file(registry: Registry) -> None:
    assert registry.seen() == {}
    assert registry.runs("kuhmo") == ()
    assert registry.seconds("kuhmo") == {}
    assert not registry.file.exists()


def test_runs_are_read_as_they_were_written(registry: Registry) -> None:
    registry.record_run(RUN.model_copy(update={"outcome": "running", "ended": "", "steps": ()}))
    registry.record_run(RUN)
    assert registry.runs("kuhmo") == (RUN,)
    assert registry.runs("sotkamo") == ()


def test_the_newest_run_comes_first(registry: Registry) -> None:
    later = RUN.model_copy(update={"id": "0", "started": "2026-11-25T10:00:00Z"})
    registry.record_run(later)
    registry.record_run(RUN)
    assert [r.id for r in registry.runs("kuhmo")] == ["0", "1"]
    assert [r.id for r in registry.runs("kuhmo", limit=1)] == ["0"]


def test_expected_times_follow_from_steps_that_went_well(registry: Registry) -> None:
    registry.record_run(RUN)
    assert registry.seconds("kuhmo") == {"configure-base": 61.5}


def test_what_was_seen_is_read_as_it_was_written(registry: Registry, tmp_path: Path) -> None:
    folder = write_inventory(tmp_path)
    of = fakes.applied(fakes.situation(load(tmp_path)))
    registry.record_seen(of.instance, of.facts, "2026-11-24T10:00:00Z")
    other = TENANT.replace("290", "765").replace("2907", "7658").replace("koulu", "koti")
    (folder / "tenants/sotkamo.yml").write_text(other)
    registry.record_seen(load(tmp_path), of.facts, "2026-11-24T11:00:00Z")
    at, hosts = registry.seen()["kuhmo"]
    assert at == "2026-11-24T11:00:00Z"
    assert hosts == of.facts
    with sqlite3.connect(registry.file) as c:
        assert c.execute("SELECT slug FROM tenants ORDER BY slug").fetchall() == [("kuhmo",), ("sotkamo",)]


def test_of_a_forgotten_instance_nothing_is_left(registry: Registry, tmp_path: Path) -> None:
    write_inventory(tmp_path)
    of = fakes.situation(load(tmp_path))
    registry.record_seen(of.instance, of.facts, "2026-11-24T10:00:00Z")
    registry.record_run(RUN)
    registry.forget("kuhmo")
    assert registry.seen() == {}
    assert registry.runs("kuhmo") == ()
    with sqlite3.connect(registry.file) as c:
        assert c.execute("SELECT count(*) FROM tenants").fetchone() == (0,)


SCHEMA = {
    "instances": ["name", "release", "hosts", "seen"],
    "tenants": ["instance", "slug", "code", "domain"],
    "runs": ["id", "instance", "verb", "who", "started", "ended", "outcome", "steps"],
}


def test_migrations_give_the_schema_that_is_written_to(registry: Registry) -> None:
    registry.record_run(RUN)
    with sqlite3.connect(registry.file) as c:
        tables = {t: [r[1] for r in c.execute(f"PRAGMA table_info({t})")] for t in SCHEMA}
        assert c.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert c.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert tables == SCHEMA


def test_the_newest_migration_is_the_one_that_the_registry_asks_for() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def _newer(file: Path) -> None:
    Registry(file).record_run(RUN)
    with sqlite3.connect(file) as c:
        c.execute("UPDATE alembic_version SET version_num = 'r9999'")


def _no_database(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("this is no database at all, but it is long enough to be looked at\n" * 40)


def _folder(file: Path) -> None:
    file.mkdir(parents=True)


def _half(file: Path) -> None:
    Registry(file).record_run(RUN)
    with sqlite3.connect(file) as c:
        c.execute("DELETE FROM alembic_version")


@pytest.mark.parametrize("spoil", [_newer, _no_database, _folder, _half])
def test_a_registry_that_cannot_be_used_is_told(kuhmo: House, spoil: object) -> None:
    assert callable(spoil)
    spoil(kuhmo.settings.registry)
    with pytest.raises(PreconditionError) as caught:
        Registry(kuhmo.settings.registry).record_run(RUN)
    assert caught.value.id == "D1-LOCAL-002"
    assert "registry.sqlite" in caught.value.why
    result = kuhmo.run("status")
    assert result.code == 3
    assert "D1-LOCAL-002" in result.err


def test_a_newer_registry_names_what_wrote_it(registry: Registry) -> None:
    _newer(registry.file)
    with pytest.raises(PreconditionError, match="newer digione"):
        registry.seen()
