"""Reads rows of one mapped file: the header first, then each row checked by itself."""

from digione_platform.i18n import mark
from digione_platform.roster import profile
from digione_platform.roster.cells import meant
from digione_platform.roster.primus.fields import FIELDS, Field
from digione_platform.roster.primus.mapping import DELIMITERS, Entry, TenantMapping
from digione_platform.roster.primus.work import STRIDE, Row
from digione_platform.roster.problems import Detail, Problem, Problems, masked, shown
from digione_platform.roster.text import check_text, did_you_mean


def header_holds(
    entry: Entry, told: list[Entry] | None, header: list[str], start: str, problems: Problems
) -> bool:
    """Whether all columns of an entry are there once; columns that none of ``told`` uses are told.

    ``start`` is the first cell as it was read.
    """
    file, before = entry.file, problems.errors
    wanted = [column for columns in entry.columns.values() for column in columns]
    if len(header) == 1 and len(set(wanted)) > 1:
        other = next((name for name, sign in DELIMITERS.items() if sign in start), None)
        found = Detail(mark("it looks like {sign}"), {"sign": other}) if other else None
        problems.add(Problem("P-ROSTER-029", file, 1, detail=found))
        return False
    for column in dict.fromkeys(wanted):
        if column not in header:
            near = did_you_mean(column, [one for one in header if one not in wanted])
            problems.add(Problem("P-ROSTER-106", file, 1, shown(column), detail=near))
        elif header.count(column) > 1:
            twice = Detail(mark("it stands there twice"))
            problems.add(Problem("P-ROSTER-106", file, 1, shown(column), detail=twice))
    # Without the columns the row may be no header but somebody's data: nothing of it is shown.
    if told is not None and problems.errors == before:
        used = {column for one in told for columns in one.columns.values() for column in columns}
        for column in dict.fromkeys(header):
            if column not in used:
                problems.add(Problem("P-ROSTER-071", file, 1, shown(column)))
    return problems.errors == before


class Reader:
    """Reads and checks rows of one entry."""

    def __init__(
        self,
        mapping: TenantMapping,
        number: int,
        entry: Entry,
        header: list[str],
        first: bool,
        problems: Problems,
    ) -> None:
        self.number, self.entry, self.header, self.problems = number, entry, header, problems
        # A file that is read in several ways is checked as text once.
        self.first = first
        self.lossy = mapping.settings.charset != "utf-8"
        places = {column: place for place, column in enumerate(header)}
        self.fields = [
            (
                name,
                FIELDS[entry.rows][name],
                [places[column] for column in columns],
                mapping.prefix(entry.rows if name == "id" else FIELDS[entry.rows][name].names),
            )
            for name, columns in entry.columns.items()
        ]
        # Of rows for somebody else these columns are always filled.
        relation = {place for _, what, at, _ in self.fields if what.names for place in at}
        self.own = sorted({place for _, _, at, _ in self.fields for place in at} - relation)

    def row(self, line: int, cells: list[str]) -> Row | None:
        """The row that is staged; None where there is nothing to stage."""
        values = [meant(cell.strip()) for cell in cells]
        if self.first:
            check_text(self.entry.file, line, self.header, values, self.problems)
        if not any(values[place] for place in self.own):
            return None
        row: Row = {
            "place": self.number * STRIDE + min(line, STRIDE - 1),
            "entry": self.number,
            **self.entry.fixed,
        }
        for name, what, at, prefix in self.fields:
            cells_meant = [cell for place in at if (cell := self.entry.value(name, values[place]))]
            column = self.header[at[0]]
            if name == "id":
                whole = prefix + "-".join(cells_meant) if len(cells_meant) == len(at) else ""
                row[name] = self._checked(line, column, what, whole, whole)
            elif what.several:
                parts = [part for cell in cells_meant for part in profile.split_list(cell)]
                known = (
                    self._checked(line, column, what, prefix + part, part) for part in dict.fromkeys(parts)
                )
                row[name] = [value for value in known if value]
            else:
                value = cells_meant[0] if cells_meant else ""
                read = what.read(value) if what.read else value
                row[name] = self._checked(line, column, what, read, values[at[0]])
        return row

    def _checked(self, line: int, column: str, field: Field, value: str, written: str) -> str | None:
        """A value that was read; what is wrong with it is told of how it is ``written`` in the file."""
        rule = field.rule
        reason = rule.wrong(value)
        if reason:
            shape = (masked(written) if rule.personal else shown(written)) if written else None
            self.problems.add(Problem(reason, self.entry.file, line, column, shape))
        if self.lossy and value and field.column in ("givenName", "familyName") and "?" in value:
            self.problems.add(Problem("P-ROSTER-076", self.entry.file, line, column, masked(value)))
        return value or None
