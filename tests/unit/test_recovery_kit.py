"""The recovery kit: what is in it, which shares open it, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from digione_cli.engine import recovery_kit as kits
from digione_cli.engine.secrets import SecretStore, complete
from digione_cli.errors import Exit, IntegrityError, UsageError
from tests import fakes
from tests.unit.conftest import House


@pytest.fixture
def ready(kuhmo: House) -> House:
    """A machine with an instance that has its secrets."""
    instance = fakes.load(kuhmo.inventories)
    complete(instance, fakes.services(), SecretStore(instance.folder, kuhmo.keys))
    return kuhmo


def shares(house: House, needed: int = 2, count: int = 3) -> list[Path]:
    flags = ["--shares", str(count), "--needed", str(needed)]
    result = house.run("recovery-kit", "kuhmo", "--into", str(house.root), *flags)
    assert result.code == 0, result.all
    return [house.root / f"kuhmo-kit-{number}-of-{count}.txt" for number in range(1, count + 1)]


def test_enough_shares_bring_back_inventory_and_key(ready: House) -> None:
    written = shares(ready)
    kept = {p: p.read_bytes() for p in (ready.inventories / "kuhmo").rglob("*") if p.is_file()}
    key = (ready.keys / "kuhmo").read_text()
    for path in (*kept, ready.keys / "kuhmo"):
        path.unlink()
    for folder in ("kuhmo/tenants", "kuhmo"):
        (ready.inventories / folder).rmdir()
    result = ready.run("restore", "kuhmo", "--kit", str(written[2]), "--kit", str(written[0]))
    assert result.code == 0, result.all
    assert "digione trust kuhmo" in result.all
    back = {p: p.read_bytes() for p in (ready.inventories / "kuhmo").rglob("*") if p.is_file()}
    assert back == kept
    assert (ready.keys / "kuhmo").read_text() == key
    assert (ready.keys / "kuhmo").stat().st_mode & 0o777 == 0o600


def test_a_share_alone_tells_nothing(ready: House) -> None:
    written = shares(ready)
    text = written[0].read_text()
    assert (ready.keys / "kuhmo").read_text().strip() not in text
    assert "koulu.kuhmo.example" not in text
    with pytest.raises(UsageError, match="D1-KIT-002"):
        kits.unseal([text])
    result = ready.run("recovery-kit", "kuhmo", "--check", str(written[0]))
    assert result.code == Exit.USAGE
    words = text.split("words of this share:")[1].split()[0]
    assert words not in result.all


def test_a_kit_that_opens_and_fits_is_proven(ready: House) -> None:
    written = shares(ready)
    result = ready.run("recovery-kit", "kuhmo", "--check", str(written[1]), "--check", str(written[2]))
    assert (result.code, result.out) == (0, "The recovery kit opens and fits.\n")


def test_a_kit_of_earlier_keys_does_not_fit(ready: House) -> None:
    (written,) = shares(ready, 1, 1)
    store = SecretStore(ready.inventories / "kuhmo", ready.keys)
    values = {n: v for n, v in store.read().values.items() if not n.name.startswith("backup_ssh")}
    store.write(values, store.read().salt)
    complete(fakes.load(ready.inventories), fakes.services(), store)
    result = ready.run("recovery-kit", "kuhmo", "--check", str(written))
    assert result.code == Exit.INTEGRITY
    assert "D1-KIT-005" in result.all


def test_what_was_altered_is_told(ready: House) -> None:
    text = shares(ready, 1, 1)[0].read_text()
    head, begin, body = text.partition("-----BEGIN DIGIONE RECOVERY KIT-----\n")
    other = "B" if body[0] == "A" else "A"
    with pytest.raises(IntegrityError, match="D1-KIT-003"):
        kits.unseal([head + begin + other + body[1:]])


@pytest.mark.parametrize("text", ["", "no kit", "-----BEGIN DIGIONE RECOVERY KIT-----\n-----END"])
def test_a_file_that_is_no_share_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="D1-KIT-001"):
        kits.unseal([text])


def test_shares_of_different_kits_are_told(ready: House) -> None:
    one = shares(ready)[0].read_text()
    other = shares(ready, 2, 4)[1].read_text()
    with pytest.raises(UsageError, match="D1-KIT-001"):
        kits.unseal([one, other])


def test_nothing_that_is_there_is_overwritten(ready: House) -> None:
    (written,) = shares(ready, 1, 1)
    result = ready.run("restore", "kuhmo", "--kit", str(written))
    assert (result.code, "D1-KIT-004" in result.all) == (Exit.USAGE, True)
    result = ready.run("recovery-kit", "kuhmo", "--into", str(ready.root))
    assert (result.code, "D1-KIT-006" in result.all) == (Exit.USAGE, True)


@pytest.mark.parametrize("numbers", [("3", "4"), ("3", "1"), ("1", "2")])
def test_shares_that_make_no_sense_are_refused(ready: House, numbers: tuple[str, str]) -> None:
    flags = ["--shares", numbers[0], "--needed", numbers[1], "--into", str(ready.root)]
    result = ready.refused("recovery-kit", "kuhmo", *flags)
    assert "D1-KIT-006" in result.all


def test_a_hostile_kit_writes_nowhere_else(ready: House, tmp_path: Path) -> None:
    (written,) = shares(ready, 1, 1)
    kit = kits.unseal([written.read_text()])
    hostile = {**kit.files, "../../etc/passwd": "x", "/tmp/x": "x", "tenants/../../x": "x"}
    kits.unpack(replace(kit, instance="paltamo", files=hostile), tmp_path / "i", tmp_path / "k")
    found = {str(p.relative_to(tmp_path / "i/paltamo")) for p in (tmp_path / "i").rglob("*") if p.is_file()}
    assert found == {*kit.files, kits.RECORD}


def test_the_kit_that_was_made_is_recorded(ready: House) -> None:
    shares(ready)
    told = json.loads((ready.inventories / "kuhmo" / kits.RECORD).read_text())
    store = SecretStore(ready.inventories / "kuhmo", ready.keys)
    assert told["checksum"] == kits.checksum(store.read())
