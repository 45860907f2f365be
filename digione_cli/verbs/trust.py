"""``digione trust``: pin the host keys of an instance's hosts."""

from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.verbs._common import DryRun, InstanceName, Json, Yes, session

if TYPE_CHECKING:
    from pathlib import Path

    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World


def trust(
    instance: InstanceName,
    host: Annotated[str | None, typer.Argument(metavar="[HOST]", help="Only this host.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Ask the hosts for their ssh host keys, show the fingerprints, and pin them if you agree."""
    with session(as_json) as (world, screen):
        trust_hosts(instance, host, dry_run, yes, world, screen)


def trust_hosts(
    instance: str, host: str | None, dry_run: bool, yes: bool, world: "World", screen: "Screen"
) -> None:
    """Do what ``trust`` does, for verbs that go on afterwards."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import UsageError
    from digione_cli.model.plan import Call, Plan, Step
    from digione_cli.world.ssh import fingerprint

    loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    targets = [t for t in world.targets(loaded) if host in (None, t.name)]
    if not targets:
        why = f"known are: {', '.join(loaded.hosts)}"
        raise UsageError("D1-USE-005", f"{instance} has no host “{(host or '')[:40]}”", why, "name one")
    scanned = {t: world.host_keys(t) for t in targets}
    for target, lines in scanned.items():
        for line in lines:
            screen.note(f"{target.name}: {fingerprint(line)}")
    where = tuple(t.name for t in targets)
    step = Step(id="trust", title="Pin these host keys", where=where, work=Call(call="trust"))
    plan = Plan(verb="trust", instance=instance, steps=(step,))
    if dry_run:
        return
    screen.confirm(plan, yes, None)
    known = loaded.folder / "known_hosts"
    pin(known, [line for lines in scanned.values() for line in lines])
    screen.note(f"Pinned in {known}")


def pin(known_hosts: "Path", lines: list[str]) -> None:
    """Write host keys into an inventory's known_hosts, in place of other keys of the same hosts."""
    names = {line.split()[0] for line in lines}
    old = known_hosts.read_text().splitlines() if known_hosts.exists() else []
    kept = [line for line in old if line.split()[:1] and line.split()[0] not in names]
    known_hosts.write_text("\n".join([*kept, *sorted(lines)]) + "\n")
