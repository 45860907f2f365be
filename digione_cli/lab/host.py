"""One host: its disk, its identity, its power switch."""

import os
import shlex
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from digione_cli.errors import PreconditionError
from digione_cli.lab import base, packages
from digione_cli.lab.groups import Group
from digione_cli.lab.names import with_block
from digione_cli.lab.network import Network
from digione_cli.lab.run import last_lines, remove, run, start, succeeds
from digione_cli.texts import t

State = Literal["running", "stopped"]
NAMES_LABEL = "digione lab"
MEMINFO = "var/lib/meminfo"
RESOLVERS, UPSTREAM_RESOLVERS = Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")

# systemd-nspawn ends with 133 when the host rebooted itself: then it is started again.
ENTER = 'for group in $ENTER; do echo $$ > "$group/cgroup.procs"; done; unset ENTER KEEPER; exec "$@"'
KEEP = (
    'for group in $KEEPER; do echo $$ > "$group/cgroup.procs"; done; '
    f'while sh -c {shlex.quote(ENTER)} sh "$@"; [ $? = 133 ]; do :; done'
)


@dataclass(frozen=True)
class LabHost:
    """What an inventory needs to know of a host."""

    name: str
    address: str
    state: State
    memory_mb: int
    user: str
    key: Path  # the private key that opens it
    host_key: str  # "ssh-ed25519 AAAA…": what it proves itself with
    link: str  # this machine's end of its network cable


@dataclass(frozen=True)
class Host:
    """A host of the lab in its folder ``hosts/<name>``.

    Running means processes, mounts, a network namespace and control groups; stopped means files only.
    """

    folder: Path
    number: int
    memory_mb: int
    network: Network
    group: Group

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def private(self) -> Path:
        """Closed to this machine's other users: on the disk lie the host's secrets."""
        return self.folder / "private"

    @property
    def root(self) -> Path:
        """Where the whole disk is mounted while the host runs."""
        return self.private / "root"

    @property
    def disk(self) -> Path:
        """What the host wrote over its layers."""
        return self.private / "upper"

    @property
    def layers(self) -> list[Path]:
        """What the host stands on, lowest first: links to its base image and to frozen disks."""
        links = sorted((self.private / "layers").glob("*"), key=lambda link: int(link.name))
        return [link for link in links if link.exists()]

    @property
    def namespace(self) -> Path:
        return self.folder / "network"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def host_key(self) -> str:
        """The public key, without its comment."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def state(self) -> State:
        return "running" if self.group.processes() else "stopped"

    def create(self, layers: Sequence[Path]) -> None:
        """An empty disk over ``layers``, and the key pair it proves itself with; what is there is left."""
        for folder in (self.private, self.disk, self.root, self.private / "layers"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700 if folder == self.private else 0o755)
        if not self.layers:
            for layer in layers:
                self._stand_on(layer)
        make_key(self.folder / "host_key", self.name)

    def freeze(self, layer: Path) -> None:
        """Turns what the host wrote, while it is off, into ``layer``, for others to stand on too."""
        if any(self.disk.iterdir()):
            layer.parent.mkdir(mode=0o700, exist_ok=True)
            self._stand_on(layer)  # first: a link that leads nowhere yet is passed over
            self.disk.rename(layer)
            self.create([])

    def furnish(self, login_key: str, sudo_password: str | None) -> None:
        """Writes onto the disk what makes this host itself, all but its key once. Needs the disk mounted."""
        private = (self.folder / "host_key").read_text()
        self._write("etc/ssh/ssh_host_ed25519_key", private, 0o600)
        self._write("etc/ssh/ssh_host_ed25519_key.pub", f"{self.host_key} {self.name}\n")
        done = self.folder / "furnished"
        if done.exists():
            return
        rule = f"{base.USER} ALL=(ALL:ALL) {'' if sudo_password else 'NOPASSWD: '}ALL\n"
        self._write("etc/sudoers.d/operator", rule, 0o440)
        self._write("etc/machine-id", "")
        ssh = self.root / "home" / base.USER / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        self._write(f"home/{base.USER}/.ssh/authorized_keys", login_key, 0o600)
        for path in (ssh, ssh / "authorized_keys"):
            os.chown(path, base.USER_ID, base.USER_GROUP_ID, follow_symlinks=False)
        if sudo_password:
            run(["chpasswd", f"--root={self.root}"], input=f"{base.USER}:{sudo_password}\n")
        done.touch()

    def mount(self, cache: Path) -> None:
        """Makes the disk whole: what the host wrote, over its layers.

        ``volatile`` saves every wait for the real disk. A power cut of the host loses nothing; a crash of
        this machine may: then the host is made anew.
        """
        packages.give(cache, self.disk)
        work = self.private / "work"
        remove(work)  # a mark in it says that the disk was volatile once, and forbids to go on
        work.mkdir()
        lower = ":".join(f"layers/{link.name}" for link in reversed(self.layers))
        options = f"lowerdir={lower},upperdir=upper,workdir=work,volatile"  # relative: paths may have : and ,
        run(["mount", "-t", "overlay", "-o", options, f"digione-lab-{self.name}", "root"], cwd=self.private)

    def introduce(self, lines: Sequence[str]) -> None:
        """Tells the host who the others are; ``lines`` are those of a hosts file."""
        file = self.root / "etc/hosts"
        before = file.read_text(encoding="utf-8") if file.is_file() and not file.is_symlink() else ""
        after = with_block(before, NAMES_LABEL, lines)
        if after != before:
            self._write("etc/hosts", after)

    def boot(self) -> None:
        """Plugs the cable in and switches the host on; its keeper outlives this process."""
        self._write("etc/hostname", f"{self.name}\n")
        self._write("etc/resolv.conf", resolvers())
        self._write(MEMINFO, meminfo(self.memory_mb))
        self.network.plug(self.number, self.namespace)
        self.group.create(self.memory_mb)
        self.console.write_bytes(b"")
        machine = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            f"--directory={self.root}",
            f"--machine={self.name}",
            f"--hostname={self.name}",
            f"--network-namespace-path={self.namespace}",
            "--capability=CAP_NET_ADMIN",
            f"--bind-ro=/{MEMINFO}:/proc/meminfo",  # systemd-nspawn looks for it in the host
            "--settings=no",
            "--register=no",
            "--keep-unit",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
        ]
        environment = {
            "KEEPER": " ".join(map(str, self.group.keeper)),
            "ENTER": " ".join(map(str, self.group.machine)),
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
            "SYSTEMD_NSPAWN_TMPFS_TMP": "0",  # /tmp on the disk, as on a server, not out of the memory limit
            "SYSTEMD_NSPAWN_LOCK": "0",
        }
        keeper = start(["sh", "-c", KEEP, f"digione-lab-{self.name}", *machine], self.console, environment)
        while self.state == "stopped" and keeper.poll() is None:
            time.sleep(0.005)

    def answers(self, ssh_config: Path) -> bool:
        """Whether its operator can sign in; asks over ssh with the pinned key."""
        ask = ["ssh", "-F", str(ssh_config), "-o", "ConnectTimeout=2", self.name, "true"]
        return succeeds(["timeout", "10", *ask])

    def wait(self, ssh_config: Path, seconds: int) -> None:
        """Until it answers; raises D1-LAB-003 when it does not in time, or ends."""
        give_up = time.monotonic() + seconds
        while not self.answers(ssh_config):
            if self.state == "stopped" or time.monotonic() > give_up:
                raise PreconditionError(
                    "D1-LAB-003",
                    t("The lab's host {host} does not come up", host=self.name),
                    last_lines(self.console.read_text(encoding="utf-8", errors="replace")),
                    t(
                        "read {file}, then digione lab down {host} and the same command again",
                        file=self.console,
                        host=self.name,
                    ),
                )
            time.sleep(0.1)

    def shut_down(self, seconds: int) -> None:
        """Asks the host to stop its services and halt, and waits; cuts the power when it does not."""
        for pid in self.group.processes():
            if _program(pid) == "systemd-nspawn":
                os.kill(pid, signal.SIGTERM)
        give_up = time.monotonic() + seconds
        while self.group.processes() and time.monotonic() < give_up:
            time.sleep(0.05)

    def power_off(self) -> None:
        """Ends all that makes the host run, at once; what it wrote stays. Nothing running is well."""
        self.group.kill()
        self.network.unplug(self.number, self.namespace)
        if self.root.is_mount():
            run(["umount", str(self.root)])
        self.group.remove()

    def delete(self) -> None:
        """Deletes a host that is off, disk and all."""
        remove(self.folder)

    def _stand_on(self, layer: Path) -> None:
        highest = max((int(link.name) for link in (self.private / "layers").iterdir()), default=-1)
        (self.private / "layers" / str(highest + 1)).symlink_to(layer)

    def _write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Replaces a file of the host, never following a link that the host may have put there."""
        file = self.root / path
        new = file.with_name(f".{file.name}.lab")
        new.unlink(missing_ok=True)
        created = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(created, "w", encoding="utf-8") as handle:
            os.fchmod(handle.fileno(), mode)
            handle.write(text)
        new.replace(file)


