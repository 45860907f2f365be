"""Options and set-up that verbs share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World


def _instances(incomplete: str) -> list[str]:
    """Complete instance names, without loading anything heavy."""
    from digione_cli.engine.names import instance_names

    given = os.environ.get("DIGIONE_INVENTORIES")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "inventories"
    return instance_names(folder, incomplete)


InstanceName = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="Name of the instance.", autocompletion=_instances)
]
TenantName = Annotated[
    str, typer.Argument(metavar="TENANT", help="The tenant's slug; INSTANCE/TENANT where it is not unique.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Show what would change in files.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AskSudoPassword = Annotated[
    bool, typer.Option("--ask-sudo-password", "-K", help="Ask for the password of sudo on the hosts.")
]


@contextmanager
def session(as_json: bool, ask_sudo_password: bool = False) -> "Iterator[tuple[World, Screen]]":
    """Yield the world and the screen; what the screen keeps back is printed at the end."""
    from pydantic import SecretStr

    from digione_cli.settings import Settings
    from digione_cli.ui.screen import screen
    from digione_cli.world.world import World

    shown = screen(as_json)
    password = None
    if ask_sudo_password:
        password = SecretStr(shown.ask("Password of sudo on the hosts", secret=True))
    yield World(Settings(), password), shown
    shown.close()
