"""The sign-in pages speak our words in each language; LemonLDAP::NG's own are for administrators."""

import json
import re

import pytest

from digione_cli.settings import CHECKOUT

SKIN = CHECKOUT / "roles/identity/files/skin"
FILES = {
    "fi": SKIN / "templates/digione/fi.json",
    "sv": SKIN / "static/languages/sv.json",
    "en": SKIN / "templates/digione/en.json",
}
TEXTS = {language: json.loads(path.read_text(encoding="utf-8")) for language, path in FILES.items()}
NAMED = re.compile(r'trspan="((?:<[^>]*>|[^"<])*)"|trattribute="[\w-]+:(\w+)"')
TAG = re.compile(r"<TMPL_(?:IF|UNLESS)[^>]*>|</TMPL_[^>]*>|<TMPL_ELSE>")


def named() -> set[str]:
    """Return the names of texts in our templates, without those that are put together as a page is shown."""
    values = (
        value or attribute
        for template in (SKIN / "templates/digione").glob("*.tpl")
        for value, attribute in NAMED.findall(template.read_text(encoding="utf-8"))
    )
    names = {name.partition(",")[0] for value in values for name in TAG.split(value)}
    return {name for name in names if name and "<" not in name}


@pytest.mark.parametrize("language", FILES)
def test_every_text_of_a_template_is_there(language: str) -> None:
    lacking = named() - set(TEXTS[language])
    assert not lacking, f"{FILES[language].relative_to(CHECKOUT)} lacks {sorted(lacking)}"


def test_what_one_language_says_in_our_words_the_others_do() -> None:
    assert TEXTS["fi"].keys() == TEXTS["en"].keys()
    assert TEXTS["fi"].keys() <= TEXTS["sv"].keys(), "Swedish has all of LemonLDAP::NG's, which has none"


def test_values_are_filled_into_each() -> None:
    for name in TEXTS["fi"]:
        counts = {language: texts[name].count("%s") for language, texts in TEXTS.items()}
        assert len(set(counts.values())) == 1, f"{name}: {counts}"
