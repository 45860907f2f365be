"""Reads a page of a view, or one of its objects, in a fixed number of SQL statements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.orm import Session

from digione_platform.api import filters
from digione_platform.api.fields import Collection, Kind
from digione_platform.api.problems import Refused
from digione_platform.api.views import View
from digione_platform.core.names import finnish_order_sql

MAX_LIMIT = 1000


class Selection(BaseModel):
    """What a request for one object may ask."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[
        str | None, Field(max_length=1000, description="Names of the fields wanted, separated by commas.")
    ] = None


class Asked(Selection):
    """What a request for many objects may ask."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many objects at most.")] = 100
    offset: Annotated[int, Field(ge=0, le=1_000_000_000, description="How many objects to leave out.")] = 0
    sort: Annotated[
        str | None, Field(max_length=100, description="Name of the field to sort by, by default sourcedId.")
    ] = None
    orderBy: Annotated[Literal["asc", "desc"], Field(description="Direction of the order.")] = "asc"  # noqa: N815
    filter: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="One predicate such as familyName='Virtanen', or two joined by AND or OR. "
            "Predicates: = != > >= < <= and ~ (contains).",
        ),
    ] = None


@dataclass(frozen=True)
class Page:
    """How many objects there are in all, some of them as JSON texts, and the people whom these are about."""

    total: int
    rows: list[str]
    people: list[UUID]


@dataclass(frozen=True)
class Reader:
    """Reads for one client: ``root`` begins the addresses in answers, ``protected`` is the client's right."""

    session: Session
    root: str
    protected: bool

    def parents(self, view: View, path: Mapping[str, str]) -> dict[str, UUID]:
        """The identifiers of what a view's path names.

        Raises:
            Refused: one of them is not there, or not to be known of.
        """
        if not view.within:
            return {}
        _require_text(path.values())
        columns = ", ".join(f'({sql}) as "{name}"' for name, sql in view.within.items())
        found = self._execute(f"select {columns}", path).mappings().one()
        if None in found.values():
            raise Refused(404, "unknownobject", "sourcedId: what the address names is not there", "sourcedId")
        return dict(found)

    def identifier(self, sql: str, path: Mapping[str, str]) -> UUID | None:
        """The identifier that SQL finds, or None."""
        found: UUID | None = self._execute(sql, path).scalar_one_or_none()
        return found

    def page(self, view: View, asked: Asked, parents: Mapping[str, UUID]) -> Page:
        """One page of the objects at a view."""
        collection = view.collection
        chosen = _chosen(collection, asked.fields)
        by = _sorted_by(collection, asked.sort)
        where = f"({view.where}) and ({collection.visible})"
        parameters: dict[str, Any] = {**parents, "limit": asked.limit, "offset": asked.offset}
        if asked.filter is not None:
            condition = filters.condition(filters.parse(asked.filter), collection)
            where += f" and ({condition.sql})"
            parameters |= condition.parameters
        total = self._execute(f"select count(*) from {collection.source} where {where}", parameters)
        # What is shown is worked out for the rows of the page only, not for those before it.
        rows = self._execute(
            f"select {collection.subject}, {_object(collection, chosen)} from ("
            f"select t.id, {by} as place, t.sourced_id from {collection.source} where {where} "
            f"order by 2 {asked.orderBy}, 3 {asked.orderBy} limit :limit offset :offset"
            f") page join {collection.source} on t.id = page.id "
            f"order by page.place {asked.orderBy}, page.sourced_id {asked.orderBy}",
            parameters,
        ).all()
        people = [person for person, _ in rows if person is not None]
        return Page(total.scalar_one(), [row for _, row in rows], people)

    def one(self, view: View, sourced_id: str, asked: Selection) -> tuple[UUID | None, str]:
        """The person whom an object is about, if it is about one, and the object as JSON text.

        Raises:
            Refused: there is none, or it is not to be known of.
        """
        found = self.find(view, sourced_id, asked)
        if found is None:
            raise no_such(view)
        return found

    def find(self, view: View, sourced_id: str, asked: Selection) -> tuple[UUID | None, str] | None:
        """The same, or None."""
        collection = view.collection
        _require_text([sourced_id])
        found = self._execute(
            f"select {collection.subject}, {_object(collection, _chosen(collection, asked.fields))} "
            f"from {collection.source} "
            f"where t.sourced_id = :sourcedId and ({view.where}) and ({collection.visible})",
            {"sourcedId": sourced_id},
        ).one_or_none()
        return None if found is None else (found[0], found[1])

    def _execute(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        given = {**parameters, "root": self.root, "protected": self.protected}
        statement = text(sql)
        return self.session.execute(statement, {name: given[name] for name in statement.compile().params})


def no_such(view: View) -> Refused:
    """The refusal where a view has no object of an identifier that a service may know of."""
    return Refused(404, "unknownobject", f"sourcedId: there is no such {view.collection.one}", "sourcedId")


def _require_text(names: Iterable[str]) -> None:
    """Nothing is called by the one character that PostgreSQL has no place for."""
    if any("\x00" in name for name in names):
        raise Refused(404, "unknownobject", "sourcedId: what the address names is not there", "sourcedId")


def _object(collection: Collection, chosen: Iterable[str]) -> str:
    pairs = ", ".join(f"'{name}', {collection.fields[name].json}" for name in chosen)
    return f"json_strip_nulls(json_build_object({pairs}))::text"


def _chosen(collection: Collection, fields: str | None) -> list[str]:
    if fields is None:
        return list(collection.fields)
    wanted = [name.strip() for name in fields.split(",")]
    for name in wanted:
        if name not in collection.fields:
            raise Refused(
                400,
                "invalid_selection_field",
                f"fields: {name or 'an empty name'}: {collection.key} have no such field",
                name or "fields",
            )
    return wanted


def _sorted_by(collection: Collection, field: str | None) -> str:
    """What rows are sorted by; those alike in it follow their identifiers, whatever page they are on."""
    if field is None or field == "sourcedId":
        return "t.sourced_id"
    compared = collection.compared(field)
    if compared is None or compared.kind is Kind.LIST:
        raise Refused(
            400,
            "invalid_sort_field",
            f"sort: {field}: {collection.key} cannot be sorted by it",
            field or "sort",
        )
    match compared.kind:
        case Kind.TEXT:
            return finnish_order_sql(f"lower({compared.sql})")
        case Kind.WORD:
            return f'({compared.sql}) collate "C"'
        case _:
            return compared.sql
