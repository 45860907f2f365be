"""A bundle is named by what goes into it, and built at most once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from digione_cli.engine.bundle import wanted_bundle
from digione_cli.engine.services import folder_hash
from tests.fakes import FakeWorld
from tests.unit.conftest import House


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for file in ("digione_platform/app.py", "migrations/platform/env.py", "requirements/platform.txt"):
        path = tmp_path / "checkout" / file
        path.parent.mkdir(parents=True)
        path.write_text("first")
    return tmp_path / "checkout"


@pytest.fixture
def bundle(house: House, checkout: Path) -> Callable[[], tuple[str, list[str]]]:
    """Ask for the bundle; give its id and what was built for it."""

    def ask() -> tuple[str, list[str]]:
        folder_hash.cache_clear()
        world = FakeWorld(house.settings, {})
        return wanted_bundle(world, checkout, "2026.11", lambda text: None).id, world.did

    return ask


def test_a_bundle_is_built_once(bundle: Callable[[], tuple[str, list[str]]]) -> None:
    first, built = bundle()
    assert built == [f"build {first}"]
    assert bundle() == (first, [])
    assert first.startswith("2026.11-")


@pytest.mark.parametrize(
    "file",
    [
        "digione_platform/app.py",
        "digione_platform/new.py",
        "migrations/platform/env.py",
        "requirements/platform.txt",
    ],
)
def test_other_content_is_another_bundle(
    bundle: Callable[[], tuple[str, list[str]]], checkout: Path, file: str
) -> None:
    first, _ = bundle()
    (checkout / file).write_text("second")
    second, built = bundle()
    assert second != first
    assert built == [f"build {second}"]


@pytest.mark.parametrize("file", ["__pycache__/app.pyc", "sandbox/app.py", "web/node_modules/x.js"])
def test_what_is_not_shipped_makes_no_other_bundle(
    bundle: Callable[[], tuple[str, list[str]]], checkout: Path, file: str
) -> None:
    first, _ = bundle()
    path = checkout / "digione_platform" / file
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert bundle() == (first, [])


def test_a_bundle_without_its_checksum_is_built_again(
    bundle: Callable[[], tuple[str, list[str]]], house: House
) -> None:
    first, _ = bundle()
    next(house.settings.dist.glob("*.sha256")).unlink()
    assert bundle() == (first, [f"build {first}"])


def test_the_name_of_a_file_is_content(tmp_path: Path) -> None:
    hashes = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("x")
        hashes.add(folder_hash(folder))
    assert len(hashes) == 2
