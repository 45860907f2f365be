"""What each check finds, and that it finds nothing where all is well."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digione_cli import checks, texts
from digione_cli.engine.situation import Situation
from digione_cli.model.facts import Applied, Certificate, Drift, HostFacts, LockHolder, Unit
from digione_cli.model.finding import Finding, Level
from digione_cli.settings import Settings
from digione_cli.world.http import Answer
from tests.fakes import INSTANCE, NOW, TENANT, FakeWorld, applied, load, on_host, situation, write_inventory


@pytest.fixture
def well(tmp_path: Path) -> Situation:
    """An instance of which everything is as it should be."""
    write_inventory(tmp_path)
    return applied(situation(load(tmp_path)))


def found(
    of: Situation, stage: str = "doctor", answers: Callable[[str], Answer] | None = None
) -> list[Finding]:
    world = FakeWorld(Settings(), of.facts)
    if answers:
        world.answers = answers
    return list(checks.findings(stage, of, world))


@pytest.mark.parametrize("stage", checks.STAGES)
def test_nothing_is_found_where_all_is_well(well: Situation, stage: str) -> None:
    assert found(well, stage) == []


DRIFT = Drift(service="gateway", kind="changed", subject="/etc/nginx/nginx.conf")
UNIT = Drift(service="gateway", kind="unit", subject="nginx.service", has="failed")
FIREWALL = Drift(service="base", kind="probe", subject="nft list chain inet digione input")
HOLDER = LockHolder(operation="x", who="maija", machine="kone", verb="apply", since="2026-11-29T10:00:00Z")
UNKNOWN_PROBE = Drift(service="base", kind="probe", subject="true")


def _services(**fingerprints: str) -> Callable[[Situation], dict[str, object]]:
    def change(of: Situation) -> dict[str, object]:
        kept = of.facts["kuhmo1"].services
        return {
            "services": kept
            | {n: Applied(fingerprint={"role": f} if f else {}) for n, f in fingerprints.items()}
        }

    return change


def _certificate(days: float) -> dict[str, object]:
    end = (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"certificates": (Certificate(path="/etc/digione/tls/x.pem", not_after=end),)}


E, W, H = Level.ERROR, Level.WARNING, Level.HINT
CASES: dict[str, tuple[dict[str, object] | Callable[[Situation], dict[str, object]], str, Level, str]] = {
    "host off": ({"reached": False, "error": "no route"}, "D1-HOST-001", E, "no route"),
    "other system": ({"os": "debian-11"}, "D1-HOST-002", E, "debian-11"),
    "no systemd": ({"systemd": False}, "D1-HOST-002", E, "without systemd"),
    "little memory": ({"memory_mb": 1000}, "D1-HOST-003", E, "1000 MB"),
    "little disk": ({"disk_free_mb": 3000}, "D1-HOST-004", W, "3000 MB"),
    "hardly any disk": ({"disk_free_mb": 300}, "D1-HOST-004", E, "300 MB"),
    "clock ahead": ({"time": NOW.timestamp() + 3600}, "D1-HOST-005", E, "+3600 s"),
    "clock behind": ({"time": NOW.timestamp() - 61}, "D1-HOST-005", E, "-61 s"),
    "of another": ({"instance": "sotkamo"}, "D1-HOST-006", E, "sotkamo"),
    "apt": ({"apt_locked_by": "apt-get"}, "D1-HOST-007", W, "apt-get"),
    "apt by nobody knows whom": ({"apt_locked_by": "?"}, "D1-HOST-007", W, "apt is held"),
    "restart": ({"reboot_required": True}, "D1-HOST-008", H, "due"),
    "unit": ({"drift": (UNIT,)}, "D1-SVC-001", E, "nginx.service is failed"),
    "file": ({"drift": (DRIFT,)}, "D1-SVC-002", W, "/etc/nginx/nginx.conf"),
    "interrupted": (_services(gateway=""), "D1-SVC-003", E, "the run that configured gateway did not end"),
    "removal interrupted": (
        lambda of: {
            "services": of.facts["kuhmo1"].services | {"gateway": Applied(fingerprint={}, leaving=True)},
            "drift": (DRIFT,),
        },
        "D1-SVC-007",
        E,
        "the removal of gateway did not end",
    ),
    "at work": (
        {"apt_locked_by": "apt-get", "lock": HOLDER},
        "D1-HOST-009",
        H,
        "apply of maija@kone is at work on it since",
    ),
    "never applied": ({"services": {}}, "D1-SVC-003", E, "the instance was never applied to it"),
    "taken off": ({"services": {}, "kept": ("base",)}, "D1-SVC-003", E, "its data is kept"),
    "services lacking": (
        lambda of: {
            "services": {n: s for n, s in of.facts["kuhmo1"].services.items() if n not in ("gateway", "base")}
        },
        "D1-SVC-003",
        E,
        "never applied to it: base, gateway",
    ),
    "firewall flushed": (
        {"drift": (FIREWALL,)},
        "D1-SVC-006",
        E,
        "base: the firewall's rules are not loaded",
    ),
    "probe of another release": ({"drift": (UNKNOWN_PROBE,)}, "D1-SVC-006", E, "base: true fails"),
    "out of date": (
        _services(gateway="x"),
        "D1-SVC-004",
        W,
        "not applied yet to gateway: new: tenant kuhmo",
    ),
    "restarts": ({"units": {"nginx.service": Unit(active="active", restarts=9)}}, "D1-SVC-005", W, "9 times"),
    "ends in a month": (_certificate(29.5), "D1-CERT-001", H, "29 days"),
    "ends in a week": (_certificate(7.5), "D1-CERT-001", W, "7 days"),
    "ends tomorrow": (_certificate(1.5), "D1-CERT-001", E, "in 1 day "),
    "ended": (_certificate(-2.5), "D1-CERT-001", E, "ago"),
}


@pytest.mark.parametrize("name", CASES)
def test_trouble_is_found(well: Situation, name: str) -> None:
    given, code, level, words = CASES[name]
    changes = given(well) if callable(given) else given
    (finding,) = found(on_host(well, "kuhmo1", **changes))
    assert (finding.code, finding.level) == (code, level)
    assert words in finding.text
    assert finding.subject == "kuhmo1"
    assert finding.fix
    assert not {"{", "<"} & set(finding.fix)


@pytest.fixture(params=["fi", "sv"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A reader's language, for one test."""
    monkeypatch.setenv("DIGIONE_LANGUAGE", request.param)
    for known in (texts.language, texts.catalogue):
        known.cache_clear()
    yield request.param
    monkeypatch.undo()
    for known in (texts.language, texts.catalogue):
        known.cache_clear()


