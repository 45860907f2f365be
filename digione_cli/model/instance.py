"""An instance and its tenants, as declared in ``inventories/<instance>/``."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from digione_cli.model.backup import Backup
from digione_cli.model.base import Model, Port, once
from digione_cli.model.external import External
from digione_cli.model.text import (
    Address,
    Domain,
    Email,
    HostName,
    HttpsUrl,
    MunicipalityCode,
    Name,
    ProviderOid,
    ReleaseName,
    Slug,
    UnixUser,
)
from digione_cli.texts import t

Language = Literal["fi", "sv", "en"]
Area = Literal["homeschool", "scheduling", "administration", "teaching"]

AREAS: tuple[Area, ...] = ("homeschool", "scheduling", "administration", "teaching")


class Host(Model):
    """One Debian server of an instance."""

    address: Address = Field(description="IP address or name at which ssh reaches the host")
    user: UnixUser = Field(description="user that ssh signs in as; has sudo")
    port: Port = Field(22, description="port of ssh")
    key: Path | None = Field(None, description="private key of ssh; default: those of ssh and its agent")
    services: tuple[str, ...] | None = Field(
        None, description="services placed on this host; those of every host are always; default: all"
    )

    _once = field_validator("services")(once)


class Names(Model):
    """A municipality's name in both national languages."""

    fi: Name = Field(description="name in Finnish")
    sv: Name = Field(description="name in Swedish (the Finnish one where there is no other)")


class UpstreamOidc(Model):
    """An OpenID Connect provider in front of the tenant's own, such as MPASSid."""

    kind: Literal["oidc"] = Field(description="protocol of the provider")
    title: Name = Field(description="text of the choice on the sign-in page")
    issuer: HttpsUrl = Field(description="issuer URL of the provider")
    client_id: str = Field(min_length=1, max_length=200, description="client id given by the provider")
    match: Literal["learner_number", "account"] = Field(
        "learner_number", description="what identifies a person: the learner number or the account's id"
    )


class UpstreamSaml(Model):
    """A SAML 2.0 provider in front of the tenant's own."""

    kind: Literal["saml"] = Field(description="protocol of the provider")
    title: Name = Field(description="text of the choice on the sign-in page")
    metadata: Path = Field(description="file with the provider's metadata, beside the tenant's file")
    match: Literal["learner_number", "account"] = Field(
        "learner_number", description="what identifies a person: the learner number or the account's id"
    )


class Identity(Model):
    """How people of a tenant sign in."""

    local: bool = Field(True, description="local accounts with a password")
    second_factor: Literal["off", "optional", "required"] = Field(
        "optional", description="second factor (TOTP, WebAuthn) for local accounts"
    )
    upstream: Annotated[UpstreamOidc | UpstreamSaml, Field(discriminator="kind")] | None = Field(
        None, description="a further provider to choose from, such as MPASSid"
    )

    @model_validator(mode="after")
    def _some_way_in(self) -> Self:
        if not self.local and self.upstream is None:
            raise ValueError(t("nobody could sign in: local is false and no upstream is given"))
        return self


class TenantFile(Model):
    """``tenants/<slug>.yml``: one municipality."""

    code: MunicipalityCode = Field(description="municipality code, three digits")
    oid: ProviderOid = Field(description="OID of the education provider")
    name: Names = Field(description="name of the municipality")
    language: Literal["finnish", "swedish", "bilingual"] = Field(
        "finnish", description="language status of the municipality"
    )
    languages: tuple[Language, ...] = Field(
        ("fi", "sv", "en"), min_length=1, description="languages offered; the first is the default"
    )
    domain: Domain = Field(description="domain of the municipality's platform")
    identity: Identity = Field(Identity(), description="how people sign in")
    areas: tuple[Area, ...] = Field(AREAS, description="service areas switched on")

    _once = field_validator("languages", "areas")(once)


def auth_domain(domain: str) -> str:
    """Given a municipality's domain, return that of its identity provider."""
    return f"auth.{domain}"


class Tenant(TenantFile):
    """One municipality served by an instance."""

    slug: Slug

    @property
    def auth_domain(self) -> str:
        """Domain of the tenant's identity provider."""
        return auth_domain(self.domain)


class InstanceFile(Model):
    """``instance.yml``: what is installed where."""

    release: ReleaseName = Field(description="release that the instance runs")
    domain: Domain = Field(description="domain of the instance itself")
    contact: Email = Field(description="e-mail address of the operator (certificates, alerts)")
    hosts: dict[HostName, Host] = Field(min_length=1, description="the hosts, by name")
    services: dict[str, dict[str, Any]] = Field({}, description="settings of services, by service")
    external: External = Field(External(), description="what the municipality has already")
    backup: Backup = Field(Backup(), description="copies of the backups, away from the hosts")


class Instance(Model):
    """One installed platform: hosts, release, services and tenants."""

    name: Slug
    folder: Path
    release: str
    domain: str
    contact: str
    hosts: dict[str, Host]
    services: dict[str, dict[str, Any]]
    external: External = External()
    backup: Backup = Backup()
    tenants: tuple[Tenant, ...]

    def placed(self, service: str) -> tuple[str, ...]:
        """Given a service's name, return the hosts on which it is placed, in the inventory's order."""
        return tuple(n for n, h in self.hosts.items() if service in (h.services or ()))
