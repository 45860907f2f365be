"""The process of a tenant: uvicorn on a Unix socket that only the gateway can open."""

import gc
import logging
import os
import signal
import socket as sockets
import sys
from pathlib import Path
from typing import NoReturn

import uvicorn

from digione_platform.app import create_app
from digione_platform.auth import OidcSignIn
from digione_platform.db import ready_database
from digione_platform.errors import InputError, PlatformError
from digione_platform.i18n import mark
from digione_platform.settings import load_settings


def serve_socket(path: Path) -> None:
    """Serve on ``path`` until SIGTERM or SIGINT; requests under way are given ten seconds to finish."""
    settings = load_settings()
    if settings.oidc is None:
        raise InputError(
            "P-SETTINGS-005",
            mark("The platform was not started"),
            mark("the settings name no identity provider (oidc)"),
            mark("apply the instance again: digione apply <instance>"),
        )
    log_to_stderr()
    with ready_database(settings):
        app = create_app(settings, OidcSignIn(settings, settings.oidc))
    config = uvicorn.Config(
        app,
        # Whoever can open the socket is the gateway.
        proxy_headers=True,
        forwarded_allow_ips="*",
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    # The garbage collector need not look through what lives to the end, again and again: a tenth of the work.
    gc.collect()
    gc.freeze()
    # The server raises the signal that ended it once more; then the process ends as one that was told to.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        with _listen(path) as listening:
            _tell_systemd()
            uvicorn.Server(config).run([listening])
    finally:
        path.unlink(missing_ok=True)


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def log_to_stderr() -> None:
    """Plain lines for the journal, which adds time and unit itself."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    # It logs addresses with their query, and with it sign-in codes.
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _tell_systemd() -> None:
    """Say that requests are taken from now on, so that whoever restarted the unit waits until then.

    Protocol: sd_notify(3), one datagram to the socket that systemd names in the environment.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", address)


def _listen(path: Path) -> sockets.socket:
    listening = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        # The unit gives the socket's directory to the gateway's group; others stay outside.
        path.chmod(0o660)
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise PlatformError(
            "P-SERVE-001",
            mark("The platform was not started"),
            "{path}: {reason}",
            mark("the socket's directory belongs to the unit: systemctl status digione-platform@<tenant>"),
            path=path,
            reason=error.strerror or error,
        ) from error
    return listening
