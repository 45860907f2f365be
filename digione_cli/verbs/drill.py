"""``digione drill``: restore an instance on throw-away hosts, and prove that it is all there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import moment, t
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, intended, session

if TYPE_CHECKING:
    from pathlib import Path

    from digione_cli.engine.drill import Drill
    from digione_cli.lab import Lab
    from digione_cli.model.instance import Instance, Tenant
    from digione_cli.ui.screen import Screen
    from digione_cli.world.world import World


def drill(
    instance: InstanceName,
    source: Annotated[
        str, typer.Option("--from", metavar="TARGET", help="The copy to try; default: the first target's.")
    ] = "",
    backup: Annotated[
        str, typer.Option("--backup", metavar="ID", help="The recovery point to try; default: the newest.")
    ] = "",
    memory: Annotated[
        int, typer.Option("--memory", metavar="MB", min=2048, help="Memory of each throw-away host.")
    ] = 2048,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Restore the newest recovery point on throw-away lab hosts, prove that all of it is there, remove them.

    The hosts are cut off from everything before anything is put back: no mail leaves, nothing outside is
    reached. How long it took, and how much would have been lost, is recorded beside the inventory.
    """
    from digione_cli.engine import drill as drills
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.errors import DigioneError

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
        target = _target(loaded, source)
        if dry_run:
            title = t("Restore on throw-away hosts from {place}, prove, remove them", place=target)
            screen.plan(intended("drill", instance, title))
            return
        began = drills.Drill(
            began=world.now().isoformat(timespec="seconds"),
            release=loaded.release,
            source=target,
            lost_seconds=_behind(loaded, target, world, screen),
        )
        try:
            with _throw_away(loaded, memory, world, screen) as (there, lab):
                done = _carried_out(loaded, began, backup, there, lab, screen)
        except DigioneError as e:
            drills.remember(loaded.folder, began.model_copy(update={"error": f"{e.what}: {e.why} [{e.id}]"}))
            raise
        drills.remember(loaded.folder, done)
        _show(loaded, done, screen)


def _target(loaded: "Instance", named: str) -> str:
    """The target that is tried: one that another host reaches.

    Raises:
        PreconditionError, UsageError: there is none such (D1-DRILL-001), or databases are not on the hosts
            of the instance, so that its recovery points do not hold them (D1-DRILL-002).
    """
    from digione_cli.errors import PreconditionError, UsageError

    what = t("No drill was held")
    known = [name for name, one in loaded.backup.targets.items() if one.kind != "mounted"]
    if named and named not in known:
        raise UsageError(
            "D1-DRILL-001",
            what,
            t("{place} is no target that another host reaches; there are: {known}", place=named[:40],
              known=", ".join(known) or "–"),
            t("name one of them with --from"),
        )  # fmt: skip
    if not known:
        raise PreconditionError(
            "D1-DRILL-001",
            what,
            t("no target of backup.targets is reached over the network"),
            t(
                "name one in instance.yml (how-to/backup), then digione apply {instance}",
                instance=loaded.name,
            ),
        )
    if loaded.external.postgresql:
        raise PreconditionError(
            "D1-DRILL-002",
            what,
            t("the databases are on a server of the municipality's own, whose backups are not ours"),
            t("let its operator prove that it can be restored"),
        )
    return named or known[0]


def _behind(loaded: "Instance", target: str, world: "World", screen: "Screen") -> float | None:
    """Seconds that the copy at the target is behind the instance; None where the instance is not reached."""
    from datetime import datetime

    with screen.waiting(t("looking at the hosts")):
        facts = world.look(loaded)
    ends = [
        datetime.fromisoformat(seen["until"])
        for host in loaded.placed("postgresql")
        if (seen := facts[host].backups.get("targets", {}).get(target, {})).get("until")
    ]
    return max(0.0, (world.now() - min(ends)).total_seconds()) if ends else None


