"""Runs on a host, as root: one command of the platform for a tenant, as the tenant's own user.

The first line of standard input is JSON with tenant, arguments, operator, the reader's language and perhaps a
mapping (named by the argument MAPPING); what follows is a file for the command (named by the argument FILE)
or its standard input. The argument OUT names a file that the command writes. Prints an envelope as JSON,
in it what was written there as base 64, or ``null`` where the tenant's platform is not installed.
"""

import base64
import json
import os
import pwd
import shutil
import stat
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
        if mapping := request.get("mapping"):
            inside = os.path.join(folder, "mapping")  # of its own: the file may have the same name
            os.mkdir(inside, 0o700)
            path = os.path.join(inside, mapping["name"])
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(base64.b64decode(mapping["content"]))
            for made in (inside, path):
                os.chown(made, user.pw_uid, user.pw_gid)
            arguments = [path if a == "MAPPING" else a for a in arguments]
        written = os.path.join(folder, "written")
        arguments = [written if a == "OUT" else a for a in arguments]
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
                "DIGIONE_OPERATOR": request["operator"],
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
            },
        )
        output = content_of(written)
    envelope = {
        "exit": done.returncode,
        "stdout": done.stdout.decode(errors="replace"),
        "stderr": done.stderr.decode(errors="replace"),
        "file": base64.b64encode(output).decode(),
    }
    print(json.dumps(envelope))


def content_of(path: str) -> bytes:
    """What the tenant's user wrote; a link or pipe in its place would make root read something else."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            return stream.read() if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else b""
    except OSError:
        return b""


if __name__ == "__main__":
    main()
