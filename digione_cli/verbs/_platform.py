"""Commands of a tenant's platform, and their errors told as this command tells its own."""

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from digione_cli.texts import t
from digione_cli.verbs._common import intended, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from digione_cli.errors import DigioneError
    from digione_cli.model.instance import Instance, Tenant

# How the platform's command tells an error, in the reader's language (digione_platform/__main__.py).
_ERROR = re.compile(
    r"^(?P<id>P-[A-Z]+-\d{3}): (?P<what>.+)\n  [^:\n]+: (?P<why>.*)\n  [^:\n]+: (?P<fix>.*)$", re.M
)


def on_platform(
    tenant: str,
    arguments: "Sequence[str]",
    as_json: bool,
    ask_sudo_password: bool,
    file: "Path | None" = None,
    mapping: "Path | None" = None,
    changes: str = "",
) -> int:
    """Carry out a command of the tenant's platform on its host and pass on what it reports.

    ``changes`` is the verb that changes something by it: the instance's lock is held for it.
    """
    with session(as_json, ask_sudo_password) as (world, screen), holding(changes, tenant, world):
        return report_of_platform(tenant, arguments, as_json, world, screen, file, mapping)


@contextmanager
def holding(verb: str, tenant: str, world: Any) -> "Iterator[None]":
    """Hold the lock of a tenant's instance for a verb while the block runs; without a verb hold none."""
    from digione_cli import spine

    if not verb:
        yield
        return
    instance, _ = find(tenant, world)
    with spine.holding(instance, verb, world):
        yield


def change_on_platform(
    verb: str,
    title: str,
    tenant: str,
    arguments: "Sequence[str]",
    dry_run: bool,
    as_json: bool,
    ask_sudo_password: bool,
) -> int:
    """Carry out a command of the tenant's platform that changes something; a dry run shows ``title``."""
    with session(as_json, ask_sudo_password) as (world, screen):
        if dry_run:
            return plan_on_platform(verb, title, tenant, world, screen)
        with holding(verb, tenant, world):
            return report_of_platform(tenant, arguments, as_json, world, screen)


def plan_on_platform(verb: str, title: str, tenant: str, world: Any, screen: Any) -> int:
    """Show the plan of a verb that is one command of the tenant's platform; return the exit code."""
    instance, _ = find(tenant, world)
    screen.plan(intended(verb, instance.name, title, instance.placed("platform"), tenant))
    return 0


def export_from_platform(
    verb: str,
    tenant: str,
    arguments: "Sequence[str]",
    file: "Path",
    dry_run: bool,
    as_json: bool,
    ask_sudo_password: bool,
    mapping: "Path | None" = None,
) -> int:
    """Carry out a command of the tenant's platform that writes the file OUT; it becomes ``file`` here."""
    import base64

    from digione_cli.errors import UsageError
    from digione_cli.world.files import write_new

    if file.exists() or not file.parent.is_dir():
        raise UsageError(
            "D1-USE-009",
            t("Nothing was exported"),
            t("{file} exists already", file=file)
            if file.exists()
            else t("there is no folder {folder}", folder=file.parent),
            t("name a new file in a folder that is there"),
        )
    with session(as_json, ask_sudo_password) as (world, screen):
        if dry_run:
            return plan_on_platform(verb, t("Write {file}", file=file), tenant, world, screen)
        with screen.waiting(t("the platform works")):
            answer = ask_platform(
                tenant, [*arguments, *(["--json"] if as_json else [])], world, mapping=mapping
            )
        if answer.exit == 0:
            write_new(file, base64.b64decode(answer.file))
        return pass_on(answer, tenant, as_json, screen)


def report_of_platform(
    tenant: str,
    arguments: "Sequence[str]",
    as_json: bool,
    world: Any,
    screen: Any,
    file: "Path | None" = None,
    mapping: "Path | None" = None,
) -> int:
    """Do the same within a session."""
    flags = ["--json"] if as_json else []
    with screen.waiting(t("the platform works")):
        answer = ask_platform(tenant, [*arguments, *flags], world, file=file, mapping=mapping)
    return pass_on(answer, tenant, as_json, screen)


