"""Backups, as the operator's side sees them: plans, findings, errors in words."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digione_cli import checks
from digione_cli.engine import backups
from digione_cli.engine.situation import Situation
from digione_cli.errors import Exit
from digione_cli.model.plan import Plan
from digione_cli.settings import Settings
from digione_cli.verbs._restoring import plan_restore, plan_restore_tenant
from digione_cli.verbs.backup import plan_create
from tests import fakes
from tests.fakes import NOW, FakeWorld
from tests.unit.conftest import House
from tests.unit.test_verbs import world

__all__ = ["world"]

CHOICE: dict[str, Any] = {
    "source": "vault",
    "point": "20261124-110000",
    "to": "",
    "newest": True,
    "release": "2026.11",
    "began": NOW.isoformat(),
    "size": 1000,
    "tenants": ["kuhmo"],
    "tenant": "",
}


@pytest.fixture
def one(tmp_path: Path) -> Situation:
    """An instance of one host on which all is well."""
    fakes.write_inventory(tmp_path)
    return fakes.applied(fakes.situation(fakes.load(tmp_path)))


@pytest.fixture
def two(tmp_path: Path) -> Situation:
    """The same of two hosts."""
    fakes.write_inventory(tmp_path, main=fakes.TWO_HOSTS)
    return fakes.applied(fakes.situation(fakes.load(tmp_path)))


def found(of: Situation, stage: str = "doctor") -> dict[str, str]:
    seen = checks.findings(stage, of, FakeWorld(Settings(), of.facts))
    return {f.code: f.text for f in seen if f.code.startswith("D1-BK")}


def told(of: Situation, **changes: Any) -> Situation:
    """The same situation with other news of the host's backups."""
    return fakes.on_host(of, "kuhmo1", backups={**of.facts["kuhmo1"].backups, **changes})


