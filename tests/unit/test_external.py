"""What the municipality has already: declared, checked, told to hosts, asked by the doctor."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from digione_cli import checks
from digione_cli.engine.desired import ALL_AUTHORITIES
from digione_cli.engine.secrets import SecretName, SecretStore, complete, missing, wanted
from digione_cli.engine.situation import Situation
from digione_cli.model.facts import Unit
from digione_cli.model.finding import Finding, Level
from digione_cli.model.plan import RoleAction
from digione_cli.settings import CHECKOUT, Settings
from digione_cli.verbs.apply import plan_apply
from digione_cli.verbs.destroy import plan_destroy
from digione_cli.world.postgresql import Server
from tests import fakes
from tests.fakes import (
    COPIES,
    INSTANCE,
    TWO_HOSTS,
    FakeWorld,
    applied,
    load,
    on_host,
    situation,
    write_inventory,
)
from tests.unit.conftest import House

DATABASE = """\
external:
  authority: municipality.pem
  postgresql: {address: db.kuhmo.example}
"""
MAIL = """\
  mail: {server: mail.kuhmo.example}
"""
AUTHORITY = (CHECKOUT / "inventories/turku/municipality.pem").read_text()  # any will do


def inventory(folder: Path, main: str = INSTANCE + COPIES + DATABASE + MAIL, name: str = "kuhmo") -> Path:
    written = write_inventory(folder, name, main)
    (written / "municipality.pem").write_text(AUTHORITY)
    return written


@pytest.fixture
def outside(tmp_path: Path) -> Situation:
    """An instance that uses the municipality's own, of which everything is as it should be."""
    inventory(tmp_path)
    return applied(situation(load(tmp_path)))


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        ("external: {postgres: {}}", "D1-CFG-010", "external.postgres", "postgresql"),
        ("external: {postgresql: {}}", "D1-CFG-011", "external.postgresql.address", "missing"),
        ("external: {postgresql: {address: 'a b'}}", "D1-CFG-013", "external.postgresql.address", "a b"),
        ("external: {postgresql: {address: a, user: 'x\"y'}}", "D1-CFG-013", "external.postgresql.user", "x"),
        ("external: {mail: {server: m, user: x, tls: false}}", "D1-CFG-013", "external.mail", "needs tls"),
        ("external: {mail: {server: m, user: 'x y'}}", "D1-CFG-013", "external.mail.user", "account"),
        ("external: {mail: {server: m, sender: '{{ 1 }}'}}", "D1-CFG-013", "external.mail.sender", "e-mail"),
        ("external: {mail: {server: 'm:25'}}", "D1-CFG-013", "external.mail.server", "m:25"),
        ("external: {authority: ../ca.pem}", "D1-CFG-018", "external.authority", "beside"),
        ("external: {authority: absent.pem}", "D1-CFG-018", "external.authority", "absent.pem"),
        ("external: {authority: authority.pem}", "D1-CFG-018", "external.authority", "instance's own"),
        ("external: {authority: instance.yml}", "D1-CFG-018", "external.authority", "no certificates"),
    ],
)
def test_a_mistake_is_told_with_its_place(house: House, text: str, code: str, place: str, words: str) -> None:
    inventory(house.inventories, f"{INSTANCE}{text}\n")
    result = house.refused("validate", "kuhmo")
    assert result.code == 2
    assert code in result.out
    assert "instance.yml:8" in result.out
    assert place in result.out
    assert words in result.out


def test_the_own_server_is_placed_on_no_host(house: House) -> None:
    inventory(house.inventories, TWO_HOSTS + DATABASE)
    result = house.refused("validate", "kuhmo")
    assert "D1-CFG-019" in result.out
    assert "postgresql" in result.out
    (house.inventories / "kuhmo/instance.yml").write_text(TWO_HOSTS.replace("postgresql, ", "") + DATABASE)
    assert house.run("validate", "kuhmo").code == 0
    assert load(house.inventories).placed("postgresql") == ("front",)  # where the platform is


def test_its_services_reach_it_by_its_name_and_check_it(outside: Situation, tmp_path: Path) -> None:
    parts = outside.desired.variables["kuhmo1"]["digione_given"]
    told = parts["postgresql"]
    server = {"address": "db.kuhmo.example", "port": 5432, "authority": ALL_AUTHORITIES}
    assert told["endpoints"]["postgresql"] == server
    assert told["external"] == {
        "postgresql": {"address": "db.kuhmo.example", "port": 5432, "user": "digione"}
    }
    assert parts["base"]["external"] == {"authority": AUTHORITY}
    assert 5432 not in {rule["port"] for rule in parts["base"]["firewall"]}
    write_inventory(tmp_path, "own")
    parts = situation(load(tmp_path, "own")).desired.variables["kuhmo1"]["digione_given"]
    own = parts["postgresql"]
    assert own["endpoints"]["postgresql"]["address"] == "127.0.0.1"
    assert own["external"] == {"postgresql": None}
    assert parts["base"]["external"] == {"authority": ""}


def test_nothing_of_a_server_runs_or_is_kept_on_the_host(outside: Situation) -> None:
    service = outside.services["postgresql"]
    assert not any((service.units_for(("kuhmo",)), service.files, service.data, service.ports))
    assert plan_apply(outside).steps == ()
    removed = {s.work.service for s in plan_destroy(outside, False).steps if isinstance(s.work, RoleAction)}
    assert "postgresql" in removed


