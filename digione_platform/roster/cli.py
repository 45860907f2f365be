"""``digione-platform roster``: the municipality's people, groups and schools, from files of other systems."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_platform.errors import InputError, PartlyDone, PlatformError
from digione_platform.i18n import mark, texts_of_command

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from digione_platform.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)


Mapping = Annotated[
    Path | None,
    typer.Option("--mapping", help="The tenant's mapping of columns to fields: FILE is delimited text."),
]


@app.command("import")
def import_roster(
    file: Annotated[
        Path,
        typer.Argument(help="OneRoster 1.2 CSV bundle, organisation JSON, or with --mapping a mapped file."),
    ],
    mapping: Mapping = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would change; change nothing.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Import, if the file has no errors.")] = False,
    allow_mass_removal: Annotated[
        bool,
        typer.Option("--allow-mass-removal", help="Import even if more than a third of the people leave."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON, with all problems kept.")] = False,
) -> None:
    """Import a file, all of it or nothing; accounts follow into the directory."""
    if dry_run == apply:
        raise InputError(
            "P-ROSTER-090",
            mark("Nothing was imported"),
            mark("exactly one of --dry-run and --apply is needed"),
            "digione-platform roster import {file} --dry-run",
            file=file,
        )
    from digione_platform.accounts import directory_is_behind, sync_directory
    from digione_platform.actor import operator_name
    from digione_platform.db import ready_database
    from digione_platform.roster.importer import import_bundle
    from digione_platform.roster.report import lines
    from digione_platform.settings import load_settings

    settings = load_settings()
    failure = None
    with ready_database(settings) as engine:
        if apply and directory_is_behind(engine, settings):
            # What the directory failed to do earlier comes first: if it still fails, nothing changes.
            sync_directory(engine, settings)
        report = import_bundle(
            engine,
            file,
            tenant_oid=settings.tenant.oid,
            actor=operator_name(),
            apply=apply,
            allow_mass_removal=allow_mass_removal,
            mapping=mapping,
            language=settings.tenant.languages[0],
        )
        texts = texts_of_command()
        told: dict[str, Any] = report.as_json(texts)
        if report.applied:
            told["directory"], failure = _follow(engine, settings, report.import_id)
    if as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(lines(report, texts)) + "\n")
    if failure:
        raise failure
    if report.refused:
        raise typer.Exit(InputError.exit)


@app.command("export")
def export_roster(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    mapping: Mapping = None,
    protected: Annotated[
        bool, typer.Option("--protected", help="Write people under non-disclosure too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Write all that is active as a bundle, or as mapped files, that import again without difference."""
    from dataclasses import asdict

    from digione_platform.actor import operator_name
    from digione_platform.db import ready_database
    from digione_platform.roster.exporter import export_bundle
    from digione_platform.roster.primus.export import export_mapped
    from digione_platform.roster.primus.mapping import require_mapping
    from digione_platform.roster.report import export_lines
    from digione_platform.settings import load_settings

    by = require_mapping(mapping) if mapping else None
    actor = operator_name()
    with ready_database(load_settings()) as engine:
        done = (
            export_mapped(engine, file, by, actor=actor, protected=protected)
            if by
            else export_bundle(engine, file, actor=actor, protected=protected)
        )
    if as_json:
        sys.stdout.write(json.dumps(asdict(done), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(export_lines(done, texts_of_command(), mapped=by is not None)) + "\n")


@app.command()
def undo(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be taken back; change nothing.")
    ] = False,
    allow_mass_removal: Annotated[
        bool,
        typer.Option("--allow-mass-removal", help="Undo even if more than a third of the people leave."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Take the last import back: everything is as it was before it."""
    from digione_platform.actor import operator_name
    from digione_platform.db import ready_database
    from digione_platform.roster.importer import undo_import
    from digione_platform.roster.report import undo_lines
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine:
        done = undo_import(
            engine, actor=operator_name(), apply=not dry_run, allow_mass_removal=allow_mass_removal
        )
        told, failure = _follow(engine, settings) if done["applied"] else (None, None)
    if as_json:
        sys.stdout.write(json.dumps({**done, "directory": told}, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(undo_lines(done, texts_of_command())) + "\n")
    if failure:
        raise failure
    if done["refused"]:
        raise InputError(
            "P-ROSTER-087",
            mark("The import would not be taken back") if dry_run else mark("Nothing was undone"),
            mark("{leaving} of {people} people would leave with the import"),
            mark("if that is right: digione-platform roster undo --allow-mass-removal"),
            leaving=done["leaving"],
            people=done["people"],
        )


def _follow(
    engine: "Engine", settings: "Settings", after: "UUID | None" = None
) -> tuple[dict[str, int] | None, PlatformError | None]:
    """Bring the directory after a change of accounts; the change itself stands even if that fails."""
    from digione_platform.accounts import sync_directory

    try:
        return sync_directory(engine, settings, after=after), None
    except PlatformError as error:
        return None, PartlyDone(
            "P-ACCOUNTS-009",
            mark("The database was changed, the directory is behind"),
            error.why,
            mark("when the directory answers: digione-platform accounts sync"),
            **error.values,
        )
