"""The rights of the data subject: everything of one person and of nobody else, exported or erased."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from digione_platform.core import audit
from digione_platform.core.access import Desktop, Relation
from digione_platform.core.audit import Act, By, record
from digione_platform.core.chain import verify
from digione_platform.core.holders import holders
from digione_platform.core.models import Base, Origin, Person, Status
from digione_platform.core.news import What, tell
from digione_platform.db import open_database
from digione_platform.errors import InputError, PreconditionError
from digione_platform.i18n import LANGUAGES, Texts, today
from digione_platform.settings import Settings
from digione_platform.subjects import rights
from digione_platform.subjects.page import LABELS
from digione_platform.web.titles import NEWS
from tests.platform.conftest import platform_command
from tests.platform.town import Town

# Columns that name a person, whether or not the database checks it.
NAMES = {"person_id", "guardian_id", "child_id", "account_id", "actor", "subject", "row_id"}
# Their "actor" is an operator's Unix name, in no other table of people.
OPERATORS = {("roster_imports", "actor"), ("row_history", "actor")}


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return open_database(settings)


def test_a_table_that_names_people_is_answered_for() -> None:
    answered = {one.table for holder in holders() for one in holder.personal}
    naming = {
        table.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if (table.name, column.name) not in OPERATORS
        and (
            column.name in NAMES
            or any(key.column.table.name in ("persons", "accounts") for key in column.foreign_keys)
        )
    }
    assert naming - answered == set(), "say in a subject.py whose its rows are"
    assert answered - set(Base.metadata.tables) == set()


def test_every_condition_is_one_that_the_database_understands(engine: Engine, town: Town) -> None:
    with Session(engine) as session:
        data = rights.collect(session, town.people["Maija Virtanen"])
    assert [row["username"] for row in data["accounts"]] == ["maija.virtanen"]
    assert len(data["guardianships"]) == 2
    assert [row["given_name"] for row in data["persons"]] == ["Maija"]


def test_nobody_else_s_name_is_in_an_export(engine: Engine, town: Town) -> None:
    with Session(engine) as session, session.begin():
        for name, person in town.people.items():
            everything = json.dumps(rights.collect(session, person), ensure_ascii=False)
            given, family = name.split(" ", 1)
            assert f'"given_name": "{given}"' in everything
            assert everything.count('"family_name"') == 1
            assert ("MARKER" in everything) == (family == "Suojattu")


# What of a row is of use to programs only.
TECHNICAL = {
    "id",
    "sourced_id",
    "sort_name",
    "role_id",
    "row_id",
    "account_id",
    "import_id",
    "line_item_id",
    "client_id",
    "request",
    "error",
    "extension",
}


def test_the_archive_of_a_guardian_does_not_tell_the_school_of_a_child_under_non_disclosure(
    engine: Engine, town: Town
) -> None:
    guardian, principal = town.people["Toinen Vanhempi"], town.people["Raili Rehtori"]

    def actors(session: Session) -> set[object]:
        return {row["actor"] for row in rights.collect(session, guardian)["audit_events"]}

    with Session(engine) as session:
        record(session, By(principal, Desktop.PRINCIPAL), Act.VIEW_PERSON, [guardian])
        session.flush()
        hidden = town.people["Piilo Suojattu"]
        guards = text("select count(*) from guardianships where guardian_id = :g and child_id = :c")
        if not session.scalar(guards, {"g": guardian, "c": hidden}):
            session.execute(
                text("insert into guardianships (guardian_id, child_id) values (:g, :c)"),
                {"g": guardian, "c": hidden},
            )
        assert str(principal) not in actors(session)
        session.execute(text("update persons set nondisclosure = false"))
        assert str(principal) in actors(session)


def test_every_column_has_a_name_on_the_page() -> None:
    import digione_platform.core.gradebook  # noqa: F401 - its tables, too

    columns = {
        column.name
        for holder in holders()
        for one in holder.personal
        for column in Base.metadata.tables[one.table].columns
        if column.name not in one.secret
    }
    assert columns - set(LABELS) == TECHNICAL


def test_what_staff_wrote_down_for_each_other_is_not_handed_out(engine: Engine, town: Town) -> None:
    mother, child, other = (
        town.people[name] for name in ("Maija Virtanen", "Aino Virtanen", "Suvi Suojattu")
    )
    with Session(engine) as session, session.begin():
        by = By(town.people["Helena Hallinto"])
        audit.record(session, by, Act.CHANGE_GUARDIANSHIP, [child, mother], reason="MARKER of a court")
        audit.record(session, by, Act.VIEW_PUPIL, [child], reason=Relation.OWN_MUNICIPALITY)
        audit.record(session, By(), Act.UNDO_IMPORT, people=[child, other], lifted=[str(other)], rows=1)
        hold = "insert into retention_holds (person_id, reason, actor) values (:id, 'MARKER', 'oona')"
        session.execute(text(hold), {"id": child})
    with Session(engine) as session:
        data = rights.collect(session, child)
    assert "MARKER" not in json.dumps(data)
    assert [(one["action"], one["reason"]) for one in data["audit_events"]] == [
        ("change guardianship", None),
        ("view pupil", "own municipality"),
        ("roster.undo", None),
    ]
    assert str(other) not in json.dumps(data)
    assert data["audit_events"][2]["detail"] == {"rows": 1}
    assert not any("people" in one for one in data["audit_events"])
    assert len(data["retention_holds"]) == 1


def leave(engine: Engine, person: UUID) -> None:
    """The register no longer has the person."""
    with Session(engine) as session, session.begin():
        session.execute(update(Person).where(Person.id == person).values(status=Status.TOBEDELETED))


def erase(engine: Engine, person: UUID, *, apply: bool = True) -> dict[str, object]:
    with Session(engine) as session, session.begin():
        return rights.erase(
            session, person, today=today(), operator="oona", reason="asked for it", apply=apply
        )


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        return "\n".join(
            row
            for table in Base.metadata.tables
            for (row,) in connection.execute(text(f"select to_jsonb(t)::text from {table} t"))  # noqa: S608
        )


def test_after_erasure_nothing_of_the_person_is_left_but_identifiers(engine: Engine, town: Town) -> None:
    person = town.people["Suvi Suojattu"]
    before = everything(engine)
    assert "MARKER-guardian" in before
    leave(engine, person)
    receipt = erase(engine, person)
    after = everything(engine)
    for word in ("MARKER-guardian", "suvi.suojattu", "Suvi"):
        assert word not in after
    assert receipt["erased"] == {
        "row_history": 2,
        "sign_ins": 0,
        "roster_uploads": 0,
        "accounts": 1,
        "results": 0,
        "news": 0,
        "letters": 0,
        "preferences": 0,
        "enrolments": 0,
        "guardianships": 1,
        "roles": 1,
        "retention_holds": 0,
        "persons": 1,
    }
    assert str(receipt["sha256"]) in after
    # Others' rows are as they were, and so is the audit.
    assert "MARKER-child" in after
    with engine.connect() as connection:
        assert verify(connection).wrong == ""


def test_an_erasure_empties_bundles_that_may_bring_the_person_back(engine: Engine, town: Town) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
                insert into roster_uploads (actor, file_name, content, state, report)
                select :actor, 'b.zip', 'MARKER'::bytea, state,
                    '{"errors": 1, "problems": [{"value": "MARKER-problem"}]}'
                from unnest(array['checked', 'failed', 'applying']) state
            """),
            {"actor": town.people["Helena Hallinto"]},
        )
        connection.execute(
            text("""
                insert into roster_uploads (actor, file_name, content, state, report)
                values (:actor, 'b.zip', 'MARKER'::bytea, 'checking', 'null')
            """),
            {"actor": town.people["Helena Hallinto"]},
        )
    leave(engine, town.people["Kalle Kollega"])
    erase(engine, town.people["Kalle Kollega"], apply=False)
    assert "MARKER-problem" in everything(engine)
    erase(engine, town.people["Kalle Kollega"])
    assert "MARKER-problem" not in everything(engine)
    with engine.connect() as connection:
        query = "select count(*), count(content), count(report -> 'errors') from roster_uploads"
        assert connection.execute(text(query)).one() == (4, 0, 3)


