"""The base image: a Debian 12 server as its installer leaves it, reaching archives the way this machine does.

An image is named by a hash of its recipe: a changed recipe is another image; hosts keep theirs.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from digione_cli.lab.run import remove, run
from digione_cli.texts import t

SUITE = "bookworm"
USER, USER_ID, USER_GROUP_ID = "operator", 1000, 100

PACKAGES = (
    "acl", "bash-completion", "ca-certificates", "cron", "dbus", "debian-archive-keyring", "file", "gpg",
    "iproute2", "iputils-ping", "kmod", "less", "libnss-systemd", "libpam-systemd", "logrotate", "nano",
    "netbase", "nftables", "openssh-server", "openssl", "procps", "python3", "python3-apt", "sudo",
    "systemd-sysv", "systemd-timesyncd", "tzdata", "wget", "xz-utils",
)  # fmt: skip

AUTHORITIES = "usr/local/share/ca-certificates"
FILES = {
    # Root has no way in; the operator has a key.
    "etc/ssh/sshd_config.d/90-lab.conf": "PermitRootLogin no\nPasswordAuthentication no\nUseDNS no\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
}
# A container has no kernel and no disks of its own to look after.
MASKED = (
    "console-getty.service", "dev-hugepages.mount", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "getty.target", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "systemd-modules-load.service",
)  # fmt: skip
APT = """\
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
"""
# Hosts are thrown away: waiting for the disk at every file would only cost time.
DPKG = """\
force-unsafe-io
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-include=/usr/share/locale/locale.alias
"""
# What of this machine's apt settings says how archives are reached.
REACH = ("Acquire::http", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIP")


@dataclass(frozen=True)
class Recipe:
    """Everything an image is made of."""

    sources: tuple[str, ...]
    apt: str
    certificates: dict[str, str]
    packages: tuple[str, ...] = PACKAGES
    dpkg: str = DPKG
    masked: tuple[str, ...] = MASKED
    format: int = 1  # raised when the way of building below changes

    @property
    def image(self) -> str:
        """The name of the image's folder."""
        text = json.dumps([asdict(self), FILES, USER, SUITE], sort_keys=True)
        return f"base-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def recipe() -> Recipe:
    """The recipe on this machine."""
    authorities = Path("/", AUTHORITIES).glob("*.crt")
    return Recipe(
        sources=tuple(sources()),
        apt=APT + reach(run(["apt-config", "dump", "--no-empty"])),
        certificates={file.name: file.read_text(encoding="utf-8") for file in sorted(authorities)},
    )


@cache
def sources() -> list[str]:
    """This machine's sources of Debian 12, as lines for apt."""
    targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"])
    return source_lines(targets.splitlines())


def source_lines(targets: Iterable[str]) -> list[str]:
    """Given ``uri release component`` of what apt reads, lines for the parts of Debian 12 that hosts use."""
    wanted = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    found = {tuple(words) for target in targets if len(words := target.split()) == 3}
    return sorted(
        f"deb {uri} {release} {part}" for uri, release, part in found if release in wanted and part == "main"
    )


def reach(dump: str) -> str:
    """Given apt's settings, those on how archives are reached (proxies, certificates, checks of dates)."""
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(REACH))


def build(store: Path, on: Callable[[str], None]) -> Path:
    """The folder of this machine's image in ``store``, built if missing (30 s), whole or not at all."""
    wanted = recipe()
    image = store / wanted.image
    if not image.is_dir():
        on(t("building the base image of the lab's hosts (Debian 12, about half a minute)"))
        part = store / f"{wanted.image}.part"
        remove(part)
        _bootstrap(wanted, part)
        _furnish(wanted, part)
        part.rename(image)
    return image


# What it starts ends with this process, however that ends, and what it mounts is seen and left nowhere else.
ALONE = (
    "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip


def _bootstrap(wanted: Recipe, root: Path) -> None:
    settings = root.with_suffix(".apt"), root.with_suffix(".dpkg")
    settings[0].write_text(wanted.apt)
    settings[1].write_text(wanted.dpkg)
    run(
        [
            *ALONE,
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={','.join(wanted.packages)}",
            f"--aptopt={settings[0]}",
            f"--dpkgopt={settings[1]}",
            "--skip=cleanup/apt/lists",  # a host's first apt-get update then only asks what is new
            SUITE,
            str(root),
            "-",
        ],
        input="".join(f"{line}\n" for line in wanted.sources),
    )
    for file in settings:
        file.unlink()


def _furnish(wanted: Recipe, root: Path) -> None:
    """What the installer asks for: names of authorities, a user, what starts at boot."""
    authorities = {f"{AUTHORITIES}/{name}": text for name, text in wanted.certificates.items()}
    for path, text in {**FILES, **authorities}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    run(["chroot", str(root), "update-ca-certificates"])
    for unit in wanted.masked:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (root / "etc/systemd/system/default.target").symlink_to("/lib/systemd/system/multi-user.target")
    account = [f"--uid={USER_ID}", f"--gid={USER_GROUP_ID}", "--create-home", "--shell=/bin/bash"]
    run(["useradd", f"--root={root}", *account, "--password=*", USER])
    for key in (root / "etc/ssh").glob("ssh_host_*"):  # every host gets its own
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for name in ("etc/hostname", "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
