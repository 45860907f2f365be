"""What must hold between the parts of an inventory, each as far as the parts that it needs are sound."""

import difflib
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from digione_cli.engine.documents import Document, DocumentError, read_text
from digione_cli.engine.municipalities import doubt
from digione_cli.engine.reader import Read, Reader, unknown_key
from digione_cli.engine.services import Services
from digione_cli.model import text
from digione_cli.model.external import External
from digione_cli.model.finding import Level
from digione_cli.model.instance import Host, Tenant, auth_domain
from digione_cli.model.sentences import none_of, whole_number
from digione_cli.model.service import Service
from digione_cli.settings import RELEASE
from digione_cli.texts import mark, t

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


def clashes(reader: Reader, read: Mapping[str, Read]) -> None:
    """Find what only one tenant may have and several have."""
    for what, code in (("domain", "D1-CFG-015"), ("code", "D1-CFG-016"), ("oid", "D1-CFG-016")):
        having = {file: one.parts[what] for file, one in read.items() if what in one.parts}
        seen: dict[str, str] = {}
        if what == "domain":
            seen = {auth_domain(domain): file for file, domain in having.items()}
        for file, value in having.items():
            if value in seen:
                note = t("{value} is also that of {file}", value=value, file=seen[value])
                reader.add(code, file, read[file].line(what), (what,), note)
            seen.setdefault(value, file)


def tenants(reader: Reader, tenants: Iterable[Tenant], read: Mapping[str, Read]) -> None:
    """Find what is doubtful about tenants, and files that they name and that are not there."""
    for tenant in tenants:
        file = f"tenants/{tenant.slug}.yml"
        line = read[file].line
        if not text.organisation_check_digit_holds(tenant.oid):
            note = t("the check digit does not hold; make sure that the OID is right")
            reader.add("D1-CFG-017", file, line("oid"), ("oid",), note, Level.WARNING)
        if doubtful := doubt(tenant):
            reader.add("D1-CFG-026", file, line("code"), ("code",), doubtful, Level.WARNING)
        upstream = tenant.identity.upstream
        if upstream and upstream.kind == "saml":
            _metadata(reader, file, line("identity", "upstream", "metadata"), upstream.metadata)


def _metadata(reader: Reader, file: str, line: int | None, given: Path) -> None:
    path = ("identity", "upstream", "metadata")
    if given.name != str(given):
        reader.add("D1-CFG-018", file, line, path, t("must be the name of a file beside this one"))
        return
    try:
        read_text(reader.folder / "tenants" / given, f"tenants/{given}")
    except DocumentError as e:
        reader.add("D1-CFG-018", file, line, path, f"tenants/{given}: {e.mistakes[0].text}")


def instance(reader: Reader, main: Read, services: Services, tenants: Iterable[Tenant]) -> None:
    """Check what spans keys of ``instance.yml``, each as far as the keys that it needs are sound."""
    parts = main.parts
    if "release" in parts:
        _release(reader, main)
    _services(reader, main.document, services)
    if "hosts" in parts:
        _hosts(reader, parts["hosts"], main.document)
    if "hosts" in parts and "external" in parts:
        _placement(reader, parts["hosts"], parts["external"], main.document, services)
    if "services" in parts:
        _of_each_tenant(reader, parts["services"], main.document, services, tenants)
    if "external" in parts:
        _external(reader, parts["external"], main.document)


def _hosts(reader: Reader, declared: Mapping[str, Host], document: Document) -> None:
    """Each host is a machine of its own, and its key, if one is named, is on this machine."""
    seen: dict[tuple[str, int], str] = {}
    for name, host in declared.items():
        at = (host.address, host.port)
        if at in seen:
            path = ("hosts", name, "address")
            note = t("{value} is also that of {other}", value=host.address, other=seen[at])
            reader.add("D1-CFG-022", "instance.yml", document.line(path), path, note)
        seen.setdefault(at, name)
        if host.key and not _is_file(str(host.key.expanduser())):
            path = ("hosts", name, "key")
            note = t("no such file on this machine (its full path is needed): {files}", files=host.key)
            reader.add("D1-CFG-018", "instance.yml", document.line(path), path, note, Level.WARNING)


def _external(reader: Reader, external: External, document: Document) -> None:
    file, path = "instance.yml", ("external", "authority")
    line = document.line(path)
    named = external.authority
    if named is None:
        return
    if named.name != str(named):
        reader.add("D1-CFG-018", file, line, path, t("must be the name of a file beside this one"))
        return
    if str(named) == "authority.pem":
        note = t("{file} is the file of the instance's own authority; give this one another name", file=named)
        reader.add("D1-CFG-018", file, line, path, note)
        return
    try:
        certificates = read_text(reader.folder / named, str(named))
    except DocumentError as e:
        reader.add("D1-CFG-018", file, line, path, f"{named}: {e.mistakes[0].text}")
        return
    if not _are_certificates(certificates):
        reader.add("D1-CFG-018", file, line, path, t("{file} holds no certificates (PEM)", file=named))


def _release(reader: Reader, main: Read) -> None:
    if main.parts["release"] != RELEASE:
        note = t("this distribution installs {release}", release=RELEASE)
        reader.add("D1-CFG-024", "instance.yml", main.line("release"), ("release",), note)


