"""The path of a changing verb: what is locked, shown, asked, done and recorded."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from digione_cli import spine
from digione_cli.engine.load import load_instance
from digione_cli.engine.secrets import SecretStore, complete
from digione_cli.engine.situation import Situation
from digione_cli.errors import (
    DigioneError,
    Exit,
    IntegrityError,
    LockedError,
    PartlyDone,
    PreconditionError,
    UsageError,
)
from digione_cli.model.facts import Drift, LockHolder
from digione_cli.model.plan import Plan
from digione_cli.spine import Options
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.destroy import plan_destroy
from digione_cli.world.ansible import PlayEvent, PlayRequest
from digione_cli.world.http import Answer
from tests import fakes
from tests.fakes import FakeScreen, FakeWorld, applied, on_host
from tests.unit.conftest import House

YES = Options(yes=True)


class Trial:
    """An instance with real secrets and made-up hosts."""

    def __init__(self, house: House) -> None:
        self.instance = load_instance(house.inventories, "kuhmo", fakes.services())
        store = SecretStore(self.instance.folder, house.keys)
        complete(self.instance, fakes.services(), store)
        self.world = FakeWorld(house.settings, fakes.empty(self.instance))
        self.screen = FakeScreen()
        self.situation = spine.load("kuhmo", self.world, self.screen)
        self.world.did.clear()

    def apply(self, options: Options = YES) -> None:
        spine.change("kuhmo", "apply", plan_apply, options, self.world, self.screen)

    def destroy(self, options: Options) -> None:
        def plan(situation: Situation) -> Plan:
            return plan_destroy(situation, keep_data=True)

        spine.change("kuhmo", "destroy", plan, options, self.world, self.screen)

    def refused(self, kind: type[DigioneError], options: Options = YES) -> DigioneError:
        """Apply in vain; make sure that nothing was played or recorded."""
        with pytest.raises(kind) as caught:
            self.apply(options)
        assert "play" not in self.world.did
        assert self.world.registry.runs("kuhmo") == ()
        return caught.value


@pytest.fixture
def trial(kuhmo: House) -> Trial:
    return Trial(kuhmo)


def test_apply_locks_plays_and_records(trial: Trial) -> None:
    calls = iter([trial.world.facts, applied(trial.situation).facts, applied(trial.situation).facts])
    trial.world.look = lambda instance: next(calls)  # type: ignore[method-assign]
    trial.apply()
    assert trial.world.did == ["lock", "play", "unlock"]
    run = trial.world.registry.runs("kuhmo")[0]
    assert (run.verb, run.who, run.outcome) == ("apply", "maija@desk", "done")
    assert [s.outcome for s in run.steps] == ["done"] * (len(fakes.services()) + 1)
    assert run.ended
    assert trial.world.registry.seen()["kuhmo"][1]["kuhmo1"].release == "2026.11"
    assert trial.screen.shown["run"]["outcome"] == "done"


def test_the_runs_own_lock_is_no_reason(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier run left unfinished is told as that, although this run holds the lock by now."""
    monkeypatch.setattr("digione_cli.spine.uuid.uuid4", lambda: UUID(int=7))
    ours = LockHolder(
        operation=UUID(int=7).hex[:12], who="maija", machine="desk", verb="apply", since="10:00"
    )
    begun = applied(trial.situation).facts["kuhmo1"]
    services = {name: one.model_copy(update={"fingerprint": {}}) for name, one in begun.services.items()}
    trial.world.facts = {"kuhmo1": begun.model_copy(update={"lock": ours, "services": services})}
    trial.apply(Options(dry_run=True))
    reasons = [why for step in trial.screen.shown["plan"]["steps"] for why in step["why"]]
    assert "kuhmo1: an earlier run did not end" in reasons
    assert not [why for why in reasons if "at work" in why]


def test_all_role_steps_share_one_ansible(trial: Trial) -> None:
    calls = iter([trial.world.facts, applied(trial.situation).facts, applied(trial.situation).facts])
    trial.world.look = lambda instance: next(calls)  # type: ignore[method-assign]
    trial.apply()
    assert len(trial.world.played) == 1
    assert [s.service for s in trial.world.played[0].steps] == list(fakes.services())


def test_a_dry_run_takes_no_lock_and_plays_nothing(trial: Trial) -> None:
    trial.apply(Options(dry_run=True))
    assert trial.world.did == []
    assert len(trial.screen.shown["plan"]["steps"]) == len(fakes.services()) + 1
    assert trial.world.registry.runs("kuhmo") == ()


