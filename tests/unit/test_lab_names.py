"""The marked block in a hosts file."""

import os
from pathlib import Path

import pytest

from digione_cli.lab.names import address_of, label_of, lines, with_block, write_block

HOSTS = "127.0.0.1 localhost\n# by hand\n10.0.0.1 printer\n"


def test_a_block_comes_last_and_goes_without_a_trace() -> None:
    block = ["10.97.1.11 one town.example"]
    with_it = with_block(HOSTS, "lab a", block)
    assert with_it == f"{HOSTS}# begin lab a\n10.97.1.11 one town.example\n# end lab a\n"
    assert with_block(with_it, "lab a", block) == with_it
    assert with_block(with_it, "lab a", []) == HOSTS


def test_blocks_of_other_labs_are_left_alone() -> None:
    both = with_block(with_block(HOSTS, "lab a", ["10.97.1.11 one"]), "lab ab", ["10.97.2.11 one"])
    assert with_block(both, "lab a", []) == with_block(HOSTS, "lab ab", ["10.97.2.11 one"])


@pytest.mark.parametrize("text", ["", "127.0.0.1 localhost"])
def test_a_file_without_a_last_newline_gets_one(text: str) -> None:
    assert with_block(text, "lab", ["10.97.1.11 one"]).splitlines()[-3:] == [
        "# begin lab",
        "10.97.1.11 one",
        "# end lab",
    ]


def test_lines_are_in_the_order_of_addresses() -> None:
    assert lines({"10.97.1.100": ["b"], "10.97.1.11": ["a", "a.example"]}) == [
        "10.97.1.11 a a.example",
        "10.97.1.100 b",
    ]


def test_the_first_address_of_a_name_counts() -> None:
    text = f"{HOSTS}10.97.1.11 one town.example # other.example\n10.97.2.11 town.example\n"
    assert address_of(text, "town.example") == "10.97.1.11"
    assert address_of(text, "other.example") is None
    assert address_of(text, "10.97.1.11") is None


def test_an_address_is_of_the_block_that_has_it_first() -> None:
    both = with_block(with_block(HOSTS, "lab a", ["10.97.1.11 one"]), "lab b", ["10.97.2.11 one two"])
    assert [label_of(both, name) for name in ("one", "two", "printer", "three")] == [
        "lab a",
        "lab b",
        None,
        None,
    ]


def test_the_file_stays_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(HOSTS)
    before = os.stat(file).st_ino  # noqa: PTH116
    write_block(file, "lab", ["10.97.1.11 one"])
    write_block(file, "lab", [])
    assert (file.read_text(), file.stat().st_ino) == (HOSTS, before)
