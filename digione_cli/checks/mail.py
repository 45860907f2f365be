"""The municipality's own mail relay: whether it would take an alarm for the operator."""

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
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Begin a delivery to the operator through the host of monitoring, and leave it at that."""
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
