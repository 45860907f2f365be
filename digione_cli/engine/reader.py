"""The files of an inventory, read key by key: one mistake hides no other."""

import difflib
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, create_model

from digione_cli.engine.documents import Document, DocumentError, parse, read_text
from digione_cli.model import text
from digione_cli.model.base import Model
from digione_cli.model.finding import Level, Mistake
from digione_cli.model.sentences import sentence
from digione_cli.texts import t

_TAGS = ("oidc", "saml", "ssh", "mounted", "s3", "[key]")
_CODES = {"extra_forbidden": "D1-CFG-010", "missing": "D1-CFG-011"}


@dataclass(frozen=True)
class Read:
    """A file of an inventory as far as it is sound."""

    document: Document
    parts: dict[str, Any]  # the values of its keys; those with mistakes are left out
    whole: bool

    def line(self, *path: Hashable) -> int | None:
        """Given a path, return its line."""
        return self.document.line(path)


class Reader:
    """Reads the files of one inventory and collects the mistakes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mistakes: list[Mistake] = []

    def add(
        self,
        code: str,
        file: str,
        line: int | None,
        path: Iterable[object],
        text: str,
        level: Level = Level.ERROR,
    ) -> None:
        path = tuple(path)
        # what a key takes says more than that its value may be read in two ways
        settled = ("D1-CFG-029", file, ".".join(map(str, path)))
        if level is Level.ERROR:
            self.mistakes = [m for m in self.mistakes if (m.code, m.file, m.path) != settled]
        dotted = ".".join(str(p) for p in path if not isinstance(p, int))
        self.mistakes.append(Mistake(code=code, file=file, line=line, path=dotted, text=text, level=level))

    def read(self, file: str, model: type[BaseModel]) -> Read:
        told: set[str] = set()
        try:
            document = parse(read_text(self.folder / file, file), file)
        except DocumentError as e:
            self.mistakes += e.mistakes
            document, told = e.document, {m.path for m in e.mistakes if m.code != "D1-CFG-029"}
        if not isinstance(document.data, dict):
            if not told:
                self.add("D1-CFG-006", file, 1, (), t("must hold keys and values"))
            return Read(Document({}, {}), {}, False)
        try:
            return Read(document, dict(model.model_validate(document.data)), True)
        except ValidationError as e:
            errors = e.errors(include_url=False, include_context=True)
            for error in errors:
                if ".".join(map(str, error["loc"])) not in told:
                    self._pydantic(file, document, model, error)
            return Read(document, _sound(model, document.data, {e["loc"][0] for e in errors}), False)

    def _pydantic(self, file: str, document: Document, model: type[BaseModel], error: Any) -> None:
        # pydantic puts the tag of a discriminated union into the path; the file has no such key, unless a
        # target is called so
        parts = pairwise(("", *error["loc"]))
        path = tuple(p for before, p in parts if before == "targets" or p not in _TAGS)
        line = document.line(path)
        code = _CODES.get(error["type"], "D1-CFG-013")
        if error["type"] == "extra_forbidden":
            message = unknown_key(str(path[-1]), sorted(_fields(model, path[:-1])))
        else:
            message = sentence(error)
        for index in (p for p in path if isinstance(p, int)):  # people count from 1
            message = t("entry {number}: {reason}", number=index + 1, reason=message)
        self.add(code, file, line, path, message)

    def slug(self, path: Path) -> str | None:
        try:
            if path.suffix != ".yml":
                self.add("D1-CFG-014", f"tenants/{path.name}", None, (), t("the file must end in .yml"))
                return None
            return text.slug(path.stem)
        except Exception as e:  # a PydanticCustomError, outside a model
            self.add(
                "D1-CFG-014", f"tenants/{text.shown(path.name)}", None, (), t("file name: {reason}", reason=e)
            )
            return None


def _sound(model: type[BaseModel], data: Mapping[str, Any], broken: Collection[object]) -> dict[str, Any]:
    """Return the values of a model's keys; those of ``broken``, which it refused, are left out."""
    parts = {}
    for name, field in model.model_fields.items():
        if name not in broken:
            alone: Any = create_model(name, __base__=Model, **{name: (field.annotation, field)})  # type: ignore[call-overload]
            given = {name: data[name]} if name in data else {}
            parts[name] = getattr(alone.model_validate(given), name)
    return parts


def unknown_key(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return t("unknown key; did you mean “{near}”?", near=near[0])
    return t("unknown key; known are: {known}", known=", ".join(known) or "–")


def _fields(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Return the keys that the model knows at a path; of a union, those of all its members."""
    models = [model]
    for part in path:
        inside = [
            m for k in models if part in k.model_fields for m in _models(k.model_fields[part].annotation)
        ]
        models = inside or models  # a key of a dict or an index of a list is no field
    return sorted({field for m in models for field in m.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _models(a)]
