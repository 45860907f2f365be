"""The command ``digione-platform sandbox``."""

from pathlib import Path
from typing import Annotated

import typer

DATABASE_KEY = "DIGIONE_SANDBOX_DATABASE"


def command(
    port: Annotated[int, typer.Option(help="Port on loopback.", min=1, max=65535)] = 8080,
    data: Annotated[Path, typer.Option(help="Folder for the sample municipality's file.")] = Path(".sandbox"),
    database: Annotated[
        str, typer.Option(envvar=DATABASE_KEY, help="PostgreSQL URL of the sandbox's own database.")
    ] = "",
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    pupils: Annotated[int, typer.Option(help="Size of the sample municipality.", min=1)] = 400,
) -> None:
    """Serve the sample municipality on this machine, signing in as any sample person."""
    from digione_platform.sandbox.run import run

    run(port=port, data=data, database=database, host=host, pupils=pupils)
