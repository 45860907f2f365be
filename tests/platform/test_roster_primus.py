"""Files of pupil registers, by a tenant's mapping: in, back, and out again."""

import json
import re
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, text

from digione_platform.db import open_database
from digione_platform.errors import InputError
from digione_platform.roster.exporter import Exported
from digione_platform.roster.importer import Report, import_bundle
from digione_platform.roster.primus.export import export_mapped
from digione_platform.roster.primus.mapping import read_mapping
from digione_platform.roster.primus.source import open_mapped
from digione_platform.roster.primus.work import Context
from digione_platform.roster.problems import Problems
from tests.platform import bundles, mapped
from tests.platform.bundles import PROVIDER
from tests.platform.conftest import Databases, platform_command, settings_for
from tests.platform.mapped import MAPPING, Tables, changed
from tests.platform.rosters import Roster, counts, ids

Engines = Callable[[], Engine]

_BASE = ("orgs", "academicSessions")


class Primus(Roster):
    """A municipality that has schools and a school year, and gets its people from mapped files."""

    mapping = MAPPING

    def mapped(
        self,
        tables: Tables | None = None,
        *,
        mapping: str | None = None,
        path: Path | None = None,
        apply: bool = True,
        allow_mass_removal: bool = False,
        **written: Any,
    ) -> Report:
        file = self.folder / "mapping.yml"
        file.write_text(self.mapping if mapping is None else mapping, encoding="utf-8")
        if path is None:
            path = mapped.write(self.folder / "primus.zip", tables or mapped.valid(), **written)
        return import_bundle(
            self.engine,
            path,
            tenant_oid=PROVIDER,
            actor="tester",
            apply=apply,
            allow_mass_removal=allow_mass_removal,
            mapping=file,
        )

    def column(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values).scalars())

    def guardians(self, child: str) -> list[str]:
        return self.column(
            "select g.sourced_id || ' ' || g.email from guardianships s "
            "join persons g on g.id = s.guardian_id join persons c on c.id = s.child_id "
            "where c.sourced_id = :child and s.status = 'active' order by 1",
            child=child,
        )


@pytest.fixture
def primus(empty: Engine, tmp_path: Path) -> Primus:
    primus = Primus(empty, tmp_path)
    files = {name: rows for name, rows in bundles.valid().items() if name in _BASE}
    assert primus.bulk(files).applied
    return primus


@pytest.fixture
def filled(primus: Primus) -> Primus:
    report = primus.mapped()
    assert report.applied, ids(report)
    return primus


def test_files_of_a_register_fill_a_municipality(primus: Primus) -> None:
    report = primus.mapped()
    assert ids(report) == []
    assert counts(report) == {
        "persons": (7, 0, 0),
        "courses": (2, 0, 0),
        "groups": (2, 0, 0),
        "roles": (7, 0, 0),
        "enrolments": (4, 0, 0),
        "group_sessions": (2, 0, 0),
        "guardianships": (5, 0, 0),
    }
    assert primus.column(
        "select concat_ws(' ', sourced_id, given_name, family_name, birth_date, grades::text) from persons "
        "where sourced_id like 'o-%' order by 1"
    ) == [
        "o-101 Åke Šimon Öhman 2015-03-04 {05}",
        "o-102 Žofia Mäkinen 2014-11-12 {06}",
        "o-103 Älva Öhman 2016-01-01 {05}",
    ]
    assert primus.column(
        "select concat_ws(' ', p.sourced_id, r.role, o.sourced_id = :provider) from roles r "
        "join persons p on p.id = r.person_id join organisations o on o.id = r.organisation_id "
        "where p.sourced_id in ('h-1', 't-7', 't-8') order by 1",
        provider=PROVIDER,
    ) == ["h-1 guardian t", "t-7 teacher f", "t-8 principal f"]


def test_guardians_are_matched_by_identifier_and_never_by_order(filled: Primus) -> None:
    """The known fault: rows come in another order, and the mother's address moves to the father."""
    expected = ["h-1 isa@example.org", "h-2 aiti@example.org"]
    assert filled.guardians("o-101") == filled.guardians("o-103") == expected
    tables = mapped.valid()
    tables["huoltajat.csv"][1:] = reversed(tables["huoltajat.csv"][1:])
    for row in tables["oppilaat.csv"][1:]:
        row[8:10] = reversed(row[8:10])
    assert filled.mapped(tables).changes == 0
    assert filled.guardians("o-101") == expected


def test_dry_run_again_and_undo(primus: Primus) -> None:
    before = primus.dump()
    dry = primus.mapped(apply=False)
    assert primus.dump() == before
    assert counts(dry) == counts(primus.mapped())
    again = primus.mapped()
    assert (again.changes, again.applied) == (0, False)
    primus.undo()
    assert primus.dump() == before