def test_a_dry_run_works_while_somebody_holds_the_lock(trial: Trial) -> None:
    trial.world.holder = LockHolder(operation="1", who="matti", machine="m", verb="apply", since="10:00")
    trial.apply(Options(dry_run=True))
    assert "plan" in trial.screen.shown


def test_an_unchanged_instance_is_looked_at_and_left_alone(trial: Trial) -> None:
    trial.world.facts = applied(trial.situation).facts
    trial.apply(Options())
    assert trial.world.did == ["lock", "unlock"]
    assert trial.world.registry.runs("kuhmo") == ()
    assert "kuhmo" in trial.world.registry.seen()


def test_a_held_lock_names_its_holder(trial: Trial) -> None:
    trial.world.holder = LockHolder(operation="1", who="matti", machine="m", verb="apply", since="10:00")
    error = trial.refused(LockedError)
    assert error.exit is Exit.LOCKED
    assert "matti since 10:00" in error.why


def test_without_yes_nobody_is_asked(trial: Trial) -> None:
    error = trial.refused(UsageError, Options())
    assert error.id == "D1-USE-001"
    assert error.fix == "digione apply kuhmo --yes"


@pytest.mark.parametrize("options", [Options(), Options(yes=True), Options(yes=True, confirm="kumo")])
def test_destroy_wants_the_name(trial: Trial, options: Options) -> None:
    trial.world.facts = applied(trial.situation).facts
    with pytest.raises(UsageError) as caught:
        trial.destroy(options)
    assert caught.value.id == "D1-USE-003"
    assert caught.value.fix == "digione destroy kuhmo --keep-data --confirm kuhmo"
    assert "play" not in trial.world.did


def test_destroy_with_the_name_goes_on_even_on_a_poor_host(trial: Trial) -> None:
    there = on_host(applied(trial.situation), "kuhmo1", disk_free_mb=1, memory_mb=100)
    trial.world.facts = there.facts
    trial.destroy(Options(confirm="kuhmo"))
    assert trial.world.did == ["lock", "play", "unlock"]
    assert all(s.keep_data for s in trial.world.played[0].steps)


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"os": "ubuntu-24.04"}, "D1-HOST-002"),
        ({"systemd": False}, "D1-HOST-002"),
        ({"memory_mb": 1000}, "D1-HOST-003"),
        ({"disk_free_mb": 100}, "D1-HOST-004"),
        ({"time": 0.0}, "D1-HOST-005"),
        ({"instance": "sotkamo"}, "D1-HOST-006"),
        ({"listening": {"tcp/443": "apache2"}}, "D1-PORT-001"),
        ({"listening": {"tcp/443": "apache2", "tcp/5432": ""}}, "D1-PRE-001"),
    ],
)
def test_what_is_not_ready_is_not_touched(trial: Trial, changes: dict[str, object], error_id: str) -> None:
    trial.world.facts = {"kuhmo1": fakes.host(**changes)}
    error = trial.refused(PreconditionError)
    assert error.id == error_id
    assert "nothing was changed" in error.fix
    assert trial.world.did == ["lock"]


def test_apply_waits_for_apt_and_says_so(trial: Trial) -> None:
    trial.world.facts = {"kuhmo1": fakes.host(apt_locked_by="unattended-upgr")}
    trial.world.apt_free_after = 30
    with pytest.raises(PartlyDone):  # the made-up host is as empty afterwards
        trial.apply()
    assert "play" in trial.world.did
    assert trial.world.paused == 30
    (note,) = trial.screen.shown["notes"]
    assert "kuhmo1: apt is held by unattended-upgr" in note


def test_apply_waits_for_apt_no_longer_than_a_while(trial: Trial) -> None:
    trial.world.facts = {"kuhmo1": fakes.host(apt_locked_by="unattended-upgr")}
    error = trial.refused(PreconditionError)
    assert error.id == "D1-PRE-002"
    assert error.why == "kuhmo1: apt is held by unattended-upgr"
    assert "nothing was changed" in error.fix
    assert trial.world.paused == 180


def test_nobody_waits_for_apt_where_there_is_nothing_to_do(trial: Trial) -> None:
    held = on_host(applied(trial.situation), "kuhmo1", apt_locked_by="unattended-upgr")
    trial.world.facts = held.facts
    trial.apply()
    assert trial.world.paused == 0


