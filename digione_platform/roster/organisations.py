"""Organisation JSON as the Finnish National Agency for Education's organisation service gives it.

Read are saved answers of ``/organisaatio/v4/{oid}`` and ``/findbyoids`` (organisations with ``tyypit``), and
of ``/hierarkia/hae``, ``/{oid}/jalkelaiset`` and ``/muutetut`` (``organisaatiot``, with ``children`` below
and ``organisaatiotyypit``). They hold organisations, and of people nothing that identifies one: whom an
answer names as a contact is not read.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL

from digione_platform.core.models import OrganisationKind
from digione_platform.i18n import FINLAND, LANGUAGES, mark, today
from digione_platform.roster import profile
from digione_platform.roster.archive import Refused, open_regular
from digione_platform.roster.identifiers import ORGANISATION_OID
from digione_platform.roster.problems import Detail, Problem, Problems, shown
from digione_platform.roster.source import Kind
from digione_platform.roster.staging import Row, copy_rows, stage_name, staged_columns
from digione_platform.roster.text import check_text

MAX_BYTES = 64 * 1024 * 1024
MAX_ORGANISATIONS = 100_000
# The national root is nobody's parent here.
ROOT = "1.2.246.562.10.00000000001"

_TYPES = {
    "01": "01",
    "KOULUTUSTOIMIJA": "01",
    "02": "02",
    "OPPILAITOS": "02",
    "03": "03",
    "TOIMIPISTE": "03",
    "09": "09",
    "KUNTA": "09",
}
_KINDS = {"02": OrganisationKind.SCHOOL, "03": OrganisationKind.DEPARTMENT}
# Planned ones are not there yet; all others but the active are no longer.
_PLANNED, _ACTIVE = "SUUNNITELTU", ("AKTIIVINEN", "")

Json = dict[str, Any]


def open_organisations(
    path: Path, problems: Problems, *, tenant_oid: str, language: str
) -> "Organisations | None":
    """The organisations in a file; otherwise None, and the problems say why."""
    try:
        with open_regular(path) as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            size = Detail(mark("more than {size} MiB"), {"size": MAX_BYTES // 1024 // 1024})
            raise Refused(Problem("P-ROSTER-002", path.name, detail=size))
        found = list(_organisations(json.loads(content.decode("utf-8-sig"))))
    except Refused as refused:
        problems.add(refused.problem)
    except UnicodeDecodeError:
        problems.add(Problem("P-ROSTER-020", path.name))
    except json.JSONDecodeError as error:
        problems.add(Problem("P-ROSTER-108", path.name, error.lineno))
    except RecursionError:
        deep = Detail(mark("it is nested too deeply"))
        problems.add(Problem("P-ROSTER-108", path.name, detail=deep))
    else:
        if found and len(found) <= MAX_ORGANISATIONS:
            source = Organisations(path.name, found, tenant_oid, language)
            problems.locate = source.locate
            return source
        problems.add(Problem("P-ROSTER-109", path.name))
    return None


def _organisations(answer: Any) -> Iterator[Json]:
    """All organisations of an answer, each before those below it."""
    waiting = [answer]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            if "oid" in one:
                yield one
            waiting += [one[key] for key in ("children", "organisaatiot") if key in one]


@dataclass
class Organisations:
    """Organisations as a source: those of the file are added, changed or end; others stay as they are."""

    name: str
    found: list[Json]
    tenant_oid: str
    language: str
    kind: Kind = "delta"
    modes: dict[str, Kind] = field(default_factory=lambda: dict[str, Kind](orgs="delta"))
    unreadable: set[str] = field(default_factory=set)
    without_protected: bool = False

    @property
    def files(self) -> list[str]:
        return list(self.modes)

    def close(self) -> None:
        """Nothing is held open."""

    def fill(self, connection: Connection, problems: Problems) -> None:
        copy_rows(connection, "orgs", self._rows(problems), at_most=None)
        # What ended before we knew it is no removal.
        connection.execute(
            SQL("""
                delete from {stage} where status = 'tobedeleted' and "sourcedId" not in (
                    select sourced_id from organisations union
                    select oid from organisations where oid is not null
                )
            """).format(stage=stage_name("orgs"))
        )
        # An organisation that another source brought under an identifier of its own is the same by its OID.
        connection.execute(
            SQL("""
                create temporary table same_organisations on commit drop as
                select s.identifier as oid, o.sourced_id from (
                    select "sourcedId" as identifier from {stage} union select "parentSourcedId" from {stage}
                ) s join organisations o on o.oid = s.identifier and o.sourced_id <> s.identifier
            """).format(stage=stage_name("orgs"))
        )
        connection.execute(
            SQL("""
                update {stage} s set "sourcedId" = o.sourced_id, identifier = coalesce(identifier, o.oid)
                from same_organisations o where o.oid = s."sourcedId"
            """).format(stage=stage_name("orgs"))
        )
        connection.execute(
            SQL("""
                update {stage} s set "parentSourcedId" = o.sourced_id
                from same_organisations o where o.oid = s."parentSourcedId"
            """).format(stage=stage_name("orgs"))
        )

    def locate(self, problem: Problem) -> Problem:
        """A problem in words of the file: its line is the organisation's number among all."""
        columns = {
            "sourcedId": "oid",
            "parentSourcedId": "parentOid",
            "name": "nimi",
            "identifier": "oppilaitosKoodi",
        }
        column = columns.get(problem.column or "", problem.column)
        # What a row refers to is looked for in this file, too.
        detail = self.name if problem.detail == "orgs.csv" else problem.detail
        return Problem(problem.id, self.name, problem.line, column, problem.value, detail)

    def _rows(self, problems: Problems) -> Iterator[Row]:
        columns = staged_columns("orgs")
        rules = {"sourcedId": profile.SOURCED_ID, **profile.FILES["orgs"].rules}
        unused: set[str] = set()
        for number, one in enumerate(self.found, 1):
            types = _types(one)
            kind = self._kind(one, types)
            if kind is None:
                for name in sorted(types - unused):
                    problems.add(Problem("P-ROSTER-078", self.name, number, "tyypit", shown(name)))
                unused |= types
                continue
            if one.get("status") == _PLANNED:
                continue
            row: dict[str, str] = {"sourcedId": _text(one, "oid"), "type": kind, "status": self._status(one)}
            row["name"] = self._name(one.get("nimi"))
            row["identifier"] = _text(one, "oppilaitosKoodi") if kind is OrganisationKind.SCHOOL else ""
            parent = _text(one, "parentOid")
            row["parentSourcedId"] = "" if parent == ROOT or kind is OrganisationKind.DISTRICT else parent
            found = problems.errors
            check_text(self.name, number, list(row), list(row.values()), problems)
            if problems.errors > found:
                # There may be characters in it that cannot be staged.
                continue
            oid = row["sourcedId"]
            wrong = [("sourcedId", "P-ROSTER-037")] if oid and not ORGANISATION_OID.fullmatch(oid) else []
            if one.get("lakkautusPvm") and _day(one["lakkautusPvm"]) is None:
                wrong.append(("lakkautusPvm", "P-ROSTER-032"))
            wrong += [
                (column, reason)
                for column, rule in rules.items()
                if (reason := rule.wrong(row.get(column, "")))
            ]
            if whole := profile.FILES["orgs"].check_row:
                wrong += whole(row)
            for column, reason in wrong:
                value = row.get(column)
                problems.add(Problem(reason, self.name, number, column, shown(value) if value else None))
            yield (number, *(row.get(column) or None for column in columns))

    def _kind(self, one: Json, types: set[str]) -> OrganisationKind | None:
        if one.get("oid") == self.tenant_oid or "01" in types:
            return OrganisationKind.DISTRICT
        return next((kind for type_, kind in _KINDS.items() if type_ in types), None)

    def _status(self, one: Json) -> str:
        ended = _day(one.get("lakkautusPvm"))
        over = (ended is not None and ended <= today()) or one.get("status", "") not in _ACTIVE
        return "tobedeleted" if over else "active"

    def _name(self, names: Any) -> str:
        if not isinstance(names, dict):
            return names if isinstance(names, str) else ""
        wanted = (names.get(language) for language in (self.language, *LANGUAGES))
        return next((" ".join(name.split()) for name in wanted if isinstance(name, str) and name.strip()), "")


def _text(one: Json, key: str) -> str:
    value = one.get(key)
    return value.strip() if isinstance(value, str) else ""


def _types(one: Json) -> set[str]:
    """The codes of an organisation's types: "organisaatiotyyppi_02#1" is 02."""
    listed = one.get("tyypit") or one.get("organisaatiotyypit") or []
    said = [str(name).split("#")[0].removeprefix("organisaatiotyyppi_") for name in listed if name]
    return {_TYPES.get(name.upper(), name) for name in said} if isinstance(listed, list) else set()


def _day(value: Any) -> date | None:
    """A day as the service writes it: 2026-07-31, or milliseconds since 1970."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, FINLAND).date()
        return date.fromisoformat(value[:10]) if isinstance(value, str) and value else None
    except (ValueError, OverflowError, OSError):
        return None
