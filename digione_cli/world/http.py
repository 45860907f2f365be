"""A look at a web address, trusting an instance's authority."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BODY = 100_000  # bytes


@dataclass(frozen=True)
class Answer:
    """Status and body of an answer; status 0 and the reason when there was none."""

    status: int
    body: str


def get(url: str, address: str, authority: str | None, timeout: float = 10) -> Answer:
    """Ask a host at a known address for an HTTPS URL, without DNS; never raises for what the host does.

    ``authority`` is a PEM certificate trusted besides the system's.
    """
    import httpx

    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    parsed = httpx.URL(url)
    try:
        with httpx.Client(verify=context, timeout=timeout, trust_env=False) as client:
            # not compressed: a little of it could become much
            headers = {"Host": parsed.host, "Accept-Encoding": "identity"}
            extensions = {"sni_hostname": parsed.host}
            where = parsed.copy_with(host=address)
            with client.stream("GET", where, headers=headers, extensions=extensions) as answer:
                return Answer(answer.status_code, _beginning(answer.iter_raw(_MAX_BODY)))
    except (httpx.HTTPError, OSError) as e:
        return Answer(0, str(e) or type(e).__name__)


def _beginning(parts: Iterator[bytes]) -> str:
    """Return the first _MAX_BODY bytes as text; more than that is not read."""
    return next(parts, b"").decode(errors="replace")
