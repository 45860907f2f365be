"""``digione clients``: services of other vendors that may connect to a tenant."""

from typing import Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName
from digione_cli.verbs._platform import change_on_platform, on_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Let services of other vendors connect to a tenant, and close them again.",
)

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id: see clients list.")]


@app.command()
def add(
    tenant: TenantName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the service is called here.")],
    contact: Annotated[str, typer.Option(help="Whom to write to at the vendor.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may ask for; may be given more than once: roster-core.readonly, roster.readonly, "
            "roster-demographics.readonly, gradebook.readonly, gradebook.createput, gradebook.delete."
        ),
    ],
    protected: Annotated[
        bool, typer.Option("--protected", help="Let it see people under non-disclosure too.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Let a service connect, and print its id and secret; the secret is shown this once."""
    arguments = ["clients", "add", f"--contact={contact}", *(f"--scope={one}" for one in scope)]
    arguments += ["--protected"] if protected else []
    title = t("Let the service {name} connect", name=name)
    return change_on_platform(
        "clients add", title, tenant, [*arguments, name], dry_run, as_json, ask_sudo_password
    )


@app.command("list")
def list_(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """List the services of a tenant, with what they may ask for and when they were last seen."""
    return on_platform(tenant, ["clients", "list"], as_json, ask_sudo_password)


@app.command()
def disable(
    tenant: TenantName,
    client_id: ClientId,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Close a service for good; what it holds ends at once."""
    title = t("Close the service {id} for good", id=client_id)
    arguments = ["clients", "disable", client_id]
    return change_on_platform(
        "clients disable", title, tenant, arguments, dry_run, as_json, ask_sudo_password
    )


@app.command()
def rotate(
    tenant: TenantName,
    client_id: ClientId,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Give a service a new secret and print it; the old one ends at once."""
    title = t("Give the service {id} a new secret", id=client_id)
    arguments = ["clients", "rotate", client_id]
    return change_on_platform("clients rotate", title, tenant, arguments, dry_run, as_json, ask_sudo_password)
