"""The small programs that run on hosts, tried on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digione_cli.model.facts import HostFacts, LockHolder
from digione_cli.world.remote import checker, lock, platform

HOLDER = {"operation": "1", "who": "matti", "machine": "desk", "verb": "apply", "since": "10:00"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's folder of its own."""
    for module in (checker, lock):
        monkeypatch.setattr(module, "LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(checker, "STATE", str(tmp_path / "state.json"))
    monkeypatch.setattr(checker, "CERTIFICATES", str(tmp_path / "*.pem"))
    monkeypatch.setattr(checker, "APT_LOCK", str(tmp_path / "apt"))
    return tmp_path


def _facts(capsys: pytest.CaptureFixture[str]) -> HostFacts:
    checker.main()
    return HostFacts.model_validate_json(capsys.readouterr().out)


def test_what_the_checker_prints_are_facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _facts(capsys)
    assert facts.reached
    assert facts.memory_mb > 0
    assert facts.services == {}
    assert facts.drift == ()


@pytest.mark.parametrize("content", ["", "{", "null garbage", "\x00\x00\x00"])
def test_a_torn_record_counts_as_none(folder: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (folder / "state.json").write_text(content)
    assert _facts(capsys).services == {}


def _record(folder: Path) -> Path:
    """Record one managed file of a service."""
    file = folder / "managed/x.conf"
    file.parent.mkdir()
    file.write_text("as it was written")
    file.chmod(0o644)
    applied = {
        "fingerprint": {"role": "f"},
        "at": "2026-11-01T00:00:00Z",
        "globs": [str(folder / "managed/*.conf")],
        "files": {str(file): checker.describe(str(file))},
    }
    state = {"instance": "kuhmo", "release": "2026.11", "services": {"gateway": applied}}
    (folder / "state.json").write_text(json.dumps(state))
    return file


def test_a_file_as_it_was_written_is_no_drift(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _record(folder)
    facts = _facts(capsys)
    assert facts.instance == "kuhmo"
    assert facts.services["gateway"].fingerprint == {"role": "f"}
    assert facts.drift == ()


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda p: p.write_text("by hand"), "changed"),
        (lambda p: p.unlink(), "missing"),
        (lambda p: p.chmod(0o666), "mode"),
        (lambda p: p.with_name("y.conf").write_text("new"), "unknown"),
        (lambda p: (p.rename(p.with_name("y")), p.symlink_to("y")), "changed"),
    ],
)
def test_a_change_by_hand_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str], spoil: object, kind: str
) -> None:
    file = _record(folder)
    assert callable(spoil)
    spoil(file)
    kinds = {d.kind for d in _facts(capsys).drift}
    assert kind in kinds


def test_a_unit_that_is_not_active_is_drift() -> None:
    services = {"gateway": {"units": ["nginx.service", "gone.service"]}}
    seen = {"nginx.service": {"active": "failed"}}
    found = [(d["subject"], d["has"]) for d in checker.unit_drift(services, seen)]
    assert found == [
        ("nginx.service", "failed"),
        ("gone.service", "not-found"),
    ]


SS = """\
tcp   LISTEN 0      511        0.0.0.0:443     0.0.0.0:*    users:(("nginx",pid=1,fd=6),("nginx",pid=2,fd=6))
udp   UNCONN 0      0        127.0.0.1:323     0.0.0.0:*    users:(("chronyd",pid=3,fd=5))
tcp   LISTEN 0      4096            [::]:22           [::]:*
short
"""


def test_ports_and_their_programs_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "output", lambda *command: SS)
    assert checker.listening() == {"tcp/443": "nginx", "udp/323": "chronyd", "tcp/22": ""}


SHOW = """\
Id=nginx.service
ActiveState=active
UnitFileState=enabled
ActiveEnterTimestamp=@1790000000
MemoryCurrent=1048576
NRestarts=2

Id=other.service
ActiveState=inactive
MemoryCurrent=[not set]
"""


def test_units_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "output", lambda *command: SHOW)
    seen = checker.units(["nginx.service", "other.service"])
    assert seen["nginx.service"] == {
        "active": "active", "enabled": "enabled", "since": "1790000000", "memory": 1048576, "restarts": 2,
    }  # fmt: skip
    assert seen["other.service"]["memory"] is None
    assert seen["other.service"]["restarts"] == 0


