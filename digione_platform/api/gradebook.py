"""The gradebook service of OneRoster 1.2: its objects, its addresses, and what a body must be."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic import Field as Limits

from digione_platform.api.fields import Collection, Field, choice, day, flag, moment, number, reference, text
from digione_platform.api.rostering import CLASS, SCHOOL, VISIBLE_CLASS, VISIBLE_PERSON, head, person
from digione_platform.api.views import View
from digione_platform.core.gradebook import SCORE_STATUSES, Category, Graded, LineItem, Result
from digione_platform.core.models import RoleName
from digione_platform.roster.identifiers import holds_personal_identity_code

# The condition on a line item that a service may know of it.
_VISIBLE_LINE_ITEM = (
    f"exists (select from groups g where g.id = {{}}.group_id and {VISIBLE_CLASS.format('g')})"
)
_METADATA = Field("case when t.extension <> '{}' then t.extension end", {"type": "object"})

CATEGORIES = Collection(
    "categories",
    "category",
    "grade_categories t",
    {**head(), "metadata": _METADATA, "title": text("t.title"), "weight": number("t.weight")},
    ("title",),
)

LINE_ITEMS = Collection(
    "lineItems",
    "lineItem",
    "line_items t",
    {
        **head(),
        "metadata": _METADATA,
        "title": text("t.title"),
        "description": text("t.description"),
        "assignDate": moment("t.assign_date"),
        "dueDate": moment("t.due_date"),
        "class": reference("class", "groups r where r.id = t.group_id"),
        "school": reference(
            "org", "groups g join organisations r on r.id = g.school_id where g.id = t.group_id"
        ),
        "category": reference("category", "grade_categories r where r.id = t.category_id"),
        "gradingPeriod": reference("academicSession", "academic_sessions r where r.id = t.grading_period_id"),
        "academicSession": reference("academicSession", "academic_sessions r where r.id = t.session_id"),
        "resultValueMin": number("t.result_value_min"),
        "resultValueMax": number("t.result_value_max"),
    },
    ("title", "assignDate", "dueDate", "class", "school", "category"),
    visible=_VISIBLE_LINE_ITEM.format("t"),
)

RESULTS = Collection(
    "results",
    "result",
    "results t",
    {
        **head(),
        "metadata": _METADATA,
        "lineItem": reference("lineItem", "line_items r where r.id = t.line_item_id"),
        "student": reference("user", "persons r where r.id = t.student_id"),
        "class": reference(
            "class", "line_items l join groups r on r.id = l.group_id where l.id = t.line_item_id"
        ),
        "scoreStatus": choice("t.score_status", SCORE_STATUSES),
        "score": number("t.score"),
        "textScore": text("t.text_score"),
        "scoreDate": day("t.score_date"),
        "comment": text("t.comment"),
        "inProgress": flag("t.in_progress"),
        "incomplete": flag("t.incomplete"),
        "late": flag("t.late"),
        "missing": flag("t.missing"),
    },
    ("lineItem", "student", "class", "scoreStatus", "scoreDate"),
    visible=f"exists (select from persons p where p.id = t.student_id and {VISIBLE_PERSON.format('p')}) and "
    f"exists (select from line_items l where l.id = t.line_item_id and {_VISIBLE_LINE_ITEM.format('l')})",
    subject="t.student_id",
)

_LINE_ITEM_OF_CLASS = (
    "select l.id from line_items l join groups g on g.id = l.group_id "
    "where l.sourced_id = :lineItemSourcedId and g.sourced_id = :classSourcedId "
    f"and {VISIBLE_CLASS.format('g')}"
)
_RESULT_OF_CLASS = "t.line_item_id in (select l.id from line_items l where l.group_id = :class)"

VIEWS: tuple[View, ...] = (
    View("/categories", "getAllCategories", "getCategory", CATEGORIES),
    View("/lineItems", "getAllLineItems", "getLineItem", LINE_ITEMS),
    View("/results", "getAllResults", "getResult", RESULTS),
    *(
        View(path, name, "", collection, where, derived=True, within=within)
        for path, name, collection, where, within in (
            (
                "/classes/{classSourcedId}/categories",
                "getCategoriesForClass",
                CATEGORIES,
                "exists (select from line_items l where l.category_id = t.id and l.group_id = :class)",
                {"class": CLASS},
            ),
            (
                "/classes/{classSourcedId}/lineItems",
                "getLineItemsForClass",
                LINE_ITEMS,
                "t.group_id = :class",
                {"class": CLASS},
            ),
            (
                "/classes/{classSourcedId}/results",
                "getResultsForClass",
                RESULTS,
                _RESULT_OF_CLASS,
                {"class": CLASS},
            ),
            (
                "/classes/{classSourcedId}/lineItems/{lineItemSourcedId}/results",
                "getResultsForLineItemForClass",
                RESULTS,
                "t.line_item_id = :lineItem",
                {"lineItem": _LINE_ITEM_OF_CLASS},
            ),
            (
                "/classes/{classSourcedId}/students/{studentSourcedId}/results",
                "getResultsForStudentForClass",
                RESULTS,
                f"{_RESULT_OF_CLASS} and t.student_id = :person",
                {"class": CLASS, "person": person("studentSourcedId", RoleName.STUDENT)},
            ),
            (
                "/schools/{schoolSourcedId}/lineItems",
                "getLineItemsForSchool",
                LINE_ITEMS,
                "t.group_id in (select g.id from groups g where g.school_id = :school)",
                {"school": SCHOOL},
            ),
        )
    ),
)


def _names_nobody(value: str) -> str:
    if holds_personal_identity_code(value):
        raise ValueError("a personal identity code stands in it; it is never exchanged")
    return value


def _says_something(value: str) -> str:
    if not value.strip():
        raise ValueError("it is blank")
    return value


def _is_iso(value: Any) -> Any:
    # Numbers, also in quotation marks, are taken for seconds since 1970 otherwise.
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        raise ValueError("it is not written as in ISO 8601, or of another age")
    return value


_ISO = re.compile(r"(19|2\d)\d\d-\d\d-\d\d(T\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d))?")
# No line breaks but in texts, and nothing that a database or terminal would take for something else.
Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$"),
    AfterValidator(_says_something),
    AfterValidator(_names_nobody),
]
Text = Annotated[
    str,
    StringConstraints(max_length=10_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"),
    AfterValidator(_names_nobody),
]
SourcedId = Annotated[
    str, StringConstraints(pattern=r"^[^\s/\x00-\x1f\x7f]{1,255}$"), AfterValidator(_names_nobody)
]
Moment = Annotated[AwareDatetime, Limits(strict=False), BeforeValidator(_is_iso)]
Day = Annotated[date, Limits(strict=False), BeforeValidator(_is_iso)]
Number = Annotated[float, Limits(allow_inf_nan=False)]
Truth = Annotated[Literal["true", "false"], AfterValidator(lambda word: word == "true")]


def _storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """JSON that the database has a place for: without endless numbers and the character NUL."""
    if "\\u0000" in json.dumps(value, allow_nan=False).replace("\\\\", ""):
        raise ValueError("it holds the character NUL")
    _names_nobody(json.dumps(value, ensure_ascii=False))
    return value


class Part(BaseModel):
    """Part of a body. A key that would not be kept is refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Reference(Part):
    """What is referred to; only its identifier counts."""

    sourcedId: SourcedId  # noqa: N815
    href: str | None = None
    type: str | None = None


