"""``digione init``: write a new inventory with generated, encrypted secrets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import DryRun, Json, Yes, session

if TYPE_CHECKING:
    from digione_cli.engine.inventory import NewInventory
    from digione_cli.model.finding import Mistake


def init(
    name: Annotated[str, typer.Argument(metavar="INSTANCE", help="Name of the new instance, such as kuhmo.")],
    code: Annotated[str, typer.Option(help="Municipality code, three digits.")] = "",
    oid: Annotated[str, typer.Option(help="OID of the education provider.")] = "",
    name_fi: Annotated[str, typer.Option(help="Name of the municipality in Finnish.")] = "",
    name_sv: Annotated[str, typer.Option(help="Name in Swedish (default: the Finnish one).")] = "",
    language: Annotated[str, typer.Option(help="finnish, swedish or bilingual.")] = "finnish",
    domain: Annotated[str, typer.Option(help="Domain of the municipality's platform.")] = "",
    contact: Annotated[str, typer.Option(help="E-mail address of the operator.")] = "",
    address: Annotated[str, typer.Option(help="Address of the Debian 12 server.")] = "",
    user: Annotated[str, typer.Option(help="User of ssh there; has sudo.")] = "",
    port: Annotated[int, typer.Option(help="Port of ssh.")] = 22,
    key: Annotated[str, typer.Option(help="Private key of ssh (default: ssh's own choice).")] = "",
    lab: Annotated[str, typer.Option(metavar="HOST", help="Take the server's data from this lab host.")] = "",
    skip_trust: Annotated[bool, typer.Option(help="Do not ask the server for its host key now.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Write inventories/INSTANCE/ with generated, encrypted secrets; asks for what no flag gives."""
    from digione_cli.engine.inventory import NewInventory, render
    from digione_cli.errors import UsageError
    from digione_cli.settings import CHECKOUT, RELEASE
    from digione_cli.verbs.trust import pin

    with session(as_json) as (world, screen):
        _check_name(name)
        folder = world.settings.inventories / name
        if folder.exists():
            raise UsageError(
                "D1-INIT-001",
                t("{name} was not written", name=name),
                t("{folder} is there already", folder=folder),
                t("digione show {name}, or choose another name", name=name),
            )
        known = _lab_host(lab, world) if lab else None
        name_fi = name_fi or screen.ask(t("Name of the municipality in Finnish"), name.capitalize())
        domain = domain or screen.ask(t("Domain of its platform"), f"{name}.example")
        new = NewInventory(
            name=name,
            release=RELEASE,
            domain=domain,
            contact=contact or screen.ask(t("E-mail address of the operator")),
            host=known.name if known else f"{name}-1" if name[-1].isdigit() else f"{name}1",
            address=known.address if known else address or screen.ask(t("Address of the Debian 12 server")),
            user=known.user if known else user or screen.ask(t("User of ssh there (has sudo)")),
            port=port,
            key=str(known.key) if known else key,
            code=code or screen.ask(t("Municipality code (three digits)")),
            oid=oid or screen.ask(t("OID of the education provider (1.2.246.562.10.…)")),
            name_fi=name_fi,
            name_sv=name_sv or name_fi,
            language=language,
        )
        if language not in ("finnish", "swedish", "bilingual"):
            why = t("--language is one of: {choices}", choices="finnish, swedish, bilingual")
            raise UsageError("D1-INIT-002", t("{name} was not written", name=name), why, t("choose one"))
        files = render(new, CHECKOUT / "templates")
        if dry_run:
            for file, text in files.items():
                screen.note(f"# {file}\n{text}")
            return
        doubts = _write(folder, files, new, world)
        if doubts:
            screen.mistakes(name, doubts)
        if known:
            pin(folder / "known_hosts", [f"{known.address} {known.host_key}"])
        elif not skip_trust:
            _trust(name, yes, world, screen)
        screen.note(t("Written: {folder}", folder=folder))
        screen.note(t("Next: digione validate {name}, then digione apply {name}", name=name))


def _check_name(name: str) -> None:
    from pydantic_core import PydanticCustomError

    from digione_cli.errors import UsageError
    from digione_cli.model.text import slug

    try:
        slug(name)
    except PydanticCustomError as e:
        raise UsageError(
            "D1-INIT-003", t("No inventory was written"), e.message(), t("choose another name")
        ) from None


def _lab_host(name: str, world: Any) -> Any:
    from digione_cli.lab import Lab

    return Lab(world.settings.lab).host(name)


def _write(folder: Path, files: dict[str, str], new: "NewInventory", world: Any) -> "tuple[Mistake, ...]":
    """Write all files or none: into a folder beside, examined, given secrets, renamed; return warnings."""
    import shutil
    import tempfile

    from digione_cli.engine.load import InvalidInstance, examine
    from digione_cli.engine.secrets import SecretStore, complete
    from digione_cli.engine.services import load_services
    from digione_cli.engine.surroundings import clashes

    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{new.name}-", dir=folder.parent))
    try:
        written = beside / new.name
        (written / "tenants").mkdir(parents=True)
        for file, text in files.items():
            (written / file).write_text(text, encoding="utf-8")
        services = load_services(world.settings.roles)
        instance, mistakes = examine(beside, new.name, services)
        if instance is None:
            raise InvalidInstance(new.name, mistakes)
        complete(instance, services, SecretStore(written, world.settings.keys))
        written.rename(folder)
        return mistakes + tuple(clashes(folder.parent, instance))
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _trust(name: str, yes: bool, world: Any, screen: Any) -> None:
    from digione_cli.errors import DigioneError
    from digione_cli.verbs.trust import trust_hosts

    try:
        trust_hosts(name, None, False, yes, world, screen)
    except DigioneError as e:
        later = t("The host key is not pinned yet ({why}); later: digione trust {name}", why=e.why, name=name)
        screen.note(later)
