"""What is kept no longer is deleted: what is due and only that, what is held stays, and a receipt is left."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core.audit import By
from digione_platform.core.models import AuditEvent, Base
from digione_platform.db import open_database
from digione_platform.retention.periods import apply, due, periods, set_periods, which_are_due
from digione_platform.retention.rules import RULES
from digione_platform.settings import Settings
from tests.platform.conftest import platform_command
from tests.platform.town import Town

NOW = datetime(2040, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def session(settings: Settings) -> Iterator[Session]:
    engine: Engine = open_database(settings)
    with Session(engine) as session:
        yield session
    engine.dispose()


def counts(session: Session) -> dict[str, tuple[int, int]]:
    return {one.rule.key: (one.rows, one.held) for one in due(session, NOW)}


def leave(session: Session, person: UUID, when: datetime) -> None:
    session.execute(
        text("update persons set status = 'tobedeleted', last_modified = :when where id = :id"),
        {"when": when, "id": person},
    )


def test_nothing_of_today_is_due(session: Session) -> None:
    assert {(one.rows, one.held) for one in due(session, datetime.now(UTC))} == {(0, 0)}


@pytest.mark.parametrize("table", ["enrolments", "roles"])
def test_what_ended_is_due_after_its_period_and_not_a_day_before(session: Session, table: str) -> None:
    days = periods(session)[table]
    last = (NOW - timedelta(days=days)).date()
    session.execute(text(f"update {table} set end_date = :day"), {"day": last})  # noqa: S608
    assert counts(session)[table] == (0, 0)
    session.execute(text(f"update {table} set end_date = :day"), {"day": last - timedelta(days=1)})  # noqa: S608
    rows, _ = counts(session)[table]
    assert rows == session.scalar(text(f"select count(*) from {table}"))  # noqa: S608
    assert apply(session, NOW, "oona")["deleted"][table] == rows
    assert counts(session)[table] == (0, 0)


def test_what_is_held_stays(session: Session, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    session.execute(text("update enrolments set end_date = '2020-01-01'"))
    everything, _ = counts(session)["enrolments"]
    session.execute(
        text("insert into retention_holds (person_id, reason, actor) values (:id, 'court', 'oona')"),
        {"id": person},
    )
    rows, held = counts(session)["enrolments"]
    assert (rows + held, held) == (everything, 2)
    leave(session, person, datetime(2020, 1, 1, tzinfo=UTC))
    receipt = apply(session, NOW, "oona")
    assert (receipt["held"]["enrolments"], receipt["held"]["persons"]) == (2, 1)
    left = text("select count(*) from enrolments where person_id = :id")
    assert session.scalar(left, {"id": person}) == 2


def test_who_left_long_ago_is_erased_with_everything(session: Session, town: Town) -> None:
    session.commit()
    leave(session, town.people["Suvi Suojattu"], datetime(2020, 1, 1, tzinfo=UTC))
    assert counts(session)["persons"] == (1, 0)
    receipt = apply(session, NOW, "oona")
    session.flush()
    assert receipt["deleted"]["persons"] == 1
    for table in Base.metadata.tables:
        for row in session.scalars(text(f"select to_jsonb(t)::text from {table} t")):  # noqa: S608
            assert "MARKER-guardian" not in row, table
    # And what was deleted did not go on in the history.
    assert session.scalar(text("select count(*) from row_history where change = 'delete'")) == 0


def test_the_receipt_is_in_the_audit(session: Session) -> None:
    receipt = apply(session, NOW, "oona")
    event = session.query(AuditEvent).where(AuditEvent.action == "retention.apply").one()
    assert event.detail["sha256"] == receipt["sha256"]
    assert event.detail["deleted"] == receipt["deleted"]
    assert set(receipt["deleted"]) == {rule.key for rule in RULES}


def test_a_municipality_sets_its_own_periods_within_limits(session: Session) -> None:
    assert set_periods(session, By(), {"row_history": 400})
    assert periods(session)["row_history"] == 400
    assert not set_periods(session, By(), {"row_history": 400})
    for wrong in ({"row_history": 29}, {"row_history": 10**6}, {"roster_content": 3}, {"nothing": 100}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            set_periods(session, By(), wrong)
    events: Any = session.query(AuditEvent).where(AuditEvent.action == "change retention").all()
    assert [json.dumps(event.detail["after"]) for event in events] == ['{"row_history": 400}']


def test_every_default_is_one_that_may_be_set() -> None:
    assert all(rule.least <= rule.days <= rule.longest for rule in RULES)


def upload(session: Session, state: str, at: datetime, content: bytes | None = b"PK") -> UUID:
    row: UUID = session.execute(
        text("""
            insert into roster_uploads (actor, file_name, content, state, at)
            values (gen_random_uuid(), 'b.zip', :content, :state, :at) returning id
        """),
        {"state": state, "at": at, "content": content},
    ).scalar_one()
    return row


def test_the_content_of_a_bundle_that_is_old_or_overtaken_is_emptied(session: Session) -> None:
    days = timedelta(days=2)
    old = [upload(session, state, NOW - days - timedelta(minutes=1)) for state in ("checked", "checking")]
    fresh = upload(session, "checked", NOW - days)
    upload(session, "applied", NOW - days - timedelta(minutes=1), None)
    assert counts(session)["roster_content"] == (2, 0)
    assert which_are_due(session, "roster_content", (*old, fresh), NOW) == set(old)
    assert apply(session, NOW, "oona")["deleted"]["roster_content"] == 2
    left = text("select id from roster_uploads where content is not null")
    assert session.scalars(left).all() == [fresh]
    session.execute(
        text("""
            insert into roster_imports (at, actor, kind, file_name, sha256, counts)
            values (:at, 'oona', 'bulk', 'x.zip', '', '{}')
        """),
        {"at": NOW},
    )
    assert which_are_due(session, "roster_content", [fresh], NOW) == {fresh}
    session.execute(text("update roster_imports set undone_at = now()"))
    assert not which_are_due(session, "roster_content", [fresh], NOW)


def test_whoever_shares_a_guardianship_with_somebody_held_stays(session: Session, town: Town) -> None:
    session.execute(
        text("insert into retention_holds (person_id, reason, actor) values (:id, 'court', 'oona')"),
        {"id": town.people["Aino Virtanen"]},
    )
    for name in ("Maija Virtanen", "Kalle Kollega"):
        leave(session, town.people[name], datetime(2020, 1, 1, tzinfo=UTC))
    assert counts(session)["persons"] == (1, 1)
    receipt = apply(session, NOW, "oona")
    assert (receipt["deleted"]["persons"], receipt["held"]["persons"]) == (1, 1)
    left = text("select count(*) from guardianships where guardian_id = :id")
    assert session.scalar(left, {"id": town.people["Maija Virtanen"]}) == 2


def test_the_command_tells_first_and_then_deletes(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    document = json.loads(settings.model_dump_json())
    document["session_secret"] = "not-a-secret-in-tests"
    document["database"]["password"] = ""
    file.write_text(json.dumps(document), "utf-8")
    engine = open_database(settings)
    with Session(engine) as session, session.begin():
        session.execute(text("update enrolments set end_date = '2001-01-01'"))
        everything = session.scalar(text("select count(*) from enrolments"))
    run = platform_command(file)

    def told(what: str) -> Any:
        done = run("retention", what, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    lines = run("retention", "preview").stdout.splitlines()
    assert "Browsers signed in, after they have run out: kept 1 day; due 0, held 0" in lines
    assert [line for line in lines if ": kept 2 days; due 0, held 0" in line]
    before = {row["rule"]: row["due"] for row in told("preview")}
    assert before["enrolments"] == everything
    assert told("apply")["deleted"] == before
    assert {row["due"] for row in told("preview")} == {0}
    line = run("retention", "preview", language="fi").stdout.splitlines()[0]
    assert line.startswith("Selainten kirjautumiset niiden vanhennuttua: säilytetään 1 päivä;")
    engine.dispose()
