"""Small Python programs carried out on hosts over ssh, as root.

The program and its input go through standard input; nothing but a fixed line is in any argv.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pydantic import SecretStr

from digione_cli.errors import DigioneError, IntegrityError, PreconditionError
from digione_cli.texts import t
from digione_cli.world import process
from digione_cli.world.files import clean_environment, private_folder, read_own

if TYPE_CHECKING:
    from digione_cli.model.instance import Host

REMOTE = Path(__file__).parent / "remote"

# Reads the program between two marks from standard input and runs it; what follows is the program's
# own input. Lines before the first mark are dropped: sudo may or may not have taken the password there.
_LOADER = """import sys
r=sys.stdin.buffer.readline
for l in iter(r,b""):
    if l==b"#digione-begin\\n":break
exec(compile(b"".join(iter(r,b"#digione-end\\n")),"digione","exec"),{"__name__":"__main__"})"""

_SSH_FAILED = 255

# Nothing is carried out on the host: its key is not pinned, no key of ours opens it, it is not reached.
NOT_LET_IN = ("D1-SSH-002", "D1-SSH-003", "D1-SSH-007")

_MAX_OUTPUT = 20_000_000  # bytes of an answer: a host may be broken, or not the one it should be


@dataclass(frozen=True)
class Target:
    """How to reach one host."""

    name: str
    host: Host
    known_hosts: Path

    @property
    def destination(self) -> str:
        """The ``user@address`` of ssh."""
        return f"{self.host.user}@{self.host.address}"

    @property
    def instance(self) -> str:
        """The name of the host's instance: that of the folder with its known_hosts."""
        return self.known_hosts.parent.name


def options(target: Target) -> list[str]:
    """Given a target, return ssh's options: pinned host keys, no questions, one shared connection."""
    chosen = {
        "BatchMode": "yes",
        "ConnectTimeout": "8",
        "ServerAliveInterval": "3",
        "ServerAliveCountMax": "3",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(target.known_hosts),
        "GlobalKnownHostsFile": "none",
        "UpdateHostKeys": "no",
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "ControlPath": str(private_folder() / f"{_trust(target)}-%C"),
        "LogLevel": "ERROR",
        "Port": str(target.host.port),
    }
    if target.host.key:
        chosen |= {"IdentityFile": str(target.host.key.expanduser()), "IdentitiesOnly": "yes"}
    return ["-F", "none", *(part for k, v in chosen.items() for part in ("-o", f"{k}={v}"))]


def _trust(target: Target) -> str:
    """Return a mark of what the target is trusted by: a connection is shared only under the same trust."""
    pinned = b""
    with suppress(FileNotFoundError):
        pinned = read_own(target.known_hosts)
    return hashlib.sha256(pinned + str(target.host.key).encode()).hexdigest()[:12]


def _command(target: Target, sudo_password: SecretStr | None) -> list[str]:
    remote = ["python3", "-c", _LOADER]
    if target.host.user != "root":
        remote = ["sudo", *(["-k", "-S", "-p", ""] if sudo_password else ["-n"]), "--", *remote]
    return ["ssh", *options(target), target.destination, "--", shlex.join(remote)]


def _input(program: Path, sudo_password: SecretStr | None, given: bytes) -> bytes:
    password = sudo_password.get_secret_value().encode() + b"\n" if sudo_password else b""
    return password + b"#digione-begin\n" + program.read_bytes() + b"#digione-end\n" + given


def run(
    target: Target,
    program: str,
    given: Iterable[bytes] = (),
    sudo_password: SecretStr | None = None,
    timeout: float = 120,
    most: int = _MAX_OUTPUT,
) -> Any:
    """Carry out ``remote/<program>.py`` on a host, stream ``given`` to it, and return the JSON it prints.

    Raises:
        PreconditionError: the host is not reached, sudo is refused, or the answer is too long or no JSON.
        IntegrityError: the host key is not the pinned one.
        DigioneError: the program failed.
    """
    first = _input(REMOTE / f"{program}.py", sudo_password, b"")
    try:
        done = process.exchange(_command(target, sudo_password), chain([first], given), most, timeout)
    except process.TooLong:
        raise _unreached(target, t("it did not answer within {seconds} s", seconds=round(timeout))) from None
    except process.TooMuch:
        raise _too_much(target, most) from None
    if done.code:
        raise explain(target, done.stderr.decode(errors="replace"), done.code)
    return parsed(target, done.stdout)


