"""Every change of master data keeps who, when and what it was."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core.history import act_as
from digione_platform.core.models import Base
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.settings import Settings
from tests.platform.bundles import PROVIDER, delta, valid, write
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
}


@pytest.fixture
def engine(settings: Settings) -> Engine:
    from digione_platform.db import open_database

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
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__module__ == "digione_platform.core.models"
    }
    assert core - kept == WITHOUT


def test_who_when_and_what_it_was(engine: Engine, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    with Session(engine) as session, session.begin():
        act_as(session, "oona")
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
