"""Accounts follow into a real directory: made, changed, renamed, locked, taken out; again changes nothing."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from digione_platform.accounts import directory_is_behind, sync_directory
from digione_platform.administration.directory import follow
from digione_platform.administration.records import keep_account
from digione_platform.app import create_app
from digione_platform.core.audit import Act
from digione_platform.core.models import AuditEvent, Person, Role, RoleName
from digione_platform.db import open_database
from digione_platform.directory import Changes, Entry, compare, open_directory
from digione_platform.errors import PlatformError
from digione_platform.i18n import today
from digione_platform.settings import Settings
from tests.platform.bundles import LEARNER, PROVIDER, delta, valid, write
from tests.platform.conftest import KnockSignIn, platform_command, settings_for
from tests.platform.hostile import browser_of, forms_of
from tests.platform.rosters import Roster
from tests.platform.slapd import PASSWORD, Slapd, running_slapd
from tests.platform.town import Town

NEW = "a-long-enough-password"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with running_slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture
def directed(slapd: Slapd, databases: Any, migrated: str) -> Iterator[Settings]:
    """Settings with a directory, which is empty before and after."""
    plain = settings_for(databases.copy(migrated), directory=slapd.settings, authority=slapd.authority)
    yield plain.model_copy(update={"tenant": plain.tenant.model_copy(update={"oid": PROVIDER})})
    slapd.clear()


@pytest.fixture
def roster(directed: Settings, tmp_path: Path) -> Iterator[Roster]:
    engine = open_database(directed)
    yield Roster(engine, tmp_path)
    engine.dispose()


@pytest.fixture
def synced(directed: Settings, roster: Roster) -> Roster:
    assert roster.bulk(valid()).applied
    assert sync_directory(roster.engine, directed) == {"added": 6, "changed": 0, "removed": 0, "unchanged": 0}
    return roster


@pytest.fixture
def command(directed: Settings, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    told = json.loads(directed.model_dump_json())
    told["session_secret"] = "not-a-secret-in-tests"
    told["database"]["password"] = ""
    told["directory"]["password"] = PASSWORD
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(told))

    return platform_command(file)


def entries(settings: Settings) -> dict[str, Entry]:
    assert settings.directory is not None
    with open_directory(settings.directory, settings.authority) as people:
        return {entry.username: entry for entry in people.all()}


def set_password(settings: Settings, username: str, password: str) -> None:
    assert settings.directory is not None
    with open_directory(settings.directory, settings.authority) as people:
        people.set_password(username, password)


def test_accounts_get_entries_and_a_second_sync_changes_nothing(directed: Settings, synced: Roster) -> None:
    found = entries(directed)
    pupil = found["aino.makinen"]
    assert (pupil.given_name, pupil.family_name, pupil.learner_number) == ("Aino", "Mäkinen", LEARNER)
    assert pupil.number == str(synced.one("select id from accounts where username = 'aino.makinen'"))
    done = sync_directory(synced.engine, directed)
    assert done == {"added": 0, "changed": 0, "removed": 0, "unchanged": 6}


def test_without_a_password_nobody_signs_in_and_with_one_they_do(
    directed: Settings, synced: Roster, slapd: Slapd
) -> None:
    assert not slapd.opens("olli.opettaja", NEW)
    set_password(directed, "olli.opettaja", NEW)
    assert slapd.opens("olli.opettaja", NEW)


def test_the_administrator_gives_a_password_in_the_browser(
    directed: Settings, synced: Roster, slapd: Slapd
) -> None:
    app = create_app(directed, KnockSignIn())
    admin = browser_of(app, synced.one("select id from accounts where username = 'simo.johtaja'"))
    teacher = synced.one("select id from persons where given_name = 'Olli'")
    signed_in = browser_of(app, synced.one("select id from accounts where username = 'olli.opettaja'"))
    assert signed_in.get("/me", follow_redirects=False).status_code == 200
    page = f"/administration/people/{teacher}"
    (link,) = re.findall(r'href="([^"]+/password)"', admin.get(page).text)
    [form] = [one for one in forms_of(link, admin.get(link).text) if one.action == link]
    answers = [admin.post(form.action, data=form.sent()).text for _ in "12"]
    assert ["sent a moment ago" in one for one in answers] == [False, True]
    shown = [re.findall("<code>(.*)</code>", one) for one in answers]
    assert shown[0] == shown[1], "a form that is sent again has one effect"
    assert slapd.opens("olli.opettaja", shown[0][0])
    assert signed_in.get("/me", follow_redirects=False).status_code != 200, "who knew the old one is out"
    act = "select count(*) from audit_events where action = 'accounts.password' and subject = "
    assert synced.one(f"{act}'{teacher}'") == 1
    assert "<code>" not in admin.get(link).text
    # An old form does not bring an old password back.
    [later] = [one for one in forms_of(link, admin.get(link).text) if one.action == link]
    (newest,) = re.findall("<code>(.*)</code>", admin.post(later.action, data=later.sent()).text)
    replayed = admin.post(form.action, data=form.sent())
    assert replayed.status_code == 409
    assert "<code>" not in replayed.text
    assert slapd.opens("olli.opettaja", newest)
    without = synced.one("select id from persons where username is null limit 1")
    assert "/password" not in admin.get(f"/administration/people/{without}").text
    assert admin.get(f"/administration/people/{without}/password").status_code == 404
    app.state.engine.dispose()


def test_who_is_no_administrator_gives_nobody_a_password(directed: Settings, synced: Roster) -> None:
    app = create_app(directed, KnockSignIn())
    principal = browser_of(app, synced.one("select id from accounts where username = 'reetta.rehtori'"))
    teacher = synced.one("select id from persons where given_name = 'Olli'")
    address = f"/administration/people/{teacher}/password"
    assert principal.get(address).status_code == 404
    assert principal.post(address, data={"once": str(uuid4())}).status_code == 404
    app.state.engine.dispose()


SIRPA, AINO, MAIJA = "Sirpa Sihteeri", "Aino Virtanen", "Maija Virtanen"


@pytest.fixture
def office(slapd: Slapd, databases: Any, built: tuple[str, Town]) -> Iterator[FastAPI]:
    """The town's platform, with its accounts in the directory."""
    settings = settings_for(databases.copy(built[0]), directory=slapd.settings, authority=slapd.authority)
    app = create_app(settings, KnockSignIn())
    sync_directory(app.state.engine, settings)
    yield app
    app.state.engine.dispose()
    slapd.clear()


