"""``digione retention``: what a tenant keeps no longer."""

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName
from digione_cli.verbs._platform import change_on_platform, on_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="What a tenant keeps no longer: look, and delete it.",
)


@app.command()
def preview(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Tell how long what is kept, and what would be deleted today."""
    return on_platform(tenant, ["retention", "preview"], as_json, ask_sudo_password)


@app.command()
def apply(
    tenant: TenantName,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Delete what is due, as every night, and print a receipt."""
    title = t("Delete what is kept no longer")
    arguments = ["retention", "apply"]
    return change_on_platform(
        "retention apply", title, tenant, arguments, dry_run, as_json, ask_sudo_password
    )
