"""Imports on a real PostgreSQL: all or nothing, bulk and delta, and back again."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from digione_platform.errors import InputError, PlatformError, PreconditionError
from digione_platform.i18n import Texts
from digione_platform.roster.changes import ORDER
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.roster.profile import NONDISCLOSURE
from digione_platform.roster.report import TABLES, undo_lines
from digione_platform.sample.bundle import write_bundle
from digione_platform.sample.town import Options
from digione_platform.settings import Database
from tests.platform.bundles import LEARNER, PROVIDER, SCHOOL, Files, delta, valid, write
from tests.platform.conftest import platform_command, settings_for
from tests.platform.rosters import Roster, counts, ids


@pytest.fixture
def roster(empty: Engine, tmp_path: Path) -> Roster:
    return Roster(empty, tmp_path)


@pytest.fixture
def filled(roster: Roster) -> Roster:
    assert roster.bulk(valid()).applied
    return roster


def test_bulk_fills_an_empty_database(roster: Roster) -> None:
    report = roster.bulk(valid())
    assert report.applied
    assert not report.problems.kept
    assert counts(report) == {
        "organisations": (2, 0, 0),
        "academic_sessions": (2, 0, 0),
        "persons": (7, 0, 0),
        "courses": (1, 0, 0),
        "groups": (1, 0, 0),
        "roles": (7, 0, 0),
        "enrolments": (3, 0, 0),
        "group_sessions": (2, 0, 0),
        "guardianships": (2, 0, 0),
        "accounts": (6, 0, 0),
    }
    assert roster.one("select birth_date::text from persons where learner_number is not null") == "2015-03-04"
    assert roster.one("select school_code from organisations where kind = 'school'") == "99000"
    assert roster.one("select grades from persons where sourced_id = 'p2'") == ["05"]
    assert roster.one("select actor || ' ' || file_name from roster_imports") == "tester bulk.zip"


def test_dry_run_tells_the_same_and_writes_nothing(roster: Roster) -> None:
    before = roster.dump()
    dry = roster.bulk(valid(), apply=False)
    assert not dry.applied
    assert roster.dump() == before
    assert roster.one("select count(*) from roster_imports") == 0
    assert counts(dry) == counts(roster.bulk(valid()))


def test_the_role_of_a_guardian_is_held_in_the_municipality(filled: Roster) -> None:
    where = """
        select o.sourced_id from roles r join organisations o on o.id = r.organisation_id
        where r.sourced_id = :id
    """
    files = valid()
    roles = {row["sourcedId"]: row for row in files["roles"]}
    for role, name in (("r-g1", "guardian"), ("r-g2", "parent")):
        roles[role] |= {"orgSourcedId": SCHOOL, "role": name}
    counts = filled.bulk(files).counts["roles"]
    assert (counts.changed, counts.touched) == (1, 1)
    assert not filled.bulk(files).changes
    # As an import of before had left it; a delta without schools puts it right, too.
    filled.set(
        "update roles set organisation_id = (select id from organisations where kind = 'school' limit 1) "
        "where sourced_id = 'r-g1'"
    )
    assert filled.delta({"roles": delta([roles["r-g1"]])}).counts["roles"].changed == 1
    assert [filled.one(where, id=role) for role in ("r-g1", "r-g2", "r-t1")] == [PROVIDER, PROVIDER, SCHOOL]


def test_same_bundle_again_changes_nothing_and_is_not_recorded(filled: Roster) -> None:
    before = filled.dump()
    report = filled.bulk(valid())
    assert (report.changes, report.applied) == (0, False)
    assert filled.dump() == before
    assert filled.one("select count(*) from roster_imports") == 1


@pytest.mark.parametrize("language", ["finnish", "swedish", "bilingual"])
def test_sample_municipality_is_imported(roster: Roster, language: Any) -> None:
    path = roster.folder / "sample.zip"
    write_bundle(path, Options(language=language))
    report = roster.take(path)
    assert not report.problems.kept
    assert report.counts["persons"].added == report.counts["accounts"].added > 800


Spoil = Callable[[Files], None]


def put(file: str, row: int, **values: str) -> Spoil:
    return lambda files: files[file][row].update(values)


def repeat(file: str, row: int, **values: str) -> Spoil:
    return lambda files: files[file].append({**files[file][row], **values})


@pytest.mark.parametrize(
    ("spoil", "error", "file", "line", "column"),
    [
        (repeat("roles", 0), "P-ROSTER-050", "roles.csv", 9, "sourcedId"),
        (put("orgs", 1, parentSourcedId="x"), "P-ROSTER-051", "orgs.csv", 3, "parentSourcedId"),
        (
            put("academicSessions", 1, parentSourcedId="x"),
            "P-ROSTER-051",
            "academicSessions.csv",
            3,
            "parentSourcedId",
        ),
        (put("users", 0, agentSourcedIds="g1,x"), "P-ROSTER-051", "users.csv", 2, "agentSourcedIds"),
        (put("users", 0, primaryOrgSourcedId="x"), "P-ROSTER-051", "users.csv", 2, "primaryOrgSourcedId"),
        (put("demographics", 0, sourcedId="x"), "P-ROSTER-051", "demographics.csv", 2, "sourcedId"),
        (put("courses", 0, orgSourcedId="x"), "P-ROSTER-051", "courses.csv", 2, "orgSourcedId"),
        (put("courses", 0, schoolYearSourcedId="x"), "P-ROSTER-051", "courses.csv", 2, "schoolYearSourcedId"),
        (put("classes", 0, courseSourcedId="x"), "P-ROSTER-051", "classes.csv", 2, "courseSourcedId"),
        (put("classes", 0, termSourcedIds="t1, x"), "P-ROSTER-051", "classes.csv", 2, "termSourcedIds"),
        (put("roles", 1, userSourcedId="x"), "P-ROSTER-051", "roles.csv", 3, "userSourcedId"),
        (put("roles", 1, orgSourcedId="x"), "P-ROSTER-051", "roles.csv", 3, "orgSourcedId"),
        (put("enrollments", 1, classSourcedId="x"), "P-ROSTER-051", "enrollments.csv", 3, "classSourcedId"),
        (put("enrollments", 1, userSourcedId="x"), "P-ROSTER-051", "enrollments.csv", 3, "userSourcedId"),
        (put("orgs", 0, parentSourcedId=SCHOOL), "P-ROSTER-052", "orgs.csv", 2, "parentSourcedId"),
        (
            put("academicSessions", 0, parentSourcedId="t1"),
            "P-ROSTER-052",
            "academicSessions.csv",
            2,
            "parentSourcedId",
        ),
        (
            put("academicSessions", 0, parentSourcedId="y2026"),
            "P-ROSTER-052",
            "academicSessions.csv",
            2,
            "parentSourcedId",
        ),
        (put("users", 3, username="Hanna.Makinen"), "P-ROSTER-053", "users.csv", 5, "username"),
        (
            put("users", 1, userMasterIdentifier=LEARNER),
            "P-ROSTER-053",
            "users.csv",
            3,
            "userMasterIdentifier",
        ),
        (put("users", 2, agentSourcedIds="g1"), "P-ROSTER-054", "users.csv", 4, "agentSourcedIds"),
        (
            put("enrollments", 1, schoolSourcedId=PROVIDER),
            "P-ROSTER-055",
            "enrollments.csv",
            3,
            "schoolSourcedId",
        ),
        (repeat("orgs", 0, sourcedId="other"), "P-ROSTER-057", "orgs.csv", 4, None),
        (put("orgs", 0, type="school", identifier=""), "P-ROSTER-057", "orgs.csv", None, None),
    ],
)
def test_rows_that_do_not_fit_each_other_are_told_and_nothing_is_imported(
    roster: Roster, spoil: Spoil, error: str, file: str, line: int | None, column: str | None
) -> None:
    files = valid()
    spoil(files)
    before = roster.dump()
    report = roster.bulk(files)
    assert (error, file, line, column) in ids(report)
    assert report.problems.errors == 1, ids(report)
    assert not report.applied
    assert roster.dump() == before


def test_bundle_of_another_municipality_is_refused(roster: Roster) -> None:
    report = import_bundle(
        roster.engine,
        write(roster.folder / "b.zip", valid()),
        tenant_oid="1.2.246.562.10.90008375488",
        actor="tester",
        apply=True,
    )
    assert ids(report) == [("P-ROSTER-056", "orgs.csv", 2, "sourcedId")]


def test_file_that_cannot_be_read_causes_no_further_problems(roster: Roster) -> None:
    path = write(roster.folder / "b.zip", valid(), raw={"users.csv": "who,is,it\r\n"})
    report = roster.take(path)
    assert {problem.id for problem in report.problems.kept} == {"P-ROSTER-025"}


def test_person_without_role_is_a_warning(roster: Roster) -> None:
    files = valid()
    del files["roles"][1]
    report = roster.bulk(files)
    assert report.applied
    assert ids(report) == [("P-ROSTER-074", "users.csv", 3, "sourcedId")]


def test_who_is_missing_in_a_bulk_leaves_but_is_kept(filled: Roster) -> None:
    files = valid()
    files["users"] = [user for user in files["users"] if user["sourcedId"] != "g2"]
    files["users"][0]["agentSourcedIds"] = "g1"
    files["roles"] = [role for role in files["roles"] if role["userSourcedId"] != "g2"]
    report = filled.bulk(files)
    assert counts(report) == {
        "persons": (0, 0, 1),
        "roles": (0, 0, 1),
        "guardianships": (0, 0, 1),
        "accounts": (0, 1, 0),
    }
    assert filled.one("select status from persons where sourced_id = 'g2'") == "tobedeleted"
    assert not filled.one("select enabled from accounts where username = 'timo.salo'")
    # … and may come back, with the same account.
    account = filled.one("select id from accounts where username = 'timo.salo'")
    assert filled.bulk(valid()).applied
    assert filled.one("select id from accounts where username = 'timo.salo' and enabled") == account


def test_files_that_are_absent_stay_as_they_are(filled: Roster) -> None:
    files = {name: rows for name, rows in valid().items() if name in ("orgs", "users")}
    files["users"][0]["givenName"] = "Aina"
    report = filled.bulk(files)
    assert counts(report) == {"persons": (0, 1, 0)}


def crowd() -> Files:
    """The valid town and thirty people more."""
    files = valid()
    user = {"enabledUser": "true", "familyName": "Väki"}
    files["users"] += [
        {**user, "sourcedId": f"v{n}", "givenName": f"V{n}", "username": f"v{n}"} for n in range(30)
    ]
    return files


def test_bulk_that_takes_most_people_away_needs_a_word(roster: Roster) -> None:
    assert roster.bulk(crowd()).applied
    before = roster.dump()
    report = roster.bulk(valid())
    assert [problem.id for problem in report.problems.kept if problem.reason.level == "error"] == [
        "P-ROSTER-059"
    ]
    assert roster.dump() == before
    assert roster.bulk(valid(), allow_mass_removal=True).applied


def test_undo_that_takes_most_people_away_needs_the_same_word(roster: Roster) -> None:
    roster.bulk(valid())
    roster.bulk(crowd())
    before = roster.dump()
    refused = roster.undo()
    assert (refused["leaving"], refused["people"], refused["applied"]) == (30, 37, False)
    assert roster.dump() == before
    assert roster.undo(allow_mass_removal=True)["applied"]
    assert not roster.undo()["refused"], "seven people are too few to be a mass"


def test_undo_counts_who_leaves_even_if_as_many_return(roster: Roster) -> None:
    files = crowd()
    roster.bulk(files)
    for user in files["users"][-30:]:
        user["sourcedId"], user["username"] = f"x{user['sourcedId']}", f"x{user['username']}"
    roster.bulk(files, allow_mass_removal=True)
    assert roster.undo() | {"refused": True, "leaving": 30} == roster.undo()


def test_bundle_of_another_source_is_one_problem(roster: Roster) -> None:
    roster.bulk(crowd())
    files = crowd()
    for user in files["users"]:
        user["sourcedId"] = f"x{user['sourcedId']}"
        user["agentSourcedIds"] = ""
    report = roster.bulk({"users": files["users"]})
    assert ids(report) == [("P-ROSTER-060", "users.csv", None, "sourcedId")]


def test_sample_of_another_seed_or_size_is_of_another_source(roster: Roster) -> None:
    write_bundle(roster.folder / "first.zip", Options(pupils=60, oid=PROVIDER))
    assert roster.take(roster.folder / "first.zip").applied
    for options in (Options(pupils=60, seed=3, oid=PROVIDER), Options(pupils=90, oid=PROVIDER)):
        write_bundle(roster.folder / "other.zip", options)
        assert [one[0] for one in ids(roster.take(roster.folder / "other.zip"))] == ["P-ROSTER-060"]


def test_delta_adds_changes_and_removes(filled: Roster) -> None:
    users = [
        {
            "sourcedId": "p3",
            "enabledUser": "true",
            "username": "uusi",
            "givenName": "Uusi",
            "familyName": "Oppilas",
        },
        {**valid()["users"][2], "familyName": "Salo"},
    ]
    report = filled.delta(
        {
            "users": [*delta(users), *delta([{"sourcedId": "p2"}], "tobedeleted")],
            "enrollments": [
                *delta([{**valid()["enrollments"][0], "sourcedId": "e-p3", "userSourcedId": "p3"}]),
                *delta([{"sourcedId": "e-p2"}], "tobedeleted"),
            ],
        }
    )
    assert report.applied, ids(report)
    assert counts(report) == {
        "persons": (1, 1, 1),
        "enrolments": (1, 0, 1),
        "accounts": (1, 0, 0),
        "roles": (0, 0, 1),  # of the one who left
    }
    assert filled.one("select last_modified::text from persons where sourced_id = 'p3'").startswith(
        "2026-10-01"
    )


def test_delta_of_other_rows_leaves_guardians(filled: Roster) -> None:
    report = filled.delta({"users": delta([{**valid()["users"][1], "givenName": "Simo"}])})
    assert counts(report) == {"persons": (0, 1, 0)}


def test_guardians_are_matched_by_identifier(filled: Roster) -> None:
    report = filled.delta({"users": delta([{**valid()["users"][0], "agentSourcedIds": "g2"}])})
    assert counts(report) == {"guardianships": (0, 0, 1)}
    assert guardians(filled) == "g2"


def guardians(roster: Roster) -> str | None:
    found = roster.one("""
        select string_agg(g.sourced_id, ' ' order by g.sourced_id)
        from guardianships s join persons g on g.id = s.guardian_id where s.status = 'active'
    """)
    return None if found is None else str(found)


def test_a_restriction_outlives_an_export_that_forgot_the_guardian(filled: Roster) -> None:
    before = guardians(filled)
    filled.set("update guardianships set restrictions = '{no_contact}', joint_custody = true")
    assert counts(filled.bulk(valid())) == {}
    alone = delta([{**valid()["users"][0], "agentSourcedIds": ""}])
    assert counts(filled.delta({"users": alone})) == {"guardianships": (0, 0, 2)}
    assert guardians(filled) is None
    assert counts(filled.delta({"users": delta([valid()["users"][0]])})) == {"guardianships": (2, 0, 0)}
    assert guardians(filled) == before
    assert filled.one("select bool_and(restrictions = '{no_contact}') from guardianships")


def test_a_guardian_whom_the_platform_added_is_left_alone(filled: Roster) -> None:
    filled.set("""
        update guardianships set origin = 'platform'
        where guardian_id = (select id from persons where sourced_id = 'g1')
    """)
    alone = delta([{**valid()["users"][0], "agentSourcedIds": ""}])
    assert counts(filled.delta({"users": alone})) == {"guardianships": (0, 0, 1)}
    assert guardians(filled) == "g1"


def test_an_undo_brings_withdrawn_guardians_back(filled: Roster) -> None:
    before = filled.dump()
    filled.delta({"users": delta([{**valid()["users"][0], "agentSourcedIds": ""}])})
    undo_import(filled.engine, actor="oona")
    assert filled.dump() == before


def test_delta_may_not_refer_to_what_it_removes(filled: Roster) -> None:
    report = filled.delta(
        {
            "users": delta([{"sourcedId": "g1"}], "tobedeleted"),
            "roles": delta([valid()["roles"][2]]),
        }
    )
    assert ids(report) == [("P-ROSTER-051", "roles.csv", 2, "userSourcedId")]


def test_removal_of_the_unknown_is_a_warning(filled: Roster) -> None:
    report = filled.delta({"users": delta([{"sourcedId": "never"}], "tobedeleted")})
    assert ids(report) == [("P-ROSTER-073", "users.csv", 2, "sourcedId")]
    assert not report.changes


def test_a_second_class_of_one_name_is_told(roster: Roster) -> None:
    files = valid()
    twin = files["classes"][0] | {"sourcedId": "twin", "title": files["classes"][0]["title"].lower()}
    both = roster.bulk({**files, "classes": [*files["classes"], twin]}, apply=False)
    assert [one[0] for one in ids(both)] == ["P-ROSTER-112"]
    assert roster.bulk(files).applied
    warned = roster.delta({"classes": delta([twin])})
    assert [one[0] for one in ids(warned)] == ["P-ROSTER-112"]
    assert warned.applied
    # The other one leaves with the whole register that no longer has it.
    assert ids(roster.bulk({**files, "classes": [twin]}, apply=False, allow_mass_removal=True))[:1] == [
        ("P-ROSTER-051", "enrollments.csv", 2, "classSourcedId")
    ]


def test_no_school_leaves_while_somebody_stays_there(filled: Roster) -> None:
    school = {"orgs": delta([{"sourcedId": SCHOOL, "name": "-", "type": "school"}], "tobedeleted")}
    assert [one[0] for one in ids(filled.delta(school))] == ["P-ROSTER-113"]
    unit = {"orgs": delta([valid()["orgs"][1] | {"type": "department", "identifier": ""}])}
    assert [one[0] for one in ids(filled.delta(unit))] == ["P-ROSTER-113"]
    there = valid()
    roles = [{"sourcedId": one["sourcedId"]} for one in there["roles"] if one["orgSourcedId"] == SCHOOL]
    classes = [{"sourcedId": one["sourcedId"]} for one in there["classes"]]
    both = {**school, "roles": delta(roles, "tobedeleted"), "classes": delta(classes, "tobedeleted")}
    report = filled.delta(both)
    assert report.applied, ids(report)
    # Places end with their classes, though the file does not say so.
    assert counts(report)["enrolments"] == (0, 0, 3)
    before = filled.undo()
    assert before["applied"]
    assert filled.one("select count(*) from enrolments where status = 'active'") == 3


def test_nondisclosure_is_lifted_by_word_only(roster: Roster) -> None:
    files = valid()
    files["users"][0][NONDISCLOSURE] = "true"
    roster.bulk(files, extensions=(NONDISCLOSURE,))
    query = "select nondisclosure from persons where learner_number is not null"
    assert roster.one(query)
    # The column left out, then left empty.
    assert roster.bulk(valid()).changes == 0
    assert roster.bulk(valid(), extensions=(NONDISCLOSURE,)).changes == 0
    assert roster.one(query)
    files["users"][0][NONDISCLOSURE] = "false"
    assert roster.bulk(files, extensions=(NONDISCLOSURE,)).applied
    assert not roster.one(query)


def test_who_is_under_non_disclosure_no_longer_is_told(roster: Roster) -> None:
    files = valid()
    roster.bulk(files, extensions=(NONDISCLOSURE,))
    files["users"][0][NONDISCLOSURE] = "true"
    assert ids(roster.bulk(files, extensions=(NONDISCLOSURE,))) == []
    person = roster.one("select id::text from persons where nondisclosure")
    assert roster.undo(apply=False)["lifted"] == [person]
    files["users"][0][NONDISCLOSURE] = "false"
    report = roster.bulk(files, extensions=(NONDISCLOSURE,))
    assert ids(report) == [("P-ROSTER-079", "users.csv", 2, NONDISCLOSURE)]
    assert report.applied
    assert "Aino" not in str(report.problems.kept)
    assert roster.bulk(files, extensions=(NONDISCLOSURE,)).problems.kept == []
    assert roster.undo()["lifted"] == []
    undone = roster.undo()
    warning = f"warning P-ROSTER-079 persons “{person}”"
    assert undone["lifted"] == [person]
    assert [line for line in undo_lines(undone, Texts("en")) if line.startswith(warning)]
    assert not roster.one("select bool_or(nondisclosure) from persons")


def test_a_non_disclosure_that_was_set_on_the_platform_is_lifted_by_no_import(roster: Roster) -> None:
    files = valid()
    files["users"][0][NONDISCLOSURE] = "false"
    roster.bulk(files, extensions=(NONDISCLOSURE,))
    one = "learner_number is not null"
    roster.set(
        f"update persons set nondisclosure = true, nondisclosure_origin = 'platform' where {one}"  # noqa: S608
    )
    kept = f"select nondisclosure and nondisclosure_origin = 'platform' from persons where {one}"  # noqa: S608
    for place, word in enumerate(("false", "", "true", "false")):
        files["users"][0] |= {NONDISCLOSURE: word, "phone": f"+358 40 {place}"}
        report = roster.bulk(files, extensions=(NONDISCLOSURE,))
        assert report.applied
        assert report.problems.kept == []
        assert roster.one(kept)
    assert roster.undo()["lifted"] == []
    assert roster.one(kept)


def test_an_import_of_before_a_column_was_added_can_be_undone(filled: Roster) -> None:
    files = valid()
    files["users"][0]["phone"] = "+358 40 1"
    assert filled.bulk(files).applied
    filled.set("update row_history set before = before - 'nondisclosure_origin' where change = 'update'")
    assert filled.undo()["tables"]["persons"] == {"restored": 1, "removed": 0}


def test_two_people_may_exchange_usernames(filled: Roster) -> None:
    files = valid()
    files["users"][2]["username"], files["users"][3]["username"] = "timo.salo", "hanna.makinen"
    assert filled.bulk(files).applied
    holder = "select sourced_id from persons p join accounts a on a.person_id = p.id where a.username = :name"
    assert filled.one(holder, name="timo.salo") == "g1"


def test_username_and_learner_number_of_another_are_refused(filled: Roster) -> None:
    new = {**valid()["users"][0], "sourcedId": "new", "agentSourcedIds": ""}
    report = filled.delta({"users": delta([new])})
    assert ids(report) == [
        ("P-ROSTER-058", "users.csv", 2, "username"),
        ("P-ROSTER-058", "users.csv", 2, "userMasterIdentifier"),
    ]


def test_disabled_user_keeps_a_disabled_account(filled: Roster) -> None:
    files = valid()
    files["users"][4]["enabledUser"] = "false"
    files["users"][5]["username"] = ""
    assert counts(filled.bulk(files)) == {"persons": (0, 2, 0), "accounts": (0, 2, 0)}
    assert filled.one("select count(*) from accounts where not enabled") == 2


def _left_out(name: str, place: int, **values: str) -> Files:
    """The town without a row, or with other values in it."""
    files = valid()
    if values:
        files[name][place] |= values
    else:
        del files[name][place]
    return files


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("bulk", _left_out("roles", -1)),
        ("bulk", _left_out("roles", -1, role="teacher", orgSourcedId=SCHOOL)),
        ("bulk", _left_out("roles", -1, beginDate="2020-01-01", endDate="2999-01-01")),
        ("bulk", _left_out("users", -1, enabledUser="false")),
        ("bulk", _left_out("users", -1, username="")),
        ("delta", {"roles": delta([{"sourcedId": "r-d1"}], "tobedeleted")}),
        (
            "delta",
            {
                "users": delta([{"sourcedId": "d1"}], "tobedeleted"),
                "roles": delta([{"sourcedId": "r-d1"}], "tobedeleted"),
            },
        ),
        ("delta", {"orgs": delta([{"sourcedId": PROVIDER}], "tobedeleted")}),
    ],
)
@pytest.mark.parametrize("apply", [True, False])
def test_no_import_takes_the_last_administrator_away(
    filled: Roster, kind: str, files: Files, apply: bool
) -> None:
    before = filled.dump()
    report = filled.take(write(filled.folder / "x.zip", files, kind=kind), apply=apply)
    errors = [one.id for one in report.problems.kept if one.reason.level == "error"]
    assert (errors, report.applied) == (["P-ROSTER-063"], False)
    assert filled.dump() == before


def test_an_administrator_leaves_when_another_stays(filled: Roster) -> None:
    files = valid()
    files["roles"][-1]["userSourcedId"] = "r1"
    assert filled.bulk(files).applied


def test_a_town_without_administrators_is_imported_into(filled: Roster) -> None:
    filled.set("update accounts set enabled = false where username = 'simo.johtaja'")
    assert filled.delta({"roles": delta([{"sourcedId": "r-d1"}], "tobedeleted")}).applied


def test_the_import_that_brought_the_last_administrator_stays(filled: Roster) -> None:
    files = {name: rows for name, rows in valid().items() if name in ("users", "roles")}
    some: Files = {name: delta(rows[-1:]) for name, rows in files.items()}
    filled.set("update roles set status = 'tobedeleted' where sourced_id = 'r-d1'")
    assert filled.delta(some).applied
    before = filled.dump()
    for apply in (True, False):
        with pytest.raises(InputError, match="P-ROSTER-088"):
            undo_import(filled.engine, actor="tester", apply=apply)
    assert filled.dump() == before


def test_the_first_import_of_all_is_taken_back_by_an_operator_only(filled: Roster) -> None:
    with pytest.raises(InputError, match="P-ROSTER-088"):
        undo_import(filled.engine, actor=str(uuid4()))
    assert filled.undo()["applied"]
    assert filled.bulk(valid()).applied


def test_undo_of_the_first_bulk_empties_the_database(roster: Roster) -> None:
    before = roster.dump()
    roster.bulk(valid())
    assert roster.undo()["tables"]["persons"] == {"restored": 0, "removed": 7}
    assert roster.dump() == before


def test_undo_restores_exactly_what_was_before_each_import(filled: Roster) -> None:
    first = filled.dump()
    files = valid()
    files["users"][0] |= {"familyName": "Salo", "agentSourcedIds": "g2", "username": "aino.salo"}
    files["demographics"][0]["birthDate"] = "2015-03-05"
    files["classes"][0] |= {"termSourcedIds": "t1", "title": "5B"}
    files["users"].append(
        {
            "sourcedId": "p9",
            "enabledUser": "true",
            "username": "uusi",
            "givenName": "Uusi",
            "familyName": "Tulokas",
        }
    )
    files["demographics"].append({"sourcedId": "p9", "birthDate": "2015-01-01"})
    del files["roles"][1]
    del files["enrollments"][1]
    assert filled.bulk(files).applied
    second = filled.dump()
    removal = {
        "users": delta([{"sourcedId": "g2"}], "tobedeleted"),
        "roles": delta([{"sourcedId": "r-g2"}], "tobedeleted"),
    }
    assert filled.delta(removal).applied
    assert filled.dump() != second
    assert filled.undo()["kind"] == "delta"
    assert filled.dump() == second
    assert filled.undo()["kind"] == "bulk"
    assert filled.dump() == first
    assert filled.one("select count(*) from roster_imports where undone_at is null") == 1


def test_a_dry_run_of_undo_tells_what_it_would_do_and_changes_nothing(filled: Roster) -> None:
    first = filled.dump()
    files = valid()
    files["users"][0]["familyName"] = "Salo"
    user = {
        "sourcedId": "p9",
        "enabledUser": "true",
        "username": "uusi",
        "givenName": "Uusi",
        "familyName": "Tulokas",
    }
    files["users"].append(user)
    assert filled.bulk(files).applied
    second, events = filled.dump(), filled.one("select count(*) from audit_events")
    told = filled.undo(apply=False)
    assert told["tables"]["persons"] == {"restored": 1, "removed": 1}
    assert (told["file"], told["applied"]) == ("bulk.zip", False)
    assert filled.dump() == second
    assert filled.one("select count(*) from audit_events") == events
    assert filled.undo() == {**told, "applied": True}
    assert filled.dump() == first


def test_undo_refuses_when_a_row_was_changed_since(filled: Roster) -> None:
    filled.set("update persons set phone = '1' where sourced_id = 'g1'")
    before = filled.dump()
    with pytest.raises(InputError, match="P-ROSTER-082"):
        filled.undo()
    assert filled.dump() == before


def test_undo_refuses_when_other_data_depend(filled: Roster) -> None:
    filled.set("create table notes (person_id uuid references persons (id))")
    filled.set("insert into notes select id from persons limit 1")
    before = filled.dump()
    with pytest.raises(InputError, match="P-ROSTER-082"):
        filled.undo()
    assert filled.dump() == before


def test_undo_of_nothing_is_refused(roster: Roster) -> None:
    with pytest.raises(InputError, match="P-ROSTER-080"):
        roster.undo()


def test_an_import_whose_history_is_gone_cannot_be_undone(filled: Roster) -> None:
    filled.set("delete from row_history")
    with pytest.raises(InputError, match="P-ROSTER-081"):
        filled.undo()


def test_what_was_changed_between_two_imports_keeps_the_first_from_being_undone(filled: Roster) -> None:
    filled.set("update persons set phone = '1' where sourced_id = 'g1'")
    filled.delta({"users": delta([{**valid()["users"][2], "phone": "2"}])})
    filled.undo()
    assert filled.one("select phone from persons where sourced_id = 'g1'") == "1"
    with pytest.raises(InputError, match="P-ROSTER-082"):
        filled.undo()


def test_second_import_at_the_same_time_is_told(roster: Roster) -> None:
    with roster.engine.connect() as other:
        other.execute(text("select pg_advisory_xact_lock(hashtext('digione roster'))"))
        with pytest.raises(PlatformError, match=r"P-ROSTER-086.*running since 20"):
            roster.bulk(valid())
    assert roster.bulk(valid()).applied


def test_database_that_is_away_or_not_migrated_is_told(
    databases: Any, server: Database, tmp_path: Path
) -> None:
    from digione_platform.db import open_database

    path = write(tmp_path / "b.zip", valid())
    for database, error in (
        (databases.copy(), "P-DATABASE-002"),
        (server.model_copy(update={"name": "nowhere"}), "P-DATABASE-001"),
    ):
        engine = open_database(settings_for(database))
        with pytest.raises(PlatformError, match=error):
            import_bundle(engine, path, tenant_oid=PROVIDER, actor="tester", apply=True)
        engine.dispose()


def test_fifty_thousand_enrolments_are_imported_in_flat_memory(filled: Roster) -> None:
    from resource import RUSAGE_SELF, getrusage

    rows = [
        {
            "sourcedId": f"e{n}",
            "classSourcedId": "5A",
            "schoolSourcedId": SCHOOL,
            "userSourcedId": "p2",
            "role": "student",
        }
        for n in range(50_000)
    ]
    path = write(filled.folder / "many.zip", {"enrollments": rows})
    before = getrusage(RUSAGE_SELF).ru_maxrss
    report = filled.take(path)
    assert report.counts["enrolments"].added == 50_000
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 20 * 1024, "kilobytes"


# The command


@pytest.fixture
def command(
    databases: Any, migrated: str, tmp_path: Path
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    settings = settings_for(databases.copy(migrated))
    told = settings.model_dump(mode="json")
    told["session_secret"] = "not-a-secret-in-tests"
    told["database"]["password"] = ""
    told["tenant"]["oid"] = PROVIDER
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(told))

    return platform_command(file)


def test_command_imports_tells_and_undoes(command: Any, tmp_path: Path) -> None:
    path = str(write(tmp_path / "town.zip", valid()))
    dry = command("roster", "import", path, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "rows would change" in dry.stdout
    applied = command("roster", "import", path, "--apply", "--json")
    assert applied.returncode == 0, applied.stderr
    told = json.loads(applied.stdout)
    assert told["applied"]
    assert told["tables"]["persons"] == {"added": 7, "changed": 0, "removed": 0, "unchanged": 0}
    assert told["directory"] is None
    again = command("roster", "import", path, "--apply")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "Nothing to change.")
    accounts = json.loads(command("accounts", "list", "--json").stdout)
    assert {
        "username": "olli.opettaja",
        "name": "Olli Opettaja",
        "enabled": True,
        "roles": ["teacher"],
    } in accounts
    tried = command("roster", "undo", "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.splitlines()[-2].startswith("Dry run: the import of town.zip (whole register) by ")
    assert tried.stdout.splitlines()[-1].startswith("6 accounts go, and their passwords with them")
    assert ["persons", "0", "7"] in [line.split() for line in tried.stdout.splitlines()]
    undone = command("roster", "undo", "--json")
    assert json.loads(undone.stdout)["tables"]["persons"] == {"restored": 0, "removed": 7}


def test_command_reports_a_bad_bundle(command: Any, tmp_path: Path) -> None:
    files = valid()
    files["users"][2]["email"] = "nobody"
    files["roles"][1]["orgSourcedId"] = "x"
    path = str(write(tmp_path / "town.zip", files))
    done = command("roster", "import", path, "--apply")
    assert done.returncode == 2
    assert "error P-ROSTER-043 users.csv:4 email “no…y”: the e-mail address is not one" in done.stdout
    assert "error P-ROSTER-051 roles.csv:3 orgSourcedId “x”" in done.stdout
    assert done.stdout.splitlines()[-1] == "Nothing was imported: 2 errors, 0 warnings."
    told = json.loads(command("roster", "import", path, "--dry-run", "--json").stdout)
    assert [problem["line"] for problem in told["problems"]] == [4, 3]


def test_command_sums_up_problems_of_one_cause(command: Any, tmp_path: Path) -> None:
    files = valid()
    files["roles"] += [{**files["roles"][0], "sourcedId": f"x{n}", "orgSourcedId": "x"} for n in range(500)]
    path = str(write(tmp_path / "town.zip", files))
    told = command("roster", "import", path, "--apply").stdout
    assert told.count("error P-ROSTER-051 roles.csv:") == 3
    assert "  … and 497 more of P-ROSTER-051 in roles.csv orgSourcedId" in told
    assert told.splitlines()[-1] == "Nothing was imported: 500 errors, 0 warnings."
    document = json.loads(command("roster", "import", path, "--apply", "--json").stdout)
    assert len(document["problems"]) == 500


def test_command_refuses_an_undo_that_takes_most_people_away(command: Any, tmp_path: Path) -> None:
    path = str(write(tmp_path / "town.zip", crowd()))
    assert command("roster", "import", path, "--apply").returncode == 0
    refused = command("roster", "undo")
    assert refused.returncode == 2
    assert "The last import: town.zip" in refused.stdout
    assert "taken back" not in refused.stdout
    assert refused.stderr.startswith("P-ROSTER-087: Nothing was undone\n  why: 37 of 37 people would leave")
    assert "digione-platform roster undo --allow-mass-removal" in refused.stderr
    tried = command("roster", "undo", "--dry-run")
    assert tried.stderr.startswith("P-ROSTER-087: The import would not be taken back\n")
    assert len(json.loads(command("accounts", "list", "--json").stdout)) == 36
    assert command("roster", "undo", "--allow-mass-removal").returncode == 0
    assert command("accounts", "list").stdout == "There are no accounts yet.\n"


def test_a_database_that_is_too_busy_is_tried_at_a_quiet_time(
    roster: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(connection: psycopg.Connection, *_: object) -> None:
        connection.execute("set local statement_timeout = 1")
        connection.execute("select pg_sleep(60)")

    monkeypatch.setattr("digione_platform.roster.staging.stage", stage)
    with pytest.raises(PreconditionError) as caught:
        roster.bulk(valid())
    assert caught.value.id == "P-ROSTER-085"
    assert "took longer than it may" in caught.value.why
    assert "at a quiet time" in caught.value.fix


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("roster", "import", "x.zip"), "P-ROSTER-090"),
        (("roster", "import", "x.zip", "--apply", "--dry-run"), "P-ROSTER-090"),
        (("roster", "undo"), "P-ROSTER-080"),
        (("accounts", "sync"), "P-ACCOUNTS-001"),
        (("accounts", "password", "aino"), "P-ACCOUNTS-001"),
    ],
)
def test_command_refuses_without_a_traceback(command: Any, arguments: tuple[str, ...], error: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{error}: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("language", "line", "total"),
    [
        (
            "fi",
            "virhe P-ROSTER-050 academicSessions.csv:4 sourcedId ”t1”: "
            "tunniste on myös aiemmalla rivillä: rivi 3; jätä riveistä yksi",
            "Mitään ei tuotu: 1 virhe, 0 varoitusta.",
        ),
        (
            "sv",
            "fel P-ROSTER-050 academicSessions.csv:4 sourcedId ”t1”: "
            "identifieraren står också på en tidigare rad: rad 3; behåll en av raderna",
            "Ingenting importerades: 1 fel, 0 varningar.",
        ),
    ],
)
def test_a_report_comes_in_the_readers_language(
    command: Any, tmp_path: Path, language: str, line: str, total: str
) -> None:
    files = valid()
    files["academicSessions"].append(files["academicSessions"][-1])
    path = str(write(tmp_path / "town.zip", files))
    told = command("roster", "import", path, "--dry-run", language=language).stdout
    assert line in told.splitlines()
    assert told.splitlines()[-1] == total
    document = json.loads(command("roster", "import", path, "--dry-run", "--json", language=language).stdout)
    problem = document["problems"][0]
    assert (problem["id"], problem["level"], problem["line"]) == ("P-ROSTER-050", "error", 4)
    assert f"{problem['reason']}; {problem['fix']}" in line


@pytest.mark.parametrize(
    ("language", "counts", "taken"),
    [
        ("en", "persons", "Taken back: the import of town.zip (whole register) by "),
        ("fi", "henkilöt", "Kumottu: tuonti town.zip (koko rekisteri), tekijä "),
        ("sv", "personer", "Ångrad: importen town.zip (hela registret) av "),
    ],
)
def test_import_and_undo_tell_what_they_did_in_the_readers_language(
    command: Any, tmp_path: Path, language: str, counts: str, taken: str
) -> None:
    path = str(write(tmp_path / "town.zip", valid()))
    applied = command("roster", "import", path, "--apply", language=language).stdout
    row = next(line.split() for line in applied.splitlines() if line.startswith(counts))
    assert row == [counts, "7", "0", "0", "0"]
    undone = command("roster", "undo", language=language).stdout
    assert undone.splitlines()[-2].startswith(taken)
    assert undone.splitlines()[-1].startswith("6 ")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "fi",
            "P-ROSTER-080: Mitään ei kumottu\n  syy: kumottavaa tuontia ei ole\n  korjaus: digione-platform",
        ),
        (
            "sv",
            "P-ROSTER-080: Ingenting ångrades\n  orsak: det finns ingen import att ångra\n  åtgärd: digione-",
        ),
    ],
)
def test_errors_come_in_the_readers_language(command: Any, language: str, told: str) -> None:
    assert command("roster", "undo", language=language).stderr.startswith(told)


def test_every_table_of_a_report_has_a_name() -> None:
    assert set(TABLES) == set(ORDER)


def test_one_error_is_not_errors(command: Any, tmp_path: Path) -> None:
    files = valid()
    files["users"][2]["email"] = "nobody"
    done = command("roster", "import", str(write(tmp_path / "town.zip", files)), "--apply")
    assert done.stdout.splitlines()[-1] == "Nothing was imported: 1 error, 0 warnings."


def test_a_bug_is_told_by_type_and_place_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from digione_platform import __main__, settings

    def broken() -> None:
        raise ProgrammingError("select 'Aino Virtanen'", None, Exception("Aino Virtanen"))

    monkeypatch.setattr(settings, "load_settings", broken)
    monkeypatch.setattr("sys.argv", ["digione-platform", "accounts", "list"])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told.startswith("P-BUG-000: The command failed")
    assert "ProgrammingError in digione_platform/accounts.py:" in told
    assert "Aino" not in told
    assert "Traceback" not in told


def test_command_tells_of_a_missing_file(command: Any) -> None:
    done = command("roster", "import", "missing.zip", "--dry-run")
    assert done.returncode == 2
    assert "P-ROSTER-001 missing.zip: the file is not a readable zip archive" in done.stdout
