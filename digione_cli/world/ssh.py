"""Small Python programs carried out on hosts over ssh, as root.

The program and its input go through standard input; nothing but a fixed line is in any argv.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pydantic import SecretStr

from digione_cli.errors import DigioneError, IntegrityError, PreconditionError
from digione_cli.world.files import clean_environment, private_folder

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

_MAX_OUTPUT = 20_000_000


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
    pinned = target.known_hosts.read_bytes() if target.known_hosts.is_file() else b""
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
    given: bytes = b"",
    sudo_password: SecretStr | None = None,
    timeout: float = 120,
) -> bytes:
    """Carry out ``remote/<program>.py`` on a host and return its standard output.

    Raises:
        PreconditionError: the host is not reached, or sudo is refused.
        IntegrityError: the host key is not the pinned one.
        DigioneError: the program failed.
    """
    try:
        done = subprocess.run(
            _command(target, sudo_password),
            input=_input(REMOTE / f"{program}.py", sudo_password, given),
            capture_output=True,
            env=clean_environment(),
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreached(target, f"it did not answer within {timeout:.0f} s") from None
    if done.returncode:
        raise explain(target, done.stderr.decode(errors="replace"), done.returncode)
    return done.stdout[:_MAX_OUTPUT]


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


def follow(target: Target, command: Sequence[str], sudo_password: SecretStr | None = None) -> int:
    """Run a command on a host with its output on this terminal, until it ends; return its exit code.

    Raises:
        PreconditionError, IntegrityError: as ``run``.
    """
    remote = list(command)
    given = b""
    if target.host.user != "root":
        remote = ["sudo", *(["-k", "-S", "-p", ""] if sudo_password else ["-n"]), "--", *remote]
        given = sudo_password.get_secret_value().encode() + b"\n" if sudo_password else b""
    argv = ["ssh", *options(target), target.destination, "--", shlex.join(remote)]
    done = subprocess.run(argv, input=given, stderr=subprocess.PIPE, env=clean_environment(), check=False)
    stderr = done.stderr.decode(errors="replace")
    if done.returncode and (done.returncode == _SSH_FAILED or "sudo:" in stderr):
        raise explain(target, stderr, done.returncode)
    return done.returncode


def explain(target: Target, stderr: str, code: int) -> DigioneError:
    """Given what ssh said, return the error that tells the operator what to do."""
    text = stderr.strip()
    last = text.splitlines()[-1][:300] if text else f"exit code {code}"
    if "IDENTIFICATION HAS CHANGED" in text or "Offending" in text:
        return IntegrityError(
            "D1-SSH-001",
            f"The host key of {target.name} is not the pinned one",
            "another machine answers at its address, or the host was installed anew",
            f"make sure which it is; for a new installation: digione trust {target.known_hosts.parent.name}",
        )
    if "host key is known" in text or "Host key verification failed" in text:
        return IntegrityError(
            "D1-SSH-002",
            f"The host key of {target.name} is not pinned yet",
            "the inventory's known_hosts does not name it",
            f"digione trust {target.known_hosts.parent.name}",
        )
    if "Permission denied" in text:
        return PreconditionError(
            "D1-SSH-003",
            f"{target.name} does not let {target.host.user} in",
            "ssh refused every key",
            f"ssh-copy-id {target.destination}, or name the right key in hosts.{target.name}.key",
        )
    if "incorrect password" in text or "Sorry, try again" in text:
        return PreconditionError(
            "D1-SSH-005",
            f"sudo on {target.name} refused the password",
            f"it is not the password of {target.host.user}",
            "the same command with --ask-sudo-password, and the right password",
        )
    if "password is required" in text or "a terminal is required" in text:
        return PreconditionError(
            "D1-SSH-004",
            f"sudo on {target.name} asks for a password",
            f"{target.host.user} may not use sudo without one",
            "the same command with --ask-sudo-password",
        )
    if "not in the sudoers" in text or "may not run sudo" in text or "is not allowed to" in text:
        return PreconditionError(
            "D1-SSH-006",
            f"{target.host.user} may not use sudo on {target.name}",
            last,
            f"on the host, as root: adduser {target.host.user} sudo",
        )
    if code == _SSH_FAILED:
        return _unreached(target, last)
    return DigioneError(
        "D1-SSH-009",
        f"A program on {target.name} failed",
        last,
        "digione doctor; if it stays, report it with this text",
    )


def _unreached(target: Target, why: str) -> PreconditionError:
    return PreconditionError(
        "D1-SSH-007",
        f"{target.name} is not reached",
        f"ssh to {target.destination} port {target.host.port}: {why}",
        "make sure that the host runs and its address in instance.yml is right, then run this again",
    )


def scan_keys(target: Target) -> list[str]:
    """Ask a host for its host keys and return lines of known_hosts."""
    argv = ["ssh-keyscan", "-T", "8", "-p", str(target.host.port), target.host.address]
    done = subprocess.run(argv, capture_output=True, text=True, env=clean_environment(), check=False)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    if not lines:
        raise _unreached(target, "no host key was given")
    return lines


def fingerprint(known_hosts_line: str) -> str:
    """Given a line of known_hosts, return its fingerprint as ssh-keygen shows it."""
    argv = ["ssh-keygen", "-lf", "-"]
    done = subprocess.run(argv, input=known_hosts_line, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def this_machine() -> str:
    """Return the name of this machine."""
    return os.uname().nodename