def test_another_relay_concerns_what_sends_mail_alone(outside: Situation, tmp_path: Path) -> None:
    inventory(tmp_path, INSTANCE + COPIES + DATABASE + MAIL.replace("mail.", "smtp."), "other")
    other = situation(load(tmp_path, "other").model_copy(update={"name": "kuhmo"})).desired.fingerprints
    now = outside.desired.fingerprints["kuhmo1"]
    assert {s for s, f in other["kuhmo1"].items() if f != now[s]} == {"monitoring", "platform"}


def test_mail_comes_from_the_instance_unless_a_sender_is_named(tmp_path: Path) -> None:
    for name, given, sender in (
        ("alku", "", "digione@digione.kuhmo.example"),
        ("loppu", ", sender: it@kuhmo.example", "it@kuhmo.example"),
    ):
        inventory(tmp_path, INSTANCE + DATABASE + MAIL.replace("}", f"{given}}}"), name)
        mail = situation(load(tmp_path, name)).desired.variables["kuhmo1"]["digione_given"]["monitoring"][
            "external"
        ]["mail"]
        assert mail["sender"] == sender
        assert mail["tls"] is True


# Secrets


def test_passwords_of_others_are_wanted_only_with_what_they_open(tmp_path: Path) -> None:
    given = {"postgresql_admin", "mail_password"}
    user = MAIL.replace("}", ", user: kuhmo}")
    for name, main, expected in (
        ("plain", INSTANCE, set()),
        ("database", INSTANCE + DATABASE, {"postgresql_admin"}),
        ("relay", INSTANCE + DATABASE + MAIL, {"postgresql_admin"}),
        ("account", INSTANCE + DATABASE + user, given),
    ):
        inventory(tmp_path, main, name)
        names = {s.name for s in wanted(load(tmp_path, name), fakes.services())}
        assert names & given == expected


def test_a_password_of_others_is_asked_for_never_made(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = inventory(house.inventories)
    instance, store = load(house.inventories), SecretStore(folder, house.keys)
    complete(instance, fakes.services(), store)
    admin = SecretName("postgresql_admin")
    assert missing(instance, fakes.services(), store.read()) == (admin,)
    again = house.run("secrets", "generate", "kuhmo")
    assert "digione secrets set kuhmo postgresql_admin" in again.out
    lacking = house.run("plan", "kuhmo")
    assert lacking.code == 3
    assert "D1-SEC-006" in lacking.err
    assert "digione secrets set kuhmo postgresql_admin" in lacking.err
    assert "D1-SEC-010" in house.run("secrets", "rotate", "kuhmo", "postgresql_admin", "--yes").err
    store.write({**store.read().values, admin: SecretStr("x")})
    assert missing(instance, fakes.services(), store.read()) == ()


# Checks


def found(
    of: Situation, stage: str = "doctor", server: Server | None = None, relay: str = ""
) -> list[Finding]:
    world = FakeWorld(Settings(), of.facts, relay_says=relay)
    if server:
        world.server = server
    return list(checks.findings(stage, of, world))


@pytest.mark.parametrize("stage", checks.STAGES)
def test_nothing_is_found_where_all_is_well(outside: Situation, stage: str) -> None:
    assert found(outside, stage) == []


WELL = Server(version=150_008, connections=97)


@pytest.mark.parametrize(
    ("server", "code", "level", "words"),
    [
        (
            Server("unreached", "connect failed: No route to host"),
            "D1-DB-001",
            Level.ERROR,
            "No route to host",
        ),
        (Server("untrusted", "certificate verify failed"), "D1-DB-002", Level.ERROR, "verify failed"),
        (Server("refused", "FATAL: password"), "D1-DB-003", Level.ERROR, "password"),
        (replace(WELL, version=140_011), "D1-DB-004", Level.ERROR, "14.11"),
        (replace(WELL, lacks=("CREATEDB", "CREATEROLE")), "D1-DB-005", Level.ERROR, "CREATEDB, CREATEROLE"),
        (replace(WELL, connections=29), "D1-DB-006", Level.WARNING, "30"),
        (replace(WELL, taken=("platform_kuhmo",)), "D1-DB-007", Level.ERROR, "platform_kuhmo"),
    ],
)
def test_trouble_with_the_server_is_found_before_a_change(
    outside: Situation, server: Server, code: str, level: Level, words: str
) -> None:
    for stage in ("preflight", "doctor"):
        (finding,) = found(outside, stage, server)
        assert (finding.code, finding.level, finding.subject) == (code, level, "postgresql")
        assert words in finding.text
        assert finding.fix
        assert "<instance>" not in finding.fix


def test_an_instance_with_a_server_of_its_own_keeps_it(outside: Situation) -> None:
    own = on_host(outside, "kuhmo1", units={"postgresql@15-main.service": Unit(active="active")})
    (finding,) = found(own, "preflight")
    assert (finding.code, finding.level) == ("D1-DB-008", Level.ERROR)


def test_a_relay_that_takes_no_mail_is_found_and_keeps_no_change_from_being_made(outside: Situation) -> None:
    (finding,) = found(outside, relay="554 relay access denied")
    assert (finding.code, finding.level, finding.subject) == ("D1-MAIL-001", Level.WARNING, "mail")
    assert "554 relay access denied" in finding.text
    assert found(outside, "preflight", relay="554 relay access denied") == []
