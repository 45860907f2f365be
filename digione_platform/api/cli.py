"""``digione-platform clients``: services of other vendors that may connect."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from digione_platform.api.access import Scope
from digione_platform.i18n import Texts, mark, texts_of_command

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

ClientId = Annotated[UUID, typer.Argument(metavar="CLIENT_ID", help="The client's id: see clients list.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What the service is called here.")],
    contact: Annotated[str, typer.Option(help="Whom to write to at the vendor.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may ask for; may be given more than once.")],
    protected: Annotated[
        bool, typer.Option("--protected", help="Let it see people under non-disclosure too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a service connect, and print its id and secret; the secret is shown this once."""
    from digione_platform.actor import operator_name
    from digione_platform.api import clients

    with _transaction() as (settings, session):
        client_id, secret = clients.add(
            session, name, contact, scope, protected=protected, operator=operator_name()
        )
    _tell(_credentials(settings, client_id, secret), as_json)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the services: id, name, scopes, contact, when they were last seen."""
    from digione_platform.api import clients

    with _transaction() as (_, session):
        rows = clients.rows(session)
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    texts = texts_of_command()
    if not rows:
        sys.stdout.write(texts.gettext(mark("No service is connected yet: clients add makes one.")) + "\n")
    for row in rows:
        sys.stdout.write("\n  ".join(_lines(row, texts)) + "\n")


@app.command()
def disable(client_id: ClientId, as_json: Json = False) -> None:
    """Close a service for good; what it holds ends at once."""
    from digione_platform.actor import operator_name
    from digione_platform.api import clients

    with _transaction() as (_, session):
        name = clients.disable(session, client_id, operator_name())
    _tell({"client_id": str(client_id), "name": name, "state": "disabled"}, as_json)


@app.command()
def rotate(client_id: ClientId, as_json: Json = False) -> None:
    """Give a service a new secret and print it; the old one ends at once."""
    from digione_platform.actor import operator_name
    from digione_platform.api import clients

    with _transaction() as (settings, session):
        secret = clients.rotate(session, client_id, operator_name())
    _tell(_credentials(settings, client_id, secret), as_json)


def _lines(row: dict[str, Any], texts: Texts) -> Iterator[str]:
    yield f"{row['client_id']}  {row['name']}  ({row['contact']})"
    yield texts.gettext(mark("scopes: {scopes}"), scopes=", ".join(row["scopes"]))
    seen, ended = (
        row[name] and texts.moment(datetime.fromisoformat(row[name])) for name in ("last_used", "disabled")
    )
    yield (
        texts.gettext(mark("last seen: {moment}"), moment=seen) if seen else texts.gettext(mark("never seen"))
    )
    if ended:
        yield texts.gettext(mark("disabled: {moment}"), moment=ended)
    if row["protected"]:
        yield texts.gettext(mark("sees people under non-disclosure"))


def _credentials(settings: "Settings", client_id: UUID, secret: str) -> dict[str, str]:
    from digione_platform.security import ONEROSTER

    return {
        "client_id": str(client_id),
        "client_secret": secret,
        "token_url": f"{settings.url.rstrip('/')}{ONEROSTER}/token",
    }


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in told.items()))


@contextmanager
def _transaction() -> "Iterator[tuple[Settings, Session]]":
    from sqlalchemy.orm import Session

    from digione_platform.db import ready_database
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine, Session(engine) as session, session.begin():
        yield settings, session
