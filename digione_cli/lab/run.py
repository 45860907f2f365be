"""Other programs, from this one place in the lab."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from digione_cli.errors import DigioneError
from digione_cli.texts import t

# A user's PATH often lacks the folders of the administrator's programs.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def run(argv: Sequence[str], *, input: str = "", cwd: Path | None = None) -> str:  # noqa: A002 - subprocess's word
    """Given a command, its standard output; raises D1-LAB-002 with the last lines it said when it fails."""
    done = _done(argv, input, cwd)
    if done.returncode:
        raise DigioneError(
            "D1-LAB-002",
            t(
                "The lab could not do its work: {program} failed (exit {code})",
                program=Path(argv[0]).name,
                code=done.returncode,
            ),
            last_lines(done.stderr or done.stdout),
            t("mend the cause and run the same command again; digione lab down takes away what is half done"),
        )
    return done.stdout


def succeeds(argv: Sequence[str]) -> bool:
    """Given a command that only asks, whether it says yes."""
    return not _done(argv, "", None).returncode


def start(argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Given a command, starts it in a session of its own, to outlive this process; it writes to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": PATH, **environment},
            start_new_session=True,
        )


def remove(folder: Path) -> None:
    """Deletes a tree, and never what may still be mounted in it."""
    run(["rm", "-rf", "--one-file-system", "--", str(folder)])


def installed(program: str) -> bool:
    return shutil.which(program, path=PATH) is not None


def last_lines(text: str, count: int = 5) -> str:
    """Given what a program said, the end of it, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or t("it said nothing")


def _done(argv: Sequence[str], text: str, cwd: Path | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd=cwd,
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8"},
        check=False,
    )
