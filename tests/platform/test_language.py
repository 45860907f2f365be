"""Languages: every text is in every catalogue, and the right language is chosen."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi import FastAPI
from fastapi.testclient import TestClient

from digione_platform.core.names import sort_key
from digione_platform.errors import PlatformError
from digione_platform.i18n import LANGUAGES, LOCALES, Texts, choose, texts_of_command
from digione_platform.roster.problems import REASONS
from tests.platform.conftest import URL, Browse
from tests.platform.town import Town

PACKAGE = LOCALES.parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
KEYWORDS = {"mark": None, "_": None, "ngettext": (1, 2)}
UPDATE = "bring it up to date as docs/how-to/add-a-text.md says"


def texts_in_code() -> Iterator[str | tuple[str, str]]:
    def looked_into(folder: str) -> bool:
        return Path(folder).name not in {"assets", "static", "__pycache__"}

    found = extract_from_dir(str(PACKAGE), METHODS, OPTIONS, KEYWORDS, directory_filter=looked_into)
    for _, _, message, _, _ in found:
        yield message if isinstance(message, str) else (message[0], message[1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_holds_exactly_the_texts_of_code_and_pages(language: str) -> None:
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = {message.id for message in read_po(file, locale=language) if message.id}
    wanted = set(texts_in_code())
    assert wanted - catalogue == set(), f"missing in {language}: {UPDATE}"
    assert catalogue - wanted == set(), f"no longer used, still in {language}: {UPDATE}"


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_every_text_is_translated_with_the_same_blanks(language: str) -> None:
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    for message in catalogue:
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        translations = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(translations), f"{language}: not translated: {ids[0]!r}"
        assert not message.fuzzy, f"{language}: unsure: {ids[0]!r}"
        for text in translations:
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", ids[0])), text


def test_errors_and_details_are_told_by_texts_of_the_catalogues() -> None:
    """All that people read of them is marked, but for values and for what is typed."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            errors = ("PlatformError", "InputError", "IntegrityError", "PreconditionError")
            parts = {**dict.fromkeys(errors, node.args[1:4]), "Detail": node.args[:1]}
            for part in parts.get(getattr(node.func, "id", ""), []):
                where = f"{path.relative_to(PACKAGE)}:{part.lineno}: write mark(…)"
                assert not isinstance(part, ast.JoinedStr), where
                if isinstance(part, ast.Constant):
                    assert re.match(r"digione|--|\{\w+\}", str(part.value)), where


