"""ssh: never a question, never another host key, and every refusal explained."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from digione_cli.errors import DigioneError, IntegrityError, LockedError, PreconditionError
from digione_cli.model.facts import LockHolder
from digione_cli.model.instance import Host
from digione_cli.settings import Settings
from digione_cli.verbs.trust import pin
from digione_cli.world import ssh
from digione_cli.world import world as outside
from digione_cli.world.ssh import Target, explain, options


@pytest.fixture
def target(tmp_path: Path) -> Target:
    host = Host(address="192.0.2.10", user="admin", port=2222, key=Path("~/key"))
    return Target("kuhmo1", host, tmp_path / "kuhmo/known_hosts")


CHANGED = "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in known_hosts:1"
UNKNOWN = "No ED25519 host key is known for 192.0.2.10 and you have requested strict checking."
REFUSED = "ssh: connect to host 192.0.2.10 port 22: Connection refused"


@pytest.mark.parametrize(
    ("stderr", "code", "kind", "error_id", "fix"),
    [
        (CHANGED, 255, IntegrityError, "D1-SSH-001", "digione trust kuhmo"),
        (UNKNOWN, 255, IntegrityError, "D1-SSH-002", "digione trust kuhmo"),
        ("Host key verification failed.", 255, IntegrityError, "D1-SSH-002", "digione trust kuhmo"),
        (
            "admin@192.0.2.10: Permission denied (publickey).",
            255,
            PreconditionError,
            "D1-SSH-003",
            "ssh-copy-id",
        ),
        ("sudo: a password is required", 1, PreconditionError, "D1-SSH-004", "--ask-sudo-password"),
        (
            "sudo: a terminal is required to read the password",
            1,
            PreconditionError,
            "D1-SSH-004",
            "--ask-sudo",
        ),
        (
            "Sorry, try again.\nsudo: 1 incorrect password attempt",
            1,
            PreconditionError,
            "D1-SSH-005",
            "right",
        ),
        ("admin is not in the sudoers file.", 1, PreconditionError, "D1-SSH-006", "adduser admin sudo"),
        (REFUSED, 255, PreconditionError, "D1-SSH-007", "instance.yml"),
        ("", 255, PreconditionError, "D1-SSH-007", "instance.yml"),
        ("Traceback…\nValueError: x", 1, DigioneError, "D1-SSH-009", "digione doctor"),
    ],
)
def test_what_ssh_says_is_explained(
    target: Target, stderr: str, code: int, kind: type[DigioneError], error_id: str, fix: str
) -> None:
    error = explain(target, stderr, code)
    assert type(error) is kind
    assert error.id == error_id
    assert fix in error.fix
    assert "kuhmo1" in error.what


def test_host_keys_are_always_checked_against_the_inventory(target: Target) -> None:
    given = options(target)
    assert "StrictHostKeyChecking=yes" in given
    assert f"UserKnownHostsFile={target.known_hosts}" in given
    assert "GlobalKnownHostsFile=none" in given
    assert "BatchMode=yes" in given
    assert given[:2] == ["-F", "none"]
    assert "Port=2222" in given


def test_a_sudo_password_is_in_no_argument(target: Target) -> None:
    password = SecretStr("very secret")
    command = ssh._command(target, password)
    assert "very secret" not in " ".join(command)
    assert ssh._input(ssh.REMOTE / "checker.py", password, b"").startswith(b"very secret\n")


def test_root_needs_no_sudo(target: Target) -> None:
    as_root = Target("h", Host(address="h1", user="root"), target.known_hosts)
    assert "sudo" not in ssh._command(as_root, None)[-1]
    assert ssh._command(target, None)[-1].startswith("sudo -n -- python3")


def test_the_loader_runs_what_stands_between_the_marks(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = tmp_path / "program.py"
    program.write_text("import sys\nprint('got', sys.stdin.buffer.read())\n")
    given = ssh._input(program, SecretStr("pw"), b"its own input\n#digione-end\n")
    done = subprocess.run([sys.executable, "-c", ssh._LOADER], input=given, capture_output=True, check=True)
    assert done.stdout == b"got b'its own input\\n#digione-end\\n'\n"


class _Ended:
    stderr = None

    def kill(self) -> None:
        pass

    def wait(self) -> int:
        return 255


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            b'{"operation": "1", "who": "matti", "machine": "desk", "verb": "apply", "since": "10:00"}',
            LockedError,
            "matti@desk holds the lock since 10:00 (digione apply, run 1)",
        ),
        (b"rubbish", LockedError, "another run"),
        (b"", PreconditionError, "192.0.2.10"),
    ],
)
def test_a_lock_tells_who_since_when_and_what_next(
    target: Target, answer: bytes, kind: type[DigioneError], words: str
) -> None:
    error = outside._locked(target, _Ended(), answer)  # type: ignore[arg-type]
    assert type(error) is kind
    assert words in error.why
    assert error.fix


def test_a_pinned_key_replaces_the_old_one_of_the_same_host(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    pin(file, ["h1 ssh-ed25519 A", "h1 ssh-rsa B"])
    pin(file, ["h2 ssh-ed25519 C"])
    pin(file, ["h1 ssh-ed25519 D"])
    assert file.read_text() == "h2 ssh-ed25519 C\nh1 ssh-ed25519 D\n"


def _listen(greeting: bytes) -> Iterator[int]:
    """Listen on a port of this machine, greet whoever comes, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    with server.accept()[0] as connection:
                        connection.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def no_ssh_server() -> Iterator[int]:
    yield from _listen(b"hello\r\n")


def _keys_of(port: int, tmp_path: Path) -> PreconditionError:
    host = Host(address="127.0.0.1", user="admin", port=port)
    with pytest.raises(PreconditionError) as caught:
        ssh.scan_keys(Target("kuhmo1", host, tmp_path / "kuhmo/known_hosts"))
    assert caught.value.id == "D1-SSH-007"
    assert f"port {port}: " in caught.value.why
    return caught.value


def test_a_closed_port_is_told_as_that(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert _keys_of(port, tmp_path).why.endswith("Connection refused")


def test_something_else_at_the_port_is_told_as_that(no_ssh_server: int, tmp_path: Path) -> None:
    assert _keys_of(no_ssh_server, tmp_path).why.endswith("no ssh server")


@pytest.mark.parametrize(("stderr", "passed_over"), [(REFUSED, True), (UNKNOWN, True), (CHANGED, False)])
def test_a_lock_passes_over_hosts_that_nobody_gets_into(
    target: Target, monkeypatch: pytest.MonkeyPatch, stderr: str, passed_over: bool
) -> None:
    @contextmanager
    def refused(self: object, of: Target, holder: LockHolder) -> Iterator[None]:
        raise explain(of, stderr, 255)
        yield

    monkeypatch.setattr(outside.World, "targets", lambda self, instance: [target])
    monkeypatch.setattr(outside.World, "_lock", refused)
    holder = LockHolder(operation="1", who="m", machine="d", verb="apply", since="10:00")
    lock = outside.World(Settings()).lock(None, holder)  # type: ignore[arg-type]
    with nullcontext() if passed_over else pytest.raises(IntegrityError), lock:
        pass
