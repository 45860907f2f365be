"""``digione destroy``: take the platform off the hosts."""

from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, session

if TYPE_CHECKING:
    from digione_cli.engine.situation import Situation
    from digione_cli.model.plan import Plan


def destroy(
    instance: InstanceName,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Keep databases, directory and other data.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The instance's name, instead of asking.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Take the platform off the instance's hosts; asks for the instance's name."""
    from digione_cli import spine

    options = spine.Options(dry_run=dry_run, confirm=confirm, with_bundle=False)
    with session(as_json, ask_sudo_password) as (world, screen):
        spine.change(
            instance, "destroy", lambda situation: plan_destroy(situation, keep_data), options, world, screen
        )


def plan_destroy(situation: "Situation", keep_data: bool) -> "Plan":
    """Given a situation, plan the removal of every service that is there, in reverse order."""
    from digione_cli import steps
    from digione_cli.model.plan import Plan, Skip

    planned, skips = [], []
    for name, service in reversed(situation.services.items()):
        there = [
            host
            for host, facts in situation.facts.items()
            if name in facts.services and facts.instance == situation.instance.name
        ]
        absent = [h for h in situation.instance.placed(name) if h not in there]
        if there:
            planned.append(steps.remove(name, service.title, there, keep_data))
        if absent:
            skips.append(Skip(title=f"Remove {service.title}", where=tuple(absent), why="not there"))
    return Plan(
        verb="destroy",
        instance=situation.instance.name,
        steps=tuple(planned),
        skips=tuple(skips),
        destructive=True,
    )
