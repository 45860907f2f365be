"""What is wrong with ``secrets.yml`` and its key, told like a mistake in any other file of an inventory."""

from collections.abc import Iterator
from pathlib import Path

from digione_cli.engine.secrets import SecretStore, missing, stored_names, wanted
from digione_cli.engine.services import Services
from digione_cli.errors import DigioneError
from digione_cli.model.finding import Level, Mistake
from digione_cli.model.instance import Instance
from digione_cli.texts import t

FILE = "secrets.yml"
# an inventory may be looked at where nobody has its secrets, or before there are any
_NOT_THERE = ("D1-SEC-001", "D1-SEC-002")


def mistakes(folder: Path, keys: Path, instance: Instance | None, services: Services) -> Iterator[Mistake]:
    """Given an inventory's folder and the instance, if it is valid, yield mistakes; no value is told."""
    store = SecretStore(folder, keys)
    try:
        present = store.read()
    except DigioneError as e:
        level = Level.WARNING if e.id in _NOT_THERE else Level.ERROR
        yield _mistake(e.id, f"{e.what}: {e.why} → {e.fix}", level)
        return
    if instance is None:
        return
    kinds = wanted(instance, services)
    lacking: dict[str, list[str]] = {}
    for name in missing(instance, services, present):
        given = kinds.get(name) == "given"
        command = f"secrets set {instance.name} {name}" if given else f"secrets generate {instance.name}"
        lacking.setdefault(f"digione {command}", []).append(str(name))
    for command, names in lacking.items():
        text = t("not there: {names}", names=", ".join(names))
        yield _mistake("D1-SEC-006", f"{text} → {command}", Level.ERROR)
    known = {part for name, kind in kinds.items() for part in stored_names(name, kind)}
    tenants = {tenant.slug for tenant in instance.tenants}
    for name in sorted(set(present.values) - known, key=str):
        if name.tenant in (None, *tenants):  # those of a tenant that left are kept for its return
            yield _mistake("D1-SEC-012", t("{name} is a secret that nothing uses", name=name), Level.WARNING)


def _mistake(code: str, text: str, level: Level) -> Mistake:
    return Mistake(code=code, file=FILE, line=None, path="", text=text, level=level)
