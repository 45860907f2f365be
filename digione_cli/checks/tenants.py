"""Each tenant as its people meet it: the platform and the sign-in answer at their own addresses."""

from collections.abc import Iterator

from digione_cli.engine.leaving import places
from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.model.instance import Tenant
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("smoke", "doctor")

CODES = {
    "D1-TEN-001": Code(
        title="Platform does not answer",
        cause="the tenant's /healthz gives no 200 through the gateway",
        fix="digione logs {instance} platform; digione logs {instance} gateway",
    ),
    "D1-TEN-002": Code(
        title="Sign-in does not answer",
        cause="the tenant's identity provider does not give its OpenID Connect configuration",
        fix="digione logs {instance} identity; digione logs {instance} directory",
    ),
    "D1-TEN-003": Code(
        title="Maintenance page shown",
        cause="the gateway shows the maintenance page for the tenant",
        fix=mark("wait for the run that shows it, or digione apply {instance}"),
    ),
    "D1-TEN-004": Code(
        title="Upstream provider does not answer",
        cause="the tenant's sign-in service does not reach its upstream provider, or finds nothing of use",
        fix=mark("digione logs {instance} identity; people with a password sign in as before"),
    ),
    "D1-TEN-005": Code(
        title="Tenant never applied",
        cause="the tenant's file is in the inventory, and nothing of the tenant is on the hosts",
        fix="digione apply {instance}",
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Ask for addresses of each tenant at the gateway's host, without DNS."""
    placed = situation.instance.placed("gateway")
    if not placed or not situation.facts[placed[0]].reached:
        return
    host = situation.facts[placed[0]]
    if host.instance != situation.instance.name or "gateway" not in host.services:
        return
    address = situation.instance.hosts[placed[0]].address
    for tenant in situation.instance.tenants:
        if places(situation.instance, situation.facts, tenant.slug):
            yield from _tenant(tenant, address, situation, world)
        else:
            note = t("the tenant was never applied")
            yield _finding("D1-TEN-005", Level.ERROR, tenant, note, situation.instance.name)


def _tenant(tenant: Tenant, address: str, situation: Situation, world: World) -> Iterator[Finding]:
    name = situation.instance.name
    health = f"https://{tenant.domain}/healthz"
    answer = world.get(health, address, situation.authority)
    if answer.status == 503 and "maintenance" in answer.body:
        yield _finding("D1-TEN-003", Level.WARNING, tenant, health, name)
    elif answer.status != 200:
        note = t("{address} gave {answer}", address=health, answer=answer.status or answer.body)
        yield _finding("D1-TEN-001", Level.ERROR, tenant, note, name)
    discovery = f"https://{tenant.auth_domain}/.well-known/openid-configuration"
    answer = world.get(discovery, address, situation.authority)
    if answer.status != 200 or "authorization_endpoint" not in answer.body:
        note = t("{address} gave {answer}", address=discovery, answer=answer.status or answer.body)
        yield _finding("D1-TEN-002", Level.ERROR, tenant, note, name)
    elif tenant.identity.upstream:
        yield from _upstream(tenant, address, situation, world)


def _upstream(tenant: Tenant, address: str, situation: Situation, world: World) -> Iterator[Finding]:
    """Choose the upstream provider as a person does: that leads on to it, or comes back with a page."""
    choice = f"https://{tenant.auth_domain}/?lmAuth=2_upstream"
    answer = world.get(choice, address, situation.authority)
    if answer.status != 302:
        title = tenant.identity.upstream.title if tenant.identity.upstream else ""
        note = t("sign-in does not get through to {title}", title=title)
        yield _finding("D1-TEN-004", Level.WARNING, tenant, note, situation.instance.name)


def _finding(code: str, level: Level, tenant: Tenant, text: str, instance: str) -> Finding:
    fix = t(CODES[code].fix, instance=instance)
    return Finding(code=code, level=level, subject=tenant.slug, text=text, fix=fix)