def test_a_school_secretary_gives_passwords_to_pupils_and_guardians(
    office: FastAPI, town: Town, slapd: Slapd
) -> None:
    secretary = browser_of(office, town.accounts[SIRPA])
    page = f"/pupils/{town.people[AINO]}"
    links = re.findall(r'href="([^"]+/password[^"]*)"', secretary.get(page).text)
    own = f"/administration/people/{town.people[AINO]}/password"
    of_guardian = f"/administration/people/{town.people[MAIJA]}/password?pupil={town.people[AINO]}"
    assert links == [own, of_guardian]
    for link, username in ((own, "aino.virtanen"), (of_guardian, "maija.virtanen")):
        asked = secretary.get(link).text
        assert f'href="{page}"' in asked
        [form] = [one for one in forms_of(link, asked) if one.action == link]
        (new,) = re.findall("<code>(.*)</code>", secretary.post(form.action, data=form.sent()).text)
        assert slapd.opens(username, new)
    query = select(AuditEvent).where(AuditEvent.action == Act.NEW_PASSWORD).order_by(AuditEvent.id)
    with Session(office.state.engine) as session:
        given = [(one.actor, one.desktop, one.subject, one.reason) for one in session.scalars(query)]
    assert given == [
        (town.people[SIRPA], "secretary", town.people[AINO], "pupil of own school"),
        (town.people[SIRPA], "secretary", town.people[MAIJA], "guardian of such a pupil"),
    ]


@pytest.mark.parametrize(
    ("viewer", "person", "pupil"),
    [
        (SIRPA, "Elsa Virtanen", None),  # of another school
        (SIRPA, MAIJA, None),  # no pupil
        (SIRPA, MAIJA, "Elsa Virtanen"),
        (SIRPA, MAIJA, "Olli Åberg"),  # no child of hers
        (SIRPA, "Piilo Suojattu", None),  # under non-disclosure
        (SIRPA, "Suvi Suojattu", "Piilo Suojattu"),
        (SIRPA, "Tiina Opettaja", "Eero Öhman"),  # guardian and staff
        (SIRPA, "Kalle Kollega", None),
        (SIRPA, "Helena Hallinto", None),
        (SIRPA, SIRPA, None),
        ("Raili Rehtori", AINO, None),
        ("Tiina Opettaja", AINO, None),
        (MAIJA, AINO, None),
    ],
)
def test_a_school_secretary_gives_nobody_else_a_password(
    office: FastAPI, town: Town, viewer: str, person: str, pupil: str | None
) -> None:
    browser = browser_of(office, town.accounts[viewer])
    address = f"/administration/people/{town.people[person]}/password"
    query = f"?pupil={town.people[pupil]}" if pupil else ""
    page = browser.get(f"/pupils/{town.people[pupil or person]}").text
    assert f"{address}{query}" not in page
    assert browser.get(f"{address}{query}").status_code == 404
    assert browser.post(f"{address}{query}", data={"once": str(uuid4())}).status_code == 404


