"""A drill: the instance as it is described for throw-away hosts, and the record of what was proven."""

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from digione_cli.model.base import Model
from digione_cli.model.instance import Instance
from digione_cli.world.files import write_whole

RECORD = "drills.json"
_KEPT = 50  # records


class Drill(Model):
    """What one drill proved, or where it ended."""

    began: str = Field(description="ISO 8601, UTC")
    release: str
    point: str = Field("", description="id of the recovery point")
    source: str = Field("", description="target that the copy came from")
    recovery_seconds: float = Field(0, description="from empty hosts to an instance that answers")
    lost_seconds: float | None = Field(
        None, description="how far the copy was behind the instance; none where the instance was not reached"
    )
    files: int = Field(0, description="files compared with their SHA-256")
    rows: int = Field(0, description="rows counted, as many as in the recovery point")
    sign_ins: dict[str, tuple[str, ...]] = Field({}, description="roles that signed in, by tenant")
    audits: tuple[str, ...] = Field((), description="tenants whose audit is as it was written")
    cut_off: int = Field(0, description="outside addresses that were tried, of which none was reached")
    error: str = Field("", description="why it failed; empty where everything was proven")


def described(
    files: Mapping[str, Mapping[str, Any]], hosts: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Given the data of an inventory's files and where its hosts are now, return those for a drill.

    What would need somebody outside is left out: mail, public certificates, providers of sign-in, folders
    that are mounted on the real hosts.
    """
    changed = {name: deepcopy(dict(data)) for name, data in files.items()}
    main = changed["instance.yml"]
    for name, where in hosts.items():
        services = main["hosts"][name].get("services")
        main["hosts"][name] = {**where, **({"services": services} if services else {})}
    (main.get("external") or {}).pop("mail", None)
    for setting in ("certificates", "certificate_files"):
        (main.get("services", {}).get("gateway") or {}).pop(setting, None)
    targets = main.get("backup", {}).get("targets", {})
    main["backup"] = {"targets": {n: one for n, one in targets.items() if one["kind"] != "mounted"}}
    for name, data in changed.items():
        if name != "instance.yml":
            data["identity"] = {"local": True, "second_factor": "off"}
    return changed


def outside(instance: Instance) -> list[tuple[str, int]]:
    """Given an instance, return addresses and ports that nothing in a drill may reach: all that it names."""
    found = [(host.address, host.port) for host in instance.hosts.values()]
    for one in instance.backup.targets.values():
        if one.kind == "ssh":
            found.append((one.address, one.port))
        elif one.kind == "s3":
            endpoint = urlsplit(one.endpoint)
            found.append((endpoint.hostname or "", endpoint.port or 443))
    if instance.external.mail:
        found.append((instance.external.mail.server, instance.external.mail.port))
    return found


def sample(accounts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Given the accounts of a tenant, return for each role the name of one who may sign in."""
    chosen: dict[str, str] = {}
    for account in accounts:
        for role in account["roles"] if account["enabled"] else ():
            chosen.setdefault(str(role), str(account["username"]))
    return chosen


def remember(folder: Path, drill: Drill) -> None:
    """Add a drill to the records beside an inventory."""
    kept = [one.model_dump(mode="json") for one in (*records(folder), drill)][-_KEPT:]
    write_whole(folder / RECORD, f"{json.dumps(kept, ensure_ascii=False, indent=1)}\n".encode(), 0o644)


def records(folder: Path) -> Sequence[Drill]:
    """The drills of an instance, oldest first."""
    try:
        return [Drill.model_validate(one) for one in json.loads((folder / RECORD).read_text("utf-8"))]
    except (OSError, ValueError, ValidationError):
        return []