def make_key(file: Path, comment: str) -> None:
    """An ed25519 key pair in ``file`` (0600) and ``file.pub``, unless there is one."""
    if not file.exists():
        part = file.with_name(f"{file.name}.part")
        for leftover in (part, part.with_name(f"{part.name}.pub")):
            leftover.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(part)])
        part.with_name(f"{part.name}.pub").replace(file.with_name(f"{file.name}.pub"))
        part.replace(file)


def resolvers(ours: Path = RESOLVERS, upstream: Path = UPSTREAM_RESOLVERS) -> str:
    """Where names are looked up: where this machine does, but not at a resolver on its own loopback."""
    text = ours.read_text(encoding="utf-8")
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
    if all(server.startswith("127.") for server in servers) and upstream.exists():
        return upstream.read_text(encoding="utf-8")
    return text


def meminfo(memory_mb: int) -> str:
    """The kernel tells a container of the whole machine's memory; a host must see what it may use.

    Fixed numbers, as after boot: software sizes itself by them, and nobody can watch memory by them.
    """
    total = memory_mb * 1024
    sizes = {"MemTotal": total, "MemFree": total * 9 // 10, "MemAvailable": total * 9 // 10, "Buffers": 0}
    sizes |= {"Cached": total // 20, "SwapCached": 0, "SwapTotal": 0, "SwapFree": 0, "Shmem": 0, "Slab": 0}
    return "".join(f"{name + ':':<16}{kilobytes:>8} kB\n" for name, kilobytes in sizes.items())


def memory_of_machine(file: Path = Path("/proc/meminfo")) -> int:
    """All memory of this machine, in MB."""
    total = next(line for line in file.read_text().splitlines() if line.startswith("MemTotal:"))
    return int(total.split()[1]) // 1024


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
