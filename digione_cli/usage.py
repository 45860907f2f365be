"""The parser of the command line, typer, in the reader's language: its help and its complaints.

Some of its sentences it asks gettext for; the others are given here, in the words in which it says them.
"""

import gettext
import os
import re
from typing import Any

import typer

from digione_cli.texts import DOMAIN, LOCALES, language, mark, t

HELP_OF_HELP = mark("Show this message and exit.")

# What it complains of; of a wrong value only which one, for the reason pydantic gives.
COMPLAINTS = (
    mark("Missing argument {name}."),
    mark("Missing option {name}."),
    mark("No such option: {name} (Possible options: {others})"),
    mark("No such option: {name}"),
    mark("No such command {name}. Did you mean {others}?"),
    mark("Got unexpected extra argument(s) ({given})"),
    mark("Option {name} requires an argument."),
    mark("Option {name} does not take a value."),
)


class _Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        # typer puts braces, which elsewhere mean a choice, around what must be given, brackets around what
        # has them already, and dots behind a metavar that ends in …
        args = re.sub(r"\{([^{}|,]+)\}(?:\.\.\.)?", r"\1", args)
        args = re.sub(r"\[(\[[^][]+\])\](?:\.\.\.)?", r"\1", args)
        super().write_usage(prog, args, f"{t('Usage:')} ")

    def write_dl(self, rows: Any, *widths: Any, **options: Any) -> None:
        # the option --help is made only now; all others are translated already
        rows = [(name, t(text) if text == HELP_OF_HELP else text) for name, text in rows]
        super().write_dl(rows, *widths, **options)


class _Context(typer.Context):
    formatter_class = _Formatter


def translated(command: Any) -> Any:
    """Return a command with the help of itself, its parameters and all commands below it translated."""
    command.context_class = _Context
    for one in (command, *command.params):
        one.help = one.help and t(one.help)
    command.short_help = command.help and command.help.partition("\n\n")[0]  # else it is cut to fit one line
    for below in getattr(command, "commands", {}).values():
        translated(below)
    return command


def lead_parser() -> None:
    """Let the parser find our catalogue where it asks gettext: in gettext's own domain."""
    os.environ["LANGUAGE"] = language()
    gettext.bindtextdomain(DOMAIN, LOCALES)
    gettext.textdomain(DOMAIN)


def told(error: Any) -> str:
    """Given what the parser raised, return it as a sentence."""
    said: str = error.format_message()
    if hasattr(error.__cause__, "errors"):
        from digione_cli.model.sentences import none_of, sentence

        name, wrong = error.param.get_error_hint(), error.__cause__.errors()[0]
        _, among, choices = wrong["msg"].partition(" is not one of ")
        why = none_of(wrong["input"], re.findall("'([^']*)'", choices)) if among else sentence(wrong)
        return t("Invalid value for {name}: {why}", name=name, why=why)
    for complaint in COMPLAINTS:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(complaint))
        if found := re.fullmatch(pattern, said, re.DOTALL):
            return t(complaint, **found.groupdict())
    return said
