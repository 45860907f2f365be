"""Runs the platform's migrations on the connection that ``digione_platform.db.migrate`` hands over."""

from alembic import context

from digione_platform.api import models as _api  # noqa: F401 - enters its tables
from digione_platform.core import gradebook as _gradebook  # noqa: F401 - enters its tables
from digione_platform.core.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