class Row(Part):
    """What every object may have. The time of the last change is the platform's to say."""

    sourcedId: SourcedId  # noqa: N815
    status: Literal["active", "tobedeleted"] = "active"
    dateLastModified: str | None = None  # noqa: N815
    metadata: Annotated[dict[Line, JsonValue], AfterValidator(_storable)] = {}


class CategoryRow(Row):
    title: Line
    weight: Annotated[Number, Limits(ge=0)] | None = None


class LineItemRow(Row):
    title: Line
    description: Text | None = None
    assignDate: Moment  # noqa: N815
    dueDate: Moment  # noqa: N815
    class_: Annotated[Reference, Limits(alias="class")]
    school: Reference | None = None
    category: Reference
    gradingPeriod: Reference | None = None  # noqa: N815
    academicSession: Reference | None = None  # noqa: N815
    resultValueMin: Number | None = None  # noqa: N815
    resultValueMax: Number | None = None  # noqa: N815

    @field_validator("dueDate")
    @classmethod
    def _due_after_assigned(cls, due: datetime, info: ValidationInfo) -> datetime:
        if "assignDate" in info.data and due < info.data["assignDate"]:
            raise ValueError("it is before assignDate")
        return due

    @field_validator("resultValueMax")
    @classmethod
    def _range_in_order(cls, highest: float | None, info: ValidationInfo) -> float | None:
        lowest = info.data.get("resultValueMin")
        if highest is not None and lowest is not None and highest < lowest:
            raise ValueError("it is below resultValueMin")
        return highest


class ResultRow(Row):
    lineItem: Reference  # noqa: N815
    student: Reference
    class_: Annotated[Reference | None, Limits(alias="class")] = None
    scoreStatus: Literal[SCORE_STATUSES]  # type: ignore[valid-type]  # noqa: N815
    score: Number | None = None
    textScore: Line | None = None  # noqa: N815
    scoreDate: Day  # noqa: N815
    comment: Text | None = None
    inProgress: Truth | None = None  # noqa: N815
    incomplete: Truth | None = None
    late: Truth | None = None
    missing: Truth | None = None


class CategoryBody(Part):
    category: CategoryRow


class LineItemBody(Part):
    lineItem: LineItemRow  # noqa: N815


class ResultBody(Part):
    result: ResultRow


