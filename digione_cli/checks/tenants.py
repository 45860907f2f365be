"""Each tenant as its people meet it: the platform and the sign-in answer at their own addresses."""

from collections.abc import Iterator

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.model.instance import Tenant
from digione_cli.world.world import World

STAGES = ("smoke", "doctor")

CODES = {
    "D1-TEN-001": Code(
        title="Platform does not answer",
        cause="the tenant's /healthz gives no 200 through the gateway",
        fix="digione logs <instance> platform; digione logs <instance> gateway",
    ),
    "D1-TEN-002": Code(
        title="Sign-in does not answer",
        cause="the tenant's identity provider does not give its OpenID Connect configuration",
        fix="digione logs <instance> identity; digione logs <instance> directory",
    ),
    "D1-TEN-003": Code(
        title="Maintenance page shown",
        cause="the gateway shows the maintenance page for the tenant",
        fix="wait for the run that shows it, or digione apply <instance>",
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Ask for two addresses of each tenant at the gateway's host, without DNS."""
    placed = situation.instance.placed("gateway")
    if not placed or not situation.facts[placed[0]].reached:
        return
    if "gateway" not in situation.facts[placed[0]].services:
        return
    address = situation.instance.hosts[placed[0]].address
    for tenant in situation.instance.tenants:
        yield from _tenant(tenant, address, situation, world)


def _tenant(tenant: Tenant, address: str, situation: Situation, world: World) -> Iterator[Finding]:
    name = situation.instance.name
    health = f"https://{tenant.domain}/healthz"
    answer = world.get(health, address, situation.authority)
    if answer.status == 503 and "maintenance" in answer.body:
        yield _finding("D1-TEN-003", Level.WARNING, tenant, health, name)
    elif answer.status != 200:
        note = f"{health} gave {answer.status or answer.body}"
        yield _finding("D1-TEN-001", Level.ERROR, tenant, note, name)
    discovery = f"https://{tenant.auth_domain}/.well-known/openid-configuration"
    answer = world.get(discovery, address, situation.authority)
    if answer.status != 200 or "authorization_endpoint" not in answer.body:
        note = f"{discovery} gave {answer.status or answer.body}"
        yield _finding("D1-TEN-002", Level.ERROR, tenant, note, name)


def _finding(code: str, level: Level, tenant: Tenant, text: str, instance: str) -> Finding:
    fix = CODES[code].fix.replace("<instance>", instance)
    return Finding(code=code, level=level, subject=tenant.slug, text=text, fix=fix)