def test_a_guardian_who_was_staff_gets_a_password_from_the_secretary(office: FastAPI, town: Town) -> None:
    secretary = browser_of(office, town.accounts[SIRPA])
    person, child = town.people["Tiina Opettaja"], town.people["Eero Öhman"]
    with Session(office.state.engine) as session, session.begin():
        taught = (Role.person_id == person, Role.role == RoleName.TEACHER)
        session.execute(update(Role).where(*taught).values(end_date=today()))
    assert secretary.get(f"/administration/people/{person}/password?pupil={child}").status_code == 200


def test_a_directory_that_is_away_is_told_in_the_browser(directed: Settings, synced: Roster) -> None:
    assert directed.directory is not None
    away = directed.directory.model_copy(update={"port": 9})
    app = create_app(directed.model_copy(update={"directory": away}), KnockSignIn())
    admin = browser_of(app, synced.one("select id from accounts where username = 'simo.johtaja'"))
    teacher = synced.one("select id from persons where given_name = 'Olli'")
    answer = admin.post(f"/administration/people/{teacher}/password", data={"once": str(uuid4())})
    assert answer.status_code == 503
    assert "<code>" not in answer.text
    assert synced.one("select count(*) from audit_events where action = 'accounts.password'") == 0
    app.state.engine.dispose()


def test_password_that_the_policy_refuses_is_told(directed: Settings, synced: Roster) -> None:
    with pytest.raises(PlatformError, match="P-ACCOUNTS-006"):
        set_password(directed, "olli.opettaja", "short")


def test_new_password_lifts_the_lock_after_wrong_ones_and_a_sync_leaves_it(
    directed: Settings, synced: Roster, slapd: Slapd
) -> None:
    set_password(directed, "olli.opettaja", NEW)
    for _ in range(3):
        assert not slapd.opens("olli.opettaja", "wrong")
    assert not slapd.opens("olli.opettaja", NEW)
    done = sync_directory(synced.engine, directed)
    assert done == {"added": 0, "changed": 0, "removed": 0, "unchanged": 6}
    assert not slapd.opens("olli.opettaja", NEW)
    set_password(directed, "olli.opettaja", f"{NEW}-2")
    assert slapd.opens("olli.opettaja", f"{NEW}-2")


