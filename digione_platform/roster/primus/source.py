"""Mapped files as a source of an import: each row is checked by itself and staged in words of OneRoster.

All of it is a delta: rows say what they say, what a mapping does not name is left as it is, and of the kinds
that are the whole register the platform itself finds out who has left (``derive``).
"""

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from digione_platform.i18n import mark
from digione_platform.roster import profile
from digione_platform.roster.archive import Measured, Refused, open_archive, open_regular
from digione_platform.roster.primus import work
from digione_platform.roster.primus.derive import derive
from digione_platform.roster.primus.fields import FIELDS
from digione_platform.roster.primus.mapping import DELIMITERS, Entry, TenantMapping
from digione_platform.roster.primus.reader import Reader, header_holds
from digione_platform.roster.problems import Detail, Problem, Problems
from digione_platform.roster.source import Kind
from digione_platform.roster.text import LINE, Form, ragged, read_rows

_NAMES = re.compile(r"[\w\-. ]+\.(csv|txt)", re.IGNORECASE)
# Which field a column of the staged files is told by.
_FIELD_OF = {
    ("users.csv", "sourcedId"): "id",
    ("users.csv", "agentSourcedIds"): "guardians",
    ("roles.csv", "userSourcedId"): "id",
    ("roles.csv", "orgSourcedId"): "school",
    ("enrollments.csv", "schoolSourcedId"): "school",
    ("enrollments.csv", "classSourcedId"): "homeroom",
    ("classes.csv", "sourcedId"): "id",
    ("classes.csv", "schoolSourcedId"): "school",
    **{
        (f"{file}.csv", field.column): name
        for file, kinds in (("users", ("pupils",)), ("classes", ("groups",)))
        for kind in kinds
        for name, field in FIELDS[kind].items()  # type: ignore[index]
        if field.column
    },
}

Opener = Callable[[], io.RawIOBase]


@dataclass
class Files:
    """The files that were given, by name, and what to close in the end."""

    openers: dict[str, Opener]
    held: zipfile.ZipFile | BinaryIO

    def close(self) -> None:
        if isinstance(self.held, zipfile.ZipFile) and self.held.fp:
            self.held.fp.close()
        self.held.close()


def open_mapped(
    path: Path, mapping: TenantMapping, problems: Problems, context: work.Context
) -> "Mapped | None":
    """The mapped files at a path: a zip archive of them, or one of them as it is."""
    files = _open(path, mapping, problems)
    if files is None:
        return None
    named = {entry.file for entry in mapping.entries}
    for name in sorted(named - set(files.openers)):
        problems.add(Problem("P-ROSTER-101", name))
    for name in sorted(set(files.openers) - named):
        problems.add(Problem("P-ROSTER-070", name))
    entries = {place: entry for place, entry in enumerate(mapping.entries, 1) if entry.file in files.openers}
    if not entries:
        expected = Detail(mark("one of {names}"), {"names": ", ".join(sorted(named))})
        problems.add(Problem("P-ROSTER-100", path.name, detail=expected))
        files.close()
        return None
    source = Mapped(path.name, mapping, entries, files, context)
    problems.locate = source.locate
    return source


def _open(path: Path, mapping: TenantMapping, problems: Problems) -> Files | None:
    try:
        stream = open_regular(path)
    except Refused as refused:
        problems.add(refused.problem)
        return None
    if stream.read(4) == b"PK\x03\x04":
        stream.close()
        archive = open_archive(path, problems, _NAMES)
        if archive is None:
            return None
        return Files({name: _in_archive(archive, name) for name in archive.namelist()}, archive)
    named = {entry.file for entry in mapping.entries}
    # The one file of a mapping may have any name; of several, its name says which it is.
    name = path.name if len(named) > 1 else next(iter(named))
    return Files({name: lambda: _from_start(stream)}, stream)


def _in_archive(archive: zipfile.ZipFile, name: str) -> Opener:
    return lambda: Measured(archive, name)


def _from_start(stream: BinaryIO) -> io.RawIOBase:
    """The same file once more; who reads it may close it without closing ours."""
    return io.FileIO(_duplicate(stream), "rb")


