"""Assessment as OneRoster's gradebook has it: categories, line items (what is assessed) and results."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Enum, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from digione_platform.core.models import Base, Rostered

SCORE_STATUSES = ("exempt", "fully graded", "not submitted", "partially graded", "submitted")


class Graded(Rostered):
    """A row that a connected service made and that only this service changes; ``extension`` is its own."""

    client_id: Mapped[UUID] = mapped_column(ForeignKey("api_clients.id"))
    extension: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), default=dict)


class Category(Graded, Base):
    """A kind of assessment, such as tests or homework."""

    __tablename__ = "grade_categories"

    title: Mapped[str]
    weight: Mapped[float | None]


class LineItem(Graded, Base):
    """Something that is assessed in a group: a test, an essay, a course."""

    __tablename__ = "line_items"

    title: Mapped[str]
    description: Mapped[str | None]
    assign_date: Mapped[datetime]
    due_date: Mapped[datetime]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("groups.id"), index=True)
    category_id: Mapped[UUID] = mapped_column(ForeignKey("grade_categories.id"), index=True)
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("academic_sessions.id"))
    grading_period_id: Mapped[UUID | None] = mapped_column(ForeignKey("academic_sessions.id"))
    result_value_min: Mapped[float | None]
    result_value_max: Mapped[float | None]


class Result(Graded, Base):
    """What a pupil got for a line item."""

    __tablename__ = "results"

    line_item_id: Mapped[UUID] = mapped_column(ForeignKey("line_items.id"), index=True)
    student_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    score_status: Mapped[str] = mapped_column(
        Enum(*SCORE_STATUSES, name="score_status", native_enum=False, create_constraint=True, length=32)
    )
    score: Mapped[float | None]
    text_score: Mapped[str | None]
    score_date: Mapped[date]
    comment: Mapped[str | None]
    in_progress: Mapped[bool | None]
    incomplete: Mapped[bool | None]
    late: Mapped[bool | None]
    missing: Mapped[bool | None]
