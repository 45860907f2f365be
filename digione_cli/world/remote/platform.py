"""Runs on a host, as root: one command of the platform for a tenant, as the tenant's own user.

The first line of standard input is JSON with tenant, arguments and the reader's language; what follows is
a file for the command (named by the argument FILE) or its standard input. Prints an envelope as JSON, or
``null`` where the tenant's platform is not installed.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

PLATFORM = "/opt/digione/current/venv/bin/digione-platform"
SETTINGS = "/etc/digione/platform"


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    tenant = request["tenant"]
    settings = f"{SETTINGS}/{tenant}.json"
    if not os.path.exists(PLATFORM) or not os.path.exists(settings):
        print("null")
        return
    user = pwd.getpwnam(f"digione-{tenant}")
    with tempfile.TemporaryDirectory(prefix="digione-") as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        arguments = request["arguments"]
        if "FILE" in arguments:
            path = os.path.join(folder, request.get("file") or "file")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)  # it may be larger than the memory
            os.chown(path, user.pw_uid, user.pw_gid)
            arguments = [path if a == "FILE" else a for a in arguments]
        done = subprocess.run(
            [PLATFORM, *arguments],
            input=sys.stdin.buffer.read(),
            capture_output=True,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd=folder,
            env={
                "DIGIONE_PLATFORM_SETTINGS": settings,
                "DIGIONE_LANGUAGE": request["language"],
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
            },
        )
    envelope = {
        "exit": done.returncode,
        "stdout": done.stdout.decode(errors="replace"),
        "stderr": done.stderr.decode(errors="replace"),
    }
    print(json.dumps(envelope))


if __name__ == "__main__":
    main()
