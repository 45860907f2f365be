"""``digione accounts``: who can sign in, and new passwords."""

import secrets
from typing import Annotated

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, TenantName, session

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="List a tenant's accounts, set passwords, repair the directory.",
)


@app.command("list")
def list_(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """List the accounts of a tenant."""
    from digione_cli.verbs.roster import on_platform

    return on_platform(tenant, ["accounts", "list"], b"", "", as_json, ask_sudo_password)


@app.command()
def sync(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Bring the directory into line with the tenant's accounts."""
    from digione_cli.verbs.roster import on_platform

    return on_platform(tenant, ["accounts", "sync"], b"", "", as_json, ask_sudo_password)


@app.command()
def password(
    tenant: TenantName,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whose password.")],
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Give an account a new, generated password and print it."""
    from digione_cli.verbs.roster import ask_platform

    new = secrets.token_urlsafe(12)
    with session(as_json, ask_sudo_password) as (world, screen):
        answer = ask_platform(tenant, ["accounts", "password", username], new.encode() + b"\n", "", world)
        if answer.exit:
            screen.passed_on(answer.stdout, answer.stderr)
        else:
            screen.value(new)
    return int(answer.exit)
