"""A service: what ``roles/<service>/service.yml`` tells others."""

from typing import Any, Literal

from pydantic import Field

from digione_cli.model.base import Model
from digione_cli.model.instance import Port

# of a number: from, to; of text: a regular expression for all of it
Limit = tuple[int, int] | str


class OpenPort(Model):
    """A port that the firewall lets in."""

    port: Port = Field(description="number")
    protocol: Literal["tcp", "udp"] = Field("tcp", description="transport")
    open_to: Literal["everyone", "instance"] = Field(
        description="everyone, or only the instance's other hosts"
    )


class SecretSpec(Model):
    """A secret that the service stores."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="unique name")
    per: Literal["instance", "tenant"] = Field(description="one for the instance, or one for each tenant")
    kind: Literal["password", "rsa_key", "authority"] = Field(description="what it is made of")


class ServiceFile(Model):
    """``service.yml``."""

    title: str = Field(description="name for people")
    about: str = Field(description="one sentence for people")
    placement: Literal["one host", "every host"] = Field("one host", description="where it runs")
    after: tuple[str, ...] = Field((), description="services that must be configured before")
    together_with: tuple[str, ...] = Field((), description="services that must be on the same host")
    uses: tuple[str, ...] = Field(
        (), description="what else its state depends on: secrets of other services, bundle, firewall"
    )
    units: tuple[str, ...] = Field((), description="systemd units that must be active")
    tenant_units: tuple[str, ...] = Field((), description="the same for each {tenant}")
    ports: tuple[OpenPort, ...] = Field((), description="ports that the firewall lets in")
    endpoint: Port | None = Field(None, description="port at which other services reach it")
    files: tuple[str, ...] = Field((), description="managed files (globs); a change by hand is drift")
    renewed: tuple[str, ...] = Field(
        (), description="files (globs) that renew themselves: they must be there, whatever is in them"
    )
    probes: tuple[str, ...] = Field(
        (), description="commands that must succeed on the host, else it is drift"
    )
    data: tuple[str, ...] = Field((), description="folders kept by destroy --keep-data")
    packages: tuple[str, ...] = Field((), description="Debian packages purged by destroy")
    users: tuple[str, ...] = Field((), description="Unix users removed by destroy")
    secrets: tuple[SecretSpec, ...] = Field((), description="secrets that it stores")
    limits: dict[str, Limit] = Field(
        {},
        description="what settings may be: [minimum, maximum] of a number, or a regular expression that all "
        "of a text (of a list: of each element) matches; the default always may",
    )
    external: bool = Field(False, description="whether the municipality's own may take its place")


class Setting(Model):
    """One setting of a service, from the role's argument specification."""

    type: str
    elements: str = Field("str", description="type of a list's elements")
    description: str
    default: Any = None
    choices: tuple[Any, ...] = ()
    required: bool = False


class Service(ServiceFile):
    """One deployable part: a folder in ``roles/``."""

    name: str
    actions: tuple[str, ...] = Field(description="entry points in tasks/")
    fingerprint: str = Field(description="SHA-256 over the role's folder")
    settings: dict[str, Setting] = Field(description="settings by name without the role's prefix")

    def units_for(self, tenants: tuple[str, ...]) -> tuple[str, ...]:
        """Given the tenants' slugs, return all units of the service."""
        return self.units + tuple(u.format(tenant=t) for t in tenants for u in self.tenant_units)
