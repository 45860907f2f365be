"""Files for ssh, so that a person reaches a host by its name: ``ssh -F .lab/ssh_config mallila1``."""

from collections.abc import Sequence
from pathlib import Path

from digione_cli.lab.host import LabHost


def config(hosts: Sequence[LabHost], known_hosts: Path) -> str:
    """Given hosts and the file with their keys, the settings of ssh."""
    text = []
    for host in hosts:
        text += [
            f"Host {host.name} {host.address}",
            f"  HostName {host.address}",
            f"  User {host.user}",
            f'  IdentityFile "{host.key}"',
        ]
    text += [
        "Host *",
        f'  UserKnownHostsFile "{known_hosts}"',
        "  StrictHostKeyChecking yes",
        "  IdentitiesOnly yes",
        "  BatchMode yes",
        "  LogLevel ERROR",
    ]
    return "".join(f"{line}\n" for line in text)


def known_hosts(hosts: Sequence[LabHost]) -> str:
    """Given hosts, what they prove themselves with."""
    return "".join(f"{host.name},{host.address} {host.host_key}\n" for host in hosts)
