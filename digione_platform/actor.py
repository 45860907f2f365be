"""Who gives commands on a host."""

import os
import pwd


def operator_name() -> str:
    """Whoever gave the command: as ``digione`` tells it (user@machine), else the Unix name.

    Behind sudo that is the person and not root.
    """
    if name := os.environ.get("DIGIONE_OPERATOR") or os.environ.get("SUDO_USER"):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
