"""What the municipality has already and the instance uses in place of its own."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from digione_cli.model.base import Model, Port
from digione_cli.model.text import Account, Address, Email, UnixUser
from digione_cli.texts import t


class ExternalPostgresql(Model):
    """The municipality's own PostgreSQL server."""

    address: Address = Field(description="name or IP address of the server, as its certificate has it")
    port: Port = Field(5432, description="port of the server")
    user: UnixUser = Field(
        "digione", description="role that makes the tenants' databases and roles; has CREATEDB and CREATEROLE"
    )


class ExternalMail(Model):
    """The municipality's own mail relay."""

    server: Address = Field(description="name or IP address of the relay, as its certificate has it")
    port: Port = Field(25, description="port of the relay; at 465 TLS comes first")
    tls: bool = Field(True, description="whether nothing is sent without TLS (STARTTLS)")
    user: Account | None = Field(None, description="account at the relay; default: it asks for none")
    sender: Email | None = Field(
        None, description="sender of all mail; default: digione@ the instance's domain"
    )

    def sender_of(self, domain: str) -> str:
        """Given the instance's domain, return who sends its mail."""
        return self.sender or f"digione@{domain}"

    @model_validator(mode="after")
    def _no_open_password(self) -> Self:
        if self.user is not None and not self.tls:
            raise ValueError(t("the password would be readable on its way: user needs tls"))
        return self


class External(Model):
    """What the municipality has already; each takes the place of what digione would bring."""

    authority: Path | None = Field(
        None,
        description="file beside this one with certificates (PEM) of the municipality's own authority; "
        "the hosts trust it besides the public ones",
    )
    postgresql: ExternalPostgresql | None = Field(
        None, description="a PostgreSQL server, version 15 or newer"
    )
    mail: ExternalMail | None = Field(None, description="a mail relay; without one no mail is sent")

    @property
    def services(self) -> dict[str, ExternalPostgresql]:
        """The servers that take the place of a service, by the service's name."""
        return {"postgresql": self.postgresql} if self.postgresql else {}
