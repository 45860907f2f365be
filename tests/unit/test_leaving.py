"""What leaves the inventory: tenants, services and hosts that are on the hosts still."""

from dataclasses import replace
from pathlib import Path

import pytest

from digione_cli import checks
from digione_cli.engine.desired import desired_state
from digione_cli.engine.execute import play_request
from digione_cli.engine.secrets import SecretName, SecretStore
from digione_cli.engine.services import Services
from digione_cli.engine.situation import Situation
from digione_cli.errors import PreconditionError, UsageError
from digione_cli.main import run
from digione_cli.model.facts import Facts
from digione_cli.model.plan import Call, Plan, Step
from digione_cli.settings import Settings
from digione_cli.steps import CALLS, forget_secrets
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.destroy import plan_destroy
from digione_cli.verbs.tenant import plan_tenant_remove
from digione_cli.world.registry import Registry
from tests import fakes
from tests.fakes import TENANT, TWO_HOSTS, FakeWorld, applied, load, on_host, situation, write_inventory

SOTKAMO = TENANT.replace("290", "765").replace("2907", "7658").replace("koulu", "koti")
HOLDING = {n for n, s in fakes.services().items() if s.holds_tenants}
WITH_DATA = {n for n, s in fakes.services().items() if s.tenant_data}


@pytest.fixture
def both(tmp_path: Path) -> Situation:
    """Two tenants, applied to two hosts."""
    write_inventory(tmp_path, main=TWO_HOSTS, tenants={"kuhmo": TENANT, "sotkamo": SOTKAMO})
    return applied(situation(load(tmp_path)))


@pytest.fixture
def left(both: Situation) -> Situation:
    """Sotkamo's file is deleted, and the rest was applied again; its secrets are there still."""
    (both.instance.folder / "tenants/sotkamo.yml").unlink()
    return _again(both)


def _again(before: Situation) -> Situation:
    """The same inventory after it was edited and applied: tenants that were on the hosts are there still."""
    instance = load(before.instance.folder.parent)
    now = applied(situation(instance, secrets=before.secrets))
    facts = {}
    for host, seen in now.facts.items():
        known = before.facts[host].services
        services = {
            n: s.model_copy(update={"tenants": known[n].tenants if n in known else s.tenants})
            for n, s in seen.services.items()
        }
        facts[host] = seen.model_copy(update={"services": services})
    return replace(now, facts=facts)


def without(of: Situation, names: set[str], tenant: str = "sotkamo") -> Situation:
    """The same situation after the tenant was taken out of some services."""
    facts: Facts = {}
    for host, seen in of.facts.items():
        services = {
            n: s.model_copy(update={"tenants": tuple(t for t in s.tenants if n not in names or t != tenant)})
            for n, s in seen.services.items()
        }
        facts[host] = seen.model_copy(update={"services": services})
    return replace(of, facts=facts)


def found(of: Situation, tmp_path: Path) -> dict[str, str]:
    """What the doctor says of things that left: fixes by code."""
    world = FakeWorld(Settings(state=tmp_path / "state"), of.facts)
    return {f.code: f.fix for f in checks.findings("doctor", of, world) if f.code.startswith("D1-LEFT")}


def removed(plan: Plan) -> list[str]:
    return [s.id.removeprefix("tenant-remove-") for s in plan.steps if s.id.startswith("tenant-remove-")]


def work(step: Step) -> str:
    return step.work.action if step.work.kind == "role" else step.work.call


def test_a_tenant_that_left_is_named_with_the_command_to_type(left: Situation, tmp_path: Path) -> None:
    plan = plan_apply(left)
    assert plan.steps == ()
    (skip,) = [s for s in plan.skips if "sotkamo" in s.title]
    assert skip.why.endswith("no longer in the inventory: digione tenant remove kuhmo sotkamo")
    assert skip.where == ("front", "back")
    assert found(left, tmp_path) == {"D1-LEFT-001": "digione tenant remove kuhmo sotkamo"}


def test_nothing_is_said_while_all_is_in_the_inventory(both: Situation, tmp_path: Path) -> None:
    assert {s.title for s in plan_apply(both).skips} == {
        f"Configure {s.title}" for s in fakes.services().values()
    }
    assert found(both, tmp_path) == {}


