"""Writes docs/reference/ from the code: ``python docs/generate.py`` (``--check`` only compares).

A page is a function that returns its text; PAGES names them all.
"""

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

os.environ["DIGIONE_LANGUAGE"] = "en"

from digione_cli import checks
from digione_cli.engine.services import load_services
from digione_cli.errors import DigioneError, Exit
from digione_cli.main import app
from digione_cli.model.instance import InstanceFile, TenantFile
from digione_cli.model.service import Service, ServiceFile
from digione_platform.api import access as scopes
from digione_platform.api import fields, gradebook, rostering
from digione_platform.api.problems import REASONS as REFUSED
from digione_platform.api.views import View
from digione_platform.core.access import TABLE, TAKEN, Action
from digione_platform.errors import PlatformError
from digione_platform.roster.problems import REASONS
from docs import errors_in_code
from docs.in_words import TYPES, code, models, plain, table, type_words

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference"
MARK = "<!-- written by docs/generate.py; do not edit -->\n"


# Verbs


def verbs() -> str:
    """The page of all verbs and their options."""
    root: Any = typer.main.get_command(app)
    parts = ["# Verbs\n", f"{root.help}\n", "Exit codes: " + _exit_codes() + ".\n"]
    for name in root.list_commands(None):
        parts += _verb(root.get_command(None, name), f"digione {name}", "##")
    return "\n".join(parts)


def _exit_codes() -> str:
    words = {
        Exit.DONE: "done",
        Exit.FAILED: "failed (a bug of ours)",
        Exit.USAGE: "usage or configuration",
        Exit.PRECONDITION: "a precondition is not met, nothing was changed",
        Exit.LOCKED: "somebody else holds the lock",
        Exit.PARTLY: "partly done, run it again",
        Exit.INTEGRITY: "a checksum, signature or key is wrong",
        Exit.INTERRUPTED: "interrupted",
    }
    return " · ".join(f"`{e.value}` {words[e]}" for e in Exit)


def _verb(command: Any, path: str, level: str) -> Iterator[str]:
    yield f"{level} {path}\n"
    yield f"{' '.join(command.help.split())}\n"
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from _verb(command.get_command(None, name), f"{path} {name}", f"{level}#")
        return
    arguments = [p for p in command.params if p.opts[0][0] != "-"]
    options = [p for p in command.params if p.opts[0][0] == "-" and p.name != "help"]
    words = [a.metavar or (a.name.upper() if a.required else f"[{a.name.upper()}]") for a in arguments]
    needed = [f"{o.opts[0]} …" for o in options if o.required]
    yield f"    {' '.join([path, *words, *needed, *(['[OPTIONS]'] if options else [])])}\n"
    named = [(f"`{w}`", "", "", a.help or "") for w, a in zip(words, arguments, strict=True)]
    yield table(
        ("Argument or option", "Value", "Default", "Meaning"), [*named, *(_option(o) for o in options)]
    )


