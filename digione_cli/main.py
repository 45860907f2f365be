"""Finds the verbs; turns errors into a message and an exit code.

Nothing heavy is imported here: a verb's module is loaded when it is asked for, and what it needs when
it runs.
"""

import importlib
import os
import pkgutil
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from digione_cli import usage, verbs
from digione_cli.errors import DigioneError, Exit, UsageError
from digione_cli.texts import t

# Else pydantic looks for plugins in every installed package, at every start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# The order of a newcomer's path; verbs not named here follow by name.
_PATH = ["init", "validate", "show", "plan", "apply", "status", "doctor", "logs"]


class Verbs(TyperGroup):
    """The verbs are the modules of ``digione_cli.verbs``: a function, or an ``app`` of several."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all verbs."""
        names = {m.name.replace("_", "-") for m in pkgutil.iter_modules(verbs.__path__) if m.name[0] != "_"}
        return [n for n in _PATH if n in names] + sorted(names - set(_PATH))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return what the arguments name; of a verb that is not there the nearest ones are named."""
        self.commands = dict.fromkeys(self.list_commands(ctx), self)  # the parser looks for near names in it
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a verb, or None."""
        name = cmd_name.replace("-", "_")
        if not name.isidentifier() or cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"digione_cli.verbs.{name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(rich_markup_mode=None, add_completion=False)
            app.command(cmd_name)(getattr(module, name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return usage.translated(command)


app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Provision, configure and diagnose instances of the DigiOne platform.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"digione {version('digione')}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line and end the program."""
    _use_streams()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _use_streams() -> None:
    """Make standard output and error take any text, also where they are closed or know few letters."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        else:
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str]) -> int:
    """Given the arguments, carry out the verb and return the exit code."""
    try:
        if not "".join(arguments).isascii():
            _require_utf8(arguments)
        usage.lead_parser()
        command = usage.translated(typer.main.get_command(app))
        result = command(args=arguments or ["--help"], prog_name="digione", standalone_mode=False)
        if result == Exit.INTERRUPTED:  # Ctrl-C outside of a run, which has its own words for it
            sys.stderr.write(f"\n{t('Interrupted; nothing was changed.')}\n")
        return result if isinstance(result, int) else Exit.DONE
    except SystemExit as e:
        if not isinstance(e.__context__, BrokenPipeError):
            raise
        return Exit.DONE  # whoever read has seen enough
    except DigioneError as e:
        return _tell(e, "--json" in arguments)
    except Exception as e:
        if type(e).__name__ == "NoArgsIsHelpError":  # a group such as `digione secrets`, named alone
            sys.stdout.write(f"{e.format_message()}\n")  # type: ignore[attr-defined]
            return Exit.USAGE
        return _tell(_explained(e), "--json" in arguments)


def _require_utf8(arguments: list[str]) -> None:
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            why = t("argument {number} is not UTF-8: {argument}", number=number, argument=ascii(argument))
            raise UsageError("D1-USE-008", t("Nothing was done"), why, t("write it in UTF-8")) from None


def _tell(error: DigioneError, as_json: bool) -> int:
    from digione_cli.ui.screen import told

    if as_json:
        import json

        parts = {"id": error.id, "what": error.what, "why": error.why, "fix": error.fix}
        sys.stdout.write(json.dumps({"error": parts}, ensure_ascii=False, indent=1) + "\n")
    sys.stderr.write(told(error))
    return error.exit


def _explained(error: Exception) -> DigioneError:
    """Given what the parser of the command line raised, or a bug of ours, return an error to be shown."""
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "digione"
        return UsageError("D1-USE-000", usage.told(error), "", f"{command} --help")
    first_line, _, _ = str(error).partition("\n")
    why = f"{type(error).__name__}: {first_line[:200]}"
    fix = t("report it with the file {file}", file=_write_report(error))
    return DigioneError("D1-BUG-000", t("digione failed; this is a bug of ours"), why, fix)


def _write_report(error: Exception) -> str:
    """Write where the error arose (no values of variables) to a file of mode 0600 and return its path."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="digione-bug-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
        return file.name


if __name__ == "__main__":
    main()
