"""An import told in words."""

from collections.abc import Iterator

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


def _line(problem: Problem) -> str:
    place = problem.file + (f":{problem.line}" if problem.line else "")
    about = " ".join(part for part in (problem.column, problem.value and f"“{problem.value}”") if part)
    where = f"{problem.reason.level} {problem.id} {place} {about}".rstrip()
    return f"{where}: {problem.text}; {problem.reason.fix}"


def _sum(report: Report) -> str:
    errors, warnings = report.problems.errors, report.problems.warnings
    if errors:
        return f"Nothing was imported: {errors} errors, {warnings} warnings."
    if not report.changes:
        return "Nothing to change."
    if report.applied:
        return f"Imported: {report.changes} rows changed, {warnings} warnings. To take it back: roster undo."
    return f"Dry run: {report.changes} rows would change, {warnings} warnings. To import: --apply."
