"""Who gives commands on a host."""

import os
import pwd


def operator_name() -> str:
    """The Unix name of whoever gave the command: behind sudo, the person and not root."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
