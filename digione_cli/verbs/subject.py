"""``digione subject``: the rights of the data subject."""

from pathlib import Path
from typing import Annotated

import typer

from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName, session
from digione_cli.verbs._platform import ask_platform, find, on_platform, pass_on, report_of_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="All data of a person: export them, erase them, keep them from being erased.",
)

Person = Annotated[str, typer.Argument(metavar="PERSON", help="Username, or identifier of the platform.")]
Reason = Annotated[str, typer.Option(help="Why; it is written to the audit. Name nobody in it.")]


@app.command()
def export(
    tenant: TenantName,
    person: Person,
    to: Annotated[Path, typer.Option(metavar="FILE.zip", help="File to write on this machine.")],
    reason: Reason,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Export all data of a person: a zip archive with JSON and a page to read."""
    import base64
    import json
    import os

    from digione_cli.errors import UsageError

    with session(False, ask_sudo_password) as (world, screen):
        if to.exists():
            raise UsageError(
                "D1-USE-012", "Nothing was exported", f"{to} is there already", "name another file"
            )
        with screen.waiting("the platform works"):
            arguments = ["subject", "export", person, "--reason", reason, "--json"]
            answer = ask_platform(tenant, arguments, b"", "", world)
        if answer.exit:
            return pass_on(answer, tenant, False, screen)
        with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(base64.b64decode(json.loads(answer.stdout)["zip"]))
        screen.note(f"{to}: all data of {person}")
    return 0


@app.command()
def erase(
    tenant: TenantName,
    person: Person,
    reason: Reason,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="PERSON", help="The person once more, instead of asking."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Erase all data of a person and print a receipt; asks for the person once more."""
    import sys

    from digione_cli.errors import UsageError

    asked = ["subject", "erase", person, "--reason", reason]
    with session(as_json, ask_sudo_password) as (world, screen):
        find(tenant, world)
        prompt = confirm is None and not as_json and sys.stdin.isatty()
        if dry_run or prompt:
            code = report_of_platform(tenant, [*asked, "--dry-run"], b"", "", as_json, world, screen)
            if dry_run or code:
                return code
        if prompt:
            confirm = screen.ask(f"This cannot be undone. To go on, type the person ({person})")
        if confirm != person:
            raise UsageError(
                "D1-USE-013",
                "Nothing was erased",
                "it was not confirmed",
                f"digione subject erase {tenant} {person} --dry-run, then the same with --confirm {person}",
            )
        return report_of_platform(tenant, [*asked, "--confirm", person], b"", "", as_json, world, screen)


@app.command()
def hold(
    tenant: TenantName,
    person: Person,
    reason: Reason,
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day on which it may go.")] = "",
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Keep a person's data from being erased, until a day or until it is released."""
    arguments = ["subject", "hold", person, "--reason", reason, *(["--until", until] if until else [])]
    return on_platform(tenant, arguments, b"", "", False, ask_sudo_password)


@app.command()
def release(
    tenant: TenantName, person: Person, reason: Reason, ask_sudo_password: AskSudoPassword = False
) -> int:
    """Lift all holds on a person's data."""
    return on_platform(
        tenant, ["subject", "release", person, "--reason", reason], b"", "", False, ask_sudo_password
    )
