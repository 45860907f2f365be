"""Every error id is well formed and means one thing."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from digione_cli import checks
from digione_cli.settings import CHECKOUT

FILES = sorted(p for p in (CHECKOUT / "digione_cli").rglob("*.py"))
ID = re.compile(r"D1-[A-Z]+-\d{3}")
# one meaning, raised in several places of one file's concern
SHARED = {
    "D1-HOST-001": "a host is not reached, as a finding and as an error",
    "D1-SSH-": "what ssh said, as an error and as the kind of a fact",
    "D1-CFG-": "mistakes in files: one code for each kind of mistake",
    "D1-RUN-006": "a host was lost during the run",
}


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every string of a file that begins like an id, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.match(r"D1-\S*$", node.value)
        ):
            yield node.lineno, node.value


FOUND = [(path, line, text) for path in FILES for line, text in literals(path)]


def test_ids_are_found() -> None:
    assert len({text for _, _, text in FOUND}) > 50


@pytest.mark.parametrize("text", sorted({text for _, _, text in FOUND}))
def test_an_id_is_well_formed(text: str) -> None:
    where = [f"{p.relative_to(CHECKOUT)}:{line}" for p, line, found in FOUND if found == text]
    assert ID.fullmatch(text), f"{text} ({', '.join(where)}): write it as D1-SUBJECT-001"


def raised() -> dict[str, set[str]]:
    """Return, by id, what errors raised with it say that did not happen."""
    sayings = defaultdict(set)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                not isinstance(node, ast.Call)
                or len(node.args) < 4
                or getattr(node.func, "id", "") == "_finding"
            ):
                continue
            first, what = node.args[0], node.args[1]
            if isinstance(first, ast.Constant) and ID.fullmatch(str(first.value)):
                sayings[str(first.value)].add(_words(what))
    return sayings


def _words(node: ast.expr) -> str:
    """Return a text with … for what is put into it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
    return "…"


@pytest.mark.parametrize(("error_id", "sayings"), raised().items())
def test_an_id_means_one_thing(error_id: str, sayings: set[str]) -> None:
    if not any(error_id.startswith(s) for s in SHARED):
        assert len(sayings) == 1, (
            f"{error_id} says different things: {sorted(sayings)}; give each its own number"
        )


def test_an_error_never_borrows_the_code_of_a_finding() -> None:
    codes = {code for module in checks.modules() for code in module.CODES}
    borrowed = codes & set(raised())
    assert not borrowed, f"{borrowed} are codes of findings: give the errors ids of their own"


def test_errors_have_all_parts() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = getattr(node.func, "id", "")
            if ID.fullmatch(str(node.args[0].value)) and name.endswith(("Error", "Done", "Interrupted")):
                assert len(node.args) == 4, (
                    f"{path.relative_to(CHECKOUT)}:{node.lineno}: an error has id, what, why and fix"
                )
