"""The page of what was changed of a person, school, school year, course or group."""

from typing import Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Request, Response

from digione_platform.core import pupils
from digione_platform.core.access import Action, Desktop, Relation
from digione_platform.core.audit import Act
from digione_platform.core.history import history_of, names_of
from digione_platform.core.models import AcademicSession, Course, Group, Organisation, Person
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page, speak
from digione_platform.web.titles import COLUMNS, ROWS
from digione_platform.web.values import told

router = APIRouter()
Table = Literal["persons", "organisations", "academic_sessions", "groups", "courses"]
Row = Person | Organisation | AcademicSession | Group | Course
_MODELS: dict[Table, type[Row]] = {
    "persons": Person,
    "organisations": Organisation,
    "academic_sessions": AcademicSession,
    "groups": Group,
    "courses": Course,
}


@router.get("/history/{table}/{row_id}")
def history(
    request: Request,
    asked: Question,
    table: Table,
    row_id: UUID,
    number: PageNumber = 1,
) -> Response:
    """What was changed, by whom and when; the values only of those whose details the viewer may know."""
    row: Row | None = asked.session.get(cast(type[Any], _MODELS[table]), row_id)
    relation = None if row is None else _to(asked, row)
    protected = isinstance(row, Person) and row.nondisclosure
    if row is None or not asked.may(relation, Action.HISTORY, protected=protected) or relation is None:
        raise NotFoundError
    found = history_of(
        asked.session,
        table,
        row_id,
        number,
        values=asked.may(relation, Action.CONTACT),
        protected_values=asked.may(relation, Action.CONTACT, protected=True),
    )
    people: list[UUID | None] = [row.id if isinstance(row, Person) else None]
    people += sorted({UUID(one) for change in found.rows for one in change.relatives})
    asked.record(Act.VIEW_HISTORY, people, relation, table=table, row=str(row_id))
    names = names_of(asked.session, found.rows)
    texts = speak(request)
    title = row.title if isinstance(row, AcademicSession | Group | Course) else row.name
    return page(
        request,
        "history.html",
        title=title,
        found=found,
        columns=COLUMNS,
        rows=ROWS,
        told=lambda column, value: told(texts, column, value, names),
        back=_page_of(asked, table, row_id),
    )


def _page_of(asked: Asked, table: Table, row_id: UUID) -> str:
    """Where a reader came from."""
    if asked.desktop is not Desktop.MUNICIPALITY:
        return {"persons": f"/pupils/{row_id}", "groups": f"/groups/{row_id}"}.get(table, "/")
    administration = {
        "persons": f"people/{row_id}",
        "organisations": f"schools/{row_id}/edit",
        "academic_sessions": f"years/{row_id}/edit",
        "groups": f"groups/{row_id}",
        "courses": f"courses/{row_id}/edit",
    }
    return f"/administration/{administration[table]}"


def _to(asked: Asked, row: Row) -> Relation | None:
    """How the viewer stands to a row: all of it is the municipality's, and a school's is its school's."""
    desk = asked.viewer.desk
    if desk.desktop is Desktop.MUNICIPALITY:
        return Relation.OWN_MUNICIPALITY
    match row:
        case Person():
            here = pupils.goes_to_school(asked.session, row.id, desk.organisation_id, asked.today)
        case Group():
            here = row.school_id == desk.organisation_id
        case Course():
            here = row.organisation_id == desk.organisation_id
        case _:
            here = row.id == desk.organisation_id
    return Relation.OWN_SCHOOL if here else None
