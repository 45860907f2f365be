"""Ports that the services need and something else has taken."""

from collections.abc import Iterator

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("preflight", "doctor")

CODES = {
    "D1-PORT-001": Code(
        title="Port taken",
        cause="a program that is not DigiOne's listens on a port that a service needs",
        fix=mark("stop that program or remove its package, then run the command again"),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look, for every service not applied to a host yet, whether its ports are free there."""
    for service in situation.services.values():
        for host in situation.instance.placed(service.name):
            facts = situation.facts[host]
            if not facts.reached or service.name in facts.services:
                continue
            wanted = {f"{p.protocol}/{p.port}" for p in service.ports}
            if service.endpoint:
                wanted.add(f"tcp/{service.endpoint}")
            for port in sorted(wanted & set(facts.listening)):
                text = t("{port} is needed by {service} and taken", port=port, service=service.name)
                if taker := facts.listening[port]:
                    text = t(
                        "{port} is needed by {service} and taken by {taker}",
                        port=port,
                        service=service.name,
                        taker=taker,
                    )
                yield Finding(
                    code="D1-PORT-001",
                    level=Level.ERROR,
                    subject=host,
                    text=text,
                    fix=t(CODES["D1-PORT-001"].fix),
                )
