"""A look at a web address, trusting an instance's authority."""

import ssl
from dataclasses import dataclass


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
            answer = client.get(
                parsed.copy_with(host=address),
                headers={"Host": parsed.host},
                extensions={"sni_hostname": parsed.host},
            )
            return Answer(answer.status_code, answer.text[:100_000])
    except (httpx.HTTPError, OSError) as e:
        return Answer(0, str(e) or type(e).__name__)
