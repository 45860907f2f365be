"""What tests on hosts import, and the end of hosts that only they use."""

from collections.abc import Iterator

import pytest

from digione_cli.lab import Lab
from tests.conftest import HOST, RELAY
from tests.conftest import Ssh as Ssh


@pytest.fixture(scope="module", autouse=True)
def no_host_outlives_its_tests(lab: Lab) -> Iterator[None]:
    """Take down what a module brought up, so that it does not run beside all other tests to the end."""
    yield
    lab.down([host.name for host in lab.list() if host.name not in (HOST, RELAY)])
