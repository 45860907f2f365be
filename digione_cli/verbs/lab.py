"""``digione lab``: real Debian hosts on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import moment, t
from digione_cli.verbs._common import DryRun, Json, session
from digione_cli.verbs._complete import instances, lab_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from digione_cli.lab import Lab, LabHost
    from digione_cli.model.plan import Plan
    from digione_cli.ui.screen import Screen

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Real Debian 12 hosts on this machine, for trying and testing.",
)

Names = Annotated[
    list[str], typer.Argument(metavar="HOST…", help="Names of hosts.", autocompletion=lab_hosts)
]
Name = Annotated[str, typer.Argument(metavar="HOST", help="Name of the lab host.", autocompletion=lab_hosts)]
Memory = Annotated[
    int | None,
    typer.Option(
        "--memory", metavar="MB", min=128, help="Memory limit of a host; default: what it had, 2048 when new."
    ),
]


@contextmanager
def _lab(as_json: bool, waiting: str) -> "Iterator[tuple[Lab, Screen]]":
    from digione_cli.lab import Lab

    with session(as_json) as (world, screen), screen.waiting(waiting) as say:
        yield Lab(world.settings.lab, store=world.settings.lab_store, on=say), screen


def _show(hosts: "list[LabHost]", screen: "Screen") -> None:
    states = {"running": t("up"), "stopped": t("off")}
    rows = [[h.name, h.address, states[h.state], f"{h.memory_mb} MB"] for h in hosts]
    data = [
        {"name": h.name, "address": h.address, "state": h.state, "memory_mb": h.memory_mb, "user": h.user}
        for h in hosts
    ]
    columns = [t("Host"), t("Address"), t("State"), t("Memory")]
    screen.table("lab_hosts", t("Lab hosts"), columns, rows, data)


def _plan(verb: str, titles: "Mapping[str, str]", skipped: "Mapping[str, str]", done: str) -> "Plan":
    """Given what is done to which host, and what not for ``done``, return it as a plan."""
    from digione_cli.model.plan import Call, Plan, Skip, Step

    call = f"lab_{verb}"
    steps = [Step(id=call, title=what, where=(host,), work=Call(call=call)) for host, what in titles.items()]
    skips = [Skip(title=what, where=(host,), why=done) for host, what in skipped.items()]
    return Plan(verb=f"lab {verb}", instance="lab", steps=tuple(steps), skips=tuple(skips))


def _plan_off(verb: str, title: str, names: list[str], lab: "Lab") -> "Plan":
    runs = {name: lab.host(name).state == "running" for name in names}
    titles = {name: title for name in names if runs[name]}
    return _plan(verb, titles, {name: title for name in names if not runs[name]}, t("it is off"))


@app.command()
def up(names: Names, memory: Memory = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make hosts, or start those that are off; those that run are left alone."""
    from digione_cli.lab.lab import check

    with _lab(as_json, t("making lab hosts")) as (lab, screen):
        if dry_run:
            check(names, memory)
            states = {host.name: host.state for host in lab.list()}
            titles = {n: t("Start") if n in states else t("Make and start") for n in names}
            runs = {n: t("Start") for n in names if states.get(n) == "running"}
            screen.plan(_plan("up", {n: w for n, w in titles.items() if n not in runs}, runs, t("it runs")))
            return
        _show(lab.up(names, memory), screen)


@app.command()
def relay(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make a host that takes all mail and keeps it to look at; nothing goes further."""
    with _lab(as_json, t("making a mail relay")) as (lab, screen):
        if dry_run:
            screen.plan(_plan("relay", {name: t("Take mail and keep it")}, {}, ""))
            return
        _show([lab.keep_mail(name)], screen)


@app.command()
def storage(
    name: Name,
    instance: Annotated[
        str,
        typer.Argument(metavar="INSTANCE", help="Instance whose backups it keeps.", autocompletion=instances),
    ],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a host that keeps copies of an instance's backups."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.secrets import SecretStore
    from digione_cli.engine.services import load_services
    from digione_cli.settings import Settings

    settings = Settings()
    loaded = load_instance(settings.inventories, instance, load_services(settings.roles))
    key = SecretStore(loaded.folder, settings.keys).public_key()
    with _lab(as_json, t("making a host for backups")) as (lab, screen):
        if dry_run:
            title = t("Keep the backups of {instance}", instance=instance)
            screen.plan(_plan("storage", {name: title}, {}, ""))
            return
        _show([lab.keep_backups(name, key)], screen)


@app.command()
def mail(name: Name, as_json: Json = False) -> None:
    """Show the mail that a host keeps, oldest first."""
    with _lab(as_json, t("looking")) as (lab, screen):
        mails = lab.mails(name)
        data = [vars(m) for m in mails]
        rows = [[moment(m.received), m.to, f"{m.subject}\n\n{m.text.strip()}\n"] for m in mails]
        columns = [t("Received"), t("To"), t("Mail")]
        screen.table("mails", t("Mail kept by {host}", host=name), columns, rows, data)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the lab's hosts."""
    with _lab(as_json, t("looking")) as (lab, screen):
        _show(lab.list(), screen)


@app.command()
def stop(names: Names, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Shut hosts down in good order; their disks stay."""
    with _lab(as_json, t("stopping")) as (lab, screen):
        if dry_run:
            screen.plan(_plan_off("stop", t("Shut down"), names, lab))
            return
        for name in names:
            lab.stop(name)
        _show([lab.host(name) for name in names], screen)


@app.command()
def kill(names: Names, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Cut the power of hosts; their disks stay."""
    with _lab(as_json, t("cutting the power")) as (lab, screen):
        if dry_run:
            screen.plan(_plan_off("kill", t("Cut the power"), names, lab))
            return
        for name in names:
            lab.kill(name)
        _show([lab.host(name) for name in names], screen)


@app.command()
def resolve(
    host: Name,
    instance: Annotated[
        str,
        typer.Argument(
            metavar="INSTANCE", help="Instance whose domains shall lead there.", autocompletion=instances
        ),
    ],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let the domains of an instance lead to a lab host, on this machine and in the lab."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.settings import Settings

    settings = Settings()
    loaded = load_instance(settings.inventories, instance, load_services(settings.roles))
    domains = [d for one in loaded.tenants for d in (one.domain, one.auth_domain)]
    with _lab(as_json, t("writing names")) as (lab, screen):
        if dry_run:
            title = t("Let these names lead here: {names}", names=", ".join(domains))
            screen.plan(_plan("resolve", {lab.host(host).name: title}, {}, ""))
            return
        lab.resolve(host, domains)
        screen.note(t("{names} lead to {host}", names=", ".join(domains), host=host))


@app.command()
def down(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HOST…]", help="Default: all hosts.", autocompletion=lab_hosts),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also the base image and downloaded packages.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Remove hosts with their disks, network and names; nothing of them is left behind."""
    with _lab(as_json, t("removing lab hosts")) as (lab, screen):
        there = lab.list()
        going = [host for host in there if not names or host.name in names]
        missing = sorted(set(names or ()) - {host.name for host in there})
        if dry_run:
            title = t("Remove with its disk")
            titles = {host.name: title for host in going}
            screen.plan(_plan("down", titles, dict.fromkeys(missing, title), t("it is not there")))
            return
        lab.down([host.name for host in going] if names else None, everything=everything)
        if going:
            screen.note(t("Removed: {names}", names=", ".join(host.name for host in going)))
        for name in missing:
            screen.note(t("There was no host {name}", name=name))
        if not going and not missing:
            screen.note(t("There was no host"))
