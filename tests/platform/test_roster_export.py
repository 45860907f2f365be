"""An export imports again without difference, leaves out whom it must, and is no trap for spreadsheets."""

import csv
import io
import json
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from digione_platform.core.models import AuditEvent
from digione_platform.errors import InputError
from digione_platform.roster.cells import meant, neutral
from digione_platform.roster.exporter import Exported, export_bundle
from digione_platform.roster.importer import Report, import_bundle
from digione_platform.roster.profile import LANGUAGE, NONDISCLOSURE
from digione_platform.sample.bundle import write_bundle
from digione_platform.sample.town import Options, Town
from tests.platform.bundles import LEARNER, PROVIDER, Files, valid, write
from tests.platform.conftest import Databases, platform_command, settings_for


def bring_in(engine: Engine, path: Path, oid: str = PROVIDER) -> Report:
    report = import_bundle(engine, path, tenant_oid=oid, actor="testi", apply=True)
    assert not report.problems.errors, report.as_json()
    return report


def export(engine: Engine, path: Path, *, protected: bool = True) -> Exported:
    return export_bundle(engine, path, actor="testi", protected=protected)


def rows(path: Path, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode(), newline="")))


HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+A1",
    "-2+3+cmd",
    "@SUM(1)",
    "'=quoted",
    "''+twice",
    "+358 50 123",
    "-",
    "'plain",
)


def hostile() -> Files:
    """The valid bundle, with values that a spreadsheet would take for formulas, and all columns filled."""
    files = valid()
    learner = files["users"][0]
    learner |= {
        "familyName": HOSTILE[0],
        "middleName": HOSTILE[4],
        "preferredGivenName": HOSTILE[5],
        "preferredMiddleName": "Öö",
        "preferredFamilyName": HOSTILE[3],
        "phone": HOSTILE[6],
        "sms": HOSTILE[1],
        "identifier": "=1",
        NONDISCLOSURE: "true",
        LANGUAGE: "sv",
    }
    files["users"][1] |= {"middleName": HOSTILE[8], "phone": HOSTILE[7], "enabledUser": "false"}
    files["orgs"].append(
        {"sourcedId": "-unit", "name": HOSTILE[2], "type": "department", "parentSourcedId": PROVIDER}
    )
    files["classes"][0] |= {"location": "=A1", "subjects": "=x, y", "periods": "1,2", "classCode": "@5"}
    files["roles"][0] |= {"beginDate": "2026-08-01", "endDate": "2027-08-01"}
    files["enrollments"][2]["primary"] = "true"
    return files


def written(tmp_path: Path) -> Path:
    """The hostile bundle, its cells as a careful system writes them."""
    files = {
        name: [{k: neutral(v) for k, v in row.items()} for row in table] for name, table in hostile().items()
    }
    return write(tmp_path / "hostile.zip", files, extensions=(NONDISCLOSURE, LANGUAGE))


