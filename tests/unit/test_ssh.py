"""ssh: never a question, never another host key, and every refusal explained."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from digione_cli.errors import DigioneError, IntegrityError, LockedError, PreconditionError
from digione_cli.model.instance import Host
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
