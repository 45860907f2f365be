"""A lab: hosts, their network and their names, in one folder."""

import re
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from digione_cli.errors import PreconditionError, UsageError
from digione_cli.lab import base, network, packages, record, relay, ssh, storage
from digione_cli.lab.groups import Group, hierarchies
from digione_cli.lab.host import Host, LabHost, make_key, memory_of_machine
from digione_cli.lab.names import address_of, label_of, lines, write_block
from digione_cli.lab.network import Network
from digione_cli.lab.record import HostRecord, LabRecord
from digione_cli.lab.requirements import TRIAL, require, require_root
from digione_cli.lab.run import remove, run
from digione_cli.texts import t
from digione_cli.world.files import locked

Progress = Callable[[str], None]
Hosts = list[LabHost]
Mails = list[relay.Mail]

_LABEL = "digione lab "
HOSTS_FILE = Path("/etc/hosts")
HOST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
MEMORY_MB = 2048
SMALL_MEMORY_MB = 256
BOOT_SECONDS = 120
SHUTDOWN_SECONDS = 90


def silent(_: str) -> None:
    """Tells nobody."""


class Lab:
    """The lab in ``folder``.

    ``store`` keeps what labs can share, base images and downloaded packages (default: the lab's folder);
    ``on`` is told what takes its time. Changing methods need root, and wait for each other across processes.
    """

    def __init__(self, folder: Path, *, store: Path | None = None, on: Progress = silent) -> None:
        self.folder = folder.absolute()
        self.store = (store or folder).absolute()
        self.on = on

    # What there is

    def list(self) -> Hosts:
        """Every host of this lab, by address; a lab that was never brought up has none."""
        remembered = record.load(self._record)
        hosts = sorted(remembered.hosts, key=lambda name: remembered.hosts[name].number)
        return [self._describe(self._host(remembered, name)) for name in hosts]

    def host(self, name: str) -> LabHost:
        """Given a name, the host; raises D1-LAB-009 when the lab has none of that name."""
        return self._describe(self._known(name))

    @property
    def ssh_config(self) -> Path:
        """For people: ``ssh -F <this file> <host>``."""
        return self.folder / "ssh_config"

    def mails(self, name: str) -> Mails:
        """Given a host that keeps mail, what it took, oldest first; raises D1-LAB-016 when it keeps none."""
        host = self._known(name)
        if not self._keeps_mail(host):
            raise UsageError(
                "D1-LAB-016",
                t("{host} keeps no mail", host=name),
                t("it is off") if host.state == "stopped" else t("it has no relay"),
                f"digione lab relay {name}",
            )
        return relay.kept(host.root)

    # What can be done

    def up(
        self, names: Sequence[str], memory_mb: int | None = None, *, sudo_password: str | None = None
    ) -> Hosts:
        """Hosts of these names, running and answering; those that run already are left alone.

        ``memory_mb`` limits hosts that are started now (default: what they had, 2048 when new); raises
        D1-LAB-015 when one runs with another limit, D1-LAB-017 when this machine has less, D1-LAB-013 when a
        name of theirs leads somewhere else by now. With ``sudo_password``, hosts made now ask for it.
        """
        check(names, memory_mb)
        with self._change():
            remembered = record.load(self._record)
            self._require_memory(remembered, names, memory_mb)
            off = [name for name in dict.fromkeys(names) if not self._runs(remembered, name)]
            if off:
                self._check_domains([name for host in remembered.hosts.values() for name in host.domains])
                remembered = self._make(remembered, off, memory_mb)
                self._start(remembered, off, sudo_password)
            self._wait([self._host(remembered, name) for name in names])
        return [self.host(name) for name in dict.fromkeys(names)]

    def keep_mail(self, name: str) -> LabHost:
        """A host that runs and keeps all mail that reaches it, at port 25; one that does is left alone."""
        self.up([name], None if name in record.load(self._record).hosts else SMALL_MEMORY_MB)
        with self._change():
            host = self._known(name)
            if not self._keeps_mail(host):
                self.on(t("installing a mail relay on {host}", host=name))
                run(["ssh", "-F", str(self.ssh_config), name, "sudo sh -s"], input=relay.INSTALL)
                packages.collect(host.disk, self._cache)
        return self.host(name)

    def keep_backups(self, name: str, public_key: str) -> LabHost:
        """A host that runs and keeps the backups of whoever has the other half of this key of ssh."""
        self.up([name], None if name in record.load(self._record).hosts else SMALL_MEMORY_MB)
        self.on(t("letting {host} keep backups", host=name))
        remote = shlex.join(["sudo", "sh", "-c", storage.INSTALL])
        run(["ssh", "-F", str(self.ssh_config), name, remote], input=public_key)
        return self.host(name)

    def stop(self, name: str) -> None:
        """Shuts a host down in good order; its disk stays, ``up`` starts it again."""
        with self._change():
            host = self._known(name)
            self.on(t("stopping {host}", host=name))
            host.shut_down(SHUTDOWN_SECONDS)
            self._off(host)

    def kill(self, name: str) -> None:
        """Cuts a host's power; its disk stays, ``up`` starts it again."""
        with self._change():
            self._off(self._known(name))

    def clone(self, source: str, name: str) -> LabHost:
        """A new host, off, with what is on the disk of ``source``, which must be off; nothing is copied.

        Its own are name, address, host key and machine id, and its first ``up`` says how sudo asks. All else
        is as ``source`` left it: packages, data, passwords, certificates, settings that name the source.
        """
        _check(name)
        with self._change():
            original = self._known(source)
            remembered = record.load(self._record)
            if original.state == "running":
                raise PreconditionError(
                    "D1-LAB-011",
                    t("{host} cannot be copied", host=source),
                    t("it is running"),
                    f"digione lab stop {source}",
                )
            if name in remembered.hosts:
                raise PreconditionError(
                    "D1-LAB-012",
                    t("{host} cannot be copied", host=source),
                    t("there is a host {other} already", other=name),
                    f"digione lab down {name}",
                )
            self.on(t("copying {host} to {other}", host=source, other=name))
            self._off(original)  # it may have halted by itself
            original.freeze(self._free_layer())
            remembered = remembered.with_host(name, HostRecord(remembered.free_number(), original.memory_mb))
            copy = self._host(remembered, name)
            copy.delete()  # what a killed command may have left
            copy.create([link.readlink() for link in original.layers])
            record.save(self._record, remembered)
            self._tell(remembered)
        return self.host(name)

    def resolve(self, host: str, domains: Sequence[str]) -> None:
        """Makes these names, and no earlier ones, lead to ``host``, on this machine and on the lab's hosts.

        Raises D1-LAB-013 when a name leads somewhere else on this machine already.
        """
        with self._change():
            self._known(host)
            self._check_domains(domains)
            remembered = record.load(self._record)
            domains = tuple(dict.fromkeys(domains))
            others = {
                name: replace(other, domains=tuple(old for old in other.domains if old not in domains))
                for name, other in remembered.hosts.items()
            }
            remembered = replace(remembered, hosts=others)
            remembered = remembered.with_host(host, replace(remembered.hosts[host], domains=domains))
            record.save(self._record, remembered)
            self._tell(remembered)

    def isolate(self) -> None:
        """Cuts all hosts off: they reach each other and answer this machine, until the lab is taken down."""
        with self._change():
            remembered = record.load(self._record)
            assert remembered.network is not None
            self.on(t("cutting the lab off from everything else"))
            Network(remembered.network, self.folder).isolate()

    def down(self, names: Sequence[str] | None = None, *, everything: bool = False) -> None:
        """Removes these hosts, or all: processes, mounts, disks, network, names.

        The store stays, so the next ``up`` is quick, unless ``everything``.
        """
        if not self.folder.is_dir():
            return
        with self._change():
            remembered = record.load(self._record)
            for name in list(remembered.hosts) if names is None else names:
                host = self._known(name)
                self.on(t("removing {host}", host=name))
                self._off(host)
                remembered = remembered.without(name)
                record.save(self._record, remembered)  # first: half a disk must never be started
                host.delete()
                self._tell(remembered)
            self._drop_layers(remembered)
            if not remembered.hosts:
                self._dismantle(remembered)
        if everything and not remembered.hosts:
            self._empty()

    # How

    @property
    def _record(self) -> Path:
        return self.folder / "lab.json"

    @property
    def _key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def _layers(self) -> Path:
        return self.folder / "layers"

    @property
    def _cache(self) -> Path:
        return self.store / "packages"

    @property
    def _label(self) -> str:
        return f"{_LABEL}{self.folder}"

    def _change(self) -> AbstractContextManager[None]:
        require_root(self.folder)
        return self._alone(self.folder / "lab.lock")

    def _alone(self, file: Path) -> AbstractContextManager[None]:
        return locked(file, self.on, t("waiting for another command that changes the lab"))

    def _host(self, remembered: LabRecord, name: str) -> Host:
        assert remembered.network is not None
        net = Network(remembered.network, self.folder)
        known = remembered.hosts[name]
        group = Group(f"{net.group}/{name}", hierarchies())
        return Host(self.folder / "hosts" / name, known.number, known.memory_mb, net, group)

    def _known(self, name: str) -> Host:
        remembered = record.load(self._record)
        if name not in remembered.hosts:
            raise UsageError(
                "D1-LAB-009",
                t("The lab has no host {host}", host=repr(name)),
                t("it has: {hosts}", hosts=", ".join(remembered.hosts) or "–"),
                "digione lab list",
            )
        return self._host(remembered, name)

    def _describe(self, host: Host) -> LabHost:
        address = str(host.network.address(host.number))
        link = host.network.link(host.number)
        return LabHost(
            host.name, address, host.state, host.memory_mb, base.USER, self._key, host.host_key, link
        )

    def _keeps_mail(self, host: Host) -> bool:
        return (host.root / relay.SETTINGS).is_file()

    def _runs(self, remembered: LabRecord, name: str) -> bool:
        return name in remembered.hosts and self._host(remembered, name).state == "running"

    def _require_memory(self, remembered: LabRecord, names: Sequence[str], memory_mb: int | None) -> None:
        for name in names:
            if memory_mb and self._runs(remembered, name):
                has = remembered.hosts[name].memory_mb
                if has != memory_mb:
                    raise PreconditionError(
                        "D1-LAB-015",
                        t("{host} did not get {size} MB of memory", host=name, size=memory_mb),
                        t("it runs with {size} MB", size=has),
                        t("digione lab stop {host}, then the same command again", host=name),
                    )

    def _make(self, remembered: LabRecord, names: Sequence[str], memory_mb: int | None) -> LabRecord:
        """What hosts of these names need to start. A host is remembered once its files are there."""
        new = [name for name in names if name not in remembered.hosts]
        layers = [self._image()] if new else []
        if remembered.network is None:
            remembered = replace(remembered, network=network.choose(self.folder, network.taken()))
        for name in remembered.hosts:
            packages.collect(self._host(remembered, name).disk, self._cache)
        for name in names:
            known = remembered.hosts.get(name) or HostRecord(remembered.free_number(), MEMORY_MB)
            remembered = remembered.with_host(name, replace(known, memory_mb=memory_mb or known.memory_mb))
        for name in new:
            host = self._host(remembered, name)
            host.delete()  # what a killed command may have left
            host.create(layers)
        record.save(self._record, remembered)
        return remembered

    def _image(self) -> Path:
        """The base image and the key of all hosts; raises D1-LAB-001 when this machine cannot host them."""
        require(self.folder)
        make_key(self._key, "digione lab")
        with self._alone(self.store / "store.lock"):
            return base.build(self.store, self.on)

    def _start(self, remembered: LabRecord, names: Sequence[str], sudo_password: str | None) -> None:
        self.on(t("starting {hosts}", hosts=", ".join(names)))
        hosts = [self._host(remembered, name) for name in names]
        for host in hosts:
            host.power_off()  # what a host left that halted by itself, or a machine that went down
            host.network.up()
            host.mount(self._cache)
            host.furnish(self._key.with_suffix(".pub").read_text(), sudo_password)
        self._tell(remembered)
        for host in hosts:
            host.boot()

    def _wait(self, hosts: Sequence[Host]) -> None:
        """Until all answer."""
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(lambda host: host.wait(self.ssh_config, BOOT_SECONDS), hosts):
                continue

    def _tell(self, remembered: LabRecord) -> None:
        """Brings names to this machine and all mounted hosts, and ssh's files up to date."""
        hosts = [self._host(remembered, name) for name in remembered.hosts]
        block = lines(
            {
                str(host.network.address(host.number)): [host.name, *remembered.hosts[host.name].domains]
                for host in hosts
            }
        )
        write_block(HOSTS_FILE, self._label, block)
        for host in hosts:
            if host.root.is_mount():
                host.introduce(block)
        known_hosts = self.folder / "known_hosts"
        described = [self._describe(host) for host in hosts]
        known_hosts.write_text(ssh.known_hosts(described))
        self.ssh_config.write_text(ssh.config(described, known_hosts))

    def _check_domains(self, domains: Sequence[str]) -> None:
        """They must be fit for a hosts file, and lead nowhere yet or to a host of this lab.

        What a lab left there that is not up loses its names.
        """
        ours = {None, *(host.address for host in self.list())}
        for domain in domains:
            if not DOMAIN.fullmatch(domain):
                raise UsageError(
                    "D1-LAB-014",
                    t("{domain} cannot lead to a host", domain=repr(domain)),
                    t("a domain has small letters a-z, digits, dashes and dots"),
                    t("correct the name"),
                )
            hosts = HOSTS_FILE.read_text(encoding="utf-8")
            address, label = address_of(hosts, domain), label_of(hosts, domain)
            if address in ours:
                continue
            of_a_lab = label is not None and label.startswith(_LABEL)
            if label and of_a_lab and not network.is_up(str(address)):  # it went down with this machine
                write_block(HOSTS_FILE, label, [])
            else:
                raise PreconditionError(
                    "D1-LAB-013",
                    t("{domain} cannot lead to this lab", domain=domain),
                    t("{file} has {address} for it", file=HOSTS_FILE, address=address),
                    t("digione lab down in the checkout whose lab that is, or take the line out"),
                )

    def _off(self, host: Host) -> None:
        """Power off; what the host downloaded is kept for others."""
        host.power_off()
        packages.collect(host.disk, self._cache)

    def _free_layer(self) -> Path:
        """Where the next frozen disk goes."""
        return self._layers / str(1 + max((int(layer.name) for layer in self._layers.glob("*")), default=0))

    def _drop_layers(self, remembered: LabRecord) -> None:
        """Deletes frozen disks that no host stands on any more."""
        hosts = (self._host(remembered, name) for name in remembered.hosts)
        used = {link.readlink() for host in hosts for link in host.layers}
        for layer in set(self._layers.glob("*")) - used:
            remove(layer)

    def _dismantle(self, remembered: LabRecord) -> None:
        """What the lab has in common: network, names, keys, record."""
        if remembered.network is not None:
            Network(remembered.network, self.folder).down()
        write_block(HOSTS_FILE, self._label, [])
        remove(self.folder / "hosts")
        remove(self._layers)
        for trial in self.folder.glob(f"{TRIAL}*"):  # of a killed command
            remove(trial)
        for name in ("ssh_config", "known_hosts", "id_ed25519", "id_ed25519.pub", "lab.json"):
            (self.folder / name).unlink(missing_ok=True)

    def _empty(self) -> None:
        """Base images, packages and the folder itself, if nothing of others is in it."""
        for image in self.store.glob("base-*"):
            remove(image)
        remove(self._cache)
        for file in (self.store / "store.lock", self.folder / "lab.lock"):
            file.unlink(missing_ok=True)
        for folder in {self.folder, self.store}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def check(names: Sequence[str], memory_mb: int | None) -> None:
    """Raises UsageError unless hosts can have these names, and this machine has so much memory for one."""
    for name in names:
        _check(name)
    most = memory_of_machine()
    if memory_mb and memory_mb > most:
        raise UsageError(
            "D1-LAB-017",
            t("No host was started with {size} MB of memory", size=memory_mb),
            t("this machine has {size} MB", size=most),
            f"digione lab up {' '.join(names)} --memory {MEMORY_MB}",
        )


def _check(name: str) -> None:
    if not HOST_NAME.fullmatch(name):
        raise UsageError(
            "D1-LAB-010",
            t("{host} cannot be the name of a host", host=repr(name)),
            t("it takes small letters a-z, digits and dashes, a letter first, at most 30"),
            "digione lab up mallila1",
        )
