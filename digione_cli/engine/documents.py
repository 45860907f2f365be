"""Reading YAML documents of an inventory: strictly, quickly, and knowing the line of every key.

YAML 1.2's core schema is used; what other readers of YAML take for something else (``NO``, ``010``) must be
quoted. Anchors, tags and duplicate keys are refused; size and depth are capped, so that no file can exhaust
memory or the stack.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from digione_cli.model.finding import Mistake
from digione_cli.model.text import shown
from digione_cli.texts import mark, t
from digione_cli.world.files import read_own

MAX_BYTES = 1_000_000
MAX_DEPTH = 20

Path_ = tuple[Hashable, ...]

_INT = re.compile(r"-?(0|[1-9][0-9]{0,18})")
# false and 8 to Ansible, text to YAML 1.2: nobody can be sure what is meant
_AMBIGUOUS = re.compile(r"(?i:yes|no|on|off)|[-+]?0[0-9]+")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}


# What libyaml says most often.
_SAID_BY_LIBYAML = (
    mark("mapping values are not allowed in this context"),
    mark("block sequence entries are not allowed in this context"),
    mark("could not find expected ':'"),
    mark("did not find expected key"),
    mark("did not find expected '-' indicator"),
    mark("did not find expected ',' or ']'"),
    mark("did not find expected ',' or '}'"),
    mark("did not find expected node content"),
    mark("did not find expected <document start>"),
    mark("found character that cannot start any token"),
    mark("found a tab character that violates indentation"),
    mark("found unexpected end of stream"),
    mark("found unknown escape character"),
    mark("control characters are not allowed"),
)


@dataclass(frozen=True)
class Document:
    """A parsed file: its data, and the line (from 1) of every path in it."""

    data: Any
    lines: dict[Path_, int]

    def line(self, path: Path_) -> int | None:
        """Given a path, return its line, or that of its nearest known ancestor."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


class DocumentError(Exception):
    """The file is not a readable document; carries one Mistake for each reason, and what could be read."""

    def __init__(self, *mistakes: Mistake, document: Document | None = None) -> None:
        super().__init__(str(mistakes[0]))
        self.mistakes = mistakes
        self.document = document or Document(None, {})


def read_text(path: Path, file: str, most: int = MAX_BYTES) -> str:
    """Return the text of a regular UTF-8 file of at most ``most`` bytes.

    Raises:
        DocumentError: it is missing, too large, or not UTF-8.
        PreconditionError: it is no regular file, or others may have written it.
    """

    def wrong(code: str, text: str) -> DocumentError:
        return DocumentError(Mistake(code=code, file=file, line=None, path="", text=text))

    try:
        raw = read_own(path, most=most)
    except FileNotFoundError:
        raise wrong("D1-CFG-001", t("is missing")) from None
    except OSError as e:
        raise wrong("D1-CFG-002", t("cannot be read: {reason}", reason=e.strerror)) from None
    if len(raw) > most:
        raise wrong("D1-CFG-004", t("is larger than {most} bytes", most=most))
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise wrong("D1-CFG-005", t("is encoded in UTF-16; save it as UTF-8"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = raw[: e.start].count(b"\n") + 1
        byte = f"0x{raw[e.start]:02x}"
        text = t("is not UTF-8: byte {byte} at position {position}", byte=byte, position=e.start)
        raise DocumentError(_mistake("D1-CFG-005", file, line, (), text)) from None


def parse(text: str, file: str) -> Document:
    """Given the text of a YAML document, return its data and the lines of its keys.

    Raises:
        DocumentError: it is malformed, has duplicate keys, anchors or tags, or is nested too deeply.
    """

    def wrong(code: str, mark: Any, text: str) -> DocumentError:
        line = mark.line + 1 if mark else None
        return DocumentError(Mistake(code=code, file=file, line=line, path="", text=text))

    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise wrong("D1-CFG-007", event.start_mark, t("anchors and aliases are not used here"))
            if getattr(event, "tag", None):
                raise wrong("D1-CFG-007", event.start_mark, t("tags are not used here"))
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise wrong(
                    "D1-CFG-004", event.start_mark, t("is nested deeper than {most} levels", most=MAX_DEPTH)
                )
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as e:
        column = e.problem_mark.column + 1 if e.problem_mark else 1
        reason = e.problem or e.context or ""
        text = t("is not YAML, column {column}: {reason}", column=column, reason=t(reason))
        raise wrong("D1-CFG-006", e.problem_mark, text) from None
    except yaml.YAMLError as e:
        raise wrong("D1-CFG-006", None, t("is not YAML: {reason}", reason=shown(str(e)))) from None
    lines: dict[Path_, int] = {}
    mistakes: list[Mistake] = []
    data = None if node is None else _data(node, (), lines, mistakes, file)
    document = Document(data, lines)
    if mistakes:
        raise DocumentError(*mistakes, document=document)
    return document


def _data(node: Any, path: Path_, lines: dict[Path_, int], mistakes: list[Mistake], file: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        if not node.value.isprintable():
            line = node.start_mark.line + 1
            text = t("has characters that are not seen, or several lines: {value}", value=shown(node.value))
            mistakes.append(_mistake("D1-CFG-007", file, line, path, text))
        elif not node.style and _AMBIGUOUS.fullmatch(node.value):
            number = node.value[-1].isdigit()
            text = (
                t(
                    'may be read in two ways; write a number without the zero, or text in quotes: "{value}"',
                    value=node.value,
                )
                if number
                else t(
                    'may be read in two ways; write true or false, or text in quotes: "{value}"',
                    value=node.value,
                )
            )
            mistakes.append(_mistake("D1-CFG-029", file, node.start_mark.line + 1, path, text))
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_data(n, (*path, i), lines, mistakes, file) for i, n in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        # Ansible's tag against templates is for values alone, so no key may look like one
        if not isinstance(key, yaml.ScalarNode) or not key.value.isprintable() or "{" in key.value:
            mistakes.append(_mistake("D1-CFG-006", file, line, path, t("keys must be plain text")))
            continue
        here = (*path, key.value)
        if key.value in mapping:
            text = t("stands twice, on lines {first} and {second}", first=lines[here], second=line)
            mistakes.append(_mistake("D1-CFG-008", file, line, here, text))
        lines[here] = line
        mapping[key.value] = _data(value, here, lines, mistakes, file)
    return mapping


def _mistake(code: str, file: str, line: int, path: Path_, text: str) -> Mistake:
    return Mistake(code=code, file=file, line=line, path=".".join(map(str, path)), text=text)


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.style:  # quoted or block: text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return text  # fractions too: the release 2026.10 must keep its zero