def _services(reader: Reader, document: Document, services: Services) -> None:
    """Check every setting that there is; that the rest holds keys and values is the model's to check."""
    file = "instance.yml"
    given = document.data.get("services")
    for name, settings in given.items() if isinstance(given, dict) else ():
        if name not in services:
            line = document.line(("services", name))
            reader.add("D1-CFG-010", file, line, ("services", name), _unknown_service(name, services))
            continue
        for key, value in settings.items() if isinstance(settings, dict) else ():
            path = ("services", name, key)
            _setting(reader, file, document.line(path), path, services[name], key, value)


def _setting(
    reader: Reader, file: str, line: int | None, path: Any, service: Service, key: str, value: Any
) -> None:
    known = service.settings
    if key not in known:
        reader.add("D1-CFG-010", file, line, path, unknown_key(key, known))
        return
    setting = known[key]
    types = _TYPES.get(setting.type, (str,))
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        reader.add("D1-CFG-013", file, line, path, _not_of(setting.type, value))
    elif isinstance(value, list) and not all(isinstance(v, _TYPES[setting.elements]) for v in value):
        rule = t(_RULES[setting.elements])
        reader.add("D1-CFG-013", file, line, path, t("must be a list; each element {rule}", rule=rule))
    elif setting.choices and value not in setting.choices:
        reader.add("D1-CFG-013", file, line, path, none_of(value, setting.choices))
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
                    reader.add("D1-CFG-013", file, line, path, note)
            return
        least, most = limit
        if not all(least <= one <= most for one in given):
            note = t("must be from {least} to {most}", least=least, most=most)
            reader.add("D1-CFG-013", file, line, path, note)


def _not_of(type_: str, value: object) -> str:
    return whole_number(value) if type_ == "int" else t(_RULES[type_])


def _of_each_tenant(
    reader: Reader,
    settings: Mapping[str, Mapping[str, Any]],
    document: Document,
    services: Services,
    tenants: Iterable[Tenant],
) -> None:
    """Settings that go together: one names files of each tenant where another has a certain value."""
    for service in services.values():
        defaults = {n: s.default for n, s in service.settings.items()}
        given = defaults | dict(settings.get(service.name, {}))
        for setting, needed in service.of_each_tenant.items():
            if any(given[name] != value for name, value in needed.where.items()):
                continue
            path: tuple[str, ...] = ("services", service.name, setting)
            for tenant in tenants:
                own = (*path, tenant.slug)
                if note := _lacking(given[setting], tenant.slug, needed.files):
                    reader.add("D1-CFG-028", "instance.yml", document.line(own), own, note)
            slugs = [tenant.slug for tenant in tenants]
            for name in given[setting] if isinstance(given[setting], dict) else ():
                if name not in slugs:
                    own = (*path, str(name))
                    note = unknown_key(str(name), slugs)
                    reader.add("D1-CFG-010", "instance.yml", document.line(own), own, note)


def _placement(
    reader: Reader, declared: Mapping[str, Host], external: External, document: Document, services: Services
) -> None:
    file = "instance.yml"
    if len(declared) > 1:
        for host, given in declared.items():
            if not _is_ip(given.address):
                path = ("hosts", host, "address")
                note = t("must be an IP address, since the instance has several hosts (firewalls name it)")
                reader.add("D1-CFG-022", file, document.line(path), path, note)
    for host, given in declared.items():
        for name in given.services or ():
            if name not in services:
                line = document.line(("hosts", host, "services"))
                note = _unknown_service(name, services)
                reader.add("D1-CFG-019", file, line, ("hosts", host, "services"), note)
    if any(h.services is not None for h in declared.values()) or len(declared) > 1:
        for service in services.values():
            if service.placement == "every host":
                continue
            hosts = [n for n, h in declared.items() if h.services is None or service.name in h.services]
            if service.name in external.services:
                _not_placed(reader, service.name, declared, document)
                continue
            if len(hosts) != 1:
                note = t(
                    "{service} must be placed on exactly one host (hosts.*.services); it is on: {hosts}",
                    service=service.name,
                    hosts=", ".join(hosts) or "–",
                )
                reader.add("D1-CFG-019", file, document.line(("hosts",)), ("hosts",), note)
            for other in service.together_with:
                others = [n for n, h in declared.items() if h.services is None or other in h.services]
                if hosts and others != hosts:
                    note = t("{one} and {other} must be on the same host", one=service.name, other=other)
                    reader.add("D1-CFG-019", file, document.line(("hosts",)), ("hosts",), note)


def _not_placed(reader: Reader, service: str, declared: Mapping[str, Host], document: Document) -> None:
    for host, given in declared.items():
        if given.services and service in given.services:
            path = ("hosts", host, "services")
            note = t(
                "{service} is the municipality's own (external.{service}); take it out here",
                service=service,
            )
            reader.add("D1-CFG-019", "instance.yml", document.line(path), path, note)


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


def _unknown_service(name: str, services: Services) -> str:
    near = difflib.get_close_matches(name, services, 1)
    if near:
        return t("unknown service {name}; did you mean “{near}”?", name=text.shown(name), near=near[0])
    return t("unknown service {name}; known are: {known}", name=text.shown(name), known=", ".join(services))