def test_who_is_missing_in_a_whole_register_leaves_and_nobody_else(filled: Primus) -> None:
    tables = mapped.valid()
    del tables["oppilaat.csv"][2]
    del tables["opettajat.csv"][1]
    report = filled.mapped(tables)
    assert ids(report) == []
    # The pupil and its place; of staff the mapping does not say that the file has everyone.
    assert counts(report) == {"persons": (0, 0, 1), "roles": (0, 0, 1), "enrolments": (0, 0, 1)}
    assert filled.column("select sourced_id from persons where status <> 'active'") == ["o-102"]


def test_what_is_the_municipalitys_own_stays(filled: Primus) -> None:
    """A person who was added in the browser, and one whose role was changed there."""
    filled.set("update persons set origin = 'platform' where sourced_id = 'o-102'")
    filled.set(
        "update roles set origin = 'platform' where person_id in "
        "(select id from persons where sourced_id in ('o-102', 'o-103'))"
    )
    tables = mapped.valid()
    del tables["oppilaat.csv"][2:]
    report = filled.mapped(tables)
    assert (ids(report), report.changes) == ([], 0)


def test_a_file_that_is_not_given_is_left_as_it_is(filled: Primus) -> None:
    tables = {"oppilaat.csv": mapped.valid()["oppilaat.csv"]}
    tables["oppilaat.csv"][1][3] = "Åkke"
    report = filled.mapped(tables)
    assert counts(report) == {"persons": (0, 1, 0)}
    assert [(problem.id, problem.file) for problem in report.problems.kept] == [
        ("P-ROSTER-101", name) for name in ("huoltajat.csv", "opettajat.csv", "ryhmat.csv")
    ]


def test_nobody_leaves_a_register_of_which_a_file_is_missing(filled: Primus) -> None:
    files = yaml.load(MAPPING, Loader=yaml.BaseLoader)["files"]  # noqa: S506 - makes only text
    more = files[0] | {"file": "muut.csv"}
    tables = mapped.valid()
    del tables["oppilaat.csv"][2]
    assert filled.mapped(tables, mapping=changed(files=[*files, more])).changes == 0


def test_one_file_is_read_as_it_is(filled: Primus) -> None:
    tables = mapped.valid()
    tables["oppilaat.csv"][1][8] = ""
    path = filled.folder / "oppilaat.csv"
    path.write_bytes(mapped.encoded(tables["oppilaat.csv"]))
    assert counts(filled.mapped(path=path)) == {"guardianships": (0, 0, 1)}


def test_what_the_mapping_does_not_name_stays(filled: Primus) -> None:
    filled.set("update persons set email = 'aake@example.org', username = 'aake' where sourced_id = 'o-101'")
    filled.set("update groups set location = 'Siipi B' where title = '5A'")
    filled.mapped()
    assert (
        filled.one("select email || username from persons where sourced_id = 'o-101'")
        == "aake@example.orgaake"
    )
    assert filled.one("select location from groups where title = '5A'") == "Siipi B"


def test_rows_of_another_source_are_taken_over_without_a_change(primus: Primus) -> None:
    """People, roles, places and classes that a OneRoster bundle brought stay the same rows."""
    assert primus.bulk(bundles.valid()).applied
    mapping = changed(
        prefixes={},
        whole=["pupils"],
        files=[
            {
                "file": "oppilaat.csv",
                "rows": "pupils",
                "columns": {
                    "id": "Nro",
                    "given_name": "Etunimi",
                    "family_name": "Sukunimi",
                    "school": "Koulu",
                    "homeroom": "Luokka",
                },
            }
        ],
    )
    table = [
        ["Nro", "Etunimi", "Sukunimi", "Koulu", "Luokka"],
        [bundles.LEARNER, "Aino", "Mäkinen", "99000", "5A"],
        ["p2", "Šimo", "Öhman", "99000", "5A"],
    ]
    report = primus.mapped({"oppilaat.csv": table}, mapping=mapping)
    # Only the school of a pupil who had none is new.
    assert (ids(report), counts(report)) == ([], {"persons": (0, 1, 0)})


