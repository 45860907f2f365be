"""Real Debian 12 hosts on this machine, for trying, testing and rehearsing.

Every host is a systemd-nspawn machine on an overlay of one base image, with its own network namespace,
memory limit and disk. Below the line of ssh, nothing distinguishes it from a municipality's server.
"""

from digione_cli.lab.host import LabHost
from digione_cli.lab.lab import Lab

__all__ = ["Lab", "LabHost"]
