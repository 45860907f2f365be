"""``digione apply``: provision and configure; the same command again repairs or does nothing."""

from pathlib import PurePath
from typing import TYPE_CHECKING

from digione_cli.verbs._common import AskSudoPassword, Diff, DryRun, InstanceName, Json, Yes, session

if TYPE_CHECKING:
    from digione_cli.engine.situation import Situation
    from digione_cli.model.plan import Plan


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
            title = f"Configure {service.title}"
            skips.append(Skip(title=title, where=tuple(unchanged), why=f"as wanted since {at}"))
    if planned:
        planned.append(steps.smoke_test(situation.instance.hosts))
    return Plan(verb="apply", instance=situation.instance.name, steps=tuple(planned), skips=tuple(skips))


def _reasons(situation: "Situation", service: str, host: str) -> list[str]:
    """Say why a service must be configured on a host; nothing to say means that it is as wanted."""
    from digione_cli.checks.certificates import RENEW_DAYS
    from digione_cli.checks.services import told

    facts = situation.facts[host]
    applied = facts.services.get(service)
    if applied is None:
        return ["not there yet"]
    if not applied.fingerprint and facts.lock:
        return [f"the run of {facts.lock.who}@{facts.lock.machine} is at work on it"]
    if not applied.fingerprint:
        return ["an earlier run was interrupted"]
    reasons = []
    if applied.fingerprint != situation.desired.fingerprints[host][service]:
        reasons.append("the inventory, a secret, the role or the release changed")
    reasons += [told(d) for d in facts.drift if d.service == service]
    for certificate in facts.certificates:
        # /etc/digione/tls/<service>.pem or <service>-<tenant>.pem; others are not for apply to renew
        its_service = PurePath(certificate.path).stem.partition("-")[0]
        ends = _days_left(certificate.not_after, situation)
        if ends < RENEW_DAYS and its_service == service and certificate.own:
            reasons.append(f"{certificate.path} ends in {ends} days")
    return reasons


def _days_left(not_after: str, situation: "Situation") -> int:
    from datetime import UTC, datetime

    end = datetime.strptime(not_after, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return (end - situation.now).days
