"""Instances, tenants and runs."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "instances",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("hosts", sa.Text, nullable=False),  # JSON: what was seen last on each host
        sa.Column("seen", sa.Text, nullable=False),  # ISO 8601, UTC
    )
    op.create_table(
        "tenants",
        sa.Column("instance", sa.Text, sa.ForeignKey("instances.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("instance", sa.Text, nullable=False, index=True),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("ended", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("steps", sa.Text, nullable=False),  # JSON
    )


def downgrade() -> None:
    for table in ("runs", "tenants", "instances"):
        op.drop_table(table)
