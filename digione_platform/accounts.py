"""``digione-platform accounts``: who may sign in, in the database and in the directory."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_platform.errors import InputError, PlatformError
from digione_platform.i18n import mark, texts_of_command, today

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from digione_platform.directory import Entry
    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

MAX_PASSWORD = 1024
FEW_ACCOUNTS = 1000
NOT_CHANGED = mark("The password of {username} was not changed")


@app.command("list")
def list_accounts(as_json: Annotated[bool, typer.Option("--json", help="List as JSON.")] = False) -> None:
    """List the accounts: username, name, roles, and whether they may sign in."""
    from digione_platform.db import ready_database
    from digione_platform.settings import load_settings

    with ready_database(load_settings()) as engine:
        rows = account_rows(engine)
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    if not rows:
        sys.stdout.write(texts_of_command().gettext(mark("There are no accounts yet.")) + "\n")
    closed = texts_of_command().gettext(mark("(may not sign in)"))
    for row in rows:
        state = "" if row["enabled"] else f"  {closed}"
        sys.stdout.write(f"{row['username']:32} {row['name']:32} {', '.join(row['roles'])}{state}\n")


@app.command()
def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would change; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Bring the directory to the accounts of the database; a second run changes nothing."""
    from digione_platform.db import ready_database
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine:
        done = sync_directory(engine, settings, dry_run=dry_run)
    if done is None:
        raise _no_directory(mark("The accounts were not brought to the directory"))
    if as_json:
        sys.stdout.write(json.dumps(done) + "\n")
    else:
        told = mark("directory: {added} added, {changed} changed, {removed} removed, {unchanged} unchanged")
        if dry_run:
            told = mark(
                "directory, not changed yet: {added} to add, {changed} to change, {removed} to remove"
            )
        sys.stdout.write(texts_of_command().gettext(told, **done) + "\n")


@app.command()
def password(username: Annotated[str, typer.Argument(help="Whose password.")]) -> None:
    """Set a new password, read from standard input."""
    from digione_platform.db import ready_database
    from digione_platform.directory import open_directory
    from digione_platform.settings import load_settings

    settings = load_settings()
    if settings.directory is None:
        raise _no_directory(NOT_CHANGED, username=username)
    name = username.lower()
    with ready_database(settings) as engine:
        enabled = is_enabled(engine, name)
    if enabled is None:
        raise InputError(
            "P-ACCOUNTS-004",
            NOT_CHANGED,
            mark("there is no such account"),
            "digione-platform accounts list",
            username=username,
        )
    if not enabled:
        raise InputError(
            "P-ACCOUNTS-005",
            NOT_CHANGED,
            mark("the account may not sign in"),
            mark("enable the person at the source of the roster"),
            username=username,
        )
    new = _read_password(username)
    with open_directory(settings.directory, settings.authority) as people:
        people.set_password(name, new)
    with ready_database(settings) as engine:
        record_new_password(engine, name)
    done = texts_of_command().gettext(mark("{username} has a new password"), username=name)
    sys.stderr.write(f"{done}\n")


def sync_directory(
    engine: "Engine",
    settings: "Settings",
    *,
    after: "UUID | None" = None,
    only: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, int] | None:
    """Bring the directory to all accounts, to those that the import ``after`` touched, or to ``only`` some.

    A dry run only tells what would be done.
    Gives what was done, or None where there is no directory. Only when all went well is it noted that the
    directory has followed: what it missed is made good by the next sync or import.
    """
    from sqlalchemy import text

    from digione_platform.directory import compare, open_directory

    if settings.directory is None:
        return None
    touched = _touched(engine, after) if after else only
    with open_directory(settings.directory, settings.authority) as people:
        found = people.all() if touched is None else people.some(touched)
        changes = compare(wanted_entries(engine, touched), found)
        if dry_run:
            return changes.as_json()
        people.apply(changes)
    if only is not None:
        return changes.as_json()
    with engine.begin() as connection:
        connection.execute(
            text(
                "update roster_imports set followed = true where not followed and id = coalesce(:after, id)"
            ),
            {"after": after},
        )
    return changes.as_json()


def directory_is_behind(engine: "Engine", settings: "Settings") -> bool:
    """Whether the directory did not follow an earlier import or undo."""
    from sqlalchemy import text

    with engine.connect() as connection:
        missed = connection.execute(text("select exists (select from roster_imports where not followed)"))
        return settings.directory is not None and bool(missed.scalar())


