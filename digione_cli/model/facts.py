"""What is true now on the hosts; gathered once, read-only."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from digione_cli.model.base import Model
from digione_cli.model.text import Slug


class _Seen(Model):
    """Facts come from hosts, perhaps of another release: unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


# A digest of each input that a service's state follows from, by the input's name. Old records have none.
Fingerprint = Annotated[dict[str, str], BeforeValidator(lambda seen: seen if isinstance(seen, dict) else {})]


class Drift(_Seen):
    """One difference between a host and what was applied last."""

    service: str
    kind: Literal["missing", "changed", "mode", "owner", "unknown", "unit", "probe"]
    subject: str = Field(description="path, unit or command")
    has: str = ""
    wants: str = ""


class Certificate(_Seen):
    """A certificate installed on a host."""

    path: str
    not_after: str = Field(description="ISO 8601, UTC")
    names: tuple[str, ...] = ()
    own: bool = Field(True, description="signed by the private authority of an instance")


class LockHolder(_Seen):
    """Who holds the instance's lock."""

    operation: str
    who: str
    machine: str
    verb: str
    since: str


class Applied(_Seen):
    """What state.json says of one service."""

    fingerprint: Fingerprint = Field(description="empty while being applied")
    at: str = ""
    tenants: tuple[Slug, ...] = Field((), description="tenants of whom something is there")
    leaving: bool = Field(False, description="while it is being taken off")


class Unit(_Seen):
    """One systemd unit."""

    active: str
    enabled: str = ""
    since: str = ""
    memory: int | None = None
    restarts: int = 0


class HostFacts(_Seen):
    """What the checker saw on one host."""

    reached: bool
    error: str = Field("", description="why the host was not reached")
    error_kind: str = ""
    error_fix: str = Field("", description="what to do about it")
    os: str = Field("", description="for example debian-12")
    systemd: bool = True
    memory_mb: int = 0
    disk_free_mb: int = 0
    cpus: int = 0
    boot_id: str = ""
    time: float = Field(0, description="seconds since the epoch on the host")
    instance: str = Field("", description="instance that the host belongs to, if any")
    release: str = ""
    bundle: str = ""
    services: dict[str, Applied] = {}
    kept: tuple[str, ...] = Field((), description="services that were removed and whose data was kept")
    drift: tuple[Drift, ...] = ()
    units: dict[str, Unit] = {}
    listening: dict[str, str] = Field({}, description="process by 'tcp/443'")
    certificates: tuple[Certificate, ...] = ()
    failed: dict[str, str] = Field({}, description="last line of its program's log by failed unit")
    restoring: bool = Field(False, description="whether a restore began there that has not ended")
    backups: dict[str, Any] = Field({}, description="how the backups of the host are")
    apt_locked_by: str = ""
    reboot_required: bool = False
    lock: LockHolder | None = None

    def of_another(self, instance: str) -> bool:
        """Whether the host belongs to another instance than this one."""
        return self.instance not in ("", instance)


Facts = dict[str, HostFacts]
