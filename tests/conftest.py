"""The instance on a real host that lab and browser tests share: installed once, as in production."""

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from playwright.sync_api import Playwright, sync_playwright

os.environ["DIGIONE_LANGUAGE"] = "en"  # what tests expect to read, whatever this machine's language

from digione_cli.errors import PreconditionError
from digione_cli.lab import Lab
from digione_cli.lab.requirements import require

CHECKOUT = Path(__file__).resolve().parents[1]
HOST = "testila1"
RELAY = "testiposti1"
DOMAIN = "testila.digione.test"
# The browser as it is for machines, without windows: the same pages for less work.
CHROMIUM = "chromium-headless-shell"
# Chromium must not look for Google's servers: the network of a test machine may be closed.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OID = "1.2.246.562.99.00000009993"

Ssh = Callable[..., "CompletedProcess[str]"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Digione:
    """The command ``digione`` with inventories, keys and state of its own."""

    home: Path
    lab: Path

    @property
    def inventories(self) -> Path:
        return self.home / "inventories"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DIGIONE_INVENTORIES": str(self.inventories),
            "DIGIONE_STATE": str(self.home / "state"),
            "DIGIONE_KEYS": str(self.home / "keys"),
            "DIGIONE_LAB": str(self.lab),
            "DIGIONE_LAB_STORE": str(CHECKOUT / ".lab"),
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the command in a process group of its own."""
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "digione"), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str, expect: int | None = 0) -> Done:
        """Run the command; by default it must succeed."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=1200)
        assert expect in (None, process.returncode), f"exit {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in out + err
        return Done(process.returncode, out, err)

    def keep(self, instance: str, secret: str, value: str) -> None:
        """Store a secret that somebody else gave."""
        argv = [str(Path(sys.executable).parent / "digione"), "secrets", "set", instance, secret, "--yes"]
        subprocess.run(argv, input=value, env=self.environment, text=True, check=True)


def lacking(reason: str) -> None:
    """Skip a test for what this machine lacks; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: it would look through thousands of tests again and
    again, for a fifth of all work.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long ones begin first, in groups that run beside each other: each has hosts of its own."""
    for item in items:
        if "installed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("the installed instance"))
        elif item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.xdist_group(f"hosts of {item.path.stem}"))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of its own, away from the one that ``make up`` uses; taken down at the end, whatever happened.

    Not in pytest's temporary folder, which pytest deletes later with all that may still be mounted there.
    Nor in memory: a host's files would be part of its memory, which is limited.
    """
    store = CHECKOUT / ".lab"
    folder = store / f"tests-{os.getpid()}"
    try:
        require(folder)
    except PreconditionError as e:
        lacking(f"{e.why}; {e.fix}")
    for left in store.glob("tests-*"):  # of a run that was killed
        if not Path("/proc", left.name.removeprefix("tests-")).exists():
            _take_down(Lab(left, store=store))
    lab = Lab(folder, store=store, on=print)
    try:
        yield lab
    finally:
        _take_down(lab)


def _take_down(lab: Lab) -> None:
    Lab(lab.folder / "drill", store=lab.store).down()  # of a drill that was cut short
    lab.down()
    shutil.rmtree(lab.folder, ignore_errors=True)  # another process of tests may take down the same


@pytest.fixture(scope="session")
def ssh(lab: Lab) -> Ssh:
    """``ssh(host, command)``: runs a command as the host's operator."""

    def ssh(host: str, command: str, *, text: str = "") -> "CompletedProcess[str]":
        argv = ["ssh", "-F", str(lab.ssh_config), host, command]
        return subprocess.run(
            argv, input=text, capture_output=True, encoding="utf-8", check=False, timeout=120
        )

    return ssh


@pytest.fixture(scope="session")
def digione(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Digione:
    """The command, away from the operator's own files."""
    home = tmp_path_factory.mktemp("operator")
    (home / "inventories").mkdir()
    return Digione(home, lab.folder)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The one driver of browsers; a second one cannot run beside it."""
    with sync_playwright() as running:
        yield running


@dataclass(frozen=True)
class Installed:
    """An instance with its sample town."""

    name: str
    digione: Digione
    logins: dict[str, tuple[str, str]]
    domain: str = DOMAIN
    host: str = HOST

    @property
    def tenant_file(self) -> Path:
        """The declaration of its municipality."""
        return self.digione.inventories / self.name / f"tenants/{self.name}.yml"

    @property
    def authority(self) -> str:
        """The certificate that its own certificates are signed with."""
        shown = self.digione("secrets", "show", self.name, "authority_certificate")
        return shown.out


@pytest.fixture(scope="session")
def installed(lab: Lab, digione: Digione) -> Installed:
    """An instance on a host of 2 GB, made by init, apply, sample install; a relay keeps mail and backups."""
    lab.up([HOST], 2048)
    lab.keep_mail(RELAY)
    digione(
        *("init", "testila", "--lab", HOST, "--code", "999", "--oid", OID, "--name-fi", "Testilä"),
        *("--name-sv", "Testby", "--domain", DOMAIN, "--contact", "operator@testila.example"),
        *("--mail-relay", RELAY, "--backup-host", RELAY),
    )
    digione("lab", "storage", RELAY, "testila")
    lab.resolve(HOST, [DOMAIN, f"auth.{DOMAIN}"])
    digione("apply", "testila", "--yes")
    digione("recovery-kit", "testila", "--into", str(digione.home))
    logins = digione("sample", "install", "testila", "--json").json["sample_logins"]
    return Installed("testila", digione, {x["role"]: (x["username"], x["password"]) for x in logins})
