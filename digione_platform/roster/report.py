"""An import told in words, in a language."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from digione_platform.i18n import Texts, mark
from digione_platform.roster.exporter import Exported
from digione_platform.roster.importer import Report
from digione_platform.roster.problems import KEPT_OF_KIND, Problem, Problems

SHOWN_KINDS = 20

KINDS = {"bulk": mark("whole register"), "delta": mark("changes")}
TABLES = {
    "organisations": mark("organisations"),
    "academic_sessions": mark("academic sessions"),
    "persons": mark("persons"),
    "courses": mark("courses"),
    "groups": mark("groups"),
    "roles": mark("roles"),
    "enrolments": mark("enrolments"),
    "group_sessions": mark("group sessions"),
    "guardianships": mark("guardianships"),
    "accounts": mark("accounts"),
}
_LEFT_OUT = mark(
    "Left out: people under non-disclosure and what hangs on them, unless --protected was given; "
    "rows that refer to something that is not active; classes without a course or a term."
)
_LEFT_OUT_MAPPED = mark(
    "Left out: people under non-disclosure, unless --protected was given; rows that the mapping has no way "
    "to say, such as other identifiers than it has a prefix for. An import by it would take them for gone."
)
_LEVELS = {"error": mark("error"), "warning": mark("warning")}


def lines(report: Report, texts: Texts) -> Iterator[str]:
    """The lines of a report for people, the sentence that sums it up last."""
    kind = KINDS[report.kind] if report.kind else mark("not read")
    yield f"{report.file}: {texts.gettext(kind)}"
    if report.counts:
        yield ""
        columns = (mark("added"), mark("changed"), mark("removed"), mark("unchanged"))
        rows = ((name, (c.added, c.changed, c.removed, c.unchanged)) for name, c in report.counts.items())
        yield from _table(columns, rows, texts)
    if report.problems.kept:
        yield ""
        yield from _problems(report.problems, texts)
    yield ""
    yield _sum(report, texts)


def _problems(problems: Problems, texts: Texts) -> Iterator[str]:
    """The worst kinds of problems first, the first few of each: thousands may have one cause."""
    kinds: dict[tuple[str, str, str | None], list[Problem]] = {}
    for problem in sorted(problems.kept, key=lambda problem: problem.reason.level):
        kinds.setdefault(problem.kind, []).append(problem)
    untold = problems.errors + problems.warnings
    for kind, of_kind in list(kinds.items())[:SHOWN_KINDS]:
        for problem in of_kind[:KEPT_OF_KIND]:
            yield _line(problem, texts)
        untold -= problems.by_kind[kind]
        if (more := problems.by_kind[kind] - KEPT_OF_KIND) > 0:
            place = " ".join(part for part in kind[1:] if part)
            same = mark("  … and {number} more of {id} in {place} (--json tells them)")
            yield texts.gettext(same, number=texts.number(more), id=kind[0], place=place)
    if untold:
        yield texts.gettext(mark("… and {number} of other kinds (--json)"), number=texts.number(untold))


def undo_lines(done: Mapping[str, Any], texts: Texts) -> Iterator[str]:
    """The lines for people about an import that was taken back, or would be."""
    rows = ((name, (c["restored"], c["removed"])) for name, c in done["tables"].items())
    yield from _table((mark("restored"), mark("removed")), rows, texts)
    yield ""
    for person in done["lifted"]:
        yield _line(Problem("P-ROSTER-079", "persons", value=person), texts)
    taken = mark("Taken back: the import of {file} ({kind}) by {who}, {moment}.")
    tried = mark("Dry run: the import of {file} ({kind}) by {who}, {moment}, would be taken back.")
    about = mark("The last import: {file} ({kind}) by {who}, {moment}.")
    told = about if done["refused"] else taken if done["applied"] else tried
    kind = KINDS[done["kind"]]
    moment = texts.moment(datetime.fromisoformat(done["at"]))
    yield texts.gettext(told, file=done["file"], kind=texts.gettext(kind), who=done["by"], moment=moment)
    if gone := done["tables"].get("accounts", {}).get("removed", 0):
        yield texts.ngettext(
            "{count} account goes, and its password with it; importing the person again makes a new one.",
            "{count} accounts go, and their passwords with them; importing the people again makes new ones.",
            gone,
        )


def export_lines(done: Exported, texts: Texts, *, mapped: bool = False) -> Iterator[str]:
    """The lines for people about an export."""
    rows = ((name, (count, done.left_out.get(name, 0))) for name, count in done.written.items())
    yield from _table((mark("written"), mark("left out")), rows, texts)
    if any(done.left_out.values()):
        yield ""
        yield texts.gettext(_LEFT_OUT_MAPPED if mapped else _LEFT_OUT)


def _table(
    columns: tuple[str, ...], rows: Iterable[tuple[str, tuple[int, ...]]], texts: Texts
) -> Iterator[str]:
    heads = [texts.gettext(column) for column in columns]
    widths = [max(9, len(head) + 2) for head in heads]
    names = max(len(texts.gettext(name)) for name in TABLES.values()) + 1
    yield " " * names + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    for table, counts in rows:
        numbers = "".join(f"{count:{width}}" for count, width in zip(counts, widths, strict=True))
        name = texts.gettext(TABLES[table]) if table in TABLES else table  # a file keeps its name
        yield f"{name:{names}}{numbers}"


def _line(problem: Problem, texts: Texts) -> str:
    place = problem.file + (f":{problem.line}" if problem.line else "")
    about = " ".join(part for part in (problem.column, problem.value and texts.quoted(problem.value)) if part)
    level = texts.gettext(_LEVELS[problem.reason.level])
    return f"{level} {problem.id} {place} {about}".rstrip() + f": {problem.told(texts)}; {problem.fix(texts)}"


def _sum(report: Report, texts: Texts) -> str:
    problems = report.problems
    counted = {
        "errors": texts.ngettext("{count} error", "{count} errors", problems.errors),
        "warnings": texts.ngettext("{count} warning", "{count} warnings", problems.warnings),
        "rows": texts.ngettext("{count} row", "{count} rows", report.changes),
    }
    if problems.errors:
        told = mark("Nothing was imported: {errors}, {warnings}.")
    elif not report.changes:
        told = mark("Nothing to change.")
    elif report.applied:
        told = mark("Imported: {rows} changed, {warnings}. To take it back: roster undo.")
    else:
        told = mark("Dry run: {rows} would change, {warnings}. To import: --apply.")
    return texts.gettext(told, **counted)
