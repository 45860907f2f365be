"""The desired state: for each service on each host what Ansible is given, and its fingerprint."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digione_cli.engine.secrets import Secrets
from digione_cli.engine.services import Services
from digione_cli.errors import PreconditionError
from digione_cli.model.instance import Instance, Tenant, UpstreamSaml
from digione_cli.model.service import Service
from digione_cli.texts import t

SSH = "ssh"
# Files on every host: the instance's own authority, and all that the host trusts.
OWN_AUTHORITY = "/etc/digione/authority.pem"
ALL_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
# What counts only for the services that name it in `uses`.
_SPECIAL = ("firewall", "bundle", "mail")


@dataclass(frozen=True)
class Bundle:
    """The files of a release, built once: a tar on the control machine."""

    id: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Desired:
    """What an instance should be: variables by host, fingerprints by host and service."""

    variables: dict[str, dict[str, Any]]
    fingerprints: dict[str, dict[str, str]]


def desired_state(instance: Instance, services: Services, secrets: Secrets, bundle: Bundle | None) -> Desired:
    """Given an instance, its secrets and the bundle, return its desired state.

    Secrets are in no variable here; fingerprints hold keyed digests of those that a service uses.
    """
    variables = {host: _variables(instance, services, host, bundle) for host in instance.hosts}
    fingerprints = {
        host: {
            name: _fingerprint(service, variables[host], instance, secrets)
            for name, service in services.items()
            if host in instance.placed(name)
        }
        for host in instance.hosts
    }
    return Desired(variables, fingerprints)


def _variables(instance: Instance, services: Services, host: str, bundle: Bundle | None) -> dict[str, Any]:
    digione = {
        "instance": instance.name,
        "release": instance.release,
        "domain": instance.domain,
        "contact": instance.contact,
        "host": {"name": host, "address": instance.hosts[host].address},
        "hosts": [{"name": n, "address": h.address} for n, h in sorted(instance.hosts.items())],
        "endpoints": _endpoints(instance, services, host),
        "external": _external(instance, services),
        "mail": _mail(instance),
        "firewall": _firewall(instance, services, host),
        "bundle": vars(bundle) if bundle else None,
        "tenants": [_tenant(instance, t) for t in instance.tenants],
    }
    settings = {
        f"{service}_{key}": value
        for service, given in instance.services.items()
        for key, value in given.items()
    }
    return {"digione": digione, **settings}


def _endpoints(instance: Instance, services: Services, host: str) -> dict[str, Any]:
    endpoints: dict[str, Any] = {
        name: {"address": own.address, "port": own.port, "authority": ALL_AUTHORITIES}
        for name, own in instance.external.services.items()
    }
    for service in services.values():
        if service.endpoint is None or service.name in endpoints:
            continue
        at = instance.placed(service.name)[0]
        address = "127.0.0.1" if at == host else instance.hosts[at].address
        endpoints[service.name] = {
            "host": at,
            "address": address,
            "port": service.endpoint,
            "authority": OWN_AUTHORITY,
        }
    return endpoints


def _external(instance: Instance, services: Services) -> dict[str, Any]:
    """What hosts are told of the municipality's own: the authority to trust, servers in place of services."""
    own = instance.external.services
    given = {name: own[name].model_dump(mode="json") if name in own else None for name in services.outside()}
    return {"authority": authority_of(instance), **given}


def authority_of(instance: Instance) -> str:
    """The certificates (PEM) of the municipality's own authority; empty where it names none."""
    named = instance.external.authority
    return (instance.folder / named).read_text(encoding="utf-8") if named else ""


def _mail(instance: Instance) -> dict[str, Any] | None:
    mail = instance.external.mail
    return mail.model_dump(mode="json") | {"sender": mail.sender_of(instance.domain)} if mail else None


def _firewall(instance: Instance, services: Services, host: str) -> list[dict[str, Any]]:
    others = [h.address for n, h in sorted(instance.hosts.items()) if n != host]
    rules = [{"service": SSH, "port": instance.hosts[host].port, "protocol": "tcp", "from": []}]
    for service in services.values():
        if host not in instance.placed(service.name):
            continue
        for port in service.ports:
            if port.open_to == "everyone":
                allowed: list[str] = []
            elif others:
                allowed = others
            else:
                continue
            rules.append(
                {"service": service.name, "port": port.port, "protocol": port.protocol, "from": allowed}
            )
    return rules


def _tenant(instance: Instance, tenant: Tenant) -> dict[str, Any]:
    given = tenant.model_dump(mode="json")
    given["auth_domain"] = tenant.auth_domain
    upstream = tenant.identity.upstream
    if isinstance(upstream, UpstreamSaml):
        metadata = instance.folder / "tenants" / upstream.metadata
        given["identity"]["upstream"]["metadata"] = metadata.read_text(encoding="utf-8")
    return given


def _fingerprint(service: Service, variables: dict[str, Any], instance: Instance, secrets: Secrets) -> str:
    """Hash everything that the service's state on a host follows from."""
    digione = dict(variables["digione"])
    for special in _SPECIAL:
        if special not in service.uses:
            del digione[special]
    if digione.get("bundle"):
        digione["bundle"] = digione["bundle"]["sha256"]
    if "sign_in" not in service.uses:  # another provider for a tenant's people concerns few services
        digione["tenants"] = [{k: v for k, v in t.items() if k != "identity"} for t in digione["tenants"]]
    names = {s.name for s in service.secrets} | set(service.uses)
    tenants = {None, *(t.slug for t in instance.tenants)}  # those of others may be kept for their return
    digests = {
        str(name): secrets.digest(name)
        for name in secrets.values
        if name.tenant in tenants
        if name.name in names or name.name.removesuffix("_key").removesuffix("_certificate") in names
    }
    settings = instance.services.get(service.name, {})
    files = {path: _sha256(path) for path in _named_files(settings)}
    canonical = json.dumps(
        [service.fingerprint, digione, settings, files, digests], sort_keys=True, ensure_ascii=False
    )
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
