"""Forms filled in as in a browser, and what became of them."""

import html
import re
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from digione_platform.core.models import (
    AuditEvent,
)


def filled_in(page: str) -> dict[str, Any]:
    """The values of the form that is sent to the register, as a browser would send them."""
    form = re.search(r'<form class="form".*?</form>', page, re.DOTALL)
    assert form is not None, page
    values: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        kind = re.search(r'type="(\w+)"', tag)
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and (kind is None or kind[1] not in ("checkbox", "file") or " checked" in tag):
            values.setdefault(name[1], html.unescape(value[1]) if value else "")
    for name, options in re.findall(r'<select[^>]*name="([^"]*)".*?>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


def target(page: str) -> str:
    found = re.search(r'<form class="form" method="post" action="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


def fill(browser: TestClient, address: str, **values: Any) -> Response:
    """Open a form, change some values (``None`` takes one out), and send it."""
    page = browser.get(address)
    assert page.status_code == 200, page.text
    sent = filled_in(page.text) | values
    return browser.post(
        target(page.text), data={k: v for k, v in sent.items() if v is not None}, follow_redirects=False
    )


def events(app: FastAPI, action: str) -> list[AuditEvent]:
    with Session(app.state.engine) as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def find(app: FastAPI, query: Any) -> Any:
    with Session(app.state.engine) as session:
        return session.scalar(query)
