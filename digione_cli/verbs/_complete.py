"""What the shell completes: read from files by little code, for each press of Tab starts the command."""

import os
from pathlib import Path
from typing import Any

import typer

_CHECKOUT = Path(__file__).resolve().parents[2]


def _folder(name: str, default: str) -> Path:
    """The same folders as in ``settings``, without its imports."""
    given = os.environ.get(f"DIGIONE_{name.upper()}")
    return Path(given) if given else _CHECKOUT / default


def _inventories() -> Path:
    return _folder("inventories", "inventories")


def instances(incomplete: str) -> list[str]:
    """Complete an instance's name."""
    from digione_cli.engine.names import instance_names

    return instance_names(_inventories(), incomplete)


def _tenants(instance: str) -> list[str]:
    if instance not in instances(""):
        return []
    return sorted(path.stem for path in (_inventories() / instance / "tenants").glob("*.yml"))


def tenants(incomplete: str) -> list[str]:
    """Complete a tenant: its slug, or ``instance/slug`` where several instances have it."""
    pairs = [(instance, slug) for instance in instances("") for slug in _tenants(instance)]
    slugs = [slug for _, slug in pairs]
    named = {slug if slugs.count(slug) == 1 and "/" not in incomplete else f"{i}/{slug}" for i, slug in pairs}
    return sorted(name for name in named if name.startswith(incomplete))


def tenants_of_instance(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a slug among the tenants of the instance that is named before; without one, among all."""
    named = [_instance(ctx)] if _instance(ctx) else instances("")
    return sorted({slug for name in named for slug in _tenants(name) if slug.startswith(incomplete)})


def hosts_of_instance(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a host of the instance that is named before; without one, of all."""
    named = [_instance(ctx)] if _instance(ctx) else instances("")
    return sorted({host for name in named for host in _hosts(name) if host.startswith(incomplete)})


def _hosts(instance: str) -> list[str]:
    """Return the hosts of an instance; a file with mistakes has none."""
    import yaml

    try:
        text = (_inventories() / instance / "instance.yml").read_text(encoding="utf-8")
        return [str(name) for name in yaml.load(text, yaml.CSafeLoader)["hosts"]]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return []


def services_named(incomplete: str) -> list[str]:
    """Complete a service's name."""
    names = sorted(path.parent.name for path in (_CHECKOUT / "roles").glob("*/service.yml"))
    return [name for name in names if name.startswith(incomplete)]


def secrets_named(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a secret's name, ``name`` or ``name@tenant``; the encrypted file is not opened."""
    import yaml

    names = []
    for file in sorted((_CHECKOUT / "roles").glob("*/service.yml")):
        for secret in yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader).get("secrets", ()):
            parts = ("_key", "_certificate") if secret["kind"] == "authority" else ("",)
            owners = [f"@{t}" for t in _tenants(_instance(ctx))] if secret["per"] == "tenant" else [""]
            names += [f"{secret['name']}{part}{owner}" for part in parts for owner in owners]
    return sorted(name for name in names if name.startswith(incomplete))


def lab_hosts(incomplete: str) -> list[str]:
    """Complete the name of a lab host."""
    import json

    try:
        known: dict[str, Any] = json.loads((_folder("lab", ".lab") / "lab.json").read_text())["hosts"]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return sorted(name for name in known if name.startswith(incomplete))


def _instance(ctx: typer.Context) -> str:
    return str(ctx.params.get("instance") or "")
