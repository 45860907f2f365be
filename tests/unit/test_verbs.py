"""Verbs as they are typed, over made-up hosts."""

import base64
import io
import json
import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr

from digione_cli.engine.secrets import SecretName, SecretStore, complete
from digione_cli.engine.situation import Situation
from digione_cli.model.facts import Applied, Drift, LockHolder
from digione_cli.model.plan import Run
from digione_cli.settings import Settings
from digione_cli.world.world import Envelope
from tests import fakes
from tests.conformance.test_verbs import CHANGES
from tests.fakes import TENANT, FakeWorld, applied, load, on_host
from tests.unit.conftest import House

INIT = ["--code", "765", "--oid", "1.2.246.562.99.00000007658", "--name-fi", "Sotkamo", "--yes"]
INIT += [
    "--domain",
    "a.sotkamo.example",
    "--contact",
    "a@sotkamo.example",
    "--address",
    "h1",
    "--user",
    "admin",
]


@pytest.fixture
def world(kuhmo: House, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """The world that verbs get: kuhmo's hosts are empty."""
    instance = load(kuhmo.inventories)
    complete(instance, fakes.services(), SecretStore(instance.folder, kuhmo.keys))
    made = FakeWorld(kuhmo.settings, fakes.empty(instance))

    def same(settings: Settings, sudo_password: object = None) -> FakeWorld:
        return made

    monkeypatch.setattr("digione_cli.world.world.World", same)
    return made


@pytest.fixture
def well(kuhmo: House, world: FakeWorld) -> Situation:
    """Everything is applied, with the real bundle's name."""
    from digione_cli import spine

    situation = applied(spine.load("kuhmo", world, fakes.FakeScreen()))
    world.facts = situation.facts
    world.did.clear()
    return situation


def test_plan_shows_steps_with_reasons(kuhmo: House, world: FakeWorld) -> None:
    result = kuhmo.run("plan", "kuhmo")
    assert result.code == 0
    assert " 1. Configure Base system on kuhmo1" in result.out
    assert "kuhmo1: not there yet" in result.out
    assert not any(d.startswith(("lock", "play")) for d in world.did)


def test_plan_of_an_unchanged_instance_says_why_nothing_is_needed(kuhmo: House, well: Situation) -> None:
    result = kuhmo.run("plan", "kuhmo")
    assert "Nothing to do for kuhmo." in result.out
    assert "as wanted since 1 Nov 2026, 2:00" in result.out


def test_apply_prints_one_document(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    drift = Drift(service="gateway", kind="missing", subject="/etc/nginx/nginx.conf")
    calls = iter([on_host(well, "kuhmo1", drift=(drift,)).facts, well.facts, well.facts])
    world.look = lambda instance: next(calls)  # type: ignore[method-assign]
    result = kuhmo.run("apply", "kuhmo", "--yes", "--json")
    told = json.loads(result.out)
    assert result.code == 0
    assert [s["id"] for s in told["plan"]["steps"]] == ["configure-gateway", "smoke-test"]
    assert told["run"]["outcome"] == "done"
    assert world.did == ["lock", "play", "unlock"]


def test_apply_asks_nobody_where_nobody_is(kuhmo: House, world: FakeWorld) -> None:
    result = kuhmo.run("apply", "kuhmo")
    assert result.code == 2
    assert "D1-USE-001" in result.err
    assert "play" not in world.did


def test_a_failed_apply_with_json_is_one_document(kuhmo: House, world: FakeWorld) -> None:
    world.play_succeeds = False
    result = kuhmo.run("apply", "kuhmo", "--yes", "--json")
    assert result.code == 5
    assert json.loads(result.out)["error"]["id"] == "D1-RUN-009"


def test_doctor_is_content_where_all_is_well(kuhmo: House, well: Situation) -> None:
    result = kuhmo.run("doctor", "kuhmo")
    assert (result.code, result.out) == (0, "✓ Everything is as it should be.\n")


def test_doctor_names_findings_and_ends_with_3(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    world.facts = on_host(well, "kuhmo1", reached=False, error="no route\x1b[2J").facts
    result = kuhmo.run("doctor", "kuhmo")
    assert result.code == 3
    assert "D1-HOST-001" in result.out
    assert "\x1b[2J" not in result.out
    told = json.loads(kuhmo.run("doctor", "kuhmo", "--json").out)
    assert told["findings"][0]["level"] == "error"


def test_status_shows_all_that_the_issue_names(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    told = json.loads(kuhmo.run("status", "kuhmo", "--json").out)
    assert told["hosts"]["kuhmo1"]["release"] == "2026.11"
    assert {s["state"] for s in told["services"]} == {"applied"}
    assert told["tenants"][0]["code"] == "290"
    assert told["last_run"] is None
    shown = kuhmo.run("status", "kuhmo").out
    assert "https://koulu.kuhmo.example" in shown


def test_status_does_not_guess_about_a_host_that_is_off(
    kuhmo: House, world: FakeWorld, well: Situation
) -> None:
    away = {"error": "no route", "error_kind": "D1-SSH-007", "error_fix": "look whether it runs"}
    world.facts = {"kuhmo1": fakes.host(reached=False, **away)}
    told = json.loads(kuhmo.run("status", "kuhmo", "--json").out)
    assert {s["state"] for s in told["services"]} == {"unknown"}
    assert "kuhmo1: no route [D1-SSH-007]\n  next: look whether it runs" in kuhmo.run("status", "kuhmo").out


def test_status_does_not_take_the_services_of_another_instance_for_its_own(
    kuhmo: House, world: FakeWorld, well: Situation
) -> None:
    world.facts = {n: f.model_copy(update={"instance": "sotkamo"}) for n, f in world.facts.items()}
    result = kuhmo.run("status", "kuhmo")
    assert result.code == 3
    assert "it belongs to the instance sotkamo" in result.out
    told = json.loads(kuhmo.run("status", "kuhmo", "--json").out)
    assert {s["state"] for s in told["services"]} == {"not applied"}
    assert "not applied" in kuhmo.run("status").out
    refused = kuhmo.refused("logs", "kuhmo", "gateway", "--no-follow").err
    assert "D1-LOG-006" in refused
    assert "digione logs sotkamo gateway" in refused


def test_an_instance_that_was_taken_off_is_not_good(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    world.facts = {n: f.model_copy(update={"services": {}}) for n, f in world.facts.items()}
    kuhmo.run("status", "kuhmo")
    assert "not applied" in kuhmo.run("status").out
    assert "good" not in kuhmo.run("status").out


def test_doctor_leaves_to_a_run_what_it_is_changing(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    holder = LockHolder(
        operation="1", who="maija", machine="desk", verb="apply", since="2026-11-24T10:00:00Z"
    )
    applied = {n: Applied(fingerprint={}) for n in world.facts["kuhmo1"].services}
    at_work = {"lock": holder, "apt_locked_by": "apt-get", "services": applied}
    world.facts = {n: f.model_copy(update=at_work) for n, f in world.facts.items()}
    result = kuhmo.run("doctor", "kuhmo", "--json")
    assert result.code == 0
    assert [one["code"] for one in json.loads(result.out)["findings"]] == ["D1-HOST-009"]


def test_a_run_that_was_killed_is_not_running(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    run = Run(id="1", verb="apply", instance="kuhmo", who="maija@desk", started="2026-11-24T10:00:00Z")
    world.registry.record_run(run)
    assert json.loads(kuhmo.run("status", "kuhmo", "--json").out)["last_run"]["outcome"] == "interrupted"
    at_work = LockHolder(operation="1", who="maija", machine="desk", verb="apply", since=run.started)
    world.facts = {name: f.model_copy(update={"lock": at_work}) for name, f in world.facts.items()}
    assert json.loads(kuhmo.run("status", "kuhmo", "--json").out)["last_run"]["outcome"] == "running"


def test_status_of_all_lists_what_was_seen_last(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    assert json.loads(kuhmo.run("status", "--json").out)["instances"][0]["seen"] == ""
    kuhmo.run("status", "kuhmo")
    (seen,) = json.loads(kuhmo.run("status", "--json").out)["instances"]
    assert seen["name"] == "kuhmo"
    assert seen["release"] == "2026.11"


def test_show_shows_defaults_and_masks_secrets(kuhmo: House, world: FakeWorld) -> None:
    told = json.loads(kuhmo.run("show", "kuhmo", "--json").out)["configuration"]
    assert told["services"]["gateway"]["certificates"] == "authority"
    assert told["tenants"]["kuhmo"]["areas"] == ["homeschool", "scheduling", "administration", "teaching"]
    assert set(told["secrets"].values()) == {"********"}
    (kuhmo.inventories / "kuhmo/secrets.yml").unlink()
    told = json.loads(kuhmo.run("show", "kuhmo", "--json").out)["configuration"]
    assert set(told["secrets"].values()) == {None}, "they are not there"


def test_logs_follow_the_units_of_a_service_on_its_host(kuhmo: House, world: FakeWorld) -> None:
    assert kuhmo.run("logs", "kuhmo", "platform", "--no-follow", "-n", "5").code == 0
    (did,) = world.did
    assert did.startswith("follow kuhmo1: journalctl")
    timers = [f"-u digione-platform-{one}@kuhmo.timer" for one in ("audit", "notify", "retention")]
    assert did.endswith(f"-u digione-platform@kuhmo.service {' '.join(timers)}")
    assert " -f" not in did


def test_logs_follow_one_tenant(kuhmo: House, world: FakeWorld) -> None:
    (kuhmo.inventories / "kuhmo/tenants/sotkamo.yml").write_text(
        TENANT.replace("290", "765")
        .replace("kuhmo", "sotkamo")
        .replace("Kuhmo", "Sotkamo")
        .replace("2907", "7658")
    )
    result = kuhmo.run("logs", "kuhmo", "platform", "--tenant", "sotkamo")
    assert result.code == 0, result.all
    assert result.out == "a line of the log\n"
    (did,) = world.did
    timers = [f"-u digione-platform-{one}@sotkamo.timer" for one in ("audit", "notify", "retention")]
    assert did.endswith(f"-f -u digione-platform@sotkamo.service {' '.join(timers)}")
    for arguments, error_id in (
        (["platform", "--tenant", "sotkmo"], "D1-LOG-004"),
        (["postgresql", "--tenant", "sotkamo"], "D1-LOG-005"),
    ):
        refused = kuhmo.refused("logs", "kuhmo", *arguments)
        assert refused.code == 2
        assert error_id in refused.err


def test_destroy_says_what_stays(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    said = kuhmo.run("destroy", "kuhmo", "--confirm", "kuhmo").out
    assert f"The inventory stays: {kuhmo.inventories / 'kuhmo'}\n" in said
    assert f"So does the key of its secrets: {kuhmo.keys / 'kuhmo'}\n" in said


def test_destroy_with_the_name(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    result = kuhmo.run("destroy", "kuhmo", "--confirm", "kuhmo", "--keep-data", "--json")
    assert result.code == 0
    assert world.did == ["lock", "play", "unlock"]
    assert json.loads(result.out)["plan"]["destructive"] is True


def test_a_dry_run_of_destroy_destroys_nothing(kuhmo: House, world: FakeWorld, well: Situation) -> None:
    assert kuhmo.run("destroy", "kuhmo", "--dry-run").code == 0
    assert world.did == []


def test_trust_pins_what_it_shows(kuhmo: House, world: FakeWorld) -> None:
    known = kuhmo.inventories / "kuhmo/known_hosts"
    kuhmo.run("trust", "kuhmo", "--dry-run")
    assert not known.exists()
    assert kuhmo.run("trust", "kuhmo").code == 2
    assert not known.exists()
    assert kuhmo.run("trust", "kuhmo", "--yes").code == 0
    assert known.read_text().startswith("192.0.2.10 ssh-ed25519 ")
    assert "pinned until now" not in kuhmo.run("trust", "kuhmo", "--dry-run").out
    known.write_text(
        "192.0.2.10 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG9vb29vb29vb29vb29vb29vb29vb29vb29vb29vb29v\n"
    )
    assert "kuhmo1: pinned until now: 256 SHA256:" in kuhmo.run("trust", "kuhmo", "--dry-run").out


def test_init_with_trust_prints_one_document(kuhmo: House, world: FakeWorld) -> None:
    result = kuhmo.run("init", "sotkamo", *INIT, "--json")
    assert result.code == 0
    assert "Pinned in" in str(json.loads(result.out)["notes"])
    assert (kuhmo.inventories / "sotkamo/known_hosts").exists()


def test_a_roster_goes_to_the_tenants_platform(kuhmo: House, world: FakeWorld, tmp_path: Path) -> None:
    bundle = tmp_path / "a b.zip"
    bundle.write_bytes(b"zip")
    world.envelope = Envelope(2, '{"rows": 1}', "bad row\n")
    result = kuhmo.run("roster", "import", "kuhmo", str(bundle), "--dry-run", "--json")
    assert (result.code, result.out, result.err) == (2, '{"rows": 1}', "bad row\n")
    assert world.did == ["platform kuhmo1 kuhmo: roster import FILE --dry-run --json"]
    assert world.given == [b"zip"]


def test_a_mapping_goes_along_with_a_roster(kuhmo: House, world: FakeWorld, tmp_path: Path) -> None:
    for name in ("pupils.csv", "kuhmo.yml"):
        (tmp_path / name).write_text(name)
    file, by = str(tmp_path / "pupils.csv"), ["--mapping", str(tmp_path / "kuhmo.yml")]
    assert kuhmo.run("roster", "import", "kuhmo", file, *by, "--dry-run").code == 0
    assert kuhmo.run("roster", "export", "kuhmo", str(tmp_path / "out.csv"), *by).code == 0
    assert world.did == [
        "platform kuhmo1 kuhmo: roster import FILE --dry-run --mapping MAPPING",
        "platform kuhmo1 kuhmo: roster export OUT --mapping MAPPING",
    ]
    assert world.given == [b"pupils.csv", b"kuhmo.yml", b"", b"kuhmo.yml"]
    refused = kuhmo.run("roster", "import", "kuhmo", file, "--mapping", "none.yml", "--dry-run")
    assert (refused.code, "D1-USE-007" in refused.err) == (2, True)


def test_undo_is_asked_about_and_can_be_tried(kuhmo: House, world: FakeWorld) -> None:
    world.envelope = Envelope(0, "told\n", "")
    for flags in ([], ["--json"]):
        refused = kuhmo.run("roster", "undo", "kuhmo", *flags)
        assert refused.code == 2
        assert "D1-USE-001" in refused.err
    assert "digione roster undo kuhmo --yes" in refused.err
    assert world.did == []
    assert kuhmo.run("roster", "undo", "kuhmo", "--dry-run").out == "told\n"
    assert kuhmo.run("roster", "undo", "kuhmo", "--yes").out == "told\n"
    assert world.did == [
        "platform kuhmo1 kuhmo: roster undo --dry-run",
        "lock",
        "platform kuhmo1 kuhmo: roster undo",
        "unlock",
    ]


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_undo_first_tells_what_it_would_do(
    kuhmo: House, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("digione_cli.ui.console.ConsoleScreen.ask", lambda *_: answer)
    world.envelope = Envelope(0, "told\n", "")
    result = kuhmo.run("roster", "undo", "kuhmo")
    tried = "platform kuhmo1 kuhmo: roster undo --dry-run"
    undone = ["lock", "platform kuhmo1 kuhmo: roster undo", "unlock"]
    assert world.did == [tried, *(undone if answer == "y" else [])]
    assert result.code == (0 if answer == "y" else 2)


NO_ACCOUNT = (
    "P-ACCOUNTS-004: Nothing was changed\n  why: there is none\n  fix: digione-platform accounts list\n"
)
AWAY = "P-DATABASE-001: Away\n  why: off\n  fix: digione status <instance>\n"
BEHIND = "P-ACCOUNTS-009: Behind\n  why: off\n  fix: later: digione-platform accounts sync\n"
IN_FINNISH = "P-DATABASE-001: Poissa\n  syy: pois päältä\n  korjaus: digione status <instance>\n"


@pytest.mark.parametrize(
    ("exit_", "stderr", "code", "id_", "fix"),
    [
        (2, NO_ACCOUNT, 2, "P-ACCOUNTS-004", "digione accounts list kuhmo"),
        (3, AWAY, 3, "P-DATABASE-001", "digione status kuhmo"),
        (3, IN_FINNISH, 3, "P-DATABASE-001", "digione status kuhmo"),
        (-9, "", 1, "D1-PLATFORM-002", "digione doctor"),
        (2, "Usage: x\n\nError: Invalid value\n", 2, "D1-PLATFORM-002", "--help tells what may be given"),
    ],
)
def test_an_error_of_the_platform_is_told_as_our_own(
    kuhmo: House, world: FakeWorld, exit_: int, stderr: str, code: int, id_: str, fix: str
) -> None:
    world.envelope = Envelope(exit_, "", stderr)
    for arguments in (["accounts", "password", "kuhmo", "nosuch"], ["accounts", "list", "kuhmo"]):
        result = kuhmo.run(*arguments, "--json")
        error = json.loads(result.out)["error"]
        assert (result.code, error["id"], error["fix"]) == (code, id_, fix)
        assert f"[{id_}]" in result.err
        plain = kuhmo.run(*arguments)
        assert (plain.code, plain.out) == (code, "")


def test_a_report_that_ends_with_an_error_is_one_document(
    kuhmo: House, world: FakeWorld, tmp_path: Path
) -> None:
    (tmp_path / "b.zip").write_bytes(b"zip")
    arguments = ["roster", "import", "kuhmo", str(tmp_path / "b.zip"), "--apply"]
    world.envelope = Envelope(1, '{"applied": true}\n', BEHIND)
    result = kuhmo.run(*arguments, "--json")
    told = json.loads(result.out)
    assert (result.code, told["applied"], told["error"]["id"]) == (1, True, "P-ACCOUNTS-009")
    assert "digione-platform" not in result.all, "operators have no such command"
    world.envelope = Envelope(1, "Imported.\n", BEHIND)
    result = kuhmo.run(*arguments)
    assert (result.code, result.out) == (1, "Imported.\n")
    assert "next: later: digione accounts sync kuhmo" in result.err


@pytest.mark.parametrize(
    ("options", "id_"),
    [(["--oid", "xx"], "P-SAMPLE-003"), (["--code", "12"], "P-SAMPLE-002"), ([], "P-SAMPLE-004")],
)
def test_what_sample_make_refuses_is_told(kuhmo: House, tmp_path: Path, options: list[str], id_: str) -> None:
    result = kuhmo.run("sample", "make", str(tmp_path / "no/x.zip"), *options)
    assert result.code == 2
    assert f"[{id_}]" in result.err
    assert "digione-platform" not in result.err
    assert not options or f"next: digione sample make {tmp_path}/no/x.zip {options[0]} " in result.err


@pytest.mark.parametrize(
    ("arguments", "id_"),
    [
        (["sample", "make", "x.zip", "--language", "klingon"], "D1-USE-000"),
        (["sample", "make", "there.zip"], "P-SAMPLE-005"),
        (["roster", "import", "kuhmo", ".", "--dry-run"], "D1-USE-007"),
    ],
)
def test_a_wrong_file_or_value_is_told_and_nothing_is_overwritten(
    kuhmo: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], id_: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.zip").write_text("mine")
    result = kuhmo.run(*arguments)
    assert (result.code, f"[{id_}]" in result.err) == (2, True)
    assert (tmp_path / "there.zip").read_text() == "mine"


def test_undo_passes_on_that_people_may_leave(kuhmo: House, world: FakeWorld) -> None:
    kuhmo.run("roster", "undo", "kuhmo", "--allow-mass-removal", "--dry-run")
    assert world.did == ["platform kuhmo1 kuhmo: roster undo --allow-mass-removal --dry-run"]


def test_sample_make_says_what_was_written(kuhmo: House, tmp_path: Path) -> None:
    result = kuhmo.run("sample", "make", str(tmp_path / "x.zip"), "--pupils", "10")
    assert (result.code, result.err) == (0, "")
    assert f"{tmp_path / 'x.zip'}: a synthetic town with 10 pupils" in result.out


def test_a_new_password_is_in_no_argument(kuhmo: House, world: FakeWorld) -> None:
    result = kuhmo.run("accounts", "password", "kuhmo", "matti")
    new = result.out.strip()
    assert world.did == ["lock", "platform kuhmo1 kuhmo: accounts password matti", "unlock"]
    assert world.given == [new.encode() + b"\n"]


def test_no_synthetic_people_for_a_real_provider(kuhmo: House, world: FakeWorld) -> None:
    file = kuhmo.inventories / "kuhmo/tenants/kuhmo.yml"
    file.write_text(file.read_text().replace("562.99", "562.10"))
    result = kuhmo.run("sample", "install", "kuhmo")
    assert result.code == 2
    assert "D1-SAMPLE-001" in result.err
    assert world.did == []


def test_an_export_is_written_for_the_operator_alone(kuhmo: House, world: FakeWorld, tmp_path: Path) -> None:
    world.envelope = Envelope(0, "users 7\n", "", base64.b64encode(b"zip").decode())
    file = tmp_path / "out.zip"
    result = kuhmo.run("roster", "export", "kuhmo", str(file), "--protected")
    assert (result.code, result.out) == (0, "users 7\n")
    assert world.did == ["platform kuhmo1 kuhmo: roster export OUT --protected"]
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"zip", 0o600)
    again = kuhmo.run("roster", "export", "kuhmo", str(file))
    assert (again.code, len(world.did)) == (2, 1)
    assert "[D1-USE-009]" in again.err


def test_an_export_that_failed_leaves_no_file(kuhmo: House, world: FakeWorld, tmp_path: Path) -> None:
    world.envelope = Envelope(1, "", AWAY)
    assert kuhmo.run("roster", "export", "kuhmo", str(tmp_path / "out.zip")).code == 1
    assert list(tmp_path.glob("out.zip")) == []


def test_services_are_let_in_by_the_platform_s_command(kuhmo: House, world: FakeWorld) -> None:
    world.envelope = Envelope(0, "client_secret: shown-once\n", "")
    options = ["--contact", "tuki@oppi.example", "--scope", "roster.readonly", "--protected"]
    result = kuhmo.run("clients", "add", "kuhmo", "Oppi", *options)
    assert result.out == "client_secret: shown-once\n"
    kuhmo.run("clients", "rotate", "kuhmo", "some-id")
    kuhmo.run("clients", "disable", "kuhmo", "some-id")
    kuhmo.run("clients", "list", "kuhmo", "--json")
    assert [did.removeprefix("platform kuhmo1 kuhmo: clients ") for did in world.did] == [
        *("lock", "add --contact=tuki@oppi.example --scope=roster.readonly --protected Oppi", "unlock"),
        *("lock", "rotate some-id", "unlock"),
        *("lock", "disable some-id", "unlock"),
        "list --json",
    ]
    assert all("shown-once" not in did for did in world.did)


CHANGES_OF_AN_INSTANCE = [
    "apply kuhmo --yes",
    "destroy kuhmo --confirm kuhmo",
    "tenant remove kuhmo kuhmo --confirm kuhmo",
    "secrets generate kuhmo",
    "secrets rotate kuhmo platform_session@kuhmo --yes",
    "secrets set kuhmo upstream_client@kuhmo",
    "roster import kuhmo {file} --apply",
    "roster undo kuhmo --yes",
    "accounts sync kuhmo",
    "accounts password kuhmo matti",
    "sample install kuhmo --pupils 10",
    "sample logins kuhmo",
    "clients add kuhmo oppi-1 --contact tuki@oppi.example --scope roster.readonly",
    "clients disable kuhmo some-id",
    "clients rotate kuhmo some-id",
    "subject erase kuhmo aino.virta --reason §17 --confirm aino.virta",
    "subject hold kuhmo aino.virta --reason §17",
    "subject release kuhmo aino.virta --reason §17",
    "retention apply kuhmo",
    "backup create kuhmo",
    "backup prune kuhmo",
    "restore kuhmo --confirm kuhmo",
]


@pytest.mark.parametrize("command", [*CHANGES_OF_AN_INSTANCE, "audit verify kuhmo --after-restore"])
def test_a_second_operator_is_told_who_is_at_work(
    kuhmo: House, world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with (kuhmo.inventories / "kuhmo/tenants/kuhmo.yml").open("a") as file:
        file.write(fakes.UPSTREAM)
    store = SecretStore(kuhmo.inventories / "kuhmo", kuhmo.keys)
    given = SecretName("upstream_client", "kuhmo")
    lacking = {"secrets generate kuhmo": "platform_session", "secrets set": "upstream_client"}
    gone = next((name for verb, name in lacking.items() if command.startswith(verb)), "")
    known = {**store.read().values, given: SecretStr("x")}
    store.write({n: v for n, v in known.items() if n.name != gone})
    before = store.file.read_bytes()
    (tmp_path / "b.zip").write_bytes(b"zip")
    monkeypatch.setattr("sys.stdin", io.StringIO("given\n"))
    world.holder = LockHolder(operation="1", who="matti", machine="m", verb="apply", since="10:00")
    result = kuhmo.run(*command.format(file=tmp_path / "b.zip").split())
    assert result.code == 4, result.all
    assert "matti since 10:00" in result.err
    assert [did for did in world.did if not did.startswith("build")] == []
    assert store.file.read_bytes() == before


def test_every_verb_that_changes_an_instance_holds_its_lock() -> None:
    locked = {" ".join(w for w in c.split() if w.isalpha() and w != "kuhmo") for c in CHANGES_OF_AN_INSTANCE}
    local = {"recovery-kit", "drill", "init", "trust", "sample make", "roster export", "subject export"}
    local |= {verb for verb in CHANGES if verb.startswith("lab ")}
    assert {verb.replace(" matti", "") for verb in locked} == CHANGES - local


def test_nothing_made_is_nothing_told(kuhmo: House, world: FakeWorld) -> None:
    result = kuhmo.run("secrets", "generate", "kuhmo")
    assert (result.code, result.out) == (0, "Nothing to do for kuhmo.\n")
    assert world.did == []


def test_secrets_are_made_under_the_lock(kuhmo: House, world: FakeWorld) -> None:
    store = SecretStore(kuhmo.inventories / "kuhmo", kuhmo.keys)
    store.write({n: v for n, v in store.read().values.items() if n.name != "platform_session"})
    result = kuhmo.run("secrets", "generate", "kuhmo")
    assert result.out == "1 secret made: platform_session@kuhmo\n"
    assert world.did == ["lock", "unlock"]


def test_a_new_instance_does_not_look_like_an_earlier_one_of_its_name(
    kuhmo: House, world: FakeWorld, well: Situation
) -> None:
    kuhmo.run("status", "kuhmo")
    world.registry.record_run(
        Run(id="1", verb="apply", instance="kuhmo", who="maija@desk", started="2026-11-24T10:00:00Z")
    )
    shutil.rmtree(kuhmo.inventories / "kuhmo")
    shutil.rmtree(kuhmo.keys)
    assert kuhmo.run("init", "kuhmo", *INIT).code == 0
    (told,) = json.loads(kuhmo.run("status", "--json").out)["instances"]
    assert (told["seen"], told["last_run"]) == ("", None)
