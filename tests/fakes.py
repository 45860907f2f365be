"""A made-up outside for the command: hosts, Ansible and web servers that do what a test tells them."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from digione_cli.engine import recovery_kit
from digione_cli.engine.desired import Bundle, desired_state
from digione_cli.engine.load import load_instance
from digione_cli.engine.secrets import Secrets, SecretStore, stored_names, wanted
from digione_cli.engine.services import Services, load_services
from digione_cli.engine.situation import Situation
from digione_cli.errors import LockedError
from digione_cli.model.external import ExternalMail, ExternalPostgresql
from digione_cli.model.facts import Applied, Facts, Fingerprint, HostFacts, LockHolder
from digione_cli.model.instance import Instance
from digione_cli.settings import CHECKOUT, Settings
from digione_cli.ui.screen import JsonScreen
from digione_cli.world.ansible import PlayEvent, PlayRequest
from digione_cli.world.http import Answer
from digione_cli.world.postgresql import Server
from digione_cli.world.registry import Registry
from digione_cli.world.ssh import Target
from digione_cli.world.world import Envelope, World

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
BUNDLE = Bundle("2026.11-0123456789ab", "dist/bundle-2026.11-0123456789ab.tar", "ab" * 32)

INSTANCE = """\
release: "2026.11"
domain: digione.kuhmo.example
contact: operator@kuhmo.example
hosts:
  kuhmo1:
    address: 192.0.2.10
    user: admin
"""

TENANT = """\
code: "290"
oid: 1.2.246.562.99.00000002907
name: {fi: Kuhmo, sv: Kuhmo}
domain: koulu.kuhmo.example
"""

UPSTREAM = """\
identity:
  upstream: {kind: oidc, title: MPASSid, issuer: "https://login.example", client_id: kuhmo, match: account}
"""

COPIES = """\
backup: {targets: {copies: {kind: ssh, address: 192.0.2.20}}}
"""

TWO_HOSTS = """\
release: "2026.11"
domain: digione.kuhmo.example
contact: operator@kuhmo.example
hosts:
  front:
    address: 192.0.2.10
    user: admin
    services: [gateway, identity, platform]
  back:
    address: 192.0.2.11
    user: admin
    services: [postgresql, directory, monitoring]
"""


@cache
def services() -> Services:
    """The real services of the distribution."""
    return load_services(CHECKOUT / "roles")


def write_inventory(
    inventories: Path,
    name: str = "kuhmo",
    main: str = INSTANCE + COPIES,
    tenants: Mapping[str, str] | None = None,
) -> Path:
    """Write an inventory and return its folder."""
    folder = inventories / name
    (folder / "tenants").mkdir(parents=True)
    (folder / "instance.yml").write_text(main, encoding="utf-8")
    for slug, text in ({"kuhmo": TENANT} if tenants is None else tenants).items():
        (folder / f"tenants/{slug}.yml").write_text(text, encoding="utf-8")
    return folder


def sentinels(instance: Instance) -> Secrets:
    """Secrets that are easy to find again: every value begins with SENTINEL."""
    names = [part for name, kind in wanted(instance, services()).items() for part in stored_names(name, kind)]
    return Secrets({n: SecretStr(f"SENTINEL-{n}") for n in names}, "salt-of-the-tests")


def load(inventories: Path, name: str = "kuhmo") -> Instance:
    """Load an instance with the real services."""
    return load_instance(inventories, name, services())


def situation(instance: Instance, facts: Facts | None = None, secrets: Secrets | None = None) -> Situation:
    """A situation with sentinels for secrets; hosts are empty unless told otherwise."""
    known = secrets or sentinels(instance)
    of = services().of(instance)
    desired = desired_state(instance, of, known, BUNDLE)
    store = SecretStore(instance.folder, instance.folder.parent)
    return Situation(instance, of, store, known, desired, facts or empty(instance), NOW)


def host(**given: Any) -> HostFacts:
    """A healthy Debian 12 host on which nothing is."""
    healthy: dict[str, Any] = {
        "reached": True,
        "os": "debian-12",
        "memory_mb": 2000,
        "disk_free_mb": 20_000,
        "cpus": 2,
        "time": NOW.timestamp(),
    }
    return HostFacts(**healthy | given)


def empty(instance: Instance) -> Facts:
    """Facts of hosts on which nothing is."""
    return {name: host() for name in instance.hosts}


def applied(of: Situation) -> Situation:
    """The same situation after an apply that went well, with a recovery kit that fits."""
    if CHECKOUT not in of.instance.folder.parents:
        kit = {"made": NOW.isoformat(), "checksum": recovery_kit.checksum(of.secrets)}
        (of.instance.folder / recovery_kit.RECORD).write_text(json.dumps(kit))
    facts = {
        name: host(
            instance=of.instance.name,
            release=of.instance.release,
            services={s: _applied(of, s, f) for s, f in fingerprints.items()},
            backups=backed_up(),
        )
        for name, fingerprints in of.desired.fingerprints.items()
    }
    return replace(of, facts=facts)


def backed_up() -> dict[str, Any]:
    """What a host's backup program tells when all is well."""
    moment = NOW.isoformat()
    last = {"id": "20261124-110000", "ended": moment, "seconds": 7.0, "kind": "incr"}
    target = {"error": None, "until": moment}
    return {"points": [last], "last": last, "error": None, "targets": {"copies": target}, "gaps": []}