def test_a_dry_run_does_not_wait_for_apt(trial: Trial) -> None:
    trial.world.facts = {"kuhmo1": fakes.host(apt_locked_by="unattended-upgr")}
    trial.apply(Options(dry_run=True))
    assert trial.screen.shown["plan"]["steps"]
    assert trial.world.paused == 0


@pytest.mark.parametrize(
    ("kind", "expected", "exit_code"),
    [
        ("D1-SSH-007", PreconditionError, Exit.PRECONDITION),
        ("D1-SSH-004", PreconditionError, Exit.PRECONDITION),
        ("D1-SSH-001", IntegrityError, Exit.INTEGRITY),
        ("D1-SSH-002", IntegrityError, Exit.INTEGRITY),
    ],
)
def test_a_host_that_is_not_reached_stops_all(
    trial: Trial, kind: str, expected: type[DigioneError], exit_code: Exit
) -> None:
    trial.world.facts = {"kuhmo1": fakes.host(reached=False, error="gone", error_kind=kind)}
    error = trial.refused(expected)
    assert (error.id, error.why, error.exit) == (kind, "gone", exit_code)
    assert error.fix


def test_a_wrong_host_key_weighs_heavier_than_a_host_that_is_off(trial: Trial) -> None:
    trial.world.facts = {
        "a": fakes.host(reached=False, error="off", error_kind="D1-SSH-007"),
        "kuhmo1": fakes.host(reached=False, error="another key", error_kind="D1-SSH-001"),
    }
    assert trial.refused(IntegrityError).why == "another key"


def _fails(task: str, message: str, kind: str = "failed") -> Callable[[PlayRequest], Iterator[PlayEvent]]:
    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        first, second = request.steps[:2]
        yield from fakes.went_well(replace(request, steps=[first]))
        yield PlayEvent("begin", host="kuhmo1", step=second.id)
        yield PlayEvent(kind, host="kuhmo1", task=task, message=message)  # type: ignore[arg-type]

    return events


@pytest.mark.parametrize(
    ("kind", "message", "error_id", "words"),
    [
        ("failed", "it broke", "D1-RUN-001", "it broke"),
        ("failed", "Could not get lock /var/lib/dpkg/lock-frontend", "D1-RUN-002", "another process"),
        ("failed", "Failed to fetch http://deb.example", "D1-RUN-003", "mirror"),
        ("failed", "OSError: [Errno 28] No space left on device", "D1-RUN-004", "disk is full"),
        ("failed", "this run no longer holds the lock of the instance", "D1-RUN-005", "lost the lock"),
        ("unreachable", "Connection timed out", "D1-RUN-006", "timed out"),
        ("failed", "", "D1-RUN-001", "no reason"),
    ],
)
def test_a_failed_step_is_told_and_the_same_command_goes_on(
    trial: Trial, kind: str, message: str, error_id: str, words: str
) -> None:
    trial.world.events = _fails("Write the file", message, kind)
    trial.world.play_succeeds = False
    with pytest.raises(PartlyDone) as caught:
        trial.apply()
    error = caught.value
    assert (error.id, error.exit) == (error_id, Exit.PARTLY)
    assert words in error.why
    assert "kuhmo1" in error.what
    assert error.fix
    run = trial.world.registry.runs("kuhmo")[0]
    assert run.outcome == "failed"
    assert [s.outcome for s in run.steps][:3] == ["done", "failed", "not started"]


def test_ansible_that_dies_without_a_word_is_told(trial: Trial) -> None:
    trial.world.events = lambda request: iter(())
    trial.world.play_succeeds = False
    with pytest.raises(PartlyDone) as caught:
        trial.apply()
    assert caught.value.id == "D1-RUN-009"
    assert {s.outcome for s in trial.world.registry.runs("kuhmo")[0].steps} == {"not started"}


def test_no_secret_gets_into_the_words_of_a_failure(trial: Trial) -> None:
    values = trial.situation.secrets.all_values()
    message = "command failed: " + " ".join(v.splitlines()[-2] if "\n" in v else v for v in values)
    trial.world.events = _fails("Write the file", message)
    trial.world.play_succeeds = False
    with pytest.raises(PartlyDone) as caught:
        trial.apply()
    recorded = trial.world.registry.runs("kuhmo")[0].model_dump_json()
    for value in values:
        for line in value.splitlines():
            if len(line) > 7:
                assert line not in str(caught.value)
                assert line not in recorded
    assert "[secret]" in caught.value.why


