"""The World: everything outside that a verb touches, behind one value. Tests pass another."""

from __future__ import annotations

import base64
import getpass
import json
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError

from digione_cli.errors import DigioneError, LockedError, PreconditionError
from digione_cli.model.facts import Facts, HostFacts, LockHolder
from digione_cli.settings import CHECKOUT, Settings
from digione_cli.texts import language, moment, t
from digione_cli.world import ansible, build, http, postgresql, relay, ssh
from digione_cli.world.files import clean_environment
from digione_cli.world.process import chunks
from digione_cli.world.registry import Registry
from digione_cli.world.ssh import Target

if TYPE_CHECKING:
    from digione_cli.model.external import ExternalMail, ExternalPostgresql
    from digione_cli.model.instance import Instance

_MAX_LINE = 100_000  # bytes of what a lock says
_MAX_REPORT = 200_000_000  # bytes of what the platform's command says: accounts of the largest municipality


@dataclass(frozen=True)
class Envelope:
    """Exit code and output of a command on a host, and the file that it wrote, as base 64."""

    exit: int
    stdout: str
    stderr: str
    file: str = ""


# A little more than the platform reads of a mapping, so that it says itself that one is too large.
_MAX_MAPPING = 65 * 1024


def _small(path: Path) -> dict[str, str]:
    with path.open("rb") as stream:
        return {"name": path.name, "content": base64.b64encode(stream.read(_MAX_MAPPING)).decode()}


