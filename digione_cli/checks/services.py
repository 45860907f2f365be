"""The services: running, as they were applied, and as they are wanted."""

from collections.abc import Iterator

from digione_cli.engine.fingerprint import changes
from digione_cli.engine.services import Services
from digione_cli.engine.situation import Situation
from digione_cli.model.facts import Drift
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("smoke", "doctor")

CODES = {
    "D1-SVC-001": Code(
        title="Unit not running",
        cause="a systemd unit of the service is not active",
        fix=mark("digione logs {instance} {service} shows why; digione apply {instance} repairs it"),
    ),
    "D1-SVC-002": Code(
        title="File changed by hand",
        cause="a managed file was altered, deleted or added, or has another mode or owner",
        fix=mark("digione plan {instance} --diff shows it; digione apply {instance} puts it back"),
    ),
    "D1-SVC-003": Code(
        title="Not applied",
        cause="the service is wanted on the host and was never applied, or its apply was interrupted",
        fix="digione apply {instance}",
    ),
    "D1-SVC-004": Code(
        title="Out of date",
        cause="the inventory, a file that it names, a secret or the release changed since it was applied",
        fix=mark("digione plan {instance}, then digione apply {instance}"),
    ),
    "D1-SVC-005": Code(
        title="Restarts again and again",
        cause="systemd had to start the unit anew several times",
        fix="digione logs {instance} {service}",
    ),
    "D1-SVC-006": Code(
        title="Not in effect",
        cause="something that the service set up on the host was switched off, such as the firewall's rules",
        fix=mark("digione apply {instance} puts it back"),
    ),
    "D1-SVC-007": Code(
        title="Removal interrupted",
        cause="services were being taken off the host when digione was interrupted or failed",
        fix=mark(
            "digione destroy {instance} if the instance shall go, digione apply {instance} if it shall stay"
        ),
    ),
}

RESTARTS = 3

_DRIFT = {
    "missing": mark("{subject} is missing"),
    "changed": mark("{subject} was changed by hand"),
    "unknown": mark("{subject} was not written by DigiOne"),
    "mode": mark("{subject} has mode {has}, wanted is {wants}"),
    "owner": mark("{subject} belongs to {has}, wanted is {wants}"),
    "unit": mark("{subject} is {has}"),
    "no-unit": mark("{subject} is not there"),
    "probe": mark("{subject} fails"),
}
_FOUND = {"unit": ("D1-SVC-001", Level.ERROR), "probe": ("D1-SVC-006", Level.ERROR)}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at every service on each host that was reached."""
    for host, facts in situation.facts.items():
        if not facts.reached or facts.of_another(situation.instance.name):
            continue
        if not facts.services:
            note = t("the instance was never applied to it")
            if facts.kept:
                note = t("the instance was taken off it; its data is kept")
            yield _finding("D1-SVC-003", Level.ERROR, host, "", note, situation)
            continue
        if leaving := [name for name, applied in facts.services.items() if applied.leaving]:
            note = t("the removal of {services} did not end", services=", ".join(leaving))
            yield _finding("D1-SVC-007", Level.ERROR, host, "", note, situation)
            continue  # most of what else is amiss is what was taken off
        lacking: list[str] = []
        behind: dict[str, list[str]] = {}
        for service, fingerprint in situation.desired.fingerprints[host].items():
            applied = facts.services.get(service)
            if applied is None:
                lacking.append(service)
            elif not applied.fingerprint:
                note = t("the run that configured {service} did not end", service=service)
                yield _finding("D1-SVC-003", Level.ERROR, host, service, note, situation)
            elif applied.fingerprint != fingerprint:
                behind.setdefault("; ".join(changes(applied.fingerprint, fingerprint)), []).append(service)
        if lacking:
            note = t("never applied to it: {services}", services=", ".join(lacking))
            yield _finding("D1-SVC-003", Level.ERROR, host, "", note, situation)
        for what, services in behind.items():
            note = t("not applied yet to {services}: {what}", services=", ".join(services), what=what)
            yield _finding("D1-SVC-004", Level.WARNING, host, "", note, situation)
        for drift in facts.drift:
            code, level = _FOUND.get(drift.kind, ("D1-SVC-002", Level.WARNING))
            note = f"{drift.service}: {told(drift, situation.services)}"
            yield _finding(code, level, host, drift.service, note, situation)
        for unit, seen in facts.units.items():
            if seen.restarts > RESTARTS:
                note = t("{unit} was restarted {count} times", unit=unit, count=seen.restarts)
                yield _finding("D1-SVC-005", Level.WARNING, host, _owner(unit, situation), note, situation)


def told(drift: Drift, services: Services) -> str:
    """Given a difference, return it in words."""
    if drift.kind == "probe" and drift.service in services:
        wrong = services[drift.service].probes.get(drift.subject)
        if wrong:  # else a release had a probe that this one has not
            return wrong
    kind = "no-unit" if drift.kind == "unit" and drift.has == "not-found" else drift.kind
    return t(_DRIFT[kind], subject=drift.subject, has=drift.has, wants=drift.wants)


def _owner(unit: str, situation: Situation) -> str:
    tenants = situation.tenants()
    return next((n for n, s in situation.services.items() if unit in s.units_for(tenants)), "<service>")


def _finding(code: str, level: Level, host: str, service: str, text: str, situation: Situation) -> Finding:
    fix = t(CODES[code].fix, instance=situation.instance.name, service=service)
    return Finding(code=code, level=level, subject=host, text=text, fix=fix)