def test_a_file_may_hold_pupil_and_guardians_in_a_row(primus: Primus) -> None:
    child = {"given_name": "Etu", "family_name": "Suku", "school": "Koulu", "homeroom": "Luokka"}
    guardians = [
        {"id": n, "given_name": f"{n} etu", "family_name": f"{n} suku", "email": f"{n} e", "children": "Nro"}
        for n in ("H1", "H2")
    ]
    group = {"id": ["Koulu", "Luokka"], "title": "Luokka", "school": "Koulu"}
    mapping = changed(
        charset="utf-8",
        delimiter="tab",
        prefixes={"guardians": "h-"},
        files=[
            {"file": "a.csv", "rows": "groups", "fixed": {"type": "homeroom"}, "columns": group},
            {"file": "a.csv", "rows": "pupils", "columns": {"id": "Nro", **child}},
            *({"file": "a.csv", "rows": "guardians", "columns": columns} for columns in guardians),
        ],
    )
    head = ["Nro", "Etu", "Suku", "Koulu", "Luokka"]
    head += [f"H{n}{what}" for n in (1, 2) for what in ("", " etu", " suku", " e")]
    mother, father = ["1", "Aino", "Salo", "aino@x.fi"], ["2", "Ilkka", "Salo", "ilkka@x.fi"]
    rows = [
        head,
        ["10", "Elo", "Salo", "99000", "1A", *mother, *father],
        ["11", "Onni", "Salo", "99000", "1A", *father, *mother],
        ["12", "Yksi", "Virta", "99000", "1A", "3", "Oma", "Virta", "", "", "", "", ""],
    ]
    report = primus.mapped({"a.csv": rows}, mapping=mapping, charset="utf-8", delimiter="\t")
    assert ids(report) == []
    assert primus.guardians("10") == primus.guardians("11") == ["h-1 aino@x.fi", "h-2 ilkka@x.fi"]
    # The mother's address on the father's row: told, and nothing is imported.
    rows[2][8] = mother[3]
    report = primus.mapped({"a.csv": rows}, mapping=mapping, charset="utf-8", delimiter="\t")
    found = [one for one in report.problems.kept if one.id == "P-ROSTER-062"]
    assert [(one.file, one.line, one.column) for one in found] == [("a.csv", 2, "H2 e")]
    assert not report.applied
    # Somebody without an identifier is nobody.
    rows[2][8], rows[1][5] = father[3], ""
    report = primus.mapped({"a.csv": rows}, mapping=mapping, charset="utf-8", delimiter="\t")
    assert ("P-ROSTER-030", "a.csv", 2, "H1") in ids(report)


def spoil(file: str, row: int, place: int, value: str) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[file][row][place] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (spoil("oppilaat.csv", 1, 0, ""), ("P-ROSTER-030", "oppilaat.csv", 2, "Oppilasnumero")),
        (spoil("oppilaat.csv", 2, 4, "31.2.2015"), ("P-ROSTER-032", "oppilaat.csv", 3, "Syntymäaika")),
        (spoil("oppilaat.csv", 2, 5, "11"), ("P-ROSTER-035", "oppilaat.csv", 3, "Vuosiluokka")),
        (spoil("oppilaat.csv", 2, 6, "99999"), ("P-ROSTER-051", "oppilaat.csv", 3, "Koulu")),
        (spoil("oppilaat.csv", 2, 7, "9Z"), ("P-ROSTER-051", "oppilaat.csv", 3, "Luokka")),
        (spoil("oppilaat.csv", 2, 8, "77"), ("P-ROSTER-051", "oppilaat.csv", 3, "Huoltaja 1, Huoltaja 2")),
        (spoil("oppilaat.csv", 2, 0, "101"), ("P-ROSTER-062", "oppilaat.csv", 3, "Sukunimi")),
        (spoil("oppilaat.csv", 2, 10, "ehkä"), ("P-ROSTER-034", "oppilaat.csv", 3, "Turvakielto")),
        (spoil("oppilaat.csv", 2, 3, "010101-123N"), ("P-ROSTER-036", "oppilaat.csv", 3, "Kutsumanimi")),
        (spoil("oppilaat.csv", 0, 4, "Syntymäpäivä"), ("P-ROSTER-106", "oppilaat.csv", 1, "Syntymäaika")),
        (spoil("huoltajat.csv", 1, 0, ""), ("P-ROSTER-030", "huoltajat.csv", 2, "Huoltajanumero")),
        (spoil("huoltajat.csv", 2, 0, "2"), ("P-ROSTER-062", "huoltajat.csv", 3, "Sukunimi")),
        (spoil("huoltajat.csv", 1, 3, "ei ole"), ("P-ROSTER-043", "huoltajat.csv", 2, "Sähköposti")),
        (spoil("opettajat.csv", 1, 3, "Talonmies"), ("P-ROSTER-031", "opettajat.csv", 2, "Tehtävä")),
        (spoil("ryhmat.csv", 1, 2, "5;6"), ("P-ROSTER-028", "ryhmat.csv", 2, None)),
    ],
)
def test_a_wrong_row_is_told_in_the_files_own_words_and_nothing_is_imported(
    filled: Primus, change: Callable[[Tables], None], expected: tuple[Any, ...]
) -> None:
    before = filled.dump()
    tables = mapped.valid()
    change(tables)
    report = filled.mapped(tables)
    assert expected in ids(report)
    assert not report.applied
    assert filled.dump() == before


@pytest.mark.parametrize(
    "change",
    [spoil("oppilaat.csv", 2, 6, "99999"), spoil("oppilaat.csv", 2, 8, "77")],
    ids=["school", "guardian"],
)
def test_a_wrong_row_has_one_cause_and_no_errors_that_follow(
    filled: Primus, change: Callable[[Tables], None]
) -> None:
    tables = mapped.valid()
    change(tables)
    errors = [one for one in filled.mapped(tables).problems.kept if one.reason.level == "error"]
    assert [one.id for one in errors] == ["P-ROSTER-051"]


def test_a_wrong_value_is_told_as_the_file_has_it(filled: Primus) -> None:
    tables = mapped.valid()
    spoil("oppilaat.csv", 2, 4, "31.2.2015")(tables)
    spoil("oppilaat.csv", 2, 5, "11")(tables)
    told = {one.id: one.value for one in filled.mapped(tables).problems.kept}
    assert (told["P-ROSTER-032"], told["P-ROSTER-035"]) == ("31…5", "11")


