"""News of what a transaction changed in the register, taken from the history that the database wrote of it.

One statement for any number of changes, whatever changed them: a form, an import, or its undo.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.core.access import Action
from digione_platform.core.administrators import ADMINISTRATORS
from digione_platform.core.guardians import HOLDS, TODAY
from digione_platform.core.models import Restriction
from digione_platform.core.news import REACHED, What, may_know

_IMPORT = "nullif(current_setting('digione.import', true), '')::uuid"


def _was(last: str) -> str:
    """Whether a row was in force or to be, before; a row that was not there was not."""
    return (
        f"coalesce(h.before ->> 'status' = 'active' "
        f"and coalesce((h.before ->> '{last}')::date > {TODAY}, true), false)"
    )


def _is(last: str) -> str:
    return f"coalesce(t.status = 'active' and coalesce(t.{last} > {TODAY}, true), false)"


def _differs(*columns: str) -> str:
    row = "to_jsonb(t)"
    return " or ".join(f"{row} -> '{one}' is distinct from h.before -> '{one}'" for one in columns)


def _kind(last: str, made: What, changed: What, ended: What, columns: tuple[str, ...]) -> str:
    """What became of a row; null where that is nothing to tell."""
    was, now = _was(last), _is(last)
    return f"""case when not {was} and {now} then '{made}' when {was} and not {now} then '{ended}'
        when {was} and {now} and ({_differs(*columns)}) then '{changed}' end"""


_ROLE = _kind(
    "end_date",
    What.ROLE_GIVEN,
    What.ROLE_CHANGED,
    What.ROLE_ENDED,
    ("role", "organisation_id", "begin_date", "end_date"),
)
_PUPIL = _kind("end_date", *3 * (What.PLACE_CHANGED,), ("role", "organisation_id"))
_PLACE = _kind("end_date", *3 * (What.PLACE_CHANGED,), ("role", "group_id", "school_id"))
_GUARDIANSHIP = _kind(
    "valid_to",
    What.GUARDIANSHIP_MADE,
    What.GUARDIANSHIP_CHANGED,
    What.GUARDIANSHIP_ENDED,
    ("kind", "joint_custody", "restrictions", "valid_from", "valid_to"),
)
_CONTACT = f"case when {_differs('email', 'phone', 'sms')} then '{What.CONTACT_CHANGED}' end"

# What people are told of a guardianship that says nothing of the child's name, they are told about nobody.
OF_CHANGES = f"""
    with changed as materialized (
        select distinct on (table_name, row_id) table_name, row_id::uuid as id, change, actor,
            coalesce(before, '{{}}') as before
        from row_history
        where at = now() and import_id is not distinct from {_IMPORT}
        and table_name in ('persons', 'roles', 'enrolments', 'guardianships')
        order by table_name, row_id, id
    ),
    people as (
        select coalesce(t.person_id, (h.before ->> 'person_id')::uuid) as person, h.actor,
            coalesce(t.role, h.before ->> 'role') = 'student' as pupil,
            case when coalesce(t.role, h.before ->> 'role') = 'student' then {_PUPIL} else {_ROLE} end as what
        from changed h left join roles t on t.id = h.id where h.table_name = 'roles'
        union all
        select coalesce(t.person_id, (h.before ->> 'person_id')::uuid), h.actor,
            coalesce(t.role, h.before ->> 'role') = 'student', {_PLACE}
        from changed h left join enrolments t on t.id = h.id where h.table_name = 'enrolments'
        union all
        select t.id, h.actor, true, {_CONTACT}
        from changed h join persons t on t.id = h.id
        where h.table_name = 'persons' and h.change = 'update' and t.status = 'active'
        and h.before ->> 'status' = 'active'
    ),
    pairs as (
        select h.actor, coalesce(t.child_id, (h.before ->> 'child_id')::uuid) as child,
            coalesce(t.guardian_id, (h.before ->> 'guardian_id')::uuid) as guardian,
            coalesce({_is("valid_to")}, false) and {may_know(Action.NAME)} as knows,
            coalesce(h.before -> 'restrictions' ? '{Restriction.NO_INFORMATION}', true) as knew_nothing,
            {_GUARDIANSHIP} as what
        from changed h left join guardianships t on t.id = h.id
        left join guardianships g on g.id = t.id
        left join persons c on c.id = t.child_id left join persons p on p.id = t.guardian_id
        where h.table_name = 'guardianships'
    ),
    told (person, what, about, link, actor) as (
        select person, what, person, case when what in ('{What.PLACE_CHANGED}') then '/' else '/me' end, actor
        from people
        union all
        select g.guardian_id, h.what, h.person, '/', h.actor
        from people h join guardianships g on g.child_id = h.person
        join persons c on c.id = g.child_id join persons p on p.id = g.guardian_id
        where h.pupil and {HOLDS} and case h.what
            when '{What.PLACE_CHANGED}' then {may_know(Action.SCHOOL)}
            when '{What.CONTACT_CHANGED}' then {may_know(Action.CONTACT)} end
        union all
        select guardian, what, case when knows then child end, '/', actor from pairs
        where coalesce(knows, false) or not knew_nothing
        union all
        select child, what, null, '/me', actor from pairs
        union all
        select a.person_id, '{What.IMPORT_FINISHED}', null, '/administration/imports', null
        from roster_imports i, ({ADMINISTRATORS}) a where i.id = {_IMPORT} and i.undone_at is null
    ),
    items as (
        select t.person, count(distinct (t.what, t.about)) = 1 as one, min(t.what) as what,
            min(t.about::text)::uuid as about, min(t.link) as link,
            bool_or(t.what = '{What.IMPORT_FINISHED}') as imported
        from told t where t.what is not null and t.actor is distinct from t.person::text group by t.person
    )
    insert into news (person_id, what, about, link)
    select i.person,
        case when i.imported then '{What.IMPORT_FINISHED}' when i.one then i.what
            else '{What.REGISTER_CHANGED}' end,
        case when i.one then i.about end,
        case when i.imported then '/administration/imports' when i.one then i.link else '/' end
    from items i join persons p on p.id = i.person
    where {REACHED} and not exists (
        select from row_history b where b.table_name = 'persons' and b.row_id = p.id::text
        and b.change = 'insert' and b.at = now()
    )
"""  # noqa: S608 - from the tables above


def tell_of_changes(session: Session) -> None:
    """Tell everyone concerned what this transaction has changed in the register; once, at its end.

    One item for each person, however much was changed. Nobody is told of what they changed themselves, nor
    that they were added.
    """
    session.flush()
    session.execute(text(OF_CHANGES))