def _option(option: Any) -> tuple[str, str, str, str]:
    names = " ".join(f"`{o}`" for o in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        default = code(option.opts[0]) if option.default is True else "–"
        return names, "–", default, option.help or ""
    value = option.metavar or type_words(option.type_descriptor.annotation)
    bounds = [f"{w} {b}" for w, b in (("from", option.min), ("to", option.max)) if b is not None]
    default = "**required**" if option.required else code(option.default)
    return names, " ".join([value, *bounds]), default, option.help or ""


# Configuration


def configuration() -> str:
    """The page of all keys of an inventory."""
    parts = [
        "# Configuration\n",
        "An inventory is a folder `inventories/‹instance›/` with `instance.yml`, a `tenants/‹slug›.yml` for",
        "each municipality and the encrypted `secrets.yml`. Unknown keys are refused.",
        "`digione show INSTANCE` prints what is in effect, every default included.\n",
        "## instance.yml\n",
        table(_KEYS, _keys(InstanceFile)),
        "## tenants/‹slug›.yml\n",
        "The file's name is the tenant's slug: 2–20 of a–z, 0–9 and hyphen, a letter first.\n",
        table(_KEYS, _keys(TenantFile)),
        "## Settings of services\n",
        "In `instance.yml`, below `services:` and the service's name. All are optional.\n",
    ]
    for service in load_services(ROOT / "roles").values():
        if service.settings:
            parts += [f"### services.{service.name}\n", table(_KEYS, _settings(service))]
    return "\n".join(parts)


_KEYS = ("Key", "Value", "Default", "Meaning")


def _settings(service: Service) -> Iterator[tuple[str, str, str, str]]:
    for key, setting in service.settings.items():
        value = ", ".join(f"`{c}`" for c in setting.choices) or TYPES[setting.type]
        match service.limits.get(key):
            case [least, most]:
                value += f" from {least} to {most}"
        yield f"`{key}`", value, code(setting.default), plain(setting.description)


def _keys(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str, str, str]]:
    hints = get_type_hints(model, include_extras=True)
    for key, field in model.model_fields.items():
        inner = models(hints[key])
        nested = f"{path}{key}."
        if get_origin(hints[key]) is dict:
            nested += "‹name›."
        yield f"`{path}{key}`", type_words(hints[key]), _default(field), plain(field.description or "")
        for one in inner:
            # a key that two members of a choice share is listed for each, with the member's kind
            kind = one.model_fields.get("kind")
            chosen = f" ({get_args(kind.annotation)[0]})" if kind and len(inner) > 1 else ""
            for row in _keys(one, nested):
                yield f"{row[0]}{chosen}", *row[1:]


def _default(field: FieldInfo) -> str:
    return "**required**" if field.is_required() else code(field.default)


# Errors and findings


def errors() -> str:
    """The page of all error ids."""
    parts = [
        "# Errors\n",
        "Each error has a stable id, says what did not happen, why, and what to type next;",
        "‹word› is filled in. Codes of findings: [the doctor](doctor.md).",
        "Why a row of a roster is refused: [roster problems](roster-problems.md).",
        "Exit codes: [verbs](verbs.md).\n",
    ]
    import_module("digione_cli.spine")  # brings all modules that define error classes
    own = errors_in_code.errors(ROOT / "digione_cli", _exits(DigioneError))
    platform = errors_in_code.errors(ROOT / "digione_platform", _exits(PlatformError))
    for group, entries in groupby([*own, *platform], key=lambda e: e.id.rsplit("-", 1)[0]):
        parts += [f"## {_GROUPS.get(group, group)}\n", *map(_entry, entries)]
    return "\n".join(parts)


_GROUPS = {
    "D1-BUG": "Bugs of ours",
    "D1-BUNDLE": "The bundle",
    "D1-CFG": "Files of an inventory",
    "D1-DIST": "The distribution itself",
    "D1-INIT": "digione init",
    "D1-LAB": "digione lab",
    "D1-LEAVE": "Tenants and hosts that leave",
    "D1-LOCAL": "This machine",
    "D1-LOCK": "The lock",
    "D1-LOG": "digione logs",
    "D1-PLATFORM": "Commands of the platform",
    "D1-PRE": "Before a change",
    "D1-RUN": "During a change",
    "D1-SAMPLE": "digione sample",
    "D1-SANDBOX": "digione sandbox",
    "D1-SEC": "Secrets",
    "D1-SSH": "Reaching hosts",
    "D1-USE": "The command line",
    "P-ACCOUNTS": "Platform: accounts",
    "P-AUDIT": "Platform: audit",
    "P-BUG": "Platform: bugs of ours",
    "P-CLIENTS": "Platform: services that connect",
    "P-DATABASE": "Platform: database",
    "P-ROSTER": "Platform: rosters",
    "P-STATIC": "Platform: static files",
    "P-SAMPLE": "Platform: sample municipality",
    "P-SANDBOX": "Platform: sandbox",
    "P-SERVE": "Platform: serving",
    "P-SETTINGS": "Platform: settings",
    "P-SUBJECT": "Platform: rights of the data subject",
}


def _exits(base: type[Any]) -> dict[str, int]:
    below = {name: exit_ for sub in base.__subclasses__() for name, exit_ in _exits(sub).items()}
    return {base.__name__: int(base.exit), **below}


def _entry(entry: errors_in_code.Entry) -> str:
    lines = [f"### {entry.id}\n", f"Exit code {entry.exit}.\n"]
    for what, why, fix in entry.told:
        lines.append(f"- {plain(what)}")
        lines += [f"  - why: {plain(why)}"] if why else []
        lines += [f"  - next: {plain(fix)}"] if fix else []
    return "\n".join(lines) + "\n"