def test_columns_that_the_mapping_does_not_use_are_told_once(primus: Primus) -> None:
    tables = mapped.valid()
    for row in tables["huoltajat.csv"]:
        row.append("Lisä")
    report = primus.mapped(tables)
    assert ids(report) == [("P-ROSTER-071", "huoltajat.csv", 1, "Lisä")]
    assert report.applied


def test_two_guardians_with_one_address_are_looked_at(primus: Primus) -> None:
    tables = mapped.valid()
    tables["huoltajat.csv"][1][3] = tables["huoltajat.csv"][2][3]
    report = primus.mapped(tables)
    assert ids(report) == [("P-ROSTER-077", "huoltajat.csv", 3, "Sähköposti")]


@pytest.mark.parametrize(
    ("charset", "written", "reason"),
    [
        ("cp1252", "utf-8", "P-ROSTER-110"),
        ("cp1252", "utf-8-sig", "P-ROSTER-110"),
        ("cp1252", "utf-16", "P-ROSTER-110"),
        ("cp1252", "cp850", "P-ROSTER-110"),
        ("cp850", "cp1252", "P-ROSTER-110"),
        ("cp850", "utf-8", "P-ROSTER-110"),
        ("utf-8", "cp1252", "P-ROSTER-020"),
        ("utf-8", "cp850", "P-ROSTER-020"),
    ],
)
def test_another_charset_than_the_mapping_says_is_found(
    filled: Primus, charset: str, written: str, reason: str
) -> None:
    before = filled.dump()
    raw = {"huoltajat.csv": mapped.encoded(mapped.valid()["huoltajat.csv"], written)}
    # The others are left alone, so that the file in question is the only one.
    report = filled.mapped({}, mapping=changed(charset=charset), raw=raw)
    assert reason in {problem.id for problem in report.problems.kept}
    assert filled.dump() == before


@pytest.mark.parametrize("name", ["Äš", "ÄŠ", "Åžiga", "ÉŽÄš"])
def test_two_letters_that_would_be_one_of_utf_8_are_two(filled: Primus, name: str) -> None:
    tables = mapped.valid()
    tables["oppilaat.csv"][1][1:4] = ["Salo", name, ""]
    report = filled.mapped(tables)
    assert (ids(report), report.applied) == ([], True)
    assert filled.one("select given_name from persons where sourced_id = 'o-101'") == name


@pytest.mark.parametrize("name", ["Ülo", "Õie", "Žiga", "Änne", "Ésa", "Yıldız", "Иван"])
@pytest.mark.parametrize("charset", ["cp1252", "cp850"])
def test_one_name_in_utf_8_is_enough_to_tell(filled: Primus, name: str, charset: str) -> None:
    table = [["Koulu", "Luokka", "Vuosiluokka"], ["99000", name, "5"]]
    raw = {"ryhmat.csv": mapped.encoded(table, "utf-8")}
    report = filled.mapped({}, mapping=changed(charset=charset), raw=raw)
    assert ("P-ROSTER-110", "ryhmat.csv", 2, None) in ids(report)


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "cp1252", "cp850"])
def test_letters_survive_in_every_charset(primus: Primus, written: str) -> None:
    tables = mapped.valid()
    if written == "cp850":
        # It has no š and ž: registers write a question mark.
        tables["oppilaat.csv"][1][2], tables["oppilaat.csv"][2][2] = "Åke ?imon", "?ofia"
    report = primus.mapped(tables, mapping=changed(charset=written.removesuffix("-sig")), charset=written)
    names = primus.column("select given_name from persons where sourced_id in ('o-101', 'o-102') order by 1")
    if written == "cp850":
        assert [problem.id for problem in report.problems.kept] == ["P-ROSTER-076"] * 2
    else:
        assert sorted(names) == sorted(["Åke Šimon", "Žofia"])
    assert (
        primus.one("select given_name || family_name from persons where sourced_id = 'o-103'") == "ÄlvaÖhman"
    )


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_mapping_may_be_typed_on_any_computer(primus: Primus, form: Literal["NFC", "NFD"]) -> None:
    assert primus.mapped(mapping=unicodedata.normalize(form, MAPPING).replace("\n", "\r\n")).applied


@pytest.mark.parametrize("written", [",", "\t", "|"])
def test_another_delimiter_than_the_mapping_says_is_found(primus: Primus, written: str) -> None:
    report = primus.mapped(delimiter=written)
    assert {problem.id for problem in report.problems.kept if problem.reason.level == "error"} == {
        "P-ROSTER-029"
    }
    assert primus.mapped(
        mapping=changed(delimiter="tab" if written == "\t" else written), delimiter=written
    ).applied


