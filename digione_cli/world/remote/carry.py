"""Runs on a host: sends what a restore has laid out to standard output, or takes it from standard input.

The first line of standard input is JSON: whether it takes, and whether what is there goes first.
"""

import json
import os
import shutil
import subprocess
import sys

FOLDER = "/var/lib/digione/restored"


def take(anew: bool) -> int:
    if anew:
        shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    with subprocess.Popen(["tar", "--extract", "--directory", FOLDER], stdin=subprocess.PIPE) as tar:
        assert tar.stdin
        shutil.copyfileobj(sys.stdin.buffer, tar.stdin)
    return tar.returncode


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    if request["take"]:
        sys.exit(take(request["anew"]))
    sys.exit(subprocess.run(["tar", "--create", "--directory", FOLDER, "."]).returncode)


if __name__ == "__main__":
    main()
