"""A municipality that an earlier release keeps comes over to this one's schema without loss."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.chain import verify
from digione_platform.db import _alembic, is_current, migrate, open_database
from tests.platform.conftest import Databases, settings_for
from tests.platform.town import Town

FIRST = "0001"
# In an order in which rows can be put in, each after those that it refers to.
TABLES = (
    "organisations",
    "academic_sessions",
    "persons",
    "courses",
    "groups",
    "group_sessions",
    "roles",
    "enrolments",
    "guardianships",
    "accounts",
    "sign_ins",
    "roster_imports",
    "audit_events",
)
COLUMNS = """
    select column_name from information_schema.columns
    where table_schema = 'public' and table_name = :table and is_generated = 'NEVER' order by 1
"""


def columns_of(connection: Connection, table: str) -> str:
    """The columns of a table that can be written, as SQL lists them."""
    return ", ".join(f'"{name}"' for name in connection.scalars(text(COLUMNS), {"table": table}))


def rows_of(connection: Connection, columns: dict[str, str]) -> dict[str, Any]:
    """The rows of all tables, in these columns."""
    return {
        table: connection.scalar(
            text(f"select json_agg(t order by t::text) from (select {listed} from {table}) t")  # noqa: S608
        )
        for table, listed in columns.items()
    }


@pytest.fixture
def old(databases: Databases, built: tuple[str, Town]) -> Iterator[Engine]:
    """The town, and events of its audit, as the first release kept them."""
    town = open_database(settings_for(databases.copy(built[0])))
    engine = open_database(settings_for(databases.copy()))
    config = _alembic()
    with engine.begin() as there, town.connect() as here:
        config.attributes["connection"] = there
        command.upgrade(config, FIRST)
        columns = {table: columns_of(there, table) for table in TABLES}
        for table, rows in rows_of(here, columns).items():
            there.execute(
                text(
                    f"insert into {table} ({columns[table]}) overriding system value "  # noqa: S608
                    f"select {columns[table]} from json_populate_recordset(null::{table}, :rows)"
                ),
                {"rows": json.dumps(rows or [])},
            )
        there.execute(
            text("""
                insert into audit_events (action, subject, detail)
                select 'view pupil', id, jsonb_build_object('operator', 'pääkäyttäjä') from persons limit 5
            """)
        )
    town.dispose()
    yield engine
    engine.dispose()


def test_no_row_is_lost_and_the_audit_is_chained(old: Engine) -> None:
    with old.connect() as connection:
        columns = {table: columns_of(connection, table) for table in TABLES}
        before = rows_of(connection, columns)
    assert len(before["persons"]) > 10
    assert len(before["audit_events"]) == 5
    migrate(old)
    assert is_current(old)
    with old.connect() as connection:
        assert rows_of(connection, columns) == before
    with old.connect() as connection:
        verdict = verify(connection)
    assert (verdict.wrong, verdict.head.position) == ("", 5)


def test_guardians_keep_the_rights_that_they_had(old: Engine) -> None:
    migrate(old)
    with old.connect() as connection:
        found = connection.execute(
            text(
                "select distinct kind, restrictions, joint_custody, valid_from, valid_to, origin, status "
                "from guardianships"
            )
        ).all()
    assert found == [("custodian", [], None, None, None, "roster", "active")]


def test_events_of_after_follow_those_of_before(old: Engine) -> None:
    migrate(old)
    with Session(old) as session, session.begin():
        audit.record(session, By(), Act.IMPORT, rows=6)
    with old.connect() as connection:
        verdict = verify(connection)
    assert (verdict.wrong, verdict.head.position) == ("", 6)
