"""Certificates: how long they last."""

from collections.abc import Iterator
from datetime import UTC, datetime

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t, tn
from digione_cli.world.world import World

STAGES = ("doctor",)

RENEW_DAYS, WARN_DAYS, ERROR_DAYS = 30, 14, 3

CODES = {
    "D1-CERT-001": Code(
        title="Certificate expires",
        cause=f"a certificate ends within {RENEW_DAYS} days",
        fix=mark("digione apply {instance} renews those of the private authority; replace files of your own"),
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
            named = {"path": certificate.path, "date": certificate.not_after[:10]}
            if days >= 0:
                text = tn(
                    "{path} ends in {count} day ({date})",
                    "{path} ends in {count} days ({date})",
                    days,
                    **named,
                )
            else:
                text = tn(
                    "{path} ended {count} day ago ({date})",
                    "{path} ended {count} days ago ({date})",
                    -days,
                    **named,
                )
            yield Finding(
                code="D1-CERT-001",
                level=level,
                subject=host,
                text=text,
                fix=t(CODES["D1-CERT-001"].fix, instance=situation.instance.name),
            )
