"""Runs the sandbox: the sample municipality on loopback, for looking, teaching and trying."""

import logging
import os
import secrets
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from pydantic import SecretStr
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from digione_platform.app import create_app
from digione_platform.core.models import Person
from digione_platform.db import migrate, open_database
from digione_platform.errors import InputError
from digione_platform.i18n import mark
from digione_platform.sandbox.cli import DATABASE_KEY
from digione_platform.sandbox.sample import TENANT, import_sample
from digione_platform.sandbox.sign_in import LocalSignIn
from digione_platform.serve import log_to_stderr
from digione_platform.settings import ENVIRONMENT_KEY, Database, Settings, load_settings

RELEASE = "sandbox"


def run(*, port: int, data: Path, database: str, host: str, pupils: int) -> None:
    """Serve until interrupted. An empty database is filled with the sample municipality first."""
    refuse_instance()
    settings = sandbox_settings(host, port, database)
    log_to_stderr()
    engine = open_database(settings)
    migrate(engine)
    if is_empty(engine):
        import_sample(engine, data, pupils)
    engine.dispose()
    logging.getLogger(__name__).info("ready: %s", settings.url)
    uvicorn.run(
        create_app(settings, LocalSignIn()),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )


def refuse_instance() -> None:
    """Refuse to run where an instance's settings are at hand: there people prove who they are."""
    if os.environ.get(ENVIRONMENT_KEY) and load_settings().oidc is not None:
        raise InputError(
            "P-SANDBOX-001",
            mark("The sandbox was not started"),
            mark("{variable} names an instance's settings: its people sign in at an identity provider"),
            mark("unset {variable}, on a machine that is no host of an instance"),
            variable=ENVIRONMENT_KEY,
        )


def sandbox_settings(host: str, port: int, database: str) -> Settings:
    """The settings of a sandbox; an address or database that is not on this machine is refused."""
    if not _is_loopback(host):
        raise InputError(
            "P-SANDBOX-002",
            mark("The sandbox was not started"),
            mark("{host} is not a loopback address; anyone who reached it could sign in as anyone"),
            mark("digione sandbox --port <port>, without --host"),
            host=host,
        )
    where = Database.from_url(database) if database else None
    if where is None or not (where.host.startswith("/") or _is_loopback(where.host)):
        raise InputError(
            "P-SANDBOX-003",
            mark("The sandbox was not started"),
            mark("no database was given") if where is None else mark("its database is on another machine"),
            mark("digione sandbox starts one; or set {variable} to the URL of a database on this machine"),
            variable=DATABASE_KEY,
        )
    return Settings(
        tenant=TENANT,
        release=RELEASE,
        url=f"http://{f'[{host}]' if ':' in host else host}:{port}",
        database=where,
        session_secret=SecretStr(secrets.token_urlsafe(32)),
    )


def is_empty(engine: Engine) -> bool:
    """Whether nothing was imported yet."""
    with Session(engine) as session:
        return not session.scalar(select(func.count()).select_from(Person))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
