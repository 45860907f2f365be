"""A way from this machine through a host to a server that perhaps only the host reaches."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from digione_cli.world import ssh
from digione_cli.world.files import clean_environment
from digione_cli.world.ssh import Target


@dataclass(frozen=True)
class Tunnel:
    """A port of this machine that leads to the server."""

    port: int
    _said: IO[str]

    def failure(self) -> str:
        """Return why the host did not reach the server, in ssh's words; empty if it did."""
        self._said.seek(0)
        lines = [line for line in self._said.read().splitlines() if "open failed: " in line]
        return lines[-1].split("open failed: ", 1)[1].strip() if lines else ""


@contextmanager
def through(target: Target, address: str, port: int) -> Iterator[Tunnel]:
    """While the block runs, let a port of the loopback lead through a host to an address that the host knows.

    Raises:
        PreconditionError, IntegrityError: the host is not reached.
    """
    here = _free_port()
    server = f"[{address}]" if ":" in address else address
    # A connection of its own: a shared one would keep the way open. ssh tells at INFO what was not reached.
    own = ["-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "LogLevel=INFO"]
    # When the way is open it says so.
    own += ["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo open"]
    own += ["-o", "ExitOnForwardFailure=yes", "-N", "-L", f"127.0.0.1:{here}:{server}:{port}"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            # the first of two options of the same name counts
            ["ssh", "-F", "none", *own, *ssh.options(target)[2:], target.destination],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=clean_environment(),
        )
        try:
            if not (process.stdout and process.stdout.readline()):
                said.seek(0)
                raise ssh.explain(target, said.read(), process.wait())
            yield Tunnel(here, said)
        finally:
            process.terminate()
            process.communicate()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
