"""``digione destroy``: take the platform off the hosts."""

from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, session
from digione_cli.verbs._complete import hosts_of_instance

if TYPE_CHECKING:
    from digione_cli.engine.situation import Situation
    from digione_cli.model.plan import Plan
    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World


def destroy(
    instance: InstanceName,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Keep databases, directory and other data.")
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="HOST",
            help="Only this host, before it leaves the inventory.",
            autocompletion=hosts_of_instance,
        ),
    ] = None,
    gone: Annotated[
        bool, typer.Option("--gone", help="With --host: the machine is gone; only forget what was on it.")
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
        if gone:
            _forget(instance, host, dry_run, world, screen)
            return
        spine.change(
            instance,
            "destroy",
            lambda situation: plan_destroy(situation, keep_data, host),
            options,
            world,
            screen,
        )
        if not (dry_run or host):
            inventory, key = world.settings.inventories / instance, world.settings.keys / instance
            screen.note(t("The inventory stays: {folder}", folder=inventory))
            screen.note(t("So does the key of its secrets: {file}", file=key))


def _forget(instance: str, host: str | None, dry_run: bool, world: "World", screen: "Screen") -> None:
    """Drop a host that left the inventory and will not come back from what this machine remembers."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import UsageError

    loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    left = world.registry.left_hosts(loaded)
    if host not in left:
        raise UsageError(
            "D1-LEAVE-003",
            t("No host was forgotten"),
            t(
                "hosts that left the inventory with the instance on them: {hosts}",
                hosts=", ".join(left) or "–",
            ),
            t("name one of them with --host; those in the inventory are not gone"),
        )
    if dry_run:
        screen.note(t("{host} would be forgotten", host=host))
        return
    world.registry.forget_host(instance, host)
    screen.note(t("{host} is forgotten", host=host))


def plan_destroy(situation: "Situation", keep_data: bool, only: str | None = None) -> "Plan":
    """Given a situation, plan the removal of every service that is there, in reverse order.

    A service whose data alone is there, kept by an earlier removal, is removed once more, with its data.

    Raises:
        UsageError: ``only`` names no host of the inventory.
    """
    from digione_cli import steps
    from digione_cli.engine.leaving import left_tenants
    from digione_cli.errors import UsageError
    from digione_cli.model.plan import Plan, Skip
    from digione_cli.model.text import shown

    hosts = tuple(situation.instance.hosts)
    if only is not None and only not in hosts:
        raise UsageError(
            "D1-LEAVE-004",
            t("{host} was not worked on", host=shown(only)),
            t("the inventory has no such host; known are: {hosts}", hosts=", ".join(hosts)),
            t("put it back into hosts: in instance.yml, or name another"),
        )
    hosts = hosts if only is None else (only,)

    planned, skips = [], []
    tenants = (*situation.tenants(), *left_tenants(situation.instance, situation.facts))
    for name, service in reversed(situation.services.items()):
        own = {
            h: f for h, f in situation.facts.items() if h in hosts and f.instance == situation.instance.name
        }
        there = [h for h, f in own.items() if name in f.services or (name in f.kept and not keep_data)]
        data = service.data or service.tenant_data
        kept = tuple(h for h, f in own.items() if data and name in f.kept and h not in there)
        placed = situation.instance.placed(name)
        absent = tuple(h for h in placed if h in hosts and h not in there and h not in kept)
        title = t("Remove {service}", service=service.title)
        if there:
            planned.append(steps.remove(service, there, tenants, keep_data))
        if kept:
            skips.append(Skip(title=title, where=kept, why=t("its data is kept")))
        if absent:
            skips.append(Skip(title=title, where=absent, why=t("not there")))
    return Plan(
        verb="destroy",
        instance=situation.instance.name,
        steps=tuple(planned),
        skips=tuple(skips),
        options=(*(("--keep-data",) if keep_data else ()), *(("--host", only) if only else ())),
        destructive=True,
    )
