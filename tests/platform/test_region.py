"""A shared region: each platform offers the others by name and address, and nothing more is exchanged."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from digione_platform.app import create_app
from digione_platform.settings import Settings
from tests.platform.conftest import URL, Browse, KnockSignIn

OWN = {"name": {"fi": "Mallila", "sv": "Modellby"}, "languages": ["fi", "sv"], "url": URL}
OTHERS = [
    {"name": {"fi": "Äänelä", "sv": "Ljudby"}, "languages": ["fi", "sv"], "url": "https://aanela.example"},
    {"name": {"fi": "Zeponen"}, "languages": ["fi"], "url": "https://zeponen.example"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "region.json", [OWN, *OTHERS])


def write(path: Path, region: object) -> Path:
    path.write_text(json.dumps(region))
    return path


@pytest.fixture
def app(settings: Settings, file: Path) -> Iterator[FastAPI]:
    app = create_app(settings.model_copy(update={"region": file}), KnockSignIn())
    yield app
    app.state.engine.dispose()


@pytest.mark.parametrize("name", [None, "Aino Virtanen", "Tiina Opettaja", "Helena Hallinto"])
def test_the_others_of_the_region_are_offered_to_everyone(browse: Browse, name: str | None) -> None:
    page = browse(name, "fi").get("/").text
    assert page.index('href="https://zeponen.example/">Zeponen') < page.index(
        'href="https://aanela.example/">Äänelä'
    )
    assert f'href="{URL}/"' not in page
    assert "Ljudby" in browse(name, "sv").get("/").text


def test_who_joins_and_who_leaves_is_seen_without_a_restart(browse: Browse, file: Path) -> None:
    browser = browse("Aino Virtanen")
    assert "Zeponen" in browser.get("/").text
    write(file, [OWN, OTHERS[0]])
    os.utime(file, (1, 1))
    assert "Zeponen" not in browser.get("/").text
    write(file, [OWN])
    page = browser.get("/").text
    assert "Other municipalities" not in page


@pytest.mark.parametrize("content", ["", "{", '[{"url": 1}]', "{}"])
def test_a_broken_file_takes_nothing_but_the_offer(
    settings: Settings, browse: Browse, file: Path, content: str
) -> None:
    file.write_text(content)
    page = browse("Aino Virtanen").get("/")
    assert page.status_code == 200
    assert "Other municipalities" not in page.text
    file.unlink()
    assert browse("Aino Virtanen").get("/").status_code == 200