def parsed(target: Target, answer: bytes) -> Any:
    """Given what a host answered, return the JSON that it is.

    Raises:
        PreconditionError: it is none, or a key stands twice in it.
    """
    try:
        return json.loads(answer, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise unreadable(target) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) != len(pairs):
        raise ValueError("a key stands twice")
    return known


def unreadable(target: Target) -> PreconditionError:
    """Return the error for an answer of a host that is not what its program prints."""
    return PreconditionError(
        "D1-SSH-008",
        t("The answer of {host} cannot be read", host=target.name),
        t("its answer is not what digione's program prints"),
        t("look at what the host prints when {user} signs in; if it stays, report it", user=target.host.user),
    )


def _too_much(target: Target, most: int) -> PreconditionError:
    return PreconditionError(
        "D1-SSH-010",
        t("The answer of {host} was not taken", host=target.name),
        t("it is longer than {count} MB", count=most // 1_000_000),
        t("look at the host: what it prints is not what digione's program prints"),
    )


def start(
    target: Target, program: str, given: bytes = b"", sudo_password: SecretStr | None = None
) -> subprocess.Popen[bytes]:
    """Start ``remote/<program>.py`` on a host and leave its standard input open."""
    process = subprocess.Popen(
        _command(target, sudo_password),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        start_new_session=True,  # a Ctrl-C must not free the lock before the work has stopped
    )
    stdin: IO[bytes] | None = process.stdin
    if stdin:
        stdin.write(_input(REMOTE / f"{program}.py", sudo_password, given))
        stdin.flush()
    return process


def carry(source: Target, sink: Target, anew: bool, sudo_password: SecretStr | None = None) -> None:
    """Bring what a restore has laid out on one host to another, through this machine; nothing is kept here.

    ``anew``: what lies at its place there goes first.

    Raises:
        DigioneError: one of the two hosts failed.
    """
    sending = start(source, "carry", json.dumps({"take": False}).encode() + b"\n", sudo_password)
    taking = start(sink, "carry", json.dumps({"take": True, "anew": anew}).encode() + b"\n", sudo_password)
    assert sending.stdin
    assert sending.stdout
    assert taking.stdin
    sending.stdin.close()
    with suppress(OSError), taking.stdin:  # it says itself what was wrong
        shutil.copyfileobj(sending.stdout, taking.stdin, 1 << 20)
    sending.stdout.close()
    for target, program in ((sink, taking), (source, sending)):
        assert program.stderr
        words = program.stderr.read(_MAX_OUTPUT).decode(errors="replace")
        if code := program.wait():
            raise explain(target, words, code)


def follow(
    target: Target,
    command: Sequence[str],
    say: Callable[[str], object],
    sudo_password: SecretStr | None = None,
) -> int:
    """Run a command on a host until it ends, say what it says as soon as it does, and return its exit code.

    Raises:
        PreconditionError, IntegrityError: as ``run``.
    """
    remote = list(command)
    given = b""
    if target.host.user != "root":
        remote = ["sudo", *(["-k", "-S", "-p", ""] if sudo_password else ["-n"]), "--", *remote]
        given = sudo_password.get_secret_value().encode() + b"\n" if sudo_password else b""
    argv = ["ssh", *options(target), target.destination, "--", shlex.join(remote)]
    letters = getincrementaldecoder("utf-8")(errors="replace")
    try:
        done = process.follow(argv, given, lambda part: say(letters.decode(part)))
    except process.TooMuch:
        raise _too_much(target, process.MAX_STDERR) from None
    stderr = done.stderr.decode(errors="replace")
    if done.code and (done.code == _SSH_FAILED or "sudo:" in stderr):
        raise explain(target, stderr, done.code)
    return done.code


def explain(target: Target, stderr: str, code: int) -> DigioneError:
    """Given what ssh said, return the error that tells the operator what to do."""
    text = stderr.strip()
    last = text.splitlines()[-1][:300] if text else t("exit code {code}", code=code)
    if "IDENTIFICATION HAS CHANGED" in text or "Offending" in text:
        return IntegrityError(
            "D1-SSH-001",
            t("The host key of {host} is not the pinned one", host=target.name),
            t("another machine answers at its address, or the host was installed anew"),
            t(
                "make sure which it is; for a new installation: digione trust {instance}",
                instance=target.instance,
            ),
        )
    if "host key is known" in text or "Host key verification failed" in text:
        return IntegrityError(
            "D1-SSH-002",
            t("The host key of {host} is not pinned yet", host=target.name),
            t("the inventory's known_hosts does not name its host key"),
            f"digione trust {target.instance}",
        )
    if "Permission denied" in text:
        return PreconditionError(
            "D1-SSH-003",
            t("{host} does not let {user} in", host=target.name, user=target.host.user),
            t("ssh refused every key for {user}", user=target.host.user),
            t(
                "ssh-copy-id {destination}, or name the right key in hosts.{host}.key",
                destination=target.destination,
                host=target.name,
            ),
        )
    if "incorrect password" in text or "Sorry, try again" in text:
        return PreconditionError(
            "D1-SSH-005",
            t("sudo on {host} refused the password", host=target.name),
            t("sudo refused the password; it is not that of {user}", user=target.host.user),
            t("the same command with --ask-sudo-password, and the right password"),
        )
    if "password is required" in text or "a terminal is required" in text:
        return PreconditionError(
            "D1-SSH-004",
            t("sudo on {host} asks for a password", host=target.name),
            t("sudo asks {user} for a password", user=target.host.user),
            t("the same command with --ask-sudo-password"),
        )
    if "not in the sudoers" in text or "may not run sudo" in text or "is not allowed to" in text:
        return PreconditionError(
            "D1-SSH-006",
            t("{user} may not use sudo on {host}", user=target.host.user, host=target.name),
            last,
            t("on the host, as root: adduser {user} sudo", user=target.host.user),
        )
    if code == _SSH_FAILED:
        return _unreached(target, last)
    return DigioneError(
        "D1-SSH-009",
        t("A program on {host} failed", host=target.name),
        last,
        t("digione doctor; if it stays, report it with this text"),
    )


def _unreached(target: Target, why: str) -> PreconditionError:
    return PreconditionError(
        "D1-SSH-007",
        t("{host} is not reached", host=target.name),
        t(
            "ssh to {destination} port {port}: {reason}",
            destination=target.destination,
            port=target.host.port,
            reason=why,
        ),
        t("make sure that the host runs and its address in instance.yml is right, then run this again"),
    )


def scan_keys(target: Target) -> list[str]:
    """Ask a host for its host keys and return lines of known_hosts.

    Raises:
        PreconditionError: nothing, or no ssh server, answers at its port.
    """
    try:  # ssh-keyscan does not say why it gets nothing
        socket.create_connection((target.host.address, target.host.port), timeout=8).close()
    except TimeoutError:
        raise _unreached(target, t("it did not answer within {seconds} s", seconds=8)) from None
    except OSError as e:
        raise _unreached(target, e.strerror or str(e)) from None
    argv = ["ssh-keyscan", "-T", "8", "-p", str(target.host.port), target.host.address]
    done = subprocess.run(argv, capture_output=True, text=True, env=clean_environment(), check=False)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    if not lines:
        raise _unreached(target, t("what answers there is no ssh server"))
    return lines


def fingerprint(known_hosts_line: str) -> str:
    """Given a line of known_hosts, return its fingerprint as ssh-keygen shows it."""
    argv = ["ssh-keygen", "-lf", "-"]
    done = subprocess.run(argv, input=known_hosts_line, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def this_machine() -> str:
    """Return the name of this machine."""
    return os.uname().nodename