def doctor() -> str:
    """The page of the codes of all checks."""
    parts = [
        "# Codes of the doctor\n",
        "What checks find. The same checks are asked before a change (preflight), after it (smoke) and by",
        "`digione doctor`.\n",
    ]
    for module in checks.modules():
        subject = (module.__doc__ or "").splitlines()[0].rstrip(".")
        parts += [f"## {subject}\n", f"Asked: {', '.join(module.STAGES)}.\n"]
        for id_, found in module.CODES.items():
            parts += [
                f"### {id_}: {found.title}\n",
                f"Cause: {plain(found.cause)}.\n",
                f"Fix: {plain(errors_in_code.filled_in(found.fix))}.\n",
            ]
    parts += ["## Any check\n", "### D1-CHECK-001: The check itself failed\n"]
    parts += ["Cause: a bug of ours; the other findings stand.\n", "Fix: report the text.\n"]
    return "\n".join(parts)


def roster_problems() -> str:
    """The page of the reasons for which a row of a roster is refused or looked at."""
    rows = [(f"`{id_}`", r.level, plain(r.text), plain(r.fix)) for id_, r in REASONS.items()]
    return "\n".join(
        [
            "# Problems of a roster\n",
            "An error refuses the whole import; a warning does not. See [OneRoster](oneroster.md) and",
            "[files of a pupil register](../how-to/primus.md).\n",
            table(("Id", "Level", "Problem", "What to do"), rows),
        ]
    )


# Access


def access() -> str:
    """The page of who may see and do what, from the access table."""
    parts = [
        "# Access\n",
        "What a role may see and do of people, school or municipality to which it stands in a relation.",
        "What has no mark is refused: the page is not found, and the refusal is in the audit.",
        "Protected are people under non-disclosure (turvakielto).\n",
    ]
    for desktop, rows in groupby(TABLE.items(), key=lambda row: row[0][0]):
        parts.append(f"## {desktop.value.capitalize()}\n")
        marks = [
            (relation.value, *(_granted(action in g.open, action in g.protected) for action in Action))
            for (_, relation), g in rows
        ]
        used = [n for n, _ in enumerate(Action) if any(row[n + 1] for row in marks)]
        names = ("Relation", *(list(Action)[n].value.capitalize() for n in used))
        parts.append(table(names, [(row[0], *(row[n + 1] or "–" for n in used)) for row in marks]))
    parts += [
        "## Restrictions of a guardianship\n",
        "They take away what the table grants to a guardian, from the next request on.\n",
        table(
            ("Restriction", "Takes away"),
            [
                (f"`{one.value}`", "everything" if len(taken) == len(Action) else ", ".join(sorted(taken)))
                for one, taken in TAKEN.items()
            ],
        ),
    ]
    return "\n".join(parts)


def _granted(in_general: bool, protected: bool) -> str:
    match in_general, protected:
        case True, True:
            return "yes, also protected"
        case True, False:
            return "yes, not protected"
        case False, True:
            return "protected only"
    return ""


def api() -> str:
    """The page of the open interfaces: scopes, addresses, fields, refusals."""
    rows = [
        (f"`{scope}`", ", ".join(sorted(opens.operations)), ", ".join(f"`{c}`" for c in opens.collections))
        for scope, opens in scopes.TABLE.items()
    ]
    parts = [
        "# Open interfaces\n",
        "What services of other vendors can ask for, by OneRoster 1.2. How to begin:",
        "[connect a service](../how-to/connect-a-service.md). The same for programs:",
        "`/ims/oneroster/openapi.json` of each municipality.\n",
        "## Scopes\n",
        f"On the wire each begins with `{scopes.PREFIX}`. A request needs one of the scopes that open it.\n",
        table(("Scope", "Opens", "Of"), rows),
    ]
    for title, root, views in (
        ("Rostering", fields.ROSTERING, rostering.VIEWS),
        ("Gradebook", fields.GRADEBOOK, gradebook.VIEWS),
    ):
        parts += [f"## {title}: `/ims/oneroster/{root}`\n"]
        parts.append(table(("Address", "Gives", "Operations", "Scopes"), map(_address, views)))
    parts += [
        "## Fields\n",
        "`fields` takes the names of the first column, `filter` and `sort` those of the last two.",
        "A list cannot be sorted by.\n",
    ]
    collections = {view.collection.key: view.collection for view in (*rostering.VIEWS, *gradebook.VIEWS)}
    for key, collection in collections.items():
        parts += [f"### {key}\n", table(("Field", "Value", "Compared", "As"), _fields(collection))]
    refusals = [(str(status), why) for status, why in REFUSED.items()]
    parts += ["## Refusals\n", table(("Status", "Why"), refusals)]
    return "\n".join(parts)