def test_whoever_shares_a_guardianship_with_somebody_held_is_held_too(engine: Engine, town: Town) -> None:
    child, guardian, mother = (
        town.people[name] for name in ("Aino Virtanen", "Toinen Vanhempi", "Maija Virtanen")
    )
    with engine.begin() as connection:
        hold = "insert into retention_holds (person_id, reason, actor) values (:id, 'court {1}', 'oona')"
        connection.execute(text(hold), {"id": child})
    leave(engine, mother)
    told = f"court {{1}} – of {child}, with whom there is a guardianship"
    assert erase(engine, mother, apply=False)["holds"] == [told]
    before = everything(engine)
    with pytest.raises(PreconditionError, match="P-SUBJECT-002"):
        erase(engine, mother)
    assert everything(engine) == before
    # Of whom somebody else's child is held, nothing is.
    leave(engine, guardian)
    assert erase(engine, guardian)["applied"]


def test_who_is_still_in_the_register_is_not_erased(engine: Engine, town: Town) -> None:
    before = everything(engine)
    with pytest.raises(PreconditionError, match="the register still has this person"):
        erase(engine, town.people["Maija Virtanen"])
    preview = erase(engine, town.people["Maija Virtanen"], apply=False)
    assert (preview["applied"], len(preview["holds"])) == (False, 1)  # type: ignore[arg-type]
    assert everything(engine) == before


