"""Every text that the command shows goes through its catalogues, and is in all of them."""

import ast
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from digione_cli import verbs
from digione_cli.settings import CHECKOUT
from docs import catalogues

HOW = "see docs/how-to/add-a-text.md"
LANGUAGES = ("fi", "sv")
TEXTS = catalogues.texts()
FILES = sorted((CHECKOUT / "digione_cli").rglob("*.py"))


VERBS = "|".join(m.name for m in pkgutil.iter_modules(verbs.__path__))
TYPED = re.compile(rf"--[a-z-]+|<[a-z]+>|\bdigione (?:{VERBS})\b")


def forms(text: catalogues.Key) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


# Catalogues


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(language: str) -> None:
    has = {message.id for message in catalogues.read(language) if message.id}
    assert has == set(TEXTS), f"the catalogue is not up to date: make texts ({HOW})"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    lacking = [m.id for m in catalogues.read(language) if m.id and not all(forms(m.string))]
    assert not lacking, f"translate these in {catalogues.path_of(language).relative_to(CHECKOUT)} ({HOW})"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_in_doubt(language: str) -> None:
    doubtful = [m.id for m in catalogues.read(language) if m.id and m.fuzzy]
    assert not doubtful, "look at these and take the word fuzzy away"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_fill_in_the_same(language: str) -> None:
    for message in catalogues.read(language):
        if message.id:
            meant = {name for form in forms(message.id) for name in placeholders(form)}
            for form in forms(message.string):
                assert placeholders(form) <= meant, f"{form!r} has a placeholder that the text has not"
            assert placeholders(forms(message.string)[-1]) == placeholders(forms(message.id)[-1]), (
                f"{message.string!r} lacks a placeholder of {message.id!r}"
            )


def placeholders(text: str) -> set[str]:
    """Return the names of what is filled in; help texts and titles are shown as they are."""
    return {name for _, name, _, _ in Formatter().parse(text) if name} if "{" in text else set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_typed_stays_as_it_is(language: str) -> None:
    for message in catalogues.read(language):
        if message.id:
            for text, translated in zip(forms(message.id), forms(message.string), strict=True):
                for word in TYPED.findall(text):
                    assert word in translated, f"{translated!r} lacks {word!r}, which is typed"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_ends_like_its_text(language: str) -> None:
    for message in catalogues.read(language):
        if message.id:
            for text, translated in zip(forms(message.id), forms(message.string), strict=True):
                mark = text[-1] if text[-1] in ".:?!…" else ""
                assert translated.endswith(mark), f"{translated!r} must end with {mark!r} as the text does"
                assert translated == translated.strip(), f"{translated!r} begins or ends with a space"


# Code


def calls(path: Path, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and called(node) in names:
            yield node


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CHECKOUT)))
def test_a_text_is_given_whole(path: Path) -> None:
    """No f-string, sum or conditional inside: the catalogue could not know the text."""
    for call in calls(path, "t", "tn", "mark"):
        for text in call.args[: catalogues.OURS[called(call)]]:
            whole = isinstance(text, ast.Constant | ast.Name | ast.Attribute | ast.Subscript | ast.Call)
            assert whole, (
                f"{path.relative_to(CHECKOUT)}:{call.lineno}: write the whole text with {{names}} ({HOW})"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CHECKOUT)))
def test_a_text_is_given_what_it_fills_in(path: Path) -> None:
    for call in calls(path, "t", "tn"):
        number = catalogues.OURS[called(call)]
        texts = [a.value for a in call.args[:number] if isinstance(a, ast.Constant)]
        if len(texts) == number and not any(k.arg is None for k in call.keywords):
            meant = {name for text in texts for name in placeholders(text)} - (
                {"count"} if number == 2 else set()
            )
            given = {k.arg for k in call.keywords}
            assert given == meant, f"{path.relative_to(CHECKOUT)}:{call.lineno}: {given ^ meant}"


# What shows texts, and which of its arguments (by place or name) are texts.
SHOWN: dict[str, tuple[int | str, ...]] = {
    **dict.fromkeys(
        ("DigioneError", "UsageError", "PreconditionError", "LockedError", "PartlyDone", "IntegrityError"),
        (1, 2, 3),
    ),
    **dict.fromkeys(("Interrupted", "LabError"), (1, 2, 3)),
    "Finding": ("text", "fix"),
    "Mistake": ("text",),
    "Step": ("title", "why"),
    "Skip": ("title", "why"),
    "note": (0,),
    "waiting": (0,),
    "ask": (0,),
    "table": (1, 2),
    "say": (0,),
}
# Nothing to translate: no word of two letters, or a command to type.
WORDS = re.compile(r"[A-Za-zÅÄÖåäö]{2,}")
PROGRAMS = "digione|chmod|chown|chgrp|ls|ssh-copy-id|systemctl|journalctl|apt-get"
COMMAND = re.compile(rf"(?:{PROGRAMS})(?: [^;]*)?|…(?: --[a-z]+)+(?: …)?")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CHECKOUT)))
def test_what_is_shown_goes_through_the_catalogues(path: Path) -> None:
    for scope in scopes(ast.parse(path.read_text(encoding="utf-8"))):
        names = assigned(scope)
        for call in (n for n in own(scope) if isinstance(n, ast.Call) and called(n) in SHOWN):
            for place in SHOWN[called(call)]:
                for bare in literals(argument(call, place), names):
                    where = f"{path.relative_to(CHECKOUT)}:{call.lineno}"
                    assert not WORDS.search(bare) or COMMAND.fullmatch(bare), f"{where}: t({bare!r}) ({HOW})"


def scopes(tree: ast.AST) -> Iterator[ast.AST]:
    yield tree
    yield from (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def own(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of functions in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef):
            yield from own(node)


def assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Return what is assigned to the names of a scope."""
    found: dict[str, list[ast.expr]] = {}
    for node in own(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def argument(call: ast.Call, place: int | str) -> ast.expr | None:
    if isinstance(place, int):
        return call.args[place] if place < len(call.args) else None
    return next((k.value for k in call.keywords if k.arg == place), None)


def literals(node: ast.expr | None, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Yield the texts in an expression that are not given to t() or tn(); … stands for what is filled in."""
    match node:
        case ast.Constant(value=str() as value):
            yield value
        case ast.JoinedStr(values=values):
            parts = [str(v.value) if isinstance(v, ast.Constant) else "…" for v in values]
            yield "".join(parts)
            for value in values:
                if isinstance(value, ast.FormattedValue):
                    yield from literals(value.value, names)
        case ast.BinOp(left=left, right=right):
            yield from (*literals(left, names), *literals(right, names))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*literals(body, names), *literals(orelse, names))
        case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
            for value in values:
                yield from literals(value, names)
        case ast.Name(id=name) if name in names:
            for value in names[name]:
                yield from literals(value, {k: v for k, v in names.items() if k != name})
