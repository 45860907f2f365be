"""The release that is installed is the version of both packages."""

import tomllib

import pytest

from digione_cli.settings import CHECKOUT, RELEASE


@pytest.mark.parametrize("file", ["pyproject.toml", "digione_platform/pyproject.toml"])
def test_the_release_is_the_version_of_the_packages(file: str) -> None:
    assert tomllib.loads((CHECKOUT / file).read_text())["project"]["version"] == RELEASE
