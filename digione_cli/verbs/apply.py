"""``digione apply``: provision and configure; the same command again repairs or does nothing."""

from pathlib import PurePath
from typing import TYPE_CHECKING

from digione_cli.texts import moment, t, tn
from digione_cli.verbs._common import AskSudoPassword, Diff, DryRun, InstanceName, Json, Yes, session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from digione_cli.engine.situation import Situation
    from digione_cli.model.plan import Plan, Skip


def apply(
    instance: InstanceName,
    dry_run: DryRun = False,
    diff: Diff = False,
    yes: Yes = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Bring an instance into its desired state; run it again to repair or to finish."""
    from digione_cli import spine

    options = spine.Options(dry_run=dry_run, diff=diff, yes=yes)
    with session(as_json, ask_sudo_password) as (world, screen):
        spine.change(instance, "apply", plan_apply, options, world, screen)


def plan_apply(situation: "Situation") -> "Plan":
    """Given a situation, plan what brings each service on each host into its desired state."""
    from digione_cli import steps
    from digione_cli.engine.leaving import strays
    from digione_cli.model.plan import Plan, Skip

    planned, skips = [], []
    for name, service in situation.services.items():
        placed = situation.instance.placed(name)
        reasons = {host: _reasons(situation, name, host) for host in placed}
        needed = [host for host in placed if reasons[host]]
        if needed:
            why = [f"{host}: {reason}" for host in needed for reason in reasons[host]]
            planned.append(steps.configure(name, service.title, needed, why))
        unchanged = [host for host in placed if not reasons[host]]
        if unchanged:
            at = min(situation.facts[host].services[name].at for host in unchanged)
            title, since = (
                t("Configure {service}", service=service.title),
                t("as wanted since {moment}", moment=moment(at)),
            )
            skips.append(Skip(title=title, where=tuple(unchanged), why=since))
    skips += _left(situation)
    for name, service in reversed(situation.services.items()):
        there = strays(situation.instance, situation.facts, name)
        if there:
            _require_movable(situation, name, there)
            why = [t("no longer placed there")]
            keep = bool(service.data or service.tenant_data)
            planned.append(steps.remove(service, there, situation.tenants(), keep, why))
    if planned:
        planned.append(steps.smoke_test(situation.instance.hosts))
    return Plan(verb="apply", instance=situation.instance.name, steps=tuple(planned), skips=tuple(skips))


def _reasons(situation: "Situation", service: str, host: str) -> list[str]:
    """Say why a service must be configured on a host; nothing to say means that it is as wanted."""
    from digione_cli.checks.certificates import RENEW_DAYS
    from digione_cli.checks.services import told
    from digione_cli.engine.fingerprint import changes

    facts = situation.facts[host]
    applied = facts.services.get(service)
    if applied is None:
        return [t("not there yet")]
    if not applied.fingerprint and facts.lock:
        return [t("the run of {who} is at work on it", who=f"{facts.lock.who}@{facts.lock.machine}")]
    if not applied.fingerprint:
        return [t("an earlier run did not end")]
    reasons = []
    wanted = situation.desired.fingerprints[host][service]
    if applied.fingerprint != wanted:
        reasons += changes(applied.fingerprint, wanted)
    reasons += [told(d, situation.services) for d in facts.drift if d.service == service]
    for certificate in facts.certificates:
        # /etc/digione/tls/<service>.pem or <service>-<tenant>.pem; others are not for apply to renew
        its_service = PurePath(certificate.path).stem.partition("-")[0]
        ends = _days_left(certificate.not_after, situation)
        if ends < RENEW_DAYS and its_service == service and certificate.own:
            file = certificate.path
            reasons.append(tn("{file} ends in {count} day", "{file} ends in {count} days", ends, file=file))
    return reasons


def _left(situation: "Situation") -> "Iterator[Skip]":
    """Yield what left the inventory and apply leaves alone, with the command that takes it off."""
    from digione_cli.engine.leaving import left_tenants, only_data, places
    from digione_cli.model.plan import Skip

    instance = situation.instance
    for tenant in left_tenants(instance, situation.facts):
        held = places(instance, situation.facts, tenant)
        hosts = tuple(h for h in instance.hosts if any(h in where for where in held.values()))
        command = f"digione tenant remove {instance.name} {tenant}"
        if only_data(held, situation.services):
            why = t("its data is kept there until: {command}", command=command)
        else:
            why = t("it is there but no longer in the inventory: {command}", command=command)
        yield Skip(title=t("Remove {tenant}", tenant=tenant), where=hosts, why=why)
    for host in situation.left_hosts:
        why = t(
            "it is there but the host is no longer in the inventory: digione doctor {instance}",
            instance=instance.name,
        )
        yield Skip(title=t("Remove the instance"), where=(host,), why=why)


def _require_movable(situation: "Situation", service: str, there: tuple[str, ...]) -> None:
    """Refuse to begin a service anew elsewhere while the data of tenants is where it was.

    Raises:
        PreconditionError: the service keeps data of tenants.
    """
    from digione_cli.errors import PreconditionError

    known = situation.services[service]
    if not (known.tenant_data and known.data):
        return
    title, here, elsewhere = known.title, ", ".join(there), ", ".join(situation.instance.placed(service))
    raise PreconditionError(
        "D1-LEAVE-002",
        t("{service} was not moved to {hosts}", service=title, hosts=elsewhere),
        t("its data is on {hosts}, and it would begin empty elsewhere", hosts=here),
        t(
            "place {service} on {hosts} again (hosts.*.services); nothing was changed",
            service=service,
            hosts=here,
        ),
    )


def _days_left(not_after: str, situation: "Situation") -> int:
    from datetime import UTC, datetime

    end = datetime.strptime(not_after, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return (end - situation.now).days
