"""From the stream of Ansible's events to the outcome of each step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digione_cli import steps
from digione_cli.engine.execute import Progress, carry_out
from digione_cli.engine.situation import Situation
from digione_cli.errors import PartlyDone
from digione_cli.model.plan import Plan, Run, Step, StepOutcome
from digione_cli.settings import Settings
from digione_cli.world.ansible import PlayEvent, PlayRequest
from tests.fakes import TWO_HOSTS, FakeWorld, load, situation, write_inventory

RUN = Run(id="1", verb="apply", instance="kuhmo", who="a@b", started="2026-11-24T12:00:00Z")


@pytest.fixture
def two_hosts(tmp_path: Path) -> Situation:
    write_inventory(tmp_path, main=TWO_HOSTS)
    return situation(load(tmp_path))


@pytest.fixture
def world(two_hosts: Situation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    monkeypatch.setenv("DIGIONE_STATE", str(tmp_path / "state"))
    return FakeWorld(Settings(), two_hosts.facts)


PLAN = Plan(
    verb="apply",
    instance="kuhmo",
    steps=(
        steps.configure("base", "Base", ["front", "back"], []),
        steps.configure("gateway", "Gateway", ["front"], []),
        Step(id="call", title="Call", where=("front",), work={"kind": "call", "call": "call"}),
    ),
)


def _carry_out(of: Situation, world: FakeWorld, heard: list[str] | None = None) -> Run:
    told = [] if heard is None else heard

    def begins(step: Step) -> None:
        told.append(f"begin {step.id}")

    def ends(outcome: StepOutcome) -> None:
        told.append(f"{outcome.outcome} {outcome.step} {outcome.changed}")

    progress = Progress(begins, ends)
    return carry_out(PLAN, of, world, RUN, progress, lambda: False, {"call": lambda step, call, s, w: None})


def test_a_step_ends_when_it_has_ended_on_every_host(two_hosts: Situation, world: FakeWorld) -> None:
    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        if request.steps[0].service == "gateway":
            yield PlayEvent("begin", host="front", step="configure-gateway")
            yield PlayEvent("end", host="front", step="configure-gateway")
            return
        yield PlayEvent("begin", host="front", step="configure-base")
        yield PlayEvent("begin", host="back", step="configure-base")
        yield PlayEvent("task", task="Write")
        yield PlayEvent("changed", host="back", task="Write")
        yield PlayEvent("end", host="front", step="configure-base")
        yield PlayEvent("end", host="back", step="configure-base")

    world.events = events
    heard: list[str] = []
    run = _carry_out(two_hosts, world, heard)
    assert heard == [
        "begin configure-base",
        "done configure-base 1",
        "begin configure-gateway",
        "unchanged configure-gateway 0",
        "begin call",
        "done call 0",
    ]
    assert run.outcome == "done"


def test_a_step_that_failed_on_one_host_has_failed(two_hosts: Situation, world: FakeWorld) -> None:
    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        yield PlayEvent("begin", host="front", step="configure-base")
        yield PlayEvent("begin", host="back", step="configure-base")
        yield PlayEvent("end", host="front", step="configure-base")
        yield PlayEvent("failed", host="back", task="Write", message="no")

    world.events, world.play_succeeds = events, False
    with pytest.raises(PartlyDone, match="Write failed on back: no"):
        _carry_out(two_hosts, world)
    (run,) = world.registry.runs("kuhmo")
    assert [s.outcome for s in run.steps] == ["failed", "not started", "not started"]


def test_a_failure_that_a_role_rescued_is_none(two_hosts: Situation, world: FakeWorld) -> None:
    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        for step in request.steps:
            for host in step.where:
                yield PlayEvent("begin", host=host, step=step.id)
            yield PlayEvent("failed", host="front", task="Try", message="rescued later")
            for host in step.where:
                yield PlayEvent("end", host=host, step=step.id)

    world.events = events
    assert _carry_out(two_hosts, world).outcome == "done"


def test_the_registry_knows_a_run_from_its_beginning(two_hosts: Situation, world: FakeWorld) -> None:
    seen: list[str] = []

    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        seen.append(world.registry.runs("kuhmo")[0].outcome)
        return iter(())

    world.events = events
    _carry_out(two_hosts, world)
    assert set(seen) == {"running"}


def test_a_bug_in_between_is_recorded_as_a_failure(two_hosts: Situation, world: FakeWorld) -> None:
    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        raise RuntimeError("a bug")

    world.events = events
    with pytest.raises(RuntimeError):
        _carry_out(two_hosts, world)
    assert world.registry.runs("kuhmo")[0].outcome == "failed"


def test_steps_on_different_hosts_are_played_one_after_the_other(
    two_hosts: Situation, world: FakeWorld
) -> None:
    _carry_out(two_hosts, world)
    base, gateway = world.played
    assert [(s.service, s.where) for s in base.steps] == [("base", ("front", "back"))]
    assert {t.name for t in base.targets} == {"front", "back"}
    assert [(s.service, s.where) for s in gateway.steps] == [("gateway", ("front",))]
    assert {t.name for t in gateway.targets} == {"front"}
