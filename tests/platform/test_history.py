"""Every change of master data keeps who, when and what it was."""

from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from digione_platform.core.history import acts_as
from digione_platform.core.models import Base
from digione_platform.db import MIGRATIONS, migrate, open_database
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.settings import Settings
from tests.platform.bundles import PROVIDER, delta, valid, write
from tests.platform.conftest import Databases, settings_for
from tests.platform.town import Town

# What has no history: it is one itself, has a state of its own, or belongs to another part.
WITHOUT = {
    "audit_chain",
    "audit_events",
    "row_history",
    "roster_imports",
    "roster_uploads",
    "retention_periods",
    "retention_holds",
    "sign_ins",
    "news",
    "letters",
    "recovery_points",
}


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return open_database(settings)


def history(engine: Engine, table: str, where: str = "true") -> list[tuple[Any, ...]]:
    kept = f"select actor, change, before from row_history where table_name = '{table}'"  # noqa: S608
    query = f"{kept} and {where} order by id"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_every_table_of_master_data_keeps_its_history(engine: Engine) -> None:
    with engine.connect() as connection:
        query = "select distinct tgrelid::regclass::text from pg_trigger where tgname like '%keep_history%'"
        kept = set(connection.execute(text(query)).scalars())
    core = {
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if mapper.class_.__module__ == "digione_platform.core.models"
    }
    assert core - kept == WITHOUT


def test_who_when_and_what_it_was(engine: Engine, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    with Session(engine) as session, session.begin():
        session.execute(select(acts_as("oona")))
        session.execute(text("update persons set phone = '1' where id = :id"), {"id": person})
        session.execute(text("update persons set phone = '1'"))
    found = history(engine, "persons", f"change = 'update' and row_id = '{person}'")
    assert [(who, before["phone"]) for who, _, before in found] == [("oona", "+358 50 000 0000")]
    # Only for the transaction; and nobody is named where nobody was told.
    with Session(engine) as session, session.begin():
        session.execute(text("update persons set phone = '2' where id = :id"), {"id": person})
    assert history(engine, "persons", f"row_id = '{person}'")[-1][0] is None


def test_a_row_that_is_added_or_deleted(engine: Engine, town: Town) -> None:
    with Session(engine) as session, session.begin():
        child = {"child": town.people["Eero Öhman"]}
        session.execute(text("delete from guardianships where child_id = :child"), child)
    kinds = [kind for _, kind, _ in history(engine, "guardianships")]
    assert kinds == ["insert"] * (len(kinds) - 1) + ["delete"]


def test_a_change_that_changes_nothing_is_none(engine: Engine) -> None:
    before = history(engine, "persons")
    with Session(engine) as session, session.begin():
        session.execute(text("update persons set given_name = given_name"))
    assert history(engine, "persons") == before


def test_an_import_and_its_undo_are_in_the_history(empty: Engine, tmp_path: Any) -> None:
    def take(files: Any, kind: str = "bulk") -> None:
        path = write(tmp_path / "bundle.zip", files, kind=kind)
        import_bundle(empty, path, tenant_oid=PROVIDER, actor="oona", apply=True)

    take(valid())
    take({"users": delta([{**valid()["users"][1], "givenName": "Simo"}])}, "delta")
    undo_import(empty, actor="olli")
    person = "row_id = (select id::text from persons where sourced_id = 'p2') and import_id is not null"
    found = history(empty, "persons", person)
    names = [(who, kind, before and before["given_name"]) for who, kind, before in found]
    assert names == [("oona", "insert", None), ("oona", "update", "Šimo"), ("olli", "update", "Simo")]


def test_who_set_a_non_disclosure_before_it_was_noted_is_known_by_the_history(databases: Databases) -> None:
    engine = open_database(settings_for(databases.copy()))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.execute(
            text("""
                insert into persons (sourced_id, given_name, family_name, nondisclosure)
                    values ('here', 'A', 'B', false), ('roster', 'C', 'B', false), ('both', 'D', 'B', false),
                        ('first', 'E', 'B', true);
                insert into roster_imports (id, actor, kind, file_name, sha256, counts) values
                    ('00000000-0000-4000-8000-000000000001', 'oona', 'bulk', 'x.zip', '', '{}');
                update persons set nondisclosure = true where sourced_id in ('here', 'both');
                update persons set nondisclosure = false where sourced_id = 'both';
                update persons set phone = '1';
                select set_config('digione.import', '00000000-0000-4000-8000-000000000001', true);
                update persons set nondisclosure = true where sourced_id in ('roster', 'both')
            """)
        )
    migrate(engine)
    with engine.connect() as connection:
        query = "select sourced_id from persons where nondisclosure_origin = 'platform'"
        assert connection.execute(text(query)).scalars().all() == ["here"]
        written = "select count(*) from row_history where actor is null and before ? 'nondisclosure_origin'"
        assert connection.execute(text(written)).scalar() == 0


def test_imports_of_before_the_history_can_still_be_undone(databases: Databases) -> None:
    engine = open_database(settings_for(databases.copy()))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text("""
                insert into roster_imports (id, actor, kind, file_name, sha256, counts)
                    values (gen_random_uuid(), 'oona', 'bulk', 'x.zip', '', '{}');
                insert into persons (sourced_id, given_name, family_name)
                    values ('a', 'A', 'B'), ('c', 'C', 'B');
                insert into guardianships (guardian_id, child_id) select a.id, c.id
                    from persons a, persons c where a.sourced_id = 'a' and c.sourced_id = 'c';
                insert into roster_changes (import_id, table_name, row_id, change, after)
                    select i.id, 'persons', p.id::text, 'insert', '' from roster_imports i, persons p;
                insert into roster_changes (import_id, table_name, row_id, change, after)
                    select i.id, 'guardianships', g.child_id || ' ' || g.guardian_id, 'insert', ''
                    from roster_imports i, guardianships g
            """)
        )
    migrate(engine)
    assert undo_import(engine, actor="olli")["tables"] == {
        "persons": {"restored": 0, "removed": 2},
        "guardianships": {"restored": 0, "removed": 1},
    }
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from persons")).scalar() == 0
    engine.dispose()
