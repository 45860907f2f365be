"""``digione sample``: a synthetic municipality to look at, teach with and test with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digione_cli.verbs._common import AskSudoPassword, Json, TenantName, session
from digione_cli.verbs._platform import ask_platform, find, pass_on, require_done

if TYPE_CHECKING:
    from digione_cli.model.instance import Tenant

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="A synthetic municipality: make it as a OneRoster bundle, or install it into a test tenant.",
)

Pupils = Annotated[int, typer.Option(min=10, max=200_000, help="How many pupils.")]
Seed = Annotated[int, typer.Option(help="Another seed makes another town.")]


@app.command()
def make(
    file: Annotated[Path, typer.Argument(metavar="OUT.zip", help="File to write.")],
    pupils: Pupils = 400,
    seed: Seed = 1,
    language: Annotated[str, typer.Option(help="finnish, swedish or bilingual.")] = "finnish",
    name: Annotated[str, typer.Option(help="Name of the town.")] = "Mallila",
    code: Annotated[str, typer.Option(help="Municipality code.")] = "999",
    oid: Annotated[str, typer.Option(help="OID of the provider: that of the tenant it is for.")] = "",
) -> None:
    """Write a synthetic town as a OneRoster 1.2 bundle."""
    with session(False) as (world, screen):
        arguments = ["sample", str(file), "--pupils", str(pupils), "--seed", str(seed)]
        arguments += ["--language", language, "--name", name, "--code", code]
        arguments += ["--oid", oid] if oid else []
        require_done(world.local_platform(arguments))
        screen.note(f"{file}: a synthetic town with {pupils} pupils")


@app.command()
def install(
    tenant: TenantName,
    pupils: Pupils = 400,
    seed: Seed = 1,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Import a synthetic town into a test tenant and print one login for each role."""
    import tempfile

    with session(as_json, ask_sudo_password) as (world, screen):
        instance, found = find(tenant, world)
        _require_test(found)
        with tempfile.TemporaryDirectory() as folder:
            bundle = Path(folder) / "sample.zip"
            with screen.waiting("making the town"):
                arguments = ["sample", str(bundle), "--pupils", str(pupils), "--seed", str(seed)]
                arguments += ["--language", found.language, "--code", found.code, "--domain", found.domain]
                arguments += ["--name", found.name.fi, "--name-sv", found.name.sv, "--oid", found.oid]
                require_done(world.local_platform(arguments), tenant, instance.name)
            with screen.waiting("importing the town"):
                content = bundle.read_bytes()
                arguments = ["roster", "import", "FILE", "--apply", *(["--json"] if as_json else [])]
                done = ask_platform(tenant, arguments, content, bundle.name, world)
        if done.exit:
            return pass_on(done, tenant, as_json, screen)
        _show_logins(tenant, instance.name, found, world, screen)
    return 0


@app.command()
def logins(tenant: TenantName, as_json: Json = False, ask_sudo_password: AskSudoPassword = False) -> None:
    """Print one login of the synthetic town for each role."""
    with session(as_json, ask_sudo_password) as (world, screen):
        instance, found = find(tenant, world)
        _require_test(found)
        _show_logins(tenant, instance.name, found, world, screen)


def _require_test(tenant: "Tenant") -> None:
    """Synthetic people must never be mixed with real ones: only test OIDs and codes are accepted."""
    from digione_cli.errors import UsageError

    if tenant.oid.split(".")[4] not in ("99", "199"):
        raise UsageError(
            "D1-SAMPLE-001",
            f"No synthetic people for {tenant.slug}",
            f"its OID {tenant.oid} is a real one; node 99 or 199 is for tests",
            "use a tenant of its own for tests",
        )


def _show_logins(tenant: str, instance: str, found: "Tenant", world: Any, screen: Any) -> None:
    """Set the passwords of the sample logins, each time to the same, and show them.

    They follow from the instance's own secrets, so that they are known again without being stored.
    """
    import json

    from digione_cli.engine.secrets import SecretStore

    store = SecretStore(world.settings.inventories / instance, world.settings.keys)
    known = store.read()
    listed = require_done(
        world.local_platform(["sample", "--logins", "--json", "--language", found.language])
    )
    shown = []
    for login in json.loads(listed.stdout):
        password = known.derived(f"sample/{found.slug}/{login['username']}")
        arguments = ["accounts", "password", login["username"]]
        ask_platform(tenant, arguments, password.encode() + b"\n", "", world)
        shown.append({"role": login["role"], "username": login["username"], "password": password})
    rows = [[s["role"], s["username"], s["password"]] for s in shown]
    screen.table("sample_logins", ["Role", "Username", "Password"], rows, shown)
    screen.note(f"Sign in at https://{found.domain}")
    screen.note(f"Let your browser trust this authority: {store.authority_file}")
