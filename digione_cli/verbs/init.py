"""``digione init``: write a new inventory with generated, encrypted secrets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import t
from digione_cli.verbs._common import DryRun, Json, Yes, session
from digione_cli.verbs._complete import lab_hosts

if TYPE_CHECKING:
    from digione_cli.engine.inventory import NewInventory
    from digione_cli.model.finding import Mistake
    from digione_cli.ui.screen import Screen


@dataclass(frozen=True)
class _Wish:
    """What is to be known: its flag, what was given by it, what refuses it, and the question, if any.

    ``default`` follows from the answers so far. What is ``optional`` needs no answer: where no question must
    be asked it has its default.
    """

    flag: str
    given: str
    check: Callable[[str], str]
    question: str = ""
    default: "Callable[[dict[str, str]], str]" = lambda _: ""
    optional: bool = False


def init(
    name: Annotated[str, typer.Argument(metavar="INSTANCE", help="Name of the new instance, such as kuhmo.")],
    code: Annotated[str, typer.Option(help="Municipality code, three digits.")] = "",
    oid: Annotated[str, typer.Option(help="OID of the education provider.")] = "",
    name_fi: Annotated[str, typer.Option(help="Name of the municipality in Finnish.")] = "",
    name_sv: Annotated[str, typer.Option(help="Name in Swedish (default: the Finnish one).")] = "",
    language: Annotated[str, typer.Option(help="finnish (default), swedish or bilingual.")] = "",
    domain: Annotated[str, typer.Option(help="Domain of the municipality's platform.")] = "",
    contact: Annotated[str, typer.Option(help="E-mail address of the operator.")] = "",
    address: Annotated[str, typer.Option(help="Address of the Debian 12 server.")] = "",
    user: Annotated[str, typer.Option(help="User of ssh there; has sudo.")] = "",
    port: Annotated[int, typer.Option(help="Port of ssh.")] = 22,
    key: Annotated[str, typer.Option(help="Private key of ssh (default: ssh's own choice).")] = "",
    mail_relay: Annotated[str, typer.Option(help="Mail relay (default: no mail is sent).")] = "",
    backup_host: Annotated[
        str, typer.Option(help="Host that keeps copies of the backups, over ssh (default: none).")
    ] = "",
    lab: Annotated[
        str,
        typer.Option(
            metavar="HOST", help="Take the server's data from this lab host.", autocompletion=lab_hosts
        ),
    ] = "",
    skip_trust: Annotated[
        bool, typer.Option("--skip-trust", help="Do not ask the server for its host key now.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Write inventories/INSTANCE/ with generated, encrypted secrets; asks for what no flag gives."""
    from digione_cli.engine.inventory import NewInventory, render
    from digione_cli.engine.municipalities import municipalities
    from digione_cli.errors import UsageError
    from digione_cli.model import text
    from digione_cli.settings import CHECKOUT, RELEASE
    from digione_cli.verbs.trust import pin

    with session(as_json) as (world, screen):
        _check_name(name)
        folder = world.settings.inventories / name
        if folder.exists():
            told = t("digione show {name}, or choose another name", name=name)
            if not (folder / "instance.yml").exists():
                told = t("take the folder away, for it holds no instance.yml, or choose another name")
            raise UsageError(
                "D1-INIT-001",
                t("{name} was not written", name=name),
                t("{folder} is there already", folder=folder),
                told,
            )
        known = _lab_host(lab, world) if lab else None
        keeper = _lab_host(backup_host, world) if lab and backup_host else None
        wishes = [
            _Wish("--code", code, text.municipality_code, t("Municipality code (three digits)")),
            _Wish(
                "--name-fi",
                name_fi,
                text.name,
                t("Name of the municipality in Finnish"),
                lambda so_far: municipalities().get(so_far["--code"], (name.capitalize(),))[0],
            ),
            _Wish("--name-sv", name_sv, text.name, t("Its name in Swedish"), _name_in_swedish, True),
            _Wish(
                "--language",
                language,
                _language,
                t("Its language: finnish, swedish or bilingual"),
                lambda _: "finnish",
                True,
            ),
            _Wish("--domain", domain, text.domain, t("Domain of its platform (such as digione.kuhmo.fi)")),
            _Wish("--contact", contact, text.email, t("E-mail address of the operator")),
            _Wish("--oid", oid, text.provider_oid, t("OID of the education provider (1.2.246.562.10.…)")),
            _Wish("--port", str(port), _port),
            _Wish("--mail-relay", mail_relay, text.address),
            _Wish("--backup-host", backup_host, text.address),
        ]
        if not known:
            wishes += [
                _Wish("--address", address, text.address, t("Address of the Debian 12 server")),
                _Wish("--user", user, text.unix_user, t("User of ssh there (has sudo)")),
            ]
        answer = _answers(wishes, name, screen)
        new = NewInventory(
            name=name,
            release=RELEASE,
            domain=answer["--domain"],
            contact=answer["--contact"],
            host=known.name if known else f"{name}-1" if name[-1].isdigit() else f"{name}1",
            address=known.address if known else answer["--address"],
            user=known.user if known else answer["--user"],
            port=port,
            key=str(known.key) if known else key,
            code=answer["--code"],
            oid=answer["--oid"],
            name_fi=answer["--name-fi"],
            name_sv=answer["--name-sv"],
            language=answer["--language"],
            mail_relay=answer["--mail-relay"],
            backup_host=keeper.address if keeper else answer["--backup-host"],
            in_lab=known is not None,
        )
        files = render(new, CHECKOUT / "templates")
        if dry_run:
            for file, content in files.items():
                screen.note(f"# {file}\n{content}")
        doubts = _write(folder, files, new, world, dry_run)
        if doubts:
            screen.mistakes(name, doubts)
        if dry_run:
            return
        if name in world.registry.seen() or world.registry.runs(name, limit=1):
            world.registry.forget(name)  # an earlier one of this name
        if known:
            pins = [f"{one.address} {one.host_key}" for one in (known, keeper) if one]
            pin(folder / "known_hosts", pins)
        elif not skip_trust:
            _trust(name, yes, world, screen)
        screen.note(t("Written: {folder}", folder=folder))
        if (folder / "known_hosts").exists():
            screen.note(t("Next: digione plan {name}, then digione apply {name}", name=name))
        else:
            screen.note(t("Next: digione trust {name}, then digione apply {name}", name=name))


