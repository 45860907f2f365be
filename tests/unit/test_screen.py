"""What people see and answer: nothing from outside steers their terminal, nothing is done unasked."""

import io
import json
from collections.abc import Callable

import pytest

from digione_cli.errors import UsageError
from digione_cli.model.finding import Finding, Level, Mistake
from digione_cli.model.plan import Call, Plan, Run, Skip, Step, StepOutcome
from digione_cli.ui.console import ConsoleScreen
from digione_cli.ui.screen import JsonScreen

STEP = Step(id="a", title="Configure it", where=("h1",), work=Call(call="x"), why=("not there yet",))
PLAN = Plan(verb="apply", instance="kuhmo", steps=(STEP,))
DESTROY = Plan(verb="destroy", instance="kuhmo", steps=(STEP,), destructive=True)


class Terminal(io.StringIO):
    """Standard input at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let somebody type a text."""

    def type_(text: str) -> None:
        monkeypatch.setattr("sys.stdin", Terminal(text))

    return type_


@pytest.mark.parametrize("answer", ["y", "yes", "Y", "k", "kyllä", "joo", "j", "ja"])
def test_yes_in_three_languages_is_yes(types: Callable[[str], None], answer: str) -> None:
    types(answer + "\n")
    ConsoleScreen().confirm(PLAN, False, None)


@pytest.mark.parametrize("answer", ["", "n", "no", "ei", "nej", "what", "kuhmo"])
def test_anything_else_is_no(types: Callable[[str], None], answer: str) -> None:
    types(answer + "\n")
    with pytest.raises(UsageError) as caught:
        ConsoleScreen().confirm(PLAN, False, None)
    assert (caught.value.id, caught.value.fix) == ("D1-USE-004", "digione apply kuhmo")


@pytest.mark.parametrize(("answer", "agreed"), [("kuhmo", True), ("y", False), ("Kuhmo", False), ("", False)])
def test_what_destroys_wants_the_name(types: Callable[[str], None], answer: str, agreed: bool) -> None:
    types(answer + "\n")
    if agreed:
        ConsoleScreen().confirm(DESTROY, False, None)
    else:
        with pytest.raises(UsageError) as caught:
            ConsoleScreen().confirm(DESTROY, True, None)
        assert (f"“{answer}”" in caught.value.why) == bool(answer)
        assert "--confirm" not in caught.value.why, "nobody typed it"


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleScreen().table("last_run", "Last run", ["Verb", "Who"], [], None)
    assert capsys.readouterr().out == "Last run: none\n"


def test_the_end_of_input_is_no_answer(types: Callable[[str], None]) -> None:
    types("")
    with pytest.raises(UsageError) as caught:
        ConsoleScreen().confirm(PLAN, False, None)
    assert caught.value.id == "D1-USE-002"


def test_flags_answer_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    ConsoleScreen().confirm(PLAN, True, None)
    ConsoleScreen().confirm(DESTROY, False, "kuhmo")


EVIL = "[red]{{ 7*7 }}[/] \x1b[2J\x07\u202e"


def test_no_text_from_outside_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen = ConsoleScreen()
    step = STEP.model_copy(update={"title": EVIL, "why": (EVIL,)})
    skip = Skip(title=EVIL, where=("h1",), why=EVIL)
    screen.plan(PLAN.model_copy(update={"steps": (step,), "skips": (skip,)}))
    screen.note(EVIL)
    screen.diff([f"-{EVIL}\n+{EVIL}"])
    screen.findings([Finding(code="D1-X-001", level=Level.ERROR, subject=EVIL, text=EVIL, fix=EVIL)])
    screen.mistakes("kuhmo", [Mistake(code="D1-X-001", file=EVIL, line=1, path=EVIL, text=EVIL)])
    screen.table("name", "Title", ["Column"], [[EVIL]], None)
    screen.document("title", {"key": EVIL})
    with screen.progress(PLAN, {}) as progress:
        progress.step_begins(step)
        progress.task(EVIL)
        progress.step_ends(StepOutcome(step="a", title=EVIL, outcome="failed"))
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert said.out.count("[red]{{ 7*7 }}[/]") >= 9


def test_programs_get_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    screen = JsonScreen()
    screen.plan(PLAN)
    screen.note("one")
    screen.note(EVIL)
    screen.table("hosts", "Hosts", ["Host"], [["h1"]], {"h1": EVIL})
    run = Run(id="1", verb="apply", instance="kuhmo", who="a@b", started="2026-11-24T12:00:00Z")
    screen.done(run)
    screen.close()
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"plan", "notes", "hosts", "run"}
    assert told["notes"] == ["one", EVIL]


def test_nothing_shown_is_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    JsonScreen().close()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", ["20", "300"])
def test_any_width_holds_the_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    screen = ConsoleScreen()
    screen.plan(PLAN)
    screen.note("a sentence that is longer than twenty columns")
    assert "a sentence that is longer than twenty columns" in capsys.readouterr().out


@pytest.mark.parametrize(("width", "as_table"), [(80, True), (28, True), (27, False), (20, False)])
def test_a_table_wider_than_the_terminal_is_shown_as_paragraphs(
    width: int, as_table: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [["postgresql", "interrupted"], ["\x1b[1m[bold]", "–"]]
    ConsoleScreen().table("services", "Services", ["Service", "Last state"], rows, None)
    out = capsys.readouterr().out
    if as_table:
        assert " postgresql     interrupted \n" in out
    else:
        assert " postgresql\n   Last state: interrupted\n" in out
    assert " \\x1b[1m[bold]" in out