def test_differences_are_shown_without_secrets_and_nothing_is_done(trial: Trial) -> None:
    secret = next(v for v in trial.situation.secrets.all_values() if "\n" not in v)
    drift = Drift(service="gateway", kind="missing", subject="/etc/x")
    trial.world.facts = on_host(applied(trial.situation), "kuhmo1", drift=(drift,)).facts
    trial.world.events = lambda request: iter([PlayEvent("changed", diff=(f"-old\n+password {secret}",))])
    trial.apply(Options(dry_run=True, diff=True))
    assert trial.world.did == ["look for differences"]
    assert trial.screen.shown["diff"] == ["-old\n+password [secret]"]


def test_a_service_that_cannot_be_tried_keeps_no_other_from_being_told(trial: Trial) -> None:
    drift = [Drift(service=name, kind="missing", subject="/etc/x") for name in ("directory", "gateway")]
    trial.world.facts = on_host(applied(trial.situation), "kuhmo1", drift=tuple(drift)).facts
    trial.world.play_succeeds = False

    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        yield PlayEvent("begin", host="kuhmo1", step=request.steps[0].id)
        yield PlayEvent("changed", diff=(f"+{request.steps[0].service}",))

    trial.world.events = events
    trial.apply(Options(dry_run=True, diff=True))
    assert trial.screen.shown["diff"] == ["+directory", "+gateway"]
    told = [note for note in trial.screen.shown["notes"] if "cannot all be told" in note]
    assert len(told) == 2


def test_differences_of_what_is_new_are_not_played(trial: Trial) -> None:
    trial.apply(Options(dry_run=True, diff=True))
    assert trial.world.did == []
    assert len(trial.screen.shown["notes"]) == len(fakes.services())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_ends_in_good_order(trial: Trial, number: signal.Signals) -> None:
    def events(request: PlayRequest) -> Iterator[PlayEvent]:
        yield PlayEvent("begin", host="kuhmo1", step=request.steps[0].id)
        signal.raise_signal(number)

    before = signal.getsignal(number)
    trial.world.events = events
    trial.world.play_succeeds = False
    with pytest.raises(DigioneError) as caught:
        trial.apply()
    assert (caught.value.id, caught.value.exit) == ("D1-RUN-130", Exit.INTERRUPTED)
    assert caught.value.fix == "digione apply kuhmo"
    assert trial.world.registry.runs("kuhmo")[0].outcome == "interrupted"
    assert signal.getsignal(number) is before


def test_a_stopped_destroy_does_not_forget_to_keep_the_data(trial: Trial) -> None:
    trial.world.facts = applied(trial.situation).facts
    trial.world.play_succeeds = False
    trial.world.events = _fails("Purge", "it broke")
    with pytest.raises(PartlyDone) as caught:
        trial.destroy(Options(confirm="kuhmo"))
    assert caught.value.fix == "digione destroy kuhmo --keep-data"


def test_a_run_after_which_not_everything_answers_is_not_done(trial: Trial) -> None:
    calls = iter([trial.world.facts, applied(trial.situation).facts])
    trial.world.look = lambda instance: next(calls)  # type: ignore[method-assign]
    trial.world.answers = lambda url: Answer(502, "bad gateway")
    with pytest.raises(PartlyDone) as caught:
        trial.apply()
    assert caught.value.id == "D1-RUN-010"
    assert "D1-TEN-001" in caught.value.why
    assert caught.value.fix == "digione doctor kuhmo"
    assert trial.world.registry.runs("kuhmo")[0].steps[-1].outcome == "failed"


def test_a_host_lost_at_the_end_is_no_success(trial: Trial) -> None:
    calls = iter([trial.world.facts, {"kuhmo1": fakes.host(reached=False, error="gone")}])
    trial.world.look = lambda instance: next(calls)  # type: ignore[method-assign]
    with pytest.raises(PartlyDone, match="gone"):
        trial.apply()


def test_missing_secrets_are_named_with_the_next_command(trial: Trial) -> None:
    store = trial.situation.store
    values = {n: v for n, v in trial.situation.secrets.values.items() if n.name != "platform_session"}
    store.write(values, trial.situation.secrets.salt)
    error = trial.refused(PreconditionError)
    assert error.id == "D1-SEC-006"
    assert "platform_session@kuhmo" in error.why
    assert error.fix == "digione secrets generate kuhmo"
