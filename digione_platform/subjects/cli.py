"""``digione-platform subject``: the rights of the data subject."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_platform.errors import InputError, PartlyDone, PlatformError
from digione_platform.i18n import Texts, mark, texts_of_command

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

LONGEST_REASON = 500
Named = Annotated[str, typer.Argument(metavar="PERSON", help="Username, or identifier of the platform.")]


def _named_nobody(reason: str) -> str:
    """A reason as it was given; it stays in the audit for ever."""
    from digione_platform.roster.identifiers import holds_personal_identity_code

    if holds_personal_identity_code(reason, mistyped=True):
        raise InputError(
            "P-SUBJECT-008",
            mark("Nothing was done"),
            mark("a personal identity code stands in the reason, which is kept for ever"),
            mark("give the number of the request or decision instead"),
        )
    if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise InputError(
            "P-SUBJECT-009",
            mark("Nothing was done"),
            mark("the reason is no line of 1 to {longest} printable characters"),
            mark("give the number of the request or decision"),
            longest=LONGEST_REASON,
        )
    return reason


Reason = Annotated[
    str,
    typer.Option(help="Why; it is written to the audit. Name nobody in it.", callback=_named_nobody),
]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@app.command("export")
def export_person(
    person: Named,
    file: Annotated[Path, typer.Argument(help="The zip file to write; it must not exist yet.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Export all data of a person: a zip archive with JSON and a page to read."""
    from digione_platform.actor import operator_name
    from digione_platform.core.models import Person
    from digione_platform.subjects import rights
    from digione_platform.subjects.page import of_person

    what = mark("Nothing was exported")
    with _transaction() as (session, settings, _):
        found = rights.find_person(session, person, what)
        tenant = settings.tenant
        own = session.get_one(Person, found).language
        texts = Texts(own or tenant.languages[0])

        def page(**values: Any) -> str:
            municipality = tenant.name_in(texts.language)
            return of_person(texts, municipality=municipality, at=datetime.now(UTC), **values)

        archive = rights.export(session, found, operator_name(), reason, page)
        _write(file, archive, what)
    told = texts_of_command().gettext(mark("All data of {person} were exported."), person=found)
    _tell({"person": str(found), "bytes": len(archive)}, told, as_json)


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
    from digione_platform.subjects import erased, rights

    what, texts = mark("Nothing was erased"), texts_of_command()
    if not dry_run:
        if not confirm and sys.stdin.isatty():
            asked = mark("This cannot be undone. To go on, type the person once more")
            confirm = typer.prompt(texts.gettext(asked), err=True)
        if confirm != person:
            raise InputError(
                "P-SUBJECT-004",
                what,
                mark("it was not confirmed"),
                mark("look first with --dry-run, then give the person once more with --confirm"),
            )
    with _transaction() as (session, settings, engine):
        found = rights.find_person(session, person, what)
        receipt = rights.erase(
            session, found, today=today(), operator=operator_name(), reason=reason, apply=not dry_run
        )
    with _transaction() as (session, settings, engine):
        erased.remember(session, settings)
    failure = None if dry_run else _leave_directory(engine, settings)
    _tell(receipt, "\n".join(_lines(receipt, texts)), as_json)
    if failure:
        raise failure


@app.command()
def hold(
    person: Named,
    reason: Reason,
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day on which it may go.")] = "",
    as_json: AsJson = False,
) -> None:
    """Keep a person's data from being erased, until a day or until it is released."""
    from digione_platform.actor import operator_name
    from digione_platform.core import audit
    from digione_platform.core.audit import Act, By
    from digione_platform.core.models import RetentionHold
    from digione_platform.i18n import today
    from digione_platform.subjects import rights

    what = mark("Nothing is held")
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError as error:
        raise InputError(
            "P-SUBJECT-005", what, mark("{day} is not a day"), mark("write it as 2031-07-31"), day=until
        ) from error
    if day and day <= today():
        raise InputError(
            "P-SUBJECT-010",
            what,
            mark("{day} is over"),
            mark("give a day to come, or none"),
            day=until,
        )
    with _transaction() as (session, _, _engine):
        found = rights.find_person(session, person, what)
        session.add(RetentionHold(person_id=found, reason=reason, until=day, actor=operator_name()))
        audit.record(session, By(), Act.HOLD_SUBJECT, [found], reason=reason, operator=operator_name())
    held = mark("{person} is held until {day}.") if day else mark("{person} is held until it is released.")
    texts = texts_of_command()
    told = texts.gettext(held, person=found, day=day and texts.date(day))
    _tell({"person": str(found), "held": True, "until": day and day.isoformat()}, told, as_json)


@app.command()
def release(person: Named, reason: Reason, as_json: AsJson = False) -> None:
    """Lift all holds on a person's data."""
    from sqlalchemy import delete

    from digione_platform.actor import operator_name
    from digione_platform.core import audit
    from digione_platform.core.audit import Act, By
    from digione_platform.core.models import RetentionHold
    from digione_platform.subjects import rights

    with _transaction() as (session, _, _engine):
        found = rights.find_person(session, person, mark("Nothing was released"))
        session.execute(delete(RetentionHold).where(RetentionHold.person_id == found))
        audit.record(session, By(), Act.RELEASE_SUBJECT, [found], reason=reason, operator=operator_name())
    told = texts_of_command().gettext(mark("{person} is not held."), person=found)
    _tell({"person": str(found), "held": False}, told, as_json)


def _tell(document: dict[str, Any], told: str, as_json: bool) -> None:
    shown = json.dumps(document, ensure_ascii=False, indent=2) if as_json else told
    sys.stdout.write(shown + "\n")


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
        return PartlyDone(
            "P-SUBJECT-006",
            mark("The data were erased, the account is still in the directory"),
            error.why,
            mark("when the directory answers: digione-platform accounts sync"),
            **error.values,
        )
    return None


def _write(path: Path, content: bytes, what: str) -> None:
    try:
        # For nobody else's eyes, and never over another file.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
    except OSError as error:
        raise InputError(
            "P-SUBJECT-007",
            what,
            "{file}: {reason}",
            mark("name a file that does not exist yet, in a folder that does"),
            file=path,
            reason=error.strerror,
        ) from error


def _lines(receipt: dict[str, Any], texts: Texts) -> Iterator[str]:
    from digione_platform.core.holders import holders

    titles = {one.table: texts.gettext(one.title) for holder in holders() for one in holder.personal}
    names = max(map(len, titles.values())) + 1
    heads = [texts.gettext(head) for head in (mark("erased"), mark("kept"))]
    widths = [max(9, len(head) + 2) for head in heads]
    yield " " * names + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    for table, title in titles.items():
        counts = (receipt[kind].get(table, 0) for kind in ("erased", "kept"))
        yield f"{title:{names}}" + "".join(f"{n:{width}}" for n, width in zip(counts, widths, strict=True))
    yield ""
    yield from (texts.gettext(mark("Held: {reason}"), reason=hold) for hold in receipt["holds"])
    if receipt["applied"]:
        told = mark("Erased: {person}. Receipt {receipt}, SHA-256 {sha256}")
        yield texts.gettext(told, **{key: receipt[key] for key in ("person", "receipt", "sha256")})
    else:
        yield texts.gettext(mark("Dry run: nothing was erased."))
