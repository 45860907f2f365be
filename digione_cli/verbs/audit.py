"""``digione audit``: whether the audit of a tenant is as it was written."""

from typing import Annotated

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, TenantName
from digione_cli.verbs._platform import on_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Verify the audit of a tenant.",
)


@app.callback()
def _group() -> None:
    """With one command alone, typer would make it the whole verb."""


@app.command()
def verify(
    tenant: TenantName,
    seen: Annotated[
        str, typer.Option(metavar="NUMBER:HASH", help="A head that was told earlier and kept elsewhere.")
    ] = "",
    after_restore: Annotated[
        bool, typer.Option("--after-restore", help="Accept that the database is an older one, restored.")
    ] = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Find altered, missing, moved and cut-off events; exit code 6 if there is one."""
    arguments = ["audit", "verify"]
    arguments += ["--seen", seen] if seen else []
    arguments += ["--after-restore"] if after_restore else []
    changes = "audit verify" if after_restore else ""
    return on_platform(tenant, arguments, as_json, ask_sudo_password, changes=changes)
