"""A municipality into which bundles are imported, and what the reports of that tell."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from digione_platform.roster.changes import ORDER
from digione_platform.roster.importer import Report, import_bundle, undo_import
from tests.platform.bundles import PROVIDER, Files, write

Dump = dict[str, list[Any]]


class Roster:
    """A database and a folder to import from."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder

    def bulk(self, files: Files, **options: Any) -> Report:
        extensions = options.pop("extensions", ())
        return self.take(write(self.folder / "bulk.zip", files, extensions=extensions), **options)

    def delta(self, files: Files, **options: Any) -> Report:
        return self.take(write(self.folder / "delta.zip", files, kind="delta"), **options)

    def take(self, path: Path, *, apply: bool = True, allow_mass_removal: bool = False) -> Report:
        return import_bundle(
            self.engine,
            path,
            tenant_oid=PROVIDER,
            actor="tester",
            apply=apply,
            allow_mass_removal=allow_mass_removal,
        )

    def undo(self, **options: bool) -> dict[str, Any]:
        return undo_import(self.engine, actor="tester", **options)

    def dump(self) -> Dump:
        """Every row of the tables that an import may touch."""
        with self.engine.connect() as connection:
            return {
                table: sorted(
                    json.dumps(row, sort_keys=True)
                    for (row,) in connection.execute(text(f"select to_jsonb(t) from {table} t"))  # noqa: S608
                )
                for table in ORDER
            }

    def one(self, query: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def set(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


def counts(report: Report) -> dict[str, tuple[int, int, int]]:
    return {
        table: (count.added, count.changed, count.removed)
        for table, count in report.counts.items()
        if count.touched
    }


def ids(report: Report) -> list[tuple[str, str, int | None, str | None]]:
    return [(problem.id, problem.file, problem.line, problem.column) for problem in report.problems.kept]
