"""My day: the week, the school year with its terms and periods, holiday, and what service areas add."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from digione_platform.areas import all_areas
from digione_platform.core.access import Desktop
from digione_platform.core.models import AcademicSession, SessionType, Status
from digione_platform.i18n import Texts
from digione_platform.web.blocks import Asked
from digione_platform.web.day import Day, Line, day_of
from tests.platform.conftest import Browse

YEAR, TERM, PERIOD = SessionType.SCHOOL_YEAR, SessionType.TERM, SessionType.GRADING_PERIOD
# First days, and first days after.
SESSIONS = [
    ("2026–2027", YEAR, date(2026, 8, 1), date(2027, 8, 1)),
    ("Syksy", TERM, date(2026, 8, 12), date(2026, 12, 20)),
    ("1. jakso", PERIOD, date(2026, 8, 12), date(2026, 10, 1)),
    ("2. jakso", PERIOD, date(2026, 10, 1), date(2026, 12, 20)),
    ("Kevät", SessionType.SEMESTER, date(2027, 1, 7), date(2027, 6, 6)),
]


def lines_on(engine: Engine, today: date, language: str = "en") -> list[tuple[str, str]]:
    with Session(engine) as session:
        asked: Any = Asked(session, None, today)  # type: ignore[arg-type]  # of the year nobody is asked
        return [(line.title, line.text) for line in day_of(asked, Texts(language), []).lines]


@pytest.fixture
def years(empty: Engine) -> Engine:
    with Session(empty) as session, session.begin():
        for title, kind, start, end in SESSIONS:
            session.add(
                AcademicSession(
                    sourced_id=title,
                    title=title,
                    session_type=kind,
                    start_date=start,
                    end_date=end,
                    school_year=2027,
                )
            )
    return empty


@pytest.mark.parametrize(
    ("today", "lines"),
    [
        (date(2026, 9, 30), ["2026–2027", "Syksy", "1. jakso"]),
        (date(2026, 10, 1), ["2026–2027", "Syksy", "2. jakso"]),
        (date(2026, 12, 19), ["2026–2027", "Syksy", "2. jakso"]),
        (date(2026, 12, 20), ["Holiday", "2026–2027"]),
        (date(2027, 1, 6), ["Holiday", "2026–2027"]),
        (date(2027, 1, 7), ["2026–2027", "Kevät"]),
        # The register does not know what comes.
        (date(2027, 6, 6), ["2026–2027"]),
        (date(2026, 7, 31), ["Holiday"]),
        (date(2027, 8, 1), []),
    ],
)
def test_the_day_says_where_in_the_school_year_it_is(years: Engine, today: date, lines: list[str]) -> None:
    assert [title for title, _ in lines_on(years, today)] == lines


@pytest.mark.parametrize(
    ("language", "holiday", "year"),
    [
        ("fi", ("Loma", "Kevät alkaa 7.1.2027 · 1 päivä jäljellä"), "31.7.2027 asti"),
        ("sv", ("Lov", "Kevät börjar 7.1.2027 · 1 dag kvar"), "till och med 31.7.2027"),
        ("en", ("Holiday", "Kevät begins on 7 Jan 2027 · 1 day left"), "until 31 Jul 2027"),
    ],
)
def test_a_holiday_says_when_school_begins(
    years: Engine, language: str, holiday: tuple[str, str], year: str
) -> None:
    assert lines_on(years, date(2027, 1, 6), language) == [holiday, ("2026–2027", year)]


def test_what_is_not_in_use_does_not_count(years: Engine) -> None:
    with Session(years) as session, session.begin():
        for one in session.query(AcademicSession).filter_by(session_type=TERM):
            one.status = Status.TOBEDELETED
    assert [title for title, _ in lines_on(years, date(2026, 10, 1))] == ["Holiday", "2026–2027", "2. jakso"]


@pytest.mark.parametrize(
    ("today", "week"),
    [(date(2026, 1, 1), 1), (date(2026, 12, 31), 53), (date(2027, 1, 3), 53), (date(2027, 1, 4), 1)],
)
def test_weeks_are_counted_as_in_finland(empty: Engine, today: date, week: int) -> None:
    with Session(empty) as session:
        asked: Any = Asked(session, None, today)  # type: ignore[arg-type]
        assert day_of(asked, Texts("fi"), []) == Day(Texts("fi").weekday(today), week, [])


def test_a_service_area_adds_to_the_day_of_a_role(app: FastAPI, browse: Browse) -> None:
    def lessons(asked: Asked, texts: Texts) -> list[Line]:
        return [Line(asked.viewer.person.name, f"8.15 {texts.language}", "/areas/scheduling")]

    area = next(one for one in all_areas() if one.key == "scheduling")
    app.state.areas = (replace(area, day={Desktop.PUPIL: lessons}),)
    page = browse("Aino Virtanen").get("/").text
    assert '<a class="hds-link" href="/areas/scheduling">Ainu Virtanen</a></dt><dd>8.15 en' in page
    assert "8.15" not in browse("Maija Virtanen").get("/").text
