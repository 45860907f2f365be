"""``digione accounts``: who can sign in, and new passwords."""

import secrets
from typing import Annotated

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, TenantName, session
from digione_cli.verbs._platform import ask_platform, on_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="List a tenant's accounts, set passwords, repair the directory.",
)


@app.command("list")
def list_(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """List the accounts of a tenant."""
    return on_platform(tenant, ["accounts", "list"], b"", "", as_json, ask_sudo_password)


@app.command()
def sync(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Bring the directory into line with the tenant's accounts."""
    return on_platform(tenant, ["accounts", "sync"], b"", "", as_json, ask_sudo_password)


@app.command()
def password(
    tenant: TenantName,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whose password.")],
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Give an account a new, generated password and print it."""
    new = secrets.token_urlsafe(12)
    with session(as_json, ask_sudo_password) as (world, screen):
        ask_platform(tenant, ["accounts", "password", username], new.encode() + b"\n", "", world)
        screen.value(new)
