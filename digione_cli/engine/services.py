"""Services are discovered: every folder in ``roles/`` with a ``service.yml``."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from digione_cli.engine.documents import parse, read_text
from digione_cli.errors import DigioneError
from digione_cli.model.instance import Instance
from digione_cli.model.service import Service, Setting
from digione_cli.texts import t

# made by tools, not part of what a folder says
_NOT_CONTENT = {"__pycache__", "node_modules", "sandbox"}


class Services(dict[str, Service]):
    """Services by name, in the order in which they are configured."""

    def outside(self) -> tuple[str, ...]:
        """Names of the services whose place the municipality's own may take."""
        return tuple(name for name, service in self.items() if service.external)

    def of(self, instance: Instance) -> "Services":
        """The services as an instance has them: where the municipality's own is used, what is left."""
        own = instance.external.services
        return Services((name, s.outside() if name in own else s) for name, s in self.items())


def load_services(roles: Path) -> Services:
    """Given the folder of roles, return its services so that each comes after those it needs.

    Raises:
        DigioneError: the distribution itself is broken (a circle, an unknown name).
    """
    found = {p.parent.name: _service(p.parent) for p in sorted(roles.glob("*/service.yml"))}
    return Services((name, found[name]) for name in _ordered({n: s.after for n, s in found.items()}))


def _service(folder: Path) -> Service:
    name = folder.name
    document = parse(read_text(folder / "service.yml", f"roles/{name}/service.yml"), name)
    specs = parse(read_text(folder / "meta/argument_specs.yml", f"roles/{name}/meta"), name)
    defaults = parse(read_text(folder / "defaults/main.yml", f"roles/{name}/defaults"), name).data or {}
    options: dict[str, Any] = specs.data["argument_specs"]["configure"]["options"]
    settings = {
        key.removeprefix(f"{name}_"): Setting(
            type=option.get("type", "str"),
            elements=option.get("elements", "str"),
            description=t(_sentence(option.get("description", ""))),
            default=defaults.get(key, option.get("default")),
            choices=tuple(option.get("choices", ())),
            required=option.get("required", False),
        )
        for key, option in options.items()
        if key.startswith(f"{name}_")
    }
    said = {key: t(document.data.get(key, "")) for key in ("title", "tenant_data", "own_data")}
    probes = {command: t(wrong) for command, wrong in document.data.get("probes", {}).items()}
    return Service(
        **document.data | said | {"probes": probes},
        name=name,
        actions=tuple(sorted(p.stem for p in (folder / "tasks").glob("*.yml"))),
        fingerprint=folder_hash(folder),
        settings=settings,
    )


def _sentence(description: Any) -> str:
    return " ".join(description) if isinstance(description, list) else str(description)


def _ordered(after: dict[str, tuple[str, ...]]) -> list[str]:
    ordered: list[str] = []
    while len(ordered) < len(after):
        ready = [n for n, needs in after.items() if n not in ordered and set(needs) <= set(ordered)]
        if not ready:
            left = ", ".join(sorted(set(after) - set(ordered)))
            raise DigioneError(
                "D1-DIST-001",
                t("The roles cannot be put in order"),
                t("these need each other or something unknown: {left}", left=left),
                t("look at `after:` in their service.yml"),
            )
        ordered += ready
    return ordered


@cache
def folder_hash(folder: Path) -> str:
    """Given a folder, return the SHA-256 over the names and contents of all files in it."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not _NOT_CONTENT & set(p.parts)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return digest.hexdigest()