def test_secrets_of_a_tenant_that_left_change_nothing_for_others(left: Situation) -> None:
    values = {n: v for n, v in left.secrets.values.items() if n.tenant != "sotkamo"}
    assert len(values) < len(left.secrets.values)
    fewer = replace(left.secrets, values=values)
    desired = desired_state(left.instance, left.services, fewer, fakes.BUNDLE)
    assert desired.fingerprints == left.desired.fingerprints


def test_a_tenant_is_taken_out_of_every_service_that_holds_it(left: Situation) -> None:
    plan = plan_tenant_remove(left, "sotkamo", keep_data=False)
    assert removed(plan) == [n for n in reversed(list(fakes.services())) if n in HOLDING]
    assert [work(s) for s in plan.steps[-2:]] == ["smoke_test", "forget_secrets"]
    assert plan.destructive
    assert plan.subject == "sotkamo"
    assert plan.command == "digione tenant remove kuhmo sotkamo"


def test_the_plan_says_which_data_of_people_go(left: Situation) -> None:
    plan = plan_tenant_remove(left, "sotkamo", keep_data=False)
    told = {s.work.service: s.why for s in plan.steps if s.work.kind == "role"}
    for name in WITH_DATA:
        assert told[name] == (f"deleted for good: {fakes.services()[name].tenant_data}",)


def test_data_can_be_kept(left: Situation, tmp_path: Path) -> None:
    plan = plan_tenant_remove(left, "sotkamo", keep_data=True)
    assert set(removed(plan)) == HOLDING - WITH_DATA
    assert "forget_secrets" not in map(work, plan.steps)
    assert {s.why for s in plan.skips} == {f"kept: {fakes.services()[n].tenant_data}" for n in WITH_DATA}
    assert plan.command == "digione tenant remove kuhmo sotkamo --keep-data"

    kept = without(left, HOLDING - WITH_DATA)
    assert plan_tenant_remove(kept, "sotkamo", keep_data=True).steps == ()
    assert set(found(kept, tmp_path)) == {"D1-LEFT-002"}
    assert "its data is kept" in plan_apply(kept).skips[-1].why
    assert set(removed(plan_tenant_remove(kept, "sotkamo", keep_data=False))) == WITH_DATA


def test_a_removal_goes_on_after_an_interruption(left: Situation) -> None:
    last = without(left, HOLDING - {"postgresql"})
    assert removed(plan_tenant_remove(last, "sotkamo", keep_data=False)) == ["postgresql"]
    only_secrets = without(left, HOLDING)
    assert [work(s) for s in plan_tenant_remove(only_secrets, "sotkamo", keep_data=False).steps] == [
        "forget_secrets"
    ]


def test_a_removed_tenant_needs_nothing_more(left: Situation, tmp_path: Path) -> None:
    values = {n: v for n, v in left.secrets.values.items() if n.tenant != "sotkamo"}
    gone = replace(without(left, HOLDING), secrets=replace(left.secrets, values=values))
    with pytest.raises(UsageError, match="D1-LEAVE-005"):
        plan_tenant_remove(gone, "sotkamo", keep_data=False)
    assert found(gone, tmp_path) == {}


def test_of_an_unknown_tenant_those_that_are_there_are_named(left: Situation) -> None:
    with pytest.raises(UsageError, match="D1-LEAVE-005") as caught:
        plan_tenant_remove(left, "sotkmo", keep_data=False)
    assert caught.value.why.endswith("known are: kuhmo, sotkamo")
    assert caught.value.fix == "digione tenant remove kuhmo sotkamo"
    with pytest.raises(UsageError) as caught:
        plan_tenant_remove(left, "\x1bnosuch", keep_data=False)
    assert caught.value.fix == "digione status kuhmo"
    assert "\x1b" not in caught.value.what


def test_services_forget_the_tenant_before_its_parts_go(both: Situation) -> None:
    (both.instance.folder / "tenants/sotkamo.yml").unlink()
    instance = load(both.instance.folder.parent)
    edited = situation(instance, facts=both.facts, secrets=both.secrets)
    steps = [s.id for s in plan_tenant_remove(edited, "sotkamo", keep_data=False).steps]
    for name in HOLDING:
        assert steps.index(f"configure-{name}") < steps.index(f"tenant-remove-{name}")


