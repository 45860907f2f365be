"""The example inventories lead to exactly what is written in expected/, and to no secret."""

import json

import pytest

from digione_cli.engine.execute import play_request
from digione_cli.model.plan import Run, StepOutcome
from digione_cli.settings import Settings
from digione_cli.ui.console import ConsoleScreen
from digione_cli.ui.screen import JsonScreen, Screen
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.destroy import plan_destroy
from digione_cli.verbs.show import effective_configuration
from tests.fakes import FakeWorld, applied
from tests.golden.render import EXPECTED, NAMES, SENTINEL, UPDATE, rendered, situation


@pytest.mark.parametrize("name", NAMES)
def test_an_example_leads_to_what_is_expected(name: str) -> None:
    files = dict(rendered(name))
    there = {str(p.relative_to(EXPECTED)) for p in (EXPECTED / name).rglob("*") if p.is_file()}
    assert there == set(files), UPDATE
    for file, text in files.items():
        assert (EXPECTED / file).read_text(encoding="utf-8") == text, f"{file}: {UPDATE}"


def test_nothing_is_expected_of_what_is_not_there() -> None:
    assert {p.name for p in EXPECTED.iterdir()} == set(NAMES), UPDATE


def test_no_planted_secret_is_in_a_golden_file() -> None:
    for path in EXPECTED.rglob("*.*"):
        assert SENTINEL not in path.read_text(encoding="utf-8"), f"{path.name} holds a secret"


@pytest.mark.parametrize("name", NAMES)
def test_no_planted_secret_is_in_a_fingerprint_a_plan_or_a_request(name: str) -> None:
    of = situation(name)
    plan = plan_apply(of)
    request = play_request(list(plan.steps[:-1]), of, FakeWorld(Settings(), of.facts), "operation")
    texts = [repr(of), repr(plan), plan.model_dump_json(), repr(plan_destroy(applied(of), keep_data=False))]
    texts += [repr(request), json.dumps(of.desired.fingerprints), json.dumps(dict(request.variables))]
    assert not any(SENTINEL in text for text in texts)
    assert SENTINEL in json.dumps(request.secrets)  # the one place where they are wanted


def test_no_planted_secret_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    of = situation("kainuu")
    secret = of.secrets.all_values()[0]
    plan = plan_apply(of)
    run = Run(id="1", verb="apply", instance="kainuu", who="a@b", started="2026-11-24T12:00:00Z")
    screens: list[Screen] = [ConsoleScreen(), JsonScreen()]
    for screen in screens:
        screen.plan(plan)
        screen.diff([of.secrets.redacted(f"-old\n+password={secret}\n")])
        screen.document("configuration", effective_configuration(of.instance, of.services))
        with screen.progress(plan, {}) as progress:
            progress.step_begins(plan.steps[0])
            progress.step_ends(StepOutcome(step=plan.steps[0].id, title="x", outcome="done"))
        screen.done(run)
        screen.close()
    said = capsys.readouterr()
    shown = said.out + said.err
    assert "kainuu" in shown
    assert "password=[secret]" in shown
    assert SENTINEL not in shown


def test_the_fingerprint_of_an_example_does_not_change_from_run_to_run() -> None:
    assert situation("espoo").desired == situation("espoo").desired
