"""Copies of backups in a bucket: an S3 server on this machine, and all but the bucket lost."""

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from moto import settings as moto_settings
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import AccessKey
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from trustme import CA
from werkzeug.serving import BaseWSGIServer, make_server

from digione_cli.lab import Lab
from tests.conftest import OID, Digione, Ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

HOST, DOMAIN = "ampari1", "ampari.digione.test"
DOMAINS = [DOMAIN, f"auth.{DOMAIN}"]
BUCKET = "kunnan-kopiot"
COPY = f"kunta/ampari/{HOST}"
PLANTED = "Salaisuus Kuusikossa"
# What the how-to says that the key needs.
RIGHTS = {
    BUCKET: ["s3:ListBucket"],
    f"{BUCKET}/*": [
        *("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject"),
        "s3:AbortMultipartUpload",
    ],
}


@dataclass
class Storage:
    """A storage service with one user, whom it grants nothing yet. What is in it outlives a stop."""

    address: str
    port: int
    certificate: ssl.SSLContext
    server: BaseWSGIServer | None = None

    @property
    def endpoint(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def users(self) -> Any:
        return get_backend("iam")[DEFAULT_ACCOUNT_ID]["aws"]

    @property
    def objects(self) -> Any:
        return get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]

    def start(self) -> None:
        self.server = make_server(
            self.address,
            self.port,
            DomainDispatcherApplication(create_backend_app),
            threaded=True,
            request_handler=MotoRequestHandler,
            ssl_context=self.certificate,
        )
        Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @cached_property
    def key(self) -> AccessKey:
        """The user's access key and its secret key."""
        self.users.create_user("eu-north-1", "digione")
        made: AccessKey = self.users.create_access_key("digione")
        return made

    def grant(self) -> None:
        statements = [
            {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{what}"}
            for what, actions in RIGHTS.items()
        ]
        policy = {"Version": "2012-10-17", "Statement": statements}
        self.users.put_user_policy("digione", "copies", json.dumps(policy))

    def make_bucket(self) -> None:
        self.objects.create_bucket(BUCKET, "eu-north-1")
        self.objects.put_bucket_versioning(BUCKET, "Enabled")

    def names(self, beginning: str) -> list[str]:
        """The names of all objects that begin so."""
        keys = self.objects.get_bucket(BUCKET).keys
        return sorted(name for name in keys if name.startswith(beginning) and self.read(name) is not None)

    def read(self, name: str) -> bytes | None:
        """An object's content; none of one that was deleted, of which a version stays."""
        found = self.objects.get_object(BUCKET, name)
        return found and bytes(found.value)

    def damage(self, name: str) -> None:
        """Flip a bit, as a dying disk does."""
        content = bytearray(self.read(name) or b"")
        content[len(content) // 2] ^= 1
        self.objects.get_object(BUCKET, name).value = bytes(content)

    def lose(self, name: str) -> None:
        self.objects.delete_object(BUCKET, name)


@pytest.fixture(scope="module")
def authority() -> CA:
    """The municipality's own."""
    return CA()


@pytest.fixture(scope="module")
def storage(lab: Lab, authority: CA) -> Iterator[Storage]:
    """The municipality's storage service, on this machine."""
    (host,) = lab.up([HOST], 2048)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        towards.connect((host.address, 9))
        address = towards.getsockname()[0]
    with socket.create_server((address, 0)) as taken:
        port = taken.getsockname()[1]
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(address).configure_cert(certificate)
    server = Storage(address, port, certificate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moto_settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)  # it lets nobody in without a key
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def ampari(lab: Lab, digione: Digione, ssh: Ssh, storage: Storage, authority: CA) -> str:
    """An instance, not yet applied, whose copies go to a bucket and to a mounted folder."""
    digione(
        *("init", "ampari", "--lab", HOST, "--code", "999", "--oid", OID, "--name-fi", "Ämpäri"),
        *("--name-sv", "Ämbar", "--domain", DOMAIN, "--contact", "operator@ampari.example"),
    )
    folder = digione.inventories / "ampari"
    (folder / "kunta.pem").write_bytes(authority.cert_pem.bytes())
    targets = {
        "nas": {"kind": "mounted", "folder": "/mnt/nas"},
        "pilvi": {"kind": "s3", "endpoint": storage.endpoint, "bucket": BUCKET, "folder": "kunta"},
    }
    with (folder / "instance.yml").open("a") as file:
        file.write(f"backup: {json.dumps({'targets': targets})}\nexternal: {{authority: kunta.pem}}\n")
    lab.resolve(HOST, DOMAINS)
    mount(ssh)
    return "ampari"


def mount(ssh: Ssh) -> None:
    on_host(ssh, "sudo mkdir -p /mnt/nas && sudo mount -t tmpfs tmpfs /mnt/nas")


def on_host(ssh: Ssh, command: str, *, text: str = "") -> str:
    done = ssh(HOST, command, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sql(ssh: Ssh, statement: str) -> str:
    return on_host(ssh, "sudo -u postgres psql -qtA --set=ON_ERROR_STOP=1 platform_ampari", text=statement)


def reached(ssh: Ssh) -> None:
    """Wait until the bucket reaches to now, by the host's clock."""
    moment = on_host(ssh, "date -u +%Y-%m-%dT%H:%M:%S+00:00")
    late = time.monotonic() + 180
    while known(ssh).get("until", "") <= moment:
        assert time.monotonic() < late, f"the bucket does not reach to {moment}: {known(ssh)}"
        time.sleep(0.5)


def known(ssh: Ssh) -> dict[str, Any]:
    told = json.loads(on_host(ssh, "sudo cat /var/lib/digione/backup.json"))["targets"]["pilvi"]
    return dict(told)


def points(digione: Digione) -> list[dict[str, Any]]:
    return list(digione("backup", "list", "ampari", "--json").json[f"points_{HOST}"]["points"])


def findings(digione: Digione) -> list[Any]:
    return list(digione("doctor", "ampari", "--json").json.get("findings", []))


def problems(digione: Digione) -> set[tuple[str, str, str]]:
    found = digione("backup", "verify", "ampari", "--json", expect=6).json[f"problems_{HOST}"]
    return {(one["place"], one["file"], one["what"]) for one in found}


def test_keys_that_were_not_given_are_named(ampari: str, digione: Digione, storage: Storage) -> None:
    lacking = digione("validate", ampari, expect=2)
    for name in ("backup_access_key_pilvi", "backup_secret_key_pilvi"):
        assert f"digione secrets set ampari {name}" in lacking.out + lacking.err
    digione.keep(ampari, "backup_access_key_pilvi", storage.key.access_key_id)
    assert "backup_secret_key_pilvi" in digione("apply", ampari, "--yes", expect=3).err
    digione.keep(ampari, "backup_secret_key_pilvi", storage.key.secret_access_key)
    applied = digione("apply", ampari, "--yes")
    assert storage.key.secret_access_key not in applied.out + applied.err


def test_what_keeps_it_from_the_bucket_is_told(ampari: str, digione: Digione, storage: Storage) -> None:
    given = storage.key.secret_access_key
    storage.key.secret_access_key = "another"
    refused = digione("backup", "create", ampari, expect=5)
    assert "D1-BACKUP-016" in refused.err
    assert "digione secrets set ampari backup_access_key_pilvi" in refused.err
    storage.key.secret_access_key = given
    for id_, mend in (("D1-BACKUP-030", storage.grant), ("D1-BACKUP-029", storage.make_bucket)):
        told = digione("backup", "list", ampari, expect=None)
        assert id_ in told.out + told.err
        mend()
    (point,) = points(digione)
    assert point["where"][:2] == ["vault", "nas"], "what one target refuses another one has"


def test_a_recovery_point_is_in_the_bucket(ampari: str, digione: Digione, ssh: Ssh) -> None:
    sql(ssh, f"create table precious (word text); insert into precious values ('{PLANTED}')")  # noqa: S608
    digione("backup", "create", ampari)
    assert [point["where"] for point in points(digione)] == [["vault", "nas", "pilvi"]] * 2
    digione("recovery-kit", ampari, "--into", str(digione.home), "--shares", "1", "--needed", "1")
    assert findings(digione) == []
    verified = digione("backup", "verify", ampari, "--json").json[f"verified_{HOST}"]
    assert verified["problems"] == []
    assert set(verified["round_trip"]) == {"vault", "nas", "pilvi"}


def test_nothing_in_the_bucket_can_be_read_there_and_the_key_lies_in_one_file(
    ampari: str, digione: Digione, ssh: Ssh, storage: Storage
) -> None:
    own, secret = digione("secrets", "show", ampari, "backup_key").out.strip(), storage.key.secret_access_key
    names = storage.names(COPY)
    assert len(names) > 20
    content = b"".join(storage.read(name) or b"" for name in names)
    for planted in (PLANTED, own, secret, "operator@ampari", "BEGIN OPENSSH"):
        assert planted.encode() not in content, planted
    assert on_host(ssh, f"sudo grep -rlF -- '{secret}' /etc /run /var/lib/digione /usr/local") == (
        "/etc/digione/backup/rclone.conf"
    )
    assert on_host(ssh, "sudo stat -c '%a %U' /etc/digione/backup/rclone.conf") == "600 root"


def test_what_is_altered_or_lost_in_the_bucket_is_found(
    ampari: str, digione: Digione, storage: Storage
) -> None:
    pack = storage.names(f"{COPY}/files/data/")[0]
    segment = storage.names(f"{COPY}/postgresql/archive/digione/15-1/0")[0]
    storage.damage(pack)
    storage.lose(segment)
    assert problems(digione) == {
        ("pilvi", pack.removeprefix(f"{COPY}/"), "altered"),
        ("pilvi", segment.removeprefix(f"{COPY}/"), "missing"),
    }
    verified = digione("backup", "verify", ampari, "--json").json[f"verified_{HOST}"]
    assert verified["problems"] == [], "the vault had it whole"


def test_a_service_that_is_away_gets_what_it_missed(
    ampari: str, digione: Digione, ssh: Ssh, storage: Storage
) -> None:
    storage.stop()
    lost = digione("backup", "create", ampari, expect=5)
    assert "D1-BACKUP-021" in lost.err
    assert "connection refused" in lost.err
    sql(ssh, "insert into precious values ('meanwhile')")
    storage.start()
    reached(ssh)
    assert all(point["where"] == ["vault", "nas", "pilvi"] for point in points(digione))
    assert findings(digione) == []


def test_what_is_kept_no_longer_lies_beside_for_a_while(
    ampari: str, digione: Digione, ssh: Ssh, storage: Storage
) -> None:
    *gone, newest = [point["id"] for point in points(digione)]
    on_host(ssh, "sudo env PYTHONPATH=/usr/local/lib/digione python3 -", text=PRUNE)
    assert storage.names(f"{COPY}/points/") == [f"{COPY}/points/{newest}.json"]
    aside = [Path(name).stem for name in storage.names(f"{COPY}.removed/") if "/points/" in name]
    assert aside == gone
    digione("backup", "verify", ampari)


# Prune, with the newest point alone to be kept: with the instance's settings it would have to be days old.
PRUNE = """
from dataclasses import replace
from digione_backup import prune, settings
answer = prune.prune(replace(settings.load(), keep={"days": 0, "weeks": 0, "months": 0}), False)
assert not answer["troubles"], answer
"""


def test_the_bucket_alone_brings_everything_back(ampari: str, digione: Digione, ssh: Ssh, lab: Lab) -> None:
    for _ in range(3):
        sql(ssh, "insert into precious values ('acknowledged')")
    acknowledged = sql(ssh, "select word from precious order by word")
    reached(ssh)
    lab.down([HOST])
    (host,) = lab.up([HOST], 2048)
    lab.resolve(HOST, DOMAINS)
    mount(ssh)
    inventory = digione.inventories / "ampari/instance.yml"
    text = inventory.read_text()
    inventory.write_text(re.sub(rf"({HOST}:\n    address: )\S+", rf'\g<1>"{host.address}"', text))
    digione("trust", ampari, "--yes")
    restored = digione("restore", ampari, "--confirm", ampari)
    assert "from pilvi" in restored.out + restored.err
    assert sql(ssh, "select word from precious order by word") == acknowledged
    digione("backup", "create", ampari)
    assert all("pilvi" in point["where"] for point in points(digione))
    assert findings(digione) == []
