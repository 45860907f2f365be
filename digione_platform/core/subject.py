"""What the core keeps of a person."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select, union
from sqlalchemy.orm import Session

from digione_platform.core.access import Relation
from digione_platform.core.administrators import administered_until, driver_of
from digione_platform.core.holders import Hold, Holder, Personal
from digione_platform.core.looks import AT_SCHOOL
from digione_platform.core.models import Guardianship, Origin, Person, RetentionHold, Status
from digione_platform.i18n import mark

_BY_ROSTER = mark(
    "the register still has this person: the next import would bring the data back; "
    "remove them at the source of the roster and import it"
)
_BY_PLATFORM = mark(
    "this person was added in the browser and is still in use: take them out of use there, on their page"
)
_AT_SCHOOL = ", ".join(f"'{desktop}'" for desktop in AT_SCHOOL)
_GUARDS_PROTECTED = """exists (
    select from guardianships g join persons c on c.id = g.child_id join persons p on p.id = g.guardian_id
    where g.guardian_id = :person and c.nondisclosure and not p.nondisclosure
)"""
_RELATIONS = ", ".join(f"'{relation}'" for relation in Relation)


def holds(session: Session, person: UUID, today: date) -> Iterator[Hold]:
    """The register's word, and what people wrote down of the person or whoever shares a guardianship."""
    known = session.get(Person, person)
    if known is not None and known.status is Status.ACTIVE:
        yield Hold(_BY_ROSTER if known.origin is Origin.ROSTER else _BY_PLATFORM)
        driver = driver_of(session)
        if administered_until(driver, without=person) < administered_until(driver):
            yield Hold(
                mark(
                    "nobody would administer the municipality any more, or not for as long: "
                    "first give another person the role of administrator"
                )
            )
    # With a guardian go the guardianships, their history and news, which are the child's as well; and the
    # other way round.
    sharing = union(
        select(Guardianship.child_id).where(Guardianship.guardian_id == person),
        select(Guardianship.guardian_id).where(Guardianship.child_id == person),
    )
    written = select(RetentionHold).where(
        or_(RetentionHold.person_id == person, RetentionHold.person_id.in_(sharing)),
        or_(RetentionHold.until.is_(None), RetentionHold.until > today),
    )
    for row in session.scalars(written.order_by(RetentionHold.at)):
        yield Hold(row.reason, row.until, None if row.person_id == person else row.person_id)


HOLDER = Holder(
    (
        Personal(
            "row_history",
            mark("Earlier details, as they were before each change"),
            "t.table_name = 'persons' and t.row_id = cast(:person as text) "
            "or t.before ->> 'person_id' = cast(:person as text) "
            "or t.before ->> 'guardian_id' = cast(:person as text) "
            "or t.before ->> 'child_id' = cast(:person as text)",
            # Who changed a row is another person.
            secret=("actor",),
        ),
        Personal(
            "sign_ins",
            mark("Browsers signed in"),
            "t.account_id in (select id from accounts where person_id = :person)",
            # What the browser and the provider know each other by.
            secret=("id", "id_token"),
        ),
        Personal(
            "roster_uploads",
            mark("Roster bundles sent"),
            "t.actor = :person",
            # What is in a bundle is of others.
            secret=("content", "mapping", "report"),
        ),
        Personal(
            "news",
            mark("What was new"),
            "t.person_id = :person or t.about = :person",
            # Of whom was told, and whether they looked, is another's.
            secret=("person_id", "seen_at", "letter_id"),
        ),
        Personal("preferences", mark("Own settings"), "t.person_id = :person"),
        Personal("accounts", mark("User account"), "t.person_id = :person"),
        Personal("results", mark("Results from connected services"), "t.student_id = :person"),
        Personal("enrolments", mark("Places in groups"), "t.person_id = :person"),
        Personal("guardianships", mark("Guardianships"), "t.guardian_id = :person or t.child_id = :person"),
        Personal("roles", mark("Roles"), "t.person_id = :person"),
        Personal(
            "retention_holds",
            mark("Holds: until when data must be kept"),
            "t.person_id = :person",
            # Why, staff wrote down for each other.
            secret=("reason", "actor"),
        ),
        Personal("persons", mark("Personal details"), "t.id = :person"),
        Personal(
            "audit_events",
            mark("Who saw and did what"),
            "t.subject = :person or t.actor = :person or t.people @> array[cast(:person as uuid)]",
            secret=("people",),
            # Words of their own that staff gave as a reason may be about others: those are for the search of
            # the audit only (``looks.Look``). So are the others of whom an undo lifted the non-disclosure.
            # Who of a school looked at the guardian of a child under non-disclosure tells where it goes.
            row="to_jsonb(t) || jsonb_build_object("
            f"'actor', case when not (t.desktop in ({_AT_SCHOOL}) and t.actor <> :person "
            f"and {_GUARDS_PROTECTED}) then t.actor end, "
            f"'reason', case when t.reason in ({_RELATIONS}) then t.reason end, "
            "'detail', t.detail - 'lifted')",
            kept="proof of who saw and did what; it names nobody, only identifiers",
        ),
    ),
    holds,
    # A bundle that was not imported may hold the person and bring them back, and so may the report of its
    # rows name them. Whoever sent it, sends it again.
    (
        "update roster_uploads set content = null where content is not null",
        "update roster_uploads set report = report - '{problems,rows}'::text[]"
        " where report ?| '{problems,rows}'",
    ),
)