def test_a_tenant_in_the_inventory_is_not_removed(both: Situation) -> None:
    with pytest.raises(PreconditionError, match="D1-LEAVE-001") as caught:
        plan_tenant_remove(both, "sotkamo", keep_data=False)
    assert "tenants/sotkamo.yml" in caught.value.why


def test_the_only_tenant_leaves_with_the_instance(both: Situation) -> None:
    (both.instance.folder / "tenants/sotkamo.yml").unlink()
    alone = situation(load(both.instance.folder.parent), facts=both.facts, secrets=both.secrets)
    with pytest.raises(PreconditionError, match="D1-LEAVE-001") as caught:
        plan_tenant_remove(alone, "kuhmo", keep_data=False)
    assert caught.value.fix.endswith("digione destroy kuhmo")


def test_only_what_is_the_tenants_own_is_stopped(left: Situation, tmp_path: Path) -> None:
    plan = plan_tenant_remove(left, "sotkamo", keep_data=False)
    steps = [s for s in plan.steps if s.work.kind == "role"]
    world = FakeWorld(Settings(state=tmp_path / "state"), left.facts)
    request = play_request(steps, left, world, "1")
    for step in request.steps:
        assert step.tenant == "sotkamo"
        assert all("sotkamo" in own for own in (*step.units, *step.users))
    assert {u for s in request.steps for u in s.users} == {"digione-sotkamo", "digione-id-sotkamo"}


def test_secrets_go_at_the_end_and_those_of_others_stay(left: Situation, tmp_path: Path) -> None:
    store = SecretStore(left.instance.folder, tmp_path / "keys")
    store.write(left.secrets.values, left.secrets.salt)
    of = replace(left, store=store)
    step = forget_secrets("sotkamo")
    assert isinstance(step.work, Call)
    CALLS["forget_secrets"](step, step.work, of, FakeWorld(Settings(), {}))
    kept = store.read()
    assert kept.salt == left.secrets.salt
    assert kept.values.keys() == {n for n in left.secrets.values if n.tenant != "sotkamo"}
    assert SecretName("platform_database", "kuhmo") in kept.values


def test_destroy_takes_tenants_that_left_along(left: Situation, tmp_path: Path) -> None:
    world = FakeWorld(Settings(state=tmp_path / "state"), left.facts)
    steps = list(plan_destroy(left, keep_data=False).steps)
    request = play_request(steps, left, world, "1")
    assert "digione-platform@sotkamo.service" in {u for s in request.steps for u in s.units}
    assert "digione-sotkamo" in {u for s in request.steps for u in s.users}


def moved(of: Situation, service: str) -> Situation:
    """The same hosts after a service was placed on the other one."""
    file = of.instance.folder / "instance.yml"
    text = file.read_text()
    onto, off = ("front", "back") if service in TWO_HOSTS.partition("back:")[2] else ("back", "front")
    parts = dict(
        zip(("head", "front", "back"), text.replace("  back:", "  front:").split("  front:"), strict=True)
    )
    parts[off] = parts[off].replace(f", {service}", "").replace(f"{service}, ", "")
    parts[onto] = parts[onto].replace("services: [", f"services: [{service}, ")
    file.write_text(f"{parts['head']}  front:{parts['front']}  back:{parts['back']}")
    return situation(load(of.instance.folder.parent), facts=of.facts, secrets=of.secrets)


def test_a_service_placed_elsewhere_is_removed_where_it_was(both: Situation, tmp_path: Path) -> None:
    now = moved(both, "monitoring")
    plan = plan_apply(now)
    (remove,) = [s for s in plan.steps if s.id == "remove-monitoring"]
    assert remove.where == ("back",)
    assert remove.why == ("no longer placed there", f"kept: {fakes.services()['monitoring'].own_data}")
    steps = [s.id for s in plan.steps]
    assert steps.index("configure-monitoring") < steps.index("remove-monitoring")
    assert steps[-1] == "smoke-test"
    assert set(found(now, tmp_path)) == {"D1-LEFT-003"}


