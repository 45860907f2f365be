"""Who says that a person is under non-disclosure: one that was set on the platform, no import lifts.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    origins = sa.Enum(
        "roster",
        "platform",
        name="nondisclosure_origin",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    op.add_column(
        "persons", sa.Column("nondisclosure_origin", origins, server_default="roster", nullable=False)
    )
    _tell_apart_what_was_set_before()


def _tell_apart_what_was_set_before() -> None:
    # The history knows by what the flag was raised the last time. That this is noted is no change of a row.
    op.execute("select set_config('digione.history', 'off', true)")
    op.execute("""
        update persons p set nondisclosure_origin = 'platform' where nondisclosure and (
            select h.import_id is null from row_history h
            where h.table_name = 'persons' and h.row_id = p.id::text
            and h.before ->> 'nondisclosure' = 'false' order by h.id desc limit 1
        )
    """)
    op.execute("select set_config('digione.history', '', true)")
