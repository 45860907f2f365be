"""``digione-platform audit``: whether the audit is as it was written."""

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digione_platform.errors import InputError, IntegrityError, PlatformError
from digione_platform.i18n import mark, texts_of_command

if TYPE_CHECKING:
    from digione_platform.core.chain import Head

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

HEAD = "audit-head"
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64}|)")


# A second command keeps the first one named: with one alone, typer would make it the whole program.
@app.callback()
def _group() -> None:
    pass


@app.command()
def verify(
    seen: Annotated[
        str, typer.Option(metavar="NUMBER:HASH", help="A head that was told earlier and kept elsewhere.")
    ] = "",
    after_restore: Annotated[
        bool, typer.Option("--after-restore", help="Accept that the database is an older one, restored.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Compute the audit's chain of hashes anew; find altered, missing, moved and cut-off events."""
    from digione_platform.core import audit
    from digione_platform.core.audit import Act, By
    from digione_platform.core.chain import EMPTY
    from digione_platform.core.chain import verify as verify_chain
    from digione_platform.db import ready_database
    from digione_platform.settings import load_settings

    settings = load_settings()
    kept = settings.state / HEAD if settings.state else None
    known = [read_head(seen)] if seen else []
    if kept is not None and kept.exists() and not after_restore:
        known.append(read_head(kept.read_text("ascii").strip(), str(kept)))
    with ready_database(settings) as engine:
        for head in known or [EMPTY]:
            with engine.connect() as connection:
                verdict = verify_chain(connection, head)
            if verdict.wrong:
                break
        if after_restore and not verdict.wrong:
            from sqlalchemy.orm import Session

            from digione_platform.actor import operator_name

            with Session(engine) as session, session.begin():
                audit.record(session, By(), Act.RESTART_CHAIN, operator=operator_name())
            with engine.connect() as connection:
                verdict = verify_chain(connection)
    if as_json:
        sys.stdout.write(json.dumps(verdict.as_json(), indent=2) + "\n")
    if verdict.wrong:
        raise IntegrityError(
            "P-AUDIT-001",
            mark("The audit is not as it was written"),
            verdict.fault,
            mark(
                "keep database, backups and journal as they are and find out who could write to PostgreSQL; "
                "if the database was restored from a backup: digione-platform audit verify --after-restore"
            ),
            **verdict.values,
        )
    if kept is not None:
        _keep(kept, verdict.head)
    if not as_json:
        told = mark("The audit holds; events: {number}. Head: {head}")
        values = {"number": verdict.head.position, "head": verdict.head}
        sys.stdout.write(texts_of_command().gettext(told, **values) + "\n")


def read_head(text: str, where: str = "--seen") -> "Head":
    """A head as ``verify`` tells it: the number of events, a colon, the hash."""
    from digione_platform.core.chain import Head

    found = _HEAD.fullmatch(text)
    if found is None:
        raise InputError(
            "P-AUDIT-002",
            mark("The audit was not verified"),
            mark("{where} is not a head such as 42:3f5a…"),
            "digione-platform audit verify",
            where=where,
        )
    return Head(int(found[1]), found[2])


def _keep(path: Path, head: "Head") -> None:
    beside = path.with_suffix(".new")
    try:
        beside.write_text(f"{head}\n", "ascii")
        os.replace(beside, path)  # noqa: PTH105 - one word for one system call
    except OSError as error:
        raise PlatformError(
            "P-AUDIT-003",
            mark("The audit holds, and its head was not kept"),
            "{file}: {reason}",
            "digione apply <instance>",
            file=path,
            reason=error.strerror,
        ) from error
