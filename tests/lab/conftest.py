"""Hosts as tests see them: by ssh."""

from collections.abc import Callable
from subprocess import CompletedProcess
from subprocess import run as run_program

import pytest

from digione_cli.lab import Lab

Ssh = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(scope="session")
def ssh(lab: Lab) -> Ssh:
    """``ssh(host, command)``: runs a command as the host's operator."""

    def ssh(host: str, command: str, *, text: str = "") -> "CompletedProcess[str]":
        argv = ["ssh", "-F", str(lab.ssh_config), host, command]
        return run_program(argv, input=text, capture_output=True, encoding="utf-8", check=False, timeout=120)

    return ssh
