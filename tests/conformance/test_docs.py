"""What the documentation says exists: pages, headings, verbs and options."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from digione_cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "changelog.d/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]

LINK = re.compile(r"\]\(([^)\s]+)\)")
# `digione …` in running text, and lines of code blocks
INLINE = re.compile(r"`(digione [^`]+)`")
BLOCK = re.compile(r"^    +(?:\.venv/bin/)?(digione (?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    broken = [link for link in LINK.findall(_text(page)) if not _resolves(ROOT / page, link)]
    assert not broken, f"{page} links to what is not there: {broken}"


@pytest.mark.parametrize("page", NAMES)
def test_commands_in_the_documentation_are_the_commands_own(page: str) -> None:
    wrong = [f"{command!r}: {why}" for command in _commands(_text(page)) if (why := _mistake(command))]
    assert not wrong, f"{page} shows commands that digione does not know: {wrong}"


@pytest.mark.parametrize("command", ["digione aply kuhmo", "digione apply kuhmo --force", "digione lab fly"])
def test_a_wrong_command_is_noticed(command: str) -> None:
    assert _mistake(command)


def test_every_direct_dependency_is_explained() -> None:
    explained = set(re.findall(r"[@\w./-]+", _text("docs/dependencies.md")))
    lines = [line for f in (ROOT / "requirements").glob("*.in") for line in f.read_text().splitlines()]
    wanted = {re.split(r"[<>=\[]", line)[0] for line in lines if line[:1].isalnum()}
    wanted |= set(json.loads(_text("digione_platform/web/assets/package.json"))["dependencies"])
    lacking = sorted(w for w in wanted if w not in {e.strip(".,") for e in explained})
    assert not lacking, f"say in docs/dependencies.md why it is these: {lacking}"


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _resolves(page: Path, link: str) -> bool:
    if "://" in link or link.startswith("mailto:"):
        return True
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page have on code-hosting sites."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def _commands(text: str) -> Iterator[str]:
    yield from INLINE.findall(text)
    for command in BLOCK.findall(text):
        yield command.replace("\\\n", " ")


def _mistake(command: str) -> str:
    """Walk the command tree along a command line; return what it does not know, or an empty text."""
    words = shlex.split(command, comments=True)[1:]
    known: Any = typer.main.get_command(app)
    while hasattr(known, "get_command") and words and _is_word(words[0]):
        word = words.pop(0)
        known = known.get_command(None, word)
        if known is None:
            return f"no verb {word}"
    options = {o: p for p in known.params for o in [*p.opts, *p.secondary_opts] if o[0] == "-"}
    options |= dict.fromkeys(("--help", "-h"))
    for word in words:
        option = word.partition("=")[0]
        if option[0] == "-" and option not in options:
            return f"no option {option}"
    return ""


def _is_word(word: str) -> bool:
    return bool(re.fullmatch(r"[a-z]+(-[a-z]+)*", word))
