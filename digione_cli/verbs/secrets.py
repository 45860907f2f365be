"""``digione secrets``: generate, show and rotate."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import t, tn
from digione_cli.verbs._common import AskSudoPassword, DryRun, InstanceName, Json, Yes, intended, session
from digione_cli.verbs._complete import secrets_named

if TYPE_CHECKING:
    from digione_cli.engine.secrets import SecretStore
    from digione_cli.engine.services import Services
    from digione_cli.model.instance import Instance

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Generate, show and rotate the secrets of an instance.",
)

SecretArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The secret: name or name@tenant.", autocompletion=secrets_named),
]


def _open(instance: str, world: Any) -> "tuple[Instance, Services, SecretStore]":
    from digione_cli.engine.load import load_instance
    from digione_cli.engine.secrets import SecretStore
    from digione_cli.engine.services import load_services

    services = load_services(world.settings.roles)
    loaded = load_instance(world.settings.inventories, instance, services)
    return loaded, services, SecretStore(loaded.folder, world.settings.keys)


@app.command()
def show(instance: InstanceName, name: SecretArgument, as_json: Json = False) -> None:
    """Print the value of one secret."""
    from digione_cli.engine.secrets import parse_name

    with session(as_json) as (world, screen):
        _, services, store = _open(instance, world)
        values = store.read().values
        screen.value(values[parse_name(name, services, values)].get_secret_value())


@app.command()
def generate(
    instance: InstanceName,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Make the secrets that an instance lacks; none that is there is changed."""
    from digione_cli import spine
    from digione_cli.engine import secrets

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded, services, store = _open(instance, world)
        present = store.read() if store.exists() else secrets.Secrets({}, "")
        given = secrets.to_be_given(loaded, services, present)
        lacking = tuple(n for n in secrets.missing(loaded, services, present) if n not in given)
        names = ", ".join(map(str, lacking))
        if lacking and dry_run:
            screen.note(
                tn(
                    "{count} secret would be made: {names}",
                    "{count} secrets would be made: {names}",
                    len(lacking),
                    names=names,
                )
            )
        elif lacking:
            with spine.holding(loaded, "secrets generate", world):
                secrets.complete(loaded, services, store)
            screen.note(
                tn(
                    "{count} secret made: {names}",
                    "{count} secrets made: {names}",
                    len(lacking),
                    names=names,
                )
            )
        elif not given:
            screen.note(t("Nothing to do for {instance}.", instance=instance))
        for name in given:
            screen.note(
                t(
                    "{name} is somebody else's; store it: digione secrets set {instance} {name}",
                    name=name,
                    instance=instance,
                )
            )


@app.command("set")
def set_(
    instance: InstanceName,
    name: SecretArgument,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Store a value given from outside, such as the client secret that MPASSid gives.

    The value is asked for, or read from standard input; it is never an argument. One that is there already
    is replaced after a question.
    """
    import sys

    from pydantic import SecretStr

    from digione_cli import spine
    from digione_cli.engine import secrets
    from digione_cli.engine.secrets import parse_name
    from digione_cli.errors import UsageError

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded, services, store = _open(instance, world)
        there = store.read().values
        kinds = secrets.wanted(loaded, services)
        parts = {part: kind for whole, kind in kinds.items() for part in secrets.stored_names(whole, kind)}
        which = parse_name(name, services, {**there, **parts})
        if parts.get(which) != "given":
            raise UsageError(
                "D1-SEC-009",
                t("{name} was not stored", name=which),
                t("nobody gives it: digione makes it itself"),
                f"digione secrets rotate {instance} {which}",
            )
        title = t("Store a value for {name}", name=which)
        if which in there:
            title = t("Replace the value of {name}", name=which)
        plan = intended("secrets set", instance, title, about=name)
        if dry_run:
            screen.plan(plan)
            return
        if which in there:
            screen.plan(plan)
            screen.confirm(plan, yes, None)
        try:
            value = (
                screen.ask(t("Value of {name}", name=which), secret=True)
                if sys.stdin.isatty()
                else sys.stdin.read().strip()
            )
        except UnicodeDecodeError:
            value = ""
        if not value:
            what = t("{name} was not stored", name=which)
            why = t("the value is empty, or it is not UTF-8")
            raise UsageError("D1-SEC-007", what, why, f"digione secrets set {instance} {which} < FILE")
        with spine.holding(loaded, "secrets set", world):
            present = store.read()
            store.write({**present.values, which: SecretStr(value)}, present.salt)
        said = t(
            "{name} is stored; bring it to the hosts: digione apply {instance}", name=which, instance=instance
        )
        screen.note(said)


@app.command()
def rotate(
    instance: InstanceName,
    name: SecretArgument,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Give one secret a new value; the next apply brings it to the hosts."""
    from digione_cli import spine
    from digione_cli.engine import secrets
    from digione_cli.engine.secrets import parse_name
    from digione_cli.errors import UsageError

    with session(as_json, ask_sudo_password) as (world, screen):
        loaded, services, store = _open(instance, world)
        kinds = secrets.wanted(loaded, services)
        parts = {part: whole for whole, kind in kinds.items() for part in secrets.stored_names(whole, kind)}
        whole = parts[parse_name(name, services, parts)]
        if kinds[whole] == "given":
            raise UsageError(
                "D1-SEC-010",
                t("{name} was not rotated", name=whole),
                t("its value is given by somebody else"),
                f"digione secrets set {instance} {whole}",
            )
        if any(spec.lasting and spec.name == whole.name for one in services.values() for spec in one.secrets):
            raise UsageError(
                "D1-SEC-013",
                t("{name} was not rotated", name=whole),
                t("what it has encrypted could not be opened any more"),
                t("keep it; how-to/backup tells how to begin anew with another key"),
            )
        stored = secrets.stored_names(whole, kinds[whole])
        names = ", ".join(map(str, stored))
        plan = intended("secrets rotate", instance, t("Rotate {name}", name=names), about=name)
        if dry_run:
            screen.plan(plan)
            return
        screen.confirm(plan, yes, None)
        with spine.holding(loaded, "secrets rotate", world):
            new = secrets.generate(loaded, whole, kinds[whole])
            present = store.read()
            store.write({**present.values, **new}, present.salt)
        said = tn(
            "{names} has a new value; bring it to the hosts: digione apply {instance}",
            "{names} have new values; bring them to the hosts: digione apply {instance}",
            len(stored),
            names=names,
            instance=instance,
        )
        screen.note(said)
        if kinds[whole] == "authority":
            screen.note(
                t("All certificates of the instance become new; let browsers trust the new authority.pem.")
            )
