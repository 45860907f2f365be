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
LIGHT_PARTS_OF_OURS = {"digione_cli.verbs", "digione_cli.errors", "digione_cli.texts"}

CHANGES = {
    "apply", "destroy", "init", "trust", "roster import", "roster undo", "secrets generate", "secrets set",
    "secrets rotate", "tenant remove", "accounts password", "accounts sync", "sample make", "sample install",
    "sample logins", "lab up", "lab relay", "lab stop", "lab kill", "lab resolve", "lab down",
    "roster export", "clients add", "clients disable", "clients rotate", "subject export", "subject erase",
    "subject hold", "subject release", "retention apply", "backup create", "backup prune", "restore",
    "lab storage", "recovery-kit", "drill",
}  # fmt: skip
REPORTS = {
    "validate", "show", "plan", "status", "doctor", "accounts list", "secrets show", "lab list", "lab mail",
    "audit verify", "backup list", "backup show", "backup verify", "clients list",
    "retention preview", "notify status",
}  # fmt: skip
# runs until it is stopped, on this terminal: nothing is planned and nothing reported
FOLLOWS = {"logs", "sandbox"}
DESTRUCTIVE = {"destroy", "restore", "tenant remove", "subject erase"}


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
    called = name.replace("_", "-")
    assert module.__doc__.startswith(f"``digione {called}``"), (
        f"digione_cli/verbs/{name}.py: begin the docstring with ``digione {called}``"
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


def test_every_command_is_of_one_kind() -> None:
    for path in COMMANDS:
        kinds = [path in kind for kind in (CHANGES, REPORTS, FOLLOWS)]
        assert sum(kinds) == 1, f"digione {path}: name it in CHANGES, REPORTS or FOLLOWS of this test"
    assert set(COMMANDS) >= CHANGES | REPORTS | FOLLOWS | DESTRUCTIVE, (
        "this test names a command that is gone"
    )


@pytest.mark.parametrize("path", sorted(CHANGES | REPORTS))
def test_a_verb_that_changes_or_reports_speaks_json(path: str) -> None:
    assert "--json" in options(COMMANDS[path]), f"digione {path}: add the parameter as_json: Json"


@pytest.mark.parametrize("path", sorted(CHANGES))
def test_a_verb_that_changes_has_a_dry_run(path: str) -> None:
    assert "--dry-run" in options(COMMANDS[path]), (
        f"digione {path} changes: add the parameter dry_run: DryRun"
    )


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
