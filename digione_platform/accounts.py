"""``digione-platform accounts``: who may sign in, in the database and in the directory."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_platform.errors import InputError, PlatformError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from digione_platform.directory import Entry
    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

MAX_PASSWORD = 1024


@app.command("list")
def list_accounts(as_json: Annotated[bool, typer.Option("--json", help="List as JSON.")] = False) -> None:
    """List the accounts: username, name, roles, and whether they may sign in."""
    from digione_platform.settings import load_settings

    with _database(load_settings()) as engine:
        rows = account_rows(engine)
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    for row in rows:
        state = "" if row["enabled"] else "  (may not sign in)"
        sys.stdout.write(f"{row['username']:32} {row['name']:32} {', '.join(row['roles'])}{state}\n")


@app.command()
def sync(as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False) -> None:
    """Bring the directory to the accounts of the database; a second run changes nothing."""
    from digione_platform.settings import load_settings

    settings = load_settings()
    with _database(settings) as engine:
        done = sync_directory(engine, settings)
    if done is None:
        raise _no_directory("The accounts were not brought to the directory")
    if as_json:
        sys.stdout.write(json.dumps(done) + "\n")
    else:
        sys.stdout.write("directory: " + ", ".join(f"{count} {what}" for what, count in done.items()) + "\n")


@app.command()
def password(username: Annotated[str, typer.Argument(help="Whose password.")]) -> None:
    """Set a new password, read from standard input."""
    from digione_platform.directory import open_directory
    from digione_platform.settings import load_settings

    settings = load_settings()
    what = f"The password of {username} was not changed"
    if settings.directory is None:
        raise _no_directory(what)
    name = username.lower()
    with _database(settings) as engine:
        enabled = is_enabled(engine, name)
    if enabled is None:
        raise InputError("P-ACCOUNTS-004", what, "there is no such account", "digione-platform accounts list")
    if not enabled:
        raise InputError(
            "P-ACCOUNTS-005",
            what,
            "the account may not sign in",
            "enable the person at the source of the roster",
        )
    new = _read_password(what)
    with open_directory(settings.directory, settings.authority) as people:
        people.set_password(name, new)
    sys.stderr.write(f"{name} has a new password\n")


def sync_directory(engine: "Engine", settings: "Settings") -> dict[str, int] | None:
    """Bring the directory to the accounts; gives what was done, or None where there is no directory."""
    from digione_platform.directory import compare, open_directory

    if settings.directory is None:
        return None
    with open_directory(settings.directory, settings.authority) as people:
        changes = compare(wanted_entries(engine), people.all())
        people.apply(changes)
    return changes.as_json()


def wanted_entries(engine: "Engine") -> "Iterator[Entry]":
    """The directory's entries as the accounts have them."""
    from sqlalchemy import text

    from digione_platform.directory import Entry

    query = text("""
        select a.id, a.username, coalesce(p.preferred_given_name, p.given_name),
            coalesce(p.preferred_family_name, p.family_name), p.language, p.learner_number, not a.enabled
        from accounts a join persons p on p.id = a.person_id order by a.username
    """)
    with engine.connect() as connection:
        for number, *rest in connection.execution_options(yield_per=1000).execute(query):
            yield Entry(str(number), *rest)


def account_rows(engine: "Engine") -> list[dict[str, Any]]:
    """Accounts in the order of their usernames, with the active roles of their people."""
    from sqlalchemy import text

    query = text("""
        select a.username, coalesce(p.preferred_given_name, p.given_name) || ' '
                || coalesce(p.preferred_family_name, p.family_name) as name,
            a.enabled,
            coalesce(array_agg(distinct r.role order by r.role) filter (where r.id is not null), '{}')
                as roles
        from accounts a join persons p on p.id = a.person_id
        left join roles r on r.person_id = p.id and r.status = 'active'
            and coalesce(r.begin_date, current_date) <= current_date
            and coalesce(r.end_date, 'infinity') > current_date
        group by a.id, p.id order by a.username
    """)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def is_enabled(engine: "Engine", username: str) -> bool | None:
    """Whether an account may sign in; None if there is none of that name."""
    from sqlalchemy import text

    with engine.connect() as connection:
        found = connection.execute(
            text("select enabled from accounts where username = :name"), {"name": username}
        )
        return found.scalar()


@contextmanager
def _database(settings: "Settings") -> "Iterator[Engine]":
    from sqlalchemy.exc import OperationalError

    from digione_platform.db import database_away, open_database

    engine = open_database(settings)
    try:
        yield engine
    except OperationalError as error:
        raise database_away(error) from error
    finally:
        engine.dispose()


def _read_password(what: str) -> str:
    if sys.stdin.isatty():
        new: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        try:
            new = sys.stdin.read(MAX_PASSWORD + 2).removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise InputError("P-ACCOUNTS-008", what, "standard input is not UTF-8", "send UTF-8") from error
    if not new or len(new) > MAX_PASSWORD or "\n" in new or "\x00" in new:
        raise InputError(
            "P-ACCOUNTS-008",
            what,
            "standard input is not one line with a password",
            "send one line, the new password",
        )
    return new


def _no_directory(what: str) -> PlatformError:
    return InputError(
        "P-ACCOUNTS-001",
        what,
        "the settings name no directory: people sign in elsewhere",
        "in the sandbox, sign in as any sample person",
    )
