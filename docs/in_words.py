"""Values and types of the code in words of people, as Markdown."""

from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

TYPES = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "true or false",
    "path": "file",
    "list": "list",
    "dict": "keys and values",
}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Given columns and rows, return a Markdown table, or nothing where there are no rows."""
    lines = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    head = [" | ".join(columns), " | ".join("---" for _ in columns)]
    return "\n".join(f"| {line} |" for line in head + lines) + "\n" if lines else ""


def code(value: object) -> str:
    """Return a value as Markdown code; an empty one is a dash."""
    if value in (None, "", (), [], {}):
        return "–"
    shown = value if isinstance(value, str) else _yaml(value)
    return f"`{shown}`" if shown else "–"


def _yaml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{', '.join(map(_yaml, value))}]"
        case BaseModel():
            return ", ".join(f"{k}: {_yaml(v)}" for k, v in value.model_dump().items() if v is not None)
    return str(value)


def plain(text: str) -> str:
    """Return text of the code for Markdown: what a person fills in is ‹word›, as everywhere here."""
    return text.replace("<", "‹").replace(">", "›")


def models(hint: Any) -> list[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint]
    return [m for a in get_args(hint) for m in models(a)]


def type_words(hint: Any) -> str:
    """Given a type, return it in words of people: "one of …", "list of …", or its validator's name."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return next(filter(None, map(_constraint, args[1:])), type_words(args[0]))
    if origin is Literal:
        return "one of " + ", ".join(f"`{a}`" for a in args)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_words(a) for a in args if a is not type(None)))
    if origin in (tuple, list):
        return f"list of: {type_words(args[0])}"
    if origin is dict:
        return "keys and values"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return "keys and values"
    return TYPES.get(hint.__name__.lower(), "any")


def _constraint(constraint: Any) -> str:
    if function := getattr(constraint, "func", None):
        return str(function.__name__).replace("_", " ")
    if pattern := getattr(constraint, "pattern", None):
        return f"text like `{pattern}`"
    bounds = [getattr(m, "ge", getattr(m, "le", None)) for m in getattr(constraint, "metadata", ())]
    return f"number from {bounds[0]} to {bounds[1]}" if len(bounds) == 2 else ""
