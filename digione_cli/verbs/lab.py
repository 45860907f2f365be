"""``digione lab``: real Debian hosts on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.verbs._common import Json, session

if TYPE_CHECKING:
    from digione_cli.lab import Lab, LabHost
    from digione_cli.ui.screen import Screen

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Real Debian 12 hosts on this machine, for trying and testing.",
)

Names = Annotated[list[str], typer.Argument(metavar="HOST…", help="Names of hosts.")]
Memory = Annotated[int, typer.Option("--memory", metavar="MB", min=128, help="Memory limit of a host.")]


@contextmanager
def _lab(as_json: bool, waiting: str) -> "Iterator[tuple[Lab, Screen]]":
    from digione_cli.lab import Lab

    with session(as_json) as (world, screen), screen.waiting(waiting) as say:
        yield Lab(world.settings.lab, on=say), screen


def _show(hosts: "list[LabHost]", screen: "Screen") -> None:
    rows = [[h.name, h.address, h.state, f"{h.memory_mb} MB"] for h in hosts]
    data = [
        {"name": h.name, "address": h.address, "state": h.state, "memory_mb": h.memory_mb, "user": h.user}
        for h in hosts
    ]
    screen.table("lab_hosts", ["Host", "Address", "State", "Memory"], rows, data)


@app.command()
def up(names: Names, memory: Memory = 2048, as_json: Json = False) -> None:
    """Make hosts, or start those that are off; those that run are left alone."""
    with _lab(as_json, "making lab hosts") as (lab, screen):
        _show(lab.up(names, memory), screen)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the lab's hosts."""
    with _lab(as_json, "looking") as (lab, screen):
        _show(lab.list(), screen)


@app.command()
def stop(names: Names) -> None:
    """Shut hosts down in good order; their disks stay."""
    with _lab(False, "stopping") as (lab, _):
        for name in names:
            lab.stop(name)


@app.command()
def kill(names: Names) -> None:
    """Cut the power of hosts; their disks stay."""
    with _lab(False, "cutting the power") as (lab, _):
        for name in names:
            lab.kill(name)


@app.command()
def resolve(
    host: Annotated[str, typer.Argument(help="Name of the lab host.")],
    instance: Annotated[str, typer.Argument(help="Instance whose domains shall lead there.")],
) -> None:
    """Let the domains of an instance lead to a lab host, on this machine and in the lab."""
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services
    from digione_cli.settings import Settings

    settings = Settings()
    loaded = load_instance(settings.inventories, instance, load_services(settings.roles))
    domains = [d for t in loaded.tenants for d in (t.domain, t.auth_domain)]
    with _lab(False, "writing names") as (lab, _):
        lab.resolve(host, domains)


@app.command()
def down(
    names: Annotated[list[str] | None, typer.Argument(metavar="[HOST…]", help="Default: all hosts.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also the base image and downloaded packages.")
    ] = False,
) -> None:
    """Remove hosts with their disks, network and names; nothing of them is left behind."""
    with _lab(False, "removing lab hosts") as (lab, _):
        lab.down(names or None, everything=everything)
