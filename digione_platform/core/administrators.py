"""Who administers the municipality, and until when.

Nobody may take its last administrator from a municipality, neither by a form nor by an import or its undo:
nobody there could give it another.
"""

from datetime import date
from typing import cast
from uuid import UUID

from psycopg import Connection
from sqlalchemy.orm import Session

from digione_platform.core.access import Desktop, desktop_of
from digione_platform.core.guardians import TODAY
from digione_platform.core.models import OrganisationKind, RoleName

_ROLES = ", ".join(
    f"('{role}', '{kind}')"
    for role in RoleName
    for kind in OrganisationKind
    if desktop_of(role, kind) is Desktop.MUNICIPALITY
)
# Roles that open the municipality's desktop, whenever.
_EVER = f"""
    from roles r join organisations o on o.id = r.organisation_id
    where r.status = 'active' and o.status = 'active' and (r.role, o.kind) in ({_ROLES})
"""
# Who administers the municipality today, as ``viewer.desks_of`` has it.
ADMINISTRATORS = f"""
    select r.person_id {_EVER}
    and coalesce(r.begin_date, '-infinity') <= {TODAY} and coalesce(r.end_date, 'infinity') > {TODAY}
"""
# Times that follow on each other without a gap are one: a successor begins when the predecessor ends.
_UNTIL = f"""
    select coalesce(max(coalesce(upper(span), '{date.max}')), {TODAY})
    from (
        select unnest(range_agg(daterange(r.begin_date, r.end_date))) as span {_EVER}
        and coalesce(r.begin_date < r.end_date, true) and r.person_id is distinct from %(without)s::uuid
        and exists (
            select from persons p join accounts a on a.person_id = p.id
            where p.id = r.person_id and p.status = 'active' and p.enabled and a.enabled
        )
    ) s
    where span @> {TODAY}
"""  # noqa: S608 - from the constants above


def administered_until(connection: Connection, *, without: UUID | None = None) -> date:
    """The first day on which nobody can sign in to administer: today, a day to come, or ``date.max``.

    One person may be left out of account.
    """
    ((found,),) = connection.execute(_UNTIL.encode(), {"without": without}).fetchall()
    return cast(date, found)


def administered_less(connection: Connection, until: date) -> bool:
    """Whether that day has come nearer by what the transaction wrote since it was ``until``.

    Transactions that ask come one after the other until they end: of two administrators who take each
    other's role at once, the second is seen to be the last.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('digione administrators'))")
    return administered_until(connection) < until


def driver_of(session: Session) -> Connection:
    """The connection of a session's transaction, as imports have theirs."""
    return cast(Connection, session.connection().connection.driver_connection)
