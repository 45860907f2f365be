"""Every change of master data keeps who, when and what it was; imports are undone from the same history.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

# How the history names a row ``t`` of a table, and which row ``n`` is the same after an update.
_ROW = ("t.id::text", "n.id = t.id")
_PAIR = (
    "t.group_id::text || '' '' || t.session_id::text",
    "n.group_id = t.group_id and n.session_id = t.session_id",
)
_TABLES = {
    "organisations": _ROW,
    "academic_sessions": _ROW,
    "persons": _ROW,
    "courses": _ROW,
    "groups": _ROW,
    "group_sessions": _PAIR,
    "roles": _ROW,
    "enrolments": _ROW,
    "guardianships": _ROW,
    "accounts": _ROW,
}


def upgrade() -> None:
    _keep_history()
    _carry_over_what_imports_changed()
    _write_history()


def _keep_history() -> None:
    changes = sa.Enum(
        "insert", "update", "delete", name="change", native_enum=False, create_constraint=True, length=32
    )
    op.create_table(
        "row_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("change", changes, nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"], name=op.f("fk_row_history_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_row_history")),
    )
    op.create_index(op.f("ix_row_history_at"), "row_history", ["at"])
    op.create_index(op.f("ix_row_history_import_id"), "row_history", ["import_id"])
    op.create_index(op.f("ix_row_history_table_name_row_id"), "row_history", ["table_name", "row_id"])


def _carry_over_what_imports_changed() -> None:
    # Guardianships were named by their pair.
    op.execute("""
        insert into row_history (at, actor, import_id, table_name, row_id, change, before)
        select i.at, i.actor, i.id, c.table_name, coalesce(c.before ->> 'id', g.id::text, c.row_id), c.change,
            c.before
        from roster_changes c join roster_imports i on i.id = c.import_id
        left join guardianships g on c.table_name = 'guardianships'
            and c.row_id = g.child_id::text || ' ' || g.guardian_id::text
        order by c.id
    """)
    op.drop_table("roster_changes")


def _write_history() -> None:
    # Once for a statement, so that an import of a hundred thousand rows is not slowed by each.
    op.execute("""
        create function write_history() returns trigger language plpgsql as $$
        declare
            who text := nullif(current_setting('digione.actor', true), '');
            by_import uuid := nullif(current_setting('digione.import', true), '')::uuid;
            source text := case tg_op
                when 'INSERT' then format('%s, ''insert'', null::jsonb from new_rows t', tg_argv[0])
                when 'DELETE' then format('%s, ''delete'', to_jsonb(t) from old_rows t', tg_argv[0])
                else format(
                    '%s, ''update'', to_jsonb(t) from old_rows t join new_rows n on %s '
                    'where t is distinct from n',
                    tg_argv[0], tg_argv[1]
                )
            end;
        begin
            -- What is erased must not live on in the history.
            if current_setting('digione.history', true) is distinct from 'off' then
                execute 'insert into row_history (actor, import_id, table_name, row_id, change, before) '
                    'select $1, $2, $3, ' || source using who, by_import, tg_table_name;
            end if;
            return null;
        end $$
    """)
    rows = {
        "insert": "new table as new_rows",
        "update": "old table as old_rows new table as new_rows",
        "delete": "old table as old_rows",
    }
    for table, (key, same) in _TABLES.items():
        for change, names in rows.items():
            op.execute(f"""
                create trigger {table}_keep_history_of_{change} after {change} on {table}
                referencing {names} for each statement execute function write_history('{key}', '{same}')
            """)
