"""What lies around an inventory's files: files that nothing reads, and tenants of other instances."""

import difflib
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from digione_cli.engine.documents import DocumentError, parse, read_text
from digione_cli.engine.names import instance_names
from digione_cli.errors import PreconditionError
from digione_cli.model.finding import Level, Mistake
from digione_cli.model.instance import Instance, auth_domain
from digione_cli.model.text import shown
from digione_cli.texts import t

_FILES = frozenset(
    {
        "instance.yml",
        "secrets.yml",
        "authority.pem",
        "backup.pub",
        "known_hosts",
        "recovery-kit.json",
        "tenants",
    }
)
# what editors and version control leave beside a file
_COPY = re.compile(r".*(~|\.(bak|old|orig|rej|save|swp|tmp))|#.*#")
# for people, or hidden: .git, .gitignore, an editor's swap file
_LEFT_ALONE = re.compile(r"\..*|README.*")


def unread_files(folder: Path, named: Collection[str]) -> Iterator[Mistake]:
    """Given an inventory's folder and the files that its files name, warn of what nothing reads."""
    yield from _unread(folder, "", _FILES | set(named))
    if (folder / "tenants").is_dir():
        tenants = {path.name for path in (folder / "tenants").glob("*.y*ml")}
        yield from _unread(folder / "tenants", "tenants/", tenants | set(named))


def _unread(folder: Path, above: str, known: Collection[str]) -> Iterator[Mistake]:
    for name in sorted(path.name for path in folder.iterdir()):
        if name in known or _LEFT_ALONE.fullmatch(name):
            continue
        near = difflib.get_close_matches(name, known, 1)
        if _COPY.fullmatch(name):
            text = t("is a copy that an editor left; it is not read")
        elif near:
            text = t("is not read; did you mean “{name}”?", name=above + near[0])
        else:
            text = t("is not read; no file of an inventory has this name")
        file = above + shown(name)
        yield Mistake(code="D1-CFG-025", file=file, line=None, path="", text=text, level=Level.WARNING)


def clashes(inventories: Path, instance: Instance) -> Iterator[Mistake]:
    """Given a valid instance, warn of its tenants whose code or domain a tenant of another instance has.

    A code below ``.example`` is nobody's: such domains (RFC 2606) are of inventories that are looked at only.
    """
    others = [name for name in instance_names(inventories) if name != instance.name]
    taken: dict[tuple[str, str], str] = {}
    for name in others:
        for file in sorted((inventories / name / "tenants").glob("*.yml")):
            try:
                data = parse(read_text(file, file.name), file.name).data
            except (DocumentError, PreconditionError):
                continue  # that instance's own validate tells
            if isinstance(data, dict):
                where, domain = f"{name}/tenants/{file.name}", str(data.get("domain"))
                taken |= {("domain", domain): where, ("domain", auth_domain(domain)): where}
                if not domain.endswith(".example"):
                    taken["code", str(data.get("code"))] = where
    for tenant in instance.tenants:
        own = {"code": (tenant.code,), "domain": (tenant.domain, tenant.auth_domain)}
        for key, values in own.items():
            if value := next((one for one in values if (key, one) in taken), None):
                text = t("{value} is also that of {file}", value=value, file=taken[key, value])
                file_ = f"tenants/{tenant.slug}.yml"
                yield Mistake(
                    code="D1-CFG-027", file=file_, line=None, path=key, text=text, level=Level.WARNING
                )
