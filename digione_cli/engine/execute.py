"""Carrying out a plan: role steps go to Ansible in one process, the outcome of each is written down."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from digione_cli.engine.leaving import left_tenants
from digione_cli.engine.secrets import Secrets
from digione_cli.engine.situation import Situation
from digione_cli.errors import DigioneError, Exit, PartlyDone
from digione_cli.model.plan import Call, Plan, RoleAction, Run, Step, StepOutcome
from digione_cli.texts import mark, t
from digione_cli.world.ansible import PlayEvent, PlayRequest, RoleStep
from digione_cli.world.world import World

# What Ansible says when something common is wrong on a host: (pattern, id, why, fix).
_KNOWN = (
    (
        r"Could not get lock|Unable to acquire the dpkg|Failed to lock apt|is another process using it",
        "D1-RUN-002",
        mark("apt on the host is held by another process"),
        mark("wait until it has ended, then run this again"),
    ),
    (
        r"Failed to fetch|Unable to fetch|Failed to update apt cache|Could not resolve|is not signed",
        "D1-RUN-003",
        mark("the host's package mirror is not reached, or what it gives is not usable"),
        mark("make sure that `apt-get update` works on the host, then run this again"),
    ),
    (
        r"No space left on device",
        "D1-RUN-004",
        mark("the host's disk is full"),
        mark("make room on the host, then run this again"),
    ),
    (
        r"no longer holds the lock",
        "D1-RUN-005",
        mark("this run lost the lock of the instance"),
        mark("run this again"),
    ),
)


# How a call is carried out on the control machine.
Carry = Callable[[Step, Call, Situation, World], None]


class Interrupted(PartlyDone):
    """The operator stopped the run."""

    exit = Exit.INTERRUPTED


@dataclass
class Progress:
    """What is told to whoever watches; every call may be ignored."""

    step_begins: Callable[[Step], None] = lambda step: None
    step_ends: Callable[[StepOutcome], None] = lambda outcome: None
    task: Callable[[str], None] = lambda task: None
    changed: Callable[[PlayEvent], None] = lambda event: None


@dataclass
class _Play:
    """What is known of a play while its events come in."""

    steps: dict[str, Step]
    progress: Progress
    outcomes: list[StepOutcome] = field(default_factory=list)
    current: Step | None = None
    began: float = 0
    changes: int = 0
    ended_on: set[str] = field(default_factory=set)
    failures: list[PlayEvent] = field(default_factory=list)

    def on(self, event: PlayEvent) -> None:
        if event.kind == "begin" and (self.current is None or self.current.id != event.step):
            self.current, self.began, self.changes = self.steps[event.step], time.monotonic(), 0
            self.ended_on = set()
            self.progress.step_begins(self.current)
        elif event.kind == "task":
            self.progress.task(event.task)
        elif event.kind == "changed":
            self.changes += 1
            self.progress.changed(event)
        elif event.kind in ("failed", "unreachable"):
            self.failures.append(event)
        elif event.kind == "end" and self.current:
            self.ended_on.add(event.host)
            if self.ended_on >= set(self.current.where):
                self._close("done" if self.changes else "unchanged")

    def fail(self, error: str) -> None:
        if self.current:
            self._close("failed", error)

    def _close(self, outcome: str, error: str = "") -> None:
        step = self.current
        assert step
        closed = StepOutcome.model_validate(
            {
                "step": step.id,
                "title": step.title,
                "outcome": outcome,
                "changed": self.changes,
                "seconds": round(time.monotonic() - self.began, 1),
                "error": error,
            }
        )
        self.outcomes.append(closed)
        self.current = None
        self.progress.step_ends(closed)


def carry_out(
    plan: Plan,
    situation: Situation,
    world: World,
    run: Run,
    progress: Progress,
    cancelled: Callable[[], bool],
    calls: Mapping[str, Carry],
) -> Run:
    """Carry out a plan and return its record; the registry knows it from the beginning.

    Raises:
        PartlyDone: a step failed; those before it stand, and the same verb again goes on.
        Interrupted: the operator stopped it.
    """
    world.registry.record_run(run)
    outcomes: list[StepOutcome] = []
    try:
        for group in _groups(plan.steps):
            if isinstance(group[0].work, RoleAction):
                _play(group, situation, world, run, plan.command, progress, cancelled, outcomes)
            else:
                _call(group[0], situation, world, progress, calls, outcomes)
    except BaseException as e:
        interrupted = isinstance(e, Interrupted | KeyboardInterrupt)
        _record(world, run, outcomes, plan, "interrupted" if interrupted else "failed")
        raise
    return _record(world, run, outcomes, plan, "done")


def _record(world: World, run: Run, outcomes: list[StepOutcome], plan: Plan, outcome: str) -> Run:
    begun = {o.step for o in outcomes}
    rest = [
        StepOutcome(step=s.id, title=s.title, outcome="not started") for s in plan.steps if s.id not in begun
    ]
    ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    closed = run.model_copy(update={"ended": ended, "outcome": outcome, "steps": (*outcomes, *rest)})
    world.registry.record_run(closed)
    return closed


def _groups(steps: Iterable[Step]) -> list[list[Step]]:
    """Put consecutive role steps on the same hosts together: they share one Ansible process.

    Steps on different hosts do not: within one play Ansible lets each host run ahead with its own.
    """

    def place(step: Step) -> object:
        return step.where if isinstance(step.work, RoleAction) else step.id

    return [list(group) for _, group in groupby(steps, key=place)]


def _call(
    step: Step,
    situation: Situation,
    world: World,
    progress: Progress,
    calls: Mapping[str, Carry],
    outcomes: list[StepOutcome],
) -> None:
    assert isinstance(step.work, Call)
    progress.step_begins(step)
    began = time.monotonic()
    try:
        calls[step.work.call](step, step.work, situation, world)
    except DigioneError as e:
        seconds = round(time.monotonic() - began, 1)
        outcomes.append(
            StepOutcome(step=step.id, title=step.title, outcome="failed", seconds=seconds, error=str(e))
        )
        progress.step_ends(outcomes[-1])
        raise
    seconds = round(time.monotonic() - began, 1)
    outcomes.append(StepOutcome(step=step.id, title=step.title, outcome="done", seconds=seconds))
    progress.step_ends(outcomes[-1])


def play_request(steps: list[Step], situation: Situation, world: World, operation: str) -> PlayRequest:
    """Given role steps, return what Ansible needs to carry them out."""
    hosts = {host for step in steps for host in step.where}
    return PlayRequest(
        targets=[t for t in world.targets(situation.instance) if t.name in hosts],
        steps=[_role_step(step, situation) for step in steps],
        variables=situation.desired.variables,
        fingerprints=situation.desired.fingerprints,
        operation=operation,
        roles=world.settings.roles,
        key_file=situation.store.key_file,
        encrypt=situation.store.encrypt,
        secrets=situation.secrets.for_ansible(),
        sudo_password=world.sudo_password,
    )


def _role_step(step: Step, situation: Situation) -> RoleStep:
    assert isinstance(step.work, RoleAction)
    service = situation.services[step.work.service]
    tenant = step.work.tenant
    tenants = situation.tenants()
    if step.work.action == "remove":  # all goes, also what is there of tenants that left the inventory
        tenants += left_tenants(situation.instance, situation.facts)
    return RoleStep(
        id=step.id,
        service=service.name,
        action=step.work.action,
        where=step.where,
        in_role=step.work.action in service.actions,
        units=service.units_of(tenant) if tenant else service.units_for(tenants),
        files=service.files,
        renewed=service.renewed,
        probes=tuple(service.probes),
        packages=service.packages,
        data=service.data,
        users=service.users_of(tenant) if tenant else service.users_for(tenants),
        keep_data=step.work.keep_data,
        tenants=tenants if service.holds_tenants else (),
        tenant=tenant,
    )


def _play(
    steps: list[Step],
    situation: Situation,
    world: World,
    run: Run,
    again: str,
    progress: Progress,
    cancelled: Callable[[], bool],
    outcomes: list[StepOutcome],
) -> None:
    play = _Play({s.id: s for s in steps}, progress)
    good = world.play(play_request(steps, situation, world, run.id), play.on, cancelled)
    error: PartlyDone | None = None
    if not good and cancelled():
        why = t("between two steps; what was done before stands")
        if play.current:
            why = t("during “{title}”; what was done before stands", title=play.current.title)
        error = Interrupted("D1-RUN-130", t("Interrupted"), why, again)
    elif not good:
        error = _failure(play.failures, again, situation.secrets)
    if error:
        play.fail(error.why)
    outcomes += play.outcomes
    if error:
        raise error


def _failure(failures: list[PlayEvent], again: str, secrets: Secrets) -> PartlyDone:
    if not failures:
        why = t("it gave no reason (killed, or out of memory?)")
        return PartlyDone("D1-RUN-009", t("Ansible ended early"), why, again)
    last = failures[-1]  # a role may rescue a first failure only to say its reason in a second
    message = secrets.redacted(last.message)
    what = t("{task} failed on {host}", task=last.task, host=last.host)
    if last.kind == "unreachable":
        lost = t("{host} was lost during the run", host=last.host)
        why = message.removeprefix("Task failed: ").rpartition("via ssh: ")[2].strip(" :")[-300:]
        fix = t("make sure that {host} runs and is reached, then: {command}", host=last.host, command=again)
        return PartlyDone("D1-RUN-006", lost, why, fix)
    for pattern, identity, why, fix in _KNOWN:
        if re.search(pattern, message):
            return PartlyDone(identity, what, t(why), t(fix))
    return PartlyDone("D1-RUN-001", what, message[-1500:] or t("no reason was given"), again)
