"""``digione sample``: a synthetic municipality to look at, teach with and test with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digione_cli.texts import mark, t
from digione_cli.verbs._common import AskSudoPassword, DryRun, Json, TenantName, intended, session
from digione_cli.verbs._platform import ask_platform, find, holding, pass_on, require_done

if TYPE_CHECKING:
    from digione_cli.model.instance import Tenant

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="A synthetic municipality: make it as a OneRoster bundle, or install it into a test tenant.",
)

_ROLES = {
    "pupil": mark("pupil"),
    "guardian": mark("guardian"),
    "teacher": mark("teacher"),
    "principal": mark("principal"),
    "secretary": mark("school secretary"),
    "administrator": mark("municipal administrator"),
}

Pupils = Annotated[int, typer.Option(min=10, max=200_000, help="How many pupils.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed makes another town.")]


@app.command()
def make(
    file: Annotated[Path, typer.Argument(metavar="OUT.zip", help="File to write.")],
    pupils: Pupils = 400,
    seed: Seed = 1,
    language: Annotated[
        Literal["finnish", "swedish", "bilingual"], typer.Option(help="Language of schools and people.")
    ] = "finnish",
    name: Annotated[str, typer.Option(help="Name of the town.")] = "Mallila",
    code: Annotated[str, typer.Option(help="Municipality code.")] = "999",
    oid: Annotated[str, typer.Option(help="OID of the provider: that of the tenant it is for.")] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write a synthetic town as a OneRoster 1.2 bundle."""
    with session(as_json) as (world, screen):
        if dry_run:
            screen.plan(intended("sample make", "", t("Write {file}", file=file), about=str(file)))
            return
        arguments = ["sample", str(file), "--pupils", str(pupils), "--seed", str(seed)]
        arguments += ["--language", language, "--name", name, "--code", code]
        arguments += ["--oid", oid] if oid else []
        require_done(world.local_platform(arguments))
        screen.note(t("{file}: a synthetic town with {pupils} pupils", file=file, pupils=pupils))


@app.command()
def install(
    tenant: TenantName,
    pupils: Pupils = 400,
    seed: Seed = 1,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> int:
    """Import a synthetic town into a test tenant and print one login for each role."""
    import tempfile

    changes = "" if dry_run else "sample install"
    with session(as_json, ask_sudo_password) as (world, screen):
        instance, found = find(tenant, world)
        _require_test(found)
        with tempfile.TemporaryDirectory() as folder, holding(changes, tenant, world):
            bundle = Path(folder) / "sample.zip"
            with screen.waiting(t("making the town")):
                arguments = ["sample", str(bundle), "--pupils", str(pupils), "--seed", str(seed)]
                arguments += ["--language", found.language, "--code", found.code, "--domain", found.domain]
                arguments += ["--name", found.name.fi, "--name-sv", found.name.sv, "--oid", found.oid]
                require_done(world.local_platform(arguments), tenant, instance.name)
            with screen.waiting(t("importing the town")):
                arguments = ["roster", "import", "FILE", "--dry-run" if dry_run else "--apply"]
                arguments += ["--json"] if as_json else []
                done = ask_platform(tenant, arguments, world, file=bundle)
        if done.exit or dry_run:
            return pass_on(done, tenant, as_json, screen)
        _show_logins(tenant, instance.name, found, world, screen)
    return 0


@app.command()
def logins(
    tenant: TenantName,
    dry_run: DryRun = False,
    as_json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Print one login of the synthetic town for each role; their passwords are set again."""
    with session(as_json, ask_sudo_password) as (world, screen):
        instance, found = find(tenant, world)
        _require_test(found)
        if dry_run:
            title = t("Set the passwords of the sample logins")
            screen.plan(intended("sample logins", instance.name, title, instance.placed("platform"), tenant))
            return
        _show_logins(tenant, instance.name, found, world, screen)


def _require_test(tenant: "Tenant") -> None:
    """Synthetic people must never be mixed with real ones: only test OIDs and codes are accepted."""
    from digione_cli.errors import UsageError

    if tenant.oid.split(".")[4] not in ("99", "199"):
        raise UsageError(
            "D1-SAMPLE-001",
            t("No synthetic people for {tenant}", tenant=tenant.slug),
            t("its OID {oid} is a real one; node 99 or 199 is for tests", oid=tenant.oid),
            t("use a tenant of its own for tests"),
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
    with holding("sample logins", tenant, world):
        for login in json.loads(listed.stdout):
            password = known.derived(f"sample/{found.slug}/{login['username']}")
            arguments = ["accounts", "password", login["username"]]
            ask_platform(tenant, arguments, world, password.encode() + b"\n")
            shown.append({"role": login["role"], "username": login["username"], "password": password})
    rows = [[t(_ROLES[s["role"]]), s["username"], s["password"]] for s in shown]
    columns = [t("Role"), t("Username"), t("Password")]
    screen.table("sample_logins", t("Sample logins"), columns, rows, shown)
    screen.note(t("Sign in at {address}", address=f"https://{found.domain}"))
    screen.note(t("Let your browser trust this authority: {file}", file=store.authority_file))
