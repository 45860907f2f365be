"""Master data of one municipality, after the OneRoster 1.2 data model.

Every row that comes from OneRoster keeps its ``sourced_id``, ``status`` and ``last_modified``. Rows are
linked by our own UUIDs, so that a source system may change its identifiers without breaking anything.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from digione_platform.core.names import COURSE_WORDS, GROUP_WORDS, PERSON_WORDS, sort_name_sql


class Status(StrEnum):
    """OneRoster's life of a row; ``tobedeleted`` rows are kept for history and hidden from people."""

    ACTIVE = "active"
    TOBEDELETED = "tobedeleted"


class OrganisationKind(StrEnum):
    """Education provider, school, and unit of a school."""

    DISTRICT = "district"
    SCHOOL = "school"
    DEPARTMENT = "department"


class SessionType(StrEnum):
    SCHOOL_YEAR = "schoolYear"
    TERM = "term"
    SEMESTER = "semester"
    GRADING_PERIOD = "gradingPeriod"


class RoleName(StrEnum):
    """Roles of OneRoster.

    ``administrator`` at a school is the school secretary, ``districtAdministrator`` is the municipal one.
    """

    STUDENT = "student"
    TEACHER = "teacher"
    PARENT = "parent"
    GUARDIAN = "guardian"
    PRINCIPAL = "principal"
    ADMINISTRATOR = "administrator"
    DISTRICT_ADMINISTRATOR = "districtAdministrator"
    SITE_ADMINISTRATOR = "siteAdministrator"
    SYSTEM_ADMINISTRATOR = "systemAdministrator"
    AIDE = "aide"
    COUNSELOR = "counselor"
    PROCTOR = "proctor"
    RELATIVE = "relative"


class RoleType(StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"


class GroupType(StrEnum):
    """``homeroom`` is a class such as 7C, ``scheduled`` a teaching group."""

    HOMEROOM = "homeroom"
    SCHEDULED = "scheduled"


class EnrolmentRole(StrEnum):
    STUDENT = "student"
    TEACHER = "teacher"
    AIDE = "aide"
    ADMINISTRATOR = "administrator"
    PROCTOR = "proctor"


class GuardianKind(StrEnum):
    """``informed`` is a parent without custody whom a court or an agreement gave the right to information;
    ``carer`` someone else who cares for the child, such as a foster parent."""

    CUSTODIAN = "custodian"
    INFORMED = "informed"
    CARER = "carer"


class Restriction(StrEnum):
    """What a court, an authority or an agreement takes from a guardian."""

    NO_INFORMATION = "no_information"
    NO_CONTACT = "no_contact"
    NO_DECISIONS = "no_decisions"


class Origin(StrEnum):
    """Who says that a row is so; what the platform's people decided, an import leaves alone."""

    ROSTER = "roster"
    PLATFORM = "platform"


class ImportKind(StrEnum):
    BULK = "bulk"
    DELTA = "delta"


class UploadState(StrEnum):
    """What became of a bundle that was sent from the browser."""

    CHECKING = "checking"
    CHECKED = "checked"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"


class Mail(StrEnum):
    """How often a person wants to be told by mail that there is something new."""

    AT_ONCE = "at once"
    DAILY = "daily"
    NONE = "none"


class LetterState(StrEnum):
    """What became of a letter. Of one that is ``unsure`` the relay may have sent it: it is not sent again."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNSURE = "unsure"
    REFUSED = "refused"
    DROPPED = "dropped"


class ChangeKind(StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


def _one_of(values: type[StrEnum], name: str) -> Enum:
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def _swappable(column: str) -> UniqueConstraint:
    """Unique when a statement has ended, so that one statement may exchange the values of two rows."""
    return UniqueConstraint(column, deferrable=True, initially="IMMEDIATE")


def _words(table: str, words: str) -> Index:
    """The index of a table's words, for searches by their beginnings (``names.begins``)."""
    return Index(f"ix_{table}_words", text(f"({words})"), postgresql_using="gin")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: Text(),
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(Uuid()),
        dict[str, Any]: JSONB(),
    }


