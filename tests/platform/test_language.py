"""Languages: every text is in every catalogue, and the right language is chosen."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from digione_platform.core.names import sort_key
from digione_platform.i18n import LANGUAGES, LOCALES, Texts, choose
from tests.platform.conftest import Browse

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
        (None, "sv", "en", "sv"),
        ("en", "sv", "fi", "en"),
        ("xx", None, "q;q=q", "fi"),
    ],
)
def test_language_comes_from_choice_then_person_then_browser_then_tenant(
    chosen: str | None, own: str | None, accept: str, language: str
) -> None:
    assert choose(["fi", "sv", "en"], chosen, own, accept) == language


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
