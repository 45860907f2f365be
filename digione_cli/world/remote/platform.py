"""Runs on a host, as root: one command of the platform for a tenant, as the tenant's own user.

The first line of standard input is JSON with tenant and arguments; what follows is a file for the
command (named by the argument FILE) or, with ``stdin``, its standard input. Prints an envelope as JSON.
"""

import json
import os
import pwd
import subprocess
import sys
import tempfile

PLATFORM = "/opt/digione/current/venv/bin/digione-platform"


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    tenant = request["tenant"]
    settings = f"/etc/digione/platform/{tenant}.json"
    if not os.path.exists(PLATFORM) or not os.path.exists(settings):
        # told as the platform's own command tells its errors
        why = f"the platform of {tenant} is not installed on {os.uname().nodename}"
        told = (
            f"D1-PLATFORM-001: The command was not carried out\n  why: {why}\n  fix: digione apply <instance>"
        )
        print(json.dumps({"exit": 3, "stdout": "", "stderr": f"{told}\n"}))
        return
    user = pwd.getpwnam(f"digione-{tenant}")
    with tempfile.TemporaryDirectory(prefix="digione-") as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        arguments = request["arguments"]
        if "FILE" in arguments:
            path = os.path.join(folder, request.get("file") or "file")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            os.chown(path, user.pw_uid, user.pw_gid)
            arguments = [path if a == "FILE" else a for a in arguments]
            content = b""
        done = subprocess.run(
            [PLATFORM, *arguments],
            input=content,
            capture_output=True,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd=folder,
            env={"DIGIONE_PLATFORM_SETTINGS": settings, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
    envelope = {
        "exit": done.returncode,
        "stdout": done.stdout.decode(errors="replace"),
        "stderr": done.stderr.decode(errors="replace"),
    }
    print(json.dumps(envelope))


if __name__ == "__main__":
    main()
