"""Certificates: how long they last."""

from collections.abc import Iterator
from datetime import UTC, datetime

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.world.world import World

STAGES = ("doctor",)

RENEW_DAYS, WARN_DAYS, ERROR_DAYS = 30, 14, 3

CODES = {
    "D1-CERT-001": Code(
        title="Certificate expires",
        cause=f"a certificate ends within {RENEW_DAYS} days",
        fix="digione apply <instance> renews those of the private authority; replace files of your own",
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at every certificate on each host."""
    for host, facts in situation.facts.items():
        for certificate in facts.certificates:
            end = datetime.strptime(certificate.not_after, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            days = (end - situation.now).days
            if days >= RENEW_DAYS:
                continue
            level = Level.ERROR if days < ERROR_DAYS else Level.WARNING if days < WARN_DAYS else Level.HINT
            ends = f"ends in {days} days" if days >= 0 else f"ended {-days} days ago"
            yield Finding(
                code="D1-CERT-001",
                level=level,
                subject=host,
                text=f"{certificate.path} {ends} ({certificate.not_after[:10]})",
                fix=CODES["D1-CERT-001"].fix.replace("<instance>", situation.instance.name),
            )
