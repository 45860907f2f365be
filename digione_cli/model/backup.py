"""Where copies of an instance's backups go."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from digione_cli.model.base import Model, Port
from digione_cli.model.text import Address, HostName, UnixUser
from digione_cli.texts import t

_FOLDER = re.compile(r"/?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


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


class MountedTarget(Model):
    """A folder that is mounted on every host of the instance, such as a network drive."""

    kind: Literal["mounted"] = Field(description="how it is reached")
    folder: Annotated[str, AfterValidator(_full)] = Field(
        description="full path of the folder, on a mounted disk"
    )


Target = Annotated[SshTarget | MountedTarget, Field(discriminator="kind")]


class Backup(Model):
    """Copies of the recovery points, away from the hosts."""

    targets: dict[HostName, Target] = Field({}, description="where copies go, by a name of one's own")
