"""``digione status``: hosts, services, release, tenants, certificates, last run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import language, mark, moment, t, tn
from digione_cli.verbs._common import AskSudoPassword, Json, session
from digione_cli.verbs._complete import instances

if TYPE_CHECKING:
    from digione_cli.model.facts import Applied, HostFacts
    from digione_cli.model.instance import Tenant
    from digione_cli.model.plan import Run


def status(
    instance: Annotated[
        str | None,
        typer.Argument(
            metavar="[INSTANCE]",
            help="Look at this instance; without it, list all.",
            autocompletion=instances,
        ),
    ] = None,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Show hosts, services, release, tenants, certificates and the last run.

    With an instance's name its hosts are looked at; without, what was seen last is listed.
    """
    from digione_cli.errors import Exit

    with session(as_json, ask_sudo_password) as (world, screen):
        good = _one(instance, world, screen) if instance else _all(world, screen)
    return Exit.DONE if good else Exit.PRECONDITION


def _all(world: Any, screen: Any) -> bool:
    """List what was seen last of every instance; nothing can go wrong with that."""
    from digione_cli.engine.names import instance_names

    seen = world.registry.seen()
    names = instance_names(world.settings.inventories)
    rows, data = [], []
    for name in names:
        at, looked_at = seen.get(name, ("", {}))
        hosts = {host: _own_only(facts, name) for host, facts in looked_at.items()}
        runs = world.registry.runs(name, limit=1)
        release = ", ".join(sorted({f.release for f in hosts.values() if f.release}))
        rows.append(
            [
                *(name, release or "–", str(len(hosts) or "–"), t(_health(hosts)), _run(runs)),
                moment(at) if at else t("never"),
            ]
        )
        data.append(
            {
                "name": name,
                "release": release,
                "seen": at,
                "hosts": {h: f.model_dump(mode="json") for h, f in hosts.items()},
                "last_run": runs[0].model_dump(mode="json") if runs else None,
            }
        )
    columns = [t("Instance"), t("Release"), t("Hosts"), t("Health"), t("Last run"), t("Seen")]
    screen.table("instances", t("Instances"), columns, rows, data)
    return True


def _one(name: str, world: Any, screen: Any) -> bool:
    """Show one instance; say whether all its hosts were reached."""
    from digione_cli.engine.leaving import left_tenants
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services

    services = load_services(world.settings.roles)
    loaded = load_instance(world.settings.inventories, name, services)
    with screen.waiting(t("looking at the hosts")):
        facts = world.look(loaded)
    now = world.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    world.registry.record_seen(loaded, facts, now)
    rows = [
        [h, loaded.hosts[h].address, _host(f, name), f.release or "–", _size(f)] for h, f in facts.items()
    ]
    data = {h: f.model_dump(mode="json") for h, f in facts.items()}
    columns = [t("Host"), t("Address"), t("State"), t("Release"), t("Size")]
    screen.table("hosts", t("Hosts"), columns, rows, data)
    for host, seen in facts.items():
        if not seen.reached:
            screen.note(f"{host}: {seen.error} [{seen.error_kind}]\n  {t('next')}: {seen.error_fix}")
    _services(loaded, services, facts, screen)
    tenants = [[one.slug, one.code, _name(one), f"https://{one.domain}"] for one in loaded.tenants]
    shown = [one.model_dump(mode="json") | {"left": False} for one in loaded.tenants]
    for slug in left_tenants(loaded, facts):
        tenants.append([slug, "–", t("no longer in the inventory"), "–"])
        shown.append({"slug": slug, "left": True})
    screen.table("tenants", t("Tenants"), [t("Tenant"), t("Code"), t("Name"), t("Address")], tenants, shown)
    certificates = [
        [h, c.path, c.not_after[:10]] for h, f in facts.items() for c in _own_only(f, name).certificates
    ]
    if certificates:
        listed = [dict(zip(("host", "path", "not_after"), c, strict=True)) for c in certificates]
        columns = [t("Host"), t("Certificate"), t("Ends")]
        screen.table("certificates", t("Certificates"), columns, certificates, listed)
    _backups(facts, name, screen)
    _drill(loaded, screen)
    runs = tuple(_as_it_is(run, facts) for run in world.registry.runs(name, limit=1))
    last = [[r.verb, r.who, moment(r.started), _outcome(r)] for r in runs]
    shown_run = runs[0].model_dump(mode="json") if runs else None
    columns = [t("Verb"), t("Who"), t("Started"), t("Outcome")]
    screen.table("last_run", t("Last run"), columns, last, shown_run)
    return all(f.reached and not f.of_another(name) for f in facts.values())


