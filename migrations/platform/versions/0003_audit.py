"""The audit as a chain of hashes, and guardianships with kind, validity and restrictions.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _say_more_of_each_event()
    _chain_the_events()
    _limit_guardianships()
    _hold_what_is_erased()


def _say_more_of_each_event() -> None:
    op.add_column("audit_events", sa.Column("desktop", sa.Text(), nullable=True))
    op.add_column("audit_events", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("audit_events", sa.Column("request", sa.Uuid(), nullable=True))
    op.add_column("audit_events", sa.Column("people", sa.ARRAY(sa.Uuid()), nullable=True))
    op.create_index(
        "ix_audit_events_people",
        "audit_events",
        ["people"],
        postgresql_using="gin",
        postgresql_where=sa.text("people is not null"),
    )


def _chain_the_events() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", postgresql.BYTEA(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["audit_events.id"], name=op.f("fk_audit_chain_event_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_chain")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_chain_event_id")),
    )
    # The same text as digione_platform.core.chain computes when it verifies.
    op.execute("""
        create function audit_link(previous bytea, e audit_events) returns bytea language sql stable as $$
            select sha256(previous || convert_to(jsonb_build_array(
                e.id, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor, e.desktop,
                e.action, e.subject, e.people, e.reason, e.request, e.detail
            )::text, 'UTF8'))
        $$
    """)
    # At commit: whoever comes first holds the chain's end until the commit is done, and no longer.
    op.execute("""
        create function append_to_audit_chain() returns trigger language plpgsql as $$
        declare last audit_chain;
        begin
            perform pg_advisory_xact_lock(hashtext('digione audit'));
            select * into last from audit_chain order by position desc limit 1;
            insert into audit_chain (position, event_id, hash) values (
                coalesce(last.position, 0) + 1, new.id, audit_link(coalesce(last.hash, ''), new)
            );
            return null;
        end $$
    """)
    op.execute("""
        create constraint trigger audit_events_are_chained after insert on audit_events
        deferrable initially deferred for each row execute function append_to_audit_chain()
    """)
    # Events from before there was a chain, in their order.
    op.execute("""
        do $$
        declare e audit_events; place bigint := 0; last bytea := '';
        begin
            for e in select * from audit_events order by id loop
                place := place + 1;
                last := audit_link(last, e);
                insert into audit_chain (position, event_id, hash) values (place, e.id, last);
            end loop;
        end $$
    """)
    op.execute("""
        create trigger audit_chain_is_only_added before update or delete or truncate on audit_chain
        for each statement execute function refuse_audit_change()
    """)
    # Links are made by the trigger alone.
    op.execute("""
        create trigger audit_chain_is_not_forged before insert on audit_chain
        for each row when (pg_trigger_depth() = 0) execute function refuse_audit_change()
    """)


def _limit_guardianships() -> None:
    kinds = sa.Enum(
        "custodian", "informed", "carer", name="kind", native_enum=False, create_constraint=True, length=32
    )
    origins = sa.Enum(
        "roster", "platform", name="origin", native_enum=False, create_constraint=True, length=32
    )
    status = sa.Enum(
        "active", "tobedeleted", name="status", native_enum=False, create_constraint=True, length=32
    )
    for column in (
        sa.Column("kind", kinds, server_default="custodian", nullable=False),
        sa.Column("joint_custody", sa.Boolean(), nullable=True),
        sa.Column("restrictions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("origin", origins, server_default="roster", nullable=False),
        sa.Column("status", status, server_default="active", nullable=False),
    ):
        op.add_column("guardianships", column)
    op.create_check_constraint(op.f("ck_guardianships_dates"), "guardianships", "valid_from < valid_to")
    op.create_check_constraint(
        op.f("ck_guardianships_restrictions"),
        "guardianships",
        "restrictions <@ array['no_information', 'no_contact', 'no_decisions']",
    )


def _hold_what_is_erased() -> None:
    op.create_table(
        "retention_holds",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_retention_holds_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_holds")),
    )
    op.create_index(op.f("ix_retention_holds_person_id"), "retention_holds", ["person_id"], unique=False)