def _duplicate(stream: BinaryIO) -> int:
    copy = os.dup(stream.fileno())
    os.lseek(copy, 0, os.SEEK_SET)
    return copy


@dataclass
class Mapped:
    """The mapped files that were given. ``entries`` has those of the mapping, by number from 1."""

    name: str
    mapping: TenantMapping
    entries: dict[int, Entry]
    given: Files
    context: work.Context
    kind: Kind = "delta"
    modes: dict[str, Kind] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    without_protected: bool = False

    def __post_init__(self) -> None:
        kinds = {entry.rows for entry in self.entries.values()}
        groups = ["courses", "classes"] if "groups" in kinds else []
        people = ["users", "demographics", "roles"] if kinds - {"groups"} else []
        self.modes = dict.fromkeys([*people, *groups, "enrollments"], "delta")

    @property
    def files(self) -> list[str]:
        return [name for name in profile.FILES if name in self.modes]

    def close(self) -> None:
        self.given.close()

    def fill(self, connection: Connection, problems: Problems) -> None:
        work.create(connection)
        for number, entry in self.entries.items():
            table = work.table_of(entry.rows)
            columns = work.columns_of(entry.rows)
            target = SQL("copy {} ({}) from stdin").format(
                Identifier(table), SQL(", ").join(Identifier(column) for column in columns)
            )
            with connection.cursor().copy(target) as copy:
                copy.set_types([work.TYPES.get(column, "text") for column in columns])
                for row in self.rows(number, problems):
                    copy.write_row([row.get(column) for column in columns])
        # Without some of the rows, those that refer to them would be told as well.
        if not self.unreadable:
            derive(connection, self.mapping, self.entries, self.context, problems)
        else:
            self.modes.clear()

    def rows(self, number: int, problems: Problems) -> Iterator[work.Row]:
        """The rows of an entry, each checked by itself and as it is staged."""
        entry = self.entries[number]
        settings = self.mapping.settings
        form = Form(DELIMITERS[settings.delimiter], settings.charset)
        first = entry is next(one for one in self.entries.values() if one.file == entry.file)
        reader: Reader | None = None
        opener = self.given.openers[entry.file]

        def give_up() -> None:
            self.unreadable.add(entry.file)

        for line, values in read_rows(opener, entry.file, problems, give_up, form):
            if reader is None:
                named = [one for one in self.entries.values() if one.file == entry.file]
                numbers = [str(place) for place in range(1, len(values) + 1)]
                header = [value.strip() for value in values] if settings.header else numbers
                if not header_holds(entry, named if first else None, header, values[0], problems):
                    give_up()
                    return
                reader = Reader(self.mapping, number, entry, header, first, problems)
                if settings.header:
                    continue
            if len(values) != len(reader.header):
                give_up()
                if first:
                    problems.add(ragged(entry.file, line, values, len(reader.header)))
            elif row := reader.row(line, values):
                yield row

    def locate(self, problem: Problem) -> Problem:
        """A problem of staged rows, in the words of the file and of the column that they come from."""
        if not problem.file.endswith(".csv") or problem.file.removesuffix(".csv") not in profile.FILES:
            return problem
        if problem.line is None:
            return Problem(problem.id, self.name, None, None, problem.value, problem.detail)
        number, line = divmod(problem.line, work.STRIDE)
        entry = self.entries.get(number)
        if entry is None:
            return problem
        name = _FIELD_OF.get((problem.file, problem.column or ""), problem.column or "")
        if name == "guardians" and name not in entry.columns:
            name = "children"
        column = ", ".join(entry.columns[name]) if name in entry.columns else None
        detail = problem.detail
        if isinstance(detail, Detail) and detail.text == LINE:
            other, earlier = divmod(int(str(detail.values["line"])), work.STRIDE)
            detail = Detail(mark("{file}, line {line}"), {"file": self.entries[other].file, "line": earlier})
        return Problem(problem.id, entry.file, line, column, problem.value, detail)
