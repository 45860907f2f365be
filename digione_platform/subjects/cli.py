"""``digione-platform subject``: the rights of the data subject."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_platform.errors import InputError, PlatformError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

Named = Annotated[str, typer.Argument(metavar="PERSON", help="Username, or identifier of the platform.")]
Reason = Annotated[str, typer.Option(help="Why; it is written to the audit. Name nobody in it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@app.command("export")
def export_person(
    person: Named,
    reason: Reason,
    to: Annotated[Path | None, typer.Option(metavar="FILE.zip", help="File to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The archive within JSON, as base64.")] = False,
) -> None:
    """Export all data of a person: a zip archive with JSON and a page to read."""
    from digione_platform.actor import operator_name
    from digione_platform.core.models import Person
    from digione_platform.i18n import Texts
    from digione_platform.subjects import rights
    from digione_platform.web.render import document

    what = "Nothing was exported"
    if (to is None) != as_json:
        raise InputError("P-SUBJECT-003", what, "it is not said where to", "give either --to or --json")
    with _transaction() as (session, settings, _):
        found = rights.find_person(session, person, what)
        tenant = settings.tenant
        own = session.get_one(Person, found).language
        texts = Texts(own or tenant.languages[0])

        def page(**values: Any) -> str:
            municipality = tenant.name_in(texts.language)
            return document("subject.html", texts, municipality=municipality, at=datetime.now(UTC), **values)

        archive = rights.export(session, found, operator_name(), reason, page)
        if to is not None:
            _write(to, archive, what)
    if as_json:
        told = {"person": str(found), "zip": base64.b64encode(archive).decode()}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(f"{to}: all data of {found}\n")


@app.command("erase")
def erase_person(
    person: Named,
    reason: Reason,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be erased; change nothing.")
    ] = False,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="PERSON", help="The person once more, instead of asking.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Erase all data of a person, and the account in the directory; print a receipt."""
    from digione_platform.actor import operator_name
    from digione_platform.i18n import today
    from digione_platform.subjects import rights

    what = "Nothing was erased"
    if not dry_run:
        if not confirm and sys.stdin.isatty():
            confirm = typer.prompt("This cannot be undone. To go on, type the person once more", err=True)
        if confirm != person:
            raise InputError(
                "P-SUBJECT-004",
                what,
                "it was not confirmed",
                "look first with --dry-run, then give the person once more with --confirm",
            )
    with _transaction() as (session, settings, engine):
        found = rights.find_person(session, person, what)
        receipt = rights.erase(
            session, found, today=today(), operator=operator_name(), reason=reason, apply=not dry_run
        )
    failure = None if dry_run else _leave_directory(engine, settings)
    if as_json:
        sys.stdout.write(json.dumps(receipt, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(receipt)) + "\n")
    if failure:
        raise failure


@app.command()
def hold(
    person: Named,
    reason: Reason,
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day on which it may go.")] = "",
) -> None:
    """Keep a person's data from being erased, until a day or until it is released."""
    from digione_platform.actor import operator_name
    from digione_platform.core import audit
    from digione_platform.core.audit import Act, By
    from digione_platform.core.models import RetentionHold
    from digione_platform.subjects import rights

    what = "Nothing is held"
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError as error:
        raise InputError("P-SUBJECT-005", what, f"{until} is not a day", "write it as 2031-07-31") from error
    with _transaction() as (session, _, _engine):
        found = rights.find_person(session, person, what)
        session.add(RetentionHold(person_id=found, reason=reason, until=day, actor=operator_name()))
        audit.record(session, By(), Act.HOLD_SUBJECT, [found], reason=reason, operator=operator_name())
    sys.stdout.write(f"{found} is held{f' until {day}' if day else ''}\n")


@app.command()
def release(person: Named, reason: Reason) -> None:
    """Lift all holds on a person's data."""
    from sqlalchemy import delete

    from digione_platform.actor import operator_name
    from digione_platform.core import audit
    from digione_platform.core.audit import Act, By
    from digione_platform.core.models import RetentionHold
    from digione_platform.subjects import rights

    with _transaction() as (session, _, _engine):
        found = rights.find_person(session, person, "Nothing was released")
        session.execute(delete(RetentionHold).where(RetentionHold.person_id == found))
        audit.record(session, By(), Act.RELEASE_SUBJECT, [found], reason=reason, operator=operator_name())
    sys.stdout.write(f"{found} is not held\n")


@contextmanager
def _transaction() -> "Iterator[tuple[Session, Settings, Engine]]":
    from sqlalchemy.orm import Session

    from digione_platform.db import ready_database
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine, Session(engine) as session, session.begin():
        yield session, settings, engine


def _leave_directory(engine: "Engine", settings: "Settings") -> PlatformError | None:
    from digione_platform.accounts import sync_directory

    try:
        sync_directory(engine, settings)
    except PlatformError as error:
        return PlatformError(
            "P-SUBJECT-006",
            "The data were erased, the account is still in the directory",
            error.why,
            "when the directory answers: digione-platform accounts sync",
        )
    return None


def _write(path: Path, content: bytes, what: str) -> None:
    try:
        # For nobody else's eyes, and never over another file.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
    except OSError as error:
        raise InputError(
            "P-SUBJECT-007", what, f"{path}: {error.strerror}", "name a file that is not there yet"
        ) from error


def _lines(receipt: dict[str, Any]) -> Iterator[str]:
    yield f"{'':18}{'erased':>9}{'kept':>9}"
    for table, count in receipt["erased"].items():
        yield f"{table.replace('_', ' '):18}{count:9}{0:9}"
    for table, count in receipt["kept"].items():
        yield f"{table.replace('_', ' '):18}{0:9}{count:9}"
    yield ""
    yield from (f"Held: {hold}" for hold in receipt["holds"])
    if receipt["applied"]:
        yield f"Erased: {receipt['person']}. Receipt {receipt['receipt']}, SHA-256 {receipt['sha256']}"
    else:
        yield "Dry run: nothing was erased."
