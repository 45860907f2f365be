"""``digione restore``: bring an instance back, to its newest state, a recovery point or a moment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import moment, t
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, session
from digione_cli.verbs._restoring import choose, configure, plan, plan_restore, plan_restore_tenant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from digione_cli.engine.situation import Situation
    from digione_cli.spine import Options
    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World


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
    onto: Annotated[
        str,
        typer.Option(
            "--onto",
            metavar="HOSTS",
            help="Addresses of new hosts: ADDRESS, or HOST=ADDRESS,HOST=ADDRESS. They are written into the "
            "inventory.",
        ),
    ] = "",
    into: Annotated[
        str,
        typer.Option(
            "--into",
            metavar="OTHER",
            help="Put the tenants' data into this instance, which has them too; INSTANCE is not touched.",
        ),
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
        if onto:
            _move(instance, onto, dry_run, world, screen)
        wish = {"point": backup, "to": _moment(to), "target": source, "tenant": tenant}
        situation = spine.look(instance, world, screen)
        _require_ours(situation)
        if tenant or into:
            _require_tenant(situation, wish)
        else:
            _prepare(situation, dry_run, world, screen)
        if into:
            _into(situation, into, wish, spine.Options(dry_run=dry_run, confirm=confirm), world, screen)
            return
        choice = choose(instance, wish, world, screen)
        screen.note(_told(choice))
        given = [("--to", to), ("--backup", backup), ("--from", source), ("--tenant", tenant)]
        flags = tuple(word for flag, value in given if value for word in (flag, value))
        planned = plan_restore_tenant if tenant else plan_restore
        options = spine.Options(dry_run=dry_run, confirm=confirm)
        spine.change(
            instance, "restore", lambda situation: planned(situation, choice, flags), options, world, screen
        )


def _move(instance: str, onto: str, dry_run: bool, world: "World", screen: "Screen") -> None:
    """Write the addresses of new hosts into the inventory, and ask whether their host keys are right."""
    from digione_cli.engine.inventory import with_addresses
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import PreconditionError
    from digione_cli.verbs.trust import is_pinned, trust_hosts
    from digione_cli.world.files import write_whole

    loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    file = loaded.folder / "instance.yml"
    before = file.read_text(encoding="utf-8")
    after = with_addresses(before, tuple(loaded.hosts), onto)
    if dry_run and after != before:
        raise PreconditionError(
            "D1-RESTORE-012",
            t("What would be restored is not known yet"),
            t("the new addresses are not in the inventory, and a dry run writes nothing"),
            t("write them into {file}, then the same command without --onto", file=file),
        )
    if after != before:
        write_whole(file, after.encode(), 0o644)
        screen.note(t("Written: {folder}", folder=file))
    moved = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
    for target in world.targets(moved):
        if not is_pinned(target, world):
            trust_hosts(instance, target.name, dry_run, False, world, screen)


def _require_ours(situation: "Situation") -> None:
    """Refuse hosts on which another instance is: nothing of it may be overwritten."""
    from digione_cli.errors import PreconditionError

    name = situation.instance.name
    for host, facts in situation.facts.items():
        if facts.of_another(name):
            raise PreconditionError(
                "D1-RESTORE-020",
                t("Nothing was restored"),
                t(
                    "{host} belongs to the instance {other}; nothing of it was changed",
                    host=host,
                    other=facts.instance,
                ),
                t("name another host: digione restore {name} --onto ADDRESS", name=name),
            )


def _into(
    situation: "Situation",
    other: str,
    wish: "dict[str, str]",
    options: "Options",
    world: "World",
    screen: "Screen",
) -> None:
    """Restore one tenant, or all, into another instance; each in turn."""
    from contextlib import nullcontext
    from functools import partial

    from digione_cli import spine

    there = spine.look(other, world, screen)
    _require_ours(there)
    slugs = [wish["tenant"]] if wish["tenant"] else list(situation.tenants())
    _require_there(there, slugs, situation.instance.name)
    with nullcontext() if options.dry_run else spine.holding(situation.instance, "restore", world):
        for slug in slugs:
            choice = choose(situation.instance.name, {**wish, "tenant": slug}, world, screen)
            screen.note(_told(choice))
            plan_for = partial(plan_restore_tenant, choice=choice, source=situation.instance.name)
            spine.change(other, "restore", plan_for, options, world, screen)


def _require_there(there: "Situation", slugs: "Sequence[str]", source: str) -> None:
    """Refuse unless another instance has these tenants, and is another one.

    Raises:
        UsageError: it is the same one (D1-RESTORE-024), or it lacks one of them (D1-RESTORE-023).
    """
    from digione_cli.errors import UsageError

    name = there.instance.name
    if name == source:
        raise UsageError(
            "D1-RESTORE-024",
            t("Nothing was restored"),
            t("{name} is the instance itself", name=name),
            t("leave --into out"),
        )
    applied = [facts.services["platform"] for facts in there.facts.values() if "platform" in facts.services]
    has = {slug for one in applied for slug in one.tenants}
    lacking = [slug for slug in slugs if slug not in there.tenants() or slug not in has]
    if lacking:
        raise UsageError(
            "D1-RESTORE-023",
            t("Nothing was restored"),
            t("{name} has no tenant {lacking}", name=name, lacking=", ".join(lacking)),
            t("describe it in {name}/tenants/, then: digione apply {name}", name=name),
        )


def _require_tenant(situation: "Situation", wish: "dict[str, str]") -> None:
    from digione_cli.errors import UsageError
    from digione_cli.model.text import shown

    known = [one.slug for one in situation.instance.tenants]
    if wish["tenant"] and wish["tenant"] not in known:
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


def _prepare(situation: "Situation", dry_run: bool, world: "World", screen: "Screen") -> None:
    """Install what tells of backups on hosts that have nothing yet; nothing is put back by it."""
    from digione_cli import spine
    from digione_cli.errors import PreconditionError

    instance = situation.instance.name
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
        instance, "restore", lambda s: plan(s, configure(s, ("base", "backup"), "")), options, world, screen
    )


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