def pass_on(answer: Any, tenant: str, as_json: bool, screen: Any) -> int:
    """Pass on what a command of the platform reported, and return its exit code.

    A report may end with an error, as when rows were imported and the directory did not answer: then the
    report comes first, and as JSON it holds the error, for there is one document only.
    """
    import json

    from digione_cli.ui.screen import told

    error = refusal(answer, tenant)
    if error and as_json:
        parts = {"id": error.id, "what": error.what, "why": error.why, "fix": error.fix}
        document = {**json.loads(answer.stdout), "error": parts}
        screen.passed_on(json.dumps(document, ensure_ascii=False, indent=1) + "\n", told(error))
        return error.exit
    screen.passed_on(answer.stdout, "" if error else answer.stderr)
    if error:
        raise error
    return int(answer.exit)


def ask_platform(
    tenant: str,
    arguments: "Sequence[str]",
    world: Any,
    stdin: bytes = b"",
    file: "Path | None" = None,
    mapping: "Path | None" = None,
) -> Any:
    """Given a tenant's name, carry out a command of its platform and return the envelope.

    ``file`` is what the argument FILE stands for, ``mapping`` what MAPPING stands for.

    Raises:
        DigioneError: the command failed without a report on its standard output.
    """
    instance, found = find(tenant, world)
    at = instance.placed("platform")[0]
    target = next(one for one in world.targets(instance) if one.name == at)
    answer = world.platform(target, found.slug, arguments, stdin, file, mapping)
    return require_done(answer, tenant, instance.name)


def find(tenant: str, world: Any) -> "tuple[Instance, Tenant]":
    """Return the instance and the tenant of a tenant's name."""
    from digione_cli.engine.load import find_tenant
    from digione_cli.engine.services import load_services

    return find_tenant(world.settings.inventories, load_services(world.settings.roles), tenant)


def require_done(answer: Any, tenant: str = "TENANT", instance: str = "<instance>") -> Any:
    """Given the envelope of a platform's command, return it if it did its work or reports why not.

    Raises:
        DigioneError: it failed without a report on its standard output.
    """
    if answer.exit and not answer.stdout.strip():
        raise refusal(answer, tenant, instance) or _unexplained(answer)
    return answer


def refusal(answer: Any, tenant: str = "TENANT", instance: str = "<instance>") -> "DigioneError | None":
    """Given the envelope of a platform's command, return the error that it told, if it told one."""
    found = _ERROR.search(answer.stderr) if answer.exit else None
    if found is None:
        return None
    fix = found["fix"].replace("digione-platform migrate", "digione apply <instance>")
    fix = fix.replace("digione-platform sample", "digione sample make")
    verbs = "roster|accounts|audit|subject|retention|notify|clients"
    fix = re.sub(rf"digione-platform ({verbs}) (\w+)", rf"digione \1 \2 {tenant}", fix)
    return _kind(answer.exit)(found["id"], found["what"], found["why"], fix.replace("<instance>", instance))


def _unexplained(answer: Any) -> "DigioneError":
    """Return an error for what the platform's command did not tell as it should, such as a kill."""
    said = answer.stderr.strip().splitlines()
    why = (
        said[-1].removeprefix("Error: ")[:300]
        if said
        else t("it ended with exit code {code}", code=answer.exit)
    )
    fix = t("--help tells what may be given") if answer.exit == 2 else "digione doctor"
    return _kind(answer.exit)("D1-PLATFORM-002", t("The platform's command failed"), why, fix)


def _kind(exit_: int) -> "type[DigioneError]":
    from digione_cli.errors import DigioneError

    return next((kind for kind in DigioneError.__subclasses__() if kind.exit == exit_), DigioneError)
