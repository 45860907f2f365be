"""``digione roster``: bring people and groups into a tenant, and take the last import back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, TenantName, session

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Import OneRoster 1.2 CSV bundles into a tenant, and undo the last import.",
)


@app.command("import")
def import_(
    tenant: TenantName,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="OneRoster 1.2 CSV bundle.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; change nothing.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Import.")] = False,
    allow_mass_removal: Annotated[
        bool, typer.Option("--allow-mass-removal", help="Accept that most people are missing from it.")
    ] = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Import a bundle: every bad row is reported, and nothing is half imported."""
    from digione_cli.errors import UsageError

    if dry_run == apply:
        raise UsageError(
            "D1-USE-006",
            "Nothing was imported",
            "it must be clear whether to try or to import",
            f"digione roster import {tenant} {file} --dry-run, then the same with --apply",
        )
    if not file.is_file():
        raise UsageError("D1-USE-007", "Nothing was imported", f"there is no file {file}", "name the bundle")
    arguments = ["roster", "import", "FILE", "--apply" if apply else "--dry-run"]
    arguments += ["--allow-mass-removal"] if allow_mass_removal else []
    return on_platform(tenant, arguments, file.read_bytes(), file.name, as_json, ask_sudo_password)


@app.command()
def undo(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> int:
    """Restore the state before the last import."""
    return on_platform(tenant, ["roster", "undo"], b"", "", as_json, ask_sudo_password)


def on_platform(
    tenant: str,
    arguments: "Sequence[str]",
    content: bytes,
    file: str,
    as_json: bool,
    ask_sudo_password: bool,
) -> int:
    """Carry out a command of the tenant's platform on its host and pass on what it says."""
    with session(as_json, ask_sudo_password) as (world, screen):
        flags = ["--json"] if as_json else []
        with screen.waiting("the platform works"):
            answer = ask_platform(tenant, [*arguments, *flags], content, file, world)
        screen.passed_on(answer.stdout, answer.stderr)
    return int(answer.exit)


def ask_platform(tenant: str, arguments: "Sequence[str]", content: bytes, file: str, world: Any) -> Any:
    """Given a tenant's name, carry out a command of its platform and return the envelope."""
    from digione_cli.engine.load import find_tenant
    from digione_cli.engine.services import load_services

    services = load_services(world.settings.roles)
    instance, found = find_tenant(world.settings.inventories, services, tenant)
    at = instance.placed("platform")[0]
    target = next(t for t in world.targets(instance) if t.name == at)
    return world.platform(target, found.slug, arguments, content, file)
