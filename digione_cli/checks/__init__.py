"""Checks look; they change nothing.

A check is a module here with CODES (what the reference says), STAGES (when it is asked: preflight before
a change, smoke after it, doctor at any time, busy in its place while a run is at work) and
``check(situation, world)``, a generator of findings. Modules are
discovered.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from digione_cli.engine.situation import Situation
from digione_cli.model.finding import Finding, Level
from digione_cli.texts import t
from digione_cli.world.world import World

STAGES = ("preflight", "smoke", "doctor", "busy")


def modules() -> list[ModuleType]:
    """Return the modules of all checks."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def findings(stage: str, situation: Situation, world: World) -> Iterator[Finding]:
    """Given a stage, yield what its checks find. A check that breaks is a finding itself."""
    for module in modules():
        if stage not in module.STAGES:
            continue
        try:
            yield from module.check(situation, world)
        except Exception as e:  # the doctor must not die of one sick check
            name = module.__name__.rsplit(".", 1)[1]
            yield Finding(
                code="D1-CHECK-001",
                level=Level.ERROR,
                subject=name,
                text=t("the check itself failed: {reason}", reason=f"{type(e).__name__}: {e}"),
                fix=t("report this text; the other findings stand"),
            )
