"""Certificates by ACME: whether the server gave what was asked of it last."""

from collections.abc import Iterator

from digione_cli.engine.situation import Situation
from digione_cli.model.facts import HostFacts
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.model.text import printable
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("smoke", "doctor")

CODES = {
    "D1-CERT-002": Code(
        title="No certificate from the ACME server",
        cause="the ACME server was not reached, or refused a certificate; the one that is there stays in use",
        fix=mark(
            "make sure that both names lead to the gateway, that the ACME server reaches port 80, and that "
            "acme_server is right, then: digione apply {instance}"
        ),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at the last try for each tenant; without any certificate of the ACME server it is an error."""
    if situation.instance.services.get("gateway", {}).get("certificates") != "acme":
        return
    for host, facts in situation.facts.items():
        for tenant in situation.tenants():
            reason = facts.failed.get(f"digione-certificate@{tenant}.service")
            if reason is None:
                continue
            yield Finding(
                code="D1-CERT-002",
                level=Level.ERROR if _private(facts, tenant) else Level.WARNING,
                subject=host,
                text=t("no certificate for {tenant}: {reason}", tenant=tenant, reason=printable(reason)),
                fix=t(CODES["D1-CERT-002"].fix, instance=situation.instance.name),
            )


def _private(facts: HostFacts, tenant: str) -> bool:
    """Whether the tenant still has the certificate that it began with, which no browser trusts."""
    return any(c.own for c in facts.certificates if c.path == f"/etc/digione/tls/gateway-{tenant}.pem")