IN_WORDS = {
    "other system": {"fi": "sen käyttöjärjestelmä on debian-11", "sv": "den kör debian-11"},
    "unit": {"fi": "gateway: nginx.service: tila failed", "sv": "gateway: nginx.service har status failed"},
    "file": {
        "fi": "gateway: /etc/nginx/nginx.conf: muutettu käsin",
        "sv": "gateway: /etc/nginx/nginx.conf har ändrats för hand",
    },
    "ends tomorrow": {
        "fi": "/etc/digione/tls/x.pem vanhenee 1 päivän kuluttua ({date})",
        "sv": "/etc/digione/tls/x.pem går ut om 1 dag ({date})",
    },
}


@pytest.mark.parametrize("case", IN_WORDS)
def test_findings_come_in_the_readers_language_with_the_same_code(
    well: Situation, case: str, language: str
) -> None:
    change, code, level, _ = CASES[case]
    changes = change(well) if callable(change) else change
    (finding,) = found(on_host(well, "kuhmo1", **changes))
    date = (NOW + timedelta(days=1.5)).strftime("%Y-%m-%d")
    assert finding.text == IN_WORDS[case][language].format(date=date)
    assert (finding.code, finding.level) == (code, level)
    english = next(c.CODES[code].fix for c in checks.modules() if code in c.CODES)
    assert finding.fix not in ("", english)
    assert "{" not in finding.fix


def test_what_was_never_applied_is_found(well: Situation) -> None:
    left = dict(well.facts["kuhmo1"].services)
    del left["monitoring"]
    codes = {f.code for f in found(on_host(well, "kuhmo1", services=left))}
    assert codes == {"D1-SVC-003"}


def test_a_port_is_taken_only_while_its_service_is_not_there(well: Situation) -> None:
    listening = {"tcp/443": "nginx", "tcp/5432": "postgres"}
    assert found(on_host(well, "kuhmo1", listening=listening)) == []
    empty = on_host(well, "kuhmo1", listening=listening, services={})
    taken = [f for f in found(empty, "preflight") if f.code == "D1-PORT-001"]
    assert {f.text.split()[0] for f in taken} == {"tcp/443", "tcp/5432"}
    assert "taken by nginx" in taken[0].text


def test_little_disk_on_a_fresh_host_is_an_error(well: Situation) -> None:
    fresh = on_host(well, "kuhmo1", disk_free_mb=3000, services={})
    assert {f.level for f in found(fresh, "preflight") if f.code == "D1-HOST-004"} == {Level.ERROR}


@pytest.mark.parametrize(
    ("answers", "codes"),
    [
        (lambda url: Answer(502, "bad gateway"), {"D1-TEN-001", "D1-TEN-002"}),
        (lambda url: Answer(0, "connection refused"), {"D1-TEN-001", "D1-TEN-002"}),
        (
            lambda url: (
                Answer(503, "maintenance") if "healthz" in url else Answer(200, "authorization_endpoint")
            ),
            {"D1-TEN-003"},
        ),
        (lambda url: Answer(200, "{}"), {"D1-TEN-002"}),
    ],
)
def test_each_tenant_must_answer(well: Situation, answers: Callable[[str], Answer], codes: set[str]) -> None:
    for stage in ("doctor", "smoke"):
        assert {f.code for f in found(well, stage, answers)} == codes
    assert all(f.subject == "kuhmo" for f in found(well, "doctor", answers))


