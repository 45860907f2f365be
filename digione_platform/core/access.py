"""Who may see what of whom: one table of role × relation, and nowhere else.

A row says what a desktop's user may see of people to whom they stand in a relation: ``open`` in general,
``protected`` when the seen person is under non-disclosure (turvakielto). What is not in the table is refused.
A person is seen through the one relation that a page is about. ``TAKEN`` says what a restriction of a
guardianship takes away again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from digione_platform.core.models import OrganisationKind, Person, Restriction, RoleName


class Desktop(StrEnum):
    """What a signed-in person works as; each has its own front page."""

    PUPIL = "pupil"
    GUARDIAN = "guardian"
    TEACHER = "teacher"
    PRINCIPAL = "principal"
    SECRETARY = "secretary"
    MUNICIPALITY = "municipality"


class Relation(StrEnum):
    """How the one who looks stands to the person, school or municipality looked at."""

    SELF = "self"
    OWN_TEACHER = "own teacher"
    OWN_CHILD = "own child"
    # Both are under non-disclosure: the guardian lives in hiding with the child and knows its school.
    OWN_CHILD_IN_HIDING = "own child, guardian protected too"
    OWN_GROUP = "pupil of own group"
    OWN_SCHOOL = "pupil of own school"
    GUARDIAN_OF_PUPIL = "guardian of such a pupil"
    OWN_MUNICIPALITY = "own municipality"


class Action(StrEnum):
    """What can be seen or done. From the list of pupils on: not about one person."""

    NAME = "name"
    SCHOOL = "school and class"
    CONTACT = "contact details"
    GUARDIANS = "guardians"
    HISTORY = "history of changes"
    LOOKS = "who has looked"
    DECIDE = "consent and decide"
    PASSWORD = "new password"  # noqa: S105 - the name of an action
    LIST_PUPILS = "list of pupils"
    NUMBERS = "numbers of pupils and staff"
    IMPORTS = "roster imports"
    AUDIT = "audit"
    ADMINISTER = "administration of master data"


@dataclass(frozen=True)
class Grant:
    """What is allowed of people in general, and of people under non-disclosure."""

    open: frozenset[Action]
    protected: frozenset[Action]

    @classmethod
    def of(cls, *open_: Action, protected: tuple[Action, ...] = ()) -> Self:
        return cls(frozenset(open_), frozenset(protected))


_PUPIL_SEEN_BY_STAFF = Grant.of(
    Action.NAME,
    Action.SCHOOL,
    Action.CONTACT,
    Action.GUARDIANS,
    Action.LIST_PUPILS,
    # Staff must know that a pupil is protected, or they would tell; contact details they never see.
    protected=(Action.NAME, Action.SCHOOL, Action.GUARDIANS, Action.LIST_PUPILS),
)
_GUARDIAN_SEEN_BY_STAFF = Grant.of(Action.NAME, Action.CONTACT, protected=(Action.NAME,))
_SCHOOL_NUMBERS = Grant(
    # What a protected pupil's details were is not for the school to read.
    _PUPIL_SEEN_BY_STAFF.open | {Action.NUMBERS, Action.HISTORY},
    _PUPIL_SEEN_BY_STAFF.protected | {Action.NUMBERS},
)
_EVERYTHING_OF_ONESELF = Grant.of(
    Action.NAME,
    Action.SCHOOL,
    Action.CONTACT,
    Action.LOOKS,
    protected=(Action.NAME, Action.SCHOOL, Action.CONTACT, Action.LOOKS),
)

TABLE: dict[tuple[Desktop, Relation], Grant] = {
    (Desktop.PUPIL, Relation.SELF): _EVERYTHING_OF_ONESELF,
    (Desktop.PUPIL, Relation.OWN_TEACHER): Grant.of(Action.NAME, protected=(Action.NAME,)),
    (Desktop.GUARDIAN, Relation.SELF): _EVERYTHING_OF_ONESELF,
    (Desktop.GUARDIAN, Relation.OWN_CHILD): Grant.of(
        Action.NAME,
        Action.SCHOOL,
        Action.CONTACT,
        Action.LOOKS,
        Action.DECIDE,
        # Who has looked would tell the school.
        protected=(Action.NAME, Action.DECIDE),
    ),
    (Desktop.GUARDIAN, Relation.OWN_CHILD_IN_HIDING): Grant.of(
        protected=(Action.NAME, Action.SCHOOL, Action.LOOKS, Action.DECIDE)
    ),
    (Desktop.TEACHER, Relation.SELF): _EVERYTHING_OF_ONESELF,
    (Desktop.TEACHER, Relation.OWN_GROUP): _PUPIL_SEEN_BY_STAFF,
    (Desktop.TEACHER, Relation.GUARDIAN_OF_PUPIL): _GUARDIAN_SEEN_BY_STAFF,
    (Desktop.PRINCIPAL, Relation.SELF): _EVERYTHING_OF_ONESELF,
    (Desktop.PRINCIPAL, Relation.OWN_SCHOOL): _SCHOOL_NUMBERS,
    (Desktop.PRINCIPAL, Relation.GUARDIAN_OF_PUPIL): _GUARDIAN_SEEN_BY_STAFF,
    (Desktop.SECRETARY, Relation.SELF): _EVERYTHING_OF_ONESELF,
    # With a password of theirs one would read what is hidden of the protected: the administrator gives it.
    (Desktop.SECRETARY, Relation.OWN_SCHOOL): Grant(
        _SCHOOL_NUMBERS.open | {Action.PASSWORD}, _SCHOOL_NUMBERS.protected
    ),
    (Desktop.SECRETARY, Relation.GUARDIAN_OF_PUPIL): Grant(
        _GUARDIAN_SEEN_BY_STAFF.open | {Action.PASSWORD}, _GUARDIAN_SEEN_BY_STAFF.protected
    ),
    (Desktop.MUNICIPALITY, Relation.SELF): _EVERYTHING_OF_ONESELF,
    (Desktop.MUNICIPALITY, Relation.OWN_MUNICIPALITY): Grant.of(
        Action.NAME,
        Action.SCHOOL,
        Action.CONTACT,
        Action.HISTORY,
        Action.PASSWORD,
        Action.NUMBERS,
        Action.IMPORTS,
        Action.AUDIT,
        Action.ADMINISTER,
        # Of a protected person the history tells that something changed, and not what it was.
        protected=(Action.NAME, Action.HISTORY, Action.PASSWORD, Action.AUDIT, Action.ADMINISTER),
    ),
}

# What a restriction takes from a guardian, whatever the table grants.
TAKEN: dict[Restriction, frozenset[Action]] = {
    Restriction.NO_INFORMATION: frozenset(Action),
    Restriction.NO_CONTACT: frozenset({Action.CONTACT}),
    Restriction.NO_DECISIONS: frozenset({Action.DECIDE}),
}
_NOTHING = Grant.of()


def allows(
    desktop: Desktop,
    relation: Relation | None,
    action: Action,
    *,
    protected: bool = False,
    limits: Collection[Restriction] = (),
) -> bool:
    """Whether the table lets ``desktop`` do ``action`` over ``relation``; no relation allows nothing."""
    if relation is None or any(action in TAKEN[limit] for limit in limits):
        return False
    grant = TABLE.get((desktop, relation), _NOTHING)
    return action in (grant.protected if protected else grant.open)


# What must be allowed of people to search among them.
_SEARCHED = {
    Relation.OWN_GROUP: Action.LIST_PUPILS,
    Relation.OWN_SCHOOL: Action.LIST_PUPILS,
    Relation.OWN_MUNICIPALITY: Action.ADMINISTER,
}


def searches(desktop: Desktop) -> Relation | None:
    """The relation over which a desktop's user may search; who may list nobody searches nothing."""
    return next((to for to, action in _SEARCHED.items() if allows(desktop, to, action)), None)


