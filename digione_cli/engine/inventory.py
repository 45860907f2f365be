"""Writing a new inventory from its templates."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digione_cli.engine.documents import parse
from digione_cli.errors import UsageError
from digione_cli.model.text import address as valid_address
from digione_cli.model.text import shown
from digione_cli.texts import t

_ADDRESS = re.compile(r"^(\s+address:\s*)[^\s#]+(?=\s|$)")
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


def with_addresses(text: str, hosts: Sequence[str], given: str) -> str:
    """Given an ``instance.yml``, put other addresses of its hosts in; all else stays as it is written.

    ``given`` is ``HOST=ADDRESS,HOST=ADDRESS``, or one address where there is one host.

    Raises:
        UsageError: it is not, or names other hosts (D1-RESTORE-021), or the file has an address not on a line
            of its own (D1-RESTORE-022).
    """
    pairs = [part.rpartition("=") for part in given.split(",")]
    new = {host.strip(): address.strip() for host, _, address in pairs}
    if len(hosts) == 1 and set(new) == {""}:
        new = {hosts[0]: new[""]}
    try:
        wanted = {host: valid_address(address) for host, address in new.items()}
    except ValueError:
        wanted = {}
    if not wanted or len(new) != len(pairs) or not set(wanted) <= set(hosts):
        raise UsageError(
            "D1-RESTORE-021",
            t("Nothing was restored"),
            t("“{given}” does not say which host has which address", given=shown(given)[:80]),
            t("write it as {example}", example=",".join(f"{host}=192.0.2.7" for host in hosts)),
        )
    document = parse(text, "instance.yml")
    lines = text.splitlines(keepends=True)
    for host, address in wanted.items():
        number = document.lines[("hosts", host, "address")] - 1
        before = _ADDRESS.match(lines[number])
        if not before:
            raise UsageError(
                "D1-RESTORE-022",
                t("Nothing was restored"),
                t("the address of {host} is not on a line of its own in instance.yml", host=host),
                t("write the new address there, then: digione trust, and the same command without --onto"),
            )
        lines[number] = f"{before[1]}{_quoted(address)}{lines[number][before.end() :]}"
    return "".join(lines)


def _quoted(value: str) -> str:
    """Return the text as a YAML scalar that can be nothing but this text (JSON strings are YAML)."""
    return json.dumps(value, ensure_ascii=False)
