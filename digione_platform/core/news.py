"""What is new for a person: what happened, about whom, where to read on, and whether it was seen.

News are written in the transaction of the change they tell of. Nobody is told of what they may not see: an
item is about the person themselves, about nobody, or about a child of theirs of whom the access table lets
a guardian know what it tells; asked once when it is written and again whenever it is shown.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.core.access import TAKEN, Action, Desktop, Relation, allows
from digione_platform.core.administrators import ADMINISTRATORS
from digione_platform.core.guardians import HOLDS
from digione_platform.core.names import name_sql
from digione_platform.core.paging import PAGE_SIZE, Page, within


class What(StrEnum):
    """Everything that news tell. Each has its words in ``web/titles.py``."""

    ROLE_GIVEN = "role given"
    ROLE_CHANGED = "role changed"
    ROLE_ENDED = "role ended"
    GUARDIANSHIP_MADE = "guardianship made"
    GUARDIANSHIP_CHANGED = "guardianship changed"
    GUARDIANSHIP_ENDED = "guardianship ended"
    PLACE_CHANGED = "place changed"
    CONTACT_CHANGED = "contact changed"
    REGISTER_CHANGED = "register changed"
    IMPORT_FINISHED = "import finished"
    IMPORT_FAILED = "import failed"


# What of a child one must be allowed to see to be told so; of all else the name.
_NEEDS = {What.PLACE_CHANGED: Action.SCHOOL, What.CONTACT_CHANGED: Action.CONTACT}

# Who can read news: the condition over a row ``p`` of people.
REACHED = (
    "p.status = 'active' and p.enabled "
    "and exists (select from accounts a where a.person_id = p.id and a.enabled)"
)


def may_know(action: Action, *, guardian: str = "p", child: str = "c") -> str:
    """The access table in SQL: whether a guardian may do ``action`` to a child under ``g``."""

    def granted(relation: Relation, protected: bool) -> str:
        return str(allows(Desktop.GUARDIAN, relation, action, protected=protected)).lower()

    limits = ", ".join(f"'{limit}'" for limit, taken in TAKEN.items() if action in taken)
    return f"""(
        case when not {child}.nondisclosure then {granted(Relation.OWN_CHILD, False)}
            when not {guardian}.nondisclosure then {granted(Relation.OWN_CHILD, True)}
            else {granted(Relation.OWN_CHILD_IN_HIDING, True)} end
        and not g.restrictions && array[{limits}]::text[]
    )"""


def _may_know_of(what: str) -> str:
    cases = " ".join(f"when '{one}' then {may_know(action)}" for one, action in _NEEDS.items())
    return f"case {what} {cases} else {may_know(Action.NAME)} end"


def _own_child(child: str, what: str) -> str:
    return f"""exists (
        select from guardianships g join persons c on c.id = g.child_id
        where g.guardian_id = p.id and g.child_id = {child} and c.status = 'active'
        and {HOLDS} and {_may_know_of(what)}
    )"""


@dataclass(frozen=True)
class Item:
    """One thing that is new. ``name`` is whom it is about, where that is a child of the reader."""

    id: UUID
    at: datetime
    what: str
    about: UUID | None
    name: str | None
    seen: bool


def tell(
    session: Session, what: What, people: Collection[UUID], link: str, about: UUID | None = None
) -> None:
    """Tell people what happened about somebody, in one statement; ``link`` is a path of the platform.

    Left out is who cannot sign in, and who may not know that of a person: ``about`` is the one who is told,
    a child of theirs, or nobody.
    """
    if people:
        session.execute(
            text(f"""
                insert into news (person_id, what, about, link)
                select p.id, :what, cast(:about as uuid), :link from persons p
                where p.id = any(:people) and {REACHED} and (
                    cast(:about as uuid) is null or :about = p.id or {_own_child(":about", ":what")}
                )
            """),  # noqa: S608 - from the tables above
            {"what": what.value, "people": sorted(set(people)), "link": link, "about": about},
        )


def tell_administrators(session: Session, what: What, link: str) -> None:
    """Tell the municipality's administrators of today."""
    tell(session, what, session.scalars(text(ADMINISTRATORS)).all(), link)


_SHOWN = f"""
    from news n join persons p on p.id = n.person_id left join persons c on c.id = n.about
    where n.person_id = :person and (
        n.about is null or n.about = n.person_id or (:family and {_own_child("n.about", "n.what")})
    )
"""
_ITEM = f"""
    n.id, n.at, n.what, n.about,
    case when n.about <> n.person_id then {name_sql("c")} end as name,
    n.seen_at is not null as seen
"""


def newest(session: Session, person: UUID, *, family: bool, most: int) -> tuple[list[Item], int]:
    """The newest items of a person, and how many they have not seen; in one statement.

    ``family`` is whether they work as a guardian, too, and are told of their children.
    """
    found = session.execute(
        text(f"""
            select {_ITEM}, count(*) filter (where n.seen_at is null) over () {_SHOWN}
            order by n.at desc, n.id limit :most
        """),
        {"person": person, "family": family, "most": most},
    ).all()
    return [Item(*row[:-1]) for row in found], found[0][-1] if found else 0


def all_news(session: Session, person: UUID, *, family: bool, page: int) -> Page[Item]:
    """One page of all that a person was told and that is still kept, the newest first."""
    values = {"person": person, "family": family}
    total = session.scalar(text(f"select count(*) {_SHOWN}"), values) or 0
    number = within(page, total)
    found = session.execute(
        text(f"select {_ITEM} {_SHOWN} order by n.at desc, n.id limit :limit offset :offset"),
        {**values, "limit": PAGE_SIZE, "offset": (number - 1) * PAGE_SIZE},
    )
    return Page([Item(*row) for row in found], total, number)


def follow(session: Session, person: UUID, item: UUID) -> str | None:
    """Note that a person has seen an item, and give its link; None where it is none of theirs."""
    link: str | None = session.scalar(
        text("""
            update news set seen_at = coalesce(seen_at, now()) where id = :item and person_id = :person
            returning link
        """),
        {"item": item, "person": person},
    )
    return link


def mark_seen(session: Session, person: UUID, until: datetime) -> None:
    """Note that a person has seen all that was there at a moment."""
    session.execute(
        text(
            "update news set seen_at = now() where person_id = :person and seen_at is null and at <= :until"
        ),
        {"person": person, "until": until},
    )
