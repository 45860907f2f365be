"""All that a plan follows from, gathered once."""

from dataclasses import dataclass
from datetime import datetime

from digione_cli.engine.desired import Desired
from digione_cli.engine.secrets import SecretName, Secrets, SecretStore
from digione_cli.engine.services import Services
from digione_cli.model.facts import Facts
from digione_cli.model.instance import Instance


@dataclass(frozen=True)
class Situation:
    """An instance, what it should be, and what is true on its hosts."""

    instance: Instance
    services: Services
    store: SecretStore
    secrets: Secrets
    desired: Desired
    facts: Facts
    now: datetime
    left_hosts: tuple[str, ...] = ()  # on which the instance was when they left the inventory

    @property
    def authority(self) -> str:
        """The certificate (PEM) of the instance's private authority."""
        return self.secrets.values[SecretName("authority_certificate")].get_secret_value()

    def tenants(self) -> tuple[str, ...]:
        """The tenants' slugs."""
        return tuple(t.slug for t in self.instance.tenants)
