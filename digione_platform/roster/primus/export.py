"""Writes people and groups as the files that a mapping describes: an import of them changes nothing.

Left out and counted are people under non-disclosure unless asked for, and rows that the mapping has no way
to say, such as a person whose identifier has not the prefix of its kind. Guardians who may not be told of a
child are not named beside it.
"""

import csv
import io
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from digione_platform.core.guardians import GUARDIANS, MAY_BE_TOLD, TODAY
from digione_platform.errors import InputError
from digione_platform.i18n import mark
from digione_platform.roster.cells import meant, neutral
from digione_platform.roster.exporter import AT_ONCE, Exported, export
from digione_platform.roster.primus.fields import FIELDS, Field, Rows, values_of
from digione_platform.roster.primus.mapping import DELIMITERS, Entry, TenantMapping

_HELD = f"r.status = 'active' and (r.end_date is null or r.end_date > {TODAY})"
_SCHOOL = "coalesce(case when o.kind = 'school' then o.school_code end, o.oid, o.sourced_id)"
_GUARDIANS = ", ".join(f"'{role}'" for role in GUARDIANS)


def export_mapped(
    engine: Engine, path: Path, mapping: TenantMapping, *, actor: str, protected: bool
) -> Exported:
    """Write the mapping's file, or several as a zip archive, to a file that is not there yet.

    Raises:
        InputError: the file cannot be written, the mapping reads one file in several ways, or a value has a
            letter that its charset lacks.
    """
    files = [entry.file for entry in mapping.entries]
    if twice := next((file for file in files if files.count(file) > 1), None):
        raise InputError(
            "P-ROSTER-093",
            mark("Nothing was exported"),
            mark("the mapping reads {file} in several ways; there is no telling how it is written"),
            mark("export by a mapping that has a file for each kind of rows"),
            file=twice,
        )

    def write(connection: Connection, stream: BinaryIO, done: Exported) -> Collection[UUID]:
        people: set[UUID] = set()
        if len(files) == 1:
            people |= _write(connection, stream, mapping, mapping.entries[0], done, protected)
            return people
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in mapping.entries:
                item = zipfile.ZipInfo(entry.file, (1980, 1, 1, 0, 0, 0))
                item.compress_type = zipfile.ZIP_DEFLATED
                item.external_attr = 0o100644 << 16
                with archive.open(item, "w", force_zip64=True) as part:
                    people |= _write(connection, cast(BinaryIO, part), mapping, entry, done, protected)
        return people

    return export(engine, path, write, actor=actor, protected=protected)


def _write(
    connection: Connection,
    stream: BinaryIO,
    mapping: TenantMapping,
    entry: Entry,
    done: Exported,
    protected: bool,
) -> set[UUID]:
    """Write one file; gives the people who are in it."""
    people: set[UUID] = set()
    settings = mapping.settings
    columns = list(dict.fromkeys(column for listed in entry.columns.values() for column in listed))
    if not settings.header:
        columns = [str(number) for number in range(1, max(map(int, columns)) + 1)]
    output = io.TextIOWrapper(stream, settings.charset, newline="")
    writer = csv.writer(output, delimiter=DELIMITERS[settings.delimiter], lineterminator="\r\n")
    if settings.header:
        writer.writerow(columns)
    written = left_out = 0
    for row in _rows(connection, entry, protected):
        cells = None if row["hidden"] else _cells(mapping, entry, row)
        if cells is None:
            left_out += 1
            continue
        values = [neutral(cells.get(column, "")) for column in columns]
        try:
            "".join(values).encode(settings.charset)
        except UnicodeEncodeError as error:
            raise _no_such_letter(error, entry, settings.charset) from error
        writer.writerow(values)
        written += 1
        people |= {row["person"]} - {None}
    output.flush()
    output.detach()
    done.written[entry.file], done.left_out[entry.file] = written, left_out
    return people


def _no_such_letter(error: UnicodeEncodeError, entry: Entry, charset: str) -> InputError:
    letter = error.object[error.start]
    return InputError(
        "P-ROSTER-094",
        mark("Nothing was exported"),
        mark("a value of {file} holds “{letter}” ({code}), which {charset} has no place for"),
        mark("export by a mapping whose charset is utf-8"),
        file=entry.file,
        letter=letter,
        code=f"U+{ord(letter):04X}",
        charset=charset,
    )


def _cells(mapping: TenantMapping, entry: Entry, row: Mapping[str, Any]) -> dict[str, str] | None:
    """The cells of a row by column, or None if the mapping has no way to say it."""
    fields = FIELDS[entry.rows]
    if any(row[name] != value for name, value in entry.fixed.items()):
        return None
    cells: dict[str, str] = {}
    for name, columns in entry.columns.items():
        said = _said(mapping, entry, name, fields[name], len(columns), row[name])
        if said is None:
            return None
        for column, cell in zip(columns, said, strict=True):
            # Two fields may stand in one column if they say the same.
            if cells.setdefault(column, cell) != cell:
                return None
    return cells