def test_a_file_without_header_is_mapped_by_numbers(primus: Primus) -> None:
    mapping = changed(
        header="false",
        whole=[],
        prefixes={},
        files=[
            {
                "file": "a.csv",
                "rows": "pupils",
                "fixed": {"school": "99000"},
                "columns": {"id": "1", "given_name": "3", "family_name": "2"},
            }
        ],
    )
    path = primus.folder / "other.txt"
    path.write_text("5;Salo;Elo;x\n", encoding="cp1252")
    report = primus.mapped(path=path, mapping=mapping)
    assert report.applied
    assert primus.column("select sourced_id || given_name || family_name from persons") == ["5EloSalo"]


def test_formulas_are_text(primus: Primus) -> None:
    tables = mapped.valid()
    tables["oppilaat.csv"][1][1] = "'=cmd|A0"
    tables["oppilaat.csv"][2][1] = "=1+1"
    assert primus.mapped(tables).applied
    assert primus.column(
        "select family_name from persons where sourced_id in ('o-101', 'o-102') order by 1"
    ) == [
        "=1+1",
        "=cmd|A0",
    ]


def test_most_of_a_register_does_not_leave_unasked(primus: Primus) -> None:
    tables = mapped.valid()
    model = tables["oppilaat.csv"][1]
    tables["oppilaat.csv"] += [[str(200 + n), *model[1:]] for n in range(40)]
    assert primus.mapped(tables).applied
    report = primus.mapped()
    assert [problem.id for problem in report.problems.kept] == ["P-ROSTER-059"]
    assert primus.mapped(allow_mass_removal=True).counts["persons"].removed == 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("charset: [", ("P-ROSTER-102", 1, None)),
        ("charset: x\n\tdelimiter: y", ("P-ROSTER-102", 2, None)),
        ("a: &a [1]\nb: *a", ("P-ROSTER-102", 1, None)),
        ("a: !!python/object:os.system x", ("P-ROSTER-102", 1, None)),
        ("charset: utf-8\ncharset: utf-8", ("P-ROSTER-102", 2, None)),
        ("[" * 50000, ("P-ROSTER-102", 1, None)),
        ("x" * 70000, ("P-ROSTER-102", None, None)),
        ("- 1", ("P-ROSTER-105", 1, None)),
        ("", ("P-ROSTER-105", 1, None)),
        (MAPPING.replace("charset: cp1252", "charset: latin"), ("P-ROSTER-105", 2, "charset")),
        (MAPPING.replace("delimiter: ", "delimiters: "), ("P-ROSTER-103", 3, "delimiters")),
        (MAPPING.replace("delimiter: ", "delimiters: "), ("P-ROSTER-104", 2, "delimiter")),
        (MAPPING.replace("rows: staff", "rows: stuff"), ("P-ROSTER-105", 31, "files.2.rows")),
        (MAPPING.replace("email: ", "e-mail: "), ("P-ROSTER-103", 28, "files.1.columns.e-mail")),
        (
            MAPPING.replace("      birth_date: Syntymäaika\n", "").replace("id: Oppilas", "x: Oppilas"),
            ("P-ROSTER-104", 9, "files.0.columns.id"),
        ),
        (
            MAPPING.replace("Rehtori: principal", "Rehtori: boss"),
            ("P-ROSTER-105", 40, "files.2.values.role.Rehtori"),
        ),
        (MAPPING.replace("title: Luokka", "title: [A, B]"), ("P-ROSTER-105", 44, "files.3.columns.title")),
        (MAPPING.replace("whole: [", "whole: [teachers, "), ("P-ROSTER-105", 4, "whole.0")),
    ],
    ids=range(18),
)
def test_mistakes_in_a_mapping_are_told_with_their_place(
    tmp_path: Path, text: str, expected: tuple[str, int | None, str | None]
) -> None:
    path, problems = tmp_path / "mapping.yml", Problems()
    path.write_text(text, encoding="utf-8")
    assert read_mapping(path, problems) is None
    assert expected in [(one.id, one.line, one.column) for one in problems.kept]


def test_all_mistakes_of_a_mapping_are_told_at_once(tmp_path: Path) -> None:
    path, problems = tmp_path / "mapping.yml", Problems()
    text = (
        MAPPING.replace("cp1252", "x")
        .replace("email: ", "e-mail: ")
        .replace("id: Opettajan", "di: Opettajan")
    )
    path.write_text(text, encoding="utf-8")
    read_mapping(path, problems)
    assert sorted(problems.by_id.elements()) == ["P-ROSTER-103"] * 2 + ["P-ROSTER-104", "P-ROSTER-105"]
    assert "email" in json.dumps([str(one.detail) for one in problems.kept])


def test_a_delimited_file_needs_a_mapping(primus: Primus) -> None:
    path = primus.folder / "oppilaat.csv"
    path.write_bytes(mapped.encoded(mapped.valid()["oppilaat.csv"]))
    assert ids(primus.take(path)) == [("P-ROSTER-107", "oppilaat.csv", None, None)]


def out(primus: Primus, path: Path, text_: str = MAPPING, *, protected: bool = True) -> Exported:
    file, problems = primus.folder / "out.yml", Problems()
    file.write_text(text_, encoding="utf-8")
    mapping = read_mapping(file, problems)
    assert mapping, problems.kept
    return export_mapped(primus.engine, path, mapping, actor="tester", protected=protected)