class Identified:
    """A row with an identifier of our own, made by whoever inserts it or by the database."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())


class Rostered(Identified):
    """A row that OneRoster knows."""

    sourced_id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[Status] = mapped_column(
        _one_of(Status, "status"), default=Status.ACTIVE, server_default=Status.ACTIVE.value
    )
    last_modified: Mapped[datetime] = mapped_column(server_default=func.now())


class Registered(Rostered):
    """A row of the register. What the platform's people decided (``origin``), an import leaves alone."""

    origin: Mapped[Origin] = mapped_column(
        _one_of(Origin, "origin"), default=Origin.ROSTER, server_default=Origin.ROSTER.value
    )

    @property
    def in_use(self) -> bool:
        return self.status is Status.ACTIVE

    @in_use.setter
    def in_use(self, value: bool) -> None:
        self.status = Status.ACTIVE if value else Status.TOBEDELETED


class Organisation(Registered, Base):
    """The municipality as education provider, its schools and their units."""

    __tablename__ = "organisations"

    kind: Mapped[OrganisationKind] = mapped_column(_one_of(OrganisationKind, "kind"))
    name: Mapped[str]
    oid: Mapped[str | None]
    school_code: Mapped[str | None]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]

    __table_args__ = (_swappable("oid"),)


class AcademicSession(Registered, Base):
    """A school year, term or period. ``end_date`` is the first day after it, as in OneRoster."""

    __tablename__ = "academic_sessions"

    title: Mapped[str]
    session_type: Mapped[SessionType] = mapped_column(_one_of(SessionType, "session_type"))
    start_date: Mapped[date]
    end_date: Mapped[date]
    school_year: Mapped[int]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("academic_sessions.id"), index=True)

    __table_args__ = (CheckConstraint("start_date < end_date", name="dates"),)

    @property
    def last_date(self) -> date:
        """The last day that belongs to it."""
        return self.end_date - timedelta(days=1)


class Person(Registered, Base):
    """Anyone the municipality knows: pupil, guardian, staff. ``enabled`` is the source's word on sign-in."""

    __tablename__ = "persons"

    given_name: Mapped[str]
    family_name: Mapped[str]
    middle_name: Mapped[str | None]
    preferred_given_name: Mapped[str | None]
    preferred_middle_name: Mapped[str | None]
    preferred_family_name: Mapped[str | None]
    # Lower-case "family given" in Finnish alphabetical order: what lists sort by and searches look into.
    sort_name: Mapped[str] = mapped_column(
        Text(collation="C"),
        Computed(sort_name_sql(), persisted=True),
    )
    learner_number: Mapped[str | None]
    identifier: Mapped[str | None]
    username: Mapped[str | None]
    email: Mapped[str | None]
    sms: Mapped[str | None]
    phone: Mapped[str | None]
    birth_date: Mapped[date | None]
    language: Mapped[str | None] = mapped_column(String(2))
    grades: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    nondisclosure: Mapped[bool] = mapped_column(server_default=false(), default=False)
    # One that the platform's people set, they alone lift.
    nondisclosure_origin: Mapped[Origin] = mapped_column(
        _one_of(Origin, "nondisclosure_origin"), default=Origin.ROSTER, server_default=Origin.ROSTER.value
    )
    enabled: Mapped[bool] = mapped_column(server_default=true(), default=True)
    primary_organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"), index=True)

    roles: Mapped[list["Role"]] = relationship(back_populates="person", viewonly=True)

    __table_args__ = (
        _swappable("learner_number"),
        CheckConstraint("language in ('fi', 'sv', 'en')", name="language"),
        Index("ix_persons_sort_name", "sort_name", postgresql_ops={"sort_name": "text_pattern_ops"}),
        _words("persons", PERSON_WORDS),
    )

    @property
    def name(self) -> str:
        """The name a person is called by, for headings and running text: "Aino Virtanen"."""
        return (
            f"{self.preferred_given_name or self.given_name} {self.preferred_family_name or self.family_name}"
        )

    @property
    def list_name(self) -> str:
        """The name as in a list, for the cells of tables: "Virtanen Aino"."""
        return (
            f"{self.preferred_family_name or self.family_name} {self.preferred_given_name or self.given_name}"
        )


