"""``digione roster``: bring people and groups into a tenant, take the last import back, export them."""

from pathlib import Path
from typing import Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName, Yes, intended, session
from digione_cli.verbs._platform import export_from_platform, find, holding, on_platform, report_of_platform

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Import people, groups and schools into a tenant, undo the last import, export them.",
)


Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="FILE.yml",
        help="The tenant's mapping of columns to fields, for delimited files of a pupil register.",
    ),
]


@app.command("import")
def import_(
    tenant: TenantName,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="OneRoster 1.2 CSV bundle, organisation JSON, or files of a pupil register."
        ),
    ],
    mapping: Mapping = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; change nothing.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Import.")] = False,
    allow_mass_removal: Annotated[
        bool, typer.Option("--allow-mass-removal", help="Accept that most people are missing from it.")
    ] = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Import a file: every bad row is reported, and nothing is half imported."""
    from digione_cli.errors import UsageError

    if dry_run == apply:
        raise UsageError(
            "D1-USE-006",
            t("Nothing was imported"),
            t("it must be clear whether to try or to import"),
            t(
                "digione roster import {tenant} {file} --dry-run, then the same with --apply",
                tenant=tenant,
                file=file,
            ),
        )
    if not file.is_file():
        why = (
            t("{file} is a folder; a bundle is one zip file", file=file)
            if file.is_dir()
            else t("there is no file {file}", file=file)
        )
        fix = f"digione roster import {tenant} FILE.zip --dry-run"
        raise UsageError("D1-USE-007", t("Nothing was imported"), why, fix)
    named = _named(mapping, t("Nothing was imported"))
    arguments = ["roster", "import", "FILE", "--apply" if apply else "--dry-run"]
    arguments += ["--allow-mass-removal"] if allow_mass_removal else []
    changes = "roster import" if apply else ""
    return on_platform(tenant, [*arguments, *named], as_json, ask_sudo_password, file, mapping, changes)


def _named(mapping: Path | None, what: str) -> list[str]:
    """Return the arguments that name the mapping to the platform."""
    from digione_cli.errors import UsageError

    if mapping is None:
        return []
    if not mapping.is_file():
        raise UsageError(
            "D1-USE-007", what, t("there is no file {file}", file=mapping), t("name the tenant's mapping")
        )
    return ["--mapping", "MAPPING"]


@app.command()
def export(
    tenant: TenantName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet.")],
    mapping: Mapping = None,
    protected: Annotated[
        bool, typer.Option("--protected", help="Write people under non-disclosure too.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Write all that is active in a tenant, so that it imports again without difference."""
    arguments = ["roster", "export", "OUT", *(["--protected"] if protected else [])]
    arguments += _named(mapping, t("Nothing was exported"))
    return export_from_platform(
        "roster export", tenant, arguments, file, dry_run, as_json, ask_sudo_password, mapping
    )


@app.command()
def undo(
    tenant: TenantName,
    allow_mass_removal: Annotated[
        bool, typer.Option("--allow-mass-removal", help="Accept that most people leave by it.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Restore the state before the last import."""
    import sys

    undo_last = ["roster", "undo", *(["--allow-mass-removal"] if allow_mass_removal else [])]
    with session(as_json, ask_sudo_password) as (world, screen):
        find(tenant, world)
        asked = not (dry_run or yes or as_json) and sys.stdin.isatty()
        if dry_run or asked:
            code = report_of_platform(tenant, [*undo_last, "--dry-run"], as_json, world, screen)
            if dry_run or code:
                return code
        screen.confirm(intended("roster undo", tenant, t("Take the last import back")), yes, None)
        with holding("roster undo", tenant, world):
            return report_of_platform(tenant, undo_last, as_json, world, screen)