@contextmanager
def _throw_away(
    loaded: "Instance", memory: int, world: "World", screen: "Screen"
) -> "Iterator[tuple[World, Lab]]":
    """Yield a world in which the instance lies on new lab hosts, and their lab; all of it goes at the end."""
    import shutil
    import tempfile
    from pathlib import Path

    from digione_cli.lab import Lab
    from digione_cli.world.files import locked
    from digione_cli.world.world import World

    with screen.waiting(t("making throw-away hosts")) as say:
        lab = Lab(world.settings.lab / "drill", store=world.settings.lab_store, on=say)
    names = {host: f"drill{number}" for number, host in enumerate(loaded.hosts, 1)}
    with locked(lab.folder / "drill.lock", screen.note, t("another drill is held; waiting for its end")):
        lab.down()  # what a drill left that was killed
        folder = Path(tempfile.mkdtemp(prefix="digione-drill-"))
        try:
            with screen.waiting(t("making throw-away hosts")):
                lab.up(list(names.values()), memory)
            _describe(loaded, names, lab, folder / "inventories" / loaded.name)
            changed = {"inventories": folder / "inventories", "state": folder / "state", "lab": lab.folder}
            yield World(world.settings.model_copy(update=changed)), lab
        finally:
            with screen.waiting(t("removing throw-away hosts")):
                lab.down()
            shutil.rmtree(folder)


