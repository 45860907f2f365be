"""Writing a new inventory from its templates."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = {"finnish": "[fi, sv, en]", "bilingual": "[fi, sv, en]", "swedish": "[sv, fi, en]"}


@dataclass(frozen=True)
class NewInventory:
    """What ``digione init`` asks for."""

    name: str
    release: str
    domain: str
    contact: str
    host: str
    address: str
    user: str
    port: int
    key: str
    code: str
    oid: str
    name_fi: str
    name_sv: str
    language: str
    mail_relay: str
    backup_host: str
    in_lab: bool


def render(new: NewInventory, templates: Path) -> dict[str, str]:
    """Given the answers, return the texts of the inventory's files by name."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - YAML, not HTML; values are quoted by the filter
        loader=jinja2.FileSystemLoader(templates / "inventory"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["yaml"] = _quoted
    values: dict[str, Any] = vars(new) | {"languages": LANGUAGES[new.language]}
    return {
        "instance.yml": environment.get_template("instance.yml.j2").render(values),
        f"tenants/{new.name}.yml": environment.get_template("tenant.yml.j2").render(values),
    }


def _quoted(value: str) -> str:
    """Return the text as a YAML scalar that can be nothing but this text (JSON strings are YAML)."""
    return json.dumps(value, ensure_ascii=False)
