"""Restores: none left half done, for then the instance is closed and nothing but a restore may change it."""

from collections.abc import Iterator

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Code, Finding, Level
from digione_cli.texts import mark, t
from digione_cli.world.world import World

STAGES = ("preflight", "doctor")

CODES = {
    "D1-BK-009": Code(
        title="Restore not ended",
        cause="a restore began and did not end: the instance is closed, and nothing else may change it",
        fix=mark(
            "the command as before goes on (with its --tenant); digione restore {instance} takes all back"
        ),
    ),
}


def check(situation: Situation, world: World) -> Iterator[Finding]:
    """Look for restores that began and did not end."""
    for host, facts in situation.facts.items():
        if facts.restoring and not facts.of_another(situation.instance.name):
            yield Finding(
                code="D1-BK-009",
                level=Level.ERROR,
                subject=host,
                text=t("a restore began on {host} and did not end", host=host),
                fix=t(CODES["D1-BK-009"].fix, instance=situation.instance.name),
            )
