"""The command ``digione-platform sample``."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from digione_platform.errors import InputError
from digione_platform.i18n import mark, texts_of_command
from digione_platform.sample.logins import TownLanguage, sample_logins

MAX_PUPILS = 200_000
NOT_WRITTEN = mark("No bundle was written")


def command(
    out: Annotated[Path | None, typer.Argument(help="Zip file to write.", show_default=False)] = None,
    pupils: Annotated[int, typer.Option(min=1, max=MAX_PUPILS, help="How many pupils.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other people.")] = 1,
    language: Annotated[TownLanguage, typer.Option(help="Language of schools and people.")] = "finnish",
    name: Annotated[str, typer.Option(help="Name of the municipality in Finnish.")] = "Mallila",
    name_sv: Annotated[str, typer.Option(help="Name of the municipality in Swedish.")] = "Modellby",
    code: Annotated[str, typer.Option(help="Municipality code, three digits.")] = "999",
    oid: Annotated[
        str | None,
        typer.Option(
            help="OID of the education provider; by default a test OID made from the code.",
            show_default=False,
        ),
    ] = None,
    domain: Annotated[str, typer.Option(help="Domain of e-mail addresses.")] = "mallila.example",
    year: Annotated[
        int, typer.Option(min=2000, max=2100, help="The school year begins in August of it.")
    ] = 2026,
    logins: Annotated[
        bool, typer.Option("--logins", help="Write no bundle; list the sample person of each role.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="List as JSON.")] = False,
) -> None:
    """Write a synthetic municipality as a OneRoster bundle; the same options give the same file."""
    if logins:
        _list_logins(language, as_json)
        return
    from digione_platform.roster.identifiers import ORGANISATION_OID
    from digione_platform.sample.bundle import write_bundle
    from digione_platform.sample.town import Options

    if out is None:
        raise InputError(
            "P-SAMPLE-001", NOT_WRITTEN, mark("no file is named"), "digione-platform sample OUT.zip"
        )
    if not (len(code) == 3 and code.isdecimal() and code.isascii()):
        raise InputError(
            "P-SAMPLE-002",
            NOT_WRITTEN,
            mark("a municipality code has three digits"),
            "digione-platform sample {file} --code 999",
            file=out,
        )
    if oid is not None and not ORGANISATION_OID.fullmatch(oid):
        raise InputError(
            "P-SAMPLE-003",
            NOT_WRITTEN,
            mark("the OID is not one of an organisation"),
            "digione-platform sample {file} --oid 1.2.246.562.99.00000009993",
            file=out,
        )
    if out.exists():
        raise InputError(
            "P-SAMPLE-005", NOT_WRITTEN, mark("{file} is there already"), mark("name a new file"), file=out
        )
    options = Options(pupils, seed, language, name, name_sv, code, domain, year, oid)
    try:
        write_bundle(out, options)
    except OSError as error:
        raise InputError(
            "P-SAMPLE-004",
            NOT_WRITTEN,
            "{file}: {reason}",
            mark("name a file in a folder of yours"),
            file=out,
            reason=error.strerror,
        ) from error
    done = texts_of_command().ngettext(
        "{file}: a municipality with {count} pupil",
        "{file}: a municipality with {count} pupils",
        pupils,
        file=out,
    )
    sys.stderr.write(f"{done}\n")


def _list_logins(language: TownLanguage, as_json: bool) -> None:
    people = sample_logins(language)
    if as_json:
        sys.stdout.write(json.dumps([asdict(login) for login in people], ensure_ascii=False, indent=2) + "\n")
        return
    for login in people:
        sys.stdout.write(f"{login.role:14} {login.username:26} {login.given_name} {login.family_name}\n")
