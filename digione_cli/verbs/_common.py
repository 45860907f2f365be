"""Options and set-up that verbs share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._complete import instances, tenants

if TYPE_CHECKING:
    from digione_cli.model.plan import Plan
    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World


InstanceName = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="Name of the instance.", autocompletion=instances)
]
TenantName = Annotated[
    str,
    typer.Argument(
        metavar="TENANT",
        help="The tenant's slug; INSTANCE/TENANT where it is not unique.",
        autocompletion=tenants,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Show what would change in files.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AskSudoPassword = Annotated[
    bool, typer.Option("--ask-sudo-password", "-K", help="Ask for the password of sudo on the hosts.")
]


def intended(verb: str, instance: str, title: str, where: "Sequence[str]" = (), about: str = "") -> "Plan":
    """Return the plan of a verb that carries out its one step itself."""
    from digione_cli.model.plan import Call, Plan, Step

    call = verb.replace(" ", "_")
    step = Step(id=call, title=title, where=tuple(where), work=Call(call=call))
    return Plan(verb=verb, instance=instance, about=about, steps=(step,))


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
        password = SecretStr(shown.ask(t("Password of sudo on the hosts"), secret=True))
    yield World(Settings(), password), shown
    shown.close()
