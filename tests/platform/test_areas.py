"""Service areas: a folder with an area.py is one, held to the same contract."""

import tomllib
from pathlib import Path

import pytest
from fastapi import FastAPI

from digione_platform.areas import all_areas, areas_of
from digione_platform.core.access import Desktop
from digione_platform.errors import InputError
from digione_platform.settings import Settings
from tests.platform.conftest import Browse


def test_every_folder_with_an_area_file_is_found(repository: Path) -> None:
    folders = {path.parent.name for path in (repository / "digione_platform").glob("*/area.py")}
    assert {area.key for area in all_areas()} == folders
    assert folders == {"homeschool", "scheduling", "administration", "teaching"}


def test_areas_are_kept_apart_by_import_linter(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    apart = next(one["modules"] for one in contracts if "areas" in one["name"])
    assert set(apart) == {f"digione_platform.{area.key}" for area in all_areas()}


@pytest.mark.parametrize("area", all_areas(), ids=lambda area: area.key)
def test_an_area_says_what_it_is_and_for_whom(area: object, repository: Path) -> None:
    from digione_platform.areas import Area

    assert isinstance(area, Area)
    assert area.title
    assert area.about
    assert area.coming
    assert area.blocks, "an area that no role sees is dead"
    for blocks in area.blocks.values():
        assert blocks, "a role that sees an area sees something real in it"
        for block in blocks:
            page = repository / "digione_platform/web/templates/blocks" / f"{block.__name__}.html"
            assert page.exists(), f"the block {block.__name__} needs {page}"
    build = (repository / "digione_platform/web/assets/build.mjs").read_text("utf-8")
    assert f'"{area.icon}"' in build, "add the icon to ICONS in web/assets/build.mjs"


def test_every_role_has_something_to_do(settings: Settings) -> None:
    for desktop in Desktop:
        assert any(area.is_for(desktop) for area in areas_of(settings.tenant)), desktop


def test_an_area_that_is_not_switched_on_is_not_there(
    app: FastAPI, settings: Settings, browse: Browse
) -> None:
    app.state.areas = areas_of(settings.tenant.model_copy(update={"areas": ["teaching"]}))
    browser = browse("Raili Rehtori")
    desktop = browser.get("/").text
    assert "/areas/teaching" in desktop
    assert "/areas/scheduling" not in desktop
    assert browser.get("/areas/scheduling").status_code == 404


def test_a_tenant_without_areas_still_has_desktops(app: FastAPI, browse: Browse) -> None:
    app.state.areas = ()
    assert "Mallila has not switched on any service" in browse("Raili Rehtori").get("/").text


def test_an_unknown_area_is_refused_by_name(settings: Settings) -> None:
    with pytest.raises(InputError, match="unknown service area: catering"):
        areas_of(settings.tenant.model_copy(update={"areas": ["teaching", "catering"]}))
