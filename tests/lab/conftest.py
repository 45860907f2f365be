"""One lab for all tests on real hosts; images and downloaded packages are kept in the checkout's ``.lab``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from subprocess import run as run_program

import pytest

from digione_cli.lab import Lab

CHECKOUT = Path(__file__).parents[2]
Ssh = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of its own, away from the one that ``make up`` uses; taken down at the end, whatever happened."""
    lab = Lab(tmp_path_factory.mktemp("lab") / ".lab", store=CHECKOUT / ".lab", on=print)
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="session")
def ssh(lab: Lab) -> Ssh:
    """``ssh(host, command)``: runs a command as the host's operator."""

    def ssh(host: str, command: str, *, text: str = "") -> "CompletedProcess[str]":
        argv = ["ssh", "-F", str(lab.ssh_config), host, command]
        return run_program(argv, input=text, capture_output=True, encoding="utf-8", check=False, timeout=120)

    return ssh
