"""What can be wrong with a bundle: one table of reasons, and the collector that counts them.

The reference page docs/reference/oneroster.md shows this table; ids are never reused.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["error", "warning"]

# Problems kept for the report; the rest is counted.
KEPT = 1000
SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Reason:
    """Why something is refused (error) or looked at (warning), and how it is mended."""

    level: Level
    text: str
    fix: str


REASONS: dict[str, Reason] = {
    # The archive as a whole.
    "P-ROSTER-001": Reason(
        "error", "the file is not a readable zip archive", "export the bundle again and send it as it is"
    ),
    "P-ROSTER-002": Reason(
        "error", "the archive is larger than is read", "split it, or leave unused files out"
    ),
    "P-ROSTER-003": Reason(
        "error",
        "the archive unpacks to far more than it holds",
        "export the bundle again; do not import this file",
    ),
    "P-ROSTER-004": Reason(
        "error",
        "the archive holds a path, folder or link; OneRoster has plain files at the root only",
        "zip the CSV files themselves, not their folder",
    ),
    "P-ROSTER-005": Reason("error", "the archive holds two files of the same name", "keep one of them"),
    "P-ROSTER-006": Reason(
        "error", "the file is none of OneRoster 1.2", "rename it or leave it out of the archive"
    ),
    "P-ROSTER-007": Reason(
        "error", "the file is encrypted or packed in an unknown way", "zip with deflate, unencrypted"
    ),
    # The manifest.
    "P-ROSTER-010": Reason("error", "manifest.csv is missing", "export a complete OneRoster 1.2 bundle"),
    "P-ROSTER-011": Reason("error", "the manifest does not say this", "add the row to manifest.csv"),
    "P-ROSTER-012": Reason(
        "error", "the manifest has a value that is not known", "see the values in the reference"
    ),
    "P-ROSTER-013": Reason(
        "error", "the manifest has a property that is not known", "correct or remove the row"
    ),
    "P-ROSTER-014": Reason(
        "error",
        "the manifest announces a file that is missing",
        "add the file, or say absent in the manifest",
    ),
    "P-ROSTER-015": Reason(
        "error", "the manifest says absent, but the file is there", "say bulk or delta, or leave the file out"
    ),
    "P-ROSTER-016": Reason(
        "error", "files of bulk and of delta are mixed", "send everything as bulk, or only changes as delta"
    ),
    # A file's text.
    "P-ROSTER-020": Reason("error", "the file is not UTF-8", "export as UTF-8"),
    "P-ROSTER-021": Reason("error", "the text holds a NUL character", "export the file again"),
    "P-ROSTER-022": Reason("error", "the line or value is too long", "look for a missing quotation mark"),
    "P-ROSTER-023": Reason(
        "error", "the quotation marks do not match", "write a quotation mark in a value twice"
    ),
    "P-ROSTER-024": Reason("error", "the file has no header row", "export the file again"),
    "P-ROSTER-025": Reason(
        "error", "the header is not OneRoster's", "name the columns as in the reference, in order"
    ),
    "P-ROSTER-026": Reason("error", "the values are not separated by commas", "export with commas"),
    "P-ROSTER-027": Reason(
        "error", "the row has more or fewer values than the header", "look for a missing comma"
    ),
    # One value.
    "P-ROSTER-030": Reason("error", "the value is missing", "fill it in at the source"),
    "P-ROSTER-031": Reason("error", "the value is none of those allowed", "see the values in the reference"),
    "P-ROSTER-032": Reason("error", "the date is not a day such as 2026-08-01", "write year-month-day"),
    "P-ROSTER-033": Reason(
        "error", "the time is not one such as 2026-08-01T12:00:00Z", "write date, T, time and time zone"
    ),
    "P-ROSTER-034": Reason("error", "the value is neither true nor false", "write true or false"),
    "P-ROSTER-035": Reason("error", "the grade is not one of PK, KG, 01–10", "write two digits, such as 07"),
    "P-ROSTER-036": Reason(
        "error",
        "a personal identity code stands in the value; it is never exchanged",
        "remove it at the source",
    ),
    "P-ROSTER-037": Reason("error", "the OID is not formed as one of this kind", "look it up at the source"),
    "P-ROSTER-038": Reason(
        "error", "the check digit of the learner number is wrong", "look the number up again"
    ),
    "P-ROSTER-039": Reason("warning", "the check digit of the OID is wrong", "look the OID up again"),
    "P-ROSTER-040": Reason(
        "error", "the identifier holds spaces or control characters", "correct it at the source"
    ),
    "P-ROSTER-041": Reason(
        "error",
        "the username may have letters a–z, digits and . _ @ + - only, at most 64",
        "change it at the source",
    ),
    "P-ROSTER-042": Reason("error", "the year is not one of four digits", "write the year in which it ends"),
    "P-ROSTER-043": Reason("error", "the e-mail address is not one", "correct it at the source"),
    "P-ROSTER-044": Reason("error", "the end is not after the beginning", "the end is the first day after"),
    "P-ROSTER-045": Reason("error", "a delta row needs status and dateLastModified", "fill both in"),
    "P-ROSTER-046": Reason(
        "error", "a bulk row has no status but active", "send removals by leaving rows out"
    ),
    "P-ROSTER-047": Reason(
        "error", "the list of user ids is not of the form {type:identifier}", "correct the form"
    ),
    "P-ROSTER-048": Reason("error", "the school code is not of five digits", "look the code up"),
    "P-ROSTER-049": Reason("error", "the value holds a line break or another control character", "remove it"),
    # Rows among each other.
    "P-ROSTER-050": Reason("error", "the identifier stands on an earlier line too", "keep one of the rows"),
    "P-ROSTER-051": Reason(
        "error", "the row that is referred to does not exist", "add it, or correct the reference"
    ),
    "P-ROSTER-052": Reason("error", "the rows refer to each other in a circle", "correct the parents"),
    "P-ROSTER-053": Reason("error", "the value belongs to another row already", "give each its own"),
    "P-ROSTER-054": Reason("error", "a person is named as their own guardian", "correct agentSourcedIds"),
    "P-ROSTER-055": Reason(
        "error", "the enrolment's school is not the school of its class", "correct one of the two"
    ),
    "P-ROSTER-056": Reason(
        "error",
        "the bundle is another municipality's: its education provider is not this tenant's",
        "check the file and the tenant; compare the OIDs",
    ),
    "P-ROSTER-057": Reason(
        "error",
        "a bundle has one education provider (an org of type district)",
        "leave one district in orgs.csv",
    ),
    "P-ROSTER-058": Reason(
        "error",
        "the value belongs to another person that the platform knows",
        "keep the person's sourcedId at the source, or give another value",
    ),
    "P-ROSTER-059": Reason(
        "error",
        "the bulk would remove more than a third of the people",
        "check that the bundle is complete; if so: --allow-mass-removal",
    ),
    # Not read.
    "P-ROSTER-070": Reason("warning", "the file is not used by the platform", "it may be left out"),
    "P-ROSTER-071": Reason("warning", "the column is not used by the platform", "it may be left out"),
    "P-ROSTER-072": Reason("warning", "passwords are never read from a file", "leave the column empty"),
    "P-ROSTER-073": Reason("warning", "the row to be removed was not known", "nothing needs doing"),
    "P-ROSTER-074": Reason("warning", "the person has no role", "add a row to roles.csv"),
}


@dataclass(frozen=True)
class Problem:
    """One place of a bundle and what is wrong there. ``value`` is fit to be shown: shortened or masked."""

    id: str
    file: str
    line: int | None = None
    column: str | None = None
    value: str | None = None
    detail: str | None = None

    @property
    def reason(self) -> Reason:
        return REASONS[self.id]

    @property
    def text(self) -> str:
        return f"{self.reason.text}: {self.detail}" if self.detail else self.reason.text


@dataclass
class Problems:
    """Collects problems: keeps the first ones of each level, counts all."""

    errors: int = 0
    warnings: int = 0
    kept: list[Problem] = field(default_factory=list)
    by_id: Counter[str] = field(default_factory=Counter)
    _kept_levels: Counter[str] = field(default_factory=Counter)

    def add(self, problem: Problem, count: int = 1) -> None:
        """Take a problem; ``count`` says of how many of its kind it is the shown one."""
        level = problem.reason.level
        self.by_id[problem.id] += count
        if level == "error":
            self.errors += count
        else:
            self.warnings += count
        if self._kept_levels[level] < KEPT:
            self._kept_levels[level] += 1
            self.kept.append(problem)

    @property
    def has_errors(self) -> bool:
        return self.errors > 0


def shown(value: str) -> str:
    """Given text of a file, the same shortened to one line without control characters."""
    line = "".join(
        character if unicodedata.category(character)[0] != "C" else f"\\u{ord(character):04x}"
        for character in value[: SHOWN_CHARACTERS + 1]
    )
    return line if len(value) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "…"


def masked(value: str) -> str:
    """Given a value about a person, enough of it to find it in the file and no more."""
    if len(value) <= 4:
        return "…"
    return f"{shown(value[:2])}…{shown(value[-1:])}"
