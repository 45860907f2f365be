"""``digione restore``: bring an instance back, to its newest state, a recovery point or a moment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import moment, t
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, session

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


def restore(
    instance: InstanceName,
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="The moment to go back to, such as 2026-11-30T12:00.")
    ] = "",
    backup: Annotated[
        str, typer.Option("--backup", metavar="ID", help="The recovery point to go back to.")
    ] = "",
    source: Annotated[
        str,
        typer.Option("--from", metavar="TARGET", help="Take the copy at this target, not the host's own."),
    ] = "",
    tenant: Annotated[
        str,
        typer.Option("--tenant", metavar="SLUG", help="This tenant alone, while the others go on working."),
    ] = "",
    kit: Annotated[
        list[Path] | None,
        typer.Option(
            "--kit", metavar="FILE", help="Begin from shares of the recovery kit: nothing else is left."
        ),
    ] = None,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The instance's name, instead of asking.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Bring an instance back: to its newest state, a recovery point, or a moment; asks for its name.

    On new hosts everything is installed first. What is there is put into a recovery point before it is
    overwritten. Nothing goes live before it is proven.
    """
    from digione_cli import spine

    with session(as_json, ask_sudo_password) as (world, screen):
        if kit:
            _unpack(instance, kit, world, screen)
            return
        wish = {"point": backup, "to": _moment(to), "target": source, "tenant": tenant}
        if tenant:
            _require_tenant(instance, wish, world)
        else:
            _prepare(instance, dry_run, world, screen)
        choice = _choose(instance, wish, world, screen)
        screen.note(_told(choice))
        given = [("--to", to), ("--backup", backup), ("--from", source), ("--tenant", tenant)]
        flags = tuple(word for flag, value in given if value for word in (flag, value))
        planned = plan_restore_tenant if tenant else plan_restore
        options = spine.Options(dry_run=dry_run, confirm=confirm)
        spine.change(
            instance, "restore", lambda situation: planned(situation, choice, flags), options, world, screen
        )


def _require_tenant(instance: str, wish: "dict[str, str]", world: "World") -> None:
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import UsageError
    from digione_cli.model.text import shown

    loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    known = [one.slug for one in loaded.tenants]
    if wish["tenant"] not in known:
        raise UsageError(
            "D1-RESTORE-013",
            t("Nothing was restored"),
            t(
                "the instance has no tenant {tenant}; it has: {known}",
                tenant=shown(wish["tenant"])[:40],
                known=", ".join(known),
            ),
            t("name one of them with --tenant"),
        )
    if wish["target"]:
        raise UsageError(
            "D1-RESTORE-014",
            t("Nothing was restored"),
            t("one tenant is restored from the host's own vault"),
            t("leave --from out"),
        )


def _unpack(instance: str, shares: "list[Path]", world: "World", screen: "Screen") -> None:
    """Write inventory and key from shares of a recovery kit; the hosts' new addresses are still to come."""
    from digione_cli.engine import recovery_kit as kits
    from digione_cli.errors import UsageError

    opened = kits.unseal([file.read_text(encoding="utf-8", errors="replace") for file in shares])
    if opened.instance != instance:
        raise UsageError(
            "D1-KIT-007",
            t("The recovery kit was not unpacked"),
            t("it is of the instance {instance}", instance=opened.instance),
            f"digione restore {opened.instance} --kit …",
        )
    kits.unpack(opened, world.settings.inventories, world.settings.keys)
    folder = world.settings.inventories / instance
    screen.note(t("Written: {folder}", folder=folder))
    screen.note(
        t(
            "Next: write the new addresses into {file}, then digione trust {name} and digione restore {name}",
            file=folder / "instance.yml",
            name=instance,
        )
    )