def _address(view: View) -> tuple[str, str, str, str]:
    written = next((one for one in gradebook.WRITABLE if one.view is view), None)
    names = [view.many, view.one, *([written.put, written.delete] if written else [])]
    methods = " `PUT` `DELETE`" if written else ""
    single = f" and `{view.path}/{{sourcedId}}`{methods}" if view.one else ""
    return (
        f"`{view.path}`{single}",
        f"`{view.collection.key}`",
        ", ".join(f"`{name}`" for name in names if name),
        " or ".join(f"`{scope}`" for scope in view.scopes),
    )


def _fields(collection: fields.Collection) -> Iterator[tuple[str, str, str, str]]:
    for name, field in collection.fields.items():
        words = field.schema.get("format") or field.schema["type"]
        values = ", ".join(f"`{value}`" for value in field.schema.get("enum", ()))
        always = ", always there" if name in ("sourcedId", "status", "dateLastModified") else ""
        always = ", always there" if name in collection.required else always
        compared = {".".join(filter(None, (name, rest))): how for rest, how in field.compared.items()}
        kinds = " · ".join(dict.fromkeys(how.kind.value for how in compared.values()))
        yield f"`{name}`", (values or words) + always, ", ".join(f"`{one}`" for one in compared), kinds


# Services


def services() -> str:
    """The page of all services, from their service.yml."""
    parts = ["# Services\n", "In the order in which they are configured. Each is a folder in `roles/`.\n"]
    for service in load_services(ROOT / "roles").values():
        parts += [f"## {service.name}: {service.title}\n", f"{service.about}\n"]
        rows = [(title, _cell(getattr(service, name))) for name, title in _SHOWN.items()]
        parts.append(table(("", ""), [row for row in rows if row[1]]))
    parts += ["## Keys of service.yml\n", table(_KEYS, _keys(ServiceFile))]
    return "\n".join(parts)


_SHOWN = {
    "placement": "Placed on",
    "after": "After",
    "together_with": "On the same host as",
    "units": "Units",
    "tenant_units": "Units of each tenant",
    "ports": "Ports let in",
    "files": "Managed files",
    "data": "Data",
    "tenant_data": "Data of each tenant",
    "own_data": "Other data",
    "packages": "Debian packages",
    "users": "Unix users",
    "secrets": "Secrets",
}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    words = []
    for one in value:
        match one:
            case str():
                words.append(code(one))
            case _ if hasattr(one, "port"):
                words.append(f"{one.protocol}/{one.port} to {one.open_to}")
            case _:
                words.append(f"`{one.name}` ({one.kind.replace('_', ' ')}, per {one.per})")
    return ", ".join(words)


PAGES: dict[str, Callable[[], str]] = {
    "verbs.md": verbs,
    "configuration.md": configuration,
    "errors.md": errors,
    "doctor.md": doctor,
    "roster-problems.md": roster_problems,
    "access.md": access,
    "api.md": api,
    "services.md": services,
}


def up_to_date(name: str) -> bool:
    """Given a page's name, say whether its file is what the code says."""
    path = REFERENCE / name
    return path.exists() and path.read_text(encoding="utf-8") == MARK + PAGES[name]()


def main() -> int:
    """Write the pages, or with ``--check`` only compare; return the exit code."""
    if "--check" in sys.argv[1:]:
        wrong = [name for name in PAGES if not up_to_date(name)]
        sys.stdout.write(
            "".join(f"docs/reference/{n} is out of date: run python docs/generate.py\n" for n in wrong)
        )
        return 1 if wrong else 0
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(MARK + page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