def _backups(facts: "dict[str, HostFacts]", name: str, screen: Any) -> None:
    """Show the newest recovery point of each host, and up to which moment each target could restore it."""
    known = {h: f.backups for h, f in facts.items() if f.backups and not f.of_another(name)}
    if not known:
        return
    rows = []
    for host, one in known.items():
        last, since = one.get("last"), one.get("from", "")
        made = [moment(last["ended"]), f"{last['seconds']:.0f} s"] if last else ["–", "–"]
        targets = one.get("targets", {}).items()
        until = [f"{target}: {moment(seen['until'])}" for target, seen in targets if seen.get("until")]
        rows.append([host, *made, moment(since) if since else "–", ", ".join(until) or "–"])
    columns = [t("Host"), t("Newest recovery point"), t("Took"), t("Restorable from"), t("Restorable until")]
    screen.table("backups", t("Backups"), columns, rows, known)


def _drill(loaded: Any, screen: Any) -> None:
    """Show how the last drill went."""
    from digione_cli.engine import drill

    for last in drill.records(loaded.folder)[-1:]:
        took = t("{seconds} s", seconds=round(last.recovery_seconds)) if not last.error else "–"
        row = [moment(last.began), last.point or "–", last.source, took, last.error or t("everything proven")]
        columns = [t("Held"), t("Recovery point"), t("Where"), t("Recovery time"), t("Outcome")]
        screen.table("last_drill", t("Last drill"), columns, [row], last.model_dump(mode="json"))


def _own_only(facts: "HostFacts", instance: str) -> "HostFacts":
    """The facts of a host without what runs there of another instance."""
    if not facts.of_another(instance):
        return facts
    return facts.model_copy(
        update={"release": "", "services": {}, "units": {}, "drift": (), "certificates": ()}
    )


def _services(loaded: Any, services: Any, facts: "dict[str, HostFacts]", screen: Any) -> None:
    rows, data = [], []
    tenants = tuple(one.slug for one in loaded.tenants)
    for name, service in services.items():
        for host in loaded.placed(name):
            seen = _own_only(facts[host], loaded.name)
            applied = seen.services.get(name)
            units = {u: seen.units[u].active for u in service.units_for(tenants) if u in seen.units}
            down = sorted(u for u, active in units.items() if active != "active")
            drift = sum(d.service == name for d in seen.drift)
            state = _state(seen, applied)
            troubles = [f"{u} {units[u]}" for u in down]
            troubles += [tn("{count} difference", "{count} differences", drift)] if drift else []
            trouble = ", ".join(troubles)
            rows.append([name, host, t(state), moment(applied.at) if applied else "–", trouble or "–"])
            data.append(
                {
                    "service": name,
                    "host": host,
                    "state": state,
                    "at": applied.at if applied else "",
                    "units": units,
                    "differences": drift,
                }
            )
    columns = [t("Service"), t("Host"), t("State"), t("Since"), t("Trouble")]
    screen.table("services", t("Services"), columns, rows, data)


def _state(seen: "HostFacts", applied: "Applied | None") -> str:
    if not seen.reached:
        return mark("unknown")
    if not applied:
        return mark("not applied")
    return mark("applied") if applied.fingerprint else mark("interrupted")


def _health(hosts: "dict[str, HostFacts]") -> str:
    if not hosts:
        return "–"
    if not all(f.reached for f in hosts.values()):
        return mark("not reached")
    if not any(f.services for f in hosts.values()):
        return mark("not applied")
    return mark("trouble") if any(f.drift for f in hosts.values()) else mark("good")


def _host(facts: "HostFacts", instance: str) -> str:
    if not facts.reached:
        return t("not reached")
    if facts.of_another(instance):
        return t("it belongs to the instance {other}", other=facts.instance)
    return t("up")


def _size(facts: "HostFacts") -> str:
    if not facts.reached:
        return "–"
    free = facts.disk_free_mb // 1024
    return t("{cpus} cores, {memory} MB, {free} GB free", cpus=facts.cpus, memory=facts.memory_mb, free=free)


def _as_it_is(run: "Run", facts: "dict[str, HostFacts]") -> "Run":
    """A run that never wrote its end, and no longer holds the lock on any host, was killed."""
    at_work = any(not f.reached or (f.lock and f.lock.operation == run.id) for f in facts.values())
    killed = run.outcome == "running" and not at_work
    return run.model_copy(update={"outcome": "interrupted"}) if killed else run


def _run(runs: "tuple[Run, ...]") -> str:
    return f"{runs[0].verb}: {_outcome(runs[0])}" if runs else "–"


def _outcome(run: "Run") -> str:
    words = {
        "running": t("running"),
        "done": t("done"),
        "failed": t("failed"),
        "interrupted": t("interrupted"),
    }
    return words[run.outcome]


def _name(tenant: "Tenant") -> str:
    return tenant.name.sv if language() == "sv" else tenant.name.fi
