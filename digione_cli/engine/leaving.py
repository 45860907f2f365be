"""What left the inventory and is on the hosts still."""

from collections.abc import Mapping

from digione_cli.engine.services import Services
from digione_cli.model.facts import HostFacts
from digione_cli.model.instance import Instance

Places = dict[str, tuple[str, ...]]


def left_tenants(instance: Instance, facts: Mapping[str, HostFacts]) -> tuple[str, ...]:
    """Given what is on the hosts, return the slugs of tenants there that the inventory lacks."""
    there = {t for seen in _own(instance, facts).values() for s in seen.services.values() for t in s.tenants}
    return tuple(sorted(there - {t.slug for t in instance.tenants}))


def places(instance: Instance, facts: Mapping[str, HostFacts], tenant: str) -> Places:
    """Given a tenant's slug, return the services that hold something of it, each with its hosts."""
    found: Places = {}
    for host, seen in _own(instance, facts).items():
        for service, applied in seen.services.items():
            if tenant in applied.tenants:
                found[service] = (*found.get(service, ()), host)
    return found


def only_data(held: Places, services: Services) -> bool:
    """Given where something of a tenant is, say whether that is nothing but its data."""
    return all(name in services and services[name].tenant_data for name in held)


def strays(instance: Instance, facts: Mapping[str, HostFacts], service: str) -> tuple[str, ...]:
    """Given a service, return the hosts on which it is although it is not placed there any more."""
    placed = instance.placed(service)
    return tuple(h for h, f in _own(instance, facts).items() if service in f.services and h not in placed)


def kept_elsewhere(instance: Instance, facts: Mapping[str, HostFacts], service: str) -> tuple[str, ...]:
    """Given a service, return the hosts on which its data was kept and where it is not placed any more."""
    placed = instance.placed(service)
    return tuple(h for h, f in _own(instance, facts).items() if service in f.kept and h not in placed)


def _own(instance: Instance, facts: Mapping[str, HostFacts]) -> dict[str, HostFacts]:
    return {host: seen for host, seen in facts.items() if seen.instance == instance.name}
