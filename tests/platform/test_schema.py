"""The migrations make exactly the schema that the models describe."""

from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core.models import Base, Organisation, OrganisationKind, Person
from digione_platform.core.names import sort_key
from digione_platform.db import is_current, migrate, open_database
from tests.platform.conftest import Databases, settings_for

COLUMNS = """
    select table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
        collation_name, is_identity, identity_generation, generation_expression
    from information_schema.columns where table_schema = 'public' order by 1, 2
"""
CONSTRAINTS = """
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace and contype <> 't' order by 1, 2
"""
INDEXES = "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2"


def schema(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            query: [tuple(row) for row in connection.execute(text(query)) if row[0] != "alembic_version"]
            for query in (COLUMNS, CONSTRAINTS, INDEXES)
        }


def test_migrations_make_the_schema_of_the_models(empty: Engine, databases: Databases) -> None:
    modelled = open_database(settings_for(databases.copy()))
    Base.metadata.create_all(modelled)
    wanted, found = schema(modelled), schema(empty)
    modelled.dispose()
    for query in wanted:
        assert found[query] == wanted[query]


def test_migrating_twice_changes_nothing(empty: Engine) -> None:
    before = schema(empty)
    migrate(empty)
    assert schema(empty) == before
    assert is_current(empty)


def test_a_database_that_was_never_migrated_is_not_current(databases: Databases) -> None:
    engine = open_database(settings_for(databases.copy()))
    assert not is_current(engine)
    engine.dispose()


def test_python_and_database_sort_names_alike(empty: Engine) -> None:
    names = [
        ("Åke", "Öhman"),
        ("Élise", "d'Árvore"),
        ("Zoë", "Šeila-Ærø"),
        ("ÄITI", "von Wright"),
        ("Ñ", "Ÿ"),
    ]
    with Session(empty) as session:
        people = [
            Person(sourced_id=str(number), given_name=given, family_name=family)
            for number, (given, family) in enumerate(names)
        ]
        session.add_all(people)
        session.commit()
        assert [one.sort_name for one in people] == [sort_key(f"{family} {given}") for given, family in names]


def test_every_row_of_oneroster_keeps_what_oneroster_says_of_it(empty: Engine) -> None:
    with Session(empty) as session:
        row = Organisation(sourced_id="x", kind=OrganisationKind.SCHOOL, name="Koulu")
        session.add(row)
        session.commit()
        assert (row.status, row.last_modified is not None) == ("active", True)
