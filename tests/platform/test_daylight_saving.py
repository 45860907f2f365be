"""The clock in Finland goes back on 25.10.2026 and forward on 29.3.2026: days and times stay right."""

from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from digione_platform import accounts, i18n
from digione_platform.core.models import AuditEvent, Guardianship, Role
from digione_platform.i18n import FINLAND, Texts, today
from tests.platform.conftest import Browse
from tests.platform.town import Town

BACK, FORWARD = date(2026, 10, 25), date(2026, 3, 29)


class Clock(datetime):
    """A clock that stands still at ``at``."""

    at: datetime

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return cls.at.astimezone(tz)  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(i18n, "datetime", Clock)
    return Clock


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-10-24T20:59:59", date(2026, 10, 24)),
        ("2026-10-24T21:00:00", BACK),
        ("2026-10-25T00:59:59", BACK),  # 3.59.59 for the first time
        ("2026-10-25T01:00:00", BACK),  # 3.00 for the second time
        ("2026-10-25T21:59:59", BACK),
        ("2026-10-25T22:00:00", date(2026, 10, 26)),
        ("2026-03-28T21:59:59", date(2026, 3, 28)),
        ("2026-03-28T22:00:00", FORWARD),
        ("2026-03-29T00:59:59", FORWARD),
        ("2026-03-29T01:00:00", FORWARD),  # 3.00 is 4.00
        ("2026-03-29T20:59:59", FORWARD),
        ("2026-03-29T21:00:00", date(2026, 3, 30)),
    ],
)
def test_a_day_begins_at_midnight_in_finland(
    app: FastAPI, browse: Browse, town: Town, clock: type[Clock], at: str, day: date
) -> None:
    """What is valid on a day is so from its first second to its last."""
    clock.at = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert today() == day
    with Session(app.state.engine) as session, session.begin():
        session.execute(update(Role).values(begin_date=day, end_date=day + timedelta(days=1)))
        session.execute(update(Guardianship).values(valid_from=day, valid_to=day + timedelta(days=1)))
    assert "Virtanen Ainu" in browse("Sirpa Sihteeri").get("/pupils").text
    assert "Ainu Virtanen" in browse("Maija Virtanen").get("/").text
    listed = {row["name"]: row["roles"] for row in accounts.account_rows(app.state.engine)}
    assert listed["Raili Rehtori"] == ["principal"]
    for begin, end in ((day + timedelta(days=1), None), (day - timedelta(days=9), day)):
        with Session(app.state.engine) as session, session.begin():
            session.execute(update(Role).values(begin_date=begin, end_date=end))
        assert browse("Sirpa Sihteeri").get("/pupils").status_code == 403
        assert all(row["roles"] == [] for row in accounts.account_rows(app.state.engine))


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-10-25T00:30:00", "25.10.2026 klo 3.30"),
        ("2026-10-25T01:30:00", "25.10.2026 klo 3.30"),
        ("2026-10-25T02:00:00", "25.10.2026 klo 4.00"),
        ("2026-03-29T00:59:00", "29.3.2026 klo 2.59"),
        ("2026-03-29T01:00:00", "29.3.2026 klo 4.00"),
    ],
)
def test_times_are_shown_as_the_clock_on_the_wall_has_them(at: str, shown: str) -> None:
    assert Texts("fi").moment(datetime.fromisoformat(at).replace(tzinfo=UTC)) == shown


@pytest.mark.parametrize(("day", "hours"), [(BACK, 25), (FORWARD, 23)])
def test_the_audit_of_a_day_is_all_of_it_and_nothing_else(
    app: FastAPI, browse: Browse, town: Town, day: date, hours: int
) -> None:
    first = datetime.combine(day, datetime.min.time(), FINLAND).astimezone(UTC)
    moments = [first - timedelta(minutes=1), *(first + timedelta(hours=n) for n in range(hours + 1))]
    person = town.people["Olli Åberg"]
    with Session(app.state.engine) as session, session.begin():
        rows = [{"at": at, "action": "view pupil", "subject": person, "detail": {}} for at in moments]
        session.execute(insert(AuditEvent), rows)
    admin = browse("Helena Hallinto")
    asked = {"person": "åberg", "action": "view pupil", "since": day.isoformat(), "until": day.isoformat()}
    found = admin.get("/audit", params=asked).text
    shown = Texts("en").date(day)
    assert f"{hours} event" in found
    assert found.count(shown) >= hours
