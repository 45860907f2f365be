"""Restoring one tenant alone, from the exports of a recovery point, while the others go on working."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digione_backup import database, directory, erased, files, points, programs, vault
from digione_backup.errors import Refused
from digione_backup.points import Point
from digione_backup.settings import (
    MAINTENANCE,
    PLATFORM,
    RESTORED,
    RESTORING,
    Settings,
    read_whole,
    restoring,
    write_whole,
)


def close(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Write down what is restored, and stop what the tenant's people use; the gateway shows its page.

    Raises:
        Refused: another restore has not ended (D1-RESTORE-015).
    """
    _require_alone(settings, request)
    write_whole(RESTORING, json.dumps(dict(request), indent=1) + "\n")
    if MAINTENANCE.is_dir():
        (MAINTENANCE / str(request["tenant"])).touch()
    if request["units"]:
        programs.run(["systemctl", "disable", "--now", "--quiet", *request["units"]])
    return {}


def _require_alone(settings: Settings, request: Mapping[str, Any]) -> None:
    """Refuse to touch what another restore has laid out."""
    whose = restoring()
    if whose not in (None, request["tenant"]):
        raise Refused("D1-RESTORE-015", host=settings.host, tenant=str(whose))


def lay_out(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out what a recovery point holds of a tenant, and of nobody else; nothing in use is touched.

    Raises:
        Refused: another restore has not ended (D1-RESTORE-015), or there is no such point (D1-RESTORE-001).
    """
    _require_alone(settings, request)
    point, tenant = _point(settings, request), str(request["tenant"])
    shutil.rmtree(RESTORED, ignore_errors=True)
    RESTORED.mkdir(mode=0o700)
    for what, snapshot in point.exports.get(tenant, {}).items():
        files.write(settings, snapshot, f"/{what}_{tenant}.dump", _dump(what, tenant))
    files.restore(settings, point.files["snapshot"], RESTORED, [f"{PLATFORM}/{tenant}", str(files.DUMPS)])
    erased.gather(settings)
    erased.put_back(settings, RESTORED)
    dumps = RESTORED / files.DUMPS.relative_to("/")
    directory.narrow(dumps, tenant)
    _narrow_contents(dumps / files.CONTENTS, tenant)
    return {}


def _narrow_contents(file: Path, tenant: str) -> None:
    """Leave only the rows of a tenant; where its databases are on another host, nothing."""
    counted = json.loads(read_whole(file))["rows"]
    file.unlink()
    if tenant in counted:
        write_whole(file, json.dumps({"rows": {tenant: counted[tenant]}}) + "\n", 0o600)


def clear(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take away what was laid out."""
    _require_alone(settings, request)
    shutil.rmtree(RESTORED, ignore_errors=True)
    return {}


def put_back(settings: Settings, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Put databases, files and accounts of the tenant in place, as they are laid out."""
    tenant = str(choice["tenant"])
    for what in files.EXPORTS if settings.database else ():
        _database(f"{what}_{tenant}", _dump(what, tenant))
    erased.gather(settings)
    erased.put_back(settings, RESTORED)
    _files(tenant)
    if directory.DUMP in settings.dumps:
        directory.put_back(RESTORED / files.DUMPS.relative_to("/"), tenant)
    return {}


def _dump(what: str, tenant: str) -> Path:
    return RESTORED / f"{what}_{tenant}.dump"


def _database(name: str, dump: Path) -> None:
    """Fill a database beside the one in use, then let the two change places."""
    new, before = f"{name}_restored", f"{name}_before"
    database.query(f"drop database if exists {_quoted(new)} with (force)")
    database.query(
        f"create database {_quoted(new)} owner {_quoted(name)} template template0 encoding 'UTF8' "
        "locale 'C.UTF-8' locale_provider icu icu_locale 'fi-FI'"
    )
    database.query(f"revoke all on database {_quoted(new)} from public")
    database.fill(new, dump)
    there = database.query(f"select 1 from pg_database where datname = '{before}'")
    stop = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    # After an interrupted restore the one in use is no original.
    aside = (
        f"drop database if exists {_quoted(name)} with (force)"
        if there
        else f"alter database {_quoted(name)} rename to {_quoted(before)}"
    )
    for statement in (stop, aside, f"alter database {_quoted(new)} rename to {_quoted(name)}"):
        database.query(statement)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _files(tenant: str) -> None:
    here, kept = PLATFORM / tenant, RESTORED / PLATFORM.relative_to("/") / tenant
    if not (here.is_dir() and kept.is_dir()):
        return
    for one in here.iterdir():
        shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
    programs.run(["cp", "--archive", f"{kept}/.", str(here)])
    programs.run(["chown", "--recursive", f"digione-{tenant}:digione-{tenant}", str(here)])


def prove(settings: Settings, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Make sure that databases and files are of the same recovery point, and that every row is there.

    Raises:
        Refused: they are not (D1-RESTORE-007, D1-RESTORE-008).
    """
    tenant = str(choice["tenant"])
    if not settings.database:
        return {}
    in_database = database.marker(tenant)
    in_files = marker_in_files(tenant)
    if in_database != choice["exported"] or in_files not in ("", choice["point"]):
        raise Refused("D1-RESTORE-007", tenant=tenant, database=in_database or "–", files=in_files or "–")
    return {"rows": require_rows(tenant, rows_counted(tenant)), "files": require_files(tenant)}


def marker_in_files(tenant: str) -> str:
    """The marker beside a tenant's files, among what is restored; empty where the platform is elsewhere."""
    try:
        file = RESTORED / PLATFORM.relative_to("/") / tenant / files.MARKER
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def require_files(tenant: str) -> int:
    """Make sure that a tenant's files are those that were restored; return how many there are.

    Raises:
        Refused: one is missing or another (D1-RESTORE-019).
    """
    kept, count = RESTORED / PLATFORM.relative_to("/") / tenant, 0
    if not (PLATFORM / tenant).is_dir():
        return 0  # the platform is on another host
    for file in kept.rglob("*"):
        if file.is_symlink() or not file.is_file():
            continue
        here = PLATFORM / tenant / file.relative_to(kept)
        if not here.is_file() or vault.sha256(here) != vault.sha256(file):
            raise Refused("D1-RESTORE-019", tenant=tenant)
        count += 1
    return count


def rows_counted(tenant: str) -> dict[str, list[int]]:
    """How many rows each table of a tenant had at the recovery point: before and after it."""
    contents = json.loads(read_whole(RESTORED / files.DUMPS.relative_to("/") / files.CONTENTS))
    counted: dict[str, list[int]] = contents["rows"][tenant]
    return counted


def require_rows(tenant: str, wanted: Mapping[str, list[int]]) -> int:
    """Make sure that a tenant's database has the rows that were counted at the recovery point.

    Returns how many there are.

    Raises:
        Refused: some are missing (D1-RESTORE-008).
    """
    has = database.rows(tenant)
    for table, (before, after) in wanted.items():
        least, most = sorted((before, after))
        if not least <= has.get(table, -1) <= most:
            count = str(has.get(table, 0))
            raise Refused("D1-RESTORE-008", tenant=tenant, table=table, has=count, wants=f"{least}–{most}")
    return sum(has[table] for table in wanted)


def open_again(settings: Settings, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Everything is proven: start what the tenant's people use, and drop what was there before."""
    tenant = str(choice["tenant"])
    if choice["units"]:
        programs.run(["systemctl", "enable", "--now", "--quiet", *choice["units"]])
    for what in files.EXPORTS if settings.database else ():
        database.query(f"drop database if exists {_quoted(f'{what}_{tenant}_before')} with (force)")
    shutil.rmtree(RESTORED, ignore_errors=True)
    (MAINTENANCE / tenant).unlink(missing_ok=True)
    RESTORING.unlink(missing_ok=True)
    return {}


def _point(settings: Settings, choice: Mapping[str, Any]) -> Point:
    for point in points.here(settings):
        if point.id == choice["point"]:
            return point
    raise Refused("D1-RESTORE-001", point=str(choice["point"]), place="vault", known="")