def _describe(loaded: "Instance", names: dict[str, str], lab: "Lab", folder: "Path") -> None:
    """Write the inventory of the throw-away hosts; its secrets are the instance's own, and encrypted."""
    import shutil

    import yaml

    from digione_cli.engine.documents import parse, read_text
    from digione_cli.engine.drill import described
    from digione_cli.verbs.trust import pin

    shutil.copytree(loaded.folder, folder)
    files = ["instance.yml", *(f"tenants/{one.name}" for one in (folder / "tenants").glob("*.y*ml"))]
    hosts = {host: lab.host(name) for host, name in names.items()}
    where = {
        host: {"address": one.address, "user": one.user, "key": str(one.key)} for host, one in hosts.items()
    }
    data = {file: parse(read_text(folder / file, file), file).data for file in files}
    for file, changed in described(data, where).items():
        (folder / file).write_text(
            yaml.safe_dump(changed, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
    pin(folder / "known_hosts", [f"{one.address} {one.host_key}" for one in hosts.values()])


def _carried_out(
    loaded: "Instance", began: "Drill", point: str, there: "World", lab: "Lab", screen: "Screen"
) -> "Drill":
    """Restore and prove; return what was proven.

    Raises:
        DigioneError: something is not as it must be.
    """
    import time

    from digione_cli import spine
    from digione_cli.engine import backups
    from digione_cli.engine.drill import outside
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.verbs import _restoring
    from digione_cli.verbs.apply import plan_apply

    name = loaded.name
    options = spine.Options(yes=True, confirm=name)
    start = time.monotonic()
    spine.change(name, "apply", plan_apply, options, there, screen)
    wish = {"point": point, "to": "", "target": began.source, "tenant": ""}
    # What was counted when a recovery point was made is what it is compared with: no moment after it.
    choice = {
        host: {**one, "newest": False} for host, one in _restoring.choose(name, wish, there, screen).items()
    }
    spine.change(name, "restore", lambda s: _restoring.plan_drill_begins(s, choice), options, there, screen)
    instance = load_instance(there.settings.inventories, name, load_services(there.settings.roles))
    with screen.waiting(t("cutting the hosts off")):
        lab.isolate()
        places = outside(loaded)
        _require_cut_off(instance, places, there)
    spine.change(name, "restore", _restoring.plan_drill_puts_back, options, there, screen)
    proven = [
        backups.ask(there, instance, host, ["restore", "prove"]) for host in backups.targets(instance, there)
    ]
    spine.change(name, "restore", _restoring.plan_drill_opens, options, there, screen)
    took = time.monotonic() - start
    with screen.waiting(t("signing in as a sample of people")):
        for tenant in instance.tenants:
            _require_audit(instance, tenant, there)
        sign_ins = {tenant.slug: _signed_in(instance, tenant, there) for tenant in instance.tenants}
    found = {
        "point": next(iter(choice.values()))["point"],
        "recovery_seconds": round(took, 1),
        "files": sum(one["files"] for one in proven),
        "rows": sum(one["rows"] for one in proven),
        "cut_off": len(places),
        "audits": tuple(tenant.slug for tenant in instance.tenants),
        "sign_ins": sign_ins,
    }
    return began.model_copy(update=found)


def _require_cut_off(instance: "Instance", places: "Sequence[tuple[str, int]]", there: "World") -> None:
    """Make sure that no throw-away host reaches any of these addresses."""
    from digione_cli.errors import IntegrityError

    for host in there.targets(instance):
        if reached := there.reached(host, places):
            raise IntegrityError(
                "D1-DRILL-003",
                t("The drill was ended: its hosts are not cut off"),
                t("they reach {places}", places=", ".join(f"{a}:{p}" for a, p in reached)),
                t("look at this machine's firewall: iptables -S; report it with this text"),
            )


def _require_audit(instance: "Instance", tenant: "Tenant", there: "World") -> None:
    from digione_cli.errors import IntegrityError
    from digione_cli.verbs._platform import ask_platform

    answer = ask_platform(f"{instance.name}/{tenant.slug}", ["audit", "verify", "--json"], there)
    if answer.exit:
        raise IntegrityError(
            "D1-DRILL-004",
            t("The restored audit of {tenant} is not as it was written", tenant=tenant.slug),
            t("events are altered, missing or moved"),
            f"digione audit verify {instance.name}/{tenant.slug}",
        )


def _signed_in(instance: "Instance", tenant: "Tenant", there: "World") -> tuple[str, ...]:
    """Sign in as one person of each role, with new passwords; return the roles.

    Raises:
        DigioneError: somebody was kept out.
    """
    import json
    import secrets

    from digione_cli.engine.drill import sample
    from digione_cli.errors import DigioneError
    from digione_cli.verbs._platform import ask_platform

    name = f"{instance.name}/{tenant.slug}"
    accounts = json.loads(ask_platform(name, ["accounts", "list", "--json"], there).stdout)
    chosen = sample(accounts)
    people = {username: secrets.token_urlsafe(12) for username in chosen.values()}
    for username, password in people.items():
        ask_platform(name, ["accounts", "password", username], there, password.encode() + b"\n")
    at = instance.placed("platform")[0]
    host = next(one for one in there.targets(instance) if one.name == at)
    kept_out = {n: why for n, why in there.sign_in(host, tenant.domain, people).items() if why}
    if kept_out:
        roles = [role for role, username in chosen.items() if username in kept_out]
        raise DigioneError(
            "D1-DRILL-005",
            t("Not everybody could sign in to what was restored: {tenant}", tenant=tenant.slug),
            t("kept out: {roles}; {why}", roles=", ".join(roles), why=next(iter(kept_out.values()))),
            t("the same command again; if it stays, report it with this text"),
        )
    return tuple(sorted(chosen))


def _show(loaded: "Instance", done: "Drill", screen: "Screen") -> None:
    roles = ", ".join(sorted({role for known in done.sign_ins.values() for role in known}))
    rows = [
        [t("Recovery point"), t("{point}, from {place}", point=done.point, place=done.source)],
        [t("Recovery time"), t("{seconds} s, from empty hosts", seconds=round(done.recovery_seconds))],
        [t("Would have been lost"), _lost(done)],
        [t("Rows, as many as in the recovery point"), f"{done.rows}"],
        [t("Files compared"), f"{done.files}"],
        [t("Audit as it was written"), ", ".join(done.audits)],
        [t("Roles that signed in"), roles],
        [t("Outside addresses tried, none reached"), f"{done.cut_off}"],
    ]
    title = t("Drill of {instance}, {moment}", instance=loaded.name, moment=moment(done.began))
    screen.table("drill", title, [t("Proven"), t("Result")], rows, done.model_dump(mode="json"))


def _lost(done: "Drill") -> str:
    if done.lost_seconds is None:
        return t("not known: the instance was not reached")
    return t("the last {seconds} s", seconds=round(done.lost_seconds))
