"""``digione subject``: the rights of the data subject."""

from pathlib import Path
from typing import Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName, intended, session
from digione_cli.verbs._platform import (
    change_on_platform,
    export_from_platform,
    find,
    holding,
    report_of_platform,
)

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
    file: Annotated[
        Path, typer.Argument(metavar="FILE.zip", help="The file to write; it must not exist yet.")
    ],
    reason: Reason,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Export all data of a person: a zip archive with JSON and a page to read."""
    arguments = ["subject", "export", person, "OUT", "--reason", reason]
    return export_from_platform(
        "subject export", tenant, arguments, file, dry_run, as_json, ask_sudo_password
    )


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
    import shlex
    import sys

    asked = ["subject", "erase", person, "--reason", reason]
    with session(as_json, ask_sudo_password) as (world, screen):
        instance, _ = find(tenant, world)
        if dry_run or (confirm is None and not as_json and sys.stdin.isatty()):
            code = report_of_platform(tenant, [*asked, "--dry-run"], as_json, world, screen)
            if dry_run or code:
                return code
        title = t("Erase all data of {person}", person=person)
        plan = intended("subject erase", tenant, title, instance.placed("platform"), person)
        options = ("--reason", shlex.quote(reason))
        screen.confirm(plan.model_copy(update={"destructive": True, "options": options}), False, confirm)
        with holding("subject erase", tenant, world):
            return report_of_platform(tenant, [*asked, "--confirm", person], as_json, world, screen)


@app.command()
def hold(
    tenant: TenantName,
    person: Person,
    reason: Reason,
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day on which it may go.")] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Keep a person's data from being erased, until a day or until it is released."""
    arguments = ["subject", "hold", person, "--reason", reason, *(["--until", until] if until else [])]
    title = t("Keep the data of {person} from being erased", person=person)
    return change_on_platform("subject hold", title, tenant, arguments, dry_run, as_json, ask_sudo_password)


@app.command()
def release(
    tenant: TenantName,
    person: Person,
    reason: Reason,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Lift all holds on a person's data."""
    arguments = ["subject", "release", person, "--reason", reason]
    title = t("Lift all holds on the data of {person}", person=person)
    return change_on_platform(
        "subject release", title, tenant, arguments, dry_run, as_json, ask_sudo_password
    )
