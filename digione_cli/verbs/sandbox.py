"""``digione sandbox``: the platform alone, without root."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import session


def sandbox(
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Port on this machine.")] = 8080,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away what an earlier sandbox kept.")] = False,
    pupils: Annotated[int, typer.Option(min=10, max=200_000, help="Size of a new sample town.")] = 400,
    data: Annotated[Path | None, typer.Option(help="Folder for its data.", show_default=False)] = None,
) -> int:
    """Run the platform alone on this machine: embedded PostgreSQL, sample town, sign-in as anyone in it."""
    from digione_cli.sandbox.run import default_folder, running, wait_for_end

    began = time.monotonic()
    with session(False) as (world, screen):
        folder = data.absolute() if data else default_folder(world.settings.state)
        with ExitStack() as stack:
            with screen.waiting(t("starting the sandbox")):
                process = stack.enter_context(running(port, folder, fresh, pupils))
            seconds = time.monotonic() - began
            address = f"http://127.0.0.1:{port}"
            ready = t(
                "Ready after {seconds} s: {address}   (Ctrl-C stops it)",
                seconds=f"{seconds:.1f}",
                address=address,
            )
            screen.note(ready)
            screen.note(t("Its data is kept in {folder}; --fresh begins anew.", folder=folder))
            return wait_for_end(process)
