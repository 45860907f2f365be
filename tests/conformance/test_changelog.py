"""Changelog fragments have names that tell issue, subject and kind."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "changelog.d"
FRAGMENT = re.compile(r"\d+-[a-z0-9]+(-[a-z0-9]+)*\.(feature|fix|upgrade|security)\.md")
FILES = sorted(p.name for p in FOLDER.iterdir())


@pytest.mark.parametrize("file", [f for f in FILES if f != "README.md"])
def test_a_fragment_is_named_for_issue_subject_and_kind(file: str) -> None:
    assert FRAGMENT.fullmatch(file), f"name {file} as changelog.d/README.md says"
    assert (FOLDER / file).read_text(encoding="utf-8").strip(), f"{file} says nothing"
