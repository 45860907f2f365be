"""Runs on a host, as root: holds the instance's lock for as long as standard input stays open.

The lock is a process, so it cannot go stale: it ends with the operator's connection, with a kill of
either side, and with a power cut. Prints ``locked``, or the holder as JSON.
"""

import fcntl
import os
import sys

FOLDER = "/var/lib/digione"
LOCK = FOLDER + "/lock"


def main() -> None:
    holder = sys.stdin.buffer.readline()
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(file.read().decode(errors="replace"), flush=True)
            return
        file.truncate(0)
        file.write(holder)
        file.flush()
        print("locked", flush=True)
        sys.stdin.buffer.read()
        file.truncate(0)


if __name__ == "__main__":
    main()