def test_an_export_imported_elsewhere_and_exported_again_is_the_same_to_the_byte(
    engines: Callable[[], Engine], tmp_path: Path
) -> None:
    first, second = engines(), engines()
    bring_in(first, written(tmp_path))
    export(first, tmp_path / "one.zip")
    bring_in(second, tmp_path / "one.zip")
    export(second, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_same_holds_for_a_sample_municipality(engines: Callable[[], Engine], tmp_path: Path) -> None:
    options = Options(pupils=60, language="bilingual")
    oid = Town(options).oid
    write_bundle(tmp_path / "sample.zip", options)
    first, second = engines(), engines()
    bring_in(first, tmp_path / "sample.zip", oid)
    done = export(first, tmp_path / "one.zip")
    assert bring_in(first, tmp_path / "one.zip", oid).changes == 0
    assert not any(done.left_out.values())
    bring_in(second, tmp_path / "one.zip", oid)
    export(second, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_what_was_exported_has_every_value(engines: Callable[[], Engine], tmp_path: Path) -> None:
    engine = engines()
    bring_in(engine, written(tmp_path))
    export(engine, tmp_path / "out.zip")
    for name, wanted in hostile().items():
        found = {row["sourcedId"]: row for row in rows(tmp_path / "out.zip", name)}
        for row in wanted:
            cells = found[neutral(row["sourcedId"])]
            for column, value in row.items():
                if (name, column, value) in (("orgs", "identifier", "999"),):
                    continue  # a municipality's code is the tenant's, not the roster's
                # Lists come out in one order and form.
                is_list = column in ("termSourcedIds", "subjects")
                shown = ",".join(sorted(part.strip() for part in value.split(","))) if is_list else value
                assert meant(cells[column]) == shown, (name, column)


def test_no_cell_begins_like_a_formula(engines: Callable[[], Engine], tmp_path: Path) -> None:
    engine = engines()
    bring_in(engine, written(tmp_path))
    export(engine, tmp_path / "out.zip")
    cells = [cell for name in hostile() for row in rows(tmp_path / "out.zip", name) for cell in row.values()]
    risky = [cell for cell in cells if cell[:1] in tuple("=+-@") and cell != ""]
    assert sorted(set(risky)) == ["+358 50 123", "-"]


@given(some.text() | some.text("'=+-@1 a", max_size=8))
def test_a_neutral_cell_means_its_value(value: str) -> None:
    assert meant(neutral(value)) == value


def test_people_under_non_disclosure_are_left_out_with_all_that_hangs_on_them(
    engines: Callable[[], Engine], tmp_path: Path
) -> None:
    engine = engines()
    files = hostile()
    files["users"][2][NONDISCLOSURE] = "true"  # the guardian g1
    files = {
        name: [{k: neutral(v) for k, v in row.items()} for row in table] for name, table in files.items()
    }
    bring_in(engine, write(tmp_path / "in.zip", files, extensions=(NONDISCLOSURE, LANGUAGE)))
    with engine.begin() as connection:
        connection.execute(
            text("update persons set nondisclosure = false where sourced_id = :id"), {"id": LEARNER}
        )
    done = export(engine, tmp_path / "out.zip", protected=False)
    assert (done.left_out["users"], done.left_out["roles"], done.left_out["enrollments"]) == (1, 1, 0)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        everything = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "Hanna" not in everything
    assert "g1" not in everything
    assert rows(tmp_path / "out.zip", "users")[0]["agentSourcedIds"] == "g2"
    bring_in(engines(), tmp_path / "out.zip")
    # Where the guardian is known, the same bundle would remove her.
    for apply in (False, True):
        report = import_bundle(engine, tmp_path / "out.zip", tenant_oid=PROVIDER, actor="testi", apply=apply)
        assert (dict(report.problems.by_id), report.applied) == ({"P-ROSTER-064": 1}, False)
    export(engine, tmp_path / "all.zip")
    assert bring_in(engine, tmp_path / "all.zip").changes == 0


def test_nobody_under_nondisclosure_leaves_without_a_warning(
    engines: Callable[[], Engine], tmp_path: Path
) -> None:
    engine = engines()
    files = valid()
    files["users"][2][NONDISCLOSURE] = "true"  # the guardian g1
    known = (NONDISCLOSURE,)
    bring_in(engine, write(tmp_path / "in.zip", files, extensions=known))
    files["users"].pop(2)
    files["roles"] = [row for row in files["roles"] if row["userSourcedId"] != "g1"]
    files["users"][0]["agentSourcedIds"] = "g2"
    report = bring_in(engine, write(tmp_path / "in.zip", files, extensions=known))
    with engine.connect() as connection:
        person = connection.execute(text("select id from persons where sourced_id = 'g1'")).scalar_one()
    assert [(one.id, one.value) for one in report.problems.kept] == [("P-ROSTER-065", str(person))]
    assert report.applied


def test_what_refers_to_something_gone_is_left_out_so_that_the_rest_imports(
    engines: Callable[[], Engine], tmp_path: Path
) -> None:
    engine = engines()
    bring_in(engine, write(tmp_path / "in.zip", valid()))
    with engine.begin() as connection:
        connection.execute(text("update courses set status = 'tobedeleted'"))
    done = export(engine, tmp_path / "out.zip")
    assert (done.written["classes"], done.left_out["classes"], done.left_out["enrollments"]) == (0, 1, 3)
    bring_in(engines(), tmp_path / "out.zip")


def test_an_export_is_the_operator_s_alone_and_in_the_audit(
    engines: Callable[[], Engine], tmp_path: Path
) -> None:
    engine = engines()
    bring_in(engine, write(tmp_path / "in.zip", valid()))
    export(engine, tmp_path / "out.zip", protected=False)
    assert stat.S_IMODE((tmp_path / "out.zip").stat().st_mode) == 0o600
    with Session(engine) as session:
        (event,) = session.query(AuditEvent).filter_by(action="roster.export")
    assert (event.detail["operator"], event.detail["rows"]["users"], event.detail["protected"]) == (
        "testi",
        7,
        False,
    )


def test_a_file_that_is_there_is_not_overwritten(engines: Callable[[], Engine], tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_text("mine")
    with pytest.raises(InputError, match="P-ROSTER-091"):
        export(engines(), tmp_path / "out.zip")
    assert (tmp_path / "out.zip").read_text() == "mine"


# The platform's command


@pytest.fixture
def command(databases: Databases, built: Any, tmp_path: Path) -> Callable[..., Any]:
    told = json.loads(settings_for(databases.copy(built[0])).model_dump_json())
    told["session_secret"] = "not-a-secret-in-tests"
    told["database"]["password"] = ""
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(told))
    return platform_command(file)


def test_the_command_says_what_was_written_and_left_out(command: Callable[..., Any], tmp_path: Path) -> None:
    done = command("roster", "export", str(tmp_path / "out.zip"))
    assert done.returncode == 0, done.stderr
    assert "Left out: people under non-disclosure" in done.stdout
    told = json.loads(command("roster", "export", str(tmp_path / "two.zip"), "--protected", "--json").stdout)
    assert (told["written"]["users"], told["left_out"]["users"]) == (15, 0)


def test_a_service_is_added_listed_given_a_new_secret_and_closed_by_command(
    command: Callable[..., Any],
) -> None:
    options = [
        "--contact",
        "tuki@oppi.example",
        "--scope",
        "roster.readonly",
        "--scope",
        "gradebook.readonly",
    ]
    added = json.loads(command("clients", "add", "Oppi", *options, "--json").stdout)
    assert set(added) == {"client_id", "client_secret", "token_url"}
    (row,) = json.loads(command("clients", "list", "--json").stdout)
    assert (row["name"], row["scopes"], row["protected"], row["last_used"], row["disabled"]) == (
        "Oppi",
        ["gradebook.readonly", "roster.readonly"],
        False,
        None,
        None,
    )
    assert added["client_secret"] not in json.dumps(row)
    rotated = command("clients", "rotate", added["client_id"])
    assert added["client_secret"] not in rotated.stdout
    assert "client_secret: " in rotated.stdout
    assert command("clients", "disable", added["client_id"]).returncode == 0
    listed = command("clients", "list").stdout
    assert re.search(r"^  disabled: \d{1,2} \w{3} \d{4}, \d{1,2}:\d{2}$", listed, re.M), listed
    refused = command("clients", "rotate", added["client_id"])
    assert (refused.returncode, refused.stderr.split(":")[0]) == (2, "P-CLIENTS-003")
    again = command("clients", "add", "Oppi", *options)
    assert (again.returncode, again.stderr.split(":")[0]) == (2, "P-CLIENTS-001")
    unknown = command("clients", "disable", "00000000-0000-0000-0000-000000000000")
    assert (unknown.returncode, unknown.stderr.split(":")[0]) == (2, "P-CLIENTS-002")
    assert command("clients", "add", "X", "--contact", "x", "--scope", "everything").returncode == 2
