"""Records of the register that the administrator keeps: what each is, and the one way to save.

A record of the roster's stays the roster's (``Origin``): an import that says otherwise prevails. What is
added here is the platform's own, and so is a role once it was changed here, and a non-disclosure once it was
set here; imports leave those alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import delete, exists, func, inspect, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import get_history

from digione_platform.administration.forms import (
    Field,
    Fields,
    Shape,
    as_stored,
    read,
    texts_of,
    version_of,
)
from digione_platform.core.access import Action, Relation, desktop_of
from digione_platform.core.administrators import administered_less, administered_until, driver_of
from digione_platform.core.audit import Act
from digione_platform.core.guardians import GUARDIANS
from digione_platform.core.models import (
    AcademicSession,
    Account,
    Course,
    Enrolment,
    Group,
    Organisation,
    OrganisationKind,
    Origin,
    Person,
    Role,
    RoleName,
    SessionType,
    SignIn,
    Status,
)
from digione_platform.core.names import in_finnish_order
from digione_platform.core.viewer import in_force
from digione_platform.i18n import mark
from digione_platform.roster.identifiers import (
    ORGANISATION_OID,
    PERSON_OID,
    check_digit_holds,
    is_test_oid,
)
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError
from digione_platform.web.titles import VALUES

TAKEN = mark("This is used by another already.")
MET = mark("This was added meanwhile, otherwise than it is written here: go back and look at it.")
Row = Organisation | AcademicSession | Person | Role | Course | Group | Enrolment
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """A kind of record. ``check`` gives what is wrong with the values of a row together, by field.

    It is given the values that could be read, so that one answer tells all mistakes. ``written`` is asked
    when there are none, and gives what would be wrong with the register once the row is written. ``fixed``
    are columns that a new row is given and no form changes.
    """

    table: str
    model: type[Row]
    new: str
    fields: Callable[[Session, Row | None], Fields]
    check: Callable[[Asked, Row, Values], dict[str, str]]
    written: Callable[[Asked, Row, Values], dict[str, str]] | None = None
    fixed: tuple[str, ...] = ()
    adopts: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a form: saved, or mistakes by field, or what the record became meanwhile (``now``)."""

    row: Row | None
    mistakes: Mapping[str, str] = field(default_factory=dict)
    now: Mapping[str, str] | None = None

    @property
    def saved(self) -> bool:
        return not self.mistakes and self.now is None

    @property
    def told(self) -> list[str]:
        """What is wrong, where there is no place to show it by field."""
        return [*self.mistakes.values(), *([] if self.now is None else [MET])]


def require(asked: Asked, *, protected: bool = False) -> None:
    """Let nobody pass who may not administer master data."""
    if not asked.may(Relation.OWN_MUNICIPALITY, Action.ADMINISTER, protected=protected):
        raise NotFoundError


