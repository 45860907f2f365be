"""Brings the command's catalogues up to date with its code: ``make texts``.

New texts are added without a translation, those that are gone are dropped, all others keep theirs.
"""

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

os.environ["DIGIONE_LANGUAGE"] = "en"  # the keys

from digione_cli.engine.services import load_services
from digione_cli.main import app
from digione_cli.texts import DOMAIN, LOCALES

ROOT = Path(__file__).resolve().parent.parent
# How texts are asked for: by us, and by the parser of the command line.
OURS = {"t": 1, "mark": 1, "tn": 2}
ITS_OWN = {"_": 1, "ngettext": 2}
HEADER = """\
# Texts of the command digione. The English text is the key; see docs/how-to/add-a-text.md.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""

Key = str | tuple[str, str]  # a text, or those for one and for several


def texts() -> dict[Key, list[str]]:
    """Return every text that the command may show, with the files in which it stands."""
    found: dict[Key, list[str]] = {}
    for key, place in [*_in_code(), *_of_the_parser(), *_in_help(), *_of_services()]:
        places = found.setdefault(key, [])
        places += [] if place in places else [place]
    return found


def _in_code() -> Iterator[tuple[Key, str]]:
    for path in sorted((ROOT / "digione_cli").rglob("*.py")):
        for key in asked_for(path, OURS):
            yield key, str(path.relative_to(ROOT))


def _of_the_parser() -> Iterator[tuple[Key, str]]:
    for key in asked_for(Path(typer.core.__file__), ITS_OWN):
        yield key, "typer"


def asked_for(path: Path, functions: Mapping[str, int]) -> Iterator[Key]:
    """Yield the texts that a file asks for by these functions, each taking so many texts."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            given = [a.value for a in node.args[: functions[node.func.id]] if isinstance(a, ast.Constant)]
            if len(given) == functions[node.func.id] and all(given):
                yield (given[0], given[1]) if len(given) == 2 else given[0]


def _in_help() -> Iterator[tuple[Key, str]]:
    for text in help_texts(typer.main.get_command(app)):
        yield text, "help"


def help_texts(command: Any) -> Iterator[str]:
    """Yield the help of a command, of its parameters, and of all commands below it."""
    yield from (one.help for one in (command, *command.params) if one.help)
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from help_texts(command.get_command(None, name))


def _of_services() -> Iterator[tuple[Key, str]]:
    """Yield what the command shows of services: titles, data of tenants, settings with a pattern."""
    for service in load_services(ROOT / "roles").values():
        place = f"roles/{service.name}"
        for text in filter(
            None, (service.title, service.tenant_data, service.own_data, *service.probes.values())
        ):
            yield text, place
        for name, limit in service.limits.items():
            if isinstance(limit, str):
                yield service.settings[name].description, place


def path_of(language: str) -> Path:
    """Given a language, return the file of its catalogue."""
    return LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """Given a language, return its catalogue as it is."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def write(language: str, catalogue: Catalog) -> None:
    """Write the catalogue of a language."""
    with path_of(language).open("wb") as file:
        file.write(HEADER.format(language=language).encode())
        write_po(file, catalogue, width=110, omit_header=True, include_lineno=False)


def bring_up_to_date(language: str) -> list[Key]:
    """Bring the catalogue of a language up to date; return the texts that lack a translation."""
    before = read(language) if path_of(language).exists() else Catalog(locale=language)
    after, lacking = Catalog(locale=language), []
    for key, places in texts().items():
        known = before.get(key)
        translated = known.string if known and not known.fuzzy else ""
        after.add(key, translated, locations=[(place, 0) for place in places])
        if not all([translated] if isinstance(translated, str) else translated):
            lacking.append(key)
    write(language, after)
    return lacking


if __name__ == "__main__":
    for chosen in ("fi", "sv"):
        for text in bring_up_to_date(chosen):
            sys.stdout.write(f"{chosen}: to be translated: {text!r}\n")
