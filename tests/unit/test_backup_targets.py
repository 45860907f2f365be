"""Buckets as targets of backups: what is declared, the keys that somebody gives, what rclone's words mean."""

from pathlib import Path

import pytest
from digione_backup import targets
from digione_backup.errors import Refused
from digione_backup.settings import Target
from pydantic import SecretStr

from digione_cli.engine import recovery_kit
from digione_cli.engine.secrets import SecretName, Secrets, SecretStore, complete, missing, wanted
from tests import fakes
from tests.fakes import COPIES, INSTANCE, load, situation, write_inventory
from tests.unit.conftest import House

BUCKET = """\
backup:
  targets:
    copies: {kind: ssh, address: 192.0.2.20}
    cloud: {kind: s3, endpoint: "https://s3.kuhmo.example", bucket: kuhmo-copies}
"""
KEYS = (SecretName("backup_access_key_cloud"), SecretName("backup_secret_key_cloud"))


@pytest.mark.parametrize(
    ("target", "code", "key", "words"),
    [
        ("endpoint: 'http://s3.example', bucket: abc", "D1-CFG-013", "endpoint", "https://"),
        ("endpoint: 'https://s3.example'", "D1-CFG-011", "bucket", "missing"),
        ("endpoint: 'https://s3.example', bucket: Kuhmo", "D1-CFG-013", "bucket", "small letters"),
        ("endpoint: 'https://s3.example', bucket: \"a b\\nc\"", "D1-CFG-013", "bucket", "small letters"),
        ("endpoint: 'https://s3.example', bucket: abc, region: 'a b'", "D1-CFG-013", "region", "eu-north-1"),
        ("endpoint: 'https://s3.example', bucket: abc, folder: /x", "D1-CFG-013", "folder", "begin with /"),
        ("endpoint: 'https://s3.example', bucket: abc, folder: a/../b", "D1-CFG-013", "folder", "letters"),
        ("endpoint: 'https://s3.example', bucket: abc, key: x", "D1-CFG-010", "key", "key"),
    ],
)
def test_a_mistake_is_told_with_its_place(house: House, target: str, code: str, key: str, words: str) -> None:
    write_inventory(
        house.inventories, main=f"{INSTANCE}backup: {{targets: {{cloud: {{kind: s3, {target}}}}}}}\n"
    )
    result = house.refused("validate", "kuhmo")
    assert code in result.out
    assert f"backup.targets.cloud.{key}" in result.out
    assert words in result.out


def test_a_target_may_be_called_as_its_kind(house: House) -> None:
    write_inventory(
        house.inventories, main=f"{INSTANCE}backup: {{targets: {{s3: {{kind: s3, bucket: abc}}}}}}\n"
    )
    assert "backup.targets.s3.endpoint" in house.refused("validate", "kuhmo").out


def test_keys_are_wanted_for_each_bucket_and_never_made(house: House) -> None:
    folder = write_inventory(house.inventories, main=INSTANCE + BUCKET)
    instance, store = load(house.inventories), SecretStore(folder, house.keys)
    assert {name for name, kind in wanted(instance, fakes.services()).items() if kind == "given"} == set(KEYS)
    complete(instance, fakes.services(), store)
    assert missing(instance, fakes.services(), store.read()) == KEYS
    assert "digione secrets set kuhmo backup_access_key_cloud" in house.run("validate", "kuhmo").out
    assert "digione secrets set kuhmo backup_access_key_cloud" in house.run("plan", "kuhmo").err
    for name in ("backup_access_key", "backup_access_key_clou"):
        unknown = house.run("secrets", "set", "kuhmo", name)
        assert "backup_access_key_cloud" in unknown.err, "the one that may be meant"


def _with(present: Secrets, name: SecretName, value: str) -> Secrets:
    return Secrets({**present.values, name: SecretStr(value)}, present.salt)