def save(
    asked: Asked,
    record: Record,
    row_id: UUID,
    texts: Mapping[str, str],
    version: str,
    fixed: Values | None = None,
    *,
    withdraw: bool = False,
) -> Outcome:
    """Save what was sent in a form; a new row has no ``version``, and the ``row_id`` that its form was given.

    With ``withdraw`` the row is in use no longer.

    The access table, the audit, the history and the row's version are all seen to here. A form that is sent
    twice has one effect; that of a new row sent again with other contents meets what the row is now.

    Raises:
        NotFoundError: there is no such row, or it is not the viewer's to change.
    """
    session = asked.session
    require(asked)
    # Read anew under the lock: whoever held it has changed the row since its page was opened, or this request
    # began. Rows that only name this one, such as news, need not wait.
    row: Row | None = session.get(
        cast(type[Any], record.model), row_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if row is None and version:
        raise NotFoundError
    require(asked, protected=isinstance(row, Person) and row.nondisclosure)
    fields = record.fields(session, row)
    if row is not None:
        now = texts_of(fields, row)
        # The form of a new row has fewer fields than that of one that is there by now.
        if now == as_stored(fields, now | dict(texts)) and (not withdraw or not row.in_use):
            return Outcome(row)
        if version_of(now) != version:
            return Outcome(row, now=now)
    values, unread = read(fields, texts)
    mistakes: dict[str, str] = {}
    added = row is None
    if row is None:
        own = {"id": row_id, "sourced_id": f"platform-{row_id}", "origin": Origin.PLATFORM}
        row = record.model(**own, **(fixed or {}))
    before = {} if added else texts_of(fields, row)
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(row, name, value)
            row.last_modified = datetime.now(UTC)
            if record.adopts:
                row.origin = Origin.PLATFORM
            if withdraw:
                row.in_use = False
            session.add(row)
            with session.no_autoflush:
                mistakes = record.check(asked, row, values) | unread
                if record.written is not None and not mistakes:
                    mistakes = record.written(asked, row, values)
            if mistakes:
                raise _Mistaken
            session.flush()
            session.refresh(row)
    except _Mistaken:
        return Outcome(None if added else row, mistakes)
    except IntegrityError as error:
        if _constraint(error).startswith("pk_"):
            # The same form, sent twice at once: the other was first.
            first = session.get_one(cast(type[Any], record.model), row_id)
            now = texts_of(fields, first)
            return Outcome(first) if now == as_stored(fields, texts) else Outcome(first, now=now)
        return Outcome(None if added else row, _taken(fields, error))
    changed = [one.name for one in fields if texts.get(one.name, "") != before.get(one.name, "")]
    asked.record(
        Act.ADD_RECORD if added else Act.CHANGE_RECORD,
        [_person(row)],
        Relation.OWN_MUNICIPALITY,
        table=record.table,
        row=str(row.id),
        fields=changed,
    )
    return Outcome(row)


class _Mistaken(Exception):
    pass


def _taken(fields: Fields, error: IntegrityError) -> dict[str, str]:
    names = [one.name for one in fields if _constraint(error).endswith(f"_{one.name}")]
    return {(names or [fields[0].name])[0]: TAKEN}


def held_by_another(session: Session, row: Row, column: str, value: Any) -> bool:
    """Whether another row has a value that no two have."""
    model = type(row)
    return bool(session.scalar(select(exists().where(getattr(model, column) == value, model.id != row.id))))


def _constraint(error: IntegrityError) -> str:
    return getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""


def _person(row: Row) -> UUID | None:
    if isinstance(row, Person):
        return row.id
    return row.person_id if isinstance(row, Role | Enrolment) else None


def ended(fields: Fields, row: Row, today: date) -> dict[str, str]:
    """The texts of a form by which a role or place ends before a day."""
    end = next(one for one in fields if one.name == "end_date")
    return texts_of(fields, row) | {"end_date": end.text(today)}


def never_began(row: Row, today: date) -> bool:
    """Whether a role or place is to begin on a day or later: to end it then is to withdraw it."""
    begin = getattr(row, "begin_date", None)
    return begin is not None and begin >= today


# Schools and units


def organisations(session: Session) -> list[Organisation]:
    """All that is in use: the municipality first, then by name."""
    found = session.scalars(
        select(Organisation)
        .where(Organisation.status == Status.ACTIVE)
        .order_by(Organisation.kind != OrganisationKind.DISTRICT, in_finnish_order(Organisation.name))
    )
    return list(found)


def choices(session: Session) -> tuple[tuple[str, str], ...]:
    """The same to choose from."""
    return tuple((str(one.id), one.name) for one in organisations(session))


def called(session: AcademicSession) -> str:
    """A term or period with its school year: they are called the same in every year."""
    if session.session_type is SessionType.SCHOOL_YEAR:
        return session.title
    return f"{session.title} · {session.school_year - 1}–{session.school_year}"


def in_use(row: Row | None) -> Fields:
    """Whether a row is in use; a new one is."""
    about = mark("What is not in use is kept and no longer shown.")
    return () if row is None else (Field("in_use", mark("In use"), Shape.FLAG, help=about),)


def _school_fields(session: Session, row: Row | None) -> Fields:
    kinds = (OrganisationKind.SCHOOL, OrganisationKind.DEPARTMENT)
    if isinstance(row, Organisation) and row.kind is OrganisationKind.DISTRICT:
        kinds = (OrganisationKind.DISTRICT,)  # type: ignore[assignment]
    above = choices(session)
    first = above[0][0] if above else ""
    return (
        Field("name", mark("Name"), required=True),
        Field("kind", mark("Kind"), Shape.CHOICE, True, tuple((one.value, VALUES[one]) for one in kinds)),
        # Proposed is the first in order, the municipality.
        Field("parent_id", mark("Belongs to"), Shape.ROW, choices=above, default=first),
        Field("oid", mark("OID"), help=mark("In the national register of organisations: 1.2.246.562.10.…")),
        Field(
            "school_code",
            mark("School code"),
            pattern=r"\d{5}",
            wrong=mark("Write five digits, as 00123."),
            help=mark("Five digits."),
        ),
        Field("valid_from", mark("First day"), Shape.DAY),
        Field("valid_to", mark("Last day"), Shape.LAST_DAY),
        *in_use(row),
    )


def _school_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    mistakes = in_order(values, "valid_from", "valid_to")
    oid = values.get("oid")
    if oid and not ORGANISATION_OID.fullmatch(oid):
        mistakes["oid"] = mark("Write the OID of an organisation, as 1.2.246.562.10.12345678901.")
    elif oid and held_by_another(asked.session, row, "oid", oid):
        mistakes["oid"] = TAKEN
    is_municipality = values.get("kind") == OrganisationKind.DISTRICT
    code = values.get("school_code")
    same = select(Organisation.id).where(
        Organisation.school_code == code, Organisation.status == Status.ACTIVE, Organisation.id != row.id
    )
    if code and asked.session.scalar(same.limit(1)):
        mistakes["school_code"] = mark("Another school has this code.")
    held = select(Role.id).where(Role.organisation_id == row.id, in_force(Role, asked.today))
    ends = values.get("valid_to")
    if not is_municipality and asked.session.scalar(held.limit(1)):
        still = mark("People have roles here: move the people, or end their roles, first.")
        if get_history(row, "kind").deleted:
            mistakes["kind"] = still
        if not row.in_use:
            mistakes["in_use"] = still
        elif ends and ends <= asked.today + timedelta(days=1):
            mistakes["valid_to"] = still
    return mistakes | _place_in_tree(asked, values) | _tree(asked, row, values)


def _place_in_tree(asked: Asked, values: Values) -> dict[str, str]:
    """What a school cannot belong to."""
    above = values.get("parent_id")
    if values.get("kind") != OrganisationKind.SCHOOL or above is None:
        return {}
    if asked.session.get_one(Organisation, above).kind is OrganisationKind.DISTRICT:
        return {}
    return {"parent_id": mark("A school belongs to the municipality.")}


def _school_written(asked: Asked, _row: Row, _values: Values) -> dict[str, str]:
    return _still_administered(asked, _administered_until(asked), "in_use")


def _tree(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    """What belongs to itself, by whatever way."""
    above, steps = values.get("parent_id"), 0
    while above is not None and above != row.id and steps < 100:
        found: Any = asked.session.get(type(row), above)
        above, steps = found and found.parent_id, steps + 1
    return {} if above is None else {"parent_id": mark("It cannot belong to itself.")}


def _administered_until(asked: Asked) -> date:
    """Until when the municipality is administered, as long as what was sent is not written."""
    return administered_until(driver_of(asked.session))


def _still_administered(asked: Asked, until: date, blamed: str) -> dict[str, str]:
    """Write what was sent; it may not bring the day nearer on which nobody administers the municipality."""
    asked.session.flush()
    if administered_less(driver_of(asked.session), until):
        return {blamed: mark("Nobody would administer the municipality any more.")}
    return {}


def in_order(values: Values, first: str, last: str) -> dict[str, str]:
    """The mistake of an end that is before the beginning."""
    begins, ends = values.get(first), values.get(last)
    if begins and ends and begins >= ends:
        return {last: mark("The last day is before the first.")}
    return {}


SCHOOLS = Record(
    "organisations", Organisation, mark("New school or unit"), _school_fields, _school_check, _school_written
)

# School years, terms and periods


def _year_fields(session: Session, row: Row | None) -> Fields:
    found = session.scalars(
        select(AcademicSession)
        .where(AcademicSession.status == Status.ACTIVE)
        .order_by(AcademicSession.start_date.desc(), AcademicSession.title)
    )
    return (
        Field("title", mark("Name"), required=True),
        Field(
            "session_type",
            mark("Kind"),
            Shape.CHOICE,
            True,
            tuple((one.value, VALUES[one]) for one in SessionType),
        ),
        Field("start_date", mark("First day"), Shape.DAY, True),
        Field("end_date", mark("Last day"), Shape.LAST_DAY, True),
        Field(
            "school_year",
            mark("School year"),
            Shape.NUMBER,
            True,
            pattern=r"[12]\d{3}",
            wrong=mark("Write the year in four digits, as 2027."),
            help=mark("The year in which it ends."),
        ),
        Field(
            "parent_id", mark("Belongs to"), Shape.ROW, choices=tuple((str(s.id), called(s)) for s in found)
        ),
        *in_use(row),
    )


def _what_lies_outside(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    """A first or last day of a school year that leaves terms or periods outside."""
    first, end = asked.session.execute(
        select(func.min(AcademicSession.start_date), func.max(AcademicSession.end_date)).where(
            AcademicSession.id != row.id,
            AcademicSession.session_type != SessionType.SCHOOL_YEAR,
            AcademicSession.school_year == values.get("school_year"),
            AcademicSession.status == Status.ACTIVE,
        )
    ).one()
    told = mark("Terms or periods of this year lie outside then: change those first.")
    begins, ends = values.get("start_date"), values.get("end_date")
    mistakes = {"start_date": told} if begins and first and begins > first else {}
    return mistakes | ({"end_date": told} if ends and end and ends < end else {})


def _year_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    mistakes = in_order(values, "start_date", "end_date") | _tree(asked, row, values)
    number, first, end = (values.get(name) for name in ("school_year", "start_date", "end_date"))
    if number is None or "session_type" not in values:
        return mistakes
    if row.status is Status.TOBEDELETED:
        within = select(AcademicSession.id).where(
            AcademicSession.id != row.id,
            AcademicSession.session_type != SessionType.SCHOOL_YEAR,
            AcademicSession.school_year == number,
            AcademicSession.status == Status.ACTIVE,
        )
        if values["session_type"] == SessionType.SCHOOL_YEAR and asked.session.scalar(within.limit(1)):
            mistakes["in_use"] = mark("Its terms and periods are still in use: take those out of use first.")
        return mistakes
    year = asked.session.scalar(
        select(AcademicSession).where(
            AcademicSession.id != row.id,
            AcademicSession.session_type == SessionType.SCHOOL_YEAR,
            AcademicSession.school_year == number,
            AcademicSession.status == Status.ACTIVE,
        )
    )
    if values["session_type"] == SessionType.SCHOOL_YEAR:
        mistakes |= _what_lies_outside(asked, row, values)
        if year is not None:
            mistakes["school_year"] = mark("This school year is there already.")
        elif end and (end - timedelta(days=1)).year not in (number - 1, number):
            mistakes["school_year"] = mark("The last day is in another year.")
    elif year is None:
        mistakes["school_year"] = mark("There is no such school year yet: add it first.")
    else:
        outside = mark("This is outside its school year.")
        mistakes |= {"start_date": outside} if first and not year.start_date <= first < year.end_date else {}
        mistakes |= {"end_date": outside} if end and not year.start_date < end <= year.end_date else {}
    return mistakes


YEARS = Record(
    "academic_sessions", AcademicSession, mark("New school year or term"), _year_fields, _year_check
)

# People

PHONE = r"\+?[\d ()-]*\d[\d ()-]*"
NO_PHONE = mark("Write digits and spaces, as 040 123 4567 or +358 40 123 4567; one number, and no letters.")
LANGUAGES = tuple((code, VALUES[code]) for code in ("fi", "sv", "en"))


def _person_fields(_session: Session, row: Row | None) -> Fields:
    protected = isinstance(row, Person) and row.nondisclosure
    contact = (
        Field(
            "email",
            mark("E-mail"),
            pattern=r"[^@\s]+@[^@\s]+\.[^@\s.]+",
            wrong=mark("Write one whole address, as firstname.lastname@example.fi."),
            longest=254,
        ),
        Field("phone", mark("Phone"), pattern=PHONE, wrong=NO_PHONE, longest=40),
        Field("sms", mark("Mobile phone"), pattern=PHONE, wrong=NO_PHONE, longest=40),
    )
    return (
        Field("given_name", mark("Given name"), required=True),
        Field("family_name", mark("Family name"), required=True),
        Field(
            "preferred_given_name",
            mark("Name used"),
            help=mark("The given name that is used every day. Leave it empty if it is the first one."),
        ),
        Field("birth_date", mark("Date of birth"), Shape.DAY),
        Field(
            "learner_number",
            mark("Learner number"),
            help=mark("From the national register of learners: 1.2.246.562.24. and eleven digits."),
        ),
        Field("language", mark("Language"), Shape.CHOICE, choices=LANGUAGES),
        *(() if protected else contact),
        Field(
            "username",
            mark("Username"),
            pattern=r"[A-Za-z0-9._@-]{2,64}",
            wrong=mark(
                "Write 2–64 letters a–z, digits and . _ - @ without spaces, as aino.virtanen: no å, ä or ö."
            ),
            help=mark(
                "For signing in, as aino.virtanen: a–z, digits and . _ - @ without spaces; no å, ä or ö."
            ),
        ),
        Field("enabled", mark("May sign in"), Shape.FLAG, default="yes"),
        Field(
            "nondisclosure",
            mark("Non-disclosure"),
            Shape.FLAG,
            help=mark(
                "For personal safety (turvakielto): hides contact details everywhere, at once. What is set "
                "here is lifted here only, by no import."
            ),
        ),
        *in_use(row),
    )


def _person_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    if isinstance(row, Person) and inspect(row).attrs.nondisclosure.history.has_changes():
        row.nondisclosure_origin = Origin.PLATFORM if row.nondisclosure else Origin.ROSTER
    mistakes = {}
    number, username, born = (values.get(name) for name in ("learner_number", "username", "birth_date"))
    # As an import has it: invented people's numbers need no right check digit.
    if number and not (PERSON_OID.fullmatch(number) and (is_test_oid(number) or check_digit_holds(number))):
        mistakes["learner_number"] = mark(
            "Write all of the number, as 1.2.246.562.24.12345678901; its last digit follows from the others."
        )
    elif number and held_by_another(asked.session, row, "learner_number", number):
        mistakes["learner_number"] = TAKEN
    others = exists().where(Account.username == (username or "").lower(), Account.person_id != row.id)
    if username and asked.session.scalar(select(others)):
        mistakes["username"] = TAKEN
    if born and born > asked.today:
        mistakes["birth_date"] = mark("This day is yet to come.")
    return mistakes


def _person_written(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    if True in (get_history(row, "enabled").deleted or ()):
        # For good: no session goes on when the account is opened again.
        mine = select(Account.id).where(Account.person_id == row.id)
        asked.session.execute(delete(SignIn).where(SignIn.account_id.in_(mine)))
        asked.record(Act.END_SIGN_IN, [row.id], Relation.OWN_MUNICIPALITY)
    until = _administered_until(asked)
    # Whoever loses the username cannot sign in either.
    asked.session.flush()
    keep_account(asked.session, row)
    return _still_administered(asked, until, "enabled" if values["username"] else "username")


def keep_account(session: Session, row: Row) -> None:
    """Whoever has a username has an account, open or closed as the person is; it stays theirs for ever."""
    session.execute(
        text("""
            insert into accounts (person_id, username, enabled)
            select id, lower(username), status = 'active' and enabled from persons
            where id = :id and username is not null
            on conflict (person_id) do update set username = excluded.username, enabled = excluded.enabled
        """),
        {"id": row.id},
    )
    session.execute(
        text("""
            update accounts a set enabled = false from persons p
            where p.id = :id and a.person_id = p.id and p.username is null and a.enabled
        """),
        {"id": row.id},
    )


PEOPLE = Record("persons", Person, mark("New person"), _person_fields, _person_check, _person_written)

# Roles

_OFFERED = (
    RoleName.STUDENT,
    RoleName.GUARDIAN,
    RoleName.TEACHER,
    RoleName.AIDE,
    RoleName.COUNSELOR,
    RoleName.PRINCIPAL,
    RoleName.ADMINISTRATOR,
    RoleName.DISTRICT_ADMINISTRATOR,
)
ROLES = {role.value: VALUES[role] for role in _OFFERED}


HIDDEN_SCHOOL = mark("This person is under non-disclosure: roles at schools come from the roster alone.")


def _role_fields(session: Session, row: Row | None) -> Fields:
    roles = dict(ROLES)
    if isinstance(row, Role):
        # One that the register brought and that is given to nobody here.
        roles.setdefault(row.role, row.role)
    return (
        Field("role", mark("Role"), Shape.CHOICE, True, tuple(roles.items())),
        Field("organisation_id", mark("School"), Shape.ROW, True, choices(session)),
        Field("begin_date", mark("First day"), Shape.DAY),
        Field("end_date", mark("Last day"), Shape.LAST_DAY, help=mark("Leave it open if it goes on.")),
    )


def _role_check(asked: Asked, row: Row, values: Values) -> dict[str, str]:
    session = asked.session
    mistakes = in_order(values, "begin_date", "end_date")
    if not {"role", "organisation_id"} <= values.keys():
        return mistakes
    kind = session.get_one(Organisation, values["organisation_id"]).kind
    role = RoleName(values["role"])
    of_municipality = role in (RoleName.DISTRICT_ADMINISTRATOR, *GUARDIANS)
    person = session.get_one(Person, cast(Any, row).person_id)
    may_see_place = asked.may(Relation.OWN_MUNICIPALITY, Action.SCHOOL, protected=person.nondisclosure)
    if kind is not OrganisationKind.DISTRICT and not may_see_place:
        # Before anything is compared: the answer is the same for every school.
        return mistakes | {"organisation_id": HIDDEN_SCHOOL}
    if desktop_of(role, kind) is not None and of_municipality != (kind is OrganisationKind.DISTRICT):
        mistakes["organisation_id"] = mark(
            "This role is not given here: choose another school, or the municipality."
        )
    if row.status is not Status.TOBEDELETED and _has_role(session, row):
        mistakes["role"] = mark("This person has this role here already.")
    return mistakes


def _role_written(asked: Asked, _row: Row, _values: Values) -> dict[str, str]:
    return _still_administered(asked, _administered_until(asked), "end_date")


def _has_role(session: Session, row: Row) -> bool:
    """Whether the person has the same role at the same place by another row, on any day of this one's."""
    assert isinstance(row, Role)
    begin, end = row.begin_date or date.min, row.end_date or date.max
    query = select(Role.id).where(
        Role.id != row.id,
        Role.status == Status.ACTIVE,
        Role.person_id == row.person_id,
        Role.organisation_id == row.organisation_id,
        Role.role == RoleName(row.role),
        or_(Role.begin_date.is_(None), Role.begin_date < end),
        or_(Role.end_date.is_(None), Role.end_date > begin),
    )
    return session.scalar(query.limit(1)) is not None


ROLE = Record(
    "roles",
    Role,
    mark("New role"),
    _role_fields,
    _role_check,
    _role_written,
    fixed=("person_id",),
    adopts=True,
)
