"""Every page and every form of the application against what people with bad intent, or bad luck, send.

Nothing here names a page: routes are read from the application, pages and forms from the pages. A route that
no role reaches by links, and that is not told of in ``BESIDE``, fails.
"""

import logging
import re
from collections.abc import Iterator
from datetime import date
from itertools import cycle, repeat
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from digione_platform.app import create_app
from digione_platform.core.audit import Act
from digione_platform.core.models import (
    AcademicSession,
    AuditEvent,
    Course,
    GroupSession,
    News,
    SessionType,
)
from digione_platform.core.news import What
from digione_platform.settings import Settings
from tests.platform import bundles
from tests.platform.conftest import URL, Browse, Databases, KnockSignIn, settings_for
from tests.platform.hostile import (
    ATTACKS,
    SUM,
    Form,
    Reached,
    all_routes,
    ask,
    browser_at,
    browser_of,
    crawl,
    forms_of,
    route_of,
    state_of,
)
from tests.platform.pages import events_of
from tests.platform.town import Town, build

VIEWERS = (
    "Aino Virtanen",
    "Maija Virtanen",
    "Tiina Opettaja",
    "Raili Rehtori",
    "Sirpa Sihteeri",
    "Helena Hallinto",
)
# Pages to which no link leads: before signing in, and what browsers and machines ask for.
BESIDE = {"/sign-in", "/signed-out", "/healthz", "/language/{code}"}


@pytest.fixture(scope="module")
def prepared(
    databases: Databases, built: tuple[str, Town], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[Reached]]]:
    """The name of a database to be copied, in which a bundle was sent, and every page of each role there."""
    database = databases.copy(built[0])
    app = create_app(settings_for(database), KnockSignIn())
    with app.state.engine.begin() as connection:
        connection.execute(
            text("update organisations set sourced_id = :oid, oid = :oid where kind = 'district'"),
            {"oid": bundles.PROVIDER},
        )
        # As the register has them: who has no username there loses the account at the next import.
        connection.execute(
            text("update persons p set username = a.username from accounts a where a.person_id = p.id")
        )
    browsers = {name: browser_of(app, built[1].accounts[name]) for name in VIEWERS}
    school = {"sourcedId": "new", "name": "Uusi koulu", "type": "school", "parentSourcedId": bundles.PROVIDER}
    with Session(app.state.engine) as session, session.begin():
        year = {"start_date": date(2030, 8, 1), "end_date": date(2031, 8, 1), "school_year": 2031}
        session.add(
            AcademicSession(
                sourced_id="next", title="2030–2031", session_type=SessionType.SCHOOL_YEAR, **year
            )
        )
        session.add(
            Course(
                sourced_id="maths", title="Matematiikka", organisation_id=built[1].places["Koivulan koulu"]
            )
        )
        term = session.scalar(select(AcademicSession.id).where(AcademicSession.title == "Syyslukukausi"))
        session.add(GroupSession(group_id=built[1].groups["7C"], session_id=term))
        for name in ("Maija Virtanen", "Helena Hallinto"):
            session.add(News(person_id=built[1].people[name], what=What.ROLE_GIVEN, link="/me"))
    path = tmp_path_factory.mktemp("hostile") / "school.zip"
    bundles.write(path, {"orgs": bundles.delta([school])}, kind="delta")
    sent = send_bundle(browsers["Helena Hallinto"], path)
    begin = {
        "Helena Hallinto": [
            sent,
            f"/administration/people/{built[1].people['Aino Virtanen']}",
            f"/administration/move-up?school={built[1].places['Koivulan koulu']}",
            "/administration/move-up/done?school={0}&batch={0}".format(built[1].places["Koivulan koulu"]),
            "/search?search=a",
        ]
    }
    found = [
        page for name, browser in browsers.items() for page in crawl(app, browser, name, begin.get(name, []))
    ]
    app.state.engine.dispose()
    yield database.name, found
    databases.drop(database)


@pytest.fixture
def settings(databases: Databases, prepared: tuple[str, list[Reached]]) -> Iterator[Settings]:
    database = databases.copy(prepared[0])
    yield settings_for(database)
    databases.drop(database)


