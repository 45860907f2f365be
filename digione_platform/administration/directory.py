"""Brings the account of a person to the directory after a change in the browser."""

import logging
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from digione_platform.accounts import sync_directory
from digione_platform.errors import PlatformError
from digione_platform.settings import Settings

_log = logging.getLogger(__name__)


def follow(engine: Engine, settings: Settings, person_id: UUID) -> None:
    """Bring a person's account to the directory; what fails is logged, and made good by the next sync."""
    try:
        with engine.connect() as connection:
            query = text("select id::text from accounts where person_id = :id")
            accounts = list(connection.execute(query, {"id": person_id}).scalars())
        if accounts:
            sync_directory(engine, settings, only=accounts)
    except PlatformError as error:
        _log.error("the directory did not follow a change: %s", error.id)
    except (OperationalError, PoolTimeoutError) as error:
        _log.error("the directory did not follow a change: %s", type(error).__name__)
