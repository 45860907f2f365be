"""The desired state: for each service on each host what Ansible is given, and its fingerprint."""

from dataclasses import dataclass
from typing import Any

from digione_cli.engine.fingerprint import ALWAYS, fingerprint, given
from digione_cli.engine.secrets import Secrets
from digione_cli.engine.services import Services
from digione_cli.model.facts import Fingerprint
from digione_cli.model.instance import Instance, Tenant, UpstreamSaml

SSH = "ssh"
# Files on every host: the instance's own authority, and all that the host trusts.
OWN_AUTHORITY = "/etc/digione/authority.pem"
ALL_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


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
    fingerprints: dict[str, dict[str, Fingerprint]]


def desired_state(instance: Instance, services: Services, secrets: Secrets, bundle: Bundle | None) -> Desired:
    """Given an instance, its secrets and the bundle, return its desired state.

    Secrets are in no variable here; fingerprints hold keyed digests of those that a service uses.
    """
    variables = {host: _variables(instance, services, host, bundle) for host in instance.hosts}
    fingerprints = {
        host: {
            name: fingerprint(service, variables[host]["digione_given"][name], instance, secrets)
            for name, service in services.items()
            if host in instance.placed(name)
        }
        for host in instance.hosts
    }
    return Desired(variables, fingerprints)


def _variables(instance: Instance, services: Services, host: str, bundle: Bundle | None) -> dict[str, Any]:
    """What Ansible is given: in ``digione_given``, by service, what its role sees as ``digione``."""
    digione = {
        "instance": instance.name,
        "release": instance.release,
        "domain": instance.domain,
        "contact": instance.contact,
        "host": {"name": host, "address": instance.hosts[host].address},
        "hosts": [{"name": n, "address": h.address} for n, h in sorted(instance.hosts.items())],
        "endpoints": _endpoints(instance, services, host),
        "external": _external(instance, services),
        "firewall": _firewall(instance, services, host),
        "backup": _backup(instance, services, host),
        "bundle": vars(bundle) if bundle else None,
        "tenants": [_tenant(instance, t) for t in instance.tenants],
    }
    settings = {
        f"{service}_{key}": value
        for service, declared in instance.services.items()
        for key, value in declared.items()
    }
    parts = {name: given(service.reads, digione) for name, service in services.items()}
    return {"digione": {key: digione[key] for key in ALWAYS}, "digione_given": parts, **settings}


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
    """What hosts are told of the municipality's own: authority, mail relay, servers in place of services."""
    own = instance.external.services
    servers = {
        name: own[name].model_dump(mode="json") if name in own else None for name in services.outside()
    }
    return {"authority": authority_of(instance), "mail": _mail(instance), **servers}


def _backup(instance: Instance, services: Services, host: str) -> dict[str, Any]:
    """What is kept of a host, and where copies go; ``database`` says whether our own PostgreSQL is there."""
    here = [service for service in services.values() if host in instance.placed(service.name)]
    targets = instance.backup.targets
    return {
        "targets": [{"name": n, **one.model_dump(mode="json")} for n, one in sorted(targets.items())],
        "known_hosts": _pinned(instance),
        "database": "postgresql" not in instance.external.services and host in instance.placed("postgresql"),
        "folders": [folder for service in here for folder in service.backup.folders],
        "dumps": {name: list(dump) for service in here for name, dump in service.backup.dumps.items()},
        "watched": [file for service in here for file in service.backup.watched],
    }


def _pinned(instance: Instance) -> str:
    """The lines of the inventory's known_hosts that are of targets."""
    file = instance.folder / "known_hosts"
    names = {target.known_as for target in instance.backup.targets.values() if target.kind == "ssh"}
    lines = file.read_text(encoding="utf-8").splitlines() if names and file.exists() else []
    return "".join(f"{line}\n" for line in lines if line.split()[:1] and line.split()[0] in names)


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
    told = tenant.model_dump(mode="json")
    told["auth_domain"] = tenant.auth_domain
    upstream = tenant.identity.upstream
    if isinstance(upstream, UpstreamSaml):
        metadata = instance.folder / "tenants" / upstream.metadata
        told["identity"]["upstream"]["metadata"] = metadata.read_text(encoding="utf-8")
    return told