@pytest.fixture
def reached(prepared: tuple[str, list[Reached]]) -> list[Reached]:
    return prepared[1]


def send_bundle(browser: TestClient, path: Path) -> str:
    """Send a bundle as the page of imports would; gives the address at which its report is."""
    (form,) = [one for one in forms_of("", browser.get("/administration/imports").text) if one.files]
    answer = browser.post(
        form.action,
        data=form.sent(),
        files={"bundle": (path.name, path.read_bytes())},
        follow_redirects=False,
    )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def pages_by_route(app: FastAPI, reached: list[Reached]) -> dict[str, Reached]:
    """One page of each route, for whom most is open."""
    found: dict[str, Reached] = {}
    for page in reversed(reached):
        found.setdefault(route_of(app, "GET", page.address) or page.address, page)
    routes = {route.path for route in all_routes(app, "GET")}
    assert routes - set(found) == BESIDE, "say how these pages are reached"
    return found


def forms_by_route(app: FastAPI, reached: list[Reached]) -> dict[str, tuple[Reached, Form]]:
    """One form of each route that takes forms; that of a record which is there rather than of a new one."""
    found: dict[str, tuple[Reached, Form]] = {}
    for page in reversed(reached):
        for form in forms_of(page.address, page.text):
            route = route_of(app, "POST", form.action)
            assert route is not None, form
            if route not in found or (form.values.get("version", [""]) > [""]):
                found[route] = (page, form)
    routes = {route.path for route in all_routes(app, "POST")}
    assert routes == set(found), "no page that a role reaches has a form for these"
    return found


def require_sound(answer: Response, *, at: object) -> None:
    """No answer tells of a fault of ours, or does what was written in the request."""
    assert answer.status_code < 500, (at, answer.status_code)
    assert "owned" not in "".join(answer.headers.keys()) + str(answer.headers.get_list("set-cookie")), at
    assert urlsplit(answer.headers.get("location", "")).netloc in ("", urlsplit(URL).netloc), at
    assert "<script" not in answer.text, at
    assert SUM not in answer.text, at


def queries_of(route: APIRoute) -> list[str]:
    return [one.alias for one in get_flat_params(route.dependant) if isinstance(one.field_info, Query)]


def route_named(app: FastAPI, method: str, path: str) -> APIRoute:
    return next(one for one in all_routes(app, method) if one.path == path)


