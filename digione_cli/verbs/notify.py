"""``digione notify``: the mail that tells a tenant's people that there is something new."""

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, TenantName
from digione_cli.verbs._platform import on_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="The mail that tells a tenant's people that there is something new.",
)


@app.callback()
def group() -> None:
    """The mail that tells a tenant's people that there is something new."""


@app.command()
def status(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Tell what waits, what was sent, and what the relay said; in numbers, of nobody by name."""
    return on_platform(tenant, ["notify", "status"], as_json, ask_sudo_password)
