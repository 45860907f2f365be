"""The vocabulary of plans: functions that return steps, and the calls that some steps name."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from digione_cli import checks
from digione_cli.engine import backups
from digione_cli.engine.execute import Carry
from digione_cli.engine.load import load_instance
from digione_cli.engine.services import load_services
from digione_cli.engine.situation import Situation
from digione_cli.errors import PartlyDone
from digione_cli.model.facts import HostFacts
from digione_cli.model.finding import Finding, Level
from digione_cli.model.plan import Call, RoleAction, Step
from digione_cli.model.service import Service
from digione_cli.texts import t
from digione_cli.world.world import World


def configure(service: str, title: str, where: Iterable[str], why: Iterable[str]) -> Step:
    """A step that brings a service into its desired state."""
    return Step(
        id=f"configure-{service}",
        title=t("Configure {service}", service=title),
        where=tuple(where),
        work=RoleAction(service=service, action="configure"),
        why=tuple(why),
    )


def remove(
    service: Service, where: Iterable[str], tenants: Sequence[str], keep_data: bool, why: Iterable[str] = ()
) -> Step:
    """A step that takes a service off its hosts; what becomes of which data is added to the reasons."""
    data = [service.own_data] if service.own_data else []
    if service.tenant_data and tenants:
        data.insert(0, f"{service.tenant_data} ({', '.join(tenants)})")
    return Step(
        id=f"remove-{service.name}",
        title=t("Remove {service}", service=service.title),
        where=tuple(where),
        work=RoleAction(service=service.name, action="remove", keep_data=keep_data),
        why=(*why, *(_becomes_of(one, keep_data) for one in data)),
    )


def _becomes_of(data: str, keep_data: bool) -> str:
    return t("kept: {data}", data=data) if keep_data else t("deleted for good: {data}", data=data)


def remove_tenant(service: Service, where: Iterable[str], tenant: str, keep_data: bool) -> Step:
    """A step that takes what is of one tenant out of a service."""
    gone = t("deleted for good: {data}", data=service.tenant_data)
    return Step(
        id=f"tenant-remove-{service.name}",
        title=t("Take {tenant} out of {service}", tenant=tenant, service=service.title),
        where=tuple(where),
        work=RoleAction(service=service.name, action="tenant_remove", keep_data=keep_data, tenant=tenant),
        why=(gone,) if service.tenant_data else (),
    )


def forget_secrets(tenant: str) -> Step:
    """A step that drops a tenant's secrets."""
    return Step(
        id="forget-secrets",
        title=t("Delete the secrets of {tenant}", tenant=tenant),
        where=(),
        work=Call(call="forget_secrets", tenant=tenant),
    )


def recovery_point(where: Iterable[str], kind: str, now: datetime | None, copied: bool = True) -> Step:
    """A step that makes a recovery point, of one id on all hosts: of ``now``, else of its own beginning.

    ``copied``: it must come to all targets.
    """
    return Step(
        id="recovery-point",
        title=t("Make a recovery point"),
        where=tuple(where),
        work=Call(
            call="recovery_point",
            given={"kind": kind, "point": _point_id(now) if now else "", "copied": copied},
        ),
    )


def _point_id(now: datetime) -> str:
    return now.strftime("%Y%m%d-%H%M%S")


def restore(step: str, title: str, where: Iterable[str], told: Mapping[str, Any] | None = None) -> Step:
    """A step of a restore that the hosts' backup programs carry out; ``told`` is what each is told."""
    return Step(
        id=f"restore-{step}",
        title=title,
        where=tuple(where),
        work=Call(call="restore", given={"step": step, "told": dict(told or {})}),
    )


def carry(source: str, choice: Mapping[str, Any], where: Iterable[str]) -> Step:
    """A step that lays out a tenant on the hosts of another instance and brings it to those of this one."""
    return Step(
        id="carry",
        title=t("Bring what is restored from {instance}", instance=source),
        where=tuple(where),
        work=Call(call="carry", given={"source": source, "choice": dict(choice)}),
    )


