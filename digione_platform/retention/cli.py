"""``digione-platform retention``: what is kept no longer is deleted, after a look."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from digione_platform.i18n import mark, texts_of_command

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@app.command()
def preview(as_json: AsJson = False) -> None:
    """Tell how long what is kept, and what would be deleted today; change nothing."""
    from datetime import UTC, datetime

    from digione_platform.retention.periods import due

    with _transaction() as (session, _, _engine):
        found = due(session, datetime.now(UTC))
    if as_json:
        rows = [{"rule": d.rule.key, "days": d.days, "due": d.rows, "held": d.held} for d in found]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    texts = texts_of_command()
    for one in found:
        told = texts.ngettext(
            "{title}: kept {count} day; due {rows}, held {held}",
            "{title}: kept {count} days; due {rows}, held {held}",
            one.days,
            title=texts.gettext(one.rule.title),
            rows=one.rows,
            held=one.held,
        )
        sys.stdout.write(f"{told}\n")


@app.command("apply")
def carry_out(as_json: AsJson = False) -> None:
    """Delete what is due, and print a receipt; data that are held stay. See to moves that have come."""
    from datetime import UTC, datetime

    from digione_platform.accounts import sync_directory
    from digione_platform.actor import operator_name
    from digione_platform.core.schools import follow_moves
    from digione_platform.i18n import today
    from digione_platform.retention.periods import apply
    from digione_platform.subjects import erased

    with _transaction() as (session, settings, engine):
        follow_moves(session, today())
        receipt = apply(session, datetime.now(UTC), operator_name())
        session.commit()
        erased.remember(session, settings)
        if receipt["deleted"]["persons"]:
            # Accounts went with their people.
            sync_directory(engine, settings)
    if as_json:
        sys.stdout.write(json.dumps(receipt, indent=2) + "\n")
        return
    told = mark("Deleted: {deleted}; held: {held}. Receipt {receipt}, SHA-256 {sha256}")
    totals = {kind: sum(receipt[kind].values()) for kind in ("deleted", "held")}
    values = totals | {key: receipt[key] for key in ("receipt", "sha256")}
    sys.stdout.write(texts_of_command().gettext(told, **values) + "\n")


@contextmanager
def _transaction() -> "Iterator[tuple[Session, Settings, Engine]]":
    from sqlalchemy.orm import Session

    from digione_platform.db import ready_database
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine, Session(engine) as session:
        yield session, settings, engine