def _certificate(path: Path, issuer: str, days: int) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    names = [x509.DNSName("koulu.kuhmo.example")]
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "koulu.kuhmo.example")]),
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now,
        not_valid_after=now + timedelta(days=days),
    )
    made = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
        key, hashes.SHA256()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("issuer", "own"), [("DigiOne authority of kuhmo", True), ("R11", False), ("Kuhmon kaupunki", False)]
)
def test_certificates_are_read(folder: Path, issuer: str, own: bool) -> None:
    _certificate(folder / "gateway-kuhmo.pem", issuer, 10)
    (folder / "no-certificate.pem").write_text("hello")
    (found,) = checker.certificates()
    assert found["own"] is own
    assert found["names"] == ["koulu.kuhmo.example"]
    until = datetime.strptime(found["not_after"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((until - datetime.now(UTC)).days - 10) <= 1


@pytest.fixture
def held(folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """The lock program at work, holding the lock."""
    process = _lock(folder)
    assert process.stdout
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.wait()


def _lock(folder: Path) -> "subprocess.Popen[bytes]":
    paths = str(folder), str(folder / "lock")
    code = f"from digione_cli.world.remote import lock; lock.FOLDER, lock.LOCK = {paths!r}; lock.main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(json.dumps(HOLDER).encode() + b"\n")
    process.stdin.flush()
    return process


def test_a_second_operator_learns_who_holds_the_lock(folder: Path, held: "subprocess.Popen[bytes]") -> None:
    second = _lock(folder)
    assert second.stdout
    assert LockHolder.model_validate_json(second.stdout.readline()) == LockHolder.model_validate(HOLDER)
    assert second.wait() == 0
    assert checker.lock() == HOLDER


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_lock_ends_with_its_operator(folder: Path, held: "subprocess.Popen[bytes]", end: str) -> None:
    if end == "kill":
        held.kill()
    elif held.stdin:
        held.stdin.close()
    held.wait()
    assert checker.lock() is None
    again = _lock(folder)
    assert again.stdout
    assert again.stdout.readline() == b"locked\n"
    again.kill()
    again.wait()


def test_whoever_only_looks_does_not_keep_anyone_out(folder: Path) -> None:
    import fcntl

    (folder / "lock").touch()
    with (folder / "lock").open("r+") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        process = _lock(folder)
    assert process.stdout
    assert process.stdout.readline() == b"locked\n"
    process.kill()
    process.wait()


def test_a_lock_follows_no_link(folder: Path) -> None:
    (folder / "lock").symlink_to("/etc/hostname")
    process = _lock(folder)
    assert process.wait() != 0


def test_programs_for_hosts_need_nothing_but_python(tmp_path: Path) -> None:
    """Debian's own Python runs them: no package of ours is there."""
    for program in ("checker", "lock", "platform"):
        shutil.copy(Path(checker.__file__).with_name(f"{program}.py"), tmp_path)
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {program}"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code],
            capture_output=True,
            env={"PATH": os.environ["PATH"]},
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_data_that_was_kept_is_told_as_long_as_it_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(services: dict[str, object]) -> list[str]:
        kept = {"monitoring": [str(folder / "data-*")], "platform": []}
        (folder / "state.json").write_text(json.dumps({"services": services, "kept": kept}))
        checker.main()
        return sorted(json.loads(capsys.readouterr().out)["kept"])

    (folder / "data-1").mkdir()
    assert told({}) == ["monitoring", "platform"]  # the instance was taken off: there are users, too
    assert told({"gateway": {}}) == ["monitoring"]
    (folder / "data-1").rmdir()
    assert told({"gateway": {}}) == []


def test_what_a_command_wrote_is_read_without_following_links(tmp_path: Path) -> None:
    secret, link, pipe, file = (tmp_path / name for name in ("secret", "link", "pipe", "file"))
    secret.write_text("root's alone")
    link.symlink_to(secret)
    os.mkfifo(pipe)
    file.write_bytes(b"zip")
    read = [platform.content_of(str(path)) for path in (link, pipe, tmp_path, tmp_path / "none", file)]
    assert read == [b"", b"", b"", b"", b"zip"]
