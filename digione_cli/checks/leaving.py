"""What left the inventory and is on the hosts still: tenants, services, whole hosts."""

from collections.abc import Iterator

from digione_cli.engine.leaving import kept_elsewhere, left_tenants, only_data, places, strays
from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("doctor",)

CODES = {
    "D1-LEFT-001": Code(
        title="Tenant left the inventory",
        cause="the tenant's file was deleted; its processes, users and data are on the hosts still",
        fix="digione tenant remove {instance} {tenant}",
    ),
    "D1-LEFT-002": Code(
        title="Data of a tenant that left",
        cause="the tenant was taken off with --keep-data; its databases and accounts wait for its return",
        fix=mark("put its file back, or delete its data: digione tenant remove {instance} {tenant}"),
    ),
    "D1-LEFT-003": Code(
        title="Service placed elsewhere",
        cause="the inventory places the service on another host, and it is on the old one still",
        fix=mark("digione plan {instance}, then digione apply {instance}"),
    ),
    "D1-LEFT-005": Code(
        title="Data of a service that was removed",
        cause="the service was removed from the host and left its data there, as after a move",
        fix=mark("nothing uses it; on {host}: rm -r {folders}; digione destroy {instance} deletes it, too"),
    ),
    "D1-LEFT-004": Code(
        title="Host left the inventory",
        cause="the host was taken out of hosts: with the instance on it",
        fix=mark(
            "put {host} back, take the instance off it with digione destroy {instance} --host {host}, "
            "then take it out again; if the machine is gone: digione destroy {instance} --host {host} --gone"
        ),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Compare what is on the hosts with what the inventory names."""
    instance, facts = situation.instance, situation.facts
    for tenant in left_tenants(instance, facts):
        held = places(instance, facts, tenant)
        on = ", ".join(sorted({host for hosts in held.values() for host in hosts}))
        if only_data(held, situation.services):
            note = t("its data is kept on {hosts}", hosts=on)
            yield _finding("D1-LEFT-002", Level.HINT, tenant, note, situation, tenant=tenant)
        else:
            note = t("is on {hosts} but no longer in the inventory", hosts=on)
            yield _finding("D1-LEFT-001", Level.WARNING, tenant, note, situation, tenant=tenant)
    for service in situation.services:
        for host in strays(instance, facts, service):
            note = t("{service} is there but no longer placed there", service=service)
            yield _finding("D1-LEFT-003", Level.WARNING, host, note, situation)
        for host in kept_elsewhere(instance, facts, service):
            data = situation.services[service]
            note = t(
                "{service} left its data there: {data}",
                service=service,
                data=data.own_data or data.tenant_data,
            )
            folders = " ".join(data.data)
            yield _finding("D1-LEFT-005", Level.HINT, host, note, situation, host=host, folders=folders)
    for host in situation.left_hosts:
        note = t("carried the instance when it left the inventory")
        yield _finding("D1-LEFT-004", Level.WARNING, host, note, situation, host=host)


def _finding(
    code: str, level: Level, subject: str, text: str, situation: Situation, **values: str
) -> Finding:
    fix = t(CODES[code].fix, instance=situation.instance.name, **values)
    return Finding(code=code, level=level, subject=subject, text=text, fix=fix)
