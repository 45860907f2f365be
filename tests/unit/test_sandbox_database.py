"""The sandbox's PostgreSQL ends with the sandbox, however that ends."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from digione_cli.errors import PreconditionError
from digione_cli.sandbox.run import running
from digione_cli.settings import CHECKOUT

SANDBOX = (
    "import sys; from pathlib import Path; from digione_cli.sandbox.run import _database\n"
    "with _database(Path(sys.argv[1])) as url: print(url, flush=True); sys.stdin.read()"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user reaches, too."""
    with tempfile.TemporaryDirectory(prefix="digione-test-") as made:
        Path(made).chmod(0o755)
        (Path(made) / "tmp").mkdir()
        yield Path(made) / "postgresql"


def _start(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", SANDBOX, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _postgresql(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().split()[0])


def _wait_for_end(process: int) -> bool:
    for _ in range(300):
        if not Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.1)
    return False


def test_postgresql_ends_with_its_sandbox(folder: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):  # each on what the one before left
        sandbox = _start(folder)
        assert sandbox.stdout
        assert sandbox.stdout.readline().startswith("postgresql:")
        server = _postgresql(folder)
        os.kill(sandbox.pid, number)
        sandbox.communicate()
        assert _wait_for_end(server), f"PostgreSQL was left running after {number.name}"


def test_two_sandboxes_never_share_their_data(folder: Path) -> None:
    first = _start(folder)
    assert first.stdout
    assert first.stdout.readline().startswith("postgresql:")
    second = _start(folder)
    _, said = second.communicate()
    assert second.returncode == 1
    assert "D1-SANDBOX-003" in said
    assert "another sandbox has" in said
    assert Path(f"/proc/{_postgresql(folder)}").exists()
    first.communicate()
    assert first.returncode == 0


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(PreconditionError, match="D1-SANDBOX-005"), running(_free_port(), tmp_path, fresh, 10):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("precious.txt", "mine")]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(PreconditionError, match="D1-SANDBOX-004"),
        running(_free_port(), tmp_path / "file", False, 10),
    ):
        pass


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
