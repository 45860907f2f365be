"""Every module in digione_cli/verbs keeps the contract of a verb (docs: how to add a verb)."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from digione_cli import main, verbs
from digione_cli.settings import CHECKOUT

NAMES = [m.name for m in pkgutil.iter_modules(verbs.__path__) if m.name[0] != "_"]
HEAVY = {"ansible", "ansible_runner", "sqlalchemy", "alembic", "pydantic", "rich", "jinja2", "yaml", "httpx"}
LIGHT_PARTS_OF_OURS = {"digione_cli.verbs", "digione_cli.errors"}

CHANGES = {
    "apply", "destroy", "init", "trust", "roster import", "roster undo", "secrets generate",
    "secrets rotate",
}  # fmt: skip
REPORTS = {
    "validate", "show", "plan", "apply", "status", "doctor", "destroy", "init", "trust", "roster import",
    "roster undo", "accounts list", "accounts sync", "secrets show", "lab up", "lab list", "sample install",
    "sample logins", "clients add", "clients list", "clients disable", "clients rotate", "roster export",
}  # fmt: skip
DESTRUCTIVE = {"destroy"}
# what takes no --dry-run although it changes something, and why
WITHOUT_DRY_RUN = {
    "accounts password": "one value, asked for by name",
    "clients add": "one service, asked for by name",
    "clients disable": "one service, asked for by its id",
    "clients rotate": "one service, asked for by its id",
    "roster export": "writes the one file that it names",
    "secrets set": "one value, asked for by name",
    "accounts sync": "repeats what the import did",
    "sample make": "writes the one file that it names",
    "sample install": "test tenants alone",
    "sample logins": "test tenants alone",
    "lab up": "hosts on this machine",
    "lab stop": "hosts on this machine",
    "lab kill": "hosts on this machine",
    "lab resolve": "hosts on this machine",
    "lab down": "hosts on this machine",
    "sandbox": "a folder on this machine",
    "logs": "",
    **dict.fromkeys(
        [
            "validate",
            "show",
            "plan",
            "status",
            "doctor",
            "accounts list",
            "clients list",
            "secrets show",
            "lab list",
        ],
        "",
    ),
}


def commands(group: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its path, such as ``roster import``."""
    group = group or typer.main.get_command(main.app)
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        here = f"{path} {name}".strip()
        if hasattr(command, "list_commands"):
            yield from commands(command, here)
        else:
            yield here, command


COMMANDS = dict(commands())


def options(command: Any) -> set[str]:
    """Return the option strings of a command."""
    return {o for p in command.params for o in p.opts if o.startswith("-")}


@pytest.mark.parametrize("name", NAMES)
def test_a_verb_is_a_function_or_an_app(name: str) -> None:
    module = importlib.import_module(f"digione_cli.verbs.{name}")
    assert module.__doc__, f"digione_cli/verbs/{name}.py: say in a docstring what the verb does"
    assert module.__doc__.startswith(f"``digione {name}``"), (
        f"digione_cli/verbs/{name}.py: begin the docstring with ``digione {name}``"
    )
    assert hasattr(module, "app") or callable(getattr(module, name, None)), (
        f"digione_cli/verbs/{name}.py: write a function {name}, or an app = typer.Typer() of several"
    )


@pytest.mark.parametrize("name", [*NAMES, "_common"])
def test_nothing_heavy_is_imported_at_the_top(name: str) -> None:
    tree = ast.parse((CHECKOUT / f"digione_cli/verbs/{name}.py").read_text())
    for node in tree.body:
        imported = []
        if isinstance(node, ast.Import):
            imported = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported = [node.module]
        for module in imported:
            ours = module.startswith("digione_cli") and not any(
                module.startswith(p) for p in LIGHT_PARTS_OF_OURS
            )
            assert not ours | (module.split(".")[0] in HEAVY), (
                f"digione_cli/verbs/{name}.py: import {module} where it is used, so that --help stays quick"
            )


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_parameter_has_help(path: str) -> None:
    command = COMMANDS[path]
    assert command.help, f"digione {path}: its function's docstring is its help; write one"
    assert command.help.splitlines()[0].endswith("."), f"digione {path}: end the first sentence of its help"
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"digione {path}: write help for {parameter.name}"


@pytest.mark.parametrize("path", COMMANDS)
def test_a_verb_that_reports_speaks_json(path: str) -> None:
    known = path in REPORTS | WITHOUT_DRY_RUN.keys() | CHANGES
    assert known, f"digione {path} is new: name it in CHANGES, REPORTS or WITHOUT_DRY_RUN of this test"
    if path in REPORTS:
        assert "--json" in options(COMMANDS[path]), f"digione {path} reports: add the parameter as_json: Json"


@pytest.mark.parametrize("path", COMMANDS)
def test_a_verb_that_changes_has_a_dry_run(path: str) -> None:
    if path in CHANGES:
        assert "--dry-run" in options(COMMANDS[path]), (
            f"digione {path} changes: add the parameter dry_run: DryRun"
        )
    else:
        assert path in WITHOUT_DRY_RUN


@pytest.mark.parametrize("path", sorted(DESTRUCTIVE))
def test_a_destructive_verb_asks_for_the_name(path: str) -> None:
    given = options(COMMANDS[path])
    assert "--confirm" in given
    assert "--yes" not in given, f"digione {path} destroys: it takes --confirm NAME, never --yes"


@pytest.mark.parametrize("path", COMMANDS)
def test_no_secret_is_an_option(path: str) -> None:
    for parameter in COMMANDS[path].params:
        secret = any(word in (parameter.name or "") for word in ("password", "token", "secret"))
        assert not secret or getattr(parameter, "is_flag", False), (
            f"digione {path}: {parameter.name} would stand in the list of processes; ask for it"
        )
