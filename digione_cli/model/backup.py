"""Where copies of an instance's backups go."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from digione_cli.model.base import Model, Port
from digione_cli.model.text import Address, HostName, HttpsUrl, UnixUser
from digione_cli.texts import t

_FOLDER = re.compile(r"/?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


def _folder(value: str) -> str:
    if not _FOLDER.fullmatch(value) or ".." in value.split("/"):
        raise PydanticCustomError(
            "folder", "{told}", {"told": t("must be a folder's name of letters, digits, dots, hyphens and /")}
        )
    return value


def _full(value: str) -> str:
    if not value.startswith("/"):
        raise PydanticCustomError("folder", "{told}", {"told": t("must be a full path, beginning with /")})
    return _folder(value)


def _inner_folder(value: str) -> str:
    if value.startswith("/"):
        raise PydanticCustomError("folder", "{told}", {"told": t("must not begin with /")})
    return _folder(value)


def _bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        told = t("must be 3 to 63 small letters, digits, dots and hyphens")
        raise PydanticCustomError("bucket", "{told}", {"told": told})
    return value


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        told = t("must be the name of a region, such as eu-north-1")
        raise PydanticCustomError("region", "{told}", {"told": told})
    return value


class SshTarget(Model):
    """Another host, over ssh; it needs nothing but an ssh server that lets files be kept (SFTP)."""

    kind: Literal["ssh"] = Field(description="how it is reached")
    address: Address = Field(description="IP address or name at which ssh reaches the host")
    port: Port = Field(22, description="port of ssh")
    user: UnixUser = Field("digione-backup", description="user there who keeps the copies")
    folder: Annotated[str, AfterValidator(_folder)] = Field(
        "backups", description="folder there, from the user's home where it does not begin with /"
    )

    @property
    def known_as(self) -> str:
        """Its name in known_hosts."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.user}@{self.address} {self.folder}"


class MountedTarget(Model):
    """A folder that is mounted on every host of the instance, such as a network drive."""

    kind: Literal["mounted"] = Field(description="how it is reached")
    folder: Annotated[str, AfterValidator(_full)] = Field(
        description="full path of the folder, on a mounted disk"
    )

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self.folder


class S3Target(Model):
    """A bucket of a storage service that speaks S3; its keys are secrets of the instance."""

    kind: Literal["s3"] = Field(description="how it is reached")
    endpoint: HttpsUrl = Field(description="address of the storage service, beginning with https://")
    bucket: Annotated[str, AfterValidator(_bucket)] = Field(description="name of the bucket, which is there")
    region: Annotated[str, AfterValidator(_region)] | None = Field(
        None, description="region of the bucket, where the service has several"
    )
    folder: Annotated[str, AfterValidator(_inner_folder)] = Field(
        "backups", description="folder in the bucket: what the names of all objects begin with"
    )

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.endpoint} {self.bucket}/{self.folder}"


Target = Annotated[SshTarget | MountedTarget | S3Target, Field(discriminator="kind")]


class Backup(Model):
    """Copies of the recovery points, away from the hosts."""

    targets: dict[HostName, Target] = Field({}, description="where copies go, by a name of one's own")
