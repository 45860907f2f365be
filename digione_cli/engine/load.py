"""From the files of an inventory to a typed, frozen Instance; all mistakes at once."""

import difflib
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from digione_cli.engine.documents import Document, DocumentError, parse, read_text
from digione_cli.engine.municipalities import doubt
from digione_cli.engine.names import instance_names
from digione_cli.engine.services import Services
from digione_cli.engine.surroundings import unread_files
from digione_cli.errors import UsageError
from digione_cli.model import text
from digione_cli.model.external import External
from digione_cli.model.finding import Level, Mistake
from digione_cli.model.instance import Host, Instance, InstanceFile, Tenant, TenantFile
from digione_cli.model.sentences import sentence
from digione_cli.model.service import Service
from digione_cli.settings import RELEASE
from digione_cli.texts import mark, t, tn
from digione_cli.world.files import require_own_folder

M = TypeVar("M", bound=BaseModel)

_CODES = {"extra_forbidden": "D1-CFG-010", "missing": "D1-CFG-011"}
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
_RULES = {
    "str": mark("must be text"),
    "path": mark("must be the name of a file"),
    "int": mark("must be a whole number"),
    "float": mark("must be a number"),
    "bool": mark("must be true or false"),
    "list": mark("must be a list"),
    "dict": mark("must hold keys and values"),
}


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
    reader = _Reader(folder)
    main, main_lines = reader.read("instance.yml", InstanceFile)
    tenants = []
    files = sorted((folder / "tenants").glob("*.y*ml")) if (folder / "tenants").is_dir() else []
    documents = {}
    for path in files:
        tenant, document = reader.read(f"tenants/{path.name}", TenantFile)
        slug = reader.slug(path)
        if tenant and slug:
            tenants.append(Tenant(slug=slug, **dict(tenant)))
            documents[slug] = document
    if not files:
        note = t("no tenant; write tenants/<slug>.yml for each municipality")
        reader.add("D1-CFG-012", "tenants/", None, (), note)
    reader.tenants(tenants, documents)
    if len(tenants) == len(files) and main:  # else it is not known which files they name
        reader.mistakes += unread_files(folder, _named(main, tenants))
    instance = None
    if main and main_lines:
        reader.release(main, main_lines)
        reader.services(main, main_lines, services)
        reader.of_each_tenant(main, main_lines, services, tenants)
        reader.external(main, main_lines)
        hosts = {
            n: h.model_copy(update={"services": _placed(h, services, main.external)})
            for n, h in main.hosts.items()
        }
        given = dict(main) | {"name": name, "folder": folder, "tenants": tuple(tenants), "hosts": hosts}
        instance = Instance(**given)
    errors = any(m.level is Level.ERROR for m in reader.mistakes)
    return (None if errors else instance), tuple(reader.mistakes)


def _named(main: InstanceFile, tenants: Iterable[Tenant]) -> set[str]:
    """Return the names of further files that an inventory's files name."""
    upstreams = [tenant.identity.upstream for tenant in tenants]
    named = [main.external.authority, *(up.metadata for up in upstreams if up and up.kind == "saml")]
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
    known = instance_names(inventories)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(
            "D1-CFG-020",
            t("There is no instance “{name}”", name=text.shown(name)),
            t("known are: {known}", known=", ".join(known) or "–"),
            f"digione show {near[0]}" if near else "digione init <name>",
        )
    return name