def _applied(of: Situation, service: str, fingerprint: Fingerprint) -> Applied:
    tenants = of.tenants() if of.services[service].holds_tenants else ()
    return Applied(fingerprint=fingerprint, at="2026-11-01T00:00:00Z", tenants=tenants)


def on_host(of: Situation, name: str, **changes: Any) -> Situation:
    """The same situation with other facts of one host."""
    return replace(of, facts=dict(of.facts) | {name: of.facts[name].model_copy(update=changes)})


def went_well(request: PlayRequest) -> Iterator[PlayEvent]:
    """Events of a play in which every step changes one thing on each host."""
    for step in request.steps:
        for name in step.where:
            yield PlayEvent("begin", host=name, step=step.id)
        for name in step.where:
            yield PlayEvent("changed", host=name, task="Write something")
            yield PlayEvent("end", host=name, step=step.id)


def host_key(letter: str) -> str:
    """An ssh host key as known_hosts has it; each letter gives another."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + letter.encode() * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


@dataclass
class FakeWorld(World):
    """The outside as a test wants it; ``did`` tells what was asked of it that changes anything."""

    settings: Settings
    facts: Facts
    events: Callable[[PlayRequest], Iterator[PlayEvent]] = went_well
    play_succeeds: bool = True
    holder: LockHolder | None = None
    answers: Callable[[str], Answer] = lambda url: Answer(200, '"authorization_endpoint": ""')
    server: Server = field(default_factory=lambda: Server(version=150_008, connections=97))
    relay_says: str = ""
    sudo_password: SecretStr | None = None
    apt_free_after: float = float("inf")  # seconds
    paused: float = 0  # seconds
    did: list[str] = field(default_factory=list)
    played: list[PlayRequest] = field(default_factory=list)
    envelope: Envelope = field(default_factory=lambda: Envelope(0, "", ""))
    given: list[bytes] = field(default_factory=list)
    backups: dict[str, dict[str, Any]] = field(default_factory=dict)  # answers by command

    def __post_init__(self) -> None:
        self.registry = Registry(self.settings.registry)

    def now(self) -> datetime:
        return NOW

    def who(self) -> str:
        return "maija@desk"

    def pause(self, seconds: float) -> None:
        self.paused += seconds
        if self.paused >= self.apt_free_after:
            freed = {"apt_locked_by": ""}
            self.facts = {name: facts.model_copy(update=freed) for name, facts in self.facts.items()}

    def look(self, instance: Instance) -> Facts:
        return self.facts

    @contextmanager
    def lock(self, instance: Instance, holder: LockHolder) -> Iterator[None]:
        if self.holder:
            why = f"{self.holder.who} since {self.holder.since}"
            raise LockedError("D1-LOCK-001", "locked", why, "wait")
        self.did.append("lock")
        yield
        self.did.append("unlock")

    def play(
        self, request: PlayRequest, on: Callable[[PlayEvent], None], cancelled: Callable[[], bool]
    ) -> bool:
        self.did.append("look for differences" if request.check else "play")
        self.played.append(request)
        for event in self.events(request):
            on(event)
        return self.play_succeeds

    def get(self, url: str, address: str, authority: str | None) -> Answer:
        return self.answers(url)

    def postgresql(
        self,
        target: Target,
        server: ExternalPostgresql,
        password: SecretStr,
        authority: str,
        roles: Sequence[str],
    ) -> Server:
        assert password.get_secret_value() == "SENTINEL-postgresql_admin"
        return self.server

    def relay(
        self,
        target: Target,
        mail: ExternalMail,
        sender: str,
        to: str,
        password: SecretStr | None,
        authority: str,
    ) -> str:
        return self.relay_says

    def build_bundle(self, tar: Path, identity: str, release: str, on: Callable[[str], None]) -> None:
        self.did.append(f"build {identity}")
        tar.parent.mkdir(parents=True, exist_ok=True)
        tar.write_text(identity)

    def follow(self, target: Target, command: Sequence[str], say: Callable[[str], object]) -> int:
        self.did.append(f"follow {target.name}: {' '.join(command)}")
        say("a line of the log\n")
        return 0

    def platform(
        self,
        target: Target,
        tenant: str,
        arguments: Sequence[str],
        stdin: bytes = b"",
        file: Path | None = None,
        mapping: Path | None = None,
    ) -> Envelope:
        self.did.append(f"platform {target.name} {tenant}: {' '.join(arguments)}")
        self.given.append(file.read_bytes() if file else stdin)
        self.given += [mapping.read_bytes()] if mapping else []
        return self.envelope

    def backup(
        self,
        target: Target,
        instance: str,
        arguments: Sequence[str],
        told: Mapping[str, Any] | None = None,
        seconds: float = 86_400,
    ) -> dict[str, Any] | None:
        command = " ".join(arguments)
        if not any(word in command for word in ("list", "--dry-run", "choose")):
            self.did.append(f"backup {target.name}: {command}")
        return self.backups.get(command.split(" --kind")[0], {})

    def host_keys(self, target: Target) -> list[str]:
        return [f"{target.host.address} {host_key('a')}"]


class FakeScreen(JsonScreen):
    """Remembers what was shown, as data."""

    @property
    def shown(self) -> dict[str, Any]:
        return self._shown