class Role(Registered, Base):
    """A person's role in an organisation, from ``begin_date`` until before ``end_date``."""

    __tablename__ = "roles"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    role: Mapped[RoleName] = mapped_column(_one_of(RoleName, "role"))
    role_type: Mapped[RoleType] = mapped_column(
        _one_of(RoleType, "role_type"), default=RoleType.PRIMARY, server_default=RoleType.PRIMARY.value
    )
    begin_date: Mapped[date | None]
    end_date: Mapped[date | None]

    person: Mapped[Person] = relationship(back_populates="roles", viewonly=True)
    organisation: Mapped[Organisation] = relationship(viewonly=True)

    @property
    def last_date(self) -> date | None:
        """The last day that belongs to it; open while it goes on."""
        return self.end_date and self.end_date - timedelta(days=1)


class Guardianship(Identified, Base):
    """A guardian of a child, from ``valid_from`` until before ``valid_to``; ``relation`` is the source's.

    An import adds pairs and withdraws those of its own (``status``); kind, dates and restrictions are never
    the roster's, and stay on a pair that is withdrawn, so that they hold again if it comes back.
    """

    __tablename__ = "guardianships"

    guardian_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    child_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    relation: Mapped[str] = mapped_column(server_default="guardian", default="guardian")
    kind: Mapped[GuardianKind] = mapped_column(
        _one_of(GuardianKind, "kind"),
        default=GuardianKind.CUSTODIAN,
        server_default=GuardianKind.CUSTODIAN.value,
    )
    # Empty where nobody has said.
    joint_custody: Mapped[bool | None]
    restrictions: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    origin: Mapped[Origin] = mapped_column(
        _one_of(Origin, "origin"), default=Origin.ROSTER, server_default=Origin.ROSTER.value
    )
    status: Mapped[Status] = mapped_column(
        _one_of(Status, "status"), default=Status.ACTIVE, server_default=Status.ACTIVE.value
    )

    __table_args__ = (
        UniqueConstraint("guardian_id", "child_id"),
        CheckConstraint("guardian_id <> child_id", name="two_people"),
        CheckConstraint("valid_from < valid_to", name="dates"),
        CheckConstraint(
            "restrictions <@ array['no_information', 'no_contact', 'no_decisions']", name="restrictions"
        ),
    )

    def holds(self, today: date) -> bool:
        """Whether it holds on a day (``core.guardians.guards`` is the same in SQL)."""
        begun = self.valid_from is None or self.valid_from <= today
        over = self.valid_to is not None and self.valid_to <= today
        return self.status is Status.ACTIVE and begun and not over

    @property
    def last_date(self) -> date | None:
        """The last day that belongs to it; open while it goes on."""
        return self.valid_to and self.valid_to - timedelta(days=1)


class Course(Registered, Base):
    """A subject's course of a school or of the whole municipality."""

    __tablename__ = "courses"

    title: Mapped[str]
    course_code: Mapped[str | None]
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    school_year_id: Mapped[UUID | None] = mapped_column(ForeignKey("academic_sessions.id"), index=True)
    grades: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    subjects: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    subject_codes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)

    __table_args__ = (_words("courses", COURSE_WORDS),)


class Group(Registered, Base):
    """A class (homeroom) or teaching group (scheduled): OneRoster's "class"."""

    __tablename__ = "groups"

    title: Mapped[str]
    group_code: Mapped[str | None]
    group_type: Mapped[GroupType] = mapped_column(_one_of(GroupType, "group_type"))
    school_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    course_id: Mapped[UUID | None] = mapped_column(ForeignKey("courses.id"), index=True)
    location: Mapped[str | None]
    grades: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    subjects: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    subject_codes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    periods: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)

    school: Mapped[Organisation] = relationship(viewonly=True)
    sessions: Mapped[list["GroupSession"]] = relationship(cascade="all, delete-orphan")

    @property
    def term_ids(self) -> list[str]:
        """Identifiers of the terms in which it meets."""
        return [str(one.session_id) for one in self.sessions]

    @term_ids.setter
    def term_ids(self, value: list[str]) -> None:
        kept = {str(one.session_id): one for one in self.sessions}
        self.sessions = [kept.get(one) or GroupSession(session_id=UUID(one)) for one in value]

    __table_args__ = (_words("groups", GROUP_WORDS),)