@dataclass(frozen=True)
class Seen:
    """A person as the one who looks may see them; what may not be seen is empty."""

    name: str
    list_name: str
    protected: bool
    email: str | None
    phone: str | None


def see(person: Person, desktop: Desktop, relation: Relation, limits: Collection[Restriction] = ()) -> Seen:
    """Given a person and how the viewer stands to them, only what the table lets through."""

    def may(action: Action) -> bool:
        return allows(desktop, relation, action, protected=person.nondisclosure, limits=limits)

    return Seen(
        name=person.name if may(Action.NAME) else "",
        list_name=person.list_name if may(Action.NAME) else "",
        protected=person.nondisclosure,
        email=person.email if may(Action.CONTACT) else None,
        phone=(person.phone or person.sms) if may(Action.CONTACT) else None,
    )


def to_child(guardian: Person, child: Person) -> Relation:
    """How a guardian stands to their child."""
    in_hiding = guardian.nondisclosure and child.nondisclosure
    return Relation.OWN_CHILD_IN_HIDING if in_hiding else Relation.OWN_CHILD


def desktop_of(role: RoleName, kind: OrganisationKind) -> Desktop | None:
    """The desktop that a OneRoster role opens in a kind of organisation; technical roles open none."""
    match role, kind:
        case (RoleName.STUDENT, _):
            return Desktop.PUPIL
        case (RoleName.PARENT | RoleName.GUARDIAN | RoleName.RELATIVE, _):
            return Desktop.GUARDIAN
        case (RoleName.TEACHER | RoleName.AIDE | RoleName.COUNSELOR, _):
            return Desktop.TEACHER
        case (RoleName.PRINCIPAL, _):
            return Desktop.PRINCIPAL
        case (RoleName.DISTRICT_ADMINISTRATOR, _) | (RoleName.ADMINISTRATOR, OrganisationKind.DISTRICT):
            return Desktop.MUNICIPALITY
        case (RoleName.ADMINISTRATOR, _):
            return Desktop.SECRETARY
    return None
