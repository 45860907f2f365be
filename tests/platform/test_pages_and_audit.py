"""Every page against the audit, so that a new page cannot forget it.

Pages are found in the application. Whoever is shown on one is in an event of that very request; whatever is
refused to someone who has signed in is an event as well. A route with a blank that is not known here fails.
"""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.api import gradebook, rostering
from digione_platform.api.access import Scope
from digione_platform.api.models import ApiClient
from digione_platform.core.audit import Act
from digione_platform.core.models import Person
from digione_platform.web.titles import ACTS
from tests.platform.api.conftest import GRADEBOOK, ROSTERING, connect_to
from tests.platform.conftest import Browse
from tests.platform.pages import OPEN, addresses, events_of, in_each_role
from tests.platform.town import Town

VIEWERS = [
    "Aino Virtanen",
    "Maija Virtanen",
    "Suvi Suojattu",
    "Toinen Vanhempi",
    "Tiina Opettaja",
    "Kalle Kollega",
    "Raili Rehtori",
    "Sirpa Sihteeri",
    "Helena Hallinto",
]
# They act in office: that pupils and families read their names is no look at a person's data.
STAFF = {"Tiina Opettaja", "Kalle Kollega", "Raili Rehtori", "Sirpa Sihteeri", "Helena Hallinto"}
FORMS = {
    "/desk",
    "/me",
    "/news/seen",
    "/sign-out",
    # Tried in test_administration.
    *(f"/administration/{kind}/{{row_id:uuid}}" for kind in ("schools", "years", "people", "roles")),
    *(f"/administration/{kind}/{{row_id:uuid}}" for kind in ("courses", "groups", "places")),
    "/administration/groups/{group_id:uuid}/add",
    "/administration/people/{person_id:uuid}/move",
    "/administration/move-up",
    "/administration/years/next",
    "/administration/guardianships/{child_id:uuid}/{guardian_id:uuid}",
    "/administration/imports",
    "/administration/imports/undo",
    "/administration/imports/{upload_id:uuid}/apply",
    "/administration/sign-ins/end",
    "/administration/retention",
}


@pytest.fixture
def app(shared_app: FastAPI) -> FastAPI:
    return shared_app


def routes(app: FastAPI, method: str) -> list[str]:
    # Routers that were included are kept whole by newer versions of the framework.
    def all_of(router: object) -> Iterator[APIRoute]:
        for route in getattr(router, "routes", []):
            if isinstance(route, APIRoute):
                yield route
            elif inner := getattr(route, "original_router", None):
                yield from all_of(inner)

    found = {route.path for route in all_of(app.router) if method in route.methods}
    assert found >= ({"/", "/me", "/pupils", "/looks"} if method == "GET" else FORMS)
    return sorted(found)


def people_on(text: str, town: Town, viewer: str) -> set[str]:
    """Whose name stands on a page, in whichever order; pupils also by the name they are called by."""
    shown = set()
    for name in town.people:
        given, family = name.split(" ", 1)
        called = "Ainu" if name == "Aino Virtanen" else given
        if name != viewer and any(one in text for one in (f"{called} {family}", f"{family} {called}")):
            shown.add(name)
    return shown


@pytest.mark.parametrize("name", VIEWERS)
def test_whoever_is_shown_and_whatever_is_refused_is_in_the_audit(
    app: FastAPI, browse: Browse, town: Town, name: str
) -> None:
    browser = browse(name)
    opened = refused = 0
    for _ in in_each_role(browser):
        for route in routes(app, "GET"):
            if route in OPEN:
                continue
            for address in addresses(route, town):
                answer = browser.get(address)
                events = events_of(app, answer.headers["x-request-id"])
                assert all(event.actor == town.people[name] and event.desktop for event in events)
                if answer.status_code == 404:
                    refused += 1
                    own = str(town.people[name]) in address
                    assert own or [event.action for event in events] == [Act.REFUSED], address
                    continue
                assert answer.status_code == 200, address
                opened += 1
                seen = people_on(answer.text, town, name) - STAFF
                recorded = {event.subject for event in events}
                assert {one for one in seen if town.people[one] not in recorded} == set(), address
    assert opened >= 4
    assert refused >= 4


def test_every_form_is_known_here_and_leaves_an_event(app: FastAPI, browse: Browse) -> None:
    assert set(routes(app, "POST")) == FORMS
    browser = browse("Tiina Opettaja")
    role = re.findall(r'name="role" value="([^"]+)"', browser.get("/").text)[0]
    for path, data, act in (("/desk", {"role": role}, Act.CHANGE_ROLE), ("/sign-out", {}, Act.SIGN_OUT)):
        answer = browser.post(path, data=data, follow_redirects=False)
        assert [one.action for one in events_of(app, answer.headers["x-request-id"])] == [act]


def test_signing_in_is_an_event_with_its_request(app: FastAPI, browse: Browse, town: Town) -> None:
    answer = browse().get(f"/sign-in?account={town.accounts['Olli Åberg']}", follow_redirects=False)
    (event,) = events_of(app, answer.headers["x-request-id"])
    assert (event.action, event.actor) == (Act.SIGN_IN, town.people["Olli Åberg"])


def test_every_act_has_a_title() -> None:
    assert set(ACTS) == set(Act)


def test_every_address_of_the_open_interfaces_leaves_an_event(app: FastAPI) -> None:
    """Of a service that is let in: what it read, or that it was refused."""
    service = connect_to(app)(*Scope)
    tried = 0
    for view in (*rostering.VIEWS, *gradebook.VIEWS):
        root = ROSTERING if view in rostering.VIEWS else GRADEBOOK
        for path in (view.path, f"{view.path}/nobody" if view.one else view.path):
            answer = service.ask(root + re.sub(r"\{\w+\}", "nobody", path))
            (event,) = events_of(app, answer.headers["x-request-id"])
            expected = Act.CLIENT_READ if answer.status_code == 200 else Act.CLIENT_REFUSED
            assert (event.action, event.actor) == (expected, service.client_id), path
            assert "service" in event.detail
            tried += 1
    assert tried >= 2 * len((*rostering.VIEWS, *gradebook.VIEWS))


@pytest.mark.parametrize("path", ["/users/{}", "/users", "/enrollments", "/students/{}/classes"])
def test_a_service_that_looked_is_named_to_whom_it_looked_at(
    app: FastAPI, browse: Browse, town: Town, path: str
) -> None:
    with Session(app.state.engine) as session:
        aino = session.get_one(Person, town.people["Aino Virtanen"]).sourced_id
    service = connect_to(app)(Scope.ROSTER)
    assert service.roster(path.format(aino)).status_code == 200
    with Session(app.state.engine) as session:
        name = session.scalar(select(ApiClient.name).where(ApiClient.id == service.client_id))
    assert f"{name} · Connected service" in browse("Aino Virtanen").get("/looks").text
    assert name not in browse("Piilo Suojattu").get("/looks").text
    found = browse("Helena Hallinto").get("/audit", params={"actor": name, "person": "virtanen ai"})
    assert f"{name} · Connected service" in found.text