def _said(
    mapping: TenantMapping, entry: Entry, name: str, field: Field, width: int, value: Any
) -> list[str] | None:
    """The cells of one field; None if they would not be read as the value that it has."""
    if name == "id":
        prefix = mapping.prefix(entry.rows)
        if not value.startswith(prefix):
            return None
        parts = value.removeprefix(prefix).split("-", width - 1)
        said = [entry.cell(name, part) for part in parts]
        again = "-".join(entry.value(name, _kept(cell)) for cell in said)
        return said if len(said) == width and prefix + again == value else None
    if field.several:
        prefix = mapping.prefix(field.names)
        listed = list(value or [])
        if any("," in one or not one.startswith(prefix) for one in listed):
            return None
        parts = [entry.cell(name, one.removeprefix(prefix)) for one in listed]
        # What has no column of its own stands in the last one, too.
        said = [*parts[: width - 1], ",".join(parts[width - 1 :])]
        return [*said, *[""] * (width - len(said))][:width]
    value = value or ""
    cell = entry.cell(name, field.write(value) if field.write and value else value)
    again = entry.value(name, _kept(cell))
    return [cell] if (field.read(again) if field.read else again) == value else None


def _kept(cell: str) -> str:
    """What an import has of a cell that is written."""
    return meant(neutral(cell).strip())


def _rows(connection: Connection, entry: Entry, protected: bool) -> Iterator[Mapping[str, Any]]:
    values = ", ".join(f'{field.kept} as "{name}"' for name, field in values_of(entry.rows).items())
    rows = connection.execution_options(yield_per=AT_ONCE).execute(
        text(_SELECT[entry.rows].replace("{values}", values)), {"protected": protected}
    )
    for row in rows.mappings():
        yield dict(row)


# A group is said by its title where that leads to it, else by its identifier.
def _groups(kind: str, roles: str) -> str:
    return f"""
        array(
            select case when h.school_id = r.organisation_id and position(',' in h.title) = 0 and not exists (
                select from groups k where k.status = 'active' and k.group_type = h.group_type
                and k.id <> h.id and (
                    k.sourced_id = h.title or k.title = h.title and k.school_id = h.school_id
                )
            ) then h.title else h.sourced_id end
            from enrolments e join groups h on h.id = e.group_id
            where e.person_id = t.id and e.role in ({roles}) and h.status = 'active'
            and e.status = 'active' and (e.end_date is null or e.end_date > {TODAY})
            and h.group_type = '{kind}' and (h.school_id = r.organisation_id or r.is_first and not exists (
                select from held x where x.person_id = t.id and x.organisation_id = h.school_id
            )) order by 1
        )
    """  # noqa: S608


_HIDDEN = "(t.nondisclosure and not :protected) as hidden"


def _people(roles: str, enrolled: str) -> str:
    """People by role and school. What is in no school of theirs stands on their first row."""
    return f"""
        with held as (
            select distinct r.person_id, r.organisation_id, r.role,
                row_number() over (partition by r.person_id order by r.organisation_id, r.role) = 1
                    as is_first
            from (
                select distinct person_id, organisation_id, role from roles r where {_HELD} and {roles}
            ) r
        )
        select t.id as person, t.sourced_id as id, {_HIDDEN}, {{values}}, r.role, {_SCHOOL} as school,
            {_groups("homeroom", enrolled)} as homeroom, {_groups("scheduled", enrolled)} as groups,
            array(
                select a.sourced_id from guardianships g join persons a on a.id = g.guardian_id
                where g.child_id = t.id and g.status = 'active' and a.status = 'active'
                and (:protected or {MAY_BE_TOLD} and not a.nondisclosure) order by a.sourced_id
            ) as guardians
        from held r join persons t on t.id = r.person_id join organisations o on o.id = r.organisation_id
        where t.status = 'active' and o.status = 'active'
        order by t.sourced_id collate "C", {_SCHOOL}, r.role
    """  # noqa: S608


_SELECT: dict[Rows, str] = {
    "pupils": _people("r.role = 'student'", "'student'"),
    "staff": _people(f"r.role not in ('student', {_GUARDIANS})", "'teacher', 'aide'"),
    "guardians": f"""
        select t.id as person, t.sourced_id as id, {_HIDDEN}, {{values}},
            array(
                select c.sourced_id from guardianships g join persons c on c.id = g.child_id
                where g.guardian_id = t.id and g.status = 'active' and c.status = 'active'
                and (:protected or {MAY_BE_TOLD} and not c.nondisclosure) order by c.sourced_id
            ) as children
        from persons t where t.status = 'active' and exists (
            select from roles r where r.person_id = t.id and r.role in ({_GUARDIANS}) and {_HELD}
        ) order by t.sourced_id collate "C"
    """,  # noqa: S608
    "groups": f"""
        select null::uuid as person, t.sourced_id as id, false as hidden, {{values}}, {_SCHOOL} as school
        from groups t join organisations o on o.id = t.school_id
        where t.status = 'active' and o.status = 'active' order by t.sourced_id collate "C"
    """,  # noqa: S608
}
