"""``digione status``: hosts, services, release, tenants, certificates, last run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, session

if TYPE_CHECKING:
    from digione_cli.model.facts import Applied, HostFacts
    from digione_cli.model.plan import Run


def status(
    instance: Annotated[
        str | None, typer.Argument(metavar="[INSTANCE]", help="Look at this instance; without it, list all.")
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
        at, hosts = seen.get(name, ("", {}))
        runs = world.registry.runs(name, limit=1)
        release = ", ".join(sorted({f.release for f in hosts.values() if f.release}))
        rows.append([name, release or "–", str(len(hosts) or "–"), _health(hosts), _run(runs), at or "never"])
        data.append(
            {
                "name": name,
                "release": release,
                "seen": at,
                "hosts": {h: f.model_dump(mode="json") for h, f in hosts.items()},
                "last_run": runs[0].model_dump(mode="json") if runs else None,
            }
        )
    screen.table("instances", ["Instance", "Release", "Hosts", "Health", "Last run", "Seen"], rows, data)
    return True


def _one(name: str, world: Any, screen: Any) -> bool:
    """Show one instance; say whether all its hosts were reached."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services

    services = load_services(world.settings.roles)
    loaded = load_instance(world.settings.inventories, name, services)
    with screen.waiting("looking at the hosts"):
        facts = world.look(loaded)
    now = world.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    world.registry.record_seen(loaded, facts, now)
    rows = [[h, loaded.hosts[h].address, _host(f), f.release or "–", _size(f)] for h, f in facts.items()]
    data = {h: f.model_dump(mode="json") for h, f in facts.items()}
    screen.table("hosts", ["Host", "Address", "State", "Release", "Size"], rows, data)
    _services(loaded, services, facts, screen)
    tenants = [[t.slug, t.code, t.name.fi, f"https://{t.domain}"] for t in loaded.tenants]
    shown = [t.model_dump(mode="json") for t in loaded.tenants]
    screen.table("tenants", ["Tenant", "Code", "Name", "Address"], tenants, shown)
    certificates = [[h, c.path, c.not_after[:10]] for h, f in facts.items() for c in f.certificates]
    if certificates:
        listed = [dict(zip(("host", "path", "not_after"), c, strict=True)) for c in certificates]
        screen.table("certificates", ["Host", "Certificate", "Ends"], certificates, listed)
    runs = world.registry.runs(name, limit=1)
    last = [[r.verb, r.who, r.started, r.outcome] for r in runs]
    shown_run = runs[0].model_dump(mode="json") if runs else None
    screen.table("last_run", ["Verb", "Who", "Started", "Outcome"], last, shown_run)
    return all(f.reached for f in facts.values())


def _services(loaded: Any, services: Any, facts: "dict[str, HostFacts]", screen: Any) -> None:
    rows, data = [], []
    tenants = tuple(t.slug for t in loaded.tenants)
    for name, service in services.items():
        for host in loaded.placed(name):
            seen = facts[host]
            applied = seen.services.get(name)
            units = {u: seen.units[u].active for u in service.units_for(tenants) if u in seen.units}
            down = sorted(u for u, active in units.items() if active != "active")
            drift = sum(d.service == name for d in seen.drift)
            state = _state(seen, applied)
            trouble = ", ".join(
                [f"{u} {units[u]}" for u in down] + ([f"{drift} differences"] if drift else [])
            )
            rows.append([name, host, state, applied.at if applied else "–", trouble or "–"])
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
    screen.table("services", ["Service", "Host", "State", "Since", "Trouble"], rows, data)


def _state(seen: "HostFacts", applied: "Applied | None") -> str:
    if not seen.reached:
        return "unknown"
    if not applied:
        return "not applied"
    return "applied" if applied.fingerprint else "interrupted"


def _health(hosts: "dict[str, HostFacts]") -> str:
    if not hosts:
        return "–"
    if not all(f.reached for f in hosts.values()):
        return "not reached"
    return "trouble" if any(f.drift for f in hosts.values()) else "good"


def _host(facts: "HostFacts") -> str:
    return "up" if facts.reached else facts.error


def _size(facts: "HostFacts") -> str:
    if not facts.reached:
        return "–"
    return f"{facts.cpus} cores, {facts.memory_mb} MB, {facts.disk_free_mb // 1024} GB free"


def _run(runs: "tuple[Run, ...]") -> str:
    return f"{runs[0].verb} {runs[0].outcome}" if runs else "–"