class GroupSession(Base):
    """The terms in which a group meets (OneRoster's ``termSourcedIds``)."""

    __tablename__ = "group_sessions"

    group_id: Mapped[UUID] = mapped_column(ForeignKey("groups.id"), primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("academic_sessions.id"), primary_key=True, index=True)


class Enrolment(Registered, Base):
    """A pupil's or teacher's place in a group; ``primary`` marks the responsible teacher."""

    __tablename__ = "enrolments"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    group_id: Mapped[UUID] = mapped_column(ForeignKey("groups.id"), index=True)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    role: Mapped[EnrolmentRole] = mapped_column(_one_of(EnrolmentRole, "role"))
    primary: Mapped[bool] = mapped_column(server_default=false(), default=False)
    begin_date: Mapped[date | None]
    end_date: Mapped[date | None]

    @property
    def last_date(self) -> date | None:
        """The last day that belongs to it; open while it goes on."""
        return self.end_date and self.end_date - timedelta(days=1)


class Account(Base):
    """A person's means of signing in; ``id`` is the OpenID Connect ``sub`` and never changes."""

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), unique=True)
    username: Mapped[str]
    enabled: Mapped[bool] = mapped_column(server_default=true(), default=True)
    created: Mapped[datetime] = mapped_column(server_default=func.now())

    person: Mapped[Person] = relationship(viewonly=True)

    __table_args__ = (_swappable("username"),)


# The quiet hours of who chose none.
QUIET_FROM, QUIET_UNTIL = 21, 7


class Preferences(Identified, Base):
    """What a person chose for themselves; who chose nothing has no row.

    Without ``language`` it is the register's. Quiet hours are hours of the day in Finland, from
    ``quiet_from`` until before ``quiet_until``; the same hour twice is no quiet hours.
    """

    __tablename__ = "preferences"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), unique=True)
    language: Mapped[str | None] = mapped_column(String(2))
    mail: Mapped[Mail] = mapped_column(
        _one_of(Mail, "mail"), default=Mail.DAILY, server_default=Mail.DAILY.value
    )
    quiet_from: Mapped[int] = mapped_column(SmallInteger, default=QUIET_FROM, server_default=str(QUIET_FROM))
    quiet_until: Mapped[int] = mapped_column(
        SmallInteger, default=QUIET_UNTIL, server_default=str(QUIET_UNTIL)
    )

    __table_args__ = (
        CheckConstraint("language in ('fi', 'sv', 'en')", name="language"),
        CheckConstraint("quiet_from between 0 and 23 and quiet_until between 0 and 23", name="quiet_hours"),
    )


class Letter(Identified, Base):
    """A mail that tells one person that there is something new, and nothing of what that is.

    ``due`` is when it is tried (again), ``trouble`` what the relay said the last time. It is marked before
    and after it is given to the relay (``state``).
    """

    __tablename__ = "letters"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    due: Mapped[datetime] = mapped_column(server_default=func.now())
    state: Mapped[LetterState] = mapped_column(
        _one_of(LetterState, "state"), default=LetterState.WAITING, server_default=LetterState.WAITING.value
    )
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    trouble: Mapped[str | None]
    done: Mapped[datetime | None]

    __table_args__ = (
        # Of two letters that wait for the same person, one says it all.
        Index(
            "uq_letters_waiting",
            "person_id",
            unique=True,
            postgresql_where=text("state in ('waiting', 'sending')"),
        ),
    )


class News(Identified, Base):
    """What happened, for one person: ``what`` (``core.news``), about whom, and where to read on.

    ``letter_id`` is the letter that told of it.
    """

    __tablename__ = "news"

    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"))
    what: Mapped[str]
    about: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), index=True)
    link: Mapped[str]
    seen_at: Mapped[datetime | None]
    letter_id: Mapped[UUID | None] = mapped_column(ForeignKey("letters.id", ondelete="SET NULL"), index=True)

    __table_args__ = (
        CheckConstraint("link ~ '^/([^/]|$)'", name="link"),
        Index("ix_news_person_id_at", "person_id", "at"),
        Index("ix_news_untold", "at", postgresql_where=text("seen_at is null and letter_id is null")),
    )


