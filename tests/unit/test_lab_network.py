"""Choice of networks and addresses."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from digione_cli.errors import PreconditionError
from digione_cli.lab.network import RANGE, Network, choose, known, subnet


def test_a_folder_has_always_the_same_network() -> None:
    assert choose(Path("/a/.lab"), []) == choose(Path("/a/.lab"), [])
    assert len({choose(Path(f"/{name}/.lab"), []) for name in "abcdefgh"}) > 1


def test_a_taken_network_is_passed_over() -> None:
    first = choose(Path("/a/.lab"), [])
    second = choose(Path("/a/.lab"), [IPv4Network(f"10.97.{first}.64/26")])
    assert second == first % 254 + 1


def test_without_a_free_network_it_says_so() -> None:
    with pytest.raises(PreconditionError, match="D1-LAB-006"):
        choose(Path("/a/.lab"), [IPv4Network("10.0.0.0/8")])


def test_networks_are_read_from_routes() -> None:
    assert known(["default", "10.1.0.0/16", "10.2.0.1"]) == [
        IPv4Network("10.1.0.0/16"),
        IPv4Network("10.2.0.1/32"),
    ]


@pytest.mark.parametrize("number", [1, 42, 254])
def test_names_fit_the_kernel(number: int) -> None:
    network = Network(number, Path("/a/.lab"))
    assert network.net.subnet_of(RANGE)
    assert network.net == subnet(number)
    assert str(network.address(11)) == f"10.97.{number}.11"
    assert len(network.link(250)) < 16


def test_a_host_has_always_the_same_hardware_address() -> None:
    assert Network(1, Path("/a")).hardware(11) == "02:d1:0a:61:01:0b"
