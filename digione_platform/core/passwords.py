"""Who may be given a new password by whom, and since when it is needed."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from digione_platform.core.access import Action, Desktop, Relation, allows
from digione_platform.core.audit import Act
from digione_platform.core.guardians import GUARDIANS
from digione_platform.core.models import Account, AuditEvent, Person, Role, RoleName, Status


def renewable(
    session: Session, desktop: Desktop, relation: Relation, people: Collection[UUID], today: date
) -> dict[UUID, Account]:
    """The accounts, by person, to which the desktop's user may give a new password over a relation.

    They are open. Only who administers the municipality may give one to its staff: with it one could work as
    them. Staff is who has, or will have, any other role than pupil and guardian.
    """
    query = select(Account, Person).join(Person, Person.id == Account.person_id)
    wanted = [Account.person_id.in_(people), Account.enabled, Person.enabled, Person.status == Status.ACTIVE]
    if not allows(desktop, relation, Action.ADMINISTER):
        works = exists().where(
            Role.person_id == Person.id,
            Role.status == Status.ACTIVE,
            Role.role.not_in((RoleName.STUDENT, *GUARDIANS)),
            func.coalesce(Role.end_date > today, True),
        )
        wanted.append(~works)
    return {
        person.id: account
        for account, person in session.execute(query.where(*wanted))
        if allows(desktop, relation, Action.PASSWORD, protected=person.nondisclosure)
    }


def proof_needed_since(session: Session, account_id: UUID) -> datetime | None:
    """When somebody last gave an account a new password, or signed a browser of its person's out.

    Who proved who they are before that has to do so again.
    """
    person = select(Account.person_id).where(Account.id == account_id).scalar_subquery()
    return session.scalar(
        select(func.max(AuditEvent.at)).where(
            AuditEvent.subject == person, AuditEvent.action.in_((Act.NEW_PASSWORD, Act.END_SIGN_IN))
        )
    )
