"""The lab's network: a bridge, a masqueraded /24 of 10.97.0.0/16, and per host a namespace with one cable.

Everything made here carries the lab's name ``digione<number>``, so it can be found and taken away.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from digione_cli.errors import PreconditionError
from digione_cli.lab.run import run, succeeds
from digione_cli.texts import t

RANGE = IPv4Network("10.97.0.0/16")
INTERFACES = Path("/sys/class/net")


@dataclass(frozen=True)
class Network:
    """Network ``number`` of the range, for the lab in ``folder``."""

    number: int
    folder: Path

    @property
    def name(self) -> str:
        """Of the bridge and the rules."""
        return f"digione{self.number}"

    @property
    def group(self) -> str:
        """Of the lab's control group: never another lab's, even one that had this number before."""
        return f"{self.name}-{_digest(self.folder).hex()[:8]}"

    @property
    def net(self) -> IPv4Network:
        return subnet(self.number)

    @property
    def gateway(self) -> IPv4Address:
        return self.net[1]

    @property
    def owner(self) -> str:
        """The mark on the bridge that tells whose it is (the kernel keeps 255 bytes)."""
        return str(self.folder)[-200:]

    def address(self, number: int) -> IPv4Address:
        return self.net[number]

    def hardware(self, number: int) -> str:
        """A host's hardware address: always the same, for others remember it while the host is off."""
        return f"02:d1:{self.address(number).packed.hex(':')}"

    def link(self, number: int) -> str:
        """This machine's end of a host's cable."""
        return f"{self.name}-{number}"

    def up(self) -> None:
        """Bridge, forwarding, masquerading; what is there is left; D1-LAB-005 if another lab has the net."""
        owner = self._bridge_owner()
        if owner is None:
            run(["ip", "link", "add", self.name, "mtu", str(mtu()), "type", "bridge"])
        elif owner not in ("", self.owner):  # empty: a command was killed here
            raise PreconditionError(
                "D1-LAB-005",
                t("This lab's network {network} is taken", network=self.net),
                t("the lab in {folder} uses it now", folder=owner),
                t("digione lab down there, or digione lab down here, after which this lab chooses anew"),
            )
        # Only IPv4: an address of the other kind that comes by itself, here and at each port, is a change of
        # this machine's network, which breaks its browsers' connections.
        run(["ip", "link", "set", "dev", self.name, "alias", self.owner, "addrgenmode", "none"])
        run(["ip", "link", "set", "dev", self.name, "up"])
        run(["ip", "address", "replace", f"{self.gateway}/{self.net.prefixlen}", "dev", self.name])
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        for table, chain, rule in self._rules():
            if not succeeds([*_IPTABLES, *table, "-C", chain, *rule]):
                run([*_IPTABLES, *table, "-I", chain, *rule])

    def down(self) -> None:
        """Takes bridge and rules away; nothing there is well, and another lab's are left."""
        owner = self._bridge_owner()
        if owner not in (None, "", self.owner):
            return
        for table, chain, rule in (*self._rules(), *self._isolation()):
            while succeeds([*_IPTABLES, *table, "-D", chain, *rule]):
                continue
        if owner is not None:
            run(["ip", "link", "delete", self.name])

    def isolate(self) -> None:
        """Cuts the network off: its hosts reach each other and answer this machine, and nothing else."""
        for table, chain, rule in self._isolation():
            if not succeeds([*_IPTABLES, *table, "-C", chain, *rule]):
                run([*_IPTABLES, *table, "-I", chain, *rule])

    def plug(self, number: int, namespace: Path) -> None:
        """Makes a namespace, kept by the file ``namespace``, its eth0 cabled to the bridge."""
        namespace.touch()
        run(["unshare", f"--net={namespace}", "true"])
        link, size = self.link(number), ["mtu", str(mtu())]
        peer = ["peer", "name", "eth0", "address", self.hardware(number), *size, "netns", str(namespace)]
        run(["ip", "link", "add", "name", link, *size, "type", "veth", *peer])
        run(["ip", "link", "set", "dev", link, "master", self.name, "addrgenmode", "none", "up"])
        commands = f"""
            link set lo up
            address add {self.address(number)}/{self.net.prefixlen} dev eth0
            link set eth0 up
            route add default via {self.gateway}
        """
        run(["nsenter", f"--net={namespace}", "ip", "-batch", "-"], input=commands)

    def unplug(self, number: int, namespace: Path) -> None:
        """The reverse; nothing there is well."""
        if not namespace.exists():
            return
        if (INTERFACES / self.link(number)).exists():
            run(["ip", "link", "delete", self.link(number)])
        while succeeds(["umount", str(namespace)]):
            continue
        namespace.unlink()

    def _bridge_owner(self) -> str | None:
        try:
            return (INTERFACES / self.name / "ifalias").read_text().rstrip("\n")
        except FileNotFoundError:
            return None

    def _rules(self) -> Iterator[tuple[list[str], str, list[str]]]:
        mark = ["-m", "comment", "--comment", self.name]
        net = str(self.net)
        yield ["-t", "nat"], "POSTROUTING", ["-s", net, "!", "-d", net, *mark, "-j", "MASQUERADE"]
        yield [], "FORWARD", ["-i", self.name, *mark, "-j", "ACCEPT"]
        yield [], "FORWARD", ["-o", self.name, *mark, "-j", "ACCEPT"]

    def _isolation(self) -> Iterator[tuple[list[str], str, list[str]]]:
        """Before all that accepts; what was open goes, too."""
        mark = ["-m", "comment", "--comment", self.name]
        yield [], "FORWARD", ["-i", self.name, *mark, "-j", "DROP"]
        yield [], "FORWARD", ["-o", self.name, *mark, "-j", "DROP"]
        begun = ["-m", "conntrack", "--ctdir", "ORIGINAL"]
        yield [], "INPUT", ["-i", self.name, *begun, *mark, "-j", "DROP"]


_IPTABLES = ["iptables", "-w", "10"]


def _digest(folder: Path) -> bytes:
    return hashlib.sha256(str(folder).encode()).digest()


def subnet(number: int) -> IPv4Network:
    return list(RANGE.subnets(new_prefix=24))[number]


def choose(folder: Path, taken: Sequence[IPv4Network]) -> int:
    """Given a lab's folder and the networks this machine knows, a free one, the same whenever it can be."""
    first = int.from_bytes(_digest(folder)[:4])
    for step in range(254):
        number = (first + step) % 254 + 1
        if not any(subnet(number).overlaps(other) for other in taken):
            return number
    raise PreconditionError(
        "D1-LAB-006",
        t("There is no free network for the lab"),
        t("every /24 of {range} is routed on this machine already", range=RANGE),
        t("ip route shows them; take down labs that are not needed (digione lab down)"),
    )


def is_up(address: str) -> bool:
    """Whether the network of a lab's host is there: after a restart of this machine none is."""
    return IPv4Address(address) in RANGE and (INTERFACES / f"digione{address.split('.')[2]}").exists()


def known(routes: Iterable[str]) -> list[IPv4Network]:
    """Given the destinations of this machine's routes, the networks among them."""
    return [IPv4Network(route) for route in routes if route != "default"]


def taken() -> list[IPv4Network]:
    """The networks this machine has addresses in or routes to."""
    return known(str(route["dst"]) for route in json.loads(run(["ip", "-json", "-4", "route"]) or "[]"))


def mtu() -> int:
    """The largest packet that leaves this machine whole: hosts must not send larger ones."""
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "default"]) or "[]"):
        return int((INTERFACES / str(route["dev"]) / "mtu").read_text())
    return 1500
