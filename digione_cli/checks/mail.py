"""The municipality's own mail relay: whether it takes alarms for the operator, and mail to people."""

from collections.abc import Iterator

from digione_cli.engine.desired import authority_of
from digione_cli.engine.secrets import SecretName
from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("doctor",)

CODES = {
    "D1-MAIL-001": Code(
        title="Relay takes no mail",
        cause="external.mail is not reached, not trusted, or refuses mail: alarms reach nobody",
        fix=mark("mend external.mail in instance.yml, or let the relay's administrator allow the host"),
    ),
    "D1-MAIL-002": Code(
        title="Mail to people waits",
        cause="the relay did not take mail that tells people of news, or sending failed; it is tried again",
        fix=mark("digione notify status {tenant} tells what the relay said"),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look at the last sending for each tenant, and begin a delivery to the operator without ending it."""
    yield from _waiting(situation)
    instance = situation.instance
    mail = instance.external.mail
    if mail is None:
        return
    host = instance.placed("monitoring")[0]
    if not situation.facts[host].reached:
        return
    target = next(one for one in world.targets(instance) if one.name == host)
    password = situation.secrets.values.get(SecretName("mail_password"))
    sender = mail.sender_of(instance.domain)
    wrong = world.relay(target, mail, sender, instance.contact, password, authority_of(instance))
    if wrong:
        text = t(
            "{server}, from {host}: {reason}", server=f"{mail.server}:{mail.port}", host=host, reason=wrong
        )
        fix = t(CODES["D1-MAIL-001"].fix)
        yield Finding(code="D1-MAIL-001", level=Level.WARNING, subject="mail", text=text, fix=fix)


def _waiting(situation: Situation) -> Iterator[Finding]:
    for host, facts in situation.facts.items():
        for tenant in situation.tenants():
            if f"digione-platform-notify@{tenant}.service" in facts.failed:
                yield Finding(
                    code="D1-MAIL-002",
                    level=Level.WARNING,
                    subject=host,
                    text=t("mail to the people of {tenant} waits", tenant=tenant),
                    fix=t(CODES["D1-MAIL-002"].fix, tenant=tenant),
                )
