"""What a machine must have to host a lab. Every question is asked without changing anything."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from digione_cli.errors import PreconditionError
from digione_cli.lab import base
from digione_cli.lab.groups import hierarchies
from digione_cli.lab.run import installed, succeeds
from digione_cli.texts import mark, t

PROGRAMS = {  # program: its Debian package
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "iptables": "iptables",
    "ssh": "openssh-client",
    "useradd": "passwd",
    "unshare": "util-linux",
    "mount": "mount",
}
DISK_MB = 2048
TRIAL = ".trial-"
NO_CONTAINER = mark("use a real or virtual machine, not a container")


@dataclass(frozen=True)
class Missing:
    """What a lab needs and this machine lacks; a Debian package brings it, or ``fix`` says what does."""

    what: str
    package: str | None = None
    fix: str | None = None


def requirements(folder: Path) -> list[Missing]:
    """What is missing for a lab in ``folder``; empty when nothing is."""
    missing = [Missing(program, package) for program, package in PROGRAMS.items() if not installed(program)]
    if os.geteuid() != 0:
        return [Missing(t("root's rights"), fix=t("run it as root or with sudo")), *missing]
    if not missing:  # the other questions are asked with these programs
        missing.extend(_abilities(folder))
    return missing


def require(folder: Path) -> None:
    """Raises D1-LAB-001, naming all that is missing and how to get it."""
    if missing := requirements(folder):
        what = t("This machine cannot host a lab")
        raise PreconditionError("D1-LAB-001", what, why(missing), fix(missing))


def require_root(folder: Path) -> None:
    """Raises D1-LAB-001 for everybody but root, naming all else that is missing as well."""
    if os.geteuid() != 0:
        require(folder)


def why(missing: Sequence[Missing]) -> str:
    return t("missing: {things}", things=", ".join(item.what for item in missing))


def fix(missing: Sequence[Missing]) -> str:
    """Given what is missing, what to do, in one sentence."""
    packages = sorted({item.package for item in missing if item.package})
    ways = [item.fix for item in missing if item.fix]
    if packages:
        ways.append(f"apt-get install -y {' '.join(packages)}")
    return t("{ways} (or: digione sandbox runs the platform without a lab)", ways="; ".join(ways))


def _abilities(folder: Path) -> Iterator[Missing]:
    if not succeeds(["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "true"]):
        yield Missing(t("permission to make namespaces and mounts"), fix=t(NO_CONTAINER))
    else:
        yield from _kernel(folder)
    if not hierarchies().limits_memory:
        yield Missing(t("a writable memory control group"), fix=t(NO_CONTAINER))
    if not base.sources():
        sources = t("Debian 12 (bookworm) among apt's sources")
        yield Missing(sources, fix=t("apt-get update, on Debian 12"))
    if shutil.disk_usage(_existing(folder)).free < DISK_MB * 1024 * 1024:
        room = t("{size} MB of free disk for {folder}", size=DISK_MB, folder=folder)
        yield Missing(room, fix=t("free some disk space"))


def _kernel(folder: Path) -> Iterator[Missing]:
    """Asked in namespaces of their own, which vanish with the question."""
    with tempfile.TemporaryDirectory(dir=_existing(folder), prefix=TRIAL) as trial:
        for name in ("base", "upper", "work", "root"):
            Path(trial, name).mkdir()
        layers = f"cd '{trial}' && mount -t overlay -o lowerdir=base,upperdir=upper,workdir=work overlay root"
        if not succeeds(["unshare", "--mount", "sh", "-c", layers]):
            way = t("modprobe overlay, or a folder on ext4, xfs or btrfs")
            yield Missing(t("overlay mounts below {folder}", folder=folder), fix=way)
    network = (
        "ip link add lab type bridge && ip link add lab0 type veth peer name lab1"
        " && iptables -t nat -A POSTROUTING -m comment --comment lab -j MASQUERADE"
    )
    if not succeeds(["unshare", "--net", "sh", "-c", network]):
        way = "modprobe -a bridge veth iptable_nat"
        yield Missing(t("a kernel with bridge, veth and masquerading"), fix=way)


def _existing(folder: Path) -> Path:
    """The nearest folder above that is there already."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())