def _answers(wishes: Sequence[_Wish], name: str, screen: "Screen") -> dict[str, str]:
    """Return what was wished for, by flag; what no flag gives is asked for until it is right.

    Raises:
        UsageError: flags give what is refused (all of them are named), or nobody can be asked.
    """
    from digione_cli.errors import UsageError

    wrong = [f"{w.flag}: {reason}" for w in wishes if w.given and (reason := _refusal(w, w.given))]
    if wrong:
        raise _unwritten(name, wrong)
    lacking = [w.flag for w in wishes if w.question and not w.given and not w.optional]
    answers: dict[str, str] = {}
    try:
        for w in wishes:
            asked = w.question and not w.given and lacking
            value = _asked(w, w.default(answers), screen) if asked else w.given or w.default(answers)
            answers[w.flag] = w.check(value) if value else ""
        return answers
    except UsageError as e:
        flags = " ".join(lacking)
        fix = t("give the answers as flags: {flags}", flags=flags)
        raise UsageError("D1-USE-002", e.what, e.why, fix) from None


def _name_in_swedish(so_far: dict[str, str]) -> str:
    """Return what a municipality of this code is called; another name than its own is that in Swedish too."""
    from digione_cli.engine.municipalities import municipalities

    fi, sv = municipalities().get(so_far["--code"], ("", ""))
    return sv if so_far["--name-fi"] == fi else so_far["--name-fi"]


def _asked(wish: _Wish, default: str, screen: "Screen") -> str:
    """Ask, and ask again with the reason, until the answer is right."""
    while reason := _refusal(wish, answer := screen.ask(wish.question, default)):
        screen.note(reason if answer else t("an answer is needed"))
    return answer


def _refusal(wish: _Wish, value: str) -> str:
    """Say why a value is refused; nothing to say means that it is right."""
    from pydantic_core import PydanticCustomError

    try:
        wish.check(value)
    except PydanticCustomError as e:
        return e.message()
    except ValueError as e:
        return str(e)
    return ""


def _unwritten(name: str, reasons: Sequence[str]) -> Exception:
    from digione_cli.errors import UsageError

    return UsageError(
        "D1-INIT-002",
        t("{name} was not written", name=name),
        "\n".join(reasons),
        t("the same command with these put right"),
    )


def _language(value: str) -> str:
    from digione_cli.model.sentences import none_of

    if value not in (known := ("finnish", "swedish", "bilingual")):
        raise ValueError(none_of(value, known))
    return value


def _port(value: str) -> str:
    if not 1 <= int(value) <= 65535:
        raise ValueError(t("must be from {least} to {most}", least=1, most=65535))
    return value


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


def _write(
    folder: Path, files: dict[str, str], new: "NewInventory", world: Any, dry_run: bool
) -> "tuple[Mistake, ...]":
    """Write all files or none: into a folder beside, examined, given secrets, renamed; return warnings.

    A dry run ends after the examination; what is doubtful is then known, and nothing is left.
    """
    import shutil
    import tempfile

    from digione_cli.engine.load import examine
    from digione_cli.engine.secrets import SecretStore, complete
    from digione_cli.engine.services import load_services
    from digione_cli.engine.surroundings import clashes

    if not dry_run:
        folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{new.name}-", dir=None if dry_run else folder.parent))
    try:
        written = beside / new.name
        (written / "tenants").mkdir(parents=True)
        for file, content in files.items():
            (written / file).write_text(content, encoding="utf-8")
        services = load_services(world.settings.roles)
        instance, mistakes = examine(beside, new.name, services)
        if instance is None:
            raise _unwritten(new.name, [f"{m.path}: {m.text}" for m in mistakes])
        if not dry_run:
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
