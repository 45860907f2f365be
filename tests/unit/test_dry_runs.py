"""``--dry-run`` of every verb that changes something: it says what would happen, and nothing happens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from digione_cli.engine.secrets import SecretStore, complete
from digione_cli.world.world import Envelope
from tests.conformance.test_verbs import CHANGES
from tests.fakes import TENANT, UPSTREAM, FakeWorld, load, services, write_inventory
from tests.unit.conftest import House
from tests.unit.test_command_line import INIT
from tests.unit.test_verbs import world

__all__ = ["world"]

# arguments, and what a dry run says
ARGUMENTS: dict[str, tuple[list[str], str]] = {
    "apply": (["kuhmo"], "Configure PostgreSQL"),
    "destroy": (["kuhmo"], "Remove PostgreSQL"),
    "init": (["sotkamo", *INIT], "tenants/sotkamo.yml"),
    "trust": (["kuhmo"], "Pin these host keys"),
    "roster import": (["kuhmo", "{file}"], "what the platform says"),
    "roster undo": (["kuhmo"], "what the platform says"),
    "secrets generate": (["paltamo"], "1 secret would be made: platform_session@paltamo"),
    "secrets set": (["paltamo", "upstream_client@paltamo"], "Store a value for upstream_client@paltamo"),
    "secrets rotate": (["kuhmo", "platform_session@kuhmo"], "Rotate platform_session@kuhmo"),
    "accounts password": (["kuhmo", "aino.virta"], "Give aino.virta a new password"),
    "accounts sync": (["kuhmo"], "what the platform says"),
    "sample make": (["{folder}/town.zip"], "Write "),
    "sample install": (["kuhmo", "--pupils", "10"], "what the platform says"),
    "sample logins": (["kuhmo"], "Set the passwords of the sample logins"),
    "roster export": (["kuhmo", "{folder}/out.zip"], "Write "),
    "clients add": (
        ["kuhmo", "Oppi", "--contact", "x@y", "--scope", "roster.readonly"],
        "service Oppi connect",
    ),
    "clients disable": (["kuhmo", "some-id"], "Close the service some-id"),
    "clients rotate": (["kuhmo", "some-id"], "Give the service some-id a new secret"),
    "subject export": (["kuhmo", "aino.virta", "{folder}/out.zip", "--reason", "x"], "Write "),
    "subject erase": (["kuhmo", "aino.virta", "--reason", "x"], "what the platform says"),
    "subject hold": (["kuhmo", "aino.virta", "--reason", "x"], "Keep the data of aino.virta"),
    "retention apply": (["kuhmo"], "Delete what is kept no longer"),
    "subject release": (["kuhmo", "aino.virta", "--reason", "x"], "Lift all holds on the data of aino.virta"),
    "backup create": (["kuhmo"], "Make a recovery point"),
    "backup prune": (["kuhmo"], "Drop these recovery points"),
    "recovery-kit": (["kuhmo", "--into", "{folder}", "--shares", "3", "--needed", "2"], "Write 3 shares"),
    "drill": (["kuhmo"], "Restore on throw-away hosts from copies, prove, remove them"),
    "lab storage": (["h1", "kuhmo"], "Keep the backups of kuhmo"),
    "lab up": (["h1", "h2"], "Make and start"),
    "lab relay": (["h1"], "Take mail and keep it"),
    "lab stop": (["h1"], "it is off"),
    "lab kill": (["h1"], "it is off"),
    "lab resolve": (["h1", "kuhmo"], "auth.koulu.kuhmo.example"),
    "lab down": ([], "Remove with its disk"),
}
# they need a tenant that left (tests/unit/test_leaving.py) or hosts with backups (tests/unit/test_backups.py)
ELSEWHERE = {"tenant remove", "restore"}
LAB = {"network": 250, "hosts": {"h1": {"number": 11, "memory_mb": 512, "domains": []}}}


def test_every_verb_that_changes_is_tried() -> None:
    assert set(ARGUMENTS) | ELSEWHERE == CHANGES, "name the new verb in ARGUMENTS of this test"


@pytest.fixture
def machine(kuhmo: House, world: FakeWorld, tmp_path: Path) -> House:
    """A machine with two inventories, a lab of one host that is off, and a platform that answers.

    One inventory lacks a secret that is made and one that is given.
    """
    write_inventory(kuhmo.inventories, "paltamo", tenants={"paltamo": TENANT + UPSTREAM})
    paltamo = load(kuhmo.inventories, "paltamo")
    store = SecretStore(paltamo.folder, kuhmo.keys)
    complete(paltamo, services(), store)
    store.write({n: v for n, v in store.read().values.items() if n.name != "platform_session"})
    (kuhmo.root / "lab/lab.json").write_text(json.dumps(LAB))
    (kuhmo.root / "lab/hosts/h1").mkdir(parents=True)
    (kuhmo.root / "lab/hosts/h1/host_key.pub").write_text("ssh-ed25519 AAAA")
    (kuhmo.root / "roster.zip").write_bytes(b"zip")
    world.backups = {
        "prune --dry-run": {"going": [{"id": "20261101-000000", "began": "2026-11-01T00:00:00Z"}]}
    }
    (kuhmo.inventories / "kuhmo/backup.pub").write_text("restrict ssh-ed25519 AAAA digione kuhmo\n")
    world.envelope = Envelope(0, '{"said": "what the platform says"}\n', "")
    assert kuhmo.run("apply", "kuhmo", "--dry-run").code == 0  # the bundle is made
    world.did.clear()
    return kuhmo


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("verb", ARGUMENTS)
def test_a_dry_run_says_what_would_happen_and_does_nothing(
    machine: House, world: FakeWorld, verb: str, as_json: bool
) -> None:
    given, words = ARGUMENTS[verb]
    paths = {"file": machine.root / "roster.zip", "folder": machine.root}
    before = machine.everything()
    flags = ["--dry-run", *(["--json"] if as_json else [])]
    result = machine.run(*verb.split(), *(g.format(**paths) for g in given), *flags)
    assert result.code == 0, result.all
    assert words in result.out
    if as_json:
        json.loads(result.out)
    assert machine.everything() == before
    harmless: Callable[[str], bool] = lambda did: did.startswith("platform") and "--dry-run" in did  # noqa: E731
    assert all(map(harmless, world.did)), world.did


def test_a_dry_run_of_init_tells_what_is_doubtful(house: House) -> None:
    given = [("Kuopio" if word == "Kuhmo" else word) for word in INIT]
    result = house.run("init", "kuopio", *given, "--dry-run")
    assert result.code == 0
    assert "290 is the code of Kuhmo" in result.out