def pause(service: Service, where: Iterable[str]) -> Step:
    """A step that stops a service until it is configured again."""
    return Step(
        id=f"pause-{service.name}",
        title=t("Stop {service}", service=service.title),
        where=tuple(where),
        work=RoleAction(service=service.name, action="pause"),
    )


def put_back(service: Service, where: Iterable[str]) -> Step:
    """A step in which a service takes back what of it was in a recovery point."""
    return Step(
        id=f"restore-{service.name}",
        title=t("Put back what {service} keeps", service=service.title),
        where=tuple(where),
        work=RoleAction(service=service.name, action="restore"),
    )


def smoke_test(where: Iterable[str]) -> Step:
    """A step that closes a run: everything that was changed answers."""
    return Step(
        id="smoke-test",
        title=t("Make sure that everything answers"),
        where=tuple(where),
        work=Call(call="smoke_test"),
    )


def _forget_secrets(step: Step, call: Call, situation: Situation, world: World) -> None:
    present = situation.store.read()
    values = {name: value for name, value in present.values.items() if name.tenant != call.tenant}
    situation.store.write(values, present.salt)


def _recovery_point(step: Step, call: Call, situation: Situation, world: World) -> None:
    point = call.given["point"] or _point_id(world.now())
    arguments = ["create", "--kind", call.given["kind"], "--point", point]
    for host in step.where:
        answer = _asked(host, arguments, {}, situation, world)
        for told in answer["troubles"].values() if call.given["copied"] else ():
            error = backups.error_of(told, situation.instance.name, host)
            raise PartlyDone(error.id, error.what, error.why, error.fix)


def _restore(step: Step, call: Call, situation: Situation, world: World) -> None:
    for host in step.where:
        _asked(host, ["restore", call.given["step"]], call.given["told"].get(host, {}), situation, world)


def _carry(step: Step, call: Call, situation: Situation, world: World) -> None:
    services = load_services(world.settings.roles)
    source = load_instance(world.settings.inventories, call.given["source"], services)
    here = [one for one in world.targets(situation.instance) if one.name in step.where]
    for number, target in enumerate(backups.targets(source, world)):
        told = call.given["choice"][target.name]
        backups.ask(world, source, target, ["restore", "check"])
        backups.ask(world, source, target, ["restore", "tenant-lay-out"], told)
        for sink in here:
            world.carry(target, sink, anew=number == 0)
        backups.ask(world, source, target, ["restore", "tenant-clear"], told)


def _asked(
    host: str, arguments: Sequence[str], told: Mapping[str, Any], situation: Situation, world: World
) -> dict[str, Any]:
    target = next(one for one in world.targets(situation.instance) if one.name == host)
    return backups.ask(world, situation.instance, target, arguments, told)


def _smoke_test(step: Step, call: Call, situation: Situation, world: World) -> None:
    from dataclasses import replace

    # The locks are our own.
    seen = {n: f.model_copy(update={"lock": None}) for n, f in world.look(situation.instance).items()}
    fresh = replace(situation, facts=seen, now=world.now())
    bad = [_lost(n, f) for n, f in fresh.facts.items() if not f.reached]
    bad += [f for f in checks.findings("smoke", fresh, world) if f.level is Level.ERROR]
    if bad:
        raise PartlyDone(
            "D1-RUN-010",
            t("Not everything answers after the run"),
            "\n".join(told(f) for f in bad),
            f"digione doctor {situation.instance.name}",
        )


def _lost(host: str, facts: HostFacts) -> Finding:
    return Finding(code=facts.error_kind or "D1-HOST-001", level=Level.ERROR, subject=host, text=facts.error)


def told(finding: Finding) -> str:
    """Given a finding, return it in one line."""
    return f"{finding.subject}: {finding.text} [{finding.code}]"


CALLS: Mapping[str, Carry] = {
    "carry": _carry,
    "forget_secrets": _forget_secrets,
    "recovery_point": _recovery_point,
    "restore": _restore,
    "smoke_test": _smoke_test,
}
