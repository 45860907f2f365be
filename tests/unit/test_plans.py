"""What apply and destroy would do: plans follow from the situation alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from digione_cli.engine.situation import Situation
from digione_cli.model.facts import Applied, Certificate, Drift
from digione_cli.model.plan import Plan
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.destroy import plan_destroy
from tests import fakes
from tests.fakes import TWO_HOSTS, applied, load, on_host, situation, write_inventory


@pytest.fixture
def fresh(tmp_path: Path) -> Situation:
    write_inventory(tmp_path)
    return situation(load(tmp_path))


@pytest.fixture
def two_hosts(tmp_path: Path) -> Situation:
    write_inventory(tmp_path, main=TWO_HOSTS)
    return situation(load(tmp_path))


def steps(plan: Plan) -> list[str]:
    return [s.id for s in plan.steps]


def test_a_first_apply_configures_every_service_and_closes_with_a_smoke_test(fresh: Situation) -> None:
    plan = plan_apply(fresh)
    assert steps(plan) == [f"configure-{s}" for s in fakes.services()] + ["smoke-test"]
    assert plan.skips == ()
    assert not plan.destructive
    assert {why for s in plan.steps[:-1] for why in s.why} == {"kuhmo1: not there yet"}


def test_a_service_comes_after_those_that_it_needs(fresh: Situation) -> None:
    order = steps(plan_apply(fresh))
    for name, service in fakes.services().items():
        for needed in service.after:
            assert order.index(f"configure-{needed}") < order.index(f"configure-{name}")


def test_an_unchanged_instance_needs_nothing_and_says_since_when(fresh: Situation) -> None:
    plan = plan_apply(applied(fresh))
    assert plan.steps == ()
    assert len(plan.skips) == len(fakes.services())
    assert {s.why for s in plan.skips} == {"as wanted since 1 Nov 2026, 2:00"}


def test_what_was_interrupted_is_done_again(fresh: Situation) -> None:
    services = dict(applied(fresh).facts["kuhmo1"].services) | {"directory": Applied(fingerprint={})}
    plan = plan_apply(on_host(applied(fresh), "kuhmo1", services=services))
    assert steps(plan) == ["configure-directory", "smoke-test"]
    assert plan.steps[0].why == ("kuhmo1: an earlier run did not end",)


def test_another_fingerprint_is_a_change(fresh: Situation) -> None:
    services = dict(applied(fresh).facts["kuhmo1"].services)
    other = services["gateway"].fingerprint | {"role": "other"}
    services["gateway"] = Applied(fingerprint=other)
    plan = plan_apply(on_host(applied(fresh), "kuhmo1", services=services))
    assert steps(plan) == ["configure-gateway", "smoke-test"]
    assert plan.steps[0].why == ("kuhmo1: changed: the role",)


@pytest.mark.parametrize(
    ("drift", "why"),
    [
        (Drift(service="gateway", kind="changed", subject="/etc/nginx/nginx.conf"), "was changed by hand"),
        (Drift(service="gateway", kind="missing", subject="/etc/nginx/nginx.conf"), "is missing"),
        (Drift(service="gateway", kind="unknown", subject="/etc/x"), "was not written by DigiOne"),
        (
            Drift(service="gateway", kind="mode", subject="/etc/x", has="0666", wants="0644"),
            "0666, wanted is 0644",
        ),
        (
            Drift(service="gateway", kind="owner", subject="/etc/x", has="a:a", wants="b:b"),
            "a:a, wanted is b:b",
        ),
        (
            Drift(service="gateway", kind="unit", subject="nginx.service", has="failed"),
            "nginx.service is failed",
        ),
    ],
)
def test_drift_is_repaired_by_the_service_that_it_is_of(fresh: Situation, drift: Drift, why: str) -> None:
    plan = plan_apply(on_host(applied(fresh), "kuhmo1", drift=(drift,)))
    assert steps(plan) == ["configure-gateway", "smoke-test"]
    assert why in plan.steps[0].why[0]


@pytest.mark.parametrize(
    ("path", "own", "ends", "planned"),
    [
        (
            "/etc/digione/tls/postgresql.pem",
            True,
            "2026-12-20T00:00:00Z",
            ["configure-postgresql", "smoke-test"],
        ),
        (
            "/etc/digione/tls/gateway-kuhmo.pem",
            True,
            "2026-12-01T00:00:00Z",
            ["configure-gateway", "smoke-test"],
        ),
        (
            "/etc/digione/tls/gateway-kuhmo.pem",
            True,
            "2026-11-01T00:00:00Z",
            ["configure-gateway", "smoke-test"],
        ),
        ("/etc/digione/tls/gateway-kuhmo.pem", True, "2027-06-01T00:00:00Z", []),
        ("/etc/digione/tls/gateway-kuhmo.pem", False, "2026-12-01T00:00:00Z", []),
        ("/etc/digione/tls/of-somebody-else.pem", True, "2026-12-01T00:00:00Z", []),
    ],
)
def test_certificates_of_the_private_authority_are_renewed_in_time(
    fresh: Situation, path: str, own: bool, ends: str, planned: list[str]
) -> None:
    certificate = Certificate(path=path, not_after=ends, own=own)
    plan = plan_apply(on_host(applied(fresh), "kuhmo1", certificates=(certificate,)))
    assert steps(plan) == planned


def test_services_go_to_their_own_hosts(two_hosts: Situation) -> None:
    where = {s.id: s.where for s in plan_apply(two_hosts).steps}
    assert where["configure-base"] == ("front", "back")
    assert where["configure-postgresql"] == ("back",)
    assert where["configure-platform"] == ("front",)
    assert where["smoke-test"] == ("front", "back")


def test_only_the_host_that_differs_is_worked_on(two_hosts: Situation) -> None:
    drift = Drift(service="base", kind="missing", subject="/etc/nftables.conf")
    plan = plan_apply(on_host(applied(two_hosts), "back", drift=(drift,)))
    assert steps(plan) == ["configure-base", "smoke-test"]
    assert plan.steps[0].where == ("back",)
    assert any(s.title == "Configure Base system" and s.where == ("front",) for s in plan.skips)


def test_a_plan_follows_from_the_situation_alone(two_hosts: Situation) -> None:
    assert plan_apply(two_hosts) == plan_apply(replace(two_hosts))


def _data(service: str) -> str:
    return fakes.services()[service].tenant_data


def test_destroy_takes_services_off_in_reverse_order(fresh: Situation) -> None:
    plan = plan_destroy(applied(fresh), keep_data=False)
    assert steps(plan) == [f"remove-{s}" for s in reversed(list(fakes.services()))]
    assert plan.destructive
    told = {s.id.removeprefix("remove-"): s.why for s in plan.steps}
    assert told["postgresql"] == (f"deleted for good: {_data('postgresql')} (kuhmo)",)
    assert told["directory"] == (f"deleted for good: {_data('directory')} (kuhmo)",)
    assert told["monitoring"] == (f"deleted for good: {fakes.services()['monitoring'].own_data}",)
    assert told["identity"] == ()


def test_destroy_can_keep_the_data(fresh: Situation) -> None:
    plan = plan_destroy(applied(fresh), keep_data=True)
    assert all(s.work.kind == "role" and s.work.keep_data for s in plan.steps)
    told = {s.id.removeprefix("remove-"): s.why for s in plan.steps}
    assert told["postgresql"] == (f"kept: {_data('postgresql')} (kuhmo)",)


def test_kept_data_goes_with_the_next_destroy(fresh: Situation) -> None:
    names = tuple(fakes.services())
    kept = on_host(fresh, "kuhmo1", instance="kuhmo", kept=names)
    assert steps(plan_destroy(kept, keep_data=False)) == [f"remove-{s}" for s in reversed(names)]
    again = plan_destroy(kept, keep_data=True)
    assert again.steps == ()
    why = {s.title: s.why for s in again.skips}
    assert why["Remove PostgreSQL 15"] == "its data is kept"
    assert why[f"Remove {fakes.services()['identity'].title}"] == "not there"
    of_another = on_host(fresh, "kuhmo1", instance="sotkamo", kept=names)
    assert plan_destroy(of_another, keep_data=False).steps == ()


def test_destroy_of_nothing_is_nothing(fresh: Situation) -> None:
    plan = plan_destroy(fresh, keep_data=False)
    assert plan.steps == ()
    assert {s.why for s in plan.skips} == {"not there"}


def test_destroy_goes_on_after_an_interruption(two_hosts: Situation) -> None:
    left = {"base": Applied(fingerprint={}), "postgresql": Applied(fingerprint={})}
    now = on_host(applied(two_hosts), "back", services=left)
    now = on_host(now, "front", services={})
    plan = plan_destroy(now, keep_data=False)
    assert steps(plan) == ["remove-postgresql", "remove-base"]
    assert all(s.where == ("back",) for s in plan.steps)


def test_destroy_leaves_what_belongs_to_another_instance(fresh: Situation) -> None:
    plan = plan_destroy(on_host(applied(fresh), "kuhmo1", instance="sotkamo"), keep_data=False)
    assert plan.steps == ()
