"""``digione accounts``: who can sign in, and new passwords."""

from typing import Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName, session
from digione_cli.verbs._platform import ask_platform, holding, on_platform, plan_on_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="List a tenant's accounts, set passwords, repair the directory.",
)


@app.command("list")
def list_(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """List the accounts of a tenant."""
    return on_platform(tenant, ["accounts", "list"], as_json, ask_sudo_password)


@app.command()
def sync(
    tenant: TenantName,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Bring the directory into line with the tenant's accounts."""
    arguments = ["accounts", "sync", *(["--dry-run"] if dry_run else [])]
    changes = "" if dry_run else "accounts sync"
    return on_platform(tenant, arguments, as_json, ask_sudo_password, changes=changes)


@app.command()
def password(
    tenant: TenantName,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whose password.")],
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Give an account a new, generated password and print it."""
    import secrets

    new = secrets.token_urlsafe(12)
    with session(as_json, ask_sudo_password) as (world, screen):
        if dry_run:
            title = t("Give {username} a new password", username=username)
            plan_on_platform("accounts password", title, tenant, world, screen)
            return
        with holding("accounts password", tenant, world):
            ask_platform(tenant, ["accounts", "password", username], world, new.encode() + b"\n")
        screen.value(new)
