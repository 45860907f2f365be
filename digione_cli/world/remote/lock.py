"""Runs on a host, as root: holds the instance's lock for as long as standard input stays open.

The lock is a process, so it cannot go stale: it ends with the operator's connection, with a kill of
either side, and with a power cut. Prints ``locked``, or the holder as JSON.
"""

import fcntl
import os
import sys
import time
from typing import BinaryIO

FOLDER = "/var/lib/digione"
LOCK = FOLDER + "/lock"


def main() -> None:
    holder = sys.stdin.buffer.readline()
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
        if not locked(file):
            print(file.read().decode(errors="replace"), flush=True)
            return
        file.truncate(0)
        file.write(holder)
        file.flush()
        print("locked", flush=True)
        sys.stdin.buffer.read()
        file.truncate(0)


def locked(file: BinaryIO) -> bool:
    """Take the lock; try for a second, because whoever looks for a holder has it for a moment, too."""
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            time.sleep(0.05)
    return False


if __name__ == "__main__":
    main()
