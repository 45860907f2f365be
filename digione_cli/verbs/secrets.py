"""``digione secrets``: generate, show and rotate."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.texts import t, tn
from digione_cli.verbs._common import DryRun, InstanceName, Json, Yes, intended, session
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
        _, _, store = _open(instance, world)
        values = store.read().values
        screen.value(values[parse_name(name, values)].get_secret_value())


@app.command()
def generate(instance: InstanceName, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make the secrets that an instance lacks; none that is there is changed."""
    from digione_cli.engine import secrets

    with session(as_json) as (world, screen):
        loaded, services, store = _open(instance, world)
        if dry_run:
            present = store.read() if store.exists() else secrets.Secrets({}, "")
            new = secrets.missing(loaded, services, present)
        else:
            new = secrets.complete(loaded, services, store)
            present = store.read()
        given = secrets.to_be_given(loaded, services, present)
        new = tuple(n for n in new if n not in given)
        names = ", ".join(map(str, new)) or "–"
        if dry_run:
            said = tn(
                "{count} secret would be made: {names}",
                "{count} secrets would be made: {names}",
                len(new),
                names=names,
            )
        else:
            said = tn("{count} secret made: {names}", "{count} secrets made: {names}", len(new), names=names)
        screen.note(said)
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
    instance: InstanceName, name: SecretArgument, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Store a value given from outside, such as the client secret that MPASSid gives.

    The value is asked for, or read from standard input; it is never an argument.
    """
    import sys

    from pydantic import SecretStr

    from digione_cli.engine import secrets
    from digione_cli.engine.secrets import parse_name
    from digione_cli.errors import UsageError

    with session(as_json) as (world, screen):
        loaded, services, store = _open(instance, world)
        present = store.read()
        kinds = secrets.wanted(loaded, services)
        which = parse_name(name, {**present.values, **kinds})
        if kinds.get(which) not in ("password", "given"):
            raise UsageError(
                "D1-SEC-009",
                t("{name} was not stored", name=which),
                t("it is a key that digione makes itself"),
                f"digione secrets rotate {instance} {which}",
            )
        if dry_run:
            title = t("Store a value for {name}", name=which)
            screen.plan(intended("secrets set", instance, title, about=name))
            return
        piped = not sys.stdin.isatty()
        try:
            value = (
                sys.stdin.read().strip()
                if piped
                else screen.ask(t("Value of {name}", name=which), secret=True)
            )
        except UnicodeDecodeError:
            value = ""
        if not value:
            what = t("{name} was not stored", name=which)
            why = t("the value is empty, or it is not UTF-8")
            raise UsageError("D1-SEC-007", what, why, t("give the value on standard input"))
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
) -> None:
    """Give one secret a new value; the next apply brings it to the hosts."""
    from digione_cli.engine import secrets
    from digione_cli.engine.secrets import parse_name
    from digione_cli.errors import UsageError

    with session(as_json) as (world, screen):
        loaded, services, store = _open(instance, world)
        present = store.read()
        kinds = secrets.wanted(loaded, services)
        parts = {part: whole for whole, kind in kinds.items() for part in secrets.stored_names(whole, kind)}
        whole = parts[parse_name(name, parts)]
        if kinds[whole] == "given":
            raise UsageError(
                "D1-SEC-010",
                t("{name} was not rotated", name=whole),
                t("its value is given by somebody else"),
                f"digione secrets set {instance} {whole}",
            )
        plan = intended("secrets rotate", instance, t("Rotate {name}", name=whole), about=name)
        if dry_run:
            screen.plan(plan)
            return
        screen.confirm(plan, yes, None)
        new = secrets.generate(loaded, whole, kinds[whole])
        store.write({**present.values, **new}, present.salt)
        said = t(
            "{name} has a new value; bring it to the hosts: digione apply {instance}",
            name=whole,
            instance=instance,
        )
        screen.note(said)
