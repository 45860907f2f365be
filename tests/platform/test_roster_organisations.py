"""Organisation JSON of the Finnish National Agency for Education becomes the municipality's schools."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from digione_platform.roster.importer import Report, import_bundle
from digione_platform.roster.organisations import ROOT
from tests.platform import bundles
from tests.platform.bundles import PROVIDER, SCHOOL, make_oid
from tests.platform.rosters import Roster, counts, ids

UNIT = make_oid(99, 999_000_002)
OTHER = make_oid(99, 999_000_003)

Json = dict[str, Any]


def organisation(oid: str, type_: str, name: str, parent: str, **more: Any) -> Json:
    """One organisation as ``/organisaatio/v4/{oid}`` answers."""
    return {
        "oid": oid,
        "nimi": {"fi": name, "sv": f"{name} sv"},
        "tyypit": [f"organisaatiotyyppi_{type_}"],
        "parentOid": parent,
        "parentOidPath": f"|{ROOT}|{parent}|",
        "status": "AKTIIVINEN",
        "yhteystiedot": [{"email": "joku@example.org"}],
        **more,
    }


def tree() -> Json:
    """A municipality as ``/hierarkia/hae`` answers: children inside, other names of the same things."""
    unit = organisation(UNIT, "03", "Sivupiste", SCHOOL)
    school = organisation(SCHOOL, "02", "Keskustan koulu", PROVIDER, oppilaitosKoodi="99000", children=[unit])
    provider = organisation(PROVIDER, "01", "Mallila", ROOT, children=[school], alkuPvm=694216800000)
    for one in (unit, school, provider):
        one["organisaatiotyypit"] = one.pop("tyypit")
    provider["organisaatiotyypit"] = ["organisaatiotyyppi_09", "organisaatiotyyppi_01"]
    return {"numHits": 3, "organisaatiot": [provider]}


class Organisations(Roster):
    def json(self, answer: Any, language: str = "fi") -> Report:
        path = self.folder / "organisations.json"
        path.write_text(answer if isinstance(answer, str) else json.dumps(answer), encoding="utf-8")
        return import_bundle(
            self.engine, path, tenant_oid=PROVIDER, actor="tester", apply=True, language=language
        )

    def found(self) -> list[str]:
        query = (
            "select string_agg(concat_ws(' ', o.oid, o.kind, o.name, o.school_code, p.oid, o.status), '\n' "
            "order by o.kind) from organisations o left join organisations p on p.id = o.parent_id"
        )
        return (self.one(query) or "").split("\n")


@pytest.fixture
def place(empty: Engine, tmp_path: Path) -> Organisations:
    return Organisations(empty, tmp_path)


EXPECTED = [
    f"{UNIT} department Sivupiste {SCHOOL} active",
    f"{PROVIDER} district Mallila active",
    f"{SCHOOL} school Keskustan koulu 99000 {PROVIDER} active",
]


def test_a_hierarchy_becomes_provider_schools_and_units(place: Organisations) -> None:
    report = place.json(tree())
    assert (ids(report), counts(report)) == ([], {"organisations": (3, 0, 0)})
    assert place.found() == EXPECTED
    assert place.json(tree()).changes == 0
    place.undo()
    assert place.found() == [""]


def test_answers_one_by_one_say_the_same(place: Organisations) -> None:
    one_by_one = [
        organisation(PROVIDER, "01", "Mallila", ROOT),
        organisation(SCHOOL, "02", "Keskustan koulu", PROVIDER, oppilaitosKoodi="99000"),
        organisation(UNIT, "03", "Sivupiste", SCHOOL),
    ]
    assert place.json(one_by_one[0]).applied
    assert place.json(one_by_one[1:]).applied
    assert place.found() == EXPECTED


@pytest.mark.parametrize(
    ("change", "problem", "column"),
    [
        ({"nimi": {"fi": "Koulu \ud800"}}, "P-ROSTER-049", "nimi"),
        ({"nimi": {"fi": "Koulu \x00 x"}}, "P-ROSTER-049", "nimi"),
        ({"oid": "1.2.3"}, "P-ROSTER-037", "oid"),
        ({"lakkautusPvm": "30.6.2026"}, "P-ROSTER-032", "lakkautusPvm"),
    ],
)
def test_what_cannot_be_read_is_told_by_place(
    place: Organisations, change: Json, problem: str, column: str
) -> None:
    school = organisation(SCHOOL, "02", "Keskustan koulu", PROVIDER) | change
    report = place.json([organisation(PROVIDER, "01", "Mallila", ROOT), school])
    assert (problem, "organisations.json", 2, column) in ids(report)
    assert not report.applied


def test_no_two_schools_have_one_code(place: Organisations) -> None:
    first = organisation(SCHOOL, "02", "Keskustan koulu", PROVIDER, oppilaitosKoodi="99000")
    second = organisation(OTHER, "02", "Rannan koulu", PROVIDER, oppilaitosKoodi="99000")
    assert ids(place.json([organisation(PROVIDER, "01", "Mallila", ROOT), first, second])) == [
        ("P-ROSTER-111", "organisations.json", 3, "oppilaitosKoodi")
    ]
    assert place.json([organisation(PROVIDER, "01", "Mallila", ROOT), first]).applied
    assert [one[0] for one in ids(place.json([second]))] == ["P-ROSTER-111"]
    # The code goes over to another school.
    assert place.json([second, first | {"oppilaitosKoodi": "99001"}]).applied


def test_names_are_in_the_municipalitys_language(place: Organisations) -> None:
    place.json(tree(), "sv")
    assert place.one("select name from organisations where kind = 'school'") == "Keskustan koulu sv"


def test_who_came_from_another_source_is_the_same_by_the_oid(place: Organisations) -> None:
    files = bundles.valid()
    for rows in files.values():
        for row in rows:
            for column, value in row.items():
                row[column] = {PROVIDER: "kunta", SCHOOL: "koulu"}.get(value, value)
    files["orgs"][0]["identifier"] = PROVIDER
    assert place.bulk(files).applied
    place.set(f"update organisations set oid = '{SCHOOL}' where sourced_id = 'koulu'")  # noqa: S608
    answer = tree()
    report = place.json(answer)
    assert ids(report) == []
    assert place.one("select count(*) from organisations") == 3
    assert place.one("select count(*) from organisations where sourced_id in ('kunta', 'koulu')") == 2
    # Neither takes from the other what it does not know.
    assert place.one("select oid from organisations where sourced_id = 'koulu'") == SCHOOL
    assert place.json(answer).changes == 0
    again = place.bulk(files)
    place.json(answer)
    assert place.one("select count(*) from organisations") == 3
    assert place.one("select oid from organisations where sourced_id = 'koulu'") == SCHOOL
    assert again.counts["organisations"].added == 0


@pytest.mark.parametrize(
    "over",
    [{"lakkautusPvm": "2020-07-31"}, {"lakkautusPvm": 694216800000}, {"status": "PASSIIVINEN"}],
)
def test_a_school_that_has_ended_leaves(place: Organisations, over: Json) -> None:
    other = organisation(OTHER, "02", "Vanha koulu", PROVIDER)
    assert place.json([*tree()["organisaatiot"], other]).applied
    report = place.json(other | over)
    assert (ids(report), counts(report)) == ([], {"organisations": (0, 0, 1)})
    # One that was never known is no news.
    assert place.json(organisation(make_oid(99, 5), "02", "Ei ollut", PROVIDER) | over).changes == 0


def test_the_municipality_does_not_leave_while_it_is_administered(place: Organisations) -> None:
    over = organisation(PROVIDER, "01", "Mallila", ROOT, status="PASSIIVINEN")
    assert place.bulk(bundles.valid()).applied
    report = place.json(over)
    assert (ids(report), report.applied) == ([("P-ROSTER-063", "organisations.json", None, None)], False)
    assert place.one("select status from organisations where kind = 'district'") == "active"


def test_what_is_to_come_and_early_childhood_are_left_out(place: Organisations) -> None:
    answer = tree()
    answer["organisaatiot"] += [
        organisation(OTHER, "02", "Uusi koulu", PROVIDER, status="SUUNNITELTU"),
        organisation(make_oid(99, 7), "08", "Päiväkoti", PROVIDER),
    ]
    report = place.json(answer)
    assert [(one.id, one.column, one.value) for one in report.problems.kept] == [
        ("P-ROSTER-078", "tyypit", "08")
    ]
    assert report.counts["organisations"].added == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("{", "P-ROSTER-108"),
        ("[" * 100_000, "P-ROSTER-108"),
        ("[]", "P-ROSTER-109"),
        ('{"virhe": 1}', "P-ROSTER-109"),
        ([organisation(OTHER, "01", "Toinen kunta", ROOT)], "P-ROSTER-056"),
        ([organisation(SCHOOL, "02", "Koulu", OTHER)], "P-ROSTER-051"),
        ([organisation(PROVIDER, "01", "", ROOT, nimi=None)], "P-ROSTER-030"),
        ([organisation("koulu", "02", "Koulu", "")] * 2, "P-ROSTER-050"),
        ([organisation("1.2.246.562.10.x", "02", "Koulu", "")], "P-ROSTER-037"),
        ([organisation(SCHOOL, "02", "Koulu", "", oppilaitosKoodi="1")], "P-ROSTER-048"),
        ([{"oid": 5, "tyypit": "x", "nimi": 3}, {"oid": None, "tyypit": [["02"]]}], "P-ROSTER-078"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_imported(
    place: Organisations, answer: Any, reason: str
) -> None:
    report = place.json(answer)
    assert reason in report.problems.by_id
    assert {one.file for one in report.problems.kept} == {"organisations.json"}
    assert place.found() == [""]
