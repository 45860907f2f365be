"""What tests of hostile requests share: the pages and forms that a role can reach, and the state of the data.

Pages and forms are found by following the links of the real pages, so that a new one is tried by itself.
"""

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from threading import Thread
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from tests.platform.conftest import URL, Browse

# A product that only a template or a calculation would work out.
SUM = "62615533"
ATTACKS: dict[str, str] = {
    "NUL": quote("a\x00b"),
    "lone surrogate": "%ED%A0%80",
    "SQL": quote("Aino'); delete from guardianships; --"),
    "markup": quote('"><script>alert(1)</script>'),
    "template": quote("{{7919*7907}}{% for x in () %}${7919*7907}#{7919*7907}"),
    "header": quote("a\r\nset-cookie: owned=1\r\n\r\nowned"),
    "formula": quote('=HYPERLINK("https://owned.example")'),
    "long": "a" * 20_000,
    "number": "9" * 5_000,
    "not a number": "NaN",
    "other digits": quote("٣"),
    "elsewhere": quote("//owned.example/"),
    "identifier": "00000000-0000-0000-0000-000000000000",
    "day": "0001-01-01",
    "personal identity code": "131052-308T",
}
# Enough of a kind: the pages of one route differ by whom they show.
SAME = 2


@dataclass
class Form:
    """A form as a page holds it, with the values that a browser would send; ``page`` is where it stands."""

    page: str
    action: str = ""
    files: bool = False
    values: dict[str, list[str]] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def sent(self, **changed: Any) -> dict[str, Any]:
        """What a browser sends when the first button is pressed, with some values changed."""
        first = {name: [value] for name, value in self.buttons[:1] if name}
        return self.values | first | changed


class _Forms(HTMLParser):
    """Collects the links and the forms to be posted of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "a" and said.get("href", "").startswith("/"):
            self.links.append(said["href"])
        if tag == "form" and said.get("method") == "post":
            multipart = said.get("enctype") == "multipart/form-data"
            self._form = Form(self.page, said["action"], multipart)
            self.forms.append(self._form)
        if self._form is None:
            return
        name = said.get("name", "")
        if tag == "button":
            self._form.buttons.append((name, said.get("value", "")))
        elif tag == "select":
            self._select = name
            self._form.values[name] = [""]
            self._form.options[name] = []
        elif tag == "option" and self._select:
            self._form.options[self._select].append(said.get("value", ""))
            if "selected" in said:
                self._form.values[self._select] = [said.get("value", "")]
        elif tag == "textarea" or (tag == "input" and said.get("type") not in ("file", "checkbox", "radio")):
            self._form.values.setdefault(name, []).append(said.get("value", ""))
        elif tag == "input" and said.get("type") in ("checkbox", "radio"):
            chosen = self._form.values.setdefault(name, [])
            if "checked" in said:
                chosen.append(said.get("value", "on"))
        elif tag == "input":
            self._form.values.setdefault(name, [])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = ""


def forms_of(address: str, page: str) -> list[Form]:
    """The forms that a page would post."""
    found = _Forms(address)
    found.feed(page)
    return found.forms


def links_of(page: str) -> list[str]:
    """The links of a page that stay here."""
    found = _Forms("")
    found.feed(page)
    return found.links


def all_routes(app: FastAPI, method: str) -> list[APIRoute]:
    """Every route of pages and forms, also those of routers that were included whole."""

    def all_of(router: object) -> Iterator[APIRoute]:
        for route in getattr(router, "routes", []):
            if isinstance(route, APIRoute):
                yield route
            elif inner := getattr(route, "original_router", None):
                yield from all_of(inner)

    return [route for route in all_of(app.router) if method in route.methods]


def route_of(app: FastAPI, method: str, address: str) -> str | None:
    """The route that answers at an address: the first that fits, as the application chooses."""
    path = urlsplit(address).path
    return next((one.path for one in all_routes(app, method) if one.path_regex.match(path)), None)


@dataclass(frozen=True)
class Reached:
    """A page and whoever reaches it: the person, and the role they work in (empty: the first)."""

    viewer: str
    role: str
    address: str
    text: str


def work_as(browser: TestClient, role: str) -> None:
    """Change to a role by its identifier."""
    if role:
        browser.post("/desk", data={"role": role})


def crawl(app: FastAPI, browser: TestClient, viewer: str, begin: Sequence[str] = ()) -> Iterator[Reached]:
    """Every page that links lead to, in each of the person's roles; of each route a few, the given first."""
    roles = re.findall(r'name="role" value="([^"]+)"', browser.get("/").text)
    for role in ["", *roles]:
        work_as(browser, role)
        waiting, seen, count = deque([*begin, "/"]), {*begin, "/"}, dict[str, int]()
        while waiting:
            address = waiting.popleft()
            route = route_of(app, "GET", address) or address
            count[route] = count.get(route, 0) + 1
            if count[route] > SAME or address.startswith(("/static/", "/language/")):
                continue
            page = browser.get(address)
            assert page.status_code == 200, (viewer, role, address)
            yield Reached(viewer, role, address, page.text)
            new = [link for link in dict.fromkeys(links_of(page.text)) if link not in seen]
            seen.update(new)
            waiting.extend(new)


# Looking leaves its traces there.
_TRACES = {"audit_events", "audit_chain"}


def state_of(engine: Engine) -> dict[str, str]:
    """A digest of each table, without the traces that looking leaves."""
    with engine.connect() as connection:
        tables = connection.execute(
            text("select tablename from pg_tables where schemaname = 'public' order by 1")
        ).scalars()
        digests = " union all ".join(
            f"select '{name}', coalesce(md5(string_agg(md5((to_jsonb(t) - 'last_seen')::text), '' "  # noqa: S608
            f"order by md5((to_jsonb(t) - 'last_seen')::text))), '') from {name} t"
            for name in tables
            if name not in _TRACES
        )
        return dict(connection.execute(text(digests)).all())


@dataclass
class Answer:
    """What an application answered, and how much of the body it had read by then."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    read: int = 0


def ask(app: FastAPI, method: str, path: str, headers: dict[str, str], body: Iterator[bytes]) -> Answer:
    """A request whose body comes piece by piece, as long as it is asked for."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        piece = next(body, None)
        answer.read += len(piece or b"")
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")

    said = {"host": urlsplit(URL).netloc, "origin": URL} | headers
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in said.items()],
        "client": ("127.0.0.1", 1),
        "server": ("mallila.example", 443),
    }

    async def request() -> None:
        await app(scope, receive, send)

    # In a thread of its own: where browsers were driven before, this one has a loop that runs for good.
    thread = Thread(target=asyncio.run, args=(request(),))
    thread.start()
    thread.join()
    return answer


def browser_at(browse: Browse, reached: Reached) -> TestClient:
    """A browser of the person, in the role that reaches a page."""
    browser = browse(reached.viewer)
    work_as(browser, reached.role)
    return browser


def browser_of(app: FastAPI, account: UUID) -> TestClient:
    """A browser in which somebody has signed in."""
    client = TestClient(
        app,
        base_url=URL,
        headers={"accept-language": "en", "origin": URL},
        raise_server_exceptions=False,
    )
    client.get(f"/sign-in?account={account}", follow_redirects=False)
    return client
