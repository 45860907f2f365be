"""A service: what ``roles/<service>/service.yml`` tells others."""

from typing import Any, Literal

from pydantic import Field

from digione_cli.model.base import Model, Port

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
    per: Literal["instance", "tenant", "target"] = Field(
        description="one for the instance, for each tenant, or for each target of its backups"
    )
    kind: Literal["password", "rsa_key", "ssh_key", "authority", "given"] = Field(
        description="what it is made of; given: somebody else's, never made here"
    )
    lasting: bool = Field(
        False, description="whether it is never rotated, because what it encrypted would be lost"
    )
    when: str = Field(
        "",
        description="key of instance.yml, of each tenant's file or of each target, such as "
        "external.postgresql, without which it is not needed",
    )


class TenantFiles(Model):
    """What a setting must name of each tenant, where another setting has a certain value."""

    where: dict[str, str] = Field(description="settings and the values with which it is needed")
    files: tuple[str, ...] = Field(description="keys of each tenant, a file on the control machine for each")


class ExternalForm(Model):
    """What is left of a service where the municipality's own takes its place."""

    title: str = Field(description="name for people")
    beside: str = Field(description="service from whose host the municipality's own is set up")
    packages: tuple[str, ...] = Field((), description="Debian packages for that, purged by destroy")


class KeptForm(Model):
    """What of a service goes into recovery points besides databases."""

    folders: tuple[str, ...] = Field((), description="folders whose files are kept")
    dumps: dict[str, tuple[str, ...]] = Field(
        {}, description="commands whose output is kept, by the file that it becomes"
    )
    watched: tuple[str, ...] = Field((), description="files that change when what these commands tell does")


class ServiceFile(Model):
    """``service.yml``."""

    title: str = Field(description="name for people")
    about: str = Field(description="one sentence for people")
    placement: Literal["one host", "every host"] = Field("one host", description="where it runs")
    after: tuple[str, ...] = Field((), description="services that must be configured before")
    together_with: tuple[str, ...] = Field((), description="services that must be on the same host")
    reads: tuple[str, ...] = Field(
        (),
        description="what its role is given of the variable digione besides instance and release, such as "
        "hosts, external.mail or tenants.domain; its state depends on that alone",
    )
    uses: tuple[str, ...] = Field((), description="secrets of other services that its state depends on")
    units: tuple[str, ...] = Field((), description="systemd units that must be active")
    tenant_units: tuple[str, ...] = Field((), description="the same for each {tenant}")
    ports: tuple[OpenPort, ...] = Field((), description="ports that the firewall lets in")
    endpoint: Port | None = Field(None, description="port at which other services reach it")
    files: tuple[str, ...] = Field((), description="managed files (globs); a change by hand is drift")
    renewed: tuple[str, ...] = Field(
        (), description="files (globs) that renew themselves: they must be there, whatever is in them"
    )
    probes: dict[str, str] = Field(
        {},
        description="commands that must succeed on the host, each with what is wrong, in words, if it fails",
    )
    data: tuple[str, ...] = Field((), description="folders kept by destroy --keep-data")
    tenant_data: str = Field(
        "",
        description="what it holds of each tenant's data, in words; without it the service is not moved",
    )
    own_data: str = Field("", description="what its data hold besides, in words")
    backup: KeptForm = Field(KeptForm(), description="what of it goes into recovery points besides databases")
    packages: tuple[str, ...] = Field((), description="Debian packages purged by destroy")
    users: tuple[str, ...] = Field((), description="Unix users removed by destroy")
    secrets: tuple[SecretSpec, ...] = Field((), description="secrets that it stores")
    limits: dict[str, Limit] = Field(
        {},
        description="what settings may be: [minimum, maximum] of a number, or a regular expression that all "
        "of a text (of a list: of each element) matches; the default always may",
    )
    of_each_tenant: dict[str, TenantFiles] = Field({}, description="settings that name files of each tenant")
    external: ExternalForm | None = Field(
        None, description="what is done where the municipality's own takes its place; null: nothing may"
    )


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

    @property
    def holds_tenants(self) -> bool:
        """Whether there is something of each tenant in it that must be taken off when the tenant leaves."""
        return "tenant_remove" in self.actions

    def units_of(self, tenant: str) -> tuple[str, ...]:
        """Given a tenant's slug, return the units that are its own."""
        return tuple(u.format(tenant=tenant) for u in self.tenant_units)

    def users_of(self, tenant: str) -> tuple[str, ...]:
        """Given a tenant's slug, return the Unix users that are its own."""
        return tuple(u.format(tenant=tenant) for u in self.users if "{tenant}" in u)

    def outside(self) -> "Service":
        """The service where the municipality's own takes its place: nothing of it runs on the hosts."""
        assert self.external
        runs = (
            "together_with",
            "units",
            "tenant_units",
            "ports",
            "files",
            "renewed",
            "data",
            "users",
        )
        nothing = dict.fromkeys(runs, ())
        left: dict[str, Any] = {
            "title": self.external.title,
            "packages": self.external.packages,
            "endpoint": None,
            "probes": {},
        }
        return self.model_copy(update=nothing | left)

    def units_for(self, tenants: tuple[str, ...]) -> tuple[str, ...]:
        """Given the tenants' slugs, return all units of the service."""
        return self.units + tuple(u for t in tenants for u in self.units_of(t))

    def users_for(self, tenants: tuple[str, ...]) -> tuple[str, ...]:
        """Given the tenants' slugs, return all Unix users of the service."""
        own = tuple(u for u in self.users if "{tenant}" not in u)
        return own + tuple(u for t in tenants for u in self.users_of(t))
