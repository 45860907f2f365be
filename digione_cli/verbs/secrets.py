"""``digione secrets``: generate, show and rotate."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.verbs._common import DryRun, InstanceName, Json, Yes, session

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

SecretArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret: name or name@tenant.")]


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
        made = "would be made" if dry_run else "made"
        screen.note(f"{len(new)} secrets {made}{': ' if new else ''}{', '.join(map(str, new))}")


@app.command("set")
def set_(instance: InstanceName, name: SecretArgument, as_json: Json = False) -> None:
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
        which = parse_name(name, present.values)
        if secrets.wanted(loaded, services).get(which) != "password":
            raise UsageError(
                "D1-SEC-009",
                f"{which} was not stored",
                "it is a key that digione makes itself",
                f"digione secrets rotate {instance} {which}",
            )
        piped = not sys.stdin.isatty()
        try:
            value = sys.stdin.read().strip() if piped else screen.ask(f"Value of {which}", secret=True)
        except UnicodeDecodeError:
            value = ""
        if not value:
            why = "the value is empty, or it is not UTF-8"
            raise UsageError("D1-SEC-007", f"{which} was not stored", why, "give the value on standard input")
        store.write({**present.values, which: SecretStr(value)}, present.salt)
        screen.note(f"{which} is stored; bring it to the hosts: digione apply {instance}")


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
    from digione_cli.model.plan import Call, Plan, Step

    with session(as_json) as (world, screen):
        loaded, services, store = _open(instance, world)
        present = store.read()
        kinds = secrets.wanted(loaded, services)
        parts = {part: whole for whole, kind in kinds.items() for part in secrets.stored_names(whole, kind)}
        whole = parts[parse_name(name, parts)]
        step = Step(id="rotate", title=f"Rotate {whole}", where=(), work=Call(call="rotate"))
        plan = Plan(verb="secrets rotate", instance=instance, about=name, steps=(step,))
        if dry_run:
            screen.plan(plan)
            return
        screen.confirm(plan, yes, None)
        new = secrets.generate(loaded, whole, kinds[whole])
        store.write({**present.values, **new}, present.salt)
        screen.note(f"{whole} has a new value; bring it to the hosts: digione apply {instance}")
