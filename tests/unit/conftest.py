"""A command line whose inventories, keys and state lie in a folder of the test."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from digione_cli import main
from digione_cli.engine import secrets
from digione_cli.settings import Settings
from tests import fakes

# the same examples every time, and no failure because the machine is busy
hypothesis.settings.register_profile("unit", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("unit")

_started: list[str] = []
_STARTS = ("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system", "pty.spawn")


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _STARTS:
        _started.append(f"{event} {arguments[:2]}")


sys.addaudithook(_note)


_rsa_key = cache(secrets._rsa_key)  # half a second each


@contextmanager
def _nobody_holds_it(*_: object) -> Iterator[None]:
    """The lock on hosts that there are not."""
    yield


@dataclass
class Result:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything that was said."""
        return self.out + self.err


@dataclass
class House:
    """Folders of a machine on which the command is tried."""

    root: Path
    capture: pytest.CaptureFixture[str]

    @property
    def inventories(self) -> Path:
        """Folder of the inventories."""
        return self.root / "inventories"

    @property
    def keys(self) -> Path:
        """Folder of the keys."""
        return self.root / "keys"

    @property
    def settings(self) -> Settings:
        """The settings that the environment gives."""
        return Settings()

    def run(self, *arguments: str) -> Result:
        """Carry out a command line."""
        self.capture.readouterr()
        code = main.run(list(arguments))
        said = self.capture.readouterr()
        return Result(int(code), said.out, said.err)

    def refused(self, *arguments: str) -> Result:
        """Carry out a command line that must be refused: nothing written, nothing started, no traceback."""
        before, _started[:] = self.everything(), []
        result = self.run(*arguments)
        assert result.code not in (0, 1), result.all
        assert "Traceback" not in result.all
        assert "D1-BUG" not in result.all
        assert self.everything() == before, "something was written"
        assert _started == [], "a process was started"
        return result

    def everything(self) -> dict[str, tuple[int, float]]:
        """Size and time of every file of this machine; of a folder that it is there."""
        return {
            str(p.relative_to(self.root)): (0, 0) if p.is_dir() else (p.lstat().st_size, p.lstat().st_mtime)
            for p in self.root.rglob("*")
        }


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> House:
    """A machine with no inventory yet."""
    for name in ("inventories", "state", "keys", "lab", "dist"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"DIGIONE_{name.upper()}", str(tmp_path / name))
    (tmp_path / "keys").chmod(0o700)
    # what is the same in every test is made once
    monkeypatch.setattr("digione_cli.engine.services.load_services", lambda roles: fakes.services())
    monkeypatch.setattr("digione_cli.spine.load_services", lambda roles: fakes.services())
    monkeypatch.setattr("digione_cli.engine.secrets._rsa_key", _rsa_key)
    monkeypatch.setattr("digione_cli.world.world.World.lock", _nobody_holds_it)
    return House(tmp_path, capsys)


@pytest.fixture
def kuhmo(house: House) -> House:
    """A machine with the inventory of one municipality."""
    fakes.write_inventory(house.inventories)
    return house
