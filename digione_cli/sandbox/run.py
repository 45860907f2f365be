"""Starts the embedded PostgreSQL and the platform's sandbox, and ends both together."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from digione_cli.errors import DigioneError, PreconditionError
from digione_cli.settings import CHECKOUT
from digione_cli.texts import language, t
from digione_cli.world.files import clean_environment

READY_SECONDS = 120
# What a sandbox has in its folder; nothing else is ever deleted.
_OWN = frozenset({".lockfile", "log", "postgresql", "postgresql.lock", "sample.zip", "tmp"})


def default_folder(state: Path) -> Path:
    """Return where the sandbox keeps its data.

    PostgreSQL does not run as root but as a user of its own, who must be able to reach the folder.
    """
    return Path("/var/lib/digione-sandbox") if os.geteuid() == 0 else state / "sandbox"


def require_free(port: int) -> None:
    """Raise PreconditionError when something listens on the port already."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise PreconditionError(
                "D1-SANDBOX-001",
                t("The sandbox was not started"),
                t("port {port} is taken by another program (an earlier sandbox?)", port=port),
                f"digione sandbox --port {port + 1}",
            )


@contextmanager
def running(port: int, folder: Path, fresh: bool, pupils: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield the platform's process once it answers; end it and PostgreSQL at the end of the block."""
    require_free(port)
    _make(folder)
    if fresh:
        _empty(folder)
    command = ["setpriv", "--pdeathsig", "TERM", "--"]  # it ends with us, however we end
    command += [sys.executable, "-m", "digione_platform", "sandbox", "--port", str(port)]
    command += ["--data", str(folder), "--pupils", str(pupils)]
    with _database(folder / "postgresql") as url, (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=_environment() | {"DIGIONE_SANDBOX_DATABASE": url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is passed on once, by us
        )
        try:
            _wait(process, port, folder / "log")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    return clean_environment() | {"PYTHONPATH": str(CHECKOUT), "DIGIONE_LANGUAGE": language()}


def _make(folder: Path) -> None:
    """Make the folder; one that is there must be empty or a sandbox's, and ours to write to."""
    try:
        foreign = sorted({path.name for path in folder.iterdir()} - _OWN) if folder.exists() else []
        if not foreign:
            (folder / "tmp").mkdir(parents=True, exist_ok=True)
            (folder / "log").touch()
    except OSError as e:
        raise PreconditionError(
            "D1-SANDBOX-004",
            t("The sandbox was not started"),
            t("its folder {folder} cannot be made: {reason}", folder=folder, reason=e.strerror),
            "digione sandbox --data <folder>",
        ) from None
    if foreign:
        raise PreconditionError(
            "D1-SANDBOX-005",
            t("The sandbox was not started"),
            t("{folder} holds what is no sandbox's: {names}", folder=folder, names=", ".join(foreign[:3])),
            t("give it a folder of its own with --data"),
        )


def _empty(folder: Path) -> None:
    for path in (folder / name for name in _OWN - {"tmp", "log"}):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    """Yield the URL of PostgreSQL, which ends with the block or with this process, however that ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "digione_cli.sandbox.database", str(folder)],
        # its own files in the common folder for temporary ones would be another user's, too
        env=_environment() | {"TMPDIR": str(folder.parent / "tmp")},
        stdin=subprocess.PIPE,  # open as long as we live
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for us
    ) as keeper:
        assert keeper.stdout
        url = keeper.stdout.readline().strip()
        if not url.startswith("postgresql:"):
            raise DigioneError(
                "D1-SANDBOX-003",
                t("The embedded PostgreSQL did not start"),
                url or t("it said nothing"),
                t(
                    "end the sandbox that has {folder}, or give this one a folder of its own with --data;"
                    " where no other one runs, --fresh throws the data there away and begins anew",
                    folder=folder.parent,
                ),
            )
        yield url
        # leaving the block closes standard input and waits until PostgreSQL has stopped


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise DigioneError(
        "D1-SANDBOX-002",
        t("The sandbox did not come up"),
        " / ".join(last) or t("it said nothing"),
        t("digione sandbox --fresh; if it stays, report it with this text"),
    )


def wait_for_end(process: "subprocess.Popen[bytes]") -> int:
    """Wait until the platform ends or somebody stops it; return its exit code, 0 when it was stopped."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