def test_who_was_added_in_the_browser_is_taken_out_of_use_there(engine: Engine, town: Town) -> None:
    person = town.people["Maija Virtanen"]
    with Session(engine) as session, session.begin():
        session.execute(update(Person).where(Person.id == person).values(origin=Origin.PLATFORM))
    with pytest.raises(PreconditionError, match="was added in the browser and is still in use") as refused:
        erase(engine, person)
    assert "import" not in str(refused.value)


def test_the_last_administrator_is_not_erased(engine: Engine, town: Town) -> None:
    held = erase(engine, town.people["Helena Hallinto"], apply=False)["holds"]
    assert any("nobody would administer the municipality" in str(one) for one in held)  # type: ignore[attr-defined]
    with pytest.raises(PreconditionError, match=r"P-SUBJECT-002: .*nobody would administer"):
        erase(engine, town.people["Helena Hallinto"])
    held = erase(engine, town.people["Maija Virtanen"], apply=False)["holds"]
    assert not any("nobody would administer" in str(one) for one in held)  # type: ignore[attr-defined]


def test_a_preview_changes_nothing_and_counts_the_same(engine: Engine, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    leave(engine, person)
    before = everything(engine)
    preview = erase(engine, person, apply=False)
    assert everything(engine) == before
    done = erase(engine, person)
    assert (preview["erased"], preview["kept"]) == (done["erased"], done["kept"])


def test_a_person_is_found_by_username_or_identifier_only(engine: Engine, town: Town) -> None:
    person = town.people["Aino Virtanen"]
    with Session(engine) as session:
        assert rights.find_person(session, str(person), "") == person
        assert rights.find_person(session, "Aino.Virtanen", "") == person
        for nobody in ("Aino", "", "%", "' or true --"):
            with pytest.raises(InputError, match="P-SUBJECT-001"):
                rights.find_person(session, nobody, "")


@pytest.fixture
def command(settings: Settings, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    file = tmp_path / "settings.json"
    document = json.loads(settings.model_dump_json())
    document["session_secret"] = "not-a-secret-in-tests"
    document["database"]["password"] = ""
    file.write_text(json.dumps(document), "utf-8")
    run = platform_command(file)

    def subject(*arguments: str) -> tuple[int, str, str]:
        done = run("subject", *arguments)
        return done.returncode, done.stdout, done.stderr

    return subject


def test_the_archive_can_be_read_by_people_and_programs(
    command: Callable[..., tuple[int, str, str]], tmp_path: Path, town: Town
) -> None:
    to = tmp_path / "elsa.zip"
    asked = ("export", "elsa.virtanen", "--reason", "she asked")
    assert command(*asked, str(to))[0] == 0
    assert to.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(io.BytesIO(to.read_bytes())) as archive:
        data = json.loads(archive.read("data.json"))
        page = archive.read("index.html").decode()
    assert data["persons"][0]["given_name"] == "Elsa"
    assert data["audit_events"][-1]["action"] == "subject.export"
    assert '<html lang="sv">' in page
    assert "Alla uppgifter om dig" in page
    assert "Modellby" in page
    # As people read it: no names of columns, times of Finland, no data structures of programs.
    moment = datetime.fromisoformat(data["audit_events"][-1]["at"])
    told = Texts("sv").moment(moment)
    for word in ("Förnamn", "Elsa", "Elev", "Exporterade en persons uppgifter", told):
        assert word in page, word
    for word in ("given_name", "subject.export", "+00:00", "{&#39;", "[&#39;", "she asked"):
        assert word not in page, word
    # Never over another file, and never to nowhere.
    assert command(*asked, str(to))[0] == 2
    assert command(*asked)[0] == 2


def test_the_archive_of_a_guardian_words_news_of_a_child_as_the_child_s(
    command: Callable[..., tuple[int, str, str]], settings: Settings, tmp_path: Path, town: Town
) -> None:
    guardian, child = town.people["Maija Virtanen"], town.people["Aino Virtanen"]
    with Session(open_database(settings)) as session, session.begin():
        tell(session, What.PLACE_CHANGED, [guardian, child], "/", about=child)
    pages = []
    for name in ("maija.virtanen", "aino.virtanen"):
        to = tmp_path / f"{name}.zip"
        assert command("export", name, "--reason", "asked", str(to))[0] == 0
        with zipfile.ZipFile(to) as archive:
            pages.append(archive.read("index.html").decode())
    own = [Texts(language).gettext(NEWS[What.PLACE_CHANGED][0]) for language in LANGUAGES]
    assert not any(words in pages[0] for words in own)
    assert f"{child}: " in pages[0]
    assert any(words in pages[1] for words in own)


def test_holds_keep_data_until_they_are_released(
    command: Callable[..., tuple[int, str, str]], engine: Engine, town: Town
) -> None:
    name, person = "toinen.vanhempi", str(town.people["Toinen Vanhempi"])
    leave(engine, UUID(person))
    why = ("--reason", "a court asked for the records")
    assert command("hold", name, *why, "--until", "2999-01-01")[0] == 0
    code, out, _ = command("erase", name, "--reason", "asked", "--dry-run", "--json")
    assert (code, json.loads(out)["holds"]) == (0, ["a court asked for the records (until 1 Jan 2999)"])
    code, _, err = command("erase", name, "--reason", "asked", "--confirm", name)
    assert (code, "P-SUBJECT-002" in err) == (3, True)
    code, _, err = command("release", name, "--reason", "court of 131052-308T")
    assert code == 2
    assert "P-SUBJECT-008" in err
    assert "131052" not in err
    for no_reason in ("", "  ", "two\nlines", "x" * 501):
        code, _, err = command("release", name, "--reason", no_reason)
        assert (code, "P-SUBJECT-009" in err) == (2, True)
    assert command("release", name, "--reason", "the court is done")[0] == 0
    assert command("erase", name, "--reason", "asked", "--confirm", "other")[0] == 2
    code, out, _ = command("erase", name, "--reason", "asked", "--confirm", name)
    assert (code, person in out) == (0, True)
    assert command("erase", name, "--reason", "asked", "--confirm", name)[0] == 2
    assert command("hold", "aino.virtanen", "--reason", "x", "--until", "soon")[0] == 2
    code, _, err = command("hold", "aino.virtanen", "--reason", "x", "--until", "2020-01-01")
    assert (code, "P-SUBJECT-010" in err) == (2, True)
