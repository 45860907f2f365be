"""The screen for people, by rich."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import markup
from rich.console import Console
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
from digione_cli.ui.screen import require_confirmation, unanswered

_MARKS = {
    Level.OK: "[green]✓[/]",
    Level.HINT: "[blue]i[/]",
    Level.WARNING: "[yellow]![/]",
    Level.ERROR: "[red]✗[/]",
}
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
            self.out.print(f"Nothing to do for {plan.instance}.")
        for number, step in enumerate(plan.steps, 1):
            where = f" on {', '.join(step.where)}" if step.where else ""
            self.out.print(f"[bold]{number:2}. {escape(step.title)}[/]{where}")
            for why in step.why:
                self.out.print(f"      [dim]{escape(why)}[/]")
        for skip in plan.skips:
            self.out.print(f"[dim] –  {escape(skip.title)} on {', '.join(skip.where)}: {escape(skip.why)}[/]")

    def diff(self, diffs: Sequence[str]) -> None:
        """Show unified diffs."""
        for one in diffs:
            self.out.print(Syntax(printable(one), "diff", background_color="default"))

    def note(self, text: str) -> None:
        """Show a sentence."""
        self.out.print(escape(text))

    def confirm(self, plan: Plan, yes: bool, name: str | None) -> None:
        """Ask; for a destructive plan, ask for the instance's name."""
        if (plan.destructive and name) or (not plan.destructive and yes) or not sys.stdin.isatty():
            require_confirmation(plan, yes, name)
            return
        if plan.destructive:
            answer = self.ask(f"This destroys. To go on, type the instance's name ({plan.instance})")
            require_confirmation(plan, yes, answer)
        elif self.ask("Carry this out? [y/N]").lower() not in ("y", "yes", "k", "kyllä", "j", "ja"):
            raise UsageError("D1-USE-004", "Nothing was changed", "the answer was no", "")

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
        row = bar.add_task("starting", total=total, left=_left(total) if known else "")
        finished, began = 0.0, time.monotonic()

        def step_begins(step: Step) -> None:
            where = ", ".join(step.where)
            bar.update(row, description=f"{escape(step.title)} on {where}", completed=finished)

        def task(name: str) -> None:
            done = min(total * 0.99, max(finished, time.monotonic() - began))
            remaining = total - done
            bar.update(row, completed=done, left=_left(remaining) if known else escape(name)[:40])

        def step_ends(outcome: StepOutcome) -> None:
            nonlocal finished
            finished += expected.get(outcome.step, 20.0)
            bar.update(row, completed=finished)
            changes = f", {outcome.changed} changes" if outcome.changed else ""
            mark = _OUTCOMES[outcome.outcome]
            self.err.print(f"{mark} {escape(outcome.title)} [dim]({outcome.seconds:.0f} s{changes})[/]")

        with bar:
            yield Progress(step_begins, step_ends, task)

    def done(self, run: Run) -> None:
        """Show that a run is done."""
        changed = sum(s.changed for s in run.steps)
        self.out.print(f"[green]Done[/]: {run.verb} {run.instance}, {changed} changes.")

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
            self.out.print("[green]✓[/] Everything is as it should be.")

    def mistakes(self, name: str, mistakes: Sequence[Mistake]) -> None:
        """Show the mistakes and warnings of an inventory."""
        for m in mistakes:
            self.out.print(f"{_MARKS[m.level]} {escape(str(m))} [dim]{m.code}[/]")
        errors = sum(m.level is Level.ERROR for m in mistakes)
        if not errors:
            self.out.print(f"[green]✓[/] {name} is valid.")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], data: Any) -> None:
        """Show a table."""
        table = Table(title=title.replace("_", " ").capitalize(), title_justify="left", title_style="bold")
        table.box = None
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*[escape(cell) for cell in row])
        self.out.print(table)

    def document(self, title: str, data: Mapping[str, Any]) -> None:
        """Show nested data as YAML."""
        import yaml

        text = yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False, width=100)
        self.out.print(Syntax(printable(text), "yaml", background_color="default"))

    def value(self, value: str) -> None:
        """Print one value as it is."""
        sys.stdout.write(value.rstrip("\n") + "\n")

    def passed_on(self, stdout: str, stderr: str) -> None:
        """Pass text on as it is."""
        sys.stdout.write(stdout)
        sys.stderr.write(stderr)

    def ask(self, question: str, default: str = "", secret: bool = False) -> str:
        """Ask a question on the terminal."""
        if not sys.stdin.isatty():
            raise unanswered(question)
        try:
            answer = Prompt.ask(escape(question), console=self.err, default=default or None, password=secret)
        except EOFError:
            raise unanswered(question) from None
        return answer or ""


def _left(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"about {minutes} min {rest:02} s left" if minutes else f"about {rest} s left"
