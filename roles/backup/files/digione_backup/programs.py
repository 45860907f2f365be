"""Running other programs: their output is taken, their failure is an error of ours with their last words."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from digione_backup.errors import Refused

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
_WORDS = 400  # characters of what a program said last


def run(
    argv: Sequence[str],
    *,
    user: str = "root",
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    codes: Sequence[int] = (0,),
) -> str:
    """Run a program and return what it printed.

    Raises:
        Refused: it failed (D1-BACKUP-001).
    """
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        user=user,
        group=user,
        extra_groups=[],
        env={**_ENVIRONMENT, **(environment or {})},
        close_fds=False,  # the lock of the vault is held by whoever works on it
        check=False,
    )
    if done.returncode not in codes:
        raise failure(argv[0], done.stderr or done.stdout, done.returncode)
    return done.stdout


def start(
    argv: Sequence[str],
    *,
    user: str = "root",
    environment: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a program whose output is read by another one."""
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        user=user,
        group=user,
        extra_groups=[],
        env={**_ENVIRONMENT, **(environment or {})},
        close_fds=False,
    )


def failure(program: str, said: str, code: int) -> Refused:
    """Given what a program said when it failed, return the error."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    words = ("error", "fatal", "caused by")
    telling = [line for line in lines if any(word in line.lower() for word in words)]
    last = " ".join((telling or lines or [f"exit code {code}"])[-2:])
    if "No space left on device" in said or "no space left" in said:
        return Refused("D1-BACKUP-002", program=program, reason=last[-_WORDS:])
    if "Read-only file system" in said or "read-only file system" in said:
        return Refused("D1-BACKUP-003", program=program, reason=last[-_WORDS:])
    return Refused("D1-BACKUP-001", program=program, reason=last[-_WORDS:])