class World:
    """The real outside: ssh, ansible, http, files, clock and the registry."""

    def __init__(self, settings: Settings, sudo_password: SecretStr | None = None) -> None:
        self.settings = settings
        self.sudo_password = sudo_password
        self.registry = Registry(settings.registry)

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def who(self) -> str:
        """Return ``user@machine`` of the operator."""
        return f"{getpass.getuser()}@{ssh.this_machine()}"

    def targets(self, instance: Instance) -> list[Target]:
        """Given an instance, return how its hosts are reached."""
        known_hosts = instance.folder.resolve() / "known_hosts"
        return [Target(name, host, known_hosts) for name, host in instance.hosts.items()]

    def storage(self, instance: Instance) -> list[Target]:
        """Given an instance, return the hosts that keep copies of its backups, as far as they speak ssh."""
        from digione_cli.model.instance import Host

        known_hosts = instance.folder.resolve() / "known_hosts"
        return [
            Target(name, Host(address=one.address, user=one.user, port=one.port), known_hosts)
            for name, one in instance.backup.targets.items()
            if one.kind == "ssh"
        ]

    def look(self, instance: Instance) -> Facts:
        """Look at all hosts at once, one ssh round trip each. A host not reached is a fact, too."""
        targets = self.targets(instance)
        with ThreadPoolExecutor(max_workers=min(20, len(targets))) as pool:
            return dict(zip(instance.hosts, pool.map(self._look, targets), strict=True))

    def _look(self, target: Target) -> HostFacts:
        try:
            answer = ssh.run(target, "checker", sudo_password=self.sudo_password)
            try:
                return HostFacts.model_validate(answer)
            except ValidationError:
                raise ssh.unreadable(target) from None
        except DigioneError as e:
            return HostFacts(reached=False, error=e.why, error_kind=e.id, error_fix=e.fix)

    @contextmanager
    def lock(self, instance: Instance, holder: LockHolder) -> Iterator[None]:
        """Hold the lock on the hosts of an instance while the block runs; pass over those not to be got into.

        Raises:
            LockedError: somebody else holds it.
            PreconditionError, IntegrityError: sudo refuses, or the host key is not the pinned one.
        """
        with ExitStack() as held:
            for target in self.targets(instance):
                try:
                    held.enter_context(self._lock(target, holder))
                except DigioneError as e:
                    if e.id not in ssh.NOT_LET_IN:
                        raise
            yield

    @contextmanager
    def _lock(self, target: Target, holder: LockHolder) -> Iterator[None]:
        line = json.dumps(holder.model_dump()).encode() + b"\n"
        process = ssh.start(target, "lock", line, self.sudo_password)
        try:
            answer = _first_line(process)
            if answer != b"locked":
                raise _locked(target, process, answer)
            yield
        finally:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def play(
        self,
        request: ansible.PlayRequest,
        on: Callable[[ansible.PlayEvent], None],
        cancelled: Callable[[], bool],
    ) -> bool:
        """Play role steps with Ansible; return whether all went well."""
        return ansible.play(request, on, cancelled)

    def get(self, url: str, address: str, authority: str | None) -> http.Answer:
        """Ask a host for an HTTPS address without DNS."""
        return http.get(url, address, authority)

    def postgresql(
        self,
        target: Target,
        server: ExternalPostgresql,
        password: SecretStr,
        authority: str,
        roles: Sequence[str],
    ) -> postgresql.Server:
        """Look, through a host, at the municipality's own PostgreSQL server."""
        return postgresql.look(target, server, password, authority, roles)

    def relay(
        self,
        target: Target,
        mail: ExternalMail,
        sender: str,
        to: str,
        password: SecretStr | None,
        authority: str,
    ) -> str:
        """Ask, through a host, the municipality's own mail relay; return what is wrong, or an empty text."""
        return relay.look(target, mail, sender, to, password, authority)

    def build_bundle(self, tar: Path, identity: str, release: str, on: Callable[[str], None]) -> None:
        """Build a bundle."""
        build.build_bundle(CHECKOUT, tar, identity, release, on)

    def follow(self, target: Target, command: Sequence[str], say: Callable[[str], object]) -> int:
        """Run a command on a host and say what it says as soon as it does."""
        return ssh.follow(target, command, say, self.sudo_password)

    def platform(
        self,
        target: Target,
        tenant: str,
        arguments: Sequence[str],
        stdin: bytes = b"",
        file: Path | None = None,
        mapping: Path | None = None,
    ) -> Envelope:
        """Run a command of the platform on a host as the tenant's user.

        ``file`` is what the argument FILE stands for; it is streamed to the host. MAPPING stands for a small
        file, of which no more is sent than the platform reads. OUT stands for a file that the command writes.

        Raises:
            PreconditionError: the tenant's platform is not installed there.
        """
        request = {
            "tenant": tenant,
            "arguments": list(arguments),
            "file": file.name if file else "",
            "mapping": _small(mapping) if mapping else None,
            "language": language(),
            "operator": self.who(),
        }
        first = json.dumps(request).encode() + b"\n"
        given = chain([first], chunks(file) if file else [stdin])
        answer = ssh.run(target, "platform", given, self.sudo_password, timeout=3600, most=_MAX_REPORT)
        if answer is None:
            raise PreconditionError(
                "D1-PLATFORM-001",
                t("The command was not carried out"),
                t("the platform of {tenant} is not installed on {host}", tenant=tenant, host=target.name),
                f"digione apply {target.instance}",
            )
        try:
            return Envelope(
                int(answer["exit"]), str(answer["stdout"]), str(answer["stderr"]), str(answer["file"])
            )
        except (LookupError, TypeError, ValueError):
            raise ssh.unreadable(target) from None

    def backup(
        self,
        target: Target,
        instance: str,
        arguments: Sequence[str],
        told: Mapping[str, Any] | None = None,
        seconds: float = 86_400,
    ) -> dict[str, Any] | None:
        """Carry out a command of a host's backup program and return its answer; None where there is none.

        That of another instance refuses it (D1-BACKUP-031).
        """
        request = {"instance": instance, "arguments": list(arguments), "told": told or {}}
        line = json.dumps(request).encode() + b"\n"
        answer = ssh.run(target, "backup", [line], self.sudo_password, timeout=seconds)
        if not isinstance(answer, dict | None):
            raise ssh.unreadable(target)
        return answer

    def carry(self, source: Target, sink: Target, anew: bool) -> None:
        """Bring what a restore has laid out on one host to another."""
        ssh.carry(source, sink, anew, self.sudo_password)

    def sign_in(self, target: Target, domain: str, people: Mapping[str, str]) -> dict[str, str]:
        """Sign people in on a host, as a browser does; return what kept each of them out, or nothing.

        ``people`` holds passwords by name.
        """
        line = json.dumps({"domain": domain, "people": dict(people)}).encode() + b"\n"
        answer = ssh.run(target, "visitor", [line], self.sudo_password, timeout=600)
        if not isinstance(answer, dict):
            raise ssh.unreadable(target)
        return {name: str(answer.get(name, "?")) for name in people}

    def reached(self, target: Target, places: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Return which of some addresses and ports a host reaches by TCP."""
        answer = ssh.run(target, "reach", [json.dumps(places).encode() + b"\n"], self.sudo_password)
        if not isinstance(answer, list):
            raise ssh.unreadable(target)
        return [place for place in places if list(place) in answer]

    def local_platform(self, arguments: Sequence[str]) -> Envelope:
        """Run a command of the platform on this machine."""
        command = [sys.executable, "-m", "digione_platform", *arguments]
        environment = clean_environment() | {"PYTHONPATH": str(CHECKOUT), "DIGIONE_LANGUAGE": language()}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        return Envelope(done.returncode, done.stdout, done.stderr)

    def host_keys(self, target: Target) -> list[str]:
        """Ask a host for its host keys."""
        return ssh.scan_keys(target)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    if process.stdout is None:
        return b""
    ready, _, _ = select.select([process.stdout], [], [], 60)
    return process.stdout.readline(_MAX_LINE).strip() if ready else b""


def _locked(target: Target, process: subprocess.Popen[bytes], answer: bytes) -> DigioneError:
    if not answer:
        process.kill()
        stderr = process.stderr.read(_MAX_LINE).decode(errors="replace") if process.stderr else ""
        return ssh.explain(target, stderr, process.wait())
    try:
        holder = LockHolder.model_validate(ssh.parsed(target, answer))
    except (ValidationError, DigioneError):
        why = t("another run holds the lock")
    else:
        why = t(
            "{who} holds the lock since {since} (digione {verb}, run {run})",
            who=f"{holder.who}@{holder.machine}",
            since=moment(holder.since),
            verb=holder.verb,
            run=holder.operation,
        )
    return LockedError(
        "D1-LOCK-001",
        t("{host} is being worked on by somebody else", host=target.name),
        why,
        t("wait for that run, or end it; the lock frees itself within a minute when its machine is gone"),
    )
