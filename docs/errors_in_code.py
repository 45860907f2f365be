"""The errors that people may see, read from the source without running it.

An error is a call whose first argument is an id such as ``D1-SSH-001``. Texts are shown as they are
written; what is filled in at run time stands as ‹word›.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ID = re.compile(r"\b(?:D1|P)-[A-Z]+-\d{3}\b")
Texts = tuple[str, str, str]  # what did not happen, why, what to type next

# Exit code and texts of ids that stand in no call of their own.
ELSEWHERE: dict[str, tuple[int, Texts]] = {
    "D1-CFG-010": (2, ("unknown key or service; did you mean “‹near›”? / known are: ‹known›", "", "")),
    "D1-CFG-013": (2, ("must be text, a whole number, true or false, a list, or keys and values", "", "")),
    "D1-CFG-011": (2, ("a key is missing", "", "")),
    "D1-CFG-015": (2, ("two tenants have the same domain", "", "")),
    "D1-CFG-016": (2, ("two tenants have the same municipality code or OID", "", "")),
    "D1-CFG-026": (2, ("‹code› is the code of ‹name›; make sure that code and name are right", "", "")),
    "D1-CFG-028": (
        2,
        (
            "must name, of each tenant: ‹keys› / no such file on this machine (its full path is needed)",
            "",
            "",
        ),
    ),
    "D1-PLATFORM-002": (1, ("The platform's command failed", "‹what it said last›", "digione doctor")),
}

# Functions of the loader that take a mistake in a file: its text is the last one given.
_MISTAKES = {"wrong", "add", "_mistake", "Mistake"}


@dataclass
class Entry:
    """All that the code says of one id; the same error may be told in several ways."""

    id: str
    exit: int
    told: list[Texts] = field(default_factory=list)


def errors(package: Path, exits: Mapping[str, int]) -> list[Entry]:
    """Given a package's folder and the exit code of each error class, return its errors by id."""
    trees = [ast.parse(p.read_text(encoding="utf-8")) for p in sorted(package.rglob("*.py"))]
    found: dict[str, Entry] = {}
    for id_, exit_, texts in (s for tree in trees for s in _sightings(tree, exits, {})):
        entry = found.setdefault(id_, Entry(id_, exit_))
        if texts not in entry.told:
            entry.told.append(texts)
    present = {i for tree in trees for i in _literal_ids(tree)}
    for id_ in present & set(ELSEWHERE):
        exit_, texts = ELSEWHERE[id_]
        found.setdefault(id_, Entry(id_, exit_)).told.append(texts)
    return sorted(found.values(), key=lambda e: e.id)


def ids(package: Path) -> set[str]:
    """Given a package's folder, return every id in its code."""
    return {i for p in package.rglob("*.py") for i in _literal_ids(ast.parse(p.read_text(encoding="utf-8")))}


def _literal_ids(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for value in ast.iter_child_nodes(node):
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and not isinstance(node, ast.Expr)
            ):
                yield from ID.findall(value.value)


def _sightings(
    node: ast.AST, exits: Mapping[str, int], names: dict[str, ast.expr], inside: int | None = None
) -> Iterator[tuple[str, int, Texts]]:
    """Walk a tree; ``names`` are the texts assigned before, ``inside`` the exit code of the class around."""
    if isinstance(node, ast.FunctionDef):
        names = dict(names)
    if isinstance(node, ast.ClassDef):
        inside = next((exits[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in exits), None)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        names[node.targets[0].id] = node.value
    if isinstance(node, ast.Call):
        yield from _call(node, exits, names, inside)
    if isinstance(node, ast.Tuple):  # the table of what Ansible says when a step fails
        strings = [written(e, {}) for e in node.elts]
        if len(strings) == 4 and ID.fullmatch(strings[1]):
            yield strings[1], exits["PartlyDone"], ("‹task› failed on ‹host›", strings[2], strings[3])
    for child in ast.iter_child_nodes(node):
        yield from _sightings(child, exits, names, inside)


def _call(
    node: ast.Call, exits: Mapping[str, int], names: Mapping[str, ast.expr], inside: int | None
) -> Iterator[tuple[str, int, Texts]]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [*node.args, *(k.value for k in node.keywords if k.arg in ("code", "text"))]
    first = [a for a in given[:1] if isinstance(a, ast.Constant | ast.IfExp | ast.BoolOp)]
    found = [n.value for a in first for n in ast.walk(a) if isinstance(n, ast.Constant)]
    id_ = next((v for v in found if isinstance(v, str) and ID.fullmatch(v)), None)
    if id_ is None:
        return
    exit_ = inside if called == "__init__" else exits.get(called)
    if exit_ is not None:
        what, why, fix = (written(a, names) for a in given[1:4])
        yield id_, exit_, (what, why, fix)
    elif called in _MISTAKES:
        texts = [
            written(a, names)
            for a in given[1:]
            if isinstance(a, ast.Constant | ast.JoinedStr | ast.Name)
            or (isinstance(a, ast.Call) and getattr(a.func, "id", "") in ("t", "tn", "mark"))
        ]
        if not re.fullmatch("‹[^›]*›", texts[-1]):  # a function says it: see ELSEWHERE
            yield id_, exits["UsageError"], (texts[-1], "", "")


def written(node: ast.expr, names: Mapping[str, ast.expr]) -> str:
    """Given an expression of text, return the text with ‹word› for what is filled in."""
    match node:
        case ast.Constant():
            return filled_in(" ".join(str(node.value or "").splitlines()))
        case ast.JoinedStr():
            return "".join(written(part, names) for part in node.values)
        case ast.FormattedValue():
            return written(node.value, names)
        case ast.BinOp(op=ast.Add(), right=ast.Constant(value=str()) | ast.JoinedStr()):
            return written(node.left, names) + written(node.right, names)
        case ast.IfExp():
            return " / ".join(t for t in (written(node.body, names), written(node.orelse, names)) if t)
        case ast.BoolOp():
            return " / ".join(t for t in (written(v, names) for v in node.values) if t)
        case ast.Name() if node.id in names:
            return written(names[node.id], {k: v for k, v in names.items() if k != node.id})
        case ast.Call(func=ast.Name(id="t" | "mark"), args=[text]):
            return written(text, names)
        case ast.Call(func=ast.Name(id="tn"), args=[_, text, _]):
            return written(text, names)
    return f"‹{_word(node)}›"


def filled_in(text: str) -> str:
    """Given a text of a catalogue, return it with ‹word› for what is filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: f"‹{found[1].replace('_', ' ')}›", text)


def _word(node: ast.expr) -> str:
    """Return one readable word for an expression: the thing that it is about."""
    match node:
        case ast.Name():
            return node.id.strip("_").replace("_", " ")
        case ast.Attribute(attr="name" | "why" | "text" | "parent") if isinstance(
            node.value, ast.Name | ast.Attribute
        ):
            return "name" if _word(node.value) == "self" else _word(node.value)
        case ast.Attribute():
            return node.attr.strip("_").replace("_", " ")
        case ast.Subscript() | ast.Starred() | ast.Await():
            return _word(node.value)
        case ast.Call() if node.args and not (isinstance(node.args[-1], ast.Call | ast.GeneratorExp)):
            return _word(node.args[-1])
        case ast.Call():
            return _word(node.func.value) if isinstance(node.func, ast.Attribute) else "…"
        case ast.BinOp():
            return _word(node.left)
    return "…"
