"""A tenant's mapping: which files there are, what their rows are, and which column is which field.

It is YAML, of which only text, lists and tables are used: everything is text, so that ``NO`` and ``049`` stay
what they are; anchors, tags and keys written twice are refused, size and depth are limited.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from digione_platform.errors import InputError
from digione_platform.i18n import mark, texts_of_command
from digione_platform.roster.archive import Refused, open_regular
from digione_platform.roster.primus.fields import FIELDS, Rows
from digione_platform.roster.problems import Detail, Problem, Problems, shown
from digione_platform.roster.text import did_you_mean

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
# Places of rows are counted by entry (``work.STRIDE``).
MAX_ENTRIES = 20
DELIMITERS = {";": ";", ",": ",", "|": "|", "tab": "\t"}

Given = TypeVar("Given", bound="_Model")


def _listed(value: object) -> object:
    return value if isinstance(value, list | dict) else [value]


Columns = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=20)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Model):
    """How the rows of one file are read: as what, from which columns, which cells mean something else, and
    which fields are the same for all rows."""

    file: str
    rows: Rows
    columns: dict[str, Columns]
    values: dict[str, dict[str, str]] = {}
    fixed: dict[str, str] = {}

    def value(self, field: str, cell: str) -> str:
        """Given a cell, the value that it means."""
        return self.values.get(field, {}).get(cell, cell)

    def cell(self, field: str, value: str) -> str:
        """Given a value, the first cell that means it."""
        return next((cell for cell, meant in self.values.get(field, {}).items() if meant == value), value)


class Settings(_Model):
    """What holds for all files. Of the kinds in ``whole`` the files have every row there is."""

    charset: Literal["utf-8", "cp1252", "cp850"]
    delimiter: Literal[";", ",", "|", "tab"]
    header: bool = True
    whole: list[Rows] = []
    prefixes: dict[Rows, str] = {}


class TenantMapping(_Model):
    """A mapping in order."""

    settings: Settings
    entries: list[Entry]

    def prefix(self, rows: Rows | None) -> str:
        """What identifiers of a kind of rows have before what stands in the cell."""
        return self.settings.prefixes.get(rows, "") if rows else ""


def read_mapping(path: Path, problems: Problems) -> TenantMapping | None:
    """The mapping in a file; otherwise None, and the problems say all that is wrong with it."""
    try:
        with open_regular(path) as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            size = Detail(mark("more than {size} KiB"), {"size": MAX_BYTES // 1024})
            raise Refused(Problem("P-ROSTER-102", path.name, detail=size))
        data, lines = _parse(content, path.name)
    except Refused as refused:
        problems.add(refused.problem)
        return None
    return _Reader(path.name, lines, problems).mapping(data)


def require_mapping(path: Path) -> TenantMapping:
    """The mapping in a file.

    Raises:
        InputError: it is not in order; the first mistake is told.
    """
    problems = Problems()
    mapping = read_mapping(path, problems)
    if mapping is not None:
        return mapping
    first, texts = problems.kept[0], texts_of_command()
    raise InputError(
        "P-ROSTER-092",
        mark("Nothing was exported"),
        "{place} {column}: {reason}",
        mark("digione-platform roster import FILE --mapping {file} --dry-run tells all mistakes"),
        place=f"{first.file}:{first.line or 1}",
        column=first.column or "",
        reason=first.told(texts),
        file=path.name,
    )


Lines = Mapping[tuple[str | int, ...], int]


def _parse(content: bytes, file: str) -> tuple[Any, Lines]:
    lines: dict[tuple[str | int, ...], int] = {}

    def refused(node: Any, why: Detail | str) -> Refused:
        return Refused(Problem("P-ROSTER-102", file, node.start_mark.line + 1, detail=why))

    def data(node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            table: dict[str, Any] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise refused(key, Detail(mark("a key must be text")))
                if key.value in table:
                    again = Detail(mark("{key} stands there twice"), {"key": shown(key.value)})
                    raise refused(key, again)
                table[key.value] = data(value, (*path, key.value))
                lines[(*path, key.value)] = key.start_mark.line + 1
            return table
        if isinstance(node, yaml.SequenceNode):
            return [data(item, (*path, place)) for place, item in enumerate(node.value)]
        return node.value

    try:
        # Composed, as the names in the files are read.
        text = unicodedata.normalize("NFC", content.decode("utf-8-sig"))
        depth = 0
        # First without building anything, so that a bomb does not go off.
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise refused(event, Detail(mark("anchors and aliases are not read")))
            if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
                raise refused(event, Detail(mark("tags are not read")))
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise refused(event, Detail(mark("it is nested too deeply")))
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        raise Refused(Problem("P-ROSTER-020", file)) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise Refused(Problem("P-ROSTER-102", file, line, detail=shown(error.problem or ""))) from error
    except yaml.YAMLError as error:
        raise Refused(Problem("P-ROSTER-102", file, detail=shown(str(error).splitlines()[0]))) from error
    return (data(node, ()) if node else None), lines


class _Reader:
    """Turns data into a mapping, reporting each mistake with its path and line."""

    def __init__(self, file: str, lines: Lines, problems: Problems) -> None:
        self.file, self.lines, self.problems = file, lines, problems

    def mapping(self, data: Any) -> TenantMapping | None:
        before = self.problems.errors
        if not isinstance(data, dict):
            self.tell("P-ROSTER-105", (), detail=Detail(mark("a table of keys and values")))
            return None
        listed = data.pop("files", None)
        settings = self.model(Settings, data, ())
        if settings is None and listed is None:
            self.tell("P-ROSTER-104", ("files",))
        if not isinstance(listed, list) or not 0 < len(listed) <= MAX_ENTRIES:
            if listed is not None or settings is not None:
                self.tell("P-ROSTER-105", ("files",), detail=Detail(mark("a list of files")))
            return None
        entries = []
        for place, one in enumerate(listed):
            entry = self.model(Entry, one, ("files", place))
            if entry is not None:
                self.check(entry, ("files", place))
                entries.append(entry)
        if self.problems.errors > before or settings is None:
            return None
        for place, kind in enumerate(settings.whole):
            if kind not in {entry.rows for entry in entries}:
                self.tell("P-ROSTER-105", ("whole", place), kind, Detail(mark("no file has such rows")))
        if self.problems.errors > before:
            return None
        return TenantMapping(settings=settings, entries=entries)

    def model(self, model: type[Given], data: Any, path: tuple[str | int, ...]) -> Given | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for mistake in error.errors():
                at = (*path, *(part for part in mistake["loc"] if part != "[key]"))
                match mistake["type"]:
                    case "extra_forbidden":
                        known = [*model.model_fields, *(["files"] if model is Settings else [])]
                        self.tell("P-ROSTER-103", at, detail=did_you_mean(str(at[-1]), known))
                    case "missing":
                        self.tell("P-ROSTER-104", at)
                    case _:
                        allowed = (
                            mistake.get("ctx", {}).get("expected", "").replace(" or ", ", ").replace("'", "")
                        )
                        one_of = Detail(mark("one of {names}"), {"names": allowed}) if allowed else None
                        value = mistake["input"] if isinstance(mistake["input"], str) else None
                        self.tell("P-ROSTER-105", at, value, one_of)
        return None

    def check(self, entry: Entry, path: tuple[str | int, ...]) -> None:
        """What the shape alone does not say: the fields of this kind of rows."""
        fields = FIELDS[entry.rows]
        for key in ("columns", "values", "fixed"):
            for name in getattr(entry, key):
                if name not in fields:
                    self.tell("P-ROSTER-103", (*path, key, name), detail=did_you_mean(name, fields))
        for name, field in fields.items():
            if field.required and name not in entry.columns and name not in entry.fixed:
                self.tell("P-ROSTER-104", (*path, "columns", name))
            if not field.several and len(entry.columns.get(name, ())) > 1:
                self.tell("P-ROSTER-105", (*path, "columns", name), detail=Detail(mark("one column")))
            if name in entry.fixed and (name in entry.columns or field.several):
                self.tell(
                    "P-ROSTER-105",
                    (*path, "fixed", name),
                    detail=Detail(mark("not a field of one value for all rows")),
                )
        for name, value in self._meant(entry):
            field = fields[name[1]]
            if value and field.rule.check and field.rule.check(value):
                self.tell("P-ROSTER-105", (*path, *name), value)

    def _meant(self, entry: Entry) -> Iterator[tuple[tuple[str, ...], str]]:
        """The values that the mapping itself says, which are as OneRoster has them, with their paths."""
        known = FIELDS[entry.rows]
        for name, value in entry.fixed.items():
            if name in known:
                yield ("fixed", name), value
        for name, cells in entry.values.items():
            if name in known:
                yield from ((("values", name, cell), value) for cell, value in cells.items())

    def tell(
        self,
        reason: str,
        path: tuple[str | int, ...],
        value: str | None = None,
        detail: Detail | None = None,
    ) -> None:
        line = next(
            (self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 1
        )
        at = ".".join(shown(str(part)) for part in path) or None
        self.problems.add(Problem(reason, self.file, line, at, value and shown(value), detail))
