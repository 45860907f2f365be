"""Control groups: the memory limit of a host, and the one sure list of its processes.

A host has a folder in the memory hierarchy (version 1), where there is one, and in the unified hierarchy
(version 2), where there is one. Its keeper and its machine have folders of their own in the unified one,
for there a folder that has processes cannot hand controllers on to the machine's own systemd.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from digione_cli.errors import DigioneError
from digione_cli.texts import t

MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True)
class Hierarchies:
    """Where control groups are on this machine; None where there are none."""

    memory: Path | None
    unified: Path | None
    systemd: Path | None = None  # systemd-nspawn leaves folders there

    @property
    def limits_memory(self) -> bool:
        """Whether a limit can be set here."""
        if self.memory:
            return os.access(self.memory, os.W_OK)
        return (
            self.unified is not None
            and "memory" in (self.unified / "cgroup.subtree_control").read_text().split()
        )


def hierarchies(mounts: str | None = None) -> Hierarchies:
    """Given the table of mounts (this machine's by default), where the hierarchies are."""
    memory = unified = systemd = None
    for line in (mounts or MOUNTS.read_text()).splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup" and "memory" in options.split(","):
            memory = Path(target)
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            systemd = Path(target)
        elif kind == "cgroup2":
            unified = Path(target)
    return Hierarchies(memory, unified, systemd)


@dataclass(frozen=True)
class Group:
    """The control groups of one host; ``name`` is ``<lab>/<host>``."""

    name: str
    where: Hierarchies

    @property
    def folders(self) -> list[Path]:
        where = self.where
        return [root / self.name for root in (where.memory, where.unified, where.systemd) if root]

    @property
    def keeper(self) -> list[Path]:
        """Folders that the keeper enters."""
        return self._parts("keeper")

    @property
    def machine(self) -> list[Path]:
        """Folders that systemd-nspawn enters."""
        return self._parts("machine")

    def create(self, memory_mb: int) -> None:
        """Makes the folders, with the limit set, before any process enters them."""
        for folder in [*self.keeper, *self.machine]:
            folder.mkdir(parents=True, exist_ok=True)
        if self.where.memory:
            (self.where.memory / self.name / "memory.limit_in_bytes").write_text(f"{memory_mb}M")
        elif self.where.unified:
            folder = self.where.unified / self.name
            for above in (folder.parent, folder):
                (above / "cgroup.subtree_control").write_text("+memory")
            (folder / "memory.max").write_text(f"{memory_mb}M")

    def processes(self) -> set[int]:
        found: set[int] = set()
        for folder in self.folders:
            for path, _, _ in os.walk(folder):
                try:
                    found.update(map(int, Path(path, "cgroup.procs").read_text().split()))
                except OSError:  # the folder went away meanwhile
                    continue
        return found - {0}

    def kill(self) -> None:
        """Ends every process at once, as a power cut does; raises D1-LAB-004 when one stays."""
        give_up = time.monotonic() + 30
        while pids := self.processes():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if time.monotonic() > give_up:
                raise DigioneError(
                    "D1-LAB-004",
                    t("Processes of {host} do not end", host=self.name),
                    t("the kernel still has {processes}", processes=", ".join(map(str, sorted(pids)))),
                    t("wait a little and run the same command again"),
                )
            time.sleep(0.02)

    def remove(self) -> None:
        """Deletes the folders; the lab's own goes with its last host."""
        for top in self.folders:
            for path, _, _ in os.walk(top, topdown=False):
                _remove_folder(Path(path))
            if top.parent.is_dir() and not any(entry.is_dir() for entry in top.parent.iterdir()):
                _remove_folder(top.parent)

    def _parts(self, part: str) -> list[Path]:
        parts = [self.where.memory / self.name] if self.where.memory else []
        return parts + ([self.where.unified / self.name / part] if self.where.unified else [])


def _remove_folder(folder: Path) -> None:
    """The kernel lets go of a group a moment after its last process."""
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