def _touched(engine: "Engine", import_id: "UUID") -> list[str] | None:
    """The accounts that an import touched; None if they are so many that all may as well be compared."""
    from sqlalchemy import text

    query = text("""
        select id::text from accounts where id::text in (
            select row_id from row_history where import_id = :id and table_name = 'accounts'
        ) or person_id::text in (
            select row_id from row_history where import_id = :id and table_name = 'persons'
        ) limit :limit
    """)
    with engine.connect() as connection:
        found = list(connection.execute(query, {"id": import_id, "limit": FEW_ACCOUNTS + 1}).scalars())
    return found if len(found) <= FEW_ACCOUNTS else None


def wanted_entries(engine: "Engine", numbers: list[str] | None = None) -> "Iterator[Entry]":
    """The directory's entries as the accounts, all or those of the given identifiers, have them."""
    from sqlalchemy import text

    from digione_platform.directory import Entry

    query = text("""
        select a.id, a.username, coalesce(p.preferred_given_name, p.given_name),
            coalesce(p.preferred_family_name, p.family_name), p.language, p.learner_number, not a.enabled
        from accounts a join persons p on p.id = a.person_id
        where :all or a.id = any(cast(:numbers as uuid[])) order by a.username
    """)
    chosen = {"all": numbers is None, "numbers": numbers or []}
    with engine.connect() as connection:
        for number, *rest in connection.execution_options(yield_per=1000).execute(query, chosen):
            yield Entry(str(number), *rest)


def account_rows(engine: "Engine") -> list[dict[str, Any]]:
    """Accounts in the order of their usernames, with the active roles of their people."""
    from sqlalchemy import text

    from digione_platform.core.names import name_sql

    query = text(f"""
        select a.username, {name_sql("p")} as name, a.enabled,
            coalesce(array_agg(distinct r.role order by r.role) filter (where r.id is not null), '{{}}')
                as roles
        from accounts a join persons p on p.id = a.person_id
        left join roles r on r.person_id = p.id and r.status = 'active'
            and coalesce(r.begin_date, :today) <= :today
            and coalesce(r.end_date, 'infinity') > :today
        group by a.id, p.id order by a.username
    """)  # noqa: S608 - from the expression above
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query, {"today": today()}).mappings()]


def is_enabled(engine: "Engine", username: str) -> bool | None:
    """Whether an account may sign in; None if there is none of that name."""
    from sqlalchemy import text

    with engine.connect() as connection:
        found = connection.execute(
            text("select enabled from accounts where username = :name"), {"name": username}
        )
        return found.scalar()


def record_new_password(engine: "Engine", username: str) -> None:
    """Write down in the audit that an operator gave someone a new password, and sign its old holders out."""
    from sqlalchemy import text

    from digione_platform.actor import operator_name
    from digione_platform.core.audit import Act

    query = text("""
        insert into audit_events (action, subject, detail)
        select cast(:act as text), person_id, jsonb_build_object('operator', cast(:operator as text))
        from accounts where username = :name
    """)
    with engine.begin() as connection:
        connection.execute(
            query, {"name": username, "operator": operator_name(), "act": Act.NEW_PASSWORD.value}
        )
        connection.execute(
            text("""
                delete from sign_ins where account_id = (select id from accounts where username = :name)
            """),
            {"name": username},
        )


def _read_password(username: str) -> str:
    if sys.stdin.isatty():
        question = texts_of_command().gettext(mark("New password"))
        new: str = typer.prompt(question, hide_input=True, confirmation_prompt=True, err=True)
    else:
        try:
            new = sys.stdin.read(MAX_PASSWORD + 2).removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise InputError(
                "P-ACCOUNTS-008",
                NOT_CHANGED,
                mark("standard input is not UTF-8"),
                mark("send UTF-8"),
                username=username,
            ) from error
    if not new or len(new) > MAX_PASSWORD or "\n" in new or "\x00" in new:
        raise InputError(
            "P-ACCOUNTS-008",
            NOT_CHANGED,
            mark("standard input is not one line with a password"),
            mark("send one line, the new password"),
            username=username,
        )
    return new


def _no_directory(what: str, **values: object) -> PlatformError:
    return InputError(
        "P-ACCOUNTS-001",
        what,
        mark("the settings name no directory: people sign in elsewhere"),
        mark("in the sandbox, sign in as any sample person"),
        **values,
    )
