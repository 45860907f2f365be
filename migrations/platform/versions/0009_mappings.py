"""The mapping by which a file that was sent in the browser is read.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("roster_uploads", sa.Column("mapping", sa.LargeBinary()))
