"""The command speaks the reader's language, from its help to its errors; nothing English is left."""

import re
from collections.abc import Iterator
from typing import get_args

import pytest
import typer

from digione_cli import main, texts
from digione_cli.model.facts import Drift
from digione_cli.ui.console import ConsoleScreen
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.destroy import plan_destroy
from tests import fakes
from tests.conformance.test_verbs import COMMANDS
from tests.unit.conftest import House
from tests.unit.test_bad_inventories import WRONG

# words that every English sentence of ours has one of, and that are none in Finnish or Swedish
ENGLISH = re.compile(
    r"(?<!--)\b(the|is|are|was|were|of|and|or|to|with|what|this|that|there|not|from|must|its?|has|have|be|by)\b"
)
DRIFT = tuple(
    Drift(service="gateway", kind=kind, subject="/etc/x", has="0644", wants="0640")
    for kind in get_args(Drift.model_fields["kind"].annotation)
)
NAMES = ("DIGIONE_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def forget() -> None:
    """Let the language be chosen anew; titles of services were translated when they were loaded."""
    texts.language.cache_clear()
    texts.catalogue.cache_clear()
    fakes.services.cache_clear()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment that wishes for no language."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    forget()
    yield monkeypatch
    monkeypatch.undo()
    forget()


@pytest.fixture(params=["fi", "sv"])
def language(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> str:
    """The reader's language."""
    environment.setenv("DIGIONE_LANGUAGE", request.param)
    chosen: str = request.param
    return chosen


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [
        ({}, "en"),
        ({"LANG": "fi_FI.UTF-8"}, "fi"),
        ({"LANG": "sv_FI.UTF-8"}, "sv"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "fil_PH.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "sv_SE"}, "sv"),
        ({"LANG": "fi_FI", "LC_ALL": "C"}, "en"),
        ({"LANG": "fi_FI", "LC_ALL": ""}, "fi"),
        ({"LANG": "fi_FI", "LANGUAGE": "en:fi"}, "en"),
        ({"LANG": "fi_FI", "LANGUAGE": "de:sv:en"}, "sv"),
        ({"LANG": "fi_FI", "LANGUAGE": "fi", "LC_ALL": "C"}, "en"),
        ({"LANG": "fi_FI", "DIGIONE_LANGUAGE": "sv"}, "sv"),
        ({"LANG": "fi_FI", "DIGIONE_LANGUAGE": "en"}, "en"),
        ({"LANG": "C", "DIGIONE_LANGUAGE": "fi"}, "fi"),
        ({"LANG": "fi_FI", "DIGIONE_LANGUAGE": "klingon"}, "fi"),
    ],
)
def test_the_language_is_the_first_wished_for_that_there_is(
    environment: pytest.MonkeyPatch, wishes: dict[str, str], chosen: str
) -> None:
    for name, value in wishes.items():
        environment.setenv(name, value)
    assert texts.language() == chosen


def test_a_number_chooses_the_form(language: str) -> None:
    said = [texts.tn("{count} change", "{count} changes", n) for n in (0, 1, 2)]
    forms = {"fi": ["muutosta", "muutos", "muutosta"], "sv": ["ändringar", "ändring", "ändringar"]}
    assert [s.split()[1] for s in said] == forms[language]


def require_no_english(said: str, house: House) -> None:
    lines = said.replace(str(house.root), "").splitlines()
    left = [line for line in lines if ENGLISH.search(line)]
    assert not left, f"English is left: {left}"


@pytest.mark.parametrize("path", ["", *COMMANDS])
def test_help_is_in_the_readers_language(house: House, language: str, path: str) -> None:
    result = house.run(*path.split(), "--help")
    assert result.code == 0
    assert result.out.startswith({"fi": "Käyttö: ", "sv": "Användning: "}[language])
    require_no_english(result.out, house)


@pytest.mark.parametrize(
    "arguments",
    [
        ["aply", "kuhmo"],
        ["apply"],
        ["apply", "kuhmo", "--dryrun"],
        ["apply", "kuhmo", "extra"],
        ["apply", "kuhmo", "--yes=3"],
        ["logs", "kuhmo", "platform", "--lines"],
        ["logs", "kuhmo", "platform", "--lines", "many"],
        ["sandbox", "--port", "80"],
        ["roster"],
        ["roster", "imprt"],
        ["show", "kuhmi"],
        ["logs", "kuhmo", "gatway"],
        ["apply", "kuhmo", "--yes"],
        ["secrets", "show", "kuhmo", "x"],
        ["roster", "import", "kuhmo", "x.zip"],
        ["roster", "import", "nowhere", "x.zip", "--apply"],
        ["init", "Kühmo"],
        ["init", "kuhmo"],
        ["init", "sotkamo"],
        ["secrets", "rotate", "kuhmo", "authority"],
        ["trust", "kuhmo", "somewhere"],
    ],
)
def test_errors_are_in_the_readers_language(kuhmo: House, language: str, arguments: list[str]) -> None:
    result = kuhmo.refused(*arguments)
    require_no_english(result.all, kuhmo)


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_told_in_the_readers_language(house: House, language: str, name: str) -> None:
    folder = fakes.write_inventory(house.inventories)
    for file, text in WRONG[name][0].items():
        (folder / file).write_text(text, encoding="utf-8")
    result = house.refused("validate", "kuhmo")
    require_no_english(re.sub("”[^”]*”", "", result.out), house)  # what stands in the file is quoted


def test_a_plan_is_told_in_the_readers_language(
    kuhmo: House, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    instance = fakes.load(kuhmo.inventories)
    new = fakes.situation(instance, fakes.empty(instance))
    drifted = fakes.on_host(fakes.applied(new), "kuhmo1", drift=DRIFT)
    for situation in (new, fakes.applied(new), drifted):
        ConsoleScreen().plan(plan_apply(situation))
        ConsoleScreen().plan(plan_destroy(situation, keep_data=False))
    said = capsys.readouterr().out
    assert {"fi": "Määritä alusta", "sv": "Konfigurera plattformen"}[language] in said
    require_no_english(said, kuhmo)


def test_what_programs_read_is_the_same_in_every_language(kuhmo: House, language: str) -> None:
    data = kuhmo.run("status", "--json").out
    assert '"instances"' in data
    assert '"last_run"' in data


def test_english_needs_no_catalogue(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(texts, "LOCALES", texts.LOCALES / "nowhere")
    assert texts.t("Instance {name} lacks secrets", name="kuhmo") == "Instance kuhmo lacks secrets"


def test_the_help_of_every_command_is_made_anew(house: House, language: str) -> None:
    """A command is translated once: built again, it is not English and not translated twice."""
    first, second = (house.run("--help").out for _ in range(2))
    assert first == second
    assert typer.main.get_command(main.app) is not typer.main.get_command(main.app)


@pytest.mark.parametrize(
    ("language", "shown"),
    [("fi", "1.7.2026 klo 0.05"), ("sv", "1.7.2026 kl. 0.05"), ("en", "1 Jul 2026, 0:05")],
)
def test_moments_are_those_of_finland(monkeypatch: pytest.MonkeyPatch, language: str, shown: str) -> None:
    monkeypatch.setattr("digione_cli.texts.language", lambda: language)
    assert texts.moment("2026-06-30T21:05:59Z") == shown


@pytest.mark.parametrize("word", ["", "10:0", "0001-01-01T00:00:00+23:00", "yesterday"])
def test_what_is_no_moment_is_shown_as_it_is(word: str) -> None:
    assert texts.moment(word) == word
