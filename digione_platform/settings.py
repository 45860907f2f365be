"""Settings of one tenant's platform, read once from the JSON file that the operator's side writes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from sqlalchemy.engine import URL, make_url

from digione_platform.errors import InputError
from digione_platform.i18n import mark

ENVIRONMENT_KEY = "DIGIONE_PLATFORM_SETTINGS"

Language = Literal["fi", "sv", "en"]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,19}$")]


class Model(BaseModel):
    """Frozen; unknown keys are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Municipality(Model):
    """A municipality by its names. The first language is the default one."""

    name: dict[Language, str]
    languages: Annotated[list[Language], Field(min_length=1)]

    def name_in(self, language: str) -> str:
        """The municipality's name in a language, else in the default language, else any."""
        names: dict[str, str] = dict(self.name.items())
        return names.get(language) or names.get(self.languages[0]) or next(iter(names.values()))


class Tenant(Municipality):
    """The municipality that this process serves."""

    slug: Slug
    code: Annotated[str, StringConstraints(pattern=r"^\d{3}$")]
    oid: str
    areas: list[str]


class Database(Model):
    """Where the tenant's database is. A host that begins with a slash is a socket's directory."""

    host: str
    port: int = 5432
    name: str
    user: str
    password: SecretStr = SecretStr("")
    authority: Path | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The database behind ``postgresql://user:password@host:port/name`` or ``…/name?host=/directory``."""
        parsed = make_url(url)
        socket = parsed.query.get("host")
        return cls(
            host=socket if isinstance(socket, str) else parsed.host or "127.0.0.1",
            port=parsed.port or 5432,
            name=parsed.database or "postgres",
            user=parsed.username or "postgres",
            password=SecretStr(parsed.password or ""),
        )

    def url(self) -> URL:
        """The URL for SQLAlchemy; with an authority, TCP is encrypted and the server must prove its name."""
        encryption = (
            {}
            if self.authority is None or self.host.startswith("/")
            else {
                "sslmode": "verify-full",
                "sslrootcert": str(self.authority),
            }
        )
        return URL.create(
            "postgresql+psycopg",
            username=self.user,
            password=self.password.get_secret_value() or None,
            database=self.name,
            query={"host": self.host, "port": str(self.port), **encryption},
        )


class Oidc(Model):
    """The tenant's identity provider, and this platform as its client."""

    issuer: str
    client_id: str
    client_secret: SecretStr


class Directory(Model):
    """The tenant's people in LDAP over TLS."""

    host: str
    port: int = 636
    base: str
    bind_dn: str
    password: SecretStr


class Relay(Model):
    """The municipality's mail relay; with ``tls`` nothing is sent without, and at port 465 it comes first.

    Without ``user`` it asks for no account.
    """

    server: str
    port: int = 25
    tls: bool = True
    user: str | None = None
    password: SecretStr = SecretStr("")
    sender: str


class Settings(Model):
    """Everything a platform process is told. What has a default is absent in the sandbox.

    ``region`` is the file that names the municipalities of the instance (see ``Region``); without ``relay``
    no mail is sent; ``state`` is a folder outside the database for what must not be altered with it.
    """

    tenant: Tenant
    release: str
    url: str
    authority: Path | None = None
    database: Database
    session_secret: SecretStr
    oidc: Oidc | None = None
    directory: Directory | None = None
    region: Path | None = None
    relay: Relay | None = None
    state: Path | None = None


def load_settings(path: Path | None = None) -> Settings:
    """The settings in a file, by default the one the environment names; all mistakes are told at once."""
    named = path or Path(os.environ.get(ENVIRONMENT_KEY, ""))
    if str(named) == ".":
        raise InputError(
            "P-SETTINGS-001",
            mark("The platform was not started"),
            mark("the environment variable {variable} does not name a settings file"),
            "{variable}=/etc/digione/platform/<tenant>.json digione-platform …",
            variable=ENVIRONMENT_KEY,
        )
    try:
        return Settings.model_validate_json(named.read_bytes())
    except OSError as error:
        raise InputError(
            "P-SETTINGS-002",
            mark("The platform's settings were not read"),
            "{file}: {reason}",
            mark(
                "run the command as the tenant's Unix user, or write the file again: digione apply <instance>"
            ),
            file=named,
            reason=error.strerror,
        ) from error
    except ValidationError as error:
        raise InputError(
            "P-SETTINGS-003",
            mark("The platform's settings are not valid"),
            "{file}: {mistakes}",
            mark("the file is written by the operator's side: digione apply <instance>"),
            file=named,
            mistakes="; ".join(_mistakes(error)),
        ) from error


def _mistakes(error: ValidationError) -> Iterator[str]:
    # The value itself is left out: it may be a secret.
    for mistake in error.errors(include_input=False, include_url=False):
        yield f"{'.'.join(map(str, mistake['loc'])) or 'file'}: {mistake['msg']}"
