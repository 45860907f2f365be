"""What pydantic says of a wrong value, in words of people."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

from digione_cli.model.text import shown
from digione_cli.texts import mark, t

_SENTENCES = {
    "missing": mark("is missing"),
    "string_type": mark("must be text"),
    "int_parsing": mark("must be a whole number"),
    "int_parsing_size": mark("must be a smaller number"),
    "int_from_float": mark("must be a whole number"),
    "finite_number": mark("must be a whole number"),
    "bool_type": mark("must be true or false"),
    "bool_parsing": mark("must be true or false"),
    "greater_than_equal": mark("must be at least {ge}"),
    "less_than_equal": mark("must be at most {le}"),
    "tuple_type": mark("must be a list"),
    "dict_type": mark("must hold keys and values"),
    "model_type": mark("must hold keys and values"),
    "model_attributes_type": mark("must hold keys and values"),
    "path_type": mark("must be the name of a file"),
    "union_tag_invalid": mark("{discriminator} must be one of: {expected_tags}"),
    "union_tag_not_found": mark("lacks {discriminator}"),
    "too_short": mark("must hold at least {min_length}"),
    "string_too_short": mark("must have at least {min_length} characters"),
    "string_too_long": mark("must have at most {max_length} characters"),
}


def none_of(value: object, choices: Iterable[object]) -> str:
    """Given a value and those that it may be, say that it is none of them, and which one may be meant."""
    known = [str(choice) for choice in choices]
    near = difflib.get_close_matches(str(value), known, 1)
    if near:
        return t("“{value}” is not known here; did you mean “{near}”?", value=shown(str(value)), near=near[0])
    return t("must be one of: {expected}", expected=", ".join(known))


def whole_number(value: object) -> str:
    """Given what is no whole number, say so; 010 looks like one, and is 8 to some."""
    if isinstance(value, str) and re.fullmatch("[-+]?0[0-9]+", value):
        return t("must be a whole number that does not begin with a zero")
    return t("must be a whole number")


def sentence(error: Any) -> str:
    """Given one of pydantic's ``errors()``, return what is wrong as a sentence without its subject."""
    if error["type"] == "literal_error":
        return none_of(error["input"], re.findall("'([^']*)'", error["ctx"]["expected"]))
    if error["type"] == "int_type":
        return whole_number(error["input"])
    if error["type"] in _SENTENCES:
        return t(_SENTENCES[error["type"]], **error.get("ctx", {}))
    text: str = error["msg"]
    return text.removeprefix("Value error, ")
