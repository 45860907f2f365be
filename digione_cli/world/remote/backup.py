"""Runs on a host, as root: one command of the host's backup program (roles/backup).

The first line of standard input is JSON with the instance, the command's arguments and what it is to be told.
Prints what the program answers as JSON, or ``null`` where it is not installed.
"""

import json
import os
import subprocess
import sys

FOLDER = "/usr/local/lib/digione"
SETTINGS = "/etc/digione/backup/settings.json"


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    if not os.path.exists(SETTINGS) or not os.path.isdir(f"{FOLDER}/digione_backup"):
        print("null")
        return
    with open(SETTINGS) as settings:
        other = json.load(settings)["instance"]
    if other != request["instance"]:
        print(json.dumps({"error": {"id": "D1-BACKUP-031", "values": {"other": other}}}))
        return
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "digione_backup", *request["arguments"]],
        input=json.dumps(request["told"]).encode(),
        capture_output=True,
        cwd=FOLDER,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    answer = done.stdout.decode(errors="replace").strip()
    if not answer and done.returncode < 0:
        answer = json.dumps({"error": {"id": "D1-BACKUP-028", "values": {"signal": str(-done.returncode)}}})
    if not answer:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["?"]
        answer = json.dumps({"error": {"id": "D1-BACKUP-000", "values": {"reason": last[0][:400]}}})
    print(answer)


if __name__ == "__main__":
    main()
