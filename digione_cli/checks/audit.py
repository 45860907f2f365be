"""The audits of the tenants: whether the last nightly verification held."""

from collections.abc import Iterator

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("doctor",)

CODES = {
    "D1-AUDIT-001": Code(
        title="Audit not as it was written",
        cause="the nightly verification found the audit altered or cut off, or could not be done",
        fix=mark("digione audit verify {tenant} tells what does not fit"),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at the last verification for each tenant."""
    for host, facts in situation.facts.items():
        for tenant in situation.tenants():
            if f"digione-platform-audit@{tenant}.service" in facts.failed:
                yield Finding(
                    code="D1-AUDIT-001",
                    level=Level.ERROR,
                    subject=host,
                    text=t("the audit of {tenant} was not found to be as it was written", tenant=tenant),
                    fix=t(CODES["D1-AUDIT-001"].fix, tenant=tenant),
                )
