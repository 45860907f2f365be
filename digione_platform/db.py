"""The tenant's database: connections and migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from digione_platform.errors import PlatformError, PreconditionError
from digione_platform.i18n import mark
from digione_platform.settings import Settings

# In the wheel as in the checkout, migrations/ lies beside the package.
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations" / "platform"
# Of pages and interfaces; a few more are for what goes on beside them: sign-in, health, imports. In all fewer
# than PostgreSQL has for the tenant (postgresql_platform_connections), for commands come in addition.
CONNECTIONS = 8


def open_database(settings: Settings) -> Engine:
    """A pool of connections to the tenant's database; connects when first used."""
    return create_engine(
        settings.database.url(),
        pool_size=CONNECTIONS,
        max_overflow=4,
        pool_timeout=10,
        pool_pre_ping=True,
        # Values are personal data and stay out of error messages and logs.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": f"digione-platform {settings.tenant.slug}"},
    )


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision; a second run changes nothing."""
    config = _alembic()
    try:
        with engine.begin() as connection:
            # One at a time: two processes that start together wait for each other.
            connection.execute(text("select pg_advisory_xact_lock(hashtext('digione migrations'))"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise database_away(error) from error


def is_current(engine: Engine) -> bool:
    """Whether the schema is the one that this code expects."""
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise database_away(error) from error
    return found == ScriptDirectory.from_config(_alembic()).get_current_head()


@contextmanager
def ready_database(settings: Settings) -> Iterator[Engine]:
    """The tenant's database for one command: it must answer and have this release's schema."""
    engine = open_database(settings)
    try:
        require_current(engine)
        yield engine
    except OperationalError as error:
        raise database_away(error) from error
    finally:
        engine.dispose()


def require_current(engine: Engine) -> None:
    """Refuse a database whose schema is not the one that this code expects."""
    if not is_current(engine):
        raise PreconditionError(
            "P-DATABASE-002",
            mark("The command was not carried out"),
            mark("the database's schema is not the one of this release"),
            "digione-platform migrate",
        )


def database_away(error: OperationalError) -> PlatformError:
    """The error to show when the database does not answer; the server's words carry no password."""
    return PreconditionError(
        "P-DATABASE-001",
        mark("The database does not answer"),
        "{reason}",
        mark("look at PostgreSQL on its host: digione status <instance>, digione logs <instance> postgresql"),
        reason=str(error.orig).strip().splitlines()[0],
    )


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
