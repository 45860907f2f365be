"""The one path of every changing verb: load → lock → look → plan → show → confirm → do → record."""

import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from types import FrameType

from digione_cli import checks, steps
from digione_cli.checks.hosts import apt_held
from digione_cli.engine import secrets
from digione_cli.engine.bundle import wanted_bundle
from digione_cli.engine.desired import desired_state
from digione_cli.engine.execute import carry_out, play_request
from digione_cli.engine.load import load_instance
from digione_cli.engine.secrets import SecretStore
from digione_cli.engine.services import load_services
from digione_cli.engine.situation import Situation
from digione_cli.errors import IntegrityError, PreconditionError
from digione_cli.model.facts import Facts, HostFacts, LockHolder
from digione_cli.model.finding import Level
from digione_cli.model.instance import Instance
from digione_cli.model.plan import Plan, RoleAction, Run
from digione_cli.settings import CHECKOUT
from digione_cli.texts import t
from digione_cli.ui.screen import Screen
from digione_cli.world.ansible import PlayEvent
from digione_cli.world.world import World

_WRONG_KEY = ("D1-SSH-001", "D1-SSH-002")
_APT_PATIENCE = 180  # seconds
_APT_PAUSE = 3  # seconds between two looks


@dataclass(frozen=True)
class Options:
    """How a changing verb was asked for."""

    dry_run: bool = False
    diff: bool = False
    yes: bool = False
    confirm: str | None = None
    with_bundle: bool = True


def look(name: str, world: World, screen: Screen) -> Situation:
    """Load an instance and look at its hosts.

    Raises:
        UsageError: the inventory has mistakes.
        PreconditionError: secrets are missing.
    """
    situation = load(name, world, screen)
    with screen.waiting(t("looking at the hosts")):
        return replace(situation, facts=world.look(situation.instance), now=world.now())


def load(name: str, world: World, screen: Screen, with_bundle: bool = True) -> Situation:
    """Load an instance without looking at its hosts: the situation has no facts."""
    services = load_services(world.settings.roles)
    instance = load_instance(world.settings.inventories, name, services)
    store = SecretStore(instance.folder, world.settings.keys)
    present = store.read()
    lacking = secrets.missing(instance, services, present)
    if lacking:
        raise PreconditionError(
            "D1-SEC-006",
            t("Instance {name} lacks secrets", name=name),
            t("not there: {names}", names=", ".join(map(str, lacking))),
            f"digione secrets set {name} {lacking[0]}"
            if lacking == secrets.to_be_given(instance, services, present)
            else f"digione secrets generate {name}",
        )
    bundle = None
    if with_bundle:
        with screen.waiting(t("building the bundle")) as say:
            bundle = wanted_bundle(world, CHECKOUT, instance.release, say)
    services = services.of(instance)
    desired = desired_state(instance, services, present, bundle)
    return Situation(
        instance, services, store, present, desired, {}, world.now(), world.registry.left_hosts(instance)
    )


@contextmanager
def holding(instance: Instance, verb: str, world: World) -> Iterator[Run]:
    """Hold the instance's lock for a verb while the block runs; yield the run that the lock names.

    A host that nobody gets into from here is passed over: secrets are made before there are hosts.

    Raises:
        LockedError: another operator holds it.
    """
    run = _begun(instance.name, verb, world)
    with _held(run, instance, world):
        yield run


def _begun(instance: str, verb: str, world: World) -> Run:
    started = world.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return Run(id=uuid.uuid4().hex[:12], verb=verb, instance=instance, who=world.who(), started=started)


def _held(run: Run, instance: Instance, world: World) -> AbstractContextManager[None]:
    user, _, machine = run.who.partition("@")
    holder = LockHolder(operation=run.id, who=user, machine=machine, verb=run.verb, since=run.started)
    return world.lock(instance, holder)


def change(
    name: str,
    verb: str,
    plan_for: Callable[[Situation], Plan],
    options: Options,
    world: World,
    screen: Screen,
) -> None:
    """Take a verb along the path; what it does is decided by ``plan_for`` alone."""
    before = load(name, world, screen, options.with_bundle)
    run = _begun(name, verb, world)
    with nullcontext() if options.dry_run else _held(run, before.instance, world):
        situation = _looked(before, run, world, screen)
        plan = plan_for(situation)
        plays = any(isinstance(step.work, RoleAction) for step in plan.steps)
        if plays and not options.dry_run and _waited_for_apt(situation, world, screen):
            situation = _looked(before, run, world, screen)
            plan = plan_for(situation)
        if plan.steps and not plan.destructive:  # a full disk or little memory must not keep anyone
            _preflight(situation, world, screen)
        screen.plan(plan)
        if options.diff and plan.steps:
            _show_diff(plan, situation, world, screen, run)
        if options.dry_run or not plan.steps:
            if not options.dry_run:
                world.registry.record_seen(situation.instance, situation.facts, run.started)
            return
        screen.confirm(plan, options.yes, options.confirm)
        with _stoppable() as cancelled:
            expected = world.registry.seconds(name)
            with screen.progress(plan, expected) as progress:
                done = carry_out(plan, situation, world, run, progress, cancelled, steps.CALLS)
        world.registry.record_seen(situation.instance, world.look(situation.instance), done.ended)
        screen.done(done)


