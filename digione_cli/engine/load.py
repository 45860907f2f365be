"""From the files of an inventory to a typed, frozen Instance; all mistakes at once."""

import difflib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from digione_cli.engine import coherence
from digione_cli.engine.names import instance_names, is_instance
from digione_cli.engine.reader import Reader
from digione_cli.engine.services import Services
from digione_cli.engine.surroundings import unread_files
from digione_cli.errors import UsageError
from digione_cli.model import text
from digione_cli.model.external import External
from digione_cli.model.finding import Level, Mistake
from digione_cli.model.instance import Host, Instance, InstanceFile, Tenant, TenantFile
from digione_cli.texts import t, tn
from digione_cli.world.files import require_own_folder


class InvalidInstance(UsageError):
    """The inventory has mistakes; ``mistakes`` holds them all."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...]) -> None:
        errors = [m for m in mistakes if m.level is Level.ERROR]
        count = tn("{count} mistake:", "{count} mistakes:", len(errors))
        super().__init__(
            "D1-CFG-000",
            t("Instance {name} is not valid", name=name),
            f"{count}\n" + "\n".join(f"  {m}  [{m.code}]" for m in errors),
            t("mend the files, then: digione validate {name}", name=name),
        )
        self.mistakes = mistakes


def load_instance(inventories: Path, name: str, services: Services) -> Instance:
    """Given an instance's name, return it.

    Raises:
        UsageError: there is no such instance, or it has mistakes (InvalidInstance).
    """
    instance, mistakes = examine(inventories, name, services)
    if instance is None:
        raise InvalidInstance(name, mistakes)
    return instance


def examine(inventories: Path, name: str, services: Services) -> tuple[Instance | None, tuple[Mistake, ...]]:
    """Given an instance's name, return it (None if it has errors) with all mistakes and warnings."""
    folder = inventories / _known(inventories, name)
    for own in (folder, folder / "tenants"):
        with suppress(FileNotFoundError):
            require_own_folder(own)
    reader = Reader(folder)
    main = reader.read("instance.yml", InstanceFile)
    tenants = []
    files = sorted((folder / "tenants").glob("*.y*ml")) if (folder / "tenants").is_dir() else []
    read = {}
    for path in files:
        file = f"tenants/{path.name}"
        read[file] = reader.read(file, TenantFile)
        slug = reader.slug(path)
        if read[file].whole and slug:
            tenants.append(Tenant(slug=slug, **read[file].parts))
    if not files:
        note = t("no tenant; write tenants/<slug>.yml for each municipality")
        reader.add("D1-CFG-012", "tenants/", None, (), note)
    coherence.clashes(reader, read)
    coherence.tenants(reader, tenants, read)
    if len(tenants) == len(files) and "external" in main.parts:  # else it is not known which files they name
        reader.mistakes += unread_files(folder, _named(main.parts["external"], tenants))
    coherence.instance(reader, main, services, tenants)
    if any(m.level is Level.ERROR for m in reader.mistakes):
        return None, tuple(reader.mistakes)
    hosts = {
        n: h.model_copy(update={"services": _placed(h, services, main.parts["external"])})
        for n, h in main.parts["hosts"].items()
    }
    given = main.parts | {"name": name, "folder": folder, "tenants": tuple(tenants), "hosts": hosts}
    return Instance(**given), tuple(reader.mistakes)


def _named(external: External, tenants: Iterable[Tenant]) -> set[str]:
    """Return the names of further files that an inventory's files name."""
    upstreams = [tenant.identity.upstream for tenant in tenants]
    named = [external.authority, *(up.metadata for up in upstreams if up and up.kind == "saml")]
    return {path.name for path in named if path}


def _placed(host: Host, services: Services, external: External) -> tuple[str, ...]:
    """Given a host as it is declared, return all services on it.

    Those of every host are never declared; the municipality's own are set up from another service's host.
    """
    everywhere = {name for name, service in services.items() if service.placement == "every host"}
    declared = set(services) if host.services is None else everywhere | set(host.services)
    for name in external.services:
        form = services[name].external
        declared = declared | {name} if form and form.beside in declared else declared - {name}
    return tuple(name for name in services if name in declared)


def _known(inventories: Path, name: str) -> str:
    if not is_instance(inventories, name):
        known = instance_names(inventories)
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(
            "D1-CFG-020",
            t("There is no instance “{name}”", name=text.shown(name)),
            t("known are: {known}", known=", ".join(known) or "–"),
            f"digione show {near[0]}"
            if near
            else "digione status"
            if known
            else f"digione init {name}"
            if text.is_slug(name)
            else "digione init <name>",
        )
    return name


def find_tenant(inventories: Path, services: Services, slug: str) -> tuple[Instance, Tenant]:
    """Given ``tenant`` or ``instance/tenant``, return both.

    Of several instances that have the tenant, the one of its own name is meant.

    Raises:
        UsageError: there is none, or several instances have one.
    """
    wanted, _, tenant_slug = slug.rpartition("/")
    names = [n for n in instance_names(inventories) if wanted in ("", n)]
    known = [
        f"{n}/{p.stem}"
        for n in instance_names(inventories)
        for p in sorted((inventories / n / "tenants").glob("*.yml"))
    ]
    having = [n for n in names if f"{n}/{tenant_slug}" in known]
    if tenant_slug in having:
        having = [tenant_slug]
    if len(having) != 1:
        several = t("several instances have it: {instances}", instances=", ".join(having))
        why = several if having else t("known are: {known}", known=", ".join(known) or "–")
        near = difflib.get_close_matches(slug, known, 1) or difflib.get_close_matches(
            tenant_slug, [k.rpartition("/")[2] for k in known], 1
        )
        fix = t("did you mean “{near}”?", near=near[0]) if near else t("name one of them")
        what = t("Tenant “{name}” was not found", name=text.shown(slug))
        if having:
            what = t("Tenant “{name}” may be any of several", name=tenant_slug)
            fix = t("name it as one of {names}", names=", ".join(f"{n}/{tenant_slug}" for n in having))
        raise UsageError("D1-CFG-021", what, why, fix)
    instance = load_instance(inventories, having[0], services)
    return instance, next(t for t in instance.tenants if t.slug == tenant_slug)
