"""An import told in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from digione_platform.roster.exporter import Exported
from digione_platform.roster.importer import Report
from digione_platform.roster.problems import Problem

SHOWN = 20


def lines(report: Report) -> Iterator[str]:
    """The lines of a report for people, the sentence that sums it up last."""
    yield f"{report.file}: {report.kind or 'not read'}"
    if report.counts:
        yield ""
        yield f"{'':18}{'added':>9}{'changed':>9}{'removed':>9}{'unchanged':>11}"
        for table, count in report.counts.items():
            name = table.replace("_", " ")
            yield f"{name:18}{count.added:9}{count.changed:9}{count.removed:9}{count.unchanged:11}"
    problems = report.problems
    if problems.kept:
        yield ""
        worst_first = sorted(problems.kept, key=lambda problem: problem.reason.level)
        for problem in worst_first[:SHOWN]:
            yield _line(problem)
        told = problems.errors + problems.warnings
        if told > SHOWN:
            yield f"… and {told - SHOWN} more (all that were kept: --json)"
    yield ""
    yield _sum(report)


def undo_lines(done: Mapping[str, Any]) -> Iterator[str]:
    """The lines for people about an import that was taken back, or would be."""
    yield f"{'':18}{'restored':>9}{'removed':>9}"
    for table, count in done["tables"].items():
        yield f"{table.replace('_', ' '):18}{count['restored']:9}{count['removed']:9}"
    yield ""
    what = f"{done['kind']} import of {done['file']} at {done['at']}"
    yield f"Taken back: the {what}." if done["applied"] else f"Dry run: the {what} would be taken back."


def export_lines(done: Exported) -> Iterator[str]:
    """The lines for people about an export."""
    yield f"{'':18}{'written':>9}{'left out':>9}"
    for name, count in done.written.items():
        yield f"{name:18}{count:9}{done.left_out.get(name, 0):9}"
    if any(done.left_out.values()):
        yield ""
        yield "Left out: people under non-disclosure, unless --protected was given, and what hangs on them;"
        yield "rows that refer to something that is not active; classes without a course or a term."


def _line(problem: Problem) -> str:
    place = problem.file + (f":{problem.line}" if problem.line else "")
    about = " ".join(part for part in (problem.column, problem.value and f"“{problem.value}”") if part)
    where = f"{problem.reason.level} {problem.id} {place} {about}".rstrip()
    return f"{where}: {problem.text}; {problem.reason.fix}"


def _sum(report: Report) -> str:
    warnings = _counted(report.problems.warnings, "warning")
    rows = _counted(report.changes, "row")
    if report.problems.errors:
        return f"Nothing was imported: {_counted(report.problems.errors, 'error')}, {warnings}."
    if not report.changes:
        return "Nothing to change."
    if report.applied:
        return f"Imported: {rows} changed, {warnings}. To take it back: roster undo."
    return f"Dry run: {rows} would change, {warnings}. To import: --apply."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
