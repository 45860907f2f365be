"""What a service's state on a host follows from: what its role is given, and a digest of each part of it.

A role is given what its ``service.yml`` names in ``reads``, and nothing else; the fingerprint is made of what
it is given. So nothing that a role can read is left out, and two fingerprints tell which part changed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from digione_cli.engine.secrets import Secrets, of_target
from digione_cli.errors import PreconditionError
from digione_cli.model.facts import Fingerprint
from digione_cli.model.instance import Instance
from digione_cli.model.service import Service
from digione_cli.texts import mark, t, tn

ALWAYS = ("instance", "release")
_DIGITS = 16  # 64 bits: enough to notice a change
_MOST = 8  # names in one sentence
# what stands in the inventory under another name, or in none of its files
_WORDS = {
    "role": mark("the role"),
    "release": mark("the release"),
    "bundle": mark("the platform's bundle"),
    "firewall": mark("the firewall's rules"),
    "endpoints": mark("the address of {name}"),
    "secret": mark("secret {name}"),
    "file": mark("file {name}"),
    "tenants": mark("tenant {name}"),
    "hosts": mark("host {name}"),
}


def given(reads: Iterable[str], digione: Mapping[str, Any]) -> dict[str, Any]:
    """Given what a role reads, such as ``hosts`` or ``tenants.domain``, return that part of ``digione``."""
    part: dict[str, Any] = {key: digione[key] for key in ALWAYS}
    of_tenants = {"slug"}
    for path in reads:
        key, _, inner = path.partition(".")
        if key == "tenants":
            of_tenants.add(inner)
            part[key] = [{k: v for k, v in t.items() if k in of_tenants} for t in digione[key]]
        elif inner:
            part.setdefault(key, {})[inner] = digione[key][inner]
        else:
            part[key] = digione[key]
    return part


def fingerprint(
    service: Service, part: Mapping[str, Any], instance: Instance, secrets: Secrets
) -> Fingerprint:
    """Given a service and the part of ``digione`` that its role is given, return a digest of each input.

    Digests of secrets are keyed, so that nobody can guess a short one from its digest.
    """
    names = {s.name for s in service.secrets} | set(service.uses)
    of_targets = {s.name for s in service.secrets if s.per == "target"}
    names |= {of_target(name, target) for name in of_targets for target in instance.backup.targets}
    tenants = {None, *(t.slug for t in instance.tenants)}  # those of others may be kept for their return
    settings = instance.services.get(service.name, {})
    inputs = {"role": service.fingerprint}
    inputs |= {path: _digest(value) for path, value in _leaves("", part) if path != "bundle.path"}
    inputs |= {f"services.{service.name}.{key}": _digest(value) for key, value in settings.items()}
    inputs |= {f"file {path}": _sha256(path) for path in _named_files(settings)}
    inputs |= {
        f"secret {name}": secrets.digest(name)
        for name in secrets.values
        if name.tenant in tenants
        if name.name in names or _owner(name.name) in names
    }
    return {path: digest[:_DIGITS] for path, digest in inputs.items()}


def _owner(part: str) -> str:
    """Given the name under which a part of a secret is stored, return the secret's own."""
    return part.removesuffix("_key").removesuffix("_certificate").removesuffix("_public")


def changes(before: Fingerprint, after: Fingerprint) -> list[str]:
    """Given what was applied and what is wanted, say in sentences which inputs are new, gone or different."""
    new, gone = _members(after) - _members(before), _members(before) - _members(after)
    differ = {path for path in before | after if before.get(path) != after.get(path)}
    rest = [path for path in differ if not _of_one(path) & (new | gone)]
    return [
        sentence
        for sentence in (
            _sentence(mark("new: {names}"), new),
            _sentence(mark("gone: {names}"), gone),
            _sentence(mark("changed: {names}"), rest),
        )
        if sentence
    ]


def _members(inputs: Iterable[str]) -> set[str]:
    """The tenants and hosts among the inputs, such as ``tenants.kuhmo``."""
    return {".".join(path.split(".")[:2]) for path in inputs if path.startswith(("tenants.", "hosts."))}


def _of_one(path: str) -> set[str]:
    """The tenant that an input is of, or the host."""
    tenant = path.partition("@")[2] if path.startswith("secret ") else ""
    return {f"tenants.{tenant}"} if tenant else _members([path])


def _sentence(text: str, paths: Iterable[str]) -> str:
    names = list(dict.fromkeys(map(_named, sorted(paths))))
    if not names:
        return ""
    shown = ", ".join(names[:_MOST])
    if more := names[_MOST:]:
        shown = tn("{names} and {count} more", "{names} and {count} more", len(more), names=shown)
    return t(text, names=shown)


def _named(path: str) -> str:
    """Given an input, return its name for people: where it is a key of the inventory, that key."""
    kind, _, name = path.partition(" " if path.startswith(("secret ", "file ")) else ".")
    member = kind in ("tenants", "hosts") and "." in name
    if kind not in _WORDS or member:
        return path
    return t(_WORDS[kind], name=name.partition(".")[0] if kind == "endpoints" else name)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield all that a value holds by its place; members of a list that have names by these."""
    if isinstance(value, list) and all(isinstance(v, dict) and v.keys() & {"slug", "name"} for v in value):
        value = {v.get("slug") or v["name"]: v for v in value}
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}".lstrip("."), inner)
    else:
        yield path, value


def _digest(value: Any) -> str:
    # most values are text, and there are very many of them
    canonical = f"text {value}" if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _named_files(setting: Any) -> list[str]:
    """Given a setting, return the files on this machine that it names, such as certificates."""
    if isinstance(setting, str):
        return [setting] if setting.startswith("/") and Path(setting).is_file() else []
    inside = setting.values() if isinstance(setting, dict) else setting if isinstance(setting, list) else []
    return [file for value in inside for file in _named_files(value)]


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as e:
        raise PreconditionError(
            "D1-CFG-023",
            t("A file that the inventory names cannot be read"),
            f"{path}: {e.strerror}",
            t("mend its mode or owner, then run this again; nothing was changed"),
        ) from None
