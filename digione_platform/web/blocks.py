"""Blocks of a page: what one role sees of the master data. Desktop and service areas are made of them.

A block is a function of what is asked and who asks; its values go to ``templates/blocks/<its name>.html``.
It asks the access table before it reads, and writes to the audit whose data it showed.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from digione_platform.core import audit, news, pupils, schools
from digione_platform.core.access import Action, Desktop, Relation, Seen, allows, see, to_child
from digione_platform.core.audit import Act, By
from digione_platform.core.guardians import limits_of
from digione_platform.core.models import GroupType, Person, Restriction
from digione_platform.core.news import Item
from digione_platform.core.viewer import Viewer
from digione_platform.web.titles import NEWS


@dataclass(frozen=True)
class Asked:
    """One question to the master data: by whom, of which day, in which transaction and request."""

    session: Session
    viewer: Viewer
    today: date
    request: UUID | None = None

    @property
    def desktop(self) -> Desktop:
        return self.viewer.desk.desktop

    def may(
        self,
        relation: Relation | None,
        action: Action,
        *,
        protected: bool = False,
        limits: Collection[Restriction] = (),
    ) -> bool:
        """What the access table says of this viewer."""
        return allows(self.desktop, relation, action, protected=protected, limits=limits)

    @property
    def family(self) -> bool:
        """Whether the viewer works as a guardian, too."""
        return any(desk.desktop is Desktop.GUARDIAN for desk in self.viewer.desks)

    def shown(self, items: list[Item]) -> list[Item]:
        """Write to the audit of whom news told this viewer, and give them back."""
        about = {one.about for one in items if one.about and one.name}
        self.record(Act.VIEW_CHILD, sorted(about), Relation.OWN_CHILD)
        return items

    def record(
        self, act: Act, subjects: Iterable[UUID | None], relation: Relation, *, why: str = "", **detail: Any
    ) -> None:
        """Write to the audit whose data this viewer was shown, and by which relation they might.

        Where a reason was asked for, ``why`` is what they gave.
        """
        by = By(self.viewer.person.id, self.desktop, self.request)
        audit.record(self.session, by, act, subjects, reason=why or relation, **detail)


Block = Callable[[Asked], dict[str, Any]]
NEWS_SHOWN = 5


@dataclass(frozen=True)
class SeenPupil:
    """A pupil as the viewer may see them; ``place_hidden`` when school and class are kept from the viewer."""

    person: Person
    seen: Seen
    school: str | None
    homeroom: str | None
    place_hidden: bool
    looks: bool


def seen_pupil(
    asked: Asked, row: pupils.PupilRow, relation: Relation, limits: Collection[Restriction] = ()
) -> SeenPupil:
    """Given a pupil and how the viewer stands to them, what the viewer may see."""
    protected = row.person.nondisclosure
    may_see_place = asked.may(relation, Action.SCHOOL, protected=protected, limits=limits)
    return SeenPupil(
        row.person,
        see(row.person, asked.desktop, relation, limits),
        row.school if may_see_place else None,
        row.homeroom if may_see_place else None,
        not may_see_place,
        asked.may(relation, Action.LOOKS, protected=protected, limits=limits),
    )


def whats_new(asked: Asked) -> dict[str, Any]:
    """The newest of what happened to the viewer, and how much of it they have not seen."""
    me = asked.viewer.person.id
    items, unseen = news.newest(asked.session, me, family=asked.family, most=NEWS_SHOWN)
    return {"items": asked.shown(items), "unseen": unseen, "words": NEWS}


def children(asked: Asked) -> dict[str, Any]:
    """A guardian's children with school and class; those of whom they may know nothing are left out."""
    guardian = asked.viewer.person
    shown = []
    for row, guardianship in pupils.children_of(asked.session, guardian.id, asked.today):
        relation, limits = to_child(guardian, row.person), limits_of(guardianship)
        if asked.may(relation, Action.NAME, protected=row.person.nondisclosure, limits=limits):
            shown.append(seen_pupil(asked, row, relation, limits))
    asked.record(Act.VIEW_CHILD, [child.person.id for child in shown], Relation.OWN_CHILD)
    return {"children": shown}


def own_class(asked: Asked) -> dict[str, Any]:
    """A pupil's own class and groups with their teachers."""
    me = asked.viewer.person
    if not asked.may(Relation.SELF, Action.SCHOOL, protected=me.nondisclosure):
        return {"groups": [], "teachers": False}
    return {
        "groups": pupils.groups_of_pupil(asked.session, me.id, asked.today),
        "teachers": asked.may(Relation.OWN_TEACHER, Action.NAME),
    }


def own_groups(asked: Asked) -> dict[str, Any]:
    """A teacher's groups at the school they work in now."""
    if not asked.may(Relation.OWN_GROUP, Action.LIST_PUPILS):
        return {"groups": []}
    desk = asked.viewer.desk
    return {
        "groups": pupils.groups_of_teacher(
            asked.session, asked.viewer.person.id, desk.organisation_id, asked.today
        )
    }


def school_numbers(asked: Asked) -> dict[str, Any]:
    """The viewer's school in numbers."""
    if not asked.may(Relation.OWN_SCHOOL, Action.NUMBERS):
        return {"school": None}
    protected = asked.may(Relation.OWN_SCHOOL, Action.NUMBERS, protected=True)
    here = asked.viewer.desk.organisation_id
    found = schools.schools(asked.session, asked.today, here, protected=protected)
    return {
        "school": found[0] if found else None,
        "history": asked.may(Relation.OWN_SCHOOL, Action.HISTORY),
    }


def classes(asked: Asked) -> dict[str, Any]:
    """The classes of the viewer's school."""
    if not asked.may(Relation.OWN_SCHOOL, Action.LIST_PUPILS):
        return {"groups": []}
    return {
        "groups": pupils.groups_of_school(
            asked.session, asked.viewer.desk.organisation_id, asked.today, GroupType.HOMEROOM
        )
    }


def all_schools(asked: Asked) -> dict[str, Any]:
    """The municipality's schools in numbers."""
    if not asked.may(Relation.OWN_MUNICIPALITY, Action.NUMBERS):
        return {"schools": []}
    protected = asked.may(Relation.OWN_MUNICIPALITY, Action.NUMBERS, protected=True)
    return {"schools": schools.schools(asked.session, asked.today, protected=protected)}


def imports(asked: Asked) -> dict[str, Any]:
    """The latest roster imports."""
    may = asked.may(Relation.OWN_MUNICIPALITY, Action.IMPORTS)
    return {"imports": schools.latest_imports(asked.session) if may else []}


def administer(asked: Asked) -> dict[str, Any]:
    """The ways to what the municipality's administrator keeps."""
    return {"allowed": asked.may(Relation.OWN_MUNICIPALITY, Action.ADMINISTER)}


def looks(asked: Asked) -> dict[str, Any]:
    """The way to who has looked at oneself."""
    protected = asked.viewer.person.nondisclosure
    return {"allowed": asked.may(Relation.SELF, Action.LOOKS, protected=protected)}


def school_year(asked: Asked) -> dict[str, Any]:
    """This school year with its terms and periods: the same for everyone."""
    return {"sessions": schools.sessions_of_year(asked.session, asked.today)}