def content(path: Path, name: str, charset: str = "cp1252") -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        return [line.split(";") for line in archive.read(name).decode(charset).splitlines()]


def test_an_export_imported_again_changes_nothing(filled: Primus) -> None:
    path = filled.folder / "out.zip"
    done = out(filled, path)
    assert done.written == {"oppilaat.csv": 3, "huoltajat.csv": 2, "opettajat.csv": 2, "ryhmat.csv": 2}
    assert not any(done.left_out.values())
    assert content(path, "oppilaat.csv")[:2] == mapped.valid()["oppilaat.csv"][:2]
    report = filled.mapped(path=path)
    assert (ids(report), report.changes) == ([], 0)


def test_an_export_elsewhere_is_the_same_municipality(filled: Primus, engines: Engines) -> None:
    path, again = filled.folder / "one.zip", filled.folder / "two.zip"
    out(filled, path)
    other = Primus(engines(), filled.folder)
    assert other.bulk({name: rows for name, rows in bundles.valid().items() if name in _BASE}).applied
    assert other.mapped(path=path).applied
    out(other, again)
    assert path.read_bytes() == again.read_bytes()


def test_people_under_non_disclosure_leave_only_when_asked_for(filled: Primus) -> None:
    filled.set(
        "update persons set nondisclosure = true, phone = 'MARKER' where sourced_id in ('o-101', 'h-2')"
    )
    path, asked = filled.folder / "plain.zip", filled.folder / "protected.zip"
    done = out(filled, path, protected=False)
    assert done.left_out == {"oppilaat.csv": 1, "huoltajat.csv": 1, "opettajat.csv": 0, "ryhmat.csv": 0}
    with zipfile.ZipFile(path) as archive:
        text_ = "".join(archive.read(name).decode("cp1252") for name in archive.namelist())
    assert "MARKER" not in text_
    assert "Åke" not in text_
    assert "Äiti" not in text_
    # Nor are they named beside their relatives.
    assert [row[8:10] for row in content(path, "oppilaat.csv")[1:]] == [["", ""], ["1", ""]]
    out(filled, asked)
    assert "MARKER" in "".join(map(str, content(asked, "huoltajat.csv")))


@pytest.mark.parametrize("restriction", ["no_information", "no_contact"])
def test_a_guardian_who_may_not_be_told_is_not_named(filled: Primus, restriction: str) -> None:
    filled.set(
        f"update guardianships set restrictions = array['{restriction}'] "  # noqa: S608
        "where guardian_id = (select id from persons where sourced_id = 'h-1')"
    )
    path = filled.folder / "out.zip"
    out(filled, path, protected=False)
    assert [row[8:10] for row in content(path, "oppilaat.csv")[1:]] == [["2", ""]] * 3


def test_no_cell_of_an_export_is_a_formula(filled: Primus) -> None:
    filled.set("update persons set family_name = '=cmd|A0', phone = '@x' where sourced_id = 'h-1'")
    path = filled.folder / "out.zip"
    out(filled, path)
    assert content(path, "huoltajat.csv")[1] == ["1", "'=cmd|A0", "Isä", "isa@example.org", "'@x"]
    assert filled.mapped(path=path).changes == 0


def test_a_letter_that_the_charset_lacks_is_told(filled: Primus) -> None:
    path = filled.folder / "out.zip"
    with pytest.raises(InputError, match=r"P-ROSTER-094.*U\+0160.*cp850"):
        out(filled, path, changed(charset="cp850"))
    assert not path.exists()


def test_rows_that_the_mapping_cannot_say_are_left_out_and_counted(filled: Primus) -> None:
    filled.set("update persons set sourced_id = 'x-8' where sourced_id = 't-8'")
    done = out(filled, filled.folder / "out.zip")
    assert done.left_out["opettajat.csv"] == 1


def test_a_mapping_that_reads_a_file_twice_writes_none(filled: Primus) -> None:
    mapping = MAPPING.replace("huoltajat.csv", "oppilaat.csv")
    with pytest.raises(InputError, match="P-ROSTER-093"):
        out(filled, filled.folder / "out.zip", mapping)


def test_an_export_is_in_the_audit_with_all_who_are_in_it(filled: Primus) -> None:
    out(filled, filled.folder / "out.zip")
    people = filled.one("select people from audit_events where action = 'roster.export'")
    assert sorted(people) == sorted(filled.column("select id from persons where status = 'active'"))