class SignIn(Base):
    """A browser signed in. ``id`` is the SHA-256 of the cookie's token: the table opens no session."""

    __tablename__ = "sign_ins"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    # The role whose desktop is shown; empty until chosen, and again when the role has ended.
    role_id: Mapped[UUID | None] = mapped_column(ForeignKey("roles.id", ondelete="SET NULL"))
    # Given back to the identity provider at sign-out, so that it does not ask who is leaving.
    id_token: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen: Mapped[datetime] = mapped_column(server_default=func.now())
    expires: Mapped[datetime]


class RosterImport(Identified, Base):
    """One applied import: who, when, from what, and how many rows were touched."""

    __tablename__ = "roster_imports"

    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    actor: Mapped[str]
    kind: Mapped[ImportKind] = mapped_column(_one_of(ImportKind, "kind"))
    file_name: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    counts: Mapped[dict[str, Any]]
    # Whether the directory has followed what this import, or its undo, did to accounts.
    followed: Mapped[bool] = mapped_column(server_default=false(), default=False)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]


class RosterUpload(Identified, Base):
    """A file sent from the browser: ``content``, gone once it is imported, and the ``mapping`` to read it by.

    ``report`` is JSON that can be told in any language: what was found or, under ``stopped``, the error that
    stopped it; ``error`` is that one's id. ``actor`` is the identifier of the person who sent it.
    """

    __tablename__ = "roster_uploads"

    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    actor: Mapped[UUID]
    file_name: Mapped[str]
    content: Mapped[bytes | None] = mapped_column(deferred=True)
    mapping: Mapped[bytes | None] = mapped_column(deferred=True)
    state: Mapped[UploadState] = mapped_column(_one_of(UploadState, "state"))
    report: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey("roster_imports.id"))


class RetentionPeriod(Base):
    """How many days this municipality keeps something, where it is not the default."""

    __tablename__ = "retention_periods"

    key: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int]


class RowHistory(Base):
    """A change of a row of master data: who, when, and in ``before`` what it was. Triggers write it.

    ``actor`` is a person's identifier, or the name of an operator; empty where nobody was named.
    ``import_id`` is the import that made the change or, later, its undo.
    """

    __tablename__ = "row_history"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    actor: Mapped[str | None]
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey("roster_imports.id"), index=True)
    table_name: Mapped[str]
    row_id: Mapped[str]
    change: Mapped[ChangeKind] = mapped_column(_one_of(ChangeKind, "change"))
    before: Mapped[dict[str, Any] | None]

    __table_args__ = (Index(None, "table_name", "row_id"),)


class AuditEvent(Base):
    """Who did what to whose data. Rows are only ever added; the database refuses to change or delete them.

    ``actor`` and ``subject`` are persons' identifiers without a foreign key: the audit outlives the person.
    Where one act was about a thousand, they are together in ``people``, and there is no ``subject``.
    A connected service is an ``actor`` by its client id.
    ``desktop`` is what the actor worked as, ``reason`` why they might: a relation of the access table, or
    words of their own. ``request`` is the request's identifier, as in the access log.
    """

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    actor: Mapped[UUID | None] = mapped_column(index=True)
    desktop: Mapped[str | None]
    action: Mapped[str]
    subject: Mapped[UUID | None] = mapped_column(index=True)
    # Not read with every event: they may be many.
    people: Mapped[list[UUID] | None] = mapped_column(deferred=True)
    reason: Mapped[str | None]
    request: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), default=dict)

    __table_args__ = (
        Index(
            "ix_audit_events_people",
            "people",
            postgresql_using="gin",
            postgresql_where=text("people is not null"),
        ),
    )


class AuditLink(Base):
    """An event's place in the chain: ``hash`` is SHA-256 over the hash before it and the event (``chain``).

    Rows are made by the database when the transaction of their events commits.
    """

    __tablename__ = "audit_chain"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(ForeignKey("audit_events.id"), unique=True)
    hash: Mapped[bytes]


class RetentionHold(Identified, Base):
    """Why a person's data may not be erased yet; without ``until``, not before somebody lifts it."""

    __tablename__ = "retention_holds"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    reason: Mapped[str]
    until: Mapped[date | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]


class RecoveryPoint(Base):
    """The marker of a recovery point, written by the backup; files with the same one belong to it."""

    __tablename__ = "recovery_points"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
