"""The sample municipality: the same for the same options, valid, and with every kind of family and work."""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from digione_platform.roster import profile
from digione_platform.roster.bundle import open_bundle
from digione_platform.roster.identifiers import check_digit_holds, is_test_oid
from digione_platform.roster.problems import Problems
from digione_platform.sample.bundle import write_bundle
from digione_platform.sample.logins import TownLanguage, sample_logins
from digione_platform.sample.town import Options

LANGUAGES: tuple[TownLanguage, ...] = ("finnish", "swedish", "bilingual")
Tables = dict[str, list[dict[str, str]]]


def tables(path: Path) -> Tables:
    with zipfile.ZipFile(path) as archive:
        return {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            for name in archive.namelist()
        }


@pytest.fixture(scope="module")
def mallila(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    path = tmp_path_factory.mktemp("sample") / "mallila.zip"
    write_bundle(path, Options(language="bilingual"))
    return tables(path)


def test_same_options_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_bundle(tmp_path / name, Options(pupils=60, seed=seed))
    first, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == same
    assert first != other


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pupils", [1, 5, 59, 60, 400, 1600])
def test_every_town_is_valid_and_has_the_pupils_asked_for(
    tmp_path: Path, pupils: int, language: TownLanguage
) -> None:
    path = tmp_path / "town.zip"
    write_bundle(path, Options(pupils=pupils, language=language, seed=7))
    problems = Problems()
    bundle = open_bundle(path, problems)
    assert bundle is not None
    rows = {name: sum(1 for _ in bundle.rows(name, problems)) for name in bundle.files}
    assert not problems.kept
    assert rows["demographics"] == pupils
    people = {user["username"] for user in tables(path)["users"]}
    assert {login.username for login in sample_logins(language)} <= people
    assert len(people) == rows["users"]


def test_the_sample_people_belong_together(mallila: Tables) -> None:
    by_login = {login.role: login.username for login in sample_logins("bilingual")}
    users = {user["username"]: user for user in mallila["users"]}
    roles = {
        role: {
            (row["role"], row["orgSourcedId"])
            for row in mallila["roles"]
            if row["userSourcedId"] == users[name]["sourcedId"]
        }
        for role, name in by_login.items()
    }
    school = users[by_login["pupil"]]["primaryOrgSourcedId"]
    provider = mallila["orgs"][0]["sourcedId"]
    assert roles == {
        "pupil": {("student", school)},
        "guardian": {("guardian", provider)},
        "teacher": {("teacher", school)},
        "principal": {("principal", school)},
        "secretary": {("administrator", school)},
        "administrator": {("districtAdministrator", provider)},
    }
    guardian = users[by_login["guardian"]]["sourcedId"]
    children = [user for user in mallila["users"] if guardian in user["agentSourcedIds"].split(",")]
    assert users[by_login["pupil"]] in children
    assert len(children) == 2
    assert groups(mallila, users[by_login["pupil"]]["sourcedId"]) & groups(
        mallila, users[by_login["teacher"]]["sourcedId"]
    )


def groups(town: Tables, user: str) -> set[str]:
    return {row["classSourcedId"] for row in town["enrollments"] if row["userSourcedId"] == user}


def test_every_kind_of_family_is_there(mallila: Tables) -> None:
    users = {user["sourcedId"]: user for user in mallila["users"]}
    pupils = [user for user in users.values() if user["agentSourcedIds"]]
    assert len(pupils) == 400
    guardians = [[users[agent] for agent in pupil["agentSourcedIds"].split(",")] for pupil in pupils]
    assert any(len(pair) == 1 for pair in guardians), "one guardian"
    assert any(len({guardian["familyName"] for guardian in pair}) == 2 for pair in guardians), "joint custody"
    assert max(Counter(pupil["agentSourcedIds"] for pupil in pupils).values()) > 1, "siblings"
    assert any(pupil[profile.NONDISCLOSURE] == "true" for pupil in pupils), "non-disclosure"
    assert any(not pupil["userMasterIdentifier"] for pupil in pupils), "no learner number"
    names = {user["familyName"] + user["givenName"] for user in users.values()}
    assert any(letter in name for name in names for letter in "öä")


def test_teachers_are_shared_and_a_pupil_is_in_groups_of_two_schools(mallila: Tables) -> None:
    schools = {row["sourcedId"] for row in mallila["orgs"] if row["type"] == "school"}
    assert len(schools) > 1
    places = Counter((row["userSourcedId"], row["role"]) for row in mallila["roles"])
    assert any(count > 1 for (_, role), count in places.items() if role == "teacher")
    of_pupil: dict[str, set[str]] = {}
    for row in mallila["enrollments"]:
        if row["role"] == "student":
            of_pupil.setdefault(row["userSourcedId"], set()).add(row["schoolSourcedId"])
    assert any(len(found) == 2 for found in of_pupil.values())


def test_identifiers_are_of_test_nodes_with_right_check_digits(mallila: Tables) -> None:
    oids = {row["sourcedId"] for row in mallila["orgs"]} | {
        user["userMasterIdentifier"] for user in mallila["users"] if user["userMasterIdentifier"]
    }
    assert all(is_test_oid(oid) and check_digit_holds(oid) for oid in oids)


def test_nobody_can_be_reached(mallila: Tables) -> None:
    for user in mallila["users"]:
        assert user["email"].endswith((".example", "@example.org"))
        assert not user["phone"] or re.fullmatch(r"\+358 48 \d{3} \d{4}", user["phone"])


def test_birth_dates_fit_grades(mallila: Tables) -> None:
    born = {row["sourcedId"]: int(row["birthDate"][:4]) for row in mallila["demographics"]}
    assert all(
        2026 - born[user["sourcedId"]] == 6 + int(user["grades"])
        for user in mallila["users"]
        if user["grades"]
    )


def test_classes_are_of_ordinary_size(mallila: Tables) -> None:
    homerooms = {row["sourcedId"] for row in mallila["classes"] if row["classType"] == "homeroom"}
    sizes: Counter[str] = Counter(
        row["classSourcedId"]
        for row in mallila["enrollments"]
        if row["role"] == "student" and row["classSourcedId"] in homerooms
    )
    assert set(sizes) == homerooms
    assert max(sizes.values()) <= 24


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "digione_platform", "sample", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_writes_a_bundle(tmp_path: Path) -> None:
    done = run(
        str(tmp_path / "town.zip"), "--pupils", "20", "--name", "Kuhmo", "--code", "290", "--seed", "3"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert tables(tmp_path / "town.zip")["orgs"][0]["name"] == "Kuhmo"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "P-SAMPLE-001"),
        (("x.zip", "--code", "49"), "P-SAMPLE-002"),
        (("x.zip", "--oid", "1.2.3"), "P-SAMPLE-003"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, arguments: tuple[str, ...], error: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(error)


def test_logins_are_listed_as_json() -> None:
    done = run("--logins", "--json", "--language", "swedish")
    assert done.returncode == 0
    assert [login["role"] for login in json.loads(done.stdout)] == [
        "pupil",
        "guardian",
        "teacher",
        "principal",
        "secretary",
        "administrator",
    ]
