"""Who decides a row; bundles sent from the browser; how long a municipality keeps what.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_REGISTERED = (
    "organisations",
    "academic_sessions",
    "persons",
    "roles",
    "courses",
    "groups",
    "enrolments",
)


def upgrade() -> None:
    for table in _REGISTERED:
        origins = sa.Enum(
            "roster", "platform", name="origin", native_enum=False, create_constraint=True, length=32
        )
        op.add_column(table, sa.Column("origin", origins, server_default="roster", nullable=False))
    states = sa.Enum(
        "checking",
        "checked",
        "applying",
        "applied",
        "failed",
        name="state",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    op.create_table(
        "roster_uploads",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("state", states, nullable=False),
        sa.Column("report", postgresql.JSONB(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["roster_imports.id"], name=op.f("fk_roster_uploads_import_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_uploads")),
    )
    op.create_index(op.f("ix_roster_uploads_at"), "roster_uploads", ["at"])
    op.create_table(
        "retention_periods",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_retention_periods")),
    )