def _looked(before: Situation, run: Run, world: World, screen: Screen) -> Situation:
    with screen.waiting(t("looking at the hosts")):
        seen = {host: _not_ours(facts, run.id) for host, facts in world.look(before.instance).items()}
    situation = replace(before, facts=seen, now=world.now())
    _require_hosts(situation)
    return situation


def _waited_for_apt(situation: Situation, world: World, screen: Screen) -> bool:
    """Wait while something holds apt on a host, and say whether anything did.

    Nightly updates do; so does a run that was killed: its host finishes the task that it was given.

    Raises:
        PreconditionError: apt is still held when patience ends.
    """
    held = _apt_held(situation.facts)
    if not held:
        return False
    minutes = _APT_PATIENCE // 60
    screen.note(
        t("{held}: waiting until it has ended, for {minutes} minutes at most", held=held, minutes=minutes)
    )
    with screen.waiting(t("waiting for apt")):
        for _ in range(_APT_PATIENCE // _APT_PAUSE):
            world.pause(_APT_PAUSE)
            still = _apt_held(world.look(situation.instance))
            if not still:
                return True
    raise PreconditionError(
        "D1-PRE-002",
        t("Instance {name} is not ready for this", name=situation.instance.name),
        still,
        t("wait until it has ended, then run this again; nothing was changed"),
    )


def _apt_held(facts: Facts) -> str:
    busy = [f"{host}: {apt_held(one.apt_locked_by)}" for host, one in facts.items() if one.apt_locked_by]
    return "; ".join(busy)


def _not_ours(facts: HostFacts, operation: str) -> HostFacts:
    """Leave this run's own lock out: plans ask for the locks of others."""
    ours = facts.lock is not None and facts.lock.operation == operation
    return facts.model_copy(update={"lock": None}) if ours else facts


def _require_hosts(situation: Situation) -> None:
    """Refuse work while a host is not reached; a wrong host key weighs heavier than anything else."""
    lost = [(f.error_kind not in _WRONG_KEY, n, f) for n, f in situation.facts.items() if not f.reached]
    if lost:
        _, name, facts = min(lost, key=lambda one: one[0])
        kind = IntegrityError if facts.error_kind in _WRONG_KEY else PreconditionError
        raise kind(
            facts.error_kind or "D1-HOST-001",
            t("{host} cannot be worked on", host=name),
            facts.error,
            facts.error_fix or t("mend the reason, then run this again; nothing was changed"),
        )


def _preflight(situation: Situation, world: World, screen: Screen) -> None:
    found = list(checks.findings("preflight", situation, world))
    bad = [f for f in found if f.level is Level.ERROR]
    if not bad:
        return
    first = bad[0]
    raise PreconditionError(
        first.code if len(bad) == 1 else "D1-PRE-001",
        t("Instance {name} is not ready for this", name=situation.instance.name),
        "\n".join(steps.told(f) for f in bad),
        t("{fix}; nothing was changed", fix=first.fix),
    )


def _show_diff(plan: Plan, situation: Situation, world: World, screen: Screen, run: Run) -> None:
    """Show what would change in files: a play in check mode over services that are there already."""
    known = [
        s
        for s in plan.steps
        if isinstance(s.work, RoleAction)
        and s.work.action == "configure"
        and all(s.work.service in situation.facts[h].services for h in s.where)
    ]
    new = [s for s in plan.steps if isinstance(s.work, RoleAction) and s not in known]
    diffs: list[str] = []
    untold = []
    with screen.waiting(t("comparing files")):
        while known:
            request = replace(play_request(known, situation, world, run.id), check=True)
            events: list[PlayEvent] = []
            good = world.play(request, events.append, lambda: False)
            diffs += [diff for event in events for diff in event.diff]
            if good:
                break
            begun = {event.step for event in events if event.kind == "begin"}
            *_, failed = [number for number, step in enumerate(known) if step.id in begun] or [0]
            untold.append(known[failed])
            known = known[failed + 1 :]  # one that cannot be tried keeps no other from being told
    screen.diff([situation.secrets.redacted(d) for d in dict.fromkeys(diffs)])
    if known and not diffs:
        screen.note(t("No file that may be shown differs; what files with secrets hold is not compared here"))
    for step in untold:
        screen.note(t("{step}: its differences cannot all be told before the change itself", step=step.title))
    for step in new:
        screen.note(t("{step}: everything is new there", step=step.title))


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """While the block runs, Ctrl-C, SIGTERM and SIGHUP ask the work to stop in good order."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {s: signal.signal(s, ask) for s in signals}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
