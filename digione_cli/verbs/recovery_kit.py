"""``digione recovery-kit``: what a person keeps elsewhere to recover an instance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digione_cli.texts import t, tn
from digione_cli.verbs._common import DryRun, InstanceName, Json, intended, session

if TYPE_CHECKING:
    from digione_cli.model.instance import Instance
    from digione_cli.world.world import World


def recovery_kit(
    instance: InstanceName,
    folder: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Where the shares are written.")
    ] = Path(),
    shares: Annotated[
        int, typer.Option("--shares", min=1, max=16, help="Into how many shares it is split.")
    ] = 1,
    needed: Annotated[int, typer.Option("--needed", min=1, max=16, help="How many open it together.")] = 1,
    check: Annotated[
        list[Path] | None,
        typer.Option("--check", metavar="FILE", help="Make nothing; prove that these shares open and fit."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write the recovery kit of an instance: keys, inventory, addresses and steps, split into shares.

    Keep them in different places, away from the hosts and from this machine. They are opened by
    digione restore INSTANCE --kit FILE.
    """
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.services import load_services

    with session(as_json) as (world, screen):
        loaded = load_instance(world.settings.inventories, instance, load_services(world.settings.roles))
        if check:
            _prove(loaded, check, world)
            screen.note(t("The recovery kit opens and fits."))
            return
        files = [folder / f"{instance}-kit-{number}-of-{shares}.txt" for number in range(1, shares + 1)]
        _require_possible(files, folder, needed)
        if dry_run:
            title = tn("Write {count} share", "Write {count} shares", shares)
            screen.plan(intended("recovery-kit", instance, title))
            return
        _write(loaded, files, needed, world)
        for file in files:
            screen.note(t("Written: {folder}", folder=file))
        screen.note(t("Keep each in another place, away from this machine, and delete it here."))


def _prove(loaded: "Instance", shares: list[Path], world: "World") -> None:
    """Make sure that shares open, and that what is in them is of use for the backups of now."""
    from digione_cli.engine import recovery_kit as kits
    from digione_cli.engine.secrets import SecretStore
    from digione_cli.errors import IntegrityError

    store = SecretStore(loaded.folder, world.settings.keys)
    kit = kits.unseal([file.read_text(encoding="utf-8", errors="replace") for file in shares])
    known = kits.record(loaded.folder)
    fits = known.get("checksum") == kits.checksum(store.read()) and known["made"] == kit.made
    if kit.instance != loaded.name or not fits:
        raise IntegrityError(
            "D1-KIT-005",
            t("The recovery kit does not fit"),
            t("it is of another instance, not the newest one, or keys have changed since it was made"),
            f"digione recovery-kit {loaded.name}",
        )


def _require_possible(files: list[Path], folder: Path, needed: int) -> None:
    from digione_cli.errors import UsageError

    there = [file for file in files if file.exists()]
    why = ""
    if there:
        why = t("{file} exists already", file=there[0])
    elif not folder.is_dir():
        why = t("there is no folder {folder}", folder=folder)
    elif needed > len(files) or (needed == 1) != (len(files) == 1):
        why = t("of several shares at least two are needed, and at most all")
    if why:
        raise UsageError(
            "D1-KIT-006", t("No recovery kit was written"), why, t("name another folder or other numbers")
        )


def _write(loaded: "Instance", files: list[Path], needed: int, world: "World") -> None:
    """Write the shares, open them again, and record which kit it is."""
    from digione_cli.engine import recovery_kit as kits
    from digione_cli.engine.secrets import SecretStore
    from digione_cli.world.files import write_new

    store = SecretStore(loaded.folder, world.settings.keys)
    texts = kits.seal(loaded, store, world.now(), needed, len(files))
    for file, text in zip(files, texts, strict=True):
        write_new(file, text.encode())
    kit = kits.unseal([file.read_text(encoding="utf-8") for file in files[-needed:]])
    kits.remember(loaded.folder, kit.made, store.read())
