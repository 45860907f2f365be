"""The screen: what a person sees, and the same as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from digione_cli.errors import DigioneError, UsageError
from digione_cli.model.text import printable
from digione_cli.texts import t

if TYPE_CHECKING:
    from digione_cli.engine.execute import Progress
    from digione_cli.model.finding import Finding, Mistake
    from digione_cli.model.plan import Plan, Run


class Screen(Protocol):
    """What verbs and the spine may show and ask."""

    def close(self) -> None:
        """Print what was kept back."""

    def waiting(self, text: str) -> Any:
        """Return a context that tells what is being waited for; it yields a function to say more."""

    def plan(self, plan: Plan) -> None:
        """Show a plan."""

    def diff(self, diffs: Sequence[str]) -> None:
        """Show unified diffs."""

    def note(self, text: str) -> None:
        """Show a sentence."""

    def confirm(self, plan: Plan, yes: bool, name: str | None) -> None:
        """Ask whether the plan shall be carried out; raises UsageError if it shall not."""

    def progress(self, plan: Plan, expected: Mapping[str, float]) -> Any:
        """Return a context that yields a Progress."""

    def done(self, run: Run) -> None:
        """Show how a run ended."""

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show findings."""

    def mistakes(self, name: str, mistakes: Sequence[Mistake]) -> None:
        """Show the mistakes and warnings of an inventory."""

    def table(
        self, name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], data: Any
    ) -> None:
        """Show a table with its title to people, ``data`` by its name to programs."""

    def document(self, title: str, data: Mapping[str, Any]) -> None:
        """Show nested data: YAML to people."""

    def value(self, value: str) -> None:
        """Print one value, and nothing around it, to standard output."""

    def passed_on(self, stdout: str, stderr: str) -> None:
        """Pass on what another program of ours said, made for the same reader."""

    def ask(self, question: str, default: str = "", secret: bool = False) -> str:
        """Ask a question; raises UsageError where nobody can answer."""


def screen(as_json: bool) -> Screen:
    """Return the screen for people, or the one for programs."""
    if as_json:
        return JsonScreen()
    from digione_cli.ui.console import ConsoleScreen

    return ConsoleScreen()


class JsonScreen:
    """For programs: one JSON document on standard output, made of what is shown."""

    def __init__(self) -> None:
        self._shown: dict[str, Any] = {}

    def _show(self, **parts: Any) -> None:
        self._shown |= parts

    def close(self) -> None:
        """Print the document."""
        if self._shown:
            sys.stdout.write(harmless(json.dumps(self._shown, ensure_ascii=False, indent=1)) + "\n")

    @contextmanager
    def waiting(self, text: str) -> Iterator[Callable[[str], None]]:
        """Wait in silence."""
        yield lambda more: None

    def plan(self, plan: Plan) -> None:
        """Show a plan."""
        self._show(plan=plan.model_dump(mode="json"))

    def diff(self, diffs: Sequence[str]) -> None:
        """Show unified diffs."""
        self._show(diff=list(diffs))

    def note(self, text: str) -> None:
        """Show a sentence."""
        self._show(notes=[*self._shown.get("notes", []), text])

    def confirm(self, plan: Plan, yes: bool, name: str | None) -> None:
        """Programs confirm by flags alone."""
        require_confirmation(plan, yes, name)

    @contextmanager
    def progress(self, plan: Plan, expected: Mapping[str, float]) -> Iterator[Progress]:
        """Work in silence."""
        from digione_cli.engine.execute import Progress

        yield Progress()

    def done(self, run: Run) -> None:
        """Show how a run ended."""
        self._show(run=run.model_dump(mode="json"))

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show findings."""
        self._show(findings=[f.model_dump(mode="json") for f in findings])

    def mistakes(self, name: str, mistakes: Sequence[Mistake]) -> None:
        """Show the mistakes and warnings of an inventory."""
        valid = not any(m.level == "error" for m in mistakes)
        shown = [m.model_dump(mode="json") for m in mistakes]
        self._show(instance=name, valid=valid, mistakes=shown)

    def table(
        self, name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], data: Any
    ) -> None:
        """Show the data by its name."""
        self._show(**{name: data})

    def document(self, title: str, data: Mapping[str, Any]) -> None:
        """Show nested data."""
        self._show(**{title: data})

    def value(self, value: str) -> None:
        """Show one value."""
        self._show(value=value)

    def passed_on(self, stdout: str, stderr: str) -> None:
        """Pass JSON on."""
        sys.stdout.write(harmless(stdout))
        sys.stderr.write(printable(stderr))

    def ask(self, question: str, default: str = "", secret: bool = False) -> str:
        """Nobody can answer."""
        raise unanswered(question, secret)


def harmless(document: str) -> str:
    """Given JSON, return the same with all escaped that a terminal might obey."""
    if all(line.isprintable() for line in document.split("\n")):
        return document
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in document)


def told(error: DigioneError) -> str:
    """Given an error, return it as people read it on a terminal, which obeys nothing that stands in it."""
    lines = [f"✗ {error.what} [{error.id}]"]
    lines += [_labelled(t("why"), error.why)] if error.why else []
    lines += [_labelled(t("next"), error.fix)] if error.fix else []
    return printable("\n".join(lines)) + "\n"


def _labelled(label: str, text: str) -> str:
    margin = " " * (len(label) + 4)
    return f"  {label}: " + text.replace("\n", f"\n{margin}")


def unanswered(question: str, secret: bool = False) -> UsageError:
    """Return the error for a question that nobody can answer; no flag ever takes a secret."""
    return UsageError(
        "D1-USE-002",
        t("A question could not be asked"),
        t("there is no terminal to answer: {question}", question=question),
        t("run it in a terminal, without --json: a password is neither a flag nor read from a pipe")
        if secret
        else t("give the answer as a flag (--help lists them)"),
    )


def require_confirmation(plan: Plan, yes: bool, name: str | None) -> None:
    """Given the flags, accept or refuse to carry out a plan unasked.

    Raises:
        UsageError: ``--yes``, or for a destructive plan ``--confirm NAME``, is missing.
    """
    if plan.destructive and name != plan.subject:
        other = t("this cannot be undone; the name given is “{name}”", name=name)
        why = other if name else t("this cannot be undone, and the name was not given")
        raise UsageError(
            "D1-USE-003",
            t("{verb} was not confirmed", verb=plan.verb),
            why,
            f"{plan.command} --confirm {plan.subject}",
        )
    if not plan.destructive and not yes:
        raise UsageError(
            "D1-USE-001",
            t("{verb} was not confirmed", verb=plan.verb),
            t("there is nobody to ask"),
            f"{plan.command} --yes",
        )