NAMES = (
    some.text(some.sampled_from("aäöåšž'=+-@;\", |?Ä1"), min_size=1, max_size=8).map(str.strip).filter(bool)
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=some.lists(some.tuples(NAMES, NAMES), min_size=1, max_size=6),
    charset=some.sampled_from(["utf-8", "cp1252"]),
    delimiter=some.sampled_from([";", ",", "|", "tab"]),
)
def test_whatever_people_are_called_an_export_imports_without_a_change(
    engines: Engines, tmp_path: Path, people: list[Any], charset: str, delimiter: str
) -> None:
    primus = Primus(engines(), tmp_path)
    assert primus.bulk({name: rows for name, rows in bundles.valid().items() if name in _BASE}).applied
    assert primus.mapped().applied
    with primus.engine.begin() as connection:
        for number, (given_name, family_name) in enumerate(people):
            connection.execute(
                text("update persons set given_name = :g, family_name = :f where sourced_id = :id"),
                {
                    "g": given_name,
                    "f": family_name,
                    "id": ("o-101", "o-102", "o-103", "h-1", "h-2", "t-7")[number],
                },
            )
    path = tmp_path / "out.zip"
    path.unlink(missing_ok=True)
    mapping = changed(charset=charset, delimiter=delimiter)
    done = out(primus, path, mapping)
    before = primus.dump()
    report = primus.mapped(path=path, mapping=mapping)
    assert (report.problems.errors, report.changes) == (0, 0)
    assert not any(done.left_out.values())
    assert primus.dump() == before


def test_the_guides_example_works(primus: Primus, repository: Path) -> None:
    guide = (repository / "docs/how-to/primus.md").read_text(encoding="utf-8")
    blocks = re.findall(r"`(\w+\.csv)`:\n\n```\n(.*?)```", guide, re.DOTALL)
    tables = {name: [line.split(";") for line in text_.splitlines()] for name, text_ in blocks}
    mapping = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)[0]
    report = primus.mapped(tables, mapping=mapping)
    assert (ids(report), report.applied) == ([], True)
    assert len(tables) == 4
    assert report.counts["guardianships"].added == 3


def people_only(**settings_: object) -> str:
    """A mapping of pupils and guardians in which guardians name the children."""
    names = {"given_name": "Etunimi", "family_name": "Sukunimi"}
    pupils = {"id": "Nro", **names, "school": "Koulu", "homeroom": "Luokka", "groups": "Ryhmät"}
    return changed(
        **{
            "whole": [],
            "files": [
                {"file": "o.csv", "rows": "pupils", "columns": pupils},
                {
                    "file": "h.csv",
                    "rows": "guardians",
                    "columns": {"id": "Nro", **names, "children": "Lapsi"},
                },
            ],
            **settings_,
        }
    )


def test_guardians_that_name_children_add_to_what_there_is(filled: Primus) -> None:
    head = ["Nro", "Etunimi", "Sukunimi", "Lapsi"]
    rows = [head, ["3", "Uusi", "Huoltaja", "102"], ["3", "Uusi", "Huoltaja", "103"]]
    report = filled.mapped({"h.csv": rows}, mapping=people_only())
    assert counts(report) == {"persons": (1, 0, 0), "roles": (1, 0, 0), "guardianships": (2, 0, 0)}
    # As the whole register, it says all.
    report = filled.mapped({"h.csv": rows}, mapping=people_only(whole=["guardians"]))
    assert counts(report) == {"persons": (0, 0, 2), "roles": (0, 0, 2), "guardianships": (0, 0, 5)}
    rows[1][3] = "999"
    report = filled.mapped({"h.csv": rows}, mapping=people_only())
    assert ids(report)[-1] == ("P-ROSTER-051", "h.csv", 2, "Lapsi")


def test_a_class_is_changed_and_teaching_groups_stay(filled: Primus) -> None:
    filled.set(
        "insert into groups (sourced_id, title, group_type, school_id) "
        "select 'ma', 'Matematiikka', 'scheduled', school_id from groups limit 1"
    )
    filled.set(
        "insert into enrolments (sourced_id, person_id, group_id, school_id, role) "
        "select 'e-ma', p.id, g.id, g.school_id, 'student' from persons p, groups g "
        "where p.sourced_id = 'o-101' and g.sourced_id = 'ma'"
    )
    tables = mapped.valid()
    tables["oppilaat.csv"][1][7] = "6B"
    assert counts(filled.mapped(tables)) == {"enrolments": (1, 0, 1)}
    where = (
        "select g.title from enrolments e join groups g on g.id = e.group_id "
        "join persons p on p.id = e.person_id where p.sourced_id = 'o-101' and e.status = 'active' order by 1"
    )
    assert filled.column(where) == ["6B", "Matematiikka"]
    head = ["Nro", "Etunimi", "Sukunimi", "Koulu", "Luokka", "Ryhmät"]
    row = ["101", "Åke Šimon", "Öhman", "99000", "5A", ""]
    assert counts(filled.mapped({"o.csv": [head, row]}, mapping=people_only())) == {"enrolments": (0, 1, 2)}
    assert filled.column(where) == ["5A"]


def test_groups_that_are_missing_in_a_whole_register_leave(filled: Primus) -> None:
    tables = mapped.valid()
    del tables["ryhmat.csv"][2], tables["oppilaat.csv"][2]
    report = filled.mapped(tables, mapping=changed(whole=["pupils", "guardians", "groups"]))
    assert counts(report)["groups"] == (0, 0, 1)
    # Who still names it is told.
    tables["oppilaat.csv"][1][7] = "6B"
    filled.undo()
    report = filled.mapped(tables, mapping=changed(whole=["groups"]))
    assert ("P-ROSTER-051", "oppilaat.csv", 2, "Luokka") in ids(report)


