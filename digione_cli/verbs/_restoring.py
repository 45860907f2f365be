"""Plans of a restore, which a drill carries out on other hosts."""

from typing import TYPE_CHECKING, Any

from digione_cli.texts import t

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from digione_cli.engine.situation import Situation
    from digione_cli.model.plan import Plan, Skip, Step
    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World

# What must be there before a restore: the programs, and the servers whose data are put back.
_BEFORE = ("base", "backup", "postgresql", "directory")
# What people use: stopped while a restore is under way, and started when everything is proven.
_LIVE = ("platform", "identity")
_FIRST = ("base", "backup")


def choose(
    instance: str, wish: "dict[str, str]", world: "World", screen: "Screen"
) -> "dict[str, dict[str, Any]]":
    """Ask each host what it would restore: the one with the database first, the others follow it."""
    from digione_cli.engine import backups
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services

    loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    with screen.waiting(t("looking at the backups")):
        leading = loaded.placed("postgresql")
        hosts = sorted(backups.targets(loaded, world), key=lambda target: target.name not in leading)
        chosen: dict[str, dict[str, Any]] = {}
        for target in hosts:
            chosen[target.name] = backups.ask(world, loaded, target, ["restore", "choose"], wish)
            wish = {**wish, "point": chosen[hosts[0].name]["point"], "to": ""}
        return chosen


def plan_restore_tenant(
    situation: "Situation",
    choice: "dict[str, dict[str, Any]]",
    flags: tuple[str, ...] = (),
    source: str = "",
) -> "Plan":
    """Given a situation and the recovery point of each host, plan the way back of one tenant.

    With ``source`` the recovery points are those of that instance's hosts, and the tenant comes from there.
    """
    from digione_cli import steps

    hosts = situation.instance.placed("backup")
    one = next(iter(choice.values()))
    tenant = one["tenant"]
    told = {
        host: {**one, "units": [u for s in _LIVE for u in _units(situation, s, host, tenant)]}
        for host in hosts
    }
    check = steps.restore("check", t("Compare the backups with their checksums"), hosts)
    lay_out = steps.restore("tenant-lay-out", t("Lay out what is put back"), hosts, choice)
    planned = [
        steps.recovery_point(hosts, "incr", situation.now, copied=False),
        *([steps.carry(source, choice, hosts)] if source else [check, lay_out]),
        steps.restore("tenant-close", t("Close {tenant}", tenant=tenant), hosts, told),
        steps.restore(
            "tenant-put-back", t("Put back databases, files and accounts of {tenant}", tenant=tenant), hosts
        ),
        steps.restore("tenant-prove", t("Prove that everything is there and belongs together"), hosts),
        # Services know the directory by their present passwords.
        *configure(situation, ("directory",), "-live", ("directory",)),
        steps.restore("tenant-open", t("Open {tenant}", tenant=tenant), hosts),
        _point_after(hosts),
        steps.smoke_test(situation.instance.hosts),
    ]
    if any(facts.restoring for facts in situation.facts.values()):
        del planned[0]  # what is half put back is no state to come back to
    typed = f"digione restore {source} --tenant {tenant} --into {situation.instance.name}" if source else ""
    made = plan(situation, planned, destructive=True, flags=flags)
    return made.model_copy(update={"typed": typed})


def _point_after(hosts: tuple[str, ...]) -> "Step":
    """A recovery point of what was put back: the moments after it are found by it."""
    from digione_cli import steps

    after = steps.recovery_point(hosts, "incr", None, copied=False)
    return after.model_copy(update={"id": "recovery-point-after"})


def _units(situation: "Situation", service: str, host: str, tenant: str) -> tuple[str, ...]:
    if host not in situation.instance.placed(service):
        return ()
    return situation.services[service].units_of(tenant)


