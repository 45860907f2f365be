"""A OneRoster 1.2 bundle: its manifest, and its files row by row, in memory that does not grow with them."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from psycopg import Connection

from digione_platform.i18n import mark
from digione_platform.roster import profile
from digione_platform.roster.archive import Measured, open_archive
from digione_platform.roster.cells import meant
from digione_platform.roster.problems import Detail, Problem, Problems, masked, shown
from digione_platform.roster.profile import File, Rule
from digione_platform.roster.source import Kind
from digione_platform.roster.staging import Row, copy_rows
from digione_platform.roster.text import LINE, check_text, did_you_mean, ragged, read_rows

# Trees are walked in memory; no municipality has more units or periods.
MAX_TREE = 100_000
_MOST = {"orgs": MAX_TREE, "academicSessions": MAX_TREE}


@dataclass
class Bundle:
    """An opened bundle. ``modes`` has the files that are there, ``unreadable`` those given up."""

    archive: zipfile.ZipFile
    kind: Kind
    modes: dict[str, Kind]
    unreadable: set[str] = field(default_factory=set)
    without_protected: bool = False

    def close(self) -> None:
        stream = self.archive.fp
        self.archive.close()
        if stream:
            stream.close()

    @property
    def files(self) -> list[str]:
        """The files that the platform uses, in the order in which they depend on each other."""
        return [name for name in profile.FILES if name in self.modes]

    def rows(self, name: str, problems: Problems) -> Iterator[Row]:
        """The rows of a used file, each checked by itself. A row with problems is handed on too, as far as
        it goes, so that references to it are not reported as well."""
        checker: _RowChecker | None = None
        for line, values in self._read(name, problems):
            if checker is None:
                checker = _header(name, values, problems)
                if checker is None:
                    self._give_up(name)
                    return
                checker.kind = self.kind
                continue
            yield checker.check(line, values)

    def look_through(self, name: str, problems: Problems) -> None:
        """Check the form of a file that is not used."""
        width: int | None = None
        for line, values in self._read(name, problems):
            if width is None:
                if _header(name, values, problems) is None:
                    return
                width = len(values)
            elif len(values) != width:
                problems.add(ragged(f"{name}.csv", line, values, width))

    def fill(self, connection: Connection, problems: Problems) -> None:
        """Copy the rows of all used files, and look the others through."""
        for name in self.files:
            count = copy_rows(connection, name, self.rows(name, problems), at_most=_MOST.get(name))
            if count is None:
                many = Detail(mark("more than {limit} rows"), {"limit": _MOST[name]})
                problems.add(Problem("P-ROSTER-002", f"{name}.csv", detail=many))
                self._give_up(name)
        for name in self.modes:
            if name not in profile.FILES:
                self.look_through(name, problems)
                problems.add(Problem("P-ROSTER-070", f"{name}.csv"))

    def _read(self, name: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
        file = f"{name}.csv"
        return read_rows(lambda: Measured(self.archive, file), file, problems, lambda: self._give_up(name))

    def _give_up(self, name: str) -> None:
        self.unreadable.add(name)


def open_bundle(path: Path, problems: Problems) -> Bundle | None:
    """The bundle at a path if archive and manifest are in order; otherwise None, and the problems say why."""
    archive = open_archive(path, problems)
    if archive is None:
        return None
    modes, system = _manifest(archive, problems)
    if problems.has_errors:
        _close(archive)
        return None
    kind: Kind = "delta" if set(modes.values()) == {"delta"} else "bulk"
    return Bundle(archive, kind, modes, without_protected=system == profile.OURS_WITHOUT_PROTECTED)


def _close(archive: zipfile.ZipFile) -> None:
    with closing(cast(io.BufferedReader, archive.fp)):
        archive.close()


def _manifest(archive: zipfile.ZipFile, problems: Problems) -> tuple[dict[str, Kind], str]:
    """The files that are there and how each is to be taken, and the code of the system that wrote them."""
    names = {name.removesuffix(".csv") for name in archive.namelist()}
    if profile.MANIFEST not in names:
        problems.add(Problem("P-ROSTER-010", "manifest.csv"))
        return {}, ""
    said = _properties(archive, problems)
    if problems.has_errors:
        return {}, ""
    for key, wanted in profile.MANIFEST_VERSIONS.items():
        if key not in said:
            problems.add(Problem("P-ROSTER-011", "manifest.csv", detail=key))
        elif said[key][1] != wanted:
            line, value = said[key]
            read = Detail(mark("{version} is read"), {"version": wanted})
            problems.add(Problem("P-ROSTER-012", "manifest.csv", line, key, shown(value), read))
    modes: dict[str, Kind] = {}
    for name in profile.COLUMNS:
        line, value = said.get(f"file.{name}", (None, "absent"))
        if value not in ("absent", "bulk", "delta"):
            problems.add(
                Problem(
                    "P-ROSTER-012",
                    "manifest.csv",
                    line,
                    f"file.{name}",
                    shown(value),
                    Detail(mark("absent, bulk or delta")),
                )
            )
        elif value == "absent" and name in names:
            unsaid = None if line else Detail(mark("the manifest has no row for it"))
            problems.add(Problem("P-ROSTER-015", f"{name}.csv", detail=unsaid))
        elif value != "absent" and name not in names:
            problems.add(Problem("P-ROSTER-014", f"{name}.csv", detail=value))
        elif value != "absent":
            modes[name] = cast(Kind, value)
    for name in sorted(names - set(profile.COLUMNS) - {profile.MANIFEST}):
        problems.add(Problem("P-ROSTER-006", f"{name}.csv", detail=did_you_mean(name, profile.COLUMNS)))
    if len(set(modes.values())) > 1:
        deltas = ", ".join(name for name, mode in modes.items() if mode == "delta")
        problems.add(Problem("P-ROSTER-016", "manifest.csv", detail=f"delta: {deltas}"))
    if not modes and not problems.has_errors:
        nothing = Detail(mark("any file that is bulk or delta"))
        problems.add(Problem("P-ROSTER-011", "manifest.csv", detail=nothing))
    return modes, said.get(profile.SYSTEM_CODE, (None, ""))[1]


def _properties(archive: zipfile.ZipFile, problems: Problems) -> dict[str, tuple[int | None, str]]:
    known = {
        *profile.MANIFEST_VERSIONS,
        *profile.SOURCE_PROPERTIES,
        *(f"file.{name}" for name in profile.COLUMNS),
    }
    said: dict[str, tuple[int | None, str]] = {}
    rows = read_rows(lambda: Measured(archive, "manifest.csv"), "manifest.csv", problems, lambda: None)
    header = next(rows, None)
    if header is None:
        return said
    if tuple(header[1]) != profile.MANIFEST_COLUMNS:
        wanted = ",".join(profile.MANIFEST_COLUMNS)
        problems.add(
            Problem(
                "P-ROSTER-025",
                "manifest.csv",
                1,
                value=shown(",".join(header[1])),
                detail=Detail(mark("must be {columns}"), {"columns": wanted}),
            )
        )
        return said
    for line, values in rows:
        if len(values) != 2:
            problems.add(ragged("manifest.csv", line, values, 2))
            continue
        # Some systems mark the files that came with version 1.2 by a star.
        key = values[0].removesuffix("*")
        if key not in known:
            problems.add(
                Problem(
                    "P-ROSTER-013",
                    "manifest.csv",
                    line,
                    shown(values[0]),
                    detail=did_you_mean(values[0], known),
                )
            )
        elif key in said:
            earlier = Detail(LINE, {"line": said[key][0]})
            problems.add(Problem("P-ROSTER-050", "manifest.csv", line, key, detail=earlier))
        said[key] = (line, values[1])
    return said


def _header(name: str, header: list[str], problems: Problems) -> "_RowChecker | None":
    """What checks the rows below a header, or None if the header is wrong."""
    file = f"{name}.csv"
    wanted = profile.COLUMNS[name]
    before = problems.errors
    if len(header) == 1 and re.search(r"[;\t|]", header[0]):
        problems.add(Problem("P-ROSTER-026", file, 1, value=shown(header[0])))
    elif tuple(header[: len(wanted)]) != wanted:
        _report_header(file, header, wanted, problems)
    else:
        extensions = header[len(wanted) :]
        for place, column in enumerate(extensions):
            if not profile.EXTENSION.fullmatch(column):
                detail = Detail(mark("further columns begin with metadata."))
                problems.add(Problem("P-ROSTER-025", file, 1, shown(column), detail=detail))
            elif column in extensions[:place]:
                detail = Detail(mark("it stands there twice"))
                problems.add(Problem("P-ROSTER-025", file, 1, shown(column), detail=detail))
    if problems.errors > before:
        return None
    return _RowChecker(name, header, problems)


def _report_header(file: str, header: list[str], wanted: tuple[str, ...], problems: Problems) -> None:
    unknown = [
        column for column in header if column not in wanted and not profile.EXTENSION.fullmatch(column)
    ]
    missing = [column for column in wanted if column not in header]
    for column in unknown[:50]:
        problems.add(Problem("P-ROSTER-025", file, 1, shown(column), detail=did_you_mean(column, missing)))
    for column in missing:
        detail = Detail(mark("the column is missing"))
        problems.add(Problem("P-ROSTER-025", file, 1, column, detail=detail))
    if not unknown and not missing:
        place = next(place for place, column in enumerate(wanted) if header[place] != column)
        here = {"column": wanted[place], "number": place + 1}
        detail = Detail(mark("{column} comes here (column {number})"), here)
        problems.add(Problem("P-ROSTER-025", file, 1, shown(header[place]), detail=detail))


class _RowChecker:
    """Checks rows of one file by the profile's rules and picks the columns that are used."""

    kind: Kind = "bulk"

    def __init__(self, name: str, header: list[str], problems: Problems) -> None:
        self.file: File = profile.FILES.get(name, File({}))
        self.csv = f"{name}.csv"
        self.problems = problems
        self.width = len(header)
        self.header = header
        places = {column: place for place, column in enumerate(header)}
        rules = {**self.file.rules, **self.file.extensions}
        self.rules = [(places[column], column, rule) for column, rule in rules.items() if column in places]
        self.places = [places.get(column) for column in rules]
        self.dates = tuple(places[column] for column in self.file.dates or ())
        self.password = places.get("password")
        self.id_rule = Rule(profile.SOURCED_ID.check, personal=self.file.personal)
        known = {*profile.HEAD, *rules, "password"}
        # Columns that are filled and not used are told once each.
        self.idle = {place: column for column, place in places.items() if column not in known}
        if name not in profile.FILES:
            self.idle = {}

    def check(self, line: int, values: list[str]) -> Row:
        if len(values) != self.width:
            self.problems.add(ragged(self.csv, line, values, self.width))
            values = (values + [""] * self.width)[: self.width]
            return (line, values[0] or None, *([None] * (len(self.places) + 2)))
        values = [meant(value) for value in values]
        check_text(self.csv, line, self.header, values, self.problems)
        leaving = self._check_head(line, values)
        for place, column, rule in self.rules:
            value = values[place]
            if value:
                if rule.check and (reason := rule.check(value)):
                    self._tell(reason, line, column, value, rule)
            elif rule.required and not leaving:
                self._tell("P-ROSTER-030", line, column, "", rule)
        self._check_whole(line, values)
        picked = [values[place] or None if place is not None else None for place in self.places]
        return (line, values[0] or None, values[1] or None, values[2] or None, *picked)

    def _check_head(self, line: int, values: list[str]) -> bool:
        """Whether the row is one that removes."""
        sourced_id, status, modified = values[0], values[1], values[2]
        if not sourced_id:
            self._tell("P-ROSTER-030", line, "sourcedId", "", self.id_rule)
        elif reason := profile.SOURCED_ID.check and profile.SOURCED_ID.check(sourced_id):
            self._tell(reason, line, "sourcedId", sourced_id, self.id_rule)
        for column, value, rule in (
            ("status", status, profile.STATUS),
            ("dateLastModified", modified, profile.TIME),
        ):
            if value and rule.check and (reason := rule.check(value)):
                self._tell(reason, line, column, value, rule)
        if self.kind == "delta" and not (status and modified):
            self._tell("P-ROSTER-045", line, "dateLastModified" if status else "status", "", profile.STATUS)
        if self.kind == "bulk" and status == "tobedeleted":
            self._tell("P-ROSTER-046", line, "status", status, profile.STATUS)
        return status == "tobedeleted"

    def _check_whole(self, line: int, values: list[str]) -> None:
        if self.dates:
            begin, end = values[self.dates[0]], values[self.dates[1]]
            if begin and end and end <= begin:
                self._tell("P-ROSTER-044", line, self.header[self.dates[1]], end, profile.TIME)
        if self.file.check_row:
            for column, reason in self.file.check_row(dict(zip(self.header, values, strict=True))):
                self._tell(reason, line, column, values[self.header.index(column)], profile.TIME)
        if self.password is not None and values[self.password]:
            self.problems.add(Problem("P-ROSTER-072", self.csv, line, "password"))
            self.password = None
        if self.idle:
            for place in [place for place in self.idle if values[place]]:
                self.problems.add(Problem("P-ROSTER-071", self.csv, line, shown(self.idle.pop(place))))

    def _tell(self, reason: str, line: int, column: str, value: str, rule: Rule) -> None:
        shape = masked(value) if rule.personal and value else shown(value) if value else None
        self.problems.add(Problem(reason, self.csv, line, column, shape))