def literals(node: ast.expr) -> Iterator[str]:
    """The text that stands in an expression, without that of keys and of calls."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not isinstance(node, ast.Call | ast.Subscript):
        for part in ast.iter_child_nodes(node):
            yield from literals(part) if isinstance(part, ast.expr) else ()


def test_commands_print_no_words_of_their_own() -> None:
    printing = re.compile(r"sys\.std(out|err)\.write|(typer|click)\.echo|print")
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and printing.fullmatch(ast.unparse(node.func)):
                said = [text for part in node.args for text in literals(part)]
                words = [text for text in said if re.search(r"[a-z]{2}", text)]
                assert words == [], f"{path.relative_to(PACKAGE)}:{node.lineno}: mark it"


@pytest.mark.parametrize("language", ["fi", "sv"])
@pytest.mark.parametrize("part", ["text", "fix"])
def test_every_reason_of_a_refused_row_is_told_in_each_language(language: str, part: str) -> None:
    texts = Texts(language)
    for id_, reason in REASONS.items():
        english = getattr(reason, part)
        assert texts.gettext(english) != english, id_


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "sv_FI.UTF-8"}, "sv"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "sv_FI.UTF-8", "DIGIONE_LANGUAGE": "fi"}, "fi"),
        ({"LANG": "de_DE.UTF-8", "DIGIONE_LANGUAGE": "xx"}, "en"),
    ],
)
def test_a_command_speaks_the_language_of_whoever_gave_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], language: str
) -> None:
    for name in ("DIGIONE_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert texts_of_command().language == language


def test_an_error_is_told_in_a_language_and_raised_in_english() -> None:
    error = PlatformError(
        "P-X-001",
        "The database does not answer",
        "the database stopped: {reason}",
        "digione status",
        reason="{no} template",
    )
    assert str(error) == "P-X-001: The database does not answer: the database stopped: {no} template"
    assert error.told(Texts("sv")) == (
        "Databasen svarar inte",
        "databasen avbröt: {no} template",
        "digione status",
    )


def test_pages_have_no_text_outside_the_catalogues() -> None:
    """Between tags there are only values and catalogue texts, no bare words."""
    for page in sorted(PACKAGE.glob("*/templates/**/*.html")):
        text = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->", "", page.read_text("utf-8"), flags=re.DOTALL
        )
        bare = [
            part.strip(" \n·–")
            for part in re.findall(r">([^<>]+)<", text)
            if re.search(r"[^\W\d_]{2,}", part)
        ]
        assert [part for part in bare if part != "DigiOne"] == [], page.name


@pytest.mark.parametrize(
    ("chosen", "own", "accept", "language"),
    [
        (None, None, "", "fi"),
        (None, None, "sv-FI,sv;q=0.9,en;q=0.8", "sv"),
        (None, None, "de, en;q=0.5, sv;q=0.4", "en"),
        (None, "sv", "fi-FI,fi;q=0.9,en;q=0.8", "sv"),
        (None, "sv", "", "sv"),
        (None, "sv", "de", "sv"),
        (None, "fi", "sv-FI,sv;q=0.9,fi;q=0.8", "sv"),
        (None, "fi", "en", "en"),
        ("en", "sv", "fi", "en"),
        ("xx", None, "q;q=q", "fi"),
    ],
)
def test_language_is_chosen_by_hand_else_that_of_the_browser_or_the_register(
    chosen: str | None, own: str | None, accept: str, language: str
) -> None:
    assert choose(["fi", "sv", "en"], chosen, own, accept) == language


def test_who_reads_in_a_language_reads_on_in_it_after_signing_in(app: FastAPI, town: Town) -> None:
    """The register says Finnish, the browser Swedish; by hand anything is chosen."""
    browser = TestClient(app, base_url=URL, headers={"accept-language": "sv-FI,fi;q=0.5", "origin": URL})
    assert '<html lang="sv">' in browser.get("/").text
    browser.get(f"/sign-in?account={town.accounts['Tiina Opettaja']}", follow_redirects=False)
    assert '<html lang="sv">' in browser.get("/").text
    assert '<html lang="fi">' in browser.get("/language/fi?next=/").text


def test_the_register_decides_at_a_computer_in_the_municipality_s_own_language(
    app: FastAPI, town: Town
) -> None:
    browser = TestClient(app, base_url=URL, headers={"accept-language": "fi-FI,fi", "origin": URL})
    assert '<html lang="fi">' in browser.get("/").text
    browser.get(f"/sign-in?account={town.accounts['Elsa Virtanen']}", follow_redirects=False)
    assert '<html lang="sv">' in browser.get("/").text


def test_a_swedish_municipality_begins_in_swedish() -> None:
    assert choose(["sv", "fi", "en"], None, None, "") == "sv"


def test_the_language_switch_works_without_signing_in_and_stays(browse: Browse) -> None:
    browser = browse()
    page = browser.get("/language/sv?next=/signed-out")
    assert page.url.path == "/signed-out"
    assert "Du har loggat ut" in page.text
    assert "Välkommen till DigiOne" in browser.get("/").text
    assert "Modellby" in browser.get("/").text


@pytest.mark.parametrize("path", ["/language/xx", "/language/fi%2f..", "/language/"])
def test_an_unknown_language_is_not_found(browse: Browse, path: str) -> None:
    assert browse().get(path).status_code == 404


def test_the_language_switch_leads_to_no_foreign_site(browse: Browse) -> None:
    answer = browse().get("/language/fi", params={"next": "//elsewhere.example"}, follow_redirects=False)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("language", "day", "moment", "number"),
    [
        ("fi", "4.11.2026", "4.11.2026 klo 9.05", "12\u00a0345"),
        ("sv", "4.11.2026", "4.11.2026 kl. 9.05", "12\u00a0345"),
        ("en", "4 Nov 2026", "4 Nov 2026, 9:05", "12\u00a0345"),
    ],
)
def test_dates_and_numbers_are_written_as_in_finland(
    language: str, day: str, moment: str, number: str
) -> None:
    texts = Texts(language)
    assert texts.date(date(2026, 11, 4)) == day
    assert texts.moment(datetime(2026, 11, 4, 7, 5, tzinfo=UTC)) == moment
    assert texts.number(12345) == number


@pytest.mark.parametrize(
    ("language", "day"),
    [("fi", "Keskiviikko 4.11.2026"), ("sv", "Onsdag 4.11.2026"), ("en", "Wednesday 4 Nov 2026")],
)
def test_a_day_of_the_week_is_named_as_in_a_heading(language: str, day: str) -> None:
    assert Texts(language).weekday(date(2026, 11, 4)) == day


def test_numbers_of_things_follow_the_language() -> None:
    assert Texts("fi").ngettext("{count} pupil", "{count} pupils", 1) == "1 oppilas"
    assert Texts("fi").ngettext("{count} pupil", "{count} pupils", 0) == "0 oppilasta"
    assert Texts("sv").ngettext("{count} pupil", "{count} pupils", 2) == "2 elever"


def test_names_sort_in_finnish_order() -> None:
    names = [
        "Öhman",
        "Åberg",
        "Ärje",
        "Zidan",
        "Šeila",
        "von Wright",
        "Virtanen",
        "Wirtanen",
        "Élise",
        "ahola",
    ]
    assert sorted(names, key=sort_key) == [
        "ahola",
        "Élise",
        "Šeila",
        "Virtanen",
        "von Wright",
        "Wirtanen",
        "Zidan",
        "Åberg",
        "Ärje",
        "Öhman",
    ]