@dataclass(frozen=True)
class Writable:
    """What can be put at a view.

    ``columns`` has the table's columns by the body's fields; ``links`` by the body's references the column
    and the SQL that finds the row by the parameter ``:sourcedId`` (and finds nothing that must not be named);
    ``agrees`` has references that are not kept, since they follow from others: SQL of what they must be.
    ``holds`` are places of an active object's body, SQL that is true of its columns (and ``:protected``, the
    client's right) if it makes sense, and what its maker is told otherwise. ``ends`` is SQL that deletes what
    makes no sense without the object ``:id``, and gives the people whom it was about.
    """

    view: View
    put: str
    delete: str
    table: type[Graded]
    body: type[Part]
    columns: Mapping[str, str]
    links: Mapping[str, tuple[str, str]]
    agrees: Mapping[str, str]
    holds: Sequence[tuple[str, str, str]] = ()
    ends: str = ""


# A result of the line item that is put, which is there already. One that its maker may not know of takes no
# part: the refusal would tell of it, and of the pupil's class.
_RESULT_UNDER_IT = (
    "select from results r join line_items l on l.id = r.line_item_id join persons p on p.id = r.student_id "
    "where l.sourced_id = :sourced_id and r.status = 'active' and (:protected or not p.nondisclosure)"
)
_SESSION = "select s.id from academic_sessions s where s.sourced_id = :sourcedId"

WRITABLE: tuple[Writable, ...] = (
    Writable(
        VIEWS[0],
        "putCategory",
        "deleteCategory",
        Category,
        CategoryBody,
        {"title": "title", "weight": "weight"},
        {},
        {},
    ),
    Writable(
        VIEWS[1],
        "putLineItem",
        "deleteLineItem",
        LineItem,
        LineItemBody,
        {
            "title": "title",
            "description": "description",
            "assignDate": "assign_date",
            "dueDate": "due_date",
            "resultValueMin": "result_value_min",
            "resultValueMax": "result_value_max",
        },
        {
            "class": (
                "group_id",
                f"select g.id from groups g where g.sourced_id = :sourcedId and {VISIBLE_CLASS.format('g')}",
            ),
            "category": (
                "category_id",
                "select c.id from grade_categories c where c.sourced_id = :sourcedId",
            ),
            "gradingPeriod": ("grading_period_id", f"{_SESSION} and s.session_type = 'gradingPeriod'"),
            "academicSession": ("session_id", _SESSION),
        },
        {
            "school": "select o.sourced_id from groups g join organisations o on o.id = g.school_id "
            "where g.id = :group_id"
        },
        (
            (
                "category.sourcedId",
                "select c.status = 'active' from grade_categories c where c.id = :category_id for share",
                "this category is deleted",
            ),
            (
                "class.sourcedId",
                f"select not exists ({_RESULT_UNDER_IT} and not exists (select from enrolments e where "
                "e.group_id = :group_id and e.person_id = r.student_id and e.role = 'student' "
                "and e.status = 'active'))",
                "it has results of pupils who were never in this class",
            ),
            (
                "resultValueMax",
                f"select not exists ({_RESULT_UNDER_IT} and r.score not between "
                "coalesce(cast(:result_value_min as float), '-infinity') "
                "and coalesce(cast(:result_value_max as float), 'infinity'))",
                "it has results outside resultValueMin and resultValueMax",
            ),
        ),
        "update results set status = 'tobedeleted', last_modified = now() "
        "where line_item_id = :id and status = 'active' returning student_id",
    ),
    Writable(
        VIEWS[2],
        "putResult",
        "deleteResult",
        Result,
        ResultBody,
        {
            "scoreStatus": "score_status",
            "score": "score",
            "textScore": "text_score",
            "scoreDate": "score_date",
            "comment": "comment",
            "inProgress": "in_progress",
            "incomplete": "incomplete",
            "late": "late",
            "missing": "missing",
        },
        {
            "lineItem": (
                "line_item_id",
                "select l.id from line_items l where l.sourced_id = :sourcedId "
                f"and {_VISIBLE_LINE_ITEM.format('l')}",
            ),
            "student": ("student_id", person("sourcedId", RoleName.STUDENT)),
        },
        {
            "class": "select g.sourced_id from line_items l join groups g on g.id = l.group_id "
            "where l.id = :line_item_id"
        },
        (
            (
                "lineItem.sourcedId",
                "select l.status = 'active' from line_items l where l.id = :line_item_id for share",
                "this line item is deleted",
            ),
            (
                "student.sourcedId",
                # Also one who has left: what was done before is still to be assessed.
                "select exists (select from line_items l join enrolments e on e.group_id = l.group_id "
                "where l.id = :line_item_id and e.person_id = :student_id and e.role = 'student' "
                "and e.status = 'active')",
                "this pupil was never in the line item's class",
            ),
            (
                "score",
                "select cast(:score as float) is null or cast(:score as float) between "
                "coalesce(l.result_value_min, '-infinity') and coalesce(l.result_value_max, 'infinity') "
                "from line_items l where l.id = :line_item_id",
                "it is outside the line item's resultValueMin and resultValueMax",
            ),
        ),
    ),
)
