"""Writes the files of a OneRoster 1.2 bundle row by row; the same rows give the same bytes."""

import csv
import io
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping

from digione_platform.roster import profile
from digione_platform.roster.cells import neutral

# What is filled in, by column; all else is empty.
Row = Mapping[str, str]
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_manifest(archive: zipfile.ZipFile, files: Collection[str], name: str, code: str) -> None:
    """Write the manifest of a bulk bundle with some files, by the system of that name and code."""
    said = {
        **profile.MANIFEST_VERSIONS,
        **{f"file.{file}": "bulk" if file in files else "absent" for file in profile.COLUMNS},
        "source.systemName": name,
        "source.systemCode": code,
    }
    rows = ({"propertyName": key, "value": value} for key, value in said.items())
    _write(archive, profile.MANIFEST, profile.MANIFEST_COLUMNS, rows)


def write_file(archive: zipfile.ZipFile, name: str, rows: Iterable[Row]) -> int:
    """Write one of the files that the platform uses; gives the number of its rows."""
    return _write(archive, name, (*profile.COLUMNS[name], *profile.FILES[name].extensions), _neutral(rows))


def _neutral(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        yield {column: neutral(value) for column, value in row.items()}


def _write(archive: zipfile.ZipFile, name: str, columns: Collection[str], rows: Iterable[Row]) -> int:
    entry = zipfile.ZipInfo(f"{name}.csv", _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    count = 0
    with (
        archive.open(entry, "w", force_zip64=True) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="") as text,
    ):
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
