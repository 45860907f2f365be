"""``digione logs``: follow a service's log from its host."""

import difflib
from typing import Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import AskSudoPassword, InstanceName, session
from digione_cli.verbs._complete import services_named, tenants_of_instance


def logs(
    instance: InstanceName,
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="Name of the service, such as platform.", autocompletion=services_named
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on until Ctrl-C.")] = True,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=100_000, help="Lines to begin with.")
    ] = 50,
    host: Annotated[str | None, typer.Option("--host", help="Host, where the service is on several.")] = None,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", help="Only what is this tenant's own.", autocompletion=tenants_of_instance),
    ] = None,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Follow the log of a service from its host."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import Exit, PreconditionError, UsageError
    from digione_cli.model.text import shown

    with session(False, ask_sudo_password) as (world, screen):
        services = load_services(world.settings.roles)
        loaded = load_instance(world.settings.inventories, instance, services)
        if service not in services:
            near = difflib.get_close_matches(service, services, 1)
            what = t("There is no service “{name}”", name=service[:40])
            why = t("known are: {known}", known=", ".join(services))
            fix = f"digione logs {instance} {near[0]}" if near else f"digione status {instance}"
            raise UsageError("D1-LOG-001", what, why, fix)
        placed = loaded.placed(service)
        if host is not None and host not in placed:
            what = t("{service} is not on “{host}”", service=service, host=host[:40])
            why = t("it is on: {hosts}", hosts=", ".join(placed))
            raise UsageError("D1-LOG-002", what, why, f"digione logs {instance} {service}")
        target = next(one for one in world.targets(loaded) if one.name == (host or placed[0]))
        tenants = tuple(one.slug for one in loaded.tenants)
        if tenant is not None and tenant not in tenants:
            near = difflib.get_close_matches(tenant, tenants, 1)
            raise UsageError(
                "D1-LOG-004",
                t("{instance} has no tenant “{tenant}”", instance=instance, tenant=shown(tenant)),
                t("known are: {known}", known=", ".join(tenants)),
                f"digione logs {instance} {service} --tenant {near[0]}"
                if near
                else f"digione status {instance}",
            )
        asked = services.of(loaded)[service]
        units = asked.units_of(tenant) if tenant else asked.units_for(tenants)
        if tenant and not units:
            raise UsageError(
                "D1-LOG-005",
                t("{service} has no log of {tenant} alone", service=service, tenant=tenant),
                t("all tenants share its processes"),
                f"digione logs {instance} {service}",
            )
        if not units:
            what = t("{service} has no log", service=service)
            why = t("it has no process of its own")
            raise UsageError("D1-LOG-003", what, why, f"digione logs {instance} platform")
        seen = world.look(loaded)[target.name]
        if seen.of_another(instance):
            raise PreconditionError(
                "D1-LOG-006",
                t("{instance} has no log on {host}", instance=instance, host=target.name),
                t("it belongs to the instance {other}", other=seen.instance),
                f"digione logs {seen.instance} {service}",
            )
        command = ["journalctl", "--no-pager", "-o", "short-iso", "-n", str(lines)]
        command += ["-f"] if follow else []
        command += [part for unit in units for part in ("-u", unit)]
        try:
            return world.follow(target, command, lambda said: screen.passed_on(said, ""))
        except KeyboardInterrupt:  # how following ends
            return Exit.DONE
