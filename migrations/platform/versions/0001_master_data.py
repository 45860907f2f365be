"""Master data, accounts and audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SORT_NAME = (
    "translate(coalesce(preferred_family_name, family_name) || ' ' || "
    "coalesce(preferred_given_name, given_name), "
    "'ABCDEFGHIJKLMNOPQRSTUVWXYZáÁàÀâÂãÃçÇčČđĐðÐéÉèÈêÊëËíÍìÌîÎïÏñÑ"
    "ńŃóÓòÒôÔõÕšŠśŚúÚùÙûÛüÜýÝÿŸžŽźŹżŻåÅäÄæÆöÖøØ', "
    "'abcdefghijklmnopqrstuvwxyzaaaaaaaaccccddddeeeeeeeeiiiiiiiinn"
    "nnoooooooossssuuuuuuyyyyyyzzzzzz{{||||}}}}')"
)


def upgrade() -> None:
    op.create_table(
        "academic_sessions",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "session_type",
            sa.Enum(
                "schoolYear",
                "term",
                "semester",
                "gradingPeriod",
                name="session_type",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
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
        sa.CheckConstraint("start_date < end_date", name=op.f("ck_academic_sessions_dates")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["academic_sessions.id"], name=op.f("fk_academic_sessions_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_academic_sessions")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_academic_sessions_sourced_id")),
    )
    op.create_index(op.f("ix_academic_sessions_parent_id"), "academic_sessions", ["parent_id"], unique=False)
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(op.f("ix_audit_events_actor"), "audit_events", ["actor"], unique=False)
    op.create_index(op.f("ix_audit_events_at"), "audit_events", ["at"], unique=False)
    op.create_index(op.f("ix_audit_events_subject"), "audit_events", ["subject"], unique=False)
    op.create_table(
        "organisations",
        sa.Column(
            "kind",
            sa.Enum(
                "district",
                "school",
                "department",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("oid", sa.Text(), nullable=True),
        sa.Column("school_code", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
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
        sa.ForeignKeyConstraint(["parent_id"], ["organisations.id"], name=op.f("fk_organisations_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("oid", name=op.f("uq_organisations_oid"), deferrable=True, initially="IMMEDIATE"),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_organisations_sourced_id")),
    )
    op.create_index(op.f("ix_organisations_parent_id"), "organisations", ["parent_id"], unique=False)
    op.create_table(
        "roster_imports",
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("bulk", "delta", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("followed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_imports")),
    )
    op.create_index(op.f("ix_roster_imports_at"), "roster_imports", ["at"], unique=False)
    op.create_table(
        "courses",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("course_code", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("school_year_id", sa.Uuid(), nullable=True),
        sa.Column("grades", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("subjects", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "subject_codes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
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
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_courses_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["school_year_id"], ["academic_sessions.id"], name=op.f("fk_courses_school_year_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_courses_sourced_id")),
    )
    op.create_index(op.f("ix_courses_organisation_id"), "courses", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_courses_school_year_id"), "courses", ["school_year_id"], unique=False)
    op.create_table(
        "persons",
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("middle_name", sa.Text(), nullable=True),
        sa.Column("preferred_given_name", sa.Text(), nullable=True),
        sa.Column("preferred_middle_name", sa.Text(), nullable=True),
        sa.Column("preferred_family_name", sa.Text(), nullable=True),
        sa.Column(
            "sort_name",
            sa.Text(collation="C"),
            sa.Computed(
                SORT_NAME,
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("learner_number", sa.Text(), nullable=True),
        sa.Column("identifier", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("sms", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=True),
        sa.Column("grades", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("nondisclosure", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("primary_organisation_id", sa.Uuid(), nullable=True),
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
        sa.CheckConstraint("language in ('fi', 'sv', 'en')", name=op.f("ck_persons_language")),
        sa.ForeignKeyConstraint(
            ["primary_organisation_id"], ["organisations.id"], name=op.f("fk_persons_primary_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint(
            "learner_number", name=op.f("uq_persons_learner_number"), deferrable=True, initially="IMMEDIATE"
        ),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_persons_sourced_id")),
    )
    op.create_index(
        op.f("ix_persons_primary_organisation_id"), "persons", ["primary_organisation_id"], unique=False
    )
    op.create_index(
        "ix_persons_sort_name",
        "persons",
        ["sort_name"],
        unique=False,
        postgresql_ops={"sort_name": "text_pattern_ops"},
    )
    op.create_table(
        "roster_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column(
            "change",
            sa.Enum(
                "insert",
                "update",
                "delete",
                name="change",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["roster_imports.id"], name=op.f("fk_roster_changes_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_changes")),
    )
    op.create_index(op.f("ix_roster_changes_import_id"), "roster_changes", ["import_id"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_accounts_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("person_id", name=op.f("uq_accounts_person_id")),
        sa.UniqueConstraint(
            "username", name=op.f("uq_accounts_username"), deferrable=True, initially="IMMEDIATE"
        ),
    )
    op.create_table(
        "groups",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=True),
        sa.Column(
            "group_type",
            sa.Enum(
                "homeroom",
                "scheduled",
                name="group_type",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("grades", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("subjects", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "subject_codes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("periods", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
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
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_groups_course_id")),
        sa.ForeignKeyConstraint(["school_id"], ["organisations.id"], name=op.f("fk_groups_school_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_groups_sourced_id")),
    )
    op.create_index(op.f("ix_groups_course_id"), "groups", ["course_id"], unique=False)
    op.create_index(op.f("ix_groups_school_id"), "groups", ["school_id"], unique=False)
    op.create_table(
        "guardianships",
        sa.Column("guardian_id", sa.Uuid(), nullable=False),
        sa.Column("child_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.Text(), server_default="guardian", nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.CheckConstraint("guardian_id <> child_id", name=op.f("ck_guardianships_two_people")),
        sa.ForeignKeyConstraint(["child_id"], ["persons.id"], name=op.f("fk_guardianships_child_id")),
        sa.ForeignKeyConstraint(["guardian_id"], ["persons.id"], name=op.f("fk_guardianships_guardian_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardianships")),
        sa.UniqueConstraint("guardian_id", "child_id", name=op.f("uq_guardianships_guardian_id_child_id")),
    )
    op.create_index(op.f("ix_guardianships_child_id"), "guardianships", ["child_id"], unique=False)
    op.create_table(
        "roles",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "student",
                "teacher",
                "parent",
                "guardian",
                "principal",
                "administrator",
                "districtAdministrator",
                "siteAdministrator",
                "systemAdministrator",
                "aide",
                "counselor",
                "proctor",
                "relative",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "role_type",
            sa.Enum(
                "primary", "secondary", name="role_type", native_enum=False, create_constraint=True, length=32
            ),
            server_default="primary",
            nullable=False,
        ),
        sa.Column("begin_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
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
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_roles_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_roles_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_roles_sourced_id")),
    )
    op.create_index(op.f("ix_roles_organisation_id"), "roles", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_roles_person_id"), "roles", ["person_id"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "student",
                "teacher",
                "aide",
                "administrator",
                "proctor",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("begin_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
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
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_enrolments_group_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_enrolments_person_id")),
        sa.ForeignKeyConstraint(["school_id"], ["organisations.id"], name=op.f("fk_enrolments_school_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("sourced_id", name=op.f("uq_enrolments_sourced_id")),
    )
    op.create_index(op.f("ix_enrolments_group_id"), "enrolments", ["group_id"], unique=False)
    op.create_index(op.f("ix_enrolments_person_id"), "enrolments", ["person_id"], unique=False)
    op.create_index(op.f("ix_enrolments_school_id"), "enrolments", ["school_id"], unique=False)
    op.create_table(
        "group_sessions",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_group_sessions_group_id")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["academic_sessions.id"], name=op.f("fk_group_sessions_session_id")
        ),
        sa.PrimaryKeyConstraint("group_id", "session_id", name=op.f("pk_group_sessions")),
    )
    op.create_index(op.f("ix_group_sessions_session_id"), "group_sessions", ["session_id"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=True),
        sa.Column("id_token", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sign_ins_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_sign_ins_role_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
    )
    op.create_index(op.f("ix_sign_ins_account_id"), "sign_ins", ["account_id"], unique=False)
    # The audit is only ever added to, also by whoever finds the database's password.
    op.execute("""
        create function refuse_audit_change() returns trigger language plpgsql as
        $$ begin raise exception 'audit events are never changed or deleted'; end $$
    """)
    op.execute("""
        create trigger audit_events_are_only_added before update or delete or truncate on audit_events
        for each statement execute function refuse_audit_change()
    """)
