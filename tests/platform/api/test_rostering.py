"""OneRoster's rostering service, address by address: what is found, and how it is asked for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from digione_platform.api import gradebook
from digione_platform.api.rostering import VIEWS
from digione_platform.core.models import (
    AcademicSession,
    Course,
    Group,
    GroupSession,
    Guardianship,
    Person,
    SessionType,
)
from tests.platform.api.conftest import GRADEBOOK, ROSTERING, Connect, Service
from tests.platform.api.gradebooks import minor
from tests.platform.bundles import LEARNER, PROVIDER, SCHOOL
from tests.platform.conftest import URL
from tests.platform.growing import counted
from tests.platform.town import Town

EVERYONE = [LEARNER, "d1", "g1", "g2", "p2", "r1", "t1"]
ENROLMENTS = [f"e-{LEARNER}", "e-p2", "e-t1"]
FOUND = {
    "/academicSessions": ["p1", "t1", "y2026"],
    "/gradingPeriods": ["p1"],
    "/terms": ["t1"],
    "/orgs": [PROVIDER, SCHOOL],
    "/schools": [SCHOOL],
    "/courses": ["c5"],
    "/classes": ["5A"],
    "/enrollments": ENROLMENTS,
    "/users": EVERYONE,
    "/students": [LEARNER, "p2"],
    "/teachers": ["t1"],
    "/demographics": [LEARNER],
    "/schools/{schoolSourcedId}/courses": ["c5"],
    "/schools/{schoolSourcedId}/enrollments": ENROLMENTS,
    "/schools/{schoolSourcedId}/classes": ["5A"],
    "/schools/{schoolSourcedId}/students": [LEARNER, "p2"],
    "/schools/{schoolSourcedId}/teachers": ["t1"],
    "/schools/{schoolSourcedId}/terms": ["t1"],
    "/schools/{schoolSourcedId}/classes/{classSourcedId}/enrollments": ENROLMENTS,
    "/schools/{schoolSourcedId}/classes/{classSourcedId}/students": [LEARNER, "p2"],
    "/schools/{schoolSourcedId}/classes/{classSourcedId}/teachers": ["t1"],
    "/terms/{termSourcedId}/classes": ["5A"],
    "/terms/{termSourcedId}/gradingPeriods": ["p1"],
    "/classes/{classSourcedId}/students": [LEARNER, "p2"],
    "/classes/{classSourcedId}/teachers": ["t1"],
    "/courses/{courseSourcedId}/classes": ["5A"],
    "/students/{studentSourcedId}/classes": ["5A"],
    "/teachers/{teacherSourcedId}/classes": ["5A"],
    "/users/{userSourcedId}/classes": ["5A"],
}
NAMED = {
    "schoolSourcedId": SCHOOL,
    "classSourcedId": "5A",
    "termSourcedId": "t1",
    "courseSourcedId": "c5",
    "studentSourcedId": LEARNER,
    "teacherSourcedId": "t1",
    "userSourcedId": "p2",
}


def test_every_address_of_the_standard_is_there() -> None:
    assert {view.path for view in VIEWS} == set(FOUND)


@pytest.mark.parametrize("path", FOUND)
def test_an_address_gives_its_objects(rostered: Service, path: str) -> None:
    found = rostered.many(path.format(**NAMED))
    assert sorted(one["sourcedId"] for one in found) == FOUND[path]


@pytest.mark.parametrize("path", [view.path for view in VIEWS if view.one])
def test_each_object_can_be_read_by_itself_and_is_the_same(rostered: Service, path: str) -> None:
    for row in rostered.many(path):
        answer = rostered.roster(f"{path}/{row['sourcedId']}")
        assert answer.status_code == 200
        assert list(answer.json().values()) == [row]


@pytest.mark.parametrize("path", [view.path for view in VIEWS if view.one])
def test_an_unknown_object_is_not_found(rostered: Service, path: str) -> None:
    assert minor(rostered.roster(f"{path}/nothing")) == (404, "sourcedId", "unknownobject")


@pytest.mark.parametrize("path", ["/", "/nothing", "/users/a%0Ab", "/users/a%2Fb"])
def test_where_no_address_is_the_answer_is_a_status_as_well(rostered: Service, path: str) -> None:
    assert minor(rostered.roster(path)) == (404, "TargetEndSystem", "unknownobject")


@pytest.mark.parametrize("path", [view.path for view in VIEWS if view.within])
@pytest.mark.parametrize("wrong", ["nothing", "t2", "%00", "'; drop table persons; --"])
def test_below_something_unknown_nothing_is_found(rostered: Service, path: str, wrong: str) -> None:
    assert minor(rostered.roster(path.format(**dict.fromkeys(NAMED, wrong))))[0] == 404


def test_an_object_of_another_kind_is_not_found_at_a_narrower_address(rostered: Service) -> None:
    for path in (
        f"/schools/{PROVIDER}",
        "/terms/y2026",
        "/students/t1",
        f"/teachers/{LEARNER}",
        "/demographics/p2",
    ):
        assert rostered.roster(path).status_code == 404, path
    assert rostered.roster(f"/schools/{PROVIDER}/classes/5A/students").status_code == 404
    assert rostered.roster(f"/teachers/{LEARNER}/classes").status_code == 404


def test_a_user_has_what_the_roster_says(rostered: Service) -> None:
    (found,) = rostered.roster(f"/users/{LEARNER}").json().values()
    base = f"{URL}{ROSTERING}"

    def reference(path: str, sourced_id: str, kind: str) -> dict[str, str]:
        return {"href": f"{base}/{path}/{sourced_id}", "sourcedId": sourced_id, "type": kind}

    changed = datetime.fromisoformat(found.pop("dateLastModified"))
    assert (datetime.now(UTC) - changed).total_seconds() < 3600
    assert found == {
        "sourcedId": LEARNER,
        "status": "active",
        "userMasterIdentifier": LEARNER,
        "username": "aino.makinen",
        "userIds": [{"type": "oppijanumero", "identifier": LEARNER}],
        "enabledUser": "true",
        "givenName": "Aino",
        "familyName": "Mäkinen",
        "roles": [{"roleType": "primary", "role": "student", "org": reference("orgs", SCHOOL, "org")}],
        "primaryOrg": reference("orgs", SCHOOL, "org"),
        "agents": [reference("users", one, "user") for one in ("g1", "g2")],
        "grades": ["05"],
    }


def test_references_lead_to_the_objects_that_they_name(rostered: Service) -> None:
    def references(value: Any) -> list[dict[str, str]]:
        if isinstance(value, dict):
            return (
                [value] if "href" in value else [one for part in value.values() for one in references(part)]
            )
        return [one for part in value for one in references(part)] if isinstance(value, list) else []

    seen = set()
    for path in ("/academicSessions", "/orgs", "/courses", "/classes", "/enrollments", "/users"):
        for reference in references(rostered.many(path)):
            (found,) = rostered.ask(reference["href"].removeprefix(URL)).json().values()
            assert found["sourcedId"] == reference["sourcedId"]
            seen.add(reference["type"])
    assert seen == {"academicSession", "class", "course", "org", "user"}


def test_objects_fit_the_schemas_of_the_document(rostered: Service) -> None:
    from jsonschema_rs import validator_for

    schemas = rostered.http.get("/ims/oneroster/openapi.json").json()["components"]["schemas"]
    for view in VIEWS:
        check = validator_for(schemas[view.collection.one], validate_formats=True)
        for row in rostered.many(view.path.format(**NAMED)):
            check.validate(row)
            assert set(row) <= set(schemas[view.collection.one]["properties"])


# Paging


def links(header: str) -> dict[str, str]:
    pairs = (link.strip().split("; ") for link in header.split(","))
    return {rel.removeprefix('rel="').removesuffix('"'): target[1:-1] for target, rel in pairs}


def test_pages_follow_each_other_by_their_links_without_gap_or_repetition(rostered: Service) -> None:
    answer = rostered.roster(
        "/users", limit=3, sort="familyName", orderBy="desc", fields="sourcedId,familyName"
    )
    assert answer.headers["x-total-count"] == "7"
    assert set(links(answer.headers["link"])) == {"first", "next", "last"}
    seen, pages = [], 1
    while True:
        seen += answer.json()["users"]
        following = links(answer.headers["link"])
        if "next" not in following:
            break
        answer = rostered.ask(following["next"].removeprefix(URL))
        pages += 1
    assert (pages, len(seen)) == (3, 7)
    assert set(following) == {"first", "prev", "last"}
    names = [one["familyName"] for one in seen]
    assert names == sorted(names, key=str.lower, reverse=True)
    assert sorted(one["sourcedId"] for one in seen) == EVERYONE
    assert all(set(one) == {"sourcedId", "familyName"} for one in seen)


def test_beyond_the_last_page_there_is_nothing(rostered: Service) -> None:
    answer = rostered.roster("/users", offset=7)
    assert (answer.json(), answer.headers["x-total-count"]) == ({"users": []}, "7")


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": [3, 4]}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 10**30}, "offset"),
        ({"orderBy": "sideways"}, "orderBy"),
        ({"filtr": "x"}, "filtr"),
        ({"filter": "x" * 1001}, "filter"),
    ],
)
def test_parameters_that_are_not_understood_are_refused_by_name(
    rostered: Service, parameters: dict[str, Any], wanted: str
) -> None:
    assert minor(rostered.roster("/users", **parameters)) == (400, wanted, "invaliddata")


@pytest.mark.parametrize("fields", ["", "nothing", "sourcedId,password", "sourcedId,,status", "roles.role"])
def test_unknown_fields_are_refused(rostered: Service, fields: str) -> None:
    status, _, value = minor(rostered.roster("/users", fields=fields))
    assert (status, value) == (400, "invalid_selection_field")


@pytest.mark.parametrize("sort", ["", "nothing", "roles", "grades", "sourcedId; drop table persons"])
def test_what_cannot_be_sorted_by_is_refused(rostered: Service, sort: str) -> None:
    status, _, value = minor(rostered.roster("/users", sort=sort))
    assert (status, value) == (400, "invalid_sort_field")


def test_text_is_sorted_as_in_finland(rostered: Service) -> None:
    names = [one["givenName"] for one in rostered.many("/users", sort="givenName")]
    assert names.index("Šimo") - names.index("Simo") in (1, -1), "not after z"


def test_rows_that_sort_alike_keep_one_order(rostered: Service) -> None:
    seen = [
        rostered.many("/users", sort="enabledUser", limit=1, offset=place)[0]["sourcedId"]
        for place in range(7)
    ]
    assert sorted(seen) == EVERYONE


# Filters


@pytest.mark.parametrize(
    ("path", "filter_", "found"),
    [
        ("/users", "familyName='Mäkinen'", [LEARNER]),
        ("/users", "familyName='MAKINEN'", ["g1"]),
        ("/users", "familyName!='Mäkinen'", ["d1", "g1", "g2", "p2", "r1", "t1"]),
        ("/users", "givenName~'imo'", ["d1", "g2", "p2"]),
        ("/users", "givenName='Simo' OR givenName='Šimo'", ["d1", "p2"]),
        ("/users", "roles.role='guardian' AND givenName='Timo'", ["g2"]),
        ("/users", "roles.role='teacher'", ["t1"]),
        ("/users", f"roles.org.sourcedId='{PROVIDER}'", ["d1", "g1", "g2"]),
        ("/users", "agents.sourcedId='g1'", [LEARNER]),
        ("/users", "agents.sourcedId='g1,g2'", [LEARNER]),
        ("/users", "agents.sourcedId='g1,x'", []),
        ("/users", "agents.sourcedId~'g1,x'", [LEARNER]),
        ("/users", "grades!='05'", ["d1", "g1", "g2", "r1", "t1"]),
        ("/users", "enabledUser='false'", []),
        ("/users", "primaryOrg.sourcedId='" + SCHOOL + "'", [LEARNER]),
        ("/users", "sourcedId>='p' AND sourcedId<'s'", ["p2", "r1"]),
        ("/users", "givenName='O''Hara'", []),
        ("/users", "metadata.digione.nondisclosure='true'", []),
        ("/users", "dateLastModified>'2026-01-01' AND status='active'", EVERYONE),
        ("/users", "dateLastModified<'2026-01-01T00:00:00Z'", []),
        ("/academicSessions", "startDate='2026-08-01' AND endDate<'2027-01-02'", ["p1", "t1"]),
        ("/academicSessions", "parent.sourcedId='y2026'", ["t1"]),
        ("/academicSessions", "schoolYear='2027' AND type!='term'", ["p1", "y2026"]),
        ("/enrollments", f"user.sourcedId='{LEARNER}'", [f"e-{LEARNER}"]),
        ("/enrollments", "primary='false' AND role='teacher'", ["e-t1"]),
        ("/classes", "terms.sourcedId='t1' AND school.sourcedId!='x'", ["5A"]),
        ("/demographics", "birthDate>='2015-03-04'", [LEARNER]),
        ("/orgs", "type='school' OR identifier='99000'", [SCHOOL]),
    ],
)
def test_a_filter_finds(rostered: Service, path: str, filter_: str, found: list[str]) -> None:
    answer = rostered.roster(path, filter=filter_)
    rows = next(iter(answer.json().values()))
    assert sorted(row["sourcedId"] for row in rows) == found
    assert answer.headers["x-total-count"] == str(len(found))


@pytest.mark.parametrize(
    "filter_",
    [
        "",
        "familyName",
        "familyName=",
        "familyName=Virtanen",
        "familyName='Virtanen",
        "familyName='a' AND",
        "familyName='a' and givenName='b'",
        "familyName='a' AND givenName='b' AND status='active'",
        "(familyName='a')",
        "nothing='x'",
        "password='x'",
        "roles='teacher'",
        "roles.role>'a'",
        "dateLastModified='yesterday'",
        "dateLastModified~'2026'",
        "enabledUser='yes'",
        "enabledUser>'true'",
        "1=1; drop table persons",
        "familyName='a\x00'",
    ],
)
def test_a_filter_that_is_not_understood_is_refused(rostered: Service, filter_: str) -> None:
    status, _, value = minor(rostered.roster("/users", filter=filter_))
    assert (status, value) == (400, "invalid_filter_field")


def test_links_keep_the_filter(rostered: Service) -> None:
    answer = rostered.roster("/users", filter="givenName~'imo'", limit=1)
    assert "filter=givenName~'imo'" in unquote(links(answer.headers["link"])["next"])


# Changes


def test_what_was_removed_is_told_as_to_be_deleted(app: FastAPI, connect: Connect, town: Town) -> None:
    service = connect()
    with app.state.open_session.begin() as session:
        session.get(Person, town.people["Aino Virtanen"]).status = "tobedeleted"
    (found,) = service.many("/users", filter="status='tobedeleted'")
    assert found["givenName"] == "Aino"
    assert service.roster(f"/students/{found['sourcedId']}").json()["user"]["status"] == "tobedeleted"


def test_a_reader_of_changes_sees_whatever_is_shown_with_a_row(
    app: FastAPI, connect: Connect, town: Town
) -> None:
    service = connect()

    def since(path: str, time: str) -> list[str]:
        rows = service.many(path, filter=f"dateLastModified>='{time}'")
        return sorted(row.get("givenName", row.get("title", row["sourcedId"])) for row in rows)

    def now() -> str:
        # Times are told to the millisecond: the next change is to be in a later one.
        with Session(app.state.engine) as session:
            session.execute(text("select pg_sleep(0.002)"))
        with Session(app.state.engine) as session:
            at = session.scalar(text("select date_trunc('milliseconds', now())"))
        return str(at.isoformat())

    def change(statement: str) -> str:
        before = now()
        with app.state.engine.begin() as connection:
            connection.execute(text(statement))
        return before

    before = now()
    with app.state.open_session.begin() as session:
        session.add(
            Guardianship(guardian_id=town.people["Toinen Vanhempi"], child_id=town.people["Eero Öhman"])
        )
    assert since("/users", before) == ["Eero"]
    before = change(
        "delete from guardianships where child_id in (select id from persons where given_name = 'Eero')"
    )
    assert since("/users", before) == ["Eero"]
    before = change("update persons set birth_date = '2015-01-01' where given_name = 'Aino'")
    assert since("/users", before) == ["Aino"]
    # The source may say a time long past: for whoever reads here, the row changed now.
    before = change("update groups set title = '7D', last_modified = '2020-01-01' where title = '7C'")
    assert since("/classes", before) == ["7D"]
    before = change(
        "update roles set end_date = '2030-01-01' "
        "where person_id in (select id from persons where given_name = 'Olli')"
    )
    assert since("/users", before) == ["Olli"]
    before = change("update persons set nondisclosure = false where given_name = 'Piilo'")
    assert since("/users", before) == ["Piilo"]
    assert len(since("/enrollments", before)) == 1
    assert since("/users", now()) == []


# Classes without a course


def test_a_group_without_a_course_is_no_class_whatever_is_asked(
    app: FastAPI, connect: Connect, town: Town
) -> None:
    service = connect()
    named = {
        "schoolSourcedId": _sourced(app, "Koivulan koulu"),
        "classSourcedId": "town-0037",
        "termSourcedId": service.many("/terms")[0]["sourcedId"],
        "courseSourcedId": "course-perusopetus",
        "studentSourcedId": "town-0006",
        "teacherSourcedId": service.many("/teachers", filter="givenName='Tiina'")[0]["sourcedId"],
        "userSourcedId": "town-0006",
        "lineItemSourcedId": "7C-exam",
    }
    with app.state.open_session.begin() as session:
        session.add(GroupSession(group_id=town.groups["7C"], session_id=session.scalar(TERM)))
    for kind, row in graded_in("town-0037", "town-0006", "7C").items():
        assert service.ask(f"{GRADEBOOK}/{kind}", "PUT", json=row).status_code == 201

    def everything() -> dict[str, str]:
        return {
            view.path: service.ask(f"{root}{view.path.format(**named)}", params={"limit": 1000}).text
            for root, views in ((ROSTERING, VIEWS), (GRADEBOOK, gradebook.VIEWS))
            for view in views
        }

    before = everything()
    assert [path for path, said in before.items() if "unknownobject" in said] == []
    assert "7C-result" in before["/results"]
    (place, *_) = service.many("/enrollments", filter="class.sourcedId='town-0037'")
    with app.state.open_session.begin() as session:
        session.get_one(Group, town.groups["7C"]).course_id = None
    after = everything()
    # What stands below the class is not there, and nothing else names it or what was assessed in it.
    assert [path for path, said in after.items() if "town-0037" in said] == []
    assert [path for path, said in after.items() if "7C-" in said] == ["/categories"]
    assert {path for path, said in after.items() if "unknownobject" in said} == {
        path for path in after if "{classSourcedId}" in path
    }
    assert after["/schools/{schoolSourcedId}/terms"] == '{"academicSessions":[]}'
    for path in ("/classes/town-0035", f"/enrollments/{place['sourcedId']}"):
        assert service.roster(path).status_code == 404
    for kind, row in graded_in("town-0037", "town-0010", "new").items():
        status = 201 if kind.startswith("categories") else 422
        assert service.ask(f"{GRADEBOOK}/{kind}", "PUT", json=row).status_code == status


def test_what_gets_a_course_is_read_with_its_places_as_changed(
    app: FastAPI, connect: Connect, town: Town
) -> None:
    service = connect()
    with app.state.open_session.begin() as session:
        session.get_one(Group, town.groups["7C"]).course_id = None
    with app.state.open_session.begin() as session:
        session.execute(text("update groups set last_modified = '2020-01-01'"))
        session.execute(text("update changed_rows set at = '2020-01-01'"))
        session.execute(text("update enrolments set last_modified = '2020-01-01'"))
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    with app.state.open_session.begin() as session:
        session.execute(text("update changed_rows set at = '2020-01-01'"))
    assert service.many("/enrollments", filter=f"dateLastModified>='{since}'") == []
    with app.state.open_session.begin() as session:
        course = session.scalars(select(Course.id)).first()
        session.get_one(Group, town.groups["7C"]).course_id = course
    changed = service.many("/enrollments", filter=f"dateLastModified>='{since}'")
    assert {one["class"]["sourcedId"] for one in changed} == {"town-0037"}
    assert len(changed) == 3


TERM = select(AcademicSession.id).where(AcademicSession.session_type == SessionType.TERM)


def graded_in(group: str, pupil: str, name: str) -> dict[str, dict[str, Any]]:
    """A category, a line item of a class and a result of a pupil in it, by their addresses."""
    category, item, result = f"{name}-tests", f"{name}-exam", f"{name}-result"
    when = {"assignDate": "2026-10-01T08:00:00Z", "dueDate": "2026-10-08T08:00:00Z"}
    referred = {"class": {"sourcedId": group}, "category": {"sourcedId": category}}
    whose = {"lineItem": {"sourcedId": item}, "student": {"sourcedId": pupil}}
    score = {"scoreStatus": "fully graded", "score": 9, "scoreDate": "2026-10-09"}
    return {
        f"categories/{category}": {"category": {"sourcedId": category, "title": "Kokeet"}},
        f"lineItems/{item}": {"lineItem": {"sourcedId": item, "title": "Koe", **when, **referred}},
        f"results/{result}": {"result": {"sourcedId": result, **whose, **score}},
    }


# How it is done


def test_more_rows_need_no_more_statements(app: FastAPI, connect: Connect, town: Town) -> None:
    from tests.platform.growing import grow

    service = connect()
    service.roster("/users")
    paths = ["/users", "/enrollments", "/classes", f"/schools/{_sourced(app, 'Koivulan koulu')}/students"]
    before = {}
    for path in paths:
        with counted(app) as statements:
            small = service.many(path)
        before[path] = (len(statements), len(small))
    grow(app, town)
    for path in paths:
        with counted(app) as statements:
            large = service.many(path)
        assert len(large) >= before[path][1] + 20
        assert len(statements) == before[path][0] <= 6


def _sourced(app: FastAPI, name: str) -> str:
    with Session(app.state.engine) as session:
        return str(
            session.scalar(text("select sourced_id from organisations where name = :name"), {"name": name})
        )


def test_identifiers_that_need_it_are_encoded_in_addresses(
    app: FastAPI, connect: Connect, town: Town
) -> None:
    service = connect()
    with app.state.engine.begin() as connection:
        connection.execute(text("update groups set sourced_id = 'ä?b#c%d' where title = '7C'"))
    (place, *_) = service.many("/enrollments", filter="class.sourcedId='ä?b#c%d'")
    assert place["class"]["href"].endswith("/classes/%C3%A4%3Fb%23c%25d")
    (found,) = service.ask(place["class"]["href"].removeprefix(URL)).json().values()
    assert found["title"] == "7C"
    assert "%C3%A4%3F" in service.roster("/classes/ä%3Fb%23c%25d/students", limit=1).headers["link"]


def test_every_other_method_is_refused(rostered: Service) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = rostered.ask(f"{ROSTERING}/users/{LEARNER}", method)
        assert answer.status_code == 405
        assert json.loads(answer.text)["imsx_codeMajor"] == "failure"
    assert minor(rostered.ask(f"{ROSTERING}/nothing"))[0] == 404


@pytest.mark.parametrize(
    "limits",
    [
        {"restrictions": ["no_information"]},
        {"restrictions": ["no_contact"]},
        {"status": "tobedeleted"},
        {"valid_to": "2020-01-01"},
        {"valid_from": "2999-01-01"},
    ],
    ids=str,
)
def test_who_must_not_be_told_of_a_child_is_no_agent(
    app: FastAPI, connect: Connect, town: Town, limits: dict[str, object]
) -> None:
    service = connect()
    (before,) = service.many("/users", filter="givenName='Aino'")
    mother = town.people["Maija Virtanen"]
    columns = ", ".join(f"{name} = :{name}" for name in limits)
    with app.state.open_session.begin() as session:
        sourced_id = session.execute(
            text("select sourced_id from persons where id = :id"), {"id": mother}
        ).scalar()
        session.execute(
            text(f"update guardianships set {columns} where guardian_id = :id"),  # noqa: S608
            {**limits, "id": mother},
        )
    (after,) = service.many("/users", filter="givenName='Aino'")

    def agents(user: dict[str, object]) -> set[str]:
        return {one["sourcedId"] for one in user.get("agents", [])}  # type: ignore[attr-defined]

    assert agents(before) - agents(after) == {sourced_id}
    assert after["dateLastModified"] > before["dateLastModified"]
