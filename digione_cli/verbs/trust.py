"""``digione trust``: pin the host keys of an instance's hosts."""

from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import DryRun, InstanceName, Json, Yes, intended, session

if TYPE_CHECKING:
    from pathlib import Path

    from digione_cli.ui.screen import Screen
    from digione_cli.world.ssh import Target
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
    from digione_cli.world.ssh import fingerprint

    loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    everyone = [*world.targets(loaded), *world.storage(loaded)]
    targets = [one for one in everyone if host in (None, one.name)]
    if not targets:
        what = t("{instance} has no host “{host}”", instance=instance, host=(host or "")[:40])
        why = t("known are: {known}", known=", ".join(one.name for one in everyone))
        raise UsageError("D1-USE-005", what, why, t("name one of them"))
    known = loaded.folder / "known_hosts"
    pinned = _lines(known)
    scanned = {target: world.host_keys(target) for target in targets}
    for target, lines in scanned.items():
        for line in lines:
            screen.note(f"{target.name}: {fingerprint(line)}")
        names = {line.split()[0] for line in lines}
        gone = [] if set(lines) & set(pinned) else [one for one in pinned if one.split()[0] in names]
        for line in gone:
            screen.note(
                t("{host}: pinned until now: {fingerprint}", host=target.name, fingerprint=fingerprint(line))
            )
        if gone:
            screen.note(
                t(
                    "The host key of {host} is not the pinned one: another machine, or installed anew",
                    host=target.name,
                )
            )
    screen.note(t("On the host itself, for comparison: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"))
    where = tuple(target.name for target in targets)
    plan = intended("trust", instance, t("Pin these host keys"), where)
    if dry_run:
        screen.plan(plan)
        return
    screen.confirm(plan, yes, None)
    pin(known, [line for lines in scanned.values() for line in lines])
    screen.note(t("Pinned in {file}", file=known))


def is_pinned(target: "Target", world: "World") -> bool:
    """Whether a host has a host key that is pinned."""
    return bool(set(world.host_keys(target)) & set(_lines(target.known_hosts)))


def pin(known_hosts: "Path", lines: list[str]) -> None:
    """Write host keys into an inventory's known_hosts, in place of other keys of the same hosts."""
    from digione_cli.world.files import write_whole

    names = {line.split()[0] for line in lines}
    kept = [line for line in _lines(known_hosts) if line.split()[0] not in names]
    write_whole(known_hosts, ("\n".join([*kept, *sorted(lines)]) + "\n").encode(), 0o644)


def _lines(known_hosts: "Path") -> list[str]:
    text = known_hosts.read_text() if known_hosts.exists() else ""
    return [line for line in text.splitlines() if line.split()]