def plan_restore(
    situation: "Situation", choice: "dict[str, dict[str, Any]]", flags: tuple[str, ...] = ()
) -> "Plan":
    """Given a situation and what each host restores, plan the way back."""
    from digione_cli import steps
    from digione_cli.model.plan import Skip

    hosts = situation.instance.placed("backup")
    there = any("postgresql" in f.services for f in situation.facts.values())
    live = [s for s in _LIVE if any(s in f.services for f in situation.facts.values())]
    planned: list[Step] = []
    skips: list[Skip] = []
    now_kept = steps.recovery_point(hosts, "incr", situation.now, copied=False)
    if there and live and not any(f.restoring for f in situation.facts.values()):
        planned.append(now_kept)
    else:
        skips.append(Skip(title=now_kept.title, where=hosts, why=t("nothing that works is there")))
    planned += _begun(situation, choice, live)
    planned += _put_back(situation)
    planned += _opened(situation, live)
    planned.insert(-1, _point_after(hosts))
    return plan(situation, planned, skips, destructive=True, flags=flags)


def _begun(
    situation: "Situation", choice: "dict[str, dict[str, Any]]", live: "Sequence[str]"
) -> "list[Step]":
    """Steps after which nothing is in use, and the backups are on the hosts."""
    from digione_cli import steps

    hosts = situation.instance.placed("backup")
    return [
        steps.restore("begin", t("Write down what is restored"), hosts, choice),
        *(steps.pause(situation.services[name], situation.instance.placed(name)) for name in live),
        *configure(situation, _BEFORE, ""),
        steps.restore("fetch", t("Fetch the backups"), hosts),
    ]


def _put_back(situation: "Situation") -> "list[Step]":
    """Steps that put back what the backups hold, and prove it."""
    from digione_cli import steps

    hosts = situation.instance.placed("backup")
    return [
        steps.restore("check", t("Compare the backups with their checksums"), hosts),
        steps.restore("database", t("Put the databases back"), situation.instance.placed("postgresql")),
        steps.restore("files", t("Lay out files, directory and configuration"), hosts),
        *(
            steps.put_back(service, situation.instance.placed(name))
            for name, service in situation.services.items()
            if "restore" in service.actions
        ),
        steps.restore("prove", t("Prove that everything is there and belongs together"), hosts),
    ]


def _opened(situation: "Situation", live: "Sequence[str]") -> "list[Step]":
    """Steps that give what was put back its present passwords and rules, and let people in."""
    from digione_cli import steps

    back = {name for name, service in situation.services.items() if "restore" in service.actions}
    return [
        *configure(situation, tuple(situation.services), "-live", {"postgresql", *back, *live}),
        steps.restore("end", t("Open the instance"), situation.instance.placed("backup")),
        steps.smoke_test(situation.instance.hosts),
    ]


def plan_drill_begins(situation: "Situation", choice: "dict[str, dict[str, Any]]") -> "Plan":
    """Given a situation of throw-away hosts, plan what needs the target."""
    return plan(situation, _begun(situation, choice, _LIVE), destructive=True)


def plan_drill_puts_back(situation: "Situation") -> "Plan":
    """Given a situation of throw-away hosts, plan what comes after they are cut off, to the proof."""
    return plan(situation, _put_back(situation), destructive=True)


def plan_drill_opens(situation: "Situation") -> "Plan":
    """Given a situation of throw-away hosts, plan the rest."""
    return plan(situation, _opened(situation, _LIVE), destructive=True)


def configure(
    situation: "Situation", names: "Iterable[str]", suffix: str, always: "Collection[str]" = ()
) -> "list[Step]":
    """Steps that configure services: those that are not there, and those that are to be in any case."""
    from digione_cli import steps

    planned = []
    for name, service in situation.services.items():
        placed = situation.instance.placed(name)
        where = [host for host in placed if name in always or name not in situation.facts[host].services]
        if name in names and where and not (suffix and name in _FIRST):
            step = steps.configure(name, service.title, where, [])
            planned.append(step.model_copy(update={"id": f"{step.id}{suffix}"}))
    return planned


def plan(
    situation: "Situation",
    planned: "Sequence[Step]",
    skips: "Sequence[Skip]" = (),
    destructive: bool = False,
    flags: tuple[str, ...] = (),
) -> "Plan":
    from digione_cli.model.plan import Plan

    return Plan(
        verb="restore",
        instance=situation.instance.name,
        steps=tuple(planned),
        skips=tuple(skips),
        options=flags,
        destructive=destructive,
    )