def test_data_that_a_moved_service_left_is_told(both: Situation, tmp_path: Path) -> None:
    now = moved(both, "monitoring")
    services = {n: s for n, s in now.facts["back"].services.items() if n != "monitoring"}
    after = on_host(now, "back", services=services, kept=("monitoring",))
    fix = found(after, tmp_path)["D1-LEFT-005"]
    assert "on back: rm -r /var/lib/prometheus;" in fix
    moved_back = on_host(both, "back", services=services, kept=("monitoring",))
    assert "D1-LEFT-005" not in found(moved_back, tmp_path)


@pytest.mark.parametrize("service", sorted(WITH_DATA))
def test_a_service_is_not_begun_anew_away_from_its_data(both: Situation, service: str) -> None:
    with pytest.raises(PreconditionError, match="D1-LEAVE-002") as caught:
        plan_apply(moved(both, service))
    assert "its data is on back" in caught.value.why
    assert f"place {service} on back again" in caught.value.fix


def test_a_service_of_another_instance_is_left_alone(both: Situation) -> None:
    now = moved(both, "monitoring")
    other = on_host(now, "back", instance="another")
    assert "remove-monitoring" not in [s.id for s in plan_apply(other).steps]


def test_a_host_that_left_is_remembered(both: Situation, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "state/registry.sqlite")
    registry.record_seen(both.instance, both.facts, "2026-11-24T10:00:00Z")
    hosts = {"front": both.instance.hosts["front"]}
    fewer = both.instance.model_copy(update={"hosts": hosts})
    assert registry.left_hosts(both.instance) == ()
    for _ in range(2):
        assert registry.left_hosts(fewer) == ("back",)
        registry.record_seen(fewer, {"front": both.facts["front"]}, "2026-11-24T11:00:00Z")

    now = replace(both, left_hosts=("back",))
    assert any(s.where == ("back",) and "digione doctor kuhmo" in s.why for s in plan_apply(now).skips)
    assert "digione destroy kuhmo --host back" in found(now, tmp_path)["D1-LEFT-004"]

    registry.forget_host("kuhmo", "back")
    assert registry.left_hosts(fewer) == ()
    assert registry.seen()["kuhmo"][1].keys() == {"front"}


def test_a_host_that_was_cleaned_before_it_left_is_forgotten(both: Situation, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "state/registry.sqlite")
    clean = on_host(both, "back", services={}, instance="")
    registry.record_seen(both.instance, clean.facts, "2026-11-24T10:00:00Z")
    fewer = both.instance.model_copy(update={"hosts": {"front": both.instance.hosts["front"]}})
    assert registry.left_hosts(fewer) == ()


def test_a_machine_that_is_gone_is_forgotten_by_name(
    both: Situation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGIONE_INVENTORIES", str(tmp_path))
    monkeypatch.setenv("DIGIONE_STATE", str(tmp_path / "state"))
    registry = Registry(tmp_path / "state/registry.sqlite")
    registry.record_seen(both.instance, {**both.facts, "old": both.facts["back"]}, "2026-11-24T10:00:00Z")
    forget = ["destroy", "kuhmo", "--gone", "--host"]
    assert run([*forget, "back"]) == 2
    assert "D1-LEAVE-003" in capsys.readouterr().err
    assert run([*forget, "old", "--dry-run"]) == 0
    assert registry.left_hosts(both.instance) == ("old",)
    assert run([*forget, "old"]) == 0
    assert registry.left_hosts(both.instance) == ()


def test_a_move_drops_no_databases_of_an_external_server(both: Situation) -> None:
    outside = {**both.services, "postgresql": both.services["postgresql"].outside()}
    plan = plan_apply(replace(moved(both, "postgresql"), services=Services(outside)))
    (remove,) = [s for s in plan.steps if s.id == "remove-postgresql"]
    assert remove.work.kind == "role"
    assert remove.work.keep_data


def test_one_host_can_be_cleaned(both: Situation) -> None:
    plan = plan_destroy(both, keep_data=False, only="back")
    assert {s.where for s in plan.steps} == {("back",)}
    assert plan.command == "digione destroy kuhmo --host back"
    with pytest.raises(UsageError, match="D1-LEAVE-004"):
        plan_destroy(both, keep_data=False, only="side")