def _moment(given: str) -> str:
    """Given a moment as people write it, in Finnish time where it names no other, return it in ISO 8601."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from digione_cli.errors import UsageError

    if not given:
        return ""
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        raise UsageError(
            "D1-RESTORE-010",
            t("Nothing was restored"),
            t("“{given}” is no moment", given=given[:40]),
            t("write it as 2026-11-30T12:00 (Finnish time), or with its zone: 2026-11-30T10:00Z"),
        ) from None
    if read.tzinfo:
        return read.isoformat()
    finland = ZoneInfo("Europe/Helsinki")
    first, second = (read.replace(tzinfo=finland, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise UsageError(
            "D1-RESTORE-011",
            t("Nothing was restored"),
            t(
                "the clock shows {given} twice that day, or never: summer time begins or ends",
                given=given[:40],
            ),
            t(
                "write it with its zone: {first} or {second}",
                first=first.isoformat(),
                second=second.isoformat(),
            ),
        )
    return first.isoformat()


def _prepare(instance: str, dry_run: bool, world: "World", screen: "Screen") -> None:
    """Install what tells of backups on hosts that have nothing yet; nothing is put back by it."""
    from digione_cli import spine
    from digione_cli.errors import PreconditionError

    situation = spine.look(instance, world, screen)
    new = [h for h in situation.instance.placed("backup") if "backup" not in situation.facts[h].services]
    if not new:
        return
    if dry_run:
        raise PreconditionError(
            "D1-RESTORE-012",
            t("What would be restored is not known yet"),
            t("the backup program is not on {hosts}, and a dry run installs nothing", hosts=", ".join(new)),
            f"digione restore {instance}",
        )
    screen.note(t("{hosts}: nothing is there yet; the backup program comes first", hosts=", ".join(new)))
    options = spine.Options(yes=True)
    spine.change(
        instance, "restore", lambda s: _plan(s, _configure(s, ("base", "backup"), "")), options, world, screen
    )


def _choose(
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


def _told(choice: "dict[str, dict[str, Any]]") -> str:
    one = dict(next(iter(choice.values())))
    one["source"] = t("the host's own vault") if one["source"] == "vault" else one["source"]
    if one["tenant"]:
        return t(
            "{tenant} goes back to recovery point {point} of {moment}",
            tenant=one["tenant"],
            point=one["point"],
            moment=moment(one["began"]),
        )
    if one["to"]:
        return t(
            "Goes back to {moment}, from {place}", moment=moment(one["to"], exact=True), place=one["source"]
        )
    if one["newest"]:
        return t("Goes back to the newest state, from {place}", place=one["source"])
    return t(
        "Goes back to recovery point {point} of {moment}, from {place}",
        point=one["point"],
        moment=moment(one["began"]),
        place=one["source"],
    )


def plan_restore_tenant(
    situation: "Situation", choice: "dict[str, dict[str, Any]]", flags: tuple[str, ...] = ()
) -> "Plan":
    """Given a situation and the recovery point of each host, plan the way back of one tenant."""
    from digione_cli import steps

    hosts = situation.instance.placed("backup")
    tenant = next(iter(choice.values()))["tenant"]
    told = {
        host: {**one, "units": [u for s in _LIVE for u in _units(situation, s, host, tenant)]}
        for host, one in choice.items()
    }
    planned = [
        steps.recovery_point(hosts, "incr", situation.now, copied=False),
        steps.restore("check", t("Compare the backups with their checksums"), hosts),
        steps.restore("tenant-close", t("Close {tenant}", tenant=tenant), hosts, told),
        steps.restore(
            "tenant-put-back", t("Put back databases, files and accounts of {tenant}", tenant=tenant), hosts
        ),
        steps.restore("tenant-prove", t("Prove that everything is there and belongs together"), hosts),
        steps.restore("tenant-open", t("Open {tenant}", tenant=tenant), hosts),
        _point_after(hosts),
        steps.smoke_test(situation.instance.hosts),
    ]
    if any(facts.restoring for facts in situation.facts.values()):
        del planned[0]  # what is half put back is no state to come back to
    return _plan(situation, planned, destructive=True, flags=flags)


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
    planned.append(steps.restore("begin", t("Write down what is restored"), hosts, choice))
    planned += [steps.pause(situation.services[name], situation.instance.placed(name)) for name in live]
    planned += _configure(situation, _BEFORE, "")
    planned += [
        steps.restore("fetch", t("Fetch the backups"), hosts),
        steps.restore("check", t("Compare the backups with their checksums"), hosts),
        steps.restore("database", t("Put the databases back"), situation.instance.placed("postgresql")),
        steps.restore("files", t("Lay out files, directory and configuration"), hosts),
    ]
    back = [name for name, service in situation.services.items() if "restore" in service.actions]
    planned += [steps.put_back(situation.services[name], situation.instance.placed(name)) for name in back]
    planned.append(steps.restore("prove", t("Prove that everything is there and belongs together"), hosts))
    # What was put back gets its present passwords and rules again.
    planned += _configure(situation, tuple(situation.services), "-live", {"postgresql", *back, *live})
    planned.append(steps.restore("end", t("Open the instance"), hosts))
    planned.append(_point_after(hosts))
    planned.append(steps.smoke_test(situation.instance.hosts))
    return _plan(situation, planned, skips, destructive=True, flags=flags)


def _configure(
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


def _plan(
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
