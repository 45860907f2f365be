"""What is new for a person, the mail that tells of it, and what a person chose for themselves.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _preferences()
    _letters()
    _news()


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _id() -> sa.Column[sa.Uuid]:
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def _moment(name: str, *, now: bool = False) -> sa.Column[sa.DateTime]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now)


def _preferences() -> None:
    op.create_table(
        "preferences",
        _id(),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(2), nullable=True),
        sa.Column(
            "mail", _one_of("mail", "at once", "daily", "none"), server_default="daily", nullable=False
        ),
        sa.Column("quiet_from", sa.SmallInteger(), server_default="21", nullable=False),
        sa.Column("quiet_until", sa.SmallInteger(), server_default="7", nullable=False),
        sa.CheckConstraint("language in ('fi', 'sv', 'en')", name=op.f("ck_preferences_language")),
        sa.CheckConstraint(
            "quiet_from between 0 and 23 and quiet_until between 0 and 23",
            name=op.f("ck_preferences_quiet_hours"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_preferences_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preferences")),
        sa.UniqueConstraint("person_id", name=op.f("uq_preferences_person_id")),
    )
    # As every table of the register keeps its history.
    rows = {
        "insert": "new table as new_rows",
        "update": "old table as old_rows new table as new_rows",
        "delete": "old table as old_rows",
    }
    for change, names in rows.items():
        op.execute(f"""
            create trigger preferences_keep_history_of_{change} after {change} on preferences
            referencing {names} for each statement execute function write_history('t.id::text', 'n.id = t.id')
        """)


def _letters() -> None:
    states = _one_of("state", "waiting", "sending", "sent", "unsure", "refused", "dropped")
    op.create_table(
        "letters",
        _id(),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        _moment("at", now=True),
        _moment("due", now=True),
        sa.Column("state", states, server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        _moment("done"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_letters_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
    )
    op.create_index(op.f("ix_letters_person_id"), "letters", ["person_id"])
    op.create_index(op.f("ix_letters_at"), "letters", ["at"])
    op.create_index(
        "uq_letters_waiting",
        "letters",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("state in ('waiting', 'sending')"),
    )


def _news() -> None:
    op.create_table(
        "news",
        _id(),
        _moment("at", now=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Uuid(), nullable=True),
        sa.Column("link", sa.Text(), nullable=False),
        _moment("seen_at"),
        sa.Column("letter_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("link ~ '^/([^/]|$)'", name=op.f("ck_news_link")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_news_person_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["about"], ["persons.id"], name=op.f("fk_news_about"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["letter_id"], ["letters.id"], name=op.f("fk_news_letter_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news")),
    )
    op.create_index(op.f("ix_news_at"), "news", ["at"])
    op.create_index(op.f("ix_news_about"), "news", ["about"])
    op.create_index(op.f("ix_news_letter_id"), "news", ["letter_id"])
    op.create_index("ix_news_person_id_at", "news", ["person_id", "at"])
    op.create_index(
        "ix_news_untold", "news", ["at"], postgresql_where=sa.text("seen_at is null and letter_id is null")
    )
