"""The screen for people, by rich."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import markup
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.prompt import Prompt
from rich.syntax import Syntax
from rich.table import Table

from digione_cli.engine.execute import Progress
from digione_cli.errors import UsageError
from digione_cli.model.finding import Finding, Level, Mistake
from digione_cli.model.plan import Plan, Run, Step, StepOutcome
from digione_cli.model.text import printable
from digione_cli.texts import t, tn
from digione_cli.ui.screen import require_confirmation, unanswered

_MARKS = {
    Level.OK: "[green]✓[/]",
    Level.HINT: "[blue]i[/]",
    Level.WARNING: "[yellow]![/]",
    Level.ERROR: "[red]✗[/]",
}
_YES = ("y", "yes", "k", "kyllä", "joo", "j", "ja")
_ANY_WIDTH = 10_000
_OUTCOMES = {
    "done": "[green]✓[/]",
    "unchanged": "[green]=[/]",
    "failed": "[red]✗[/]",
    "not started": "[dim]·[/]",
}


def escape(text: str) -> str:
    """Given text from anywhere, return it so that neither rich nor the terminal obeys what stands in it."""
    return markup.escape(printable(text))


class ConsoleScreen:
    """Standard output for results, standard error for progress."""

    def __init__(self) -> None:
        self.out = Console(highlight=False, soft_wrap=True)
        self.err = Console(stderr=True, highlight=False)

    def close(self) -> None:
        """Nothing is kept back."""

    @contextmanager
    def waiting(self, text: str) -> Iterator[Callable[[str], None]]:
        """Spin while something is waited for."""
        if not self.err.is_terminal:
            yield lambda more: None
            return
        with self.err.status(text) as status:
            yield lambda more: status.update(f"{text}: {escape(more)}")

    def plan(self, plan: Plan) -> None:
        """Show a plan: what would be done and why, what is skipped and why."""
        if not plan.steps:
            self.out.print(t("Nothing to do for {instance}.", instance=plan.instance))
        for number, step in enumerate(plan.steps, 1):
            self.out.print(_on(f"[bold]{number:2}. {escape(step.title)}[/]", step.where))
            for why in step.why:
                self.out.print(f"      [dim]{escape(why)}[/]")
        for skip in plan.skips:
            self.out.print(f"[dim] –  {_on(escape(skip.title), skip.where)}: {escape(skip.why)}[/]")

    def diff(self, diffs: Sequence[str]) -> None:
        """Show unified diffs."""
        for one in diffs:
            self.out.print(Syntax(printable(one), "diff", background_color="default"))

    def note(self, text: str) -> None:
        """Show a sentence."""
        self.out.print(escape(text))

    def confirm(self, plan: Plan, yes: bool, name: str | None) -> None:
        """Ask; for a destructive plan, ask for the name of what it destroys."""
        if (plan.destructive and name) or (not plan.destructive and yes) or not sys.stdin.isatty():
            require_confirmation(plan, yes, name)
            return
        if plan.destructive:
            answer = self.ask(t("This cannot be undone. To go on, type the name ({name})", name=plan.subject))
            require_confirmation(plan, yes, answer)
        elif self.ask(t("Carry this out? [y/N]")).lower() not in _YES:
            raise UsageError("D1-USE-004", t("Nothing was changed"), t("the answer was no"), plan.command)

    @contextmanager
    def progress(self, plan: Plan, expected: Mapping[str, float]) -> Iterator[Progress]:
        """Show the running step with its elapsed and expected time, and a line for each one that ended."""
        bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
        )
        total = sum(expected.get(s.id, 20.0) for s in plan.steps)
        known = all(s.id in expected for s in plan.steps)
        row = bar.add_task(t("starting"), total=total, left=_left(total) if known else "")
        finished, began = 0.0, time.monotonic()

        def step_begins(step: Step) -> None:
            bar.update(row, description=_on(escape(step.title), step.where), completed=finished)

        def task(name: str) -> None:
            done = min(total * 0.99, max(finished, time.monotonic() - began))
            remaining = total - done
            bar.update(row, completed=done, left=_left(remaining) if known else escape(name)[:40])

        def step_ends(outcome: StepOutcome) -> None:
            nonlocal finished
            finished += expected.get(outcome.step, 20.0)
            bar.update(row, completed=finished)
            changes = f", {_changes(outcome.changed)}" if outcome.changed else ""
            sign = _OUTCOMES[outcome.outcome]
            self.err.print(f"{sign} {escape(outcome.title)} [dim]({outcome.seconds:.0f} s{changes})[/]")

        with bar:
            yield Progress(step_begins, step_ends, task)

    def done(self, run: Run) -> None:
        """Show that a run is done."""
        count = sum(s.changed for s in run.steps)
        what = f"{run.verb} {run.instance}"
        told = t("Done: {what}, {changes}.", what=what, changes=_changes(count))
        self.out.print(f"[green]✓[/] {told if count else t('Done: {what}.', what=what)}")

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show findings, the worst first."""
        order = [Level.ERROR, Level.WARNING, Level.HINT, Level.OK]
        shown = sorted(findings, key=lambda f: order.index(f.level))
        for f in shown:
            subject = f"[bold]{escape(f.subject)}[/]: "
            self.out.print(f"{_MARKS[f.level]} {subject}{escape(f.text)} [dim]{f.code}[/]")
            if f.fix and f.level is not Level.OK:
                self.out.print(f"    → {escape(f.fix)}")
        if not shown:
            self.out.print(f"[green]✓[/] {t('Everything is as it should be.')}")

    def mistakes(self, name: str, mistakes: Sequence[Mistake]) -> None:
        """Show the mistakes and warnings of an inventory."""
        for m in mistakes:
            self.out.print(f"{_MARKS[m.level]} {escape(str(m))} [dim]{m.code}[/]")
        errors = sum(m.level is Level.ERROR for m in mistakes)
        if not errors:
            self.out.print(f"[green]✓[/] {t('{name} is valid.', name=name)}")

    def table(
        self, name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], data: Any
    ) -> None:
        """Show a table or, where it is wider than the terminal, each row as a paragraph."""
        if not rows:
            self.out.print(f"[bold]{title}[/]: {t('none')}")
            return
        table = Table(*columns, title=title, title_justify="left", title_style="bold", box=None)
        for row in rows:
            table.add_row(*[escape(cell) for cell in row])
        if (
            Measurement.get(self.out, self.out.options.update(width=_ANY_WIDTH), table).maximum
            <= self.out.width
        ):
            self.out.print(table)
            return
        self.out.print(f"[bold]{title}[/]")
        for first, *others in rows:
            self.out.print(f" {escape(first)}")
            for column, cell in zip(columns[1:], others, strict=True):
                self.out.print(f"   {column}: {escape(cell)}")

    def document(self, title: str, data: Mapping[str, Any]) -> None:
        """Show nested data as YAML."""
        import yaml

        text = yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False, width=100)
        self.out.print(Syntax(printable(text), "yaml", background_color="default"))

    def value(self, value: str) -> None:
        """Print one value as it is."""
        sys.stdout.write(value.rstrip("\n") + "\n")

    def passed_on(self, stdout: str, stderr: str) -> None:
        """Pass text on at once, so that the terminal obeys nothing that stands in it."""
        sys.stdout.write(printable(stdout))
        sys.stdout.flush()
        sys.stderr.write(printable(stderr))

    def ask(self, question: str, default: str = "", secret: bool = False) -> str:
        """Ask a question on the terminal."""
        if not sys.stdin.isatty():
            raise unanswered(question, secret)
        try:
            answer = Prompt.ask(escape(question), console=self.err, default=default or None, password=secret)
        except EOFError:
            raise unanswered(question, secret) from None
        return answer or ""


def _on(what: str, hosts: Sequence[str]) -> str:
    return t("{what} on {hosts}", what=what, hosts=", ".join(hosts)) if hosts else what


def _changes(count: int) -> str:
    return tn("{count} change", "{count} changes", count)


def _left(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    if minutes:
        return t("about {minutes} min {seconds} s left", minutes=minutes, seconds=f"{rest:02}")
    return t("about {seconds} s left", seconds=rest)
