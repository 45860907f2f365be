"""What a lab remembers: ``lab.json`` in its folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from digione_cli.errors import PreconditionError
from digione_cli.texts import t, tn

FIRST, LAST = 11, 250


@dataclass(frozen=True)
class HostRecord:
    number: int  # last part of the address
    memory_mb: int
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabRecord:
    network: int | None = None  # third part of the addresses
    hosts: Mapping[str, HostRecord] = field(default_factory=dict)

    def with_host(self, name: str, host: HostRecord) -> "LabRecord":
        return replace(self, hosts={**self.hosts, name: host})

    def without(self, name: str) -> "LabRecord":
        return replace(self, hosts={other: host for other, host in self.hosts.items() if other != name})

    def free_number(self) -> int:
        """The lowest number that no host has; raises D1-LAB-008 when the lab is full."""
        taken = {host.number for host in self.hosts.values()}
        for number in range(FIRST, LAST + 1):
            if number not in taken:
                return number
        raise PreconditionError(
            "D1-LAB-008",
            t("No further host fits into this lab"),
            tn("it has {count} host", "it has {count} hosts", len(taken)),
            "digione lab down HOST",
        )


def load(file: Path) -> LabRecord:
    """Given a file, what it remembers; a missing file is a lab without hosts; raises D1-LAB-007."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        hosts = {
            str(name): HostRecord(int(host["number"]), int(host["memory_mb"]), tuple(host["domains"]))
            for name, host in data["hosts"].items()
        }
        return LabRecord(data["network"], hosts)
    except FileNotFoundError:
        return LabRecord()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PreconditionError(
            "D1-LAB-007",
            t("The lab's memory {file} cannot be read", file=file),
            str(error),
            t("mend the file, or stop all hosts, delete {folder} and begin anew", folder=file.parent),
        ) from error


def save(file: Path, record: LabRecord) -> None:
    """Writes the file whole or not at all."""
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as handle:
        json.dump(asdict(record), handle, indent=2)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(file)
