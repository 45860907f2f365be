"""The command ``digione-platform``: what the operator's side and the Unix services call."""

import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from digione_platform.errors import PlatformError
from digione_platform.i18n import mark, texts_of_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=__doc__,
    rich_markup_mode=None,
)


@app.command()
def serve(
    socket: Annotated[Path, typer.Option(help="Unix socket to listen on; the gateway connects to it.")],
) -> None:
    """Serve the tenant's platform until told to stop."""
    from digione_platform.serve import serve_socket

    serve_socket(socket)


@app.command()
def migrate() -> None:
    """Bring the tenant's database to this release's schema; erase again whom a restore brought back."""
    from datetime import UTC, datetime

    from digione_platform.db import migrate as migrate_database
    from digione_platform.db import open_database
    from digione_platform.settings import load_settings
    from digione_platform.subjects.erased import erase_again

    settings = load_settings()
    engine = open_database(settings)
    migrate_database(engine)
    erase_again(engine, settings, datetime.now(UTC))


def main() -> None:
    """Run the command; an error that people can act on is told in words, without a traceback."""
    _mount()
    try:
        app()
    except PlatformError as error:
        _tell(error)
    except Exception as error:
        _tell(
            PlatformError(
                "P-BUG-000",
                mark("The command failed; this is a bug of ours"),
                mark("{kind} in {place}"),
                mark("report it with this text"),
                kind=type(error).__name__,
                place=_place(error),
            )
        )


def _tell(error: PlatformError) -> NoReturn:
    texts = texts_of_command()
    what, why, fix = error.told(texts)
    labels = texts.gettext(mark("why")), texts.gettext(mark("fix"))
    # The operator's command reads this shape (digione_cli/verbs/_platform.py).
    sys.stderr.write(f"{error.id}: {what}\n  {labels[0]}: {why}\n  {labels[1]}: {fix}\n")
    sys.exit(error.exit)


def _place(error: Exception) -> str:
    """Where in our code an exception arose; its text may hold personal data and is told nowhere."""
    frames = traceback.extract_tb(error.__traceback__)
    package = Path(__file__).parent
    ours = [frame for frame in frames if package in Path(frame.filename).parents]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).relative_to(package.parent) if ours else last.name}:{last.lineno}"


def _mount() -> None:
    app.add_typer(import_module("digione_platform.roster.cli").app, name="roster")
    app.add_typer(import_module("digione_platform.accounts").app, name="accounts")
    app.add_typer(import_module("digione_platform.audit").app, name="audit")
    app.add_typer(import_module("digione_platform.subjects.cli").app, name="subject")
    app.add_typer(import_module("digione_platform.retention.cli").app, name="retention")
    app.add_typer(import_module("digione_platform.notify.cli").app, name="notify")
    app.add_typer(import_module("digione_platform.api.cli").app, name="clients")
    app.command("sample")(import_module("digione_platform.sample.cli").command)
    # The sandbox is left out of the wheel, so that no instance can ever start it.
    if find_spec("digione_platform.sandbox"):
        app.command("sandbox")(import_module("digione_platform.sandbox.cli").command)


if __name__ == "__main__":
    main()
