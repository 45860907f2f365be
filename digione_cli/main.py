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

from digione_cli import verbs
from digione_cli.errors import DigioneError, Exit

# The order of a newcomer's path; verbs not named here follow by name.
_PATH = ["init", "validate", "show", "plan", "apply", "status", "doctor", "logs"]


class Verbs(TyperGroup):
    """The verbs are the modules of ``digione_cli.verbs``: a function, or an ``app`` of several."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all verbs."""
        names = {m.name for m in pkgutil.iter_modules(verbs.__path__) if m.name[0] != "_"}
        return [n for n in _PATH if n in names] + sorted(names - set(_PATH))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a verb, or None."""
        if not cmd_name.isidentifier() or cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"digione_cli.verbs.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(rich_markup_mode=None, add_completion=False)
            app.command(cmd_name)(getattr(module, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Provision, configure, upgrade, back up and diagnose instances of the DigiOne platform.",
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
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Given the arguments, carry out the verb and return the exit code."""
    try:
        result = app(args=arguments, prog_name="digione", standalone_mode=False)
        return result if isinstance(result, int) else Exit.DONE
    except DigioneError as e:
        return _tell(e, "--json" in arguments)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("\nInterrupted; nothing was changed.\n")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as e:
        return _other(e)


def _tell(error: DigioneError, as_json: bool) -> int:
    if as_json:
        import json

        told = {"id": error.id, "what": error.what, "why": error.why, "fix": error.fix}
        sys.stdout.write(json.dumps({"error": told}, ensure_ascii=False, indent=1) + "\n")
    next_line = f"\n  next: {error.fix}" if error.fix else ""
    sys.stderr.write(f"✗ {error.what} [{error.id}]\n  why: {_indented(error.why)}{next_line}\n")
    return error.exit


def _indented(text: str) -> str:
    return text.replace("\n", "\n       ")


def _other(error: Exception) -> int:
    """Usage errors of the command line, and bugs of ours."""
    if hasattr(error, "format_message"):
        text = error.format_message()
        sys.stderr.write(f"✗ {text} [D1-USE-000]\n  next: digione --help\n")
        return Exit.USAGE
    report = _write_report(error)
    sys.stderr.write(
        f"✗ digione failed; this is a bug of ours [D1-BUG-000]\n  why: {type(error).__name__}: "
        f"{str(error).splitlines()[0][:200] if str(error) else 'no text'}\n"
        f"  next: report it with the file {report}\n"
    )
    return Exit.FAILED


def _write_report(error: Exception) -> str:
    """Write where the error arose (no values of variables) to a file of mode 0600 and return its path."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="digione-bug-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
        return file.name


if __name__ == "__main__":
    main()
