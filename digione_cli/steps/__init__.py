"""The vocabulary of plans: functions that return steps, and the calls that some steps name."""

from collections.abc import Callable, Iterable

from digione_cli import checks
from digione_cli.engine.situation import Situation
from digione_cli.errors import PartlyDone
from digione_cli.model.facts import HostFacts
from digione_cli.model.finding import Finding, Level
from digione_cli.model.plan import Call, RoleAction, Step
from digione_cli.world.world import World


def configure(service: str, title: str, where: Iterable[str], why: Iterable[str]) -> Step:
    """A step that brings a service into its desired state."""
    return Step(
        id=f"configure-{service}",
        title=f"Configure {title}",
        where=tuple(where),
        work=RoleAction(service=service, action="configure"),
        why=tuple(why),
    )


def remove(service: str, title: str, where: Iterable[str], keep_data: bool) -> Step:
    """A step that takes a service off its hosts."""
    return Step(
        id=f"remove-{service}",
        title=f"Remove {title}",
        where=tuple(where),
        work=RoleAction(service=service, action="remove", keep_data=keep_data),
        why=("its data is kept",) if keep_data else ("its data is deleted",),
    )


def smoke_test(where: Iterable[str]) -> Step:
    """A step that closes a run: everything that was changed answers."""
    return Step(
        id="smoke-test",
        title="Make sure that everything answers",
        where=tuple(where),
        work=Call(call="smoke_test"),
    )


def _smoke_test(situation: Situation, world: World) -> None:
    from dataclasses import replace

    fresh = replace(situation, facts=world.look(situation.instance), now=world.now())
    bad = [_lost(n, f) for n, f in fresh.facts.items() if not f.reached]
    bad += [f for f in checks.findings("smoke", fresh, world) if f.level is Level.ERROR]
    if bad:
        raise PartlyDone(
            "D1-RUN-010",
            "Not everything answers after the run",
            "\n".join(told(f) for f in bad),
            f"digione doctor {situation.instance.name}",
        )


def _lost(host: str, facts: HostFacts) -> Finding:
    return Finding(code=facts.error_kind or "D1-HOST-001", level=Level.ERROR, subject=host, text=facts.error)


def told(finding: Finding) -> str:
    """Given a finding, return it in one line."""
    return f"{finding.subject}: {finding.text} [{finding.code}]"


CALLS: dict[str, Callable[[Situation, World], None]] = {"smoke_test": _smoke_test}
