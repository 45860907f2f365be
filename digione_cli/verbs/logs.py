"""``digione logs``: follow a service's log from its host."""

import difflib
from typing import Annotated

import typer

from digione_cli.verbs._common import AskSudoPassword, InstanceName, session


def logs(
    instance: InstanceName,
    service: Annotated[str, typer.Argument(help="Name of the service, such as platform.")],
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on until Ctrl-C.")] = True,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=100_000, help="Lines to begin with.")
    ] = 50,
    host: Annotated[str | None, typer.Option("--host", help="Host, where the service is on several.")] = None,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Follow the log of a service from its host."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import UsageError

    with session(False, ask_sudo_password) as (world, _):
        services = load_services(world.settings.roles)
        loaded = load_instance(world.settings.inventories, instance, services)
        if service not in services:
            near = difflib.get_close_matches(service, services, 1)
            known = f"known are: {', '.join(services)}"
            fix = f"digione logs {instance} {near[0]}" if near else "name one of them"
            raise UsageError("D1-LOG-001", f"There is no service “{service[:40]}”", known, fix)
        placed = loaded.placed(service)
        if host is not None and host not in placed:
            why = f"{service} is on {', '.join(placed)}"
            raise UsageError("D1-LOG-002", f"{service} is not on “{host[:40]}”", why, "leave --host out")
        target = next(t for t in world.targets(loaded) if t.name == (host or placed[0]))
        units = services[service].units_for(tuple(t.slug for t in loaded.tenants))
        if not units:
            why = "it has no process of its own"
            raise UsageError("D1-LOG-003", f"{service} has no log", why, f"digione logs {instance} platform")
        command = ["journalctl", "--no-pager", "-o", "short-iso", "-n", str(lines)]
        command += ["-f"] if follow else []
        return world.follow(target, [*command, *(part for u in units for part in ("-u", u))])
