"""From the files of an inventory to a typed, frozen Instance; all mistakes at once."""

import difflib
import re
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from digione_cli.engine.documents import Document, DocumentError, parse, read_text
from digione_cli.engine.names import instance_names
from digione_cli.engine.services import Services
from digione_cli.errors import UsageError
from digione_cli.model import text
from digione_cli.model.finding import Level, Mistake
from digione_cli.model.instance import Host, Instance, InstanceFile, Tenant, TenantFile
from digione_cli.model.service import Service
from digione_cli.settings import RELEASE

M = TypeVar("M", bound=BaseModel)

_CODES = {"extra_forbidden": "D1-CFG-010", "missing": "D1-CFG-011"}
# what pydantic says, in words of people; others of its sentences do as they are
_SENTENCES = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "tuple_type": "must be a list",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
    "path_type": "must be the name of a file",
    "literal_error": "must be one of: {expected}",
    "union_tag_invalid": "{discriminator} must be one of: {expected_tags}",
    "union_tag_not_found": "lacks {discriminator}",
    "too_short": "must hold at least {min_length}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
_WORDS = {
    "str": "text",
    "path": "the name of a file",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "keys and values",
}


class InvalidInstance(UsageError):
    """The inventory has mistakes; ``mistakes`` holds them all."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...]) -> None:
        errors = [m for m in mistakes if m.level is Level.ERROR]
        count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        super().__init__(
            "D1-CFG-000",
            f"Instance {name} is not valid",
            f"{count}:\n" + "\n".join(f"  {m}  [{m.code}]" for m in errors),
            f"mend the files, then: digione validate {name}",
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
        reader.add(
            "D1-CFG-012", "tenants/", None, (), "no tenant; write tenants/<slug>.yml for each municipality"
        )
    reader.tenants(tenants, documents)
    instance = None
    if main and main_lines:
        reader.release(main, main_lines)
        reader.services(main, main_lines, services)
        hosts = {n: h.model_copy(update={"services": _placed(h, services)}) for n, h in main.hosts.items()}
        given = dict(main) | {"name": name, "folder": folder, "tenants": tuple(tenants), "hosts": hosts}
        instance = Instance(**given)
    errors = any(m.level is Level.ERROR for m in reader.mistakes)
    return (None if errors else instance), tuple(reader.mistakes)


def _placed(host: Host, services: Services) -> tuple[str, ...]:
    """Given a host as it is declared, return all services on it: those of every host are never declared."""
    everywhere = {name for name, service in services.items() if service.placement == "every host"}
    declared = set(services) if host.services is None else everywhere | set(host.services)
    return tuple(name for name in services if name in declared)


def _known(inventories: Path, name: str) -> str:
    known = instance_names(inventories)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(
            "D1-CFG-020",
            f"There is no instance “{text.shown(name)}”",
            f"known are: {', '.join(known) or 'none'}",
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
            self.add("D1-CFG-006", file, 1, (), "must hold keys and values")
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
            known = _fields(model, path[:-1])
            near = difflib.get_close_matches(str(path[-1]), known, 1)
            meant = f"did you mean “{near[0]}”?" if near else f"known are: {', '.join(sorted(known))}"
            message = f"unknown key; {meant}"
        elif error["type"] == "missing":
            message = "is missing"
        elif error["type"] in _SENTENCES:
            message = _SENTENCES[error["type"]].format(**error.get("ctx", {}))
        else:
            message = error["msg"].removeprefix("Value error, ")
        self.add(code, file, line, path, message)

    def slug(self, path: Path) -> str | None:
        try:
            if path.suffix != ".yml":
                self.add("D1-CFG-014", f"tenants/{path.name}", None, (), "the file must end in .yml")
                return None
            return text.slug(path.stem)
        except Exception as e:  # a PydanticCustomError, outside a model
            self.add("D1-CFG-014", f"tenants/{text.shown(path.name)}", None, (), f"file name: {e}")
            return None

    def tenants(self, tenants: list[Tenant], documents: dict[str, Document | None]) -> None:
        for what, code in (("domain", "D1-CFG-015"), ("code", "D1-CFG-016"), ("oid", "D1-CFG-016")):
            seen: dict[str, str] = {t.auth_domain: t.slug for t in tenants} if what == "domain" else {}
            for tenant in tenants:
                file, document = f"tenants/{tenant.slug}.yml", documents[tenant.slug]
                value = getattr(tenant, what)
                if value in seen:
                    line = document.line((what,)) if document else None
                    self.add(code, file, line, (what,), f"{value} is also that of tenants/{seen[value]}.yml")
                seen.setdefault(value, tenant.slug)
        for tenant in tenants:
            document = documents[tenant.slug]
            file = f"tenants/{tenant.slug}.yml"
            if not text.organisation_check_digit_holds(tenant.oid):
                line = document.line(("oid",)) if document else None
                note = "the check digit does not hold; make sure that the OID is right"
                self.add("D1-CFG-017", file, line, ("oid",), note, Level.WARNING)
            upstream = tenant.identity.upstream
            if upstream and upstream.kind == "saml":
                line = document.line(("identity", "upstream", "metadata")) if document else None
                self._metadata(file, line, upstream.metadata)

    def _metadata(self, file: str, line: int | None, given: Path) -> None:
        path = ("identity", "upstream", "metadata")
        if given.name != str(given):
            self.add("D1-CFG-018", file, line, path, "must be the name of a file beside this one")
            return
        try:
            read_text(self.folder / "tenants" / given, f"tenants/{given}")
        except DocumentError as e:
            self.add("D1-CFG-018", file, line, path, f"tenants/{given} {e.mistakes[0].text}")

    def release(self, main: InstanceFile, document: Document) -> None:
        if main.release != RELEASE:
            line = document.line(("release",))
            self.add(
                "D1-CFG-024", "instance.yml", line, ("release",), f"this distribution installs {RELEASE}"
            )

    def services(self, main: InstanceFile, document: Document, services: Services) -> None:
        file = "instance.yml"
        for name, given in main.services.items():
            if name not in services:
                near = difflib.get_close_matches(name, services, 1)
                meant = f"did you mean “{near[0]}”?" if near else f"known are: {', '.join(services)}"
                line = document.line(("services", name))
                self.add("D1-CFG-010", file, line, ("services", name), f"unknown service; {meant}")
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
            near = difflib.get_close_matches(key, known, 1)
            meant = f"did you mean “{near[0]}”?" if near else f"known are: {', '.join(known) or 'none'}"
            self.add("D1-CFG-010", file, line, path, f"unknown key; {meant}")
            return
        setting = known[key]
        kind, element = _WORDS[setting.type], _WORDS[setting.elements]
        types = _TYPES.get(setting.type, (str,))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            self.add("D1-CFG-013", file, line, path, f"must be {kind}")
        elif isinstance(value, list) and not all(isinstance(v, _TYPES[setting.elements]) for v in value):
            self.add("D1-CFG-013", file, line, path, f"must be a list of {element}")
        elif setting.choices and value not in setting.choices:
            choices = ", ".join(map(str, setting.choices))
            self.add("D1-CFG-013", file, line, path, f"must be one of: {choices}")
        elif key in service.limits and value != setting.default:
            limit = service.limits[key]
            given: list[Any] = value if isinstance(value, list) else [value]
            if isinstance(limit, str):
                for one in given:
                    if not re.fullmatch(limit, one):
                        note = f"“{text.shown(one)}” is not what is meant: {setting.description}"
                        self.add("D1-CFG-013", file, line, path, note)
                return
            least, most = limit
            if not all(least <= one <= most for one in given):
                self.add("D1-CFG-013", file, line, path, f"must be from {least} to {most}")

    def _placement(self, file: str, main: InstanceFile, document: Document, services: Services) -> None:
        if len(main.hosts) > 1:
            for host, given in main.hosts.items():
                if not _is_ip(given.address):
                    path = ("hosts", host, "address")
                    note = "must be an IP address, since the instance has several hosts (firewalls name it)"
                    self.add("D1-CFG-022", file, document.line(path), path, note)
        for host, given in main.hosts.items():
            for name in given.services or ():
                if name not in services:
                    line = document.line(("hosts", host, "services"))
                    self.add("D1-CFG-019", file, line, ("hosts", host, "services"), f"unknown service {name}")
        if any(h.services is not None for h in main.hosts.values()) or len(main.hosts) > 1:
            for service in services.values():
                if service.placement == "every host":
                    continue
                hosts = [n for n, h in main.hosts.items() if h.services is None or service.name in h.services]
                if len(hosts) != 1:
                    where = f"on {', '.join(hosts)}" if hosts else "nowhere"
                    note = (
                        f"{service.name} must be placed on exactly one host (hosts.*.services); it is {where}"
                    )
                    self.add("D1-CFG-019", file, document.line(("hosts",)), ("hosts",), note)
                for other in service.together_with:
                    others = [n for n, h in main.hosts.items() if h.services is None or other in h.services]
                    if hosts and others != hosts:
                        note = f"{service.name} and {other} must be on the same host"
                        self.add("D1-CFG-019", file, document.line(("hosts",)), ("hosts",), note)


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


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
        why = f"several instances have it: {', '.join(having)}" if having else "no instance has it"
        raise UsageError(
            "D1-CFG-021",
            f"Tenant “{text.shown(slug)}” was not found",
            why,
            f"name it as <instance>/{tenant_slug}" if having else "digione status",
        )
    instance = load_instance(inventories, having[0], services)
    return instance, next(t for t in instance.tenants if t.slug == tenant_slug)
