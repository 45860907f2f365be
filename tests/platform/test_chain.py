"""The audit's chain: whatever is altered, taken out, moved or cut off is found."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.audit import Act, By
from digione_platform.core.chain import Head, Verdict, verify
from digione_platform.settings import Settings
from tests.platform.conftest import platform_command

# What someone who rules the database does first: no trigger of ours runs in such a session.
WITHOUT_TRIGGERS = "set local session_replication_role = replica"


def write(engine: Engine, count: int = 5) -> None:
    for number in range(count):
        with Session(engine) as session, session.begin():
            audit.record(session, By(), Act.SIGN_IN, reason=f"ä {number}", number=number, list=[1.50, None])


def checked(engine: Engine, seen: Head | None = None) -> Verdict:
    with engine.connect() as connection:
        return verify(connection, seen) if seen else verify(connection)


def tamper(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in (WITHOUT_TRIGGERS, *statements):
            connection.execute(text(statement))


def test_an_untouched_chain_holds_and_goes_on(empty: Engine) -> None:
    assert checked(empty) == Verdict(Head(0, ""))
    write(empty)
    first = checked(empty)
    assert (first.wrong, first.head.position) == ("", 5)
    write(empty, 2)
    second = checked(empty, first.head)
    assert (second.wrong, second.head.position) == ("", 7)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'sign out'",
        "detail = '{}'",
        "reason = 'other'",
        "at = at + interval '1 microsecond'",
        "actor = gen_random_uuid()",
        "subject = gen_random_uuid()",
        "desktop = 'teacher'",
        "request = gen_random_uuid()",
    ],
)
def test_an_altered_event_is_found_and_named(empty: Engine, change: str) -> None:
    write(empty)
    tamper(empty, f"update audit_events set {change} where id = 3")  # noqa: S608
    verdict = checked(empty)
    assert verdict.event == 3
    assert "altered" in verdict.wrong


@pytest.mark.parametrize(
    ("statements", "event", "words"),
    [
        (["delete from audit_events where id = 3"], 3, "event 3 is missing"),
        (
            ["delete from audit_chain where event_id = 3", "delete from audit_events where id = 3"],
            4,
            "position 3",
        ),
        (
            [
                "delete from audit_chain where event_id = 3",
                "delete from audit_events where id = 3",
                "update audit_chain set position = position - 1 where position > 3",
            ],
            4,
            "altered, or moved",
        ),
        (
            [
                "update audit_chain set event_id = 100 - event_id where event_id in (2, 4)",
                "update audit_chain set event_id = 102 - event_id where event_id in (96, 98)",
            ],
            4,
            "altered, or moved",
        ),
        (["insert into audit_events (action) values ('sign in')"], 6, "not in the chain"),
        (["delete from audit_chain where position = 1"], 2, "position 1 is missing"),
    ],
)
def test_what_was_taken_out_or_put_in_is_found(
    empty: Engine, statements: list[str], event: int, words: str
) -> None:
    write(empty)
    tamper(empty, *statements)
    verdict = checked(empty)
    assert words in verdict.wrong
    assert verdict.event == event


def test_swapped_events_are_found(empty: Engine) -> None:
    write(empty)
    tamper(
        empty,
        "update audit_events set detail = jsonb_build_object('number', 9 - id) where id in (2, 4)",
    )
    assert checked(empty).event == 2


def test_a_tail_that_was_cut_off_is_found_by_the_head_of_before(empty: Engine) -> None:
    write(empty)
    seen = checked(empty).head
    tamper(empty, "delete from audit_chain where position > 3", "delete from audit_events where id > 3")
    assert checked(empty).wrong == ""
    assert "2 events were cut off" in checked(empty, seen).wrong
    # Not even when as many were written since.
    write(empty, 4)
    assert checked(empty, seen).wrong == "it was made anew"


def test_writers_at_the_same_time_make_one_chain(empty: Engine) -> None:
    threads = [threading.Thread(target=write, args=(empty, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = checked(empty)
    assert (verdict.wrong, verdict.head.position) == ("", 40)


def test_what_is_rolled_back_leaves_no_gap(empty: Engine) -> None:
    write(empty, 1)
    with Session(empty) as session:
        audit.record(session, By(), Act.SIGN_IN)
        session.flush()
        session.rollback()
    write(empty, 1)
    verdict = checked(empty)
    assert (verdict.wrong, verdict.head.position) == ("", 2)


@pytest.fixture
def command(settings: Settings, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    state = tmp_path / "state"
    state.mkdir()
    file = tmp_path / "settings.json"
    document = json.loads(settings.model_dump_json())
    document["session_secret"] = "not-a-secret-in-tests"
    document["database"]["password"] = ""
    file.write_text(json.dumps(document | {"state": str(state)}), "utf-8")
    run = platform_command(file)

    def verify(*arguments: str) -> tuple[int, str, str]:
        done = run("audit", "verify", *arguments)
        return done.returncode, done.stdout, done.stderr

    return verify


def test_the_command_remembers_the_head_and_finds_a_cut(
    command: Callable[..., tuple[int, str, str]], settings: Settings
) -> None:
    from digione_platform.db import open_database

    engine = open_database(settings)
    write(engine)
    code, out, _ = command()
    assert (code, "events: 5." in out) == (0, True)
    tamper(engine, "delete from audit_chain where position > 4", "delete from audit_events where id > 4")
    code, out, err = command("--json")
    assert (code, json.loads(out)["holds"]) == (6, False)
    assert "P-AUDIT-001" in err
    assert "1 events were cut off" in err
    code, out, _ = command("--after-restore")
    assert (code, "events: 5." in out) == (0, True)
    assert command()[0] == 0
    assert command("--seen", "7:zz")[0] == 2
    assert command("--seen", f"5:{'0' * 64}")[0] == 6
    engine.dispose()
