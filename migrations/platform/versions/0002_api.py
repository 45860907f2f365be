"""Services that connect, the gradebook, and when rows last changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What is shown with a row counts as a change of it. By table: columns that name such rows, and their tables.
CHANGED = {
    **{
        table: (("id", table),)
        for table in (
            "organisations",
            "academic_sessions",
            "persons",
            "courses",
            "groups",
            "enrolments",
            "grade_categories",
            "line_items",
            "results",
        )
    },
    "roles": (("id", "roles"), ("person_id", "persons")),
    "guardianships": (("child_id", "persons"),),
    "group_sessions": (("group_id", "groups"),),
}


def graded(*columns: sa.Column) -> list[sa.Column]:
    """The columns of a table of the gradebook."""
    return [
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column(
            "extension",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        *columns,
        sa.Column("sourced_id", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "active", "tobedeleted", name="status", native_enum=False, create_constraint=True, length=32
            ),
            server_default="active",
            nullable=False,
        ),
        sa.Column(
            "last_modified", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "api_clients",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("protected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_clients")),
        sa.UniqueConstraint("name", name=op.f("uq_api_clients_name")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_clients.id"], name=op.f("fk_api_tokens_client_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
    )
    op.create_index(op.f("ix_api_tokens_client_id"), "api_tokens", ["client_id"], unique=False)
    op.create_table(
        "changed_rows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changed_rows")),
    )
    op.create_table(
        "grade_categories",
        *graded(
            sa.Column("title", sa.Text(), nullable=False), sa.Column("weight", sa.Float(), nullable=True)
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_clients.id"], name=op.f("fk_grade_categories_client_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grade_categories")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_grade_categories_sourced_id")),
    )
    op.create_table(
        "line_items",
        *graded(
            sa.Column("title", sa.Text(), nullable=False),
            sa.Column("description", sa.Text(), nullable=True),
            sa.Column("assign_date", sa.DateTime(timezone=True), nullable=False),
            sa.Column("due_date", sa.DateTime(timezone=True), nullable=False),
            sa.Column("group_id", sa.Uuid(), nullable=False),
            sa.Column("category_id", sa.Uuid(), nullable=False),
            sa.Column("session_id", sa.Uuid(), nullable=True),
            sa.Column("grading_period_id", sa.Uuid(), nullable=True),
            sa.Column("result_value_min", sa.Float(), nullable=True),
            sa.Column("result_value_max", sa.Float(), nullable=True),
        ),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_line_items_client_id")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_line_items_group_id")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["grade_categories.id"], name=op.f("fk_line_items_category_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["academic_sessions.id"], name=op.f("fk_line_items_session_id")
        ),
        sa.ForeignKeyConstraint(
            ["grading_period_id"], ["academic_sessions.id"], name=op.f("fk_line_items_grading_period_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_items")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_line_items_sourced_id")),
    )
    op.create_index(op.f("ix_line_items_category_id"), "line_items", ["category_id"], unique=False)
    op.create_index(op.f("ix_line_items_group_id"), "line_items", ["group_id"], unique=False)
    op.create_table(
        "results",
        *graded(
            sa.Column("line_item_id", sa.Uuid(), nullable=False),
            sa.Column("student_id", sa.Uuid(), nullable=False),
            sa.Column(
                "score_status",
                sa.Enum(
                    "exempt",
                    "fully graded",
                    "not submitted",
                    "partially graded",
                    "submitted",
                    name="score_status",
                    native_enum=False,
                    create_constraint=True,
                    length=32,
                ),
                nullable=False,
            ),
            sa.Column("score", sa.Float(), nullable=True),
            sa.Column("text_score", sa.Text(), nullable=True),
            sa.Column("score_date", sa.Date(), nullable=False),
            sa.Column("comment", sa.Text(), nullable=True),
            sa.Column("in_progress", sa.Boolean(), nullable=True),
            sa.Column("incomplete", sa.Boolean(), nullable=True),
            sa.Column("late", sa.Boolean(), nullable=True),
            sa.Column("missing", sa.Boolean(), nullable=True),
        ),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_results_client_id")),
        sa.ForeignKeyConstraint(["line_item_id"], ["line_items.id"], name=op.f("fk_results_line_item_id")),
        sa.ForeignKeyConstraint(["student_id"], ["persons.id"], name=op.f("fk_results_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_results_sourced_id")),
    )
    op.create_index(op.f("ix_results_line_item_id"), "results", ["line_item_id"], unique=False)
    op.create_index(op.f("ix_results_student_id"), "results", ["student_id"], unique=False)
    _note_changes()


def _note_changes() -> None:
    # A row that says itself that it changed in this transaction needs no entry: so a bulk import writes none.
    op.execute("""
        create function note_changed() returns trigger language plpgsql as $$
        begin
            execute format(
                'insert into changed_rows (id, at)
                select distinct o.id, now() from touched t join %I o on o.id = t.%I
                where o.last_modified <> now()
                on conflict (id) do update set at = excluded.at', tg_argv[1], tg_argv[0]
            );
            return null;
        end $$
    """)
    for table, named in CHANGED.items():
        for column, owner in named:
            for event, rows in (("insert", "new"), ("update", "new"), ("delete", "old")):
                op.execute(
                    f"create trigger note_{event}_of_{column} after {event} on {table} "
                    f"referencing {rows} table as touched "
                    f"for each statement execute function note_changed('{column}', '{owner}')"
                )
    # Who comes under non-disclosure, or out of it, appears or vanishes together with all that hangs on them.
    op.execute("""
        create function note_nondisclosure() returns trigger language plpgsql as $$
        begin
            insert into changed_rows (id, at)
            select id, now() from enrolments where person_id = new.id
            union select id, now() from results where student_id = new.id
            union select child_id, now() from guardianships where guardian_id = new.id
            on conflict (id) do update set at = excluded.at;
            return null;
        end $$
    """)
    op.execute("""
        create trigger note_nondisclosure after update on persons
        for each row when (old.nondisclosure <> new.nondisclosure) execute function note_nondisclosure()
    """)
    # An address's part in which every character but the plain ones is written as its UTF-8 bytes.
    op.execute(r"""
        create function url_part(value text) returns text language sql immutable strict as $$
            select case when value ~ '^[A-Za-z0-9._~:@-]*$' then value else (
                select string_agg(
                    case when letter ~ '[A-Za-z0-9._~:@-]' then letter else upper(
                        regexp_replace(encode(convert_to(letter, 'UTF8'), 'hex'), '(..)', '%\1', 'g')
                    ) end, '' order by place
                ) from regexp_split_to_table(value, '') with ordinality as letters(letter, place)
            ) end
        $$
    """)