UPSTREAM = """\
identity:
  upstream: {kind: oidc, title: MPASSid, issuer: "https://mpass.example", client_id: digione}
"""


@pytest.mark.parametrize(("status", "codes"), [(302, set()), (200, {"D1-TEN-004"}), (0, {"D1-TEN-004"})])
def test_upstream_provider_that_is_away_is_only_a_warning(
    tmp_path: Path, status: int, codes: set[str]
) -> None:
    write_inventory(tmp_path, tenants={"kuhmo": TENANT + UPSTREAM})
    upstream = applied(situation(load(tmp_path)))

    def answers(url: str) -> Answer:
        return Answer(status, "") if "upstream" in url else Answer(200, "authorization_endpoint")

    seen = found(upstream, "smoke", answers)
    assert {f.code for f in seen} == codes
    assert all(f.level is Level.WARNING and "MPASSid" in f.text for f in seen)


@pytest.mark.parametrize(("own", "level"), [(True, Level.ERROR), (False, Level.WARNING)])
def test_acme_server_that_gives_nothing_is_told_with_its_reason(
    tmp_path: Path, own: bool, level: Level
) -> None:
    write_inventory(tmp_path, main=f"{INSTANCE}services:\n  gateway: {{certificates: acme}}\n")
    end = (NOW + timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    certificate = Certificate(path="/etc/digione/tls/gateway-kuhmo.pem", not_after=end, own=own)
    failed = {"digione-certificate@kuhmo.service": "no such host"}
    acme = on_host(applied(situation(load(tmp_path))), "kuhmo1", failed=failed, certificates=(certificate,))
    (seen,) = found(acme, "smoke")
    assert (seen.code, seen.level) == ("D1-CERT-002", level)
    assert "kuhmo: no such host" in seen.text


def test_an_audit_that_does_not_hold_is_told(well: Situation) -> None:
    failed = {"digione-platform-audit@kuhmo.service": "next: …", "digione-platform-audit@other.service": ""}
    (seen,) = found(on_host(well, "kuhmo1", failed=failed))
    assert (seen.code, seen.level) == ("D1-AUDIT-001", Level.ERROR)
    assert seen.fix == "digione audit verify kuhmo tells what does not fit"


def test_mail_to_people_that_waits_is_told(well: Situation) -> None:
    failed = {
        "digione-platform-notify@kuhmo.service": "P-NOTIFY-001",
        "digione-platform-notify@x.service": "",
    }
    (seen,) = found(on_host(well, "kuhmo1", failed=failed))
    assert (seen.code, seen.level) == ("D1-MAIL-002", Level.WARNING)
    assert seen.fix == "digione notify status kuhmo tells what the relay said"


def test_tenants_are_not_asked_before_their_gateway_is_there(well: Situation) -> None:
    nothing = on_host(well, "kuhmo1", services={})
    asked: list[str] = []

    def answers(url: str) -> Answer:
        asked.append(url)
        return Answer(200, "")

    found(nothing, "doctor", answers)
    assert asked == []


def test_a_host_that_is_off_breaks_no_check(well: Situation) -> None:
    off = on_host(well, "kuhmo1", **HostFacts(reached=False, error="off").model_dump())
    assert {f.code for f in found(off)} == {"D1-HOST-001"}


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(well: Situation) -> None:
    broken = on_host(well, "kuhmo1", os="debian-11", **_certificate(1))
    odd = Certificate.model_construct(path="x", not_after="never", names=(), own=True)
    codes = [f.code for f in found(on_host(broken, "kuhmo1", certificates=(odd,)))]
    assert sorted(codes) == ["D1-CHECK-001", "D1-HOST-002"]


def test_a_tenant_that_was_never_applied_is_one_finding(well: Situation) -> None:
    services = {n: s.model_copy(update={"tenants": ()}) for n, s in well.facts["kuhmo1"].services.items()}

    def no_certificate(url: str) -> Answer:
        return Answer(0, "certificate verify failed")

    (finding,) = found(on_host(well, "kuhmo1", services=services), answers=no_certificate)
    assert (finding.code, finding.level, finding.subject) == ("D1-TEN-005", Level.ERROR, "kuhmo")
    assert finding.fix == "digione apply kuhmo"


def test_what_one_change_puts_behind_is_one_finding(well: Situation) -> None:
    services = {
        n: Applied(fingerprint={"role": "x"}, tenants=s.tenants)
        for n, s in well.facts["kuhmo1"].services.items()
    }
    behind = [f for f in found(on_host(well, "kuhmo1", services=services)) if f.code == "D1-SVC-004"]
    told = [f.text.partition(": ") for f in behind]
    assert len({what for _, _, what in told}) == len(told)
    assert {n for names, _, _ in told for n in names.removeprefix("not applied yet to ").split(", ")} == set(
        services
    )