def test_another_key_concerns_the_backups_alone(tmp_path: Path) -> None:
    write_inventory(tmp_path, main=INSTANCE + BUCKET)
    instance = load(tmp_path)
    known = fakes.sentinels(instance)
    now = situation(instance, secrets=known).desired.fingerprints["kuhmo1"]
    other = situation(instance, secrets=_with(known, KEYS[1], "another")).desired.fingerprints["kuhmo1"]
    assert {service for service in now if now[service] != other[service]} == {"backup"}


def test_a_recovery_kit_is_out_of_date_when_a_key_of_a_bucket_changes(tmp_path: Path) -> None:
    write_inventory(tmp_path, main=INSTANCE + BUCKET)
    known = fakes.sentinels(load(tmp_path))
    before = recovery_kit.checksum(known)
    for name in KEYS:
        assert recovery_kit.checksum(_with(known, name, "another")) != before
    assert recovery_kit.checksum(_with(known, SecretName("monitoring_reader"), "another")) == before


def test_a_recovery_kit_says_where_the_backups_are(house: House) -> None:
    folder = write_inventory(house.inventories, main=INSTANCE + BUCKET)
    instance, store = load(house.inventories), SecretStore(folder, house.keys)
    complete(instance, fakes.services(), store)
    (text,) = recovery_kit.seal(instance, store, fakes.NOW, 1, 1)
    assert "  copies: ssh digione-backup@192.0.2.20 backups\n" in text
    assert "  cloud: s3 https://s3.kuhmo.example kuhmo-copies/backups\n" in text


def test_without_a_bucket_no_key_is_wanted(tmp_path: Path) -> None:
    write_inventory(tmp_path, main=INSTANCE + COPIES)
    assert not {n for n in wanted(load(tmp_path), fakes.services()) if "key_" in n.name}


REFUSED = "status code: 403, request id: 17ABC, host id: "
ADDRESS = "https://s3.kuhmo.example/kuhmo-copies?delimiter=%2F&max-keys=1000&prefix=backups%2F"


@pytest.mark.parametrize(
    ("said", "id_", "reason"),
    [
        (f"Failed to copy: SignatureDoesNotMatch: The request signature … {REFUSED}", "D1-BACKUP-016", ""),
        (f"Failed to cat: InvalidAccessKeyId: The AWS Access Key Id … {REFUSED}", "D1-BACKUP-016", ""),
        ("ERROR : x: Failed to copy: QuotaExceeded: status code: 403", "D1-BACKUP-024", ""),
        ("ERROR : x: Failed to copy: XMinioStorageFull: Storage backend … 507", "D1-BACKUP-024", ""),
        ("Failed to copy: NoSuchBucket: The specified bucket does not exist", "D1-BACKUP-029", ""),
        ("Failed to cat: directory not found", "D1-BACKUP-029", ""),
        (f"Failed to copy: AccessDenied: Access Denied\n\t{REFUSED}", "D1-BACKUP-030", ""),
        (
            "Failed to copy: RequestError: send request failed\n"
            f'caused by: Get "{ADDRESS}": dial tcp 192.0.2.30:443: connect: connection refused',
            "D1-BACKUP-021",
            "dial tcp 192.0.2.30:443: connect: connection refused",
        ),
        (
            "Failed to cat: RequestError: send request failed\n"
            f'caused by: Get "{ADDRESS}": x509: certificate signed by unknown authority',
            "D1-BACKUP-021",
            "x509: certificate signed by unknown authority",
        ),
    ],
)
def test_what_rclone_says_of_a_bucket_is_told_in_our_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, id_: str, reason: str
) -> None:
    rclone = tmp_path / "rclone"
    rclone.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 3\n")
    rclone.chmod(0o755)
    monkeypatch.setattr("digione_backup.programs._ENVIRONMENT", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    cloud = Target("cloud", "s3", "cloud:kuhmo-copies/backups/kuhmo/kuhmo1")
    with pytest.raises(Refused) as refused:
        targets.identity(cloud)
    assert refused.value.told() == {
        "id": id_,
        "values": {"target": "cloud", "reason": reason} if reason else {"target": "cloud"},
    }
