"""What can be wrong with a bundle: one table of reasons, and the collector that counts them.

The reference page docs/reference/oneroster.md shows this table; ids are never reused.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from digione_platform.i18n import Texts, mark

Level = Literal["error", "warning"]

# Problems of each level that are kept for the report, and of each kind in any case; the rest is counted.
KEPT = 10_000
KEPT_OF_KIND = 3
SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Reason:
    """Why something is refused (error) or looked at (warning), and how it is mended, both marked.

    ``in_browser`` is how it is mended there, where that is not done as on the command line.
    """

    level: Level
    text: str
    fix: str
    in_browser: str = ""


REASONS: dict[str, Reason] = {
    # The archive as a whole.
    "P-ROSTER-001": Reason(
        "error",
        mark("the file is not a readable zip archive"),
        mark("export the bundle again and send it as it is; delimited files need their mapping with them"),
    ),
    "P-ROSTER-002": Reason(
        "error", mark("the archive is larger than is read"), mark("split it, or leave unused files out")
    ),
    "P-ROSTER-003": Reason(
        "error",
        mark("the archive unpacks to far more than it holds"),
        mark("export the bundle again; do not import this file"),
    ),
    "P-ROSTER-004": Reason(
        "error",
        mark("the archive holds a path, folder or link; OneRoster has plain files at the root only"),
        mark("zip the CSV files themselves, not their folder"),
    ),
    "P-ROSTER-005": Reason(
        "error", mark("the archive holds two files of the same name"), mark("keep one of them")
    ),
    "P-ROSTER-006": Reason(
        "error",
        mark("the file is none of OneRoster 1.2"),
        mark("rename it or leave it out of the archive; delimited files need their mapping with them"),
    ),
    "P-ROSTER-007": Reason(
        "error",
        mark("the file is encrypted or packed in an unknown way"),
        mark("zip with deflate, unencrypted"),
    ),
    # The manifest.
    "P-ROSTER-010": Reason(
        "error",
        mark("manifest.csv is missing"),
        mark("export a complete OneRoster 1.2 bundle; delimited files need their mapping with them"),
    ),
    "P-ROSTER-011": Reason(
        "error", mark("the manifest does not say this"), mark("add the row to manifest.csv")
    ),
    "P-ROSTER-012": Reason(
        "error", mark("the manifest has a value that is not known"), mark("see the values in the reference")
    ),
    "P-ROSTER-013": Reason(
        "error", mark("the manifest has a property that is not known"), mark("correct or remove the row")
    ),
    "P-ROSTER-014": Reason(
        "error",
        mark("the manifest announces a file that is missing"),
        mark("add the file, or say absent in the manifest"),
    ),
    "P-ROSTER-015": Reason(
        "error",
        mark("the manifest says absent, but the file is there"),
        mark("say bulk or delta, or leave the file out"),
    ),
    "P-ROSTER-016": Reason(
        "error",
        mark("files of bulk and of delta are mixed"),
        mark("send everything as bulk, or only changes as delta"),
    ),
    # A file's text.
    "P-ROSTER-020": Reason("error", mark("the file is not UTF-8"), mark("export as UTF-8")),
    "P-ROSTER-021": Reason("error", mark("the text holds a NUL character"), mark("export the file again")),
    "P-ROSTER-022": Reason(
        "error", mark("the line or value is too long"), mark("look for a missing quotation mark")
    ),
    "P-ROSTER-023": Reason(
        "error", mark("the quotation marks do not match"), mark("write a quotation mark in a value twice")
    ),
    "P-ROSTER-024": Reason("error", mark("the file has no header row"), mark("export the file again")),
    "P-ROSTER-025": Reason(
        "error", mark("the header is not OneRoster's"), mark("name the columns as in the reference, in order")
    ),
    "P-ROSTER-026": Reason(
        "error", mark("the values are not separated by commas"), mark("export with commas")
    ),
    "P-ROSTER-027": Reason(
        "error", mark("the row has fewer values than the header"), mark("look for a missing separator")
    ),
    "P-ROSTER-028": Reason(
        "error",
        mark("the row has more values than the header"),
        mark("look for a separator in a value, and put that value in quotation marks"),
    ),
    "P-ROSTER-029": Reason(
        "error",
        mark("the values are not separated as the mapping says"),
        mark("correct the delimiter in the mapping"),
    ),
    # One value.
    "P-ROSTER-030": Reason("error", mark("the value is missing"), mark("fill it in at the source")),
    "P-ROSTER-031": Reason(
        "error",
        mark("the value is none of those allowed"),
        mark("see the values in the reference; a mapping may say what stands for them"),
    ),
    "P-ROSTER-032": Reason(
        "error",
        mark("the value is no day of the calendar"),
        mark("write it as 2026-08-01; in a mapped file also as 1.8.2026"),
    ),
    "P-ROSTER-033": Reason(
        "error",
        mark("the time is not one such as 2026-08-01T12:00:00Z"),
        mark("write date, T, time and time zone"),
    ),
    "P-ROSTER-034": Reason(
        "error",
        mark("the value is neither true nor false"),
        mark("write true or false; a mapping may say what stands for them"),
    ),
    "P-ROSTER-035": Reason(
        "error",
        mark("the grade is not one of PK, KG, 01–10"),
        mark("write two digits, such as 07; in a mapped file also 7"),
    ),
    "P-ROSTER-036": Reason(
        "error",
        mark("a personal identity code stands in the value; it is never exchanged"),
        mark("remove it at the source"),
    ),
    "P-ROSTER-037": Reason(
        "error", mark("the OID is not formed as one of this kind"), mark("look it up at the source")
    ),
    "P-ROSTER-038": Reason(
        "error", mark("the check digit of the learner number is wrong"), mark("look the number up again")
    ),
    "P-ROSTER-039": Reason(
        "warning", mark("the check digit of the OID is wrong"), mark("look the OID up again")
    ),
    "P-ROSTER-040": Reason(
        "error", mark("the identifier holds spaces or control characters"), mark("correct it at the source")
    ),
    "P-ROSTER-041": Reason(
        "error",
        mark("the username may have letters a–z, digits and . _ @ + - only, at most 64"),
        mark("change it at the source"),
    ),
    "P-ROSTER-042": Reason(
        "error", mark("the year is not one of four digits"), mark("write the year in which it ends")
    ),
    "P-ROSTER-043": Reason("error", mark("the e-mail address is not one"), mark("correct it at the source")),
    "P-ROSTER-044": Reason(
        "error", mark("the end is not after the beginning"), mark("the end is the first day after")
    ),
    "P-ROSTER-045": Reason(
        "error", mark("a delta row needs status and dateLastModified"), mark("fill both in")
    ),
    "P-ROSTER-046": Reason(
        "error", mark("a bulk row has no status but active"), mark("send removals by leaving rows out")
    ),
    "P-ROSTER-047": Reason(
        "error", mark("the list of user ids is not of the form {type:identifier}"), mark("correct the form")
    ),
    "P-ROSTER-048": Reason("error", mark("the school code is not of five digits"), mark("look the code up")),
    "P-ROSTER-049": Reason(
        "error", mark("the value holds a line break or another control character"), mark("remove it")
    ),
    # Rows among each other.
    "P-ROSTER-050": Reason(
        "error", mark("the identifier stands on an earlier line too"), mark("keep one of the rows")
    ),
    "P-ROSTER-051": Reason(
        "error", mark("the row that is referred to does not exist"), mark("add it, or correct the reference")
    ),
    "P-ROSTER-052": Reason(
        "error", mark("the rows refer to each other in a circle"), mark("correct the parents")
    ),
    "P-ROSTER-053": Reason(
        "error", mark("the value belongs to another row already"), mark("give each its own")
    ),
    "P-ROSTER-054": Reason(
        "error", mark("a person is named as their own guardian"), mark("correct agentSourcedIds")
    ),
    "P-ROSTER-055": Reason(
        "error", mark("the enrolment's school is not the school of its class"), mark("correct one of the two")
    ),
    "P-ROSTER-056": Reason(
        "error",
        mark("the bundle is another municipality's: its education provider is not this one's"),
        mark("check the file and the municipality; compare the OIDs"),
    ),
    "P-ROSTER-057": Reason(
        "error",
        mark("a bundle has one education provider (an org of type district)"),
        mark("leave one district in orgs.csv"),
    ),
    "P-ROSTER-058": Reason(
        "error",
        mark("the value belongs to another person that the platform knows"),
        mark("keep the person's sourcedId at the source, or give another value"),
    ),
    "P-ROSTER-059": Reason(
        "error",
        mark("more than a third of the people, or of the groups, would leave"),
        mark("check that the file is complete; if so: --allow-mass-removal"),
        mark("check that the file is complete; if so, confirm it above and import"),
    ),
    "P-ROSTER-061": Reason(
        "error",
        mark("there is no school year for new groups"),
        mark("add the school year, then import again"),
    ),
    "P-ROSTER-062": Reason(
        "error",
        mark("rows of the same identifier say different things"),
        mark("give each its own identifier, or correct one of the rows"),
    ),
    "P-ROSTER-063": Reason(
        "error",
        mark("nobody would administer the municipality any more, or not for as long"),
        mark(
            "keep an administrator at the source; or first give another person the role on the platform, "
            "and leave its last day open"
        ),
    ),
    "P-ROSTER-064": Reason(
        "error",
        mark(
            "the bundle was exported without people under non-disclosure (turvakielto): "
            "they would leave by its import"
        ),
        mark("export once more with --protected, and import that"),
        mark("ask those who made the bundle for one with people under non-disclosure (--protected)"),
    ),
    # Files that a mapping describes, and the mapping itself.
    "P-ROSTER-100": Reason(
        "error", mark("the mapping names no such file"), mark("name the file as the mapping does")
    ),
    "P-ROSTER-101": Reason(
        "warning",
        mark("the mapping names the file, and it was not given; what it holds is left as it is"),
        mark("nothing needs doing, if that is meant"),
    ),
    "P-ROSTER-102": Reason(
        "error", mark("the mapping cannot be read"), mark("see the example in the guide to mapped files")
    ),
    "P-ROSTER-103": Reason(
        "error", mark("the mapping has a key that is not known"), mark("correct or remove it")
    ),
    "P-ROSTER-104": Reason("error", mark("the mapping lacks a key"), mark("add it")),
    "P-ROSTER-105": Reason("error", mark("the mapping has a value that is not allowed"), mark("correct it")),
    "P-ROSTER-106": Reason(
        "error",
        mark("a column that the mapping names is not there once"),
        mark("export it, or correct the mapping"),
    ),
    "P-ROSTER-107": Reason(
        "error",
        mark("a delimited file can be read by a mapping only"),
        mark("name the tenant's mapping: --mapping"),
        mark("send the file once more, together with the municipality's mapping"),
    ),
    # Organisations.
    "P-ROSTER-108": Reason("error", mark("the file is not JSON"), mark("save the service's answer again")),
    "P-ROSTER-109": Reason(
        "error",
        mark("the file holds no organisations, or more than are read"),
        mark("save the service's answer again"),
    ),
    "P-ROSTER-110": Reason(
        "error",
        mark("the file is not in the charset that the mapping says"),
        mark("correct the charset in the mapping, or export the file again"),
    ),
    "P-ROSTER-111": Reason(
        "error",
        mark("another school has this code"),
        mark("look the code up, and correct one of the schools"),
    ),
    "P-ROSTER-113": Reason(
        "error",
        mark(
            "the school leaves or becomes a unit, or the unit leaves, and people, classes or units stay there"
        ),
        mark("move them or end them first; or send a file that does both"),
    ),
    "P-ROSTER-060": Reason(
        "error",
        mark(
            "the bundle is of another source: nobody in it is known by sourcedId, "
            "but their usernames or learner numbers belong to others"
        ),
        mark("keep the sourcedIds of earlier bundles, or first take the earlier import back: roster undo"),
        mark("keep the sourcedIds of earlier bundles, or first take the earlier import back"),
    ),
    # Not read.
    "P-ROSTER-070": Reason(
        "warning", mark("the file is not used by the platform"), mark("it may be left out")
    ),
    "P-ROSTER-071": Reason(
        "warning", mark("the column is not used by the platform"), mark("it may be left out")
    ),
    "P-ROSTER-072": Reason(
        "warning", mark("passwords are never read from a file"), mark("leave the column empty")
    ),
    "P-ROSTER-073": Reason(
        "warning", mark("the row to be removed was not known"), mark("nothing needs doing")
    ),
    "P-ROSTER-074": Reason("warning", mark("the person has no role"), mark("add a row to roles.csv")),
    "P-ROSTER-076": Reason(
        "warning",
        mark("the name holds a question mark: a letter may have been lost before"),
        mark("look at the name; export as UTF-8 if the register can"),
    ),
    "P-ROSTER-077": Reason(
        "warning",
        mark("two guardians of a child have the same e-mail address"),
        mark("check whether one of them has the other's"),
    ),
    "P-ROSTER-078": Reason(
        "warning",
        mark("organisations of this kind only are not used by the platform"),
        mark("nothing needs doing"),
    ),
    "P-ROSTER-079": Reason(
        "warning",
        mark("the person's non-disclosure (turvakielto) is lifted: contact details are shown again"),
        mark(
            "make sure that it has ended; if not, correct it at the source, or set it on the person's page "
            "afterwards: no import lifts it then"
        ),
    ),
    "P-ROSTER-112": Reason(
        "warning",
        mark("another class of this school and term has this name"),
        mark("make sure that it is not one class under two identifiers"),
    ),
    "P-ROSTER-065": Reason(
        "warning",
        mark("a person under non-disclosure (turvakielto) leaves"),
        mark("make sure that the person is meant to leave, and was not left out by an export"),
    ),
}


@dataclass(frozen=True)
class Detail:
    """More about a problem: a text of the catalogues, filled in from ``values`` where it is shown."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """One place of a bundle and what is wrong there. ``value`` is fit to be shown: shortened or masked.

    A ``detail`` that is a mere ``str``, such as a file's name, reads the same in every language.
    """

    id: str
    file: str
    line: int | None = None
    column: str | None = None
    value: str | None = None
    detail: Detail | str | None = None

    @property
    def reason(self) -> Reason:
        return REASONS[self.id]

    @property
    def kind(self) -> tuple[str, str, str | None]:
        """What problems of one cause mostly have in common: id, file and column."""
        return self.id, self.file, self.column

    def told(self, texts: Texts) -> str:
        """What is wrong, in a language."""
        reason, more = texts.gettext(self.reason.text), self.detail
        if isinstance(more, Detail):
            more = texts.gettext(more.text, **more.values)
        return f"{reason}: {more}" if more else reason

    def fix(self, texts: Texts, *, in_browser: bool = False) -> str:
        """How it is mended, in a language."""
        return texts.gettext((in_browser and self.reason.in_browser) or self.reason.fix)

    def kept(self) -> dict[str, Any]:
        """The problem as JSON, to be told in any language later."""
        return {**asdict(self), "level": self.reason.level}

    @classmethod
    def of_kept(cls, kept: Mapping[str, Any]) -> Self:
        """The problem that was kept."""
        detail = kept.get("detail")
        return cls(
            **{name: kept[name] for name in ("id", "file", "line", "column", "value")},
            detail=Detail(**detail) if isinstance(detail, dict) else detail,
        )


@dataclass
class Problems:
    """Collects problems: keeps the first ones of each level and kind, counts all."""

    errors: int = 0
    warnings: int = 0
    kept: list[Problem] = field(default_factory=list)
    # Where a problem of the staged rows is, in the words of the file that they come from.
    locate: Callable[[Problem], Problem] | None = None
    by_id: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    _kept_levels: Counter[str] = field(default_factory=Counter)

    def add(self, problem: Problem, count: int = 1) -> None:
        """Take a problem; ``count`` says of how many of its kind it is the shown one."""
        if self.locate:
            problem = self.locate(problem)
        level = problem.reason.level
        self.by_id[problem.id] += count
        if level == "error":
            self.errors += count
        else:
            self.warnings += count
        self.by_kind[problem.kind] += count
        if self._kept_levels[level] < KEPT or self.by_kind[problem.kind] <= KEPT_OF_KIND:
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