def test_new_groups_need_a_school_year(primus: Primus) -> None:
    primus.set("update academic_sessions set start_date = '2001-08-01', end_date = '2002-08-01'")
    assert ("P-ROSTER-061", "ryhmat.csv", 2, "Koulu, Luokka") in ids(primus.mapped())


def test_guardians_need_the_provider(empty: Engine, tmp_path: Path) -> None:
    report = Primus(empty, tmp_path).mapped()
    assert "P-ROSTER-057" in report.problems.by_id


def test_only_a_plain_no_lifts_a_non_disclosure(filled: Primus) -> None:
    filled.set("update persons set nondisclosure = true where sourced_id = 'o-101'")
    tables = mapped.valid()
    protected = "select nondisclosure from persons where sourced_id = 'o-101'"
    tables["oppilaat.csv"][1][10] = ""
    filled.mapped(tables)
    assert filled.one(protected) is True
    filled.mapped()
    assert filled.one(protected) is False


def test_an_import_is_in_the_audit(filled: Primus) -> None:
    assert filled.one("select count(*) from audit_events where action = 'roster.import'") == 2


@settings(max_examples=60, deadline=None)
@given(content=some.one_of(some.binary(max_size=400), some.text(max_size=400)), tail=some.booleans())
def test_no_bytes_of_a_file_or_a_mapping_raise_anything(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str, tail: bool
) -> None:
    folder, problems = tmp_path_factory.mktemp("bytes"), Problems()
    spoilt = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    start = mapped.encoded(mapped.valid()["oppilaat.csv"]) if tail else b""
    path = mapped.write(folder / "a.zip", {}, raw={"oppilaat.csv": start + spoilt})
    file = folder / "mapping.yml"
    file.write_bytes(MAPPING.encode() + spoilt if tail else spoilt)
    read_mapping(file, Problems())
    file.write_text(MAPPING, encoding="utf-8")
    mapping = read_mapping(file, problems)
    assert mapping
    source = open_mapped(path, mapping, problems, Context(PROVIDER))
    assert source
    list(source.rows(1, problems))
    source.close()


def test_a_hundred_thousand_rows_are_read_in_flat_memory(tmp_path: Path) -> None:
    path, mapping = tmp_path / "primus.zip", tmp_path / "mapping.yml"
    mapping.write_text(MAPPING, encoding="utf-8")
    head, model, *_ = mapped.valid()["oppilaat.csv"]
    mapped.write(path, {"oppilaat.csv": [head, *([str(number), *model[1:]] for number in range(100_000))]})
    script = dedent("""
        import resource, sys
        from pathlib import Path
        from digione_platform.roster.primus.mapping import read_mapping
        from digione_platform.roster.primus.source import open_mapped
        from digione_platform.roster.primus.work import Context
        from digione_platform.roster.problems import Problems
        problems = Problems()
        mapping = read_mapping(Path(sys.argv[2]), problems)
        source = open_mapped(Path(sys.argv[1]), mapping, problems, Context("1"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = sum(1 for _ in source.rows(1, problems))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(rows, problems.errors, after - before)
    """)
    arguments = [sys.executable, "-c", script, str(path), str(mapping)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    read, errors, grown = map(int, done.stdout.split())
    assert (read, errors) == (100_000, 0)
    assert grown < 10 * 1024, "kilobytes"


def test_the_command_imports_and_exports_by_a_mapping(
    databases: Databases, migrated: str, tmp_path: Path
) -> None:
    database = databases.copy(migrated)
    primus = Primus(open_database(settings_for(database)), tmp_path)
    assert primus.bulk({name: rows for name, rows in bundles.valid().items() if name in _BASE}).applied
    settings_file, mapping = tmp_path / "mallila.json", tmp_path / "mapping.yml"
    written = settings_for(database).model_dump(mode="json", exclude_none=True)
    written["tenant"]["oid"] = PROVIDER
    written |= {"session_secret": "x", "database": {**written["database"], "password": ""}}
    settings_file.write_text(json.dumps(written))
    mapping.write_text(MAPPING, encoding="utf-8")
    run = platform_command(settings_file)
    path, exported = mapped.write(tmp_path / "primus.zip", mapped.valid()), tmp_path / "out.zip"
    by = ["--mapping", str(mapping)]
    done = run("roster", "import", str(path), *by, "--apply", "--json")
    assert (done.returncode, json.loads(done.stdout)["applied"]) == (0, True), done.stderr
    assert run("roster", "export", str(exported), *by).returncode == 0
    done = run("roster", "import", str(exported), *by, "--dry-run", language="fi")
    assert done.returncode == 0
    assert "Mitään muutettavaa ei ole" in done.stdout
    mapping.write_text("charset: x")
    done = run("roster", "export", str(tmp_path / "none.zip"), *by)
    assert done.returncode == 2
    assert "P-ROSTER-092" in done.stderr
    primus.engine.dispose()