def titles(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def test_a_recovery_point_has_one_id_on_all_hosts(two: Situation) -> None:
    (step,) = plan_create(two, "full").steps
    assert step.where == ("front", "back")
    assert step.work.kind == "call"
    assert step.work.given == {"kind": "full", "point": "20261124-120000", "copied": True}


def test_nothing_goes_live_before_it_is_proven(one: Situation) -> None:
    order = titles(plan_restore(one, {"kuhmo1": CHOICE}))
    proven = order.index("restore-prove")
    assert order.index("recovery-point") == 0
    for stopped in ("pause-platform", "pause-identity", "restore-begin", "restore-check", "restore-database"):
        assert order.index(stopped) < proven
    for live in ("configure-platform-live", "configure-identity-live", "configure-postgresql-live"):
        assert order.index(live) > proven
    assert order[-3:] == ["restore-end", "recovery-point-after", "smoke-test"]


def test_a_target_that_is_away_keeps_nobody_from_restoring(one: Situation) -> None:
    kept = plan_restore(one, {"kuhmo1": CHOICE}).steps[0].work
    assert kept.kind == "call"
    assert kept.given["copied"] is False


def test_what_is_put_back_is_configured_anew(one: Situation) -> None:
    plan = plan_restore(one, {"kuhmo1": CHOICE})
    put_back = {s.work.service for s in plan.steps if s.work.kind == "role" and s.work.action == "restore"}
    configured = {
        s.work.service for s in plan.steps if s.work.kind == "role" and s.work.action == "configure"
    }
    assert put_back == {"directory", "gateway", "platform"}
    assert put_back | {"postgresql", "identity"} == configured


def test_one_tenant_goes_back_without_a_step_that_stops_others(one: Situation) -> None:
    plan = plan_restore_tenant(one, {"kuhmo1": {**CHOICE, "tenant": "kuhmo"}}, ("--tenant", "kuhmo"))
    order = titles(plan)
    assert order[0] == "recovery-point"
    assert order[-6:-4] == ["restore-tenant-put-back", "restore-tenant-prove"]
    assert order[-3:] == ["restore-tenant-open", "recovery-point-after", "smoke-test"]
    played = [step.id for step in plan.steps if step.work.kind == "role"]
    assert played == ["configure-directory-live"], "it gives services their present passwords"
    closing = plan.steps[order.index("restore-tenant-close")].work
    assert closing.kind == "call"
    units = closing.given["told"]["kuhmo1"]["units"]
    assert units
    assert all("@kuhmo." in unit for unit in units)
    assert plan.command == "digione restore kuhmo --tenant kuhmo"


def test_new_hosts_get_everything_and_no_recovery_point_is_made_of_nothing(one: Situation) -> None:
    nothing = replace(one, facts={"kuhmo1": fakes.host()})
    plan = plan_restore(nothing, {"kuhmo1": CHOICE})
    assert "recovery-point" not in titles(plan)
    assert [skip.title for skip in plan.skips] == ["Make a recovery point"]
    assert not any(step.startswith("pause") for step in titles(plan))
    assert {"configure-base", "configure-monitoring-live", "configure-gateway-live"} <= set(titles(plan))


def test_a_restore_that_did_not_end_makes_no_recovery_point_of_what_is_half_there(one: Situation) -> None:
    half = fakes.on_host(one, "kuhmo1", restoring=True)
    assert "recovery-point" not in titles(plan_restore(half, {"kuhmo1": CHOICE}))


def test_all_well_is_no_finding(one: Situation) -> None:
    assert found(one) == {}
    assert found(one, "preflight") == {}


def _ago(**ago: int) -> dict[str, Any]:
    ended = (NOW - timedelta(**ago)).isoformat()
    return {"id": "x", "ended": ended, "seconds": 7.0, "kind": "incr"}


TROUBLE = {"id": "D1-BACKUP-021", "values": {"target": "copies", "reason": "no route to host"}}


@pytest.mark.parametrize(
    ("news", "code", "words"),
    [
        ({"last": _ago(hours=9)}, "D1-BK-002", "24 Nov 2026, 5:00"),
        ({"last": None}, "D1-BK-001", "no recovery point"),
        ({"error": {"at": "", **TROUBLE}}, "D1-BK-008", "no route to host"),
        (
            {"targets": {"copies": {"error": {"since": "2026-11-24T10:00:00+00:00", **TROUBLE}}}},
            "D1-BK-003",
            "since 24 Nov 2026, 12:00",
        ),
        (
            {"targets": {"copies": {"error": None, "until": "2026-11-24T11:50:00+00:00"}}},
            "D1-BK-006",
            "13:50",
        ),
        ({"last": _ago(hours=1), "targets": {}}, "D1-BK-006", "reaches to 24 Nov 2026, 13:00"),
        (
            {
                "last": _ago(hours=2),
                "gaps": [{"last": "A", "until": "2026-11-24T11:00:00+00:00", "next": "B"}],
            },
            "D1-BK-005",
            "13:00",
        ),
        ({"verified": {"at": "2026-11-24T01:00:00+00:00", "problems": 3}}, "D1-BK-007", "3 files"),
    ],
)
def test_trouble_with_backups_is_found(one: Situation, news: dict[str, Any], code: str, words: str) -> None:
    sick = told(one, **news)
    assert set(found(sick)) == {code}
    assert words in found(sick)[code]
    assert found(sick, "preflight") == {}, "it must not keep anyone from mending things"


def test_backups_on_the_hosts_alone_are_a_finding(tmp_path: Path) -> None:
    fakes.write_inventory(tmp_path, main=fakes.INSTANCE)
    alone = fakes.situation(fakes.load(tmp_path))
    there = fakes.host(instance="kuhmo", backups=fakes.backed_up())
    assert set(found(replace(alone, facts={"kuhmo1": there}))) == {"D1-BK-004"}


def test_while_a_restore_is_half_done_nothing_else_changes_the_instance(
    kuhmo: House, world: FakeWorld
) -> None:
    world.facts = {"kuhmo1": fakes.host(instance="kuhmo", restoring=True)}
    result = kuhmo.run("apply", "kuhmo", "--yes")
    assert result.code == Exit.PRECONDITION
    assert "D1-BK-009" in result.all
    assert "digione restore kuhmo" in result.all
    assert not world.played


def test_an_error_of_the_backup_program_is_told_in_words() -> None:
    error = backups.error_of(TROUBLE, "kuhmo", "kuhmo1")
    assert (error.id, error.what) == ("D1-BACKUP-021", "Target copies is not reached from kuhmo1")
    assert "no route to host" in error.why
    assert "what it missed is brought to it by itself" in error.fix


def test_a_key_that_is_wrong_is_told_apart_from_damage() -> None:
    wrong = backups.error_of({"id": "D1-BACKUP-007", "values": {"made": "2026-11-01T00:00:00Z"}}, "k", "h")
    damaged = backups.error_of({"id": "D1-BACKUP-010", "values": {"file": "points/x.json"}}, "k", "h")
    assert wrong.exit == damaged.exit == Exit.INTEGRITY
    assert "not damaged" in wrong.why
    assert "points/x.json is not as it was written" in damaged.why


def test_an_answer_that_nobody_knows_is_a_bug_of_ours() -> None:
    error = backups.error_of({"id": "\x1b[31mD1-X", "values": {"reason": "\x1b[31m boom"}}, "kuhmo", "kuhmo1")
    assert error.id == "D1-BACKUP-000"
    assert "\x1b" not in error.why


@pytest.mark.parametrize(
    ("given", "id_", "words"),
    [
        ("yesterday", "D1-RESTORE-010", "is no moment"),
        ("2026-10-25T03:30", "D1-RESTORE-011", "2026-10-25T03:30:00+03:00 or 2026-10-25T03:30:00+02:00"),
        ("2026-03-29T03:30", "D1-RESTORE-011", "twice that day, or never"),
    ],
)
def test_a_moment_that_may_be_several_is_refused(
    kuhmo: House, world: FakeWorld, given: str, id_: str, words: str
) -> None:
    result = kuhmo.run("restore", "kuhmo", "--to", given, "--confirm", "kuhmo")
    assert result.code == Exit.USAGE
    assert id_ in result.all
    assert words in " ".join(result.all.split())
    assert not world.did


@pytest.fixture
def running(kuhmo: House, world: FakeWorld) -> House:
    """A machine whose instance runs and has a recovery point."""
    of = fakes.applied(fakes.situation(fakes.load(kuhmo.inventories)))
    world.facts = of.facts
    world.backups = {"restore choose": CHOICE}
    return kuhmo


def test_a_dry_run_of_a_restore_shows_the_plan_and_does_nothing(running: House, world: FakeWorld) -> None:
    result = running.run("restore", "kuhmo", "--dry-run")
    assert result.code == 0, result.all
    assert "Goes back to the newest state, from the host's own vault" in result.all
    assert "Put the databases back on kuhmo1" in result.all
    assert [did for did in world.did if not did.startswith("build")] == []
    assert not world.played


def test_a_restore_asks_for_the_name(running: House, world: FakeWorld) -> None:
    result = running.run("restore", "kuhmo", "--confirm", "kuopio")
    assert result.code == Exit.USAGE
    assert not world.played


def test_what_cannot_be_restored_is_said_with_the_window_before_anything_starts(
    running: House, world: FakeWorld
) -> None:
    window = {"to": "2026-01-01T00:00:00Z", "since": "2026-11-01T00:00:00Z", "until": "2026-11-24T10:00:00Z"}
    world.backups = {"restore choose": {"error": {"id": "D1-RESTORE-002", "values": window}}}
    result = running.run("restore", "kuhmo", "--to", "2026-01-01T02:00", "--confirm", "kuhmo")
    assert result.code == Exit.USAGE
    assert "begins 1 Nov 2026, 2:00:00 and ends 24 Nov 2026, 12:00:00" in " ".join(result.all.split())
    assert not world.played


def test_damage_ends_verify_with_code_6(running: House, world: FakeWorld) -> None:
    world.backups = {
        "verify": {
            "problems": [{"place": "copies", "file": "files/data/ab/abc", "what": "altered", "mended": True}],
            "troubles": {},
            "checked": {"vault": 10, "copies": 10},
            "round_trip": {"vault": 0.3, "copies": 5.0},
            "gaps": [],
        }
    }
    result = running.run("backup", "verify", "kuhmo", "--json")
    assert result.code == Exit.INTEGRITY
    assert json.loads(result.out)["problems_kuhmo1"][0]["file"] == "files/data/ab/abc"


def test_a_target_that_is_not_reached_is_told_by_list(running: House, world: FakeWorld) -> None:
    world.backups = {
        "list": {"points": [], "places": {}, "altered": {}, "troubles": {"copies": TROUBLE}, "gaps": []}
    }
    result = running.run("backup", "list", "kuhmo")
    assert result.code == Exit.PRECONDITION
    assert "D1-BACKUP-021" in result.all


def test_the_key_of_the_backups_is_never_rotated(running: House) -> None:
    result = running.run("secrets", "rotate", "kuhmo", "backup_key", "--yes")
    assert result.code == Exit.USAGE
    assert "D1-SEC-013" in result.all


@pytest.mark.parametrize(
    ("tenant", "command"), [("", "digione restore kuhmo"), ("kuhmo", "digione restore kuhmo --tenant kuhmo")]
)
def test_a_restore_that_did_not_end_is_named_by_its_own_command(tenant: str, command: str) -> None:
    values = {"host": "kuhmo1", "tenant": tenant}
    for id_ in ("D1-BACKUP-008", "D1-RESTORE-015"):
        assert backups.error_of({"id": id_, "values": values}, "kuhmo", "kuhmo1").fix.endswith(command)