def test_directory_that_is_away_changes_nothing(command: Any, synced: Roster, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    told = json.loads(file.read_text())
    told["directory"]["port"] = 1
    file.write_text(json.dumps(told))
    for arguments in (["sync", "--dry-run"], ["sync"], ["password", "olli.opettaja"]):
        done = command("accounts", *arguments, stdin=NEW)
        assert (done.returncode, done.stderr.split(":")[0]) == (3, "P-ACCOUNTS-002")


def test_directory_that_stops_after_a_change_was_begun_is_partly_done(directed: Settings) -> None:
    assert directed.directory is not None
    with (
        pytest.raises(PlatformError, match="P-ACCOUNTS-010") as told,
        open_directory(directed.directory, directed.authority) as people,
    ):
        people.apply(Changes(removed=[Entry("1", "nobody", "No", "Body")]))
    assert told.value.exit == 5


def test_change_of_name_and_username_keeps_password_and_identifier(
    directed: Settings, synced: Roster, slapd: Slapd
) -> None:
    set_password(directed, "hanna.makinen", NEW)
    number = entries(directed)["hanna.makinen"].number
    files = valid()
    # The two guardians exchange their usernames; a learner number is found for the second pupil.
    files["users"][2] |= {"username": "timo.salo", "familyName": "Mäki, Öst"}
    files["users"][3]["username"] = "hanna.makinen"
    synced.bulk(files)
    assert sync_directory(synced.engine, directed) == {"added": 0, "changed": 2, "removed": 0, "unchanged": 4}
    assert entries(directed)["timo.salo"].number == number
    assert entries(directed)["timo.salo"].family_name == "Mäki, Öst"
    assert slapd.opens("timo.salo", NEW)
    assert not slapd.opens("hanna.makinen", NEW)


def test_who_leaves_is_locked_and_opened_again_on_return(
    directed: Settings, synced: Roster, slapd: Slapd
) -> None:
    set_password(directed, "olli.opettaja", NEW)
    files = valid()
    files["users"][4]["enabledUser"] = "false"
    synced.bulk(files)
    sync_directory(synced.engine, directed)
    assert not slapd.opens("olli.opettaja", NEW)
    synced.undo()
    sync_directory(synced.engine, directed)
    assert slapd.opens("olli.opettaja", NEW)


def test_undo_of_the_import_takes_the_entries_out(directed: Settings, synced: Roster) -> None:
    synced.undo()
    wanted = {"added": 0, "changed": 0, "removed": 6, "unchanged": 0}
    assert sync_directory(synced.engine, directed, dry_run=True) == wanted
    assert len(entries(directed)) == 6
    assert directory_is_behind(synced.engine, directed)
    assert sync_directory(synced.engine, directed) == wanted
    assert entries(directed) == {}


def test_what_is_changed_in_the_browser_follows_at_once(
    directed: Settings, synced: Roster, slapd: Slapd, caplog: pytest.LogCaptureFixture
) -> None:
    set_password(directed, "olli.opettaja", NEW)
    person = synced.one("select id from persons where username = 'olli.opettaja'")
    for enabled in (False, True):
        with Session(synced.engine) as session, session.begin():
            row = session.get_one(Person, person)
            row.enabled, row.family_name = enabled, "Uusi"
            session.flush()
            keep_account(session, row)
        follow(synced.engine, directed, person)
        assert slapd.opens("olli.opettaja", NEW) is enabled
    assert entries(directed)["olli.opettaja"].family_name == "Uusi"
    # Where the directory is away the change stands, and the log says what is to be made good.
    assert directed.directory is not None
    away = directed.model_copy(update={"directory": directed.directory.model_copy(update={"port": 1})})
    follow(synced.engine, away, person)
    assert "the directory did not follow a change: P-ACCOUNTS-" in caplog.text


def test_comparison_is_by_account_and_by_every_value() -> None:
    same = Entry("1", "a", "A", "B")
    moved = Entry("2", "c", "C", "D")
    changes = compare(
        iter([same, moved, Entry("4", "g", "G", "H")]),
        iter([same, Entry("2", "x", "C", "D"), Entry("3", "e", "E", "F")]),
    )
    assert changes.as_json() == {"added": 1, "changed": 1, "removed": 1, "unchanged": 1}


def test_command_imports_into_the_directory_and_sets_passwords(
    command: Any, slapd: Slapd, roster: Roster, tmp_path: Path
) -> None:
    path = str(write(tmp_path / "town.zip", valid()))
    done = command("roster", "import", path, "--apply", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["directory"] == {"added": 6, "changed": 0, "removed": 0, "unchanged": 0}
    set_one = command("accounts", "password", "Olli.Opettaja", stdin=f"{NEW}\n")
    assert set_one.returncode == 0, set_one.stderr
    assert NEW not in set_one.stdout + set_one.stderr
    assert slapd.opens("olli.opettaja", NEW)
    query = (
        "select p.sourced_id from audit_events a join persons p on p.id = a.subject"
        " where a.action = 'accounts.password'"
    )
    assert roster.one(query) == "t1"
    for arguments, stdin, error in (
        (("accounts", "password", "olli.opettaja"), "short\n", "P-ACCOUNTS-006"),
        (("accounts", "password", "olli.opettaja"), "", "P-ACCOUNTS-008"),
        (("accounts", "password", "nobody"), NEW, "P-ACCOUNTS-004"),
    ):
        refused = command(*arguments, stdin=stdin)
        assert (refused.returncode, refused.stderr.split(":")[0]) == (2, error)


def test_directory_that_fails_after_the_import_is_told_and_repaired_by_sync(
    directed: Settings, synced: Roster
) -> None:
    from digione_platform.roster import cli

    away = directed.model_copy(update={"directory": directed.directory.model_copy(update={"port": 1})})  # type: ignore[union-attr]
    told, failure = cli._follow(synced.engine, away)
    assert told is None
    assert failure is not None
    assert (failure.id, failure.exit) == ("P-ACCOUNTS-009", 5)
    assert "accounts sync" in failure.fix
    assert not directory_is_behind(synced.engine, directed)
    users = [one for one in valid()["users"] if one["sourcedId"] != "r1"]
    synced.bulk({"users": users})
    assert directory_is_behind(synced.engine, directed)
    assert sync_directory(synced.engine, directed) == {"added": 0, "changed": 1, "removed": 0, "unchanged": 5}
    assert not directory_is_behind(synced.engine, directed)


def test_after_a_small_import_only_its_accounts_are_looked_at(directed: Settings, synced: Roster) -> None:
    report = synced.delta({"users": delta([{**valid()["users"][2], "familyName": "Uusi"}])})
    done = sync_directory(synced.engine, directed, after=report.import_id)
    assert done == {"added": 0, "changed": 1, "removed": 0, "unchanged": 0}
    assert entries(directed)["hanna.makinen"].family_name == "Uusi"


def test_directory_of_another_authority_or_password_is_refused(
    directed: Settings, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.platform.slapd import _write_certificates

    assert directed.directory is not None
    _write_certificates(tmp_path)
    with (
        pytest.raises(PlatformError, match="P-ACCOUNTS-002"),
        open_directory(directed.directory, tmp_path / "authority.pem"),
    ):
        pass
    wrong = directed.directory.model_copy(update={"password": type(directed.directory.password)("wrong")})
    with pytest.raises(PlatformError, match="P-ACCOUNTS-003"), open_directory(wrong, directed.authority):
        pass
