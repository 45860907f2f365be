"""Requests at a fixed rate, and how long their answers took.

The loop is open: a request is due when it is due, whether or not earlier ones were answered, and its time
counts from then. A server that stalls is therefore seen to stall for everyone who would have come meanwhile.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from ssl import SSLContext
from typing import Any

import httpx2

from tests.platform.conftest import URL

# As many as the gateway would let through; a browser that waits holds one.
CONNECTIONS = 100


@dataclass(frozen=True)
class Ask:
    """A request: ``kind`` is its row in the table. ``then`` is told the page."""

    kind: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    data: dict[str, Any] | None = None
    json: dict[str, Any] | None = None
    then: Callable[[str], None] | None = None


@dataclass
class Answers:
    """Milliseconds by kind of request, and the answers that were refusals or failures."""

    by_kind: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[float]:
        return [one for kind in self.by_kind.values() for one in kind]


def percentile(milliseconds: list[float], percent: int) -> float:
    if len(milliseconds) < 2:
        return milliseconds[0]
    return statistics.quantiles(milliseconds, n=100, method="inclusive")[percent - 1]


def run(socket: Path, next_ask: Callable[[], Ask], *, rate: float, seconds: float, seed: int = 1) -> Answers:
    """Ask at ``rate`` requests a second, coming by chance as people do (a Poisson process)."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    transport = httpx2.AsyncHTTPTransport(uds=str(socket), limits=limits)
    # Encryption ends at the gateway, which says so.
    headers = {"origin": URL, "x-forwarded-proto": "https", "accept-language": "fi"}
    client = httpx2.AsyncClient(
        transport=transport, base_url=URL.replace("https:", "http:"), headers=headers, timeout=30
    )
    return asyncio.run(_run(client, next_ask, rate, seconds, Random(seed)))


def run_at(
    url: str, trusted: SSLContext, next_ask: Callable[[], Ask], *, rate: float, seconds: float
) -> Answers:
    """The same at an address, through its gateway."""
    client = httpx2.AsyncClient(base_url=url, verify=trusted, timeout=30)
    return asyncio.run(_run(client, next_ask, rate, seconds, Random(1)))


async def _run(
    client: httpx2.AsyncClient, next_ask: Callable[[], Ask], rate: float, seconds: float, random: Random
) -> Answers:
    answers = Answers()
    async with client as http, asyncio.TaskGroup() as group:
        due = begun = time.perf_counter()
        while due < begun + seconds:
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(_ask(http, next_ask(), due, answers))
            due += random.expovariate(rate)
    return answers


async def _ask(http: httpx2.AsyncClient, ask: Ask, due: float, answers: Answers) -> None:
    try:
        answer = await http.request(ask.method, ask.path, headers=ask.headers, data=ask.data, json=ask.json)
    except httpx2.HTTPError as error:
        answers.failed.append(f"{ask.kind}: {type(error).__name__}")
        return
    answers.by_kind.setdefault(ask.kind, []).append((time.perf_counter() - due) * 1000)
    if answer.status_code >= 400:
        answers.failed.append(f"{ask.kind}: {answer.status_code}")
    elif ask.then is not None:
        ask.then(answer.text)