class _Reader:
    """Reads the files of one inventory and collects the mistakes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mistakes: list[Mistake] = []

    def add(
        self,
        code: str,
        file: str,
        line: int | None,
        path: Iterable[object],
        text: str,
        level: Level = Level.ERROR,
    ) -> None:
        dotted = ".".join(str(p) for p in path)
        self.mistakes.append(Mistake(code=code, file=file, line=line, path=dotted, text=text, level=level))

    def read(self, file: str, model: type[M]) -> tuple[M | None, Document | None]:
        try:
            document = parse(read_text(self.folder / file, file), file)
        except DocumentError as e:
            self.mistakes += e.mistakes
            return None, None
        if not isinstance(document.data, dict):
            self.add("D1-CFG-006", file, 1, (), t("must hold keys and values"))
            return None, None
        try:
            return model.model_validate(document.data), document
        except ValidationError as e:
            for error in e.errors(include_url=False, include_context=True):
                self._pydantic(file, document, model, error)
            return None, None

    def _pydantic(self, file: str, document: Document, model: type[BaseModel], error: Any) -> None:
        # pydantic puts the tag of a discriminated union into the path; the file has no such key
        path = tuple(p for p in error["loc"] if p not in ("oidc", "saml", "[key]"))
        line = document.line(path)
        code = _CODES.get(error["type"], "D1-CFG-013")
        if error["type"] == "extra_forbidden":
            message = _unknown_key(str(path[-1]), sorted(_fields(model, path[:-1])))
        else:
            message = sentence(error)
        self.add(code, file, line, path, message)

    def slug(self, path: Path) -> str | None:
        try:
            if path.suffix != ".yml":
                self.add("D1-CFG-014", f"tenants/{path.name}", None, (), t("the file must end in .yml"))
                return None
            return text.slug(path.stem)
        except Exception as e:  # a PydanticCustomError, outside a model
            self.add(
                "D1-CFG-014", f"tenants/{text.shown(path.name)}", None, (), t("file name: {reason}", reason=e)
            )
            return None

    def tenants(self, tenants: list[Tenant], documents: dict[str, Document | None]) -> None:
        for what, code in (("domain", "D1-CFG-015"), ("code", "D1-CFG-016"), ("oid", "D1-CFG-016")):
            seen: dict[str, str] = {t.auth_domain: t.slug for t in tenants} if what == "domain" else {}
            for tenant in tenants:
                file, document = f"tenants/{tenant.slug}.yml", documents[tenant.slug]
                value = getattr(tenant, what)
                if value in seen:
                    line = document.line((what,)) if document else None
                    note = t("{value} is also that of tenants/{slug}.yml", value=value, slug=seen[value])
                    self.add(code, file, line, (what,), note)
                seen.setdefault(value, tenant.slug)
        for tenant in tenants:
            document = documents[tenant.slug]
            file = f"tenants/{tenant.slug}.yml"
            if not text.organisation_check_digit_holds(tenant.oid):
                line = document.line(("oid",)) if document else None
                note = t("the check digit does not hold; make sure that the OID is right")
                self.add("D1-CFG-017", file, line, ("oid",), note, Level.WARNING)
            if doubtful := doubt(tenant):
                line = document.line(("code",)) if document else None
                self.add("D1-CFG-026", file, line, ("code",), doubtful, Level.WARNING)
            upstream = tenant.identity.upstream
            if upstream and upstream.kind == "saml":
                line = document.line(("identity", "upstream", "metadata")) if document else None
                self._metadata(file, line, upstream.metadata)

    def _metadata(self, file: str, line: int | None, given: Path) -> None:
        path = ("identity", "upstream", "metadata")
        if given.name != str(given):
            self.add("D1-CFG-018", file, line, path, t("must be the name of a file beside this one"))
            return
        try:
            read_text(self.folder / "tenants" / given, f"tenants/{given}")
        except DocumentError as e:
            self.add("D1-CFG-018", file, line, path, f"tenants/{given}: {e.mistakes[0].text}")

    def external(self, main: InstanceFile, document: Document) -> None:
        file, path = "instance.yml", ("external", "authority")
        line = document.line(path)
        named = main.external.authority
        if named is None:
            return
        if named.name != str(named):
            self.add("D1-CFG-018", file, line, path, t("must be the name of a file beside this one"))
            return
        if str(named) == "authority.pem":
            note = t(
                "{file} is the file of the instance's own authority; give this one another name", file=named
            )
            self.add("D1-CFG-018", file, line, path, note)
            return
        try:
            certificates = read_text(self.folder / named, str(named))
        except DocumentError as e:
            self.add("D1-CFG-018", file, line, path, f"{named}: {e.mistakes[0].text}")
            return
        if not _are_certificates(certificates):
            self.add("D1-CFG-018", file, line, path, t("{file} holds no certificates (PEM)", file=named))

    def release(self, main: InstanceFile, document: Document) -> None:
        if main.release != RELEASE:
            line = document.line(("release",))
            note = t("this distribution installs {release}", release=RELEASE)
            self.add("D1-CFG-024", "instance.yml", line, ("release",), note)

    def services(self, main: InstanceFile, document: Document, services: Services) -> None:
        file = "instance.yml"
        for name, given in main.services.items():
            if name not in services:
                line = document.line(("services", name))
                self.add("D1-CFG-010", file, line, ("services", name), _unknown_service(name, services))
                continue
            for key, value in given.items():
                path = ("services", name, key)
                self._setting(file, document.line(path), path, services[name], key, value)
        self._placement(file, main, document, services)

    def _setting(
        self, file: str, line: int | None, path: Any, service: Service, key: str, value: Any
    ) -> None:
        known = service.settings
        if key not in known:
            self.add("D1-CFG-010", file, line, path, _unknown_key(key, known))
            return
        setting = known[key]
        types = _TYPES.get(setting.type, (str,))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            self.add("D1-CFG-013", file, line, path, t(_RULES[setting.type]))
        elif isinstance(value, list) and not all(isinstance(v, _TYPES[setting.elements]) for v in value):
            rule = t(_RULES[setting.elements])
            self.add("D1-CFG-013", file, line, path, t("must be a list; each element {rule}", rule=rule))
        elif setting.choices and value not in setting.choices:
            choices = ", ".join(map(str, setting.choices))
            self.add("D1-CFG-013", file, line, path, t("must be one of: {expected}", expected=choices))
        elif key in service.limits and value != setting.default:
            limit = service.limits[key]
            given: list[Any] = value if isinstance(value, list) else [value]
            if isinstance(limit, str):
                for one in given:
                    if not re.fullmatch(limit, one):
                        meaning = setting.description
                        note = t(
                            "“{value}” is not what is meant: {meaning}",
                            value=text.shown(one),
                            meaning=meaning,
                        )
                        self.add("D1-CFG-013", file, line, path, note)
                return
            least, most = limit
            if not all(least <= one <= most for one in given):
                note = t("must be from {least} to {most}", least=least, most=most)
                self.add("D1-CFG-013", file, line, path, note)

    def of_each_tenant(
        self, main: InstanceFile, document: Document, services: Services, tenants: Iterable[Tenant]
    ) -> None:
        """Settings that go together: one names files of each tenant where another has a certain value."""
        for service in services.values():
            given = {n: s.default for n, s in service.settings.items()} | main.services.get(service.name, {})
            for setting, needed in service.of_each_tenant.items():
                if any(given[name] != value for name, value in needed.where.items()):
                    continue
                for tenant in tenants:
                    path = ("services", service.name, setting, tenant.slug)
                    if note := _lacking(given[setting], tenant.slug, needed.files):
                        self.add("D1-CFG-028", "instance.yml", document.line(path), path, note)

    def _placement(self, file: str, main: InstanceFile, document: Document, services: Services) -> None:
        if len(main.hosts) > 1:
            for host, given in main.hosts.items():
                if not _is_ip(given.address):
                    path = ("hosts", host, "address")
                    note = t(
                        "must be an IP address, since the instance has several hosts (firewalls name it)"
                    )
                    self.add("D1-CFG-022", file, document.line(path), path, note)
        for host, given in main.hosts.items():
            for name in given.services or ():
                if name not in services:
                    line = document.line(("hosts", host, "services"))
                    note = _unknown_service(name, services)
                    self.add("D1-CFG-019", file, line, ("hosts", host, "services"), note)
        if any(h.services is not None for h in main.hosts.values()) or len(main.hosts) > 1:
            for service in services.values():
                if service.placement == "every host":
                    continue
                hosts = [n for n, h in main.hosts.items() if h.services is None or service.name in h.services]
                if service.name in main.external.services:
                    self._not_placed(service.name, file, main, document)
                    continue
                if len(hosts) != 1:
                    note = t(
                        "{service} must be placed on exactly one host (hosts.*.services); it is on: {hosts}",
                        service=service.name,
                        hosts=", ".join(hosts) or "–",
                    )
                    self.add("D1-CFG-019", file, document.line(("hosts",)), ("hosts",), note)
                for other in service.together_with:
                    others = [n for n, h in main.hosts.items() if h.services is None or other in h.services]
                    if hosts and others != hosts:
                        note = t("{one} and {other} must be on the same host", one=service.name, other=other)
                        self.add("D1-CFG-019", file, document.line(("hosts",)), ("hosts",), note)

    def _not_placed(self, service: str, file: str, main: InstanceFile, document: Document) -> None:
        for host, given in main.hosts.items():
            if given.services and service in given.services:
                path = ("hosts", host, "services")
                note = t(
                    "{service} is the municipality's own (external.{service}); take it out here",
                    service=service,
                )
                self.add("D1-CFG-019", file, document.line(path), path, note)


def _are_certificates(text: str) -> bool:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return bool(load_pem_x509_certificates(text.encode()))
    except ValueError:
        return False


def _lacking(given: Any, tenant: str, keys: tuple[str, ...]) -> str:
    """Given what a setting names of each tenant, say what is wrong with that of one; empty if nothing is."""
    named = given.get(tenant) if isinstance(given, dict) else None
    if not isinstance(named, dict) or set(named) != set(keys):
        return t("must name, of each tenant: {keys}", keys=", ".join(keys))
    missing = [str(named[key]) for key in keys if not _is_file(str(named[key]))]
    if missing:
        files = ", ".join(map(text.shown, missing))
        return t("no such file on this machine (its full path is needed): {files}", files=files)
    return ""


def _is_file(full_path: str) -> bool:
    try:
        return full_path.startswith("/") and Path(full_path).is_file()
    except OSError:  # a folder on the way is closed to us
        return False


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def _unknown_key(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return t("unknown key; did you mean “{near}”?", near=near[0])
    return t("unknown key; known are: {known}", known=", ".join(known) or "–")


def _unknown_service(name: str, services: Services) -> str:
    near = difflib.get_close_matches(name, services, 1)
    if near:
        return t("unknown service {name}; did you mean “{near}”?", name=text.shown(name), near=near[0])
    return t("unknown service {name}; known are: {known}", name=text.shown(name), known=", ".join(services))


def _fields(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Return the keys that the model knows at a path; of a union, those of all its members."""
    models = [model]
    for part in path:
        inside = [
            m for k in models if part in k.model_fields for m in _models(k.model_fields[part].annotation)
        ]
        models = inside or models  # a key of a dict or an index of a list is no field
    return sorted({field for m in models for field in m.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _models(a)]


def find_tenant(inventories: Path, services: Services, slug: str) -> tuple[Instance, Tenant]:
    """Given ``tenant`` or ``instance/tenant``, return both.

    Raises:
        UsageError: there is none, or several instances have one.
    """
    wanted, _, tenant_slug = slug.rpartition("/")
    names = [n for n in instance_names(inventories) if wanted in ("", n)]
    having = [
        n for n in names if tenant_slug in {p.stem for p in (inventories / n / "tenants").glob("*.yml")}
    ]
    if len(having) != 1:
        several = t("several instances have it: {instances}", instances=", ".join(having))
        why = several if having else t("no instance has it")
        fix = t("name it as <instance>/{slug}", slug=tenant_slug) if having else "digione status"
        raise UsageError("D1-CFG-021", t("Tenant “{name}” was not found", name=text.shown(slug)), why, fix)
    instance = load_instance(inventories, having[0], services)
    return instance, next(t for t in instance.tenants if t.slug == tenant_slug)