def test_no_page_stumbles_over_a_parameter(
    app: FastAPI, browse: Browse, reached: list[Reached], town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = state_of(app.state.engine)
    pages = pages_by_route(app, reached)
    nobody = Reached("Helena Hallinto", "", "", "")
    tried = 0
    for route in all_routes(app, "GET"):
        page = pages.get(route.path, nobody)
        browser = browser_at(browse, page)
        address = urlsplit(page.address).path or route.path.replace("{code}", "sv")
        for name in [*queries_of(route), "unknown"]:
            if route.path == "/sign-in":
                continue  # the tests' own
            for kind, attack in ATTACKS.items():
                answer = browser.get(f"{address}?{name}={attack}", follow_redirects=False)
                require_sound(answer, at=(address, name, kind))
                assert answer.status_code in (200, 303, 404, 422), (address, name, kind)
                tried += 1
            twice = browser.get(f"{address}?{name}=1&{name}=2&{name}", follow_redirects=False)
            require_sound(twice, at=(address, name, "thrice"))
    assert tried > 400
    assert {k: v for k, v in state_of(app.state.engine).items() if before[k] != v}.keys() <= {"sign_ins"}
    ours = "\n".join(one.getMessage() for one in caplog.records if one.name.startswith("digione"))
    assert "owned" not in ours
    assert "unexpected" not in ours


def test_no_page_stumbles_over_its_own_address(app: FastAPI, browse: Browse, reached: list[Reached]) -> None:
    pages = pages_by_route(app, reached)
    nobody = Reached("Helena Hallinto", "", "", "")
    for method in ("GET", "POST"):
        for route in all_routes(app, method):
            blanks = re.findall(r"\{[^}]*\}", route.path)
            browser = browser_at(browse, pages.get(route.path, nobody)) if blanks else None
            for blank in blanks if browser else ():
                for kind, attack in ATTACKS.items():
                    address = re.sub(r"\{[^}]*\}", "persons", route.path.replace(blank, attack, 1))
                    assert browser is not None
                    answer = browser.request(method, address, follow_redirects=False)
                    require_sound(answer, at=(method, address[:80], kind))
                    assert answer.status_code in (303, 404, 405, 422), (method, address[:80], kind)


def post(browser: TestClient, form: Form, values: dict[str, Any], **more: Any) -> Response:
    """Send a form as its page would; a file is any."""
    if form.files:
        more.setdefault("files", {"bundle": ("a.zip", b"no bundle")})
    return browser.post(form.action, data=values, follow_redirects=False, **more)


def encoded(values: dict[str, Any], name: str, attack: str) -> bytes:
    """A form's body in which one value is an attack as it stands, bytes that are no text included."""
    pairs = [(key, quote(one, safe="")) for key, all_ in values.items() if key != name for one in all_]
    return "&".join(f"{key}={one}" for key, one in [*pairs, (name, attack)]).encode()


def signed_in(browser: TestClient, browse: Browse, page: Reached, route: str) -> TestClient:
    """The browser, or a new one if its session has ended by what was sent."""
    ended = not browser.cookies.get("__Host-digione") or "end" in route
    return browser_at(browse, page) if ended else browser


def test_no_form_stumbles_over_a_field(
    app: FastAPI, browse: Browse, reached: list[Reached], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    kind_of = {"content-type": "application/x-www-form-urlencoded"}
    tried = 0
    for route, (page, form) in forms_by_route(app, reached).items():
        browser = browser_at(browse, page)
        for name in [*form.sent(), "version", "unknown"]:
            for kind, attack in ATTACKS.items():
                body = encoded(form.sent(), name, attack)
                answer = browser.post(form.action, content=body, headers=kind_of, follow_redirects=False)
                require_sound(answer, at=(route, name, kind))
                assert answer.status_code in (303, 400, 404, 409, 413, 422), (route, name, kind)
                tried += 1
                browser = signed_in(browser, browse, page, route)
        for wrong in (
            {"content": b"", "headers": kind_of},
            {"content": b"{}", "headers": {"content-type": "application/json"}},
            {"content": b"\x00\xff", "headers": {"content-type": "application/octet-stream"}},
            {"content": b"version=1", "headers": {"content-type": "nonsense"}},
            {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
            {"content": b"no part", "headers": {"content-type": "multipart/form-data; boundary=x"}},
            {"content": b"a=b&" * 5_000, "headers": kind_of},
            *(odd_letters(name, charset) for name in form.sent() for charset in CHARSETS),
            {"files": dict.fromkeys(form.sent(), ("a.zip", b"PK\x03\x04")) or {"a": b"b"}},
        ):
            answer = browser.post(form.action, follow_redirects=False, **wrong)
            require_sound(answer, at=(route, wrong))
            assert answer.status_code in (303, 400, 404, 409, 413, 415, 422), (route, wrong)
            browser = signed_in(browser, browse, page, route)
    assert tried > 500
    assert "unexpected" not in "\n".join(one.getMessage() for one in caplog.records)
    # What was taken is shown as it was written. Of others, some may not sign in any more.
    for shown in crawl(app, browse("Helena Hallinto"), "Helena Hallinto"):
        assert "<script" not in shown.text, shown.address
        assert SUM not in shown.text, shown.address


# By these, letters can be written that no page can be written in, and one of them reads nothing at all.
CHARSETS = ("unicode_escape", "utf-7", "undefined", "utf-16", "nonsense")


def odd_letters(name: str, charset: str) -> dict[str, Any]:
    value = {"unicode_escape": b"\\ud800", "utf-7": b"+2AA-"}.get(charset, b"a")
    body = b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n--x--\r\n' % (name.encode(), value)
    return {
        "content": body,
        "headers": {"content-type": f"multipart/form-data; boundary=x; charset={charset}"},
    }


FORGED = (
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"origin": f"{URL}.elsewhere.example"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"referer": f"{URL}/"},
)


def test_no_form_that_another_site_sent_has_an_effect(
    app: FastAPI, browse: Browse, reached: list[Reached]
) -> None:
    forms = forms_by_route(app, reached)
    browsers = {route: browser_at(browse, page) for route, (page, _) in forms.items()}
    before = state_of(app.state.engine)
    for route, (_, form) in forms.items():
        browser = browsers[route]
        del browser.headers["origin"]
        for forged in FORGED:
            answer = post(browser, form, form.sent(), headers=forged)
            assert answer.status_code == 403, (route, forged)
            assert events_of(app, answer.headers["x-request-id"]) == []
    assert state_of(app.state.engine) == before


def test_who_is_not_signed_in_or_in_another_role_changes_nothing(
    app: FastAPI, browse: Browse, reached: list[Reached], town: Town
) -> None:
    forms = forms_by_route(app, reached)
    own = {"/desk", "/sign-out", "/me", "/news/seen"}
    nobody, strangers = browse(), {name: browse(name) for name in VIEWERS}
    before = state_of(app.state.engine)
    for route, (page, form) in forms.items():
        if route == "/sign-out":
            continue
        answer = post(nobody, form, form.sent())
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), route
        for name, browser in strangers.items():
            # What everybody has is their own.
            if name == page.viewer or route in ("/me", "/news/seen"):
                continue
            answer = post(browser, form, form.sent())
            assert answer.status_code == 404, (route, name)
            events = events_of(app, answer.headers["x-request-id"])
            # What somebody tries with their own data is no look at another's.
            own_data = "{person_id" in route and str(town.people[name]) in form.action
            refusal = [] if own_data else [(Act.REFUSED, town.people[name])]
            assert [(one.action, one.actor) for one in events] == refusal, (route, name)
    assert own < set(forms)
    assert state_of(app.state.engine) == before


def test_a_form_that_is_sent_again_has_one_effect(
    app: FastAPI, browse: Browse, reached: list[Reached]
) -> None:
    for route, (page, form) in forms_by_route(app, reached).items():
        if route == "/sign-out":
            continue
        browser = browser_at(browse, page)
        # Opened anew: another form of this test may have changed the record.
        again = [
            one
            for one in forms_of(page.address, browser.get(page.address).text)
            if one.action == form.action or route_of(app, "POST", one.action) == route
        ]
        values = changed(again[0]) if again else form.sent()
        target = again[0] if again else form
        first = post(browser, target, values)
        # The import of the town is too old to be taken back, and nobody is ticked to be added to a group,
        # and no class chosen to move to.
        ends = (("/undo", 409), ("/add", 422), ("/move", 422))
        refused = next((code for end, code in ends if route.endswith(end)), 303)
        assert first.status_code == refused, (route, first.text)
        after = state_of(app.state.engine)
        second = post(browser, target, values)
        assert second.status_code in (303, 404, 409, 422), (route, second.status_code)
        now = state_of(app.state.engine)
        assert {name for name in now if now[name] != after[name]} == set(), route


def changed(form: Form) -> dict[str, Any]:
    """A form's values after somebody has typed something."""
    values = form.sent()
    for name in ("reason", "name", "title", "given_name"):
        if name in values:
            values[name] = ["Muutettu"]
    if "restrictions" in values:
        values["restrictions"] = ["no_contact"]
    return values


def test_of_two_editors_of_anything_the_second_is_shown_the_difference(
    app: FastAPI, browse: Browse, reached: list[Reached]
) -> None:
    versioned = {
        route: (page, form)
        for route, (page, form) in forms_by_route(app, reached).items()
        if form.values.get("version", [""]) != [""]
    }
    assert len(versioned) >= 5
    for route, (page, form) in versioned.items():
        editors = [browser_at(browse, page), browser_at(browse, page)]
        opened, again = [
            found
            for editor in editors
            for found in forms_of("", editor.get(page.address).text)
            if found.action == form.action
        ]
        texts = [name for name in opened.values if name in ("name", "title", "given_name", "begin_date")]
        field = texts[0] if texts else "valid_from"
        words = ("2026-01-02", "2026-01-03") if field in ("begin_date", "valid_from") else ("Eka", "Toka")
        if route.endswith("/retention"):
            field, words = "row_history", ("100", "200")
        more = {"reason": ["Päätös 1"]} if "reason" in opened.values else {}
        if route.endswith("/move"):
            more["group"] = [next(filter(None, opened.options["group"]))]
        first, second = (
            {**one.sent(**more), field: [word]} for one, word in zip((opened, again), words, strict=True)
        )
        assert post(editors[0], opened, first).status_code == 303, route
        state = state_of(app.state.engine)
        answer = post(editors[1], again, second)
        assert answer.status_code == 409, route
        assert state_of(app.state.engine) == state
        if words[0] == "Eka":
            assert words[0] in answer.text
            assert words[1] in answer.text


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_body_without_end_is_not_read_to_the_end(
    app: FastAPI, browse: Browse, reached: list[Reached], told: bool
) -> None:
    piece = b"a" * 65_536
    limit = 26 * 1024 * 1024

    paths = [form.action for _, form in forms_by_route(app, reached).values() if form.action != "/sign-out"]
    paths += ["/ims/oneroster/token", "/ims/oneroster/gradebook/v1p2/results/x", "/nothing"]
    cookie = browse("Helena Hallinto").cookies["__Host-digione"]
    before, too_large = state_of(app.state.engine), 0
    for path in paths:
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            headers = {"content-type": kind, "cookie": f"__Host-digione={cookie}"}
            if told:
                headers["content-length"] = str(1600 * len(piece))
            method = "PUT" if "gradebook" in path else "POST"
            answer = ask(app, method, urlsplit(path).path, headers, repeat(piece, 1600))
            assert answer.status < 500, (path, kind)
            assert answer.read <= (limit if path.endswith("/imports") else 2 * 1024 * 1024), (path, kind)
            if told and "oneroster" not in path:
                assert (answer.status >= 400, answer.read) == (True, 0), (path, kind)
                too_large += answer.status == 413
    assert state_of(app.state.engine) == before
    assert too_large >= 10 or not told


def test_what_is_no_bundle_is_told_and_leaves_nothing(app: FastAPI, browse: Browse, tmp_path: Path) -> None:
    admin = browse("Helena Hallinto")
    persons = state_of(app.state.engine)["persons"]
    bomb = tmp_path / "bomb.zip"
    bundles.write(bomb, bundles.valid())
    import zipfile

    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("users2.csv", "w") as out:
        for _ in range(400):
            out.write(b"\0" * 1024 * 1024)
    kinds = {
        "bomb.zip": bomb.read_bytes(),
        "empty.zip": b"PK\x05\x06" + b"\0" * 18,
        "text.zip": b"sourcedId,status\r\n",
        "picture.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        "../../etc/cron.d/owned": b"PK\x03\x04",
        "a\r\nset-cookie: owned=1.zip": b"PK\x03\x04",
        "<script>.zip": b"PK\x03\x04",
    }
    for name, content in kinds.items():
        path = tmp_path / "sent"
        path.write_bytes(content)
        (form,) = [one for one in forms_of("", admin.get("/administration/imports").text) if one.files]
        answer = admin.post(form.action, data=form.sent(), files={"bundle": (name, content)})
        require_sound(answer, at=name)
        assert "Nothing was imported" in answer.text, name
    for shown in crawl(app, admin, "Helena Hallinto"):
        assert "<script" not in shown.text
    assert state_of(app.state.engine)["persons"] == persons


def test_names_that_are_markup_formulas_and_templates_are_shown_as_they_are_written(
    app: FastAPI, browse: Browse
) -> None:
    hostile = "\"><script>alert(1)</script>{{7919*7907}}'--"
    with app.state.engine.begin() as connection:
        columns = connection.execute(
            text(
                "select table_name, column_name from information_schema.columns where table_schema = 'public'"
                " and data_type = 'text' and column_name = any(:names)"
            ),
            {
                "names": [
                    "given_name",
                    "family_name",
                    "preferred_given_name",
                    "name",
                    "title",
                    "file_name",
                    "email",
                    "phone",
                    "actor",
                    "school_code",
                    "location",
                ]
            },
        ).all()
        assert len(columns) > 8
        for table, column in columns:
            if table in ("row_history", "alembic_version"):
                continue
            connection.execute(
                text(
                    f'update {table} set "{column}" = "{column}" || :hostile '  # noqa: S608
                    f'where "{column}" is not null'
                ),
                {"hostile": hostile},
            )
    seen = 0
    for name in VIEWERS:
        for shown in crawl(app, browse(name), name):
            assert "<script" not in shown.text, shown.address
            assert SUM not in shown.text, shown.address
            assert '""' not in re.sub(r'=""', "", shown.text), shown.address
            seen += shown.text.count("&lt;script&gt;")
    assert seen > 100


@pytest.fixture
def elsewhere(databases: Databases, migrated: str) -> Any:
    """Another municipality's platform, with people of its own."""
    settings = settings_for(databases.copy(migrated))
    other = create_app(settings, KnockSignIn())
    with Session(other.state.engine) as session:
        town = build(session)
        session.commit()
    yield other, town
    other.state.engine.dispose()
    databases.drop(settings.database)


def test_what_belongs_to_another_municipality_is_not_there(
    app: FastAPI, browse: Browse, reached: list[Reached], town: Town, elsewhere: tuple[FastAPI, Town]
) -> None:
    _, theirs = elsewhere
    foreign = cycle([*theirs.people.values(), *theirs.groups.values(), *theirs.places.values()])
    before = state_of(app.state.engine)
    asked = 0
    pages: list[tuple[str, Reached, str, Form | None]] = [
        ("GET", page, page.address, None) for page in pages_by_route(app, reached).values()
    ]
    pages += [("POST", page, form.action, form) for page, form in forms_by_route(app, reached).values()]
    for method, page, address, form in pages:
        path, _, query = address.partition("?")
        for found in re.finditer(r"[0-9a-f]{8}-[0-9a-f-]{27}", path):
            strange = f"{path[: found.start()]}{next(foreign)}{path[found.end() :]}?{query}"
            browser = browser_at(browse, page)
            data = form.sent() if form else None
            answer = browser.request(method, strange, data=data, follow_redirects=False)
            assert answer.status_code == 404, (method, strange)
            (event,) = events_of(app, answer.headers["x-request-id"])
            assert (event.action, event.actor) == (Act.REFUSED, town.people[page.viewer])
            asked += 1
    assert asked >= 15
    after = state_of(app.state.engine)
    assert {name for name in after if after[name] != before[name]} <= {"sign_ins"}


def test_a_cookie_that_is_altered_foreign_or_over_opens_nothing(
    app: FastAPI, browse: Browse, reached: list[Reached], town: Town, elsewhere: tuple[FastAPI, Town]
) -> None:
    other, theirs = elsewhere
    foreign = TestClient(other, base_url=URL, headers={"origin": URL})
    foreign.get(f"/sign-in?account={theirs.accounts['Helena Hallinto']}", follow_redirects=False)
    signed_out = browse("Helena Hallinto")
    gone = signed_out.cookies["__Host-digione"]
    assert signed_out.post("/sign-out", follow_redirects=False).status_code == 303
    old = browse("Helena Hallinto").cookies["__Host-digione"]
    with app.state.engine.begin() as connection:
        connection.execute(text("update sign_ins set expires = now() - interval '1 second'"))
    own = browse("Helena Hallinto").cookies["__Host-digione"]
    cookies = [foreign.cookies["__Host-digione"], gone, old, own[:-1], own + "x", own.swapcase(), own[::-1]]
    nobody = browse()
    for route, page in pages_by_route(app, reached).items():
        for cookie in cookies:
            nobody.cookies.clear()
            answer = nobody.get(
                page.address, headers={"cookie": f"__Host-digione={cookie}"}, follow_redirects=False
            )
            welcome = route == "/" and "Welcome to DigiOne" in answer.text
            assert welcome or answer.status_code == 303, (route, cookie)


def test_every_refusal_is_written_down_whatever_was_asked_for(
    app: FastAPI, browse: Browse, town: Town
) -> None:
    browser = browse("Raili Rehtori")
    for asked_for in ("%00", "a%00b", "%ED%A0%80", "%22%7D", "x" * 500):
        answer = browser.get(f"/areas/{asked_for}")
        assert answer.status_code == 404
        with Session(app.state.engine) as session:
            event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
            assert (event.action, event.actor) == (Act.REFUSED, town.people["Raili Rehtori"]), asked_for
