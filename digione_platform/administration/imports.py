"""Pages of roster imports: a file is sent, checked without a change, looked at, imported, and taken back.

A file that is delimited text brings the mapping with it by which it is read.
Checking and importing go on after the answer; the page of a bundle tells how far they are. A state that says
"under way" while this process knows of no such work was interrupted.
"""

import hashlib
import logging
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from digione_platform.accounts import directory_is_behind, sync_directory
from digione_platform.core.access import Action, Relation
from digione_platform.core.administrators import driver_of
from digione_platform.core.audit import Act
from digione_platform.core.models import Person, RosterImport, RosterUpload, UploadState
from digione_platform.core.news import What, tell_administrators
from digione_platform.core.paging import PAGE_SIZE, Page, within
from digione_platform.core.schools import latest_imports
from digione_platform.errors import InputError, LockedError, PlatformError
from digione_platform.i18n import Texts, mark
from digione_platform.retention.periods import which_are_due
from digione_platform.roster.differences import changed_rows
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.roster.primus.mapping import MAX_BYTES
from digione_platform.roster.problems import Problem
from digione_platform.roster.report import TABLES
from digione_platform.roster.undo import lifted_nondisclosures
from digione_platform.security import LARGEST_FILE, MEGABYTE
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page, speak
from digione_platform.web.titles import COLUMNS, VALUES
from digione_platform.web.values import told

router = APIRouter(prefix="/administration/imports")
_log = logging.getLogger(__name__)

MASS_REMOVAL = "P-ROSTER-059"
_LATER = mark("Try again later. If it stays so, give this id to those who run the service.")
_SUFFIXES = (".zip", ".json", ".csv", ".txt")
UNDER_WAY = (UploadState.CHECKING, UploadState.APPLYING)
# What this process works on now; there is one process for a municipality.
_running: set[UUID] = set()


def _require(asked: Asked) -> None:
    if not asked.may(Relation.OWN_MUNICIPALITY, Action.IMPORTS):
        raise NotFoundError
    if not asked.may(Relation.OWN_MUNICIPALITY, Action.ADMINISTER):
        raise NotFoundError


@router.get("")
def imports(request: Request, asked: Question, undone: bool = False) -> Response:
    """What was imported, and the form to send a bundle."""
    _require(asked)
    return _list(request, asked, undone=undone)


def _record(asked: Asked, act: Act, upload_id: UUID, **detail: Any) -> None:
    asked.record(act, [None], Relation.OWN_MUNICIPALITY, upload=str(upload_id), **detail)


def _list(
    request: Request,
    asked: Asked,
    *,
    mistake: str = "",
    error: str = "",
    undone: bool = False,
    status: int = 200,
) -> Response:
    found = latest_imports(asked.session, PAGE_SIZE)
    sent = asked.session.execute(
        select(RosterUpload, Person)
        .outerjoin(Person, Person.id == RosterUpload.actor)
        .where(RosterUpload.state != UploadState.APPLIED)
        .order_by(RosterUpload.at.desc())
        .limit(PAGE_SIZE)
    ).all()
    last = next((one.id for one, _ in found if one.undone_at is None), None)
    return page(
        request,
        "administration/imports.html",
        status=status,
        found=found,
        sent=sent,
        usable=_usable(asked, [one.id for one, _ in sent]),
        last=last,
        upload=uuid4(),
        megabytes=LARGEST_FILE // MEGABYTE,
        mistake=mistake,
        error=error,
        undone=undone,
    )


@router.post("")
def send(
    request: Request,
    asked: Question,
    upload: Annotated[UUID, Form()],
    bundle: UploadFile,
    tasks: BackgroundTasks,
    mapping: UploadFile | None = None,
) -> Response:
    """Take a file, with its mapping if it needs one, and begin to check it; sent twice, it is one."""
    _require(asked)
    if not bundle.size or bundle.size > LARGEST_FILE:
        return _list(request, asked, mistake=mark("Choose a file of at most {size} MB."), status=422)
    content = bundle.file.read()
    row = insert(RosterUpload).values(
        id=upload,
        actor=asked.viewer.person.id,
        file_name=_file_name(bundle.filename),
        content=content,
        # One byte more than is read, so that it is told that there are more. A form's empty field is no file.
        mapping=(mapping and mapping.file.read(MAX_BYTES + 1)) or None,
        state=UploadState.CHECKING,
    )
    added = row.on_conflict_do_nothing().returning(RosterUpload.id)
    if asked.session.scalar(added) is not None:
        _record(asked, Act.SEND_BUNDLE, upload, sha256=hashlib.sha256(content).hexdigest())
        _begin(request, tasks, upload, apply=False)
    return RedirectResponse(f"/administration/imports/{upload}", 303)


@router.get("/{upload_id:uuid}")
def upload(
    request: Request,
    asked: Question,
    upload_id: UUID,
    number: PageNumber = 1,
    of: str = "",
) -> Response:
    """How far a bundle is, what it would change or has changed, and what is wrong with its rows.

    ``of`` names the table whose changed rows are paged; without it, the problems are.
    """
    _require(asked)
    running = upload_id in _running
    row = asked.session.get(RosterUpload, upload_id)
    if row is None:
        raise NotFoundError
    # Asked before and after the state was read: the work may end, or begin, in between.
    under_way = row.state in UNDER_WAY and (running or upload_id in _running)
    checked = row.state is UploadState.CHECKED
    usable = checked and upload_id in _usable(asked, [upload_id])
    report = row.report or {}
    texts = speak(request)
    stopped = ": ".join(_told(report["stopped"], texts)) if "stopped" in report else row.error
    # The rows are shown when the work is done: the page that asks again by itself is no look at them.
    kept = [] if under_way else sorted(report.get("problems", []), key=lambda one: one["level"])
    changed = _changed(asked, {} if under_way else report.get("rows", {}), of, number)
    if report and not under_way:
        _record(asked, Act.VIEW_BUNDLE, upload_id, kind=report.get("kind"))
    at = 1 if of else within(number, len(kept))
    shown = [Problem.of_kept(one) for one in kept[(at - 1) * PAGE_SIZE : at * PAGE_SIZE]]
    by_id = report.get("problems_by_id", {})
    return page(
        request,
        "administration/upload.html",
        # No script is needed: the browser asks again by itself.
        headers={"refresh": "3"} if under_way else None,
        row=row,
        under_way=under_way,
        interrupted=row.state in UNDER_WAY and not under_way,
        stopped=stopped,
        usable=usable,
        gone=checked and not usable,
        report={} if "stopped" in report else report,
        found=Page(shown, len(kept), at),
        tables=TABLES,
        mass_removal=0 < report.get("errors", 0) == by_id.get(MASS_REMOVAL, 0),
        **changed,
    )


def _changed(asked: Asked, rows: dict[str, list[dict[str, Any]]], of: str, number: int) -> dict[str, Any]:
    """What the list of rows that an import changes shows: a page of those of one table.

    Whoever they are of, is in the audit as listed.
    """
    rows = {table: rows[table] for table in TABLES if table in rows}
    chosen = of if of in rows else next(iter(rows), "")
    # Of rows that an earlier release wrote down it is not known whose they are.
    listed = [one for one in rows.get(chosen, []) if "people" in one]
    at = within(number, len(listed)) if of else 1
    on_page = listed[(at - 1) * PAGE_SIZE : at * PAGE_SIZE]
    people = {UUID(person) for one in on_page for person in one["people"]}
    asked.record(Act.LIST_PEOPLE, sorted(people), Relation.OWN_MUNICIPALITY)
    # Who is under non-disclosure since the rows were written down is hidden as well.
    query = select(Person.id).where(Person.id.in_(people), Person.nondisclosure)
    protected = {str(one) for one in asked.session.scalars(query)}
    hidden = {"hidden": True, "differences": [], "of": None}
    shown = [one if protected.isdisjoint(one["people"]) else one | hidden for one in on_page]
    return {
        "rows": rows,
        "of": chosen,
        "changed": Page(shown, len(listed), at),
        "columns": COLUMNS,
        "values": VALUES,
        "told": told,
    }


@router.post("/{upload_id:uuid}/apply")
def apply(
    request: Request,
    asked: Question,
    upload_id: UUID,
    tasks: BackgroundTasks,
    mass_removal: Annotated[bool, Form()] = False,
) -> Response:
    """Import a bundle that was checked and is still kept; asked for twice, it is imported once."""
    _require(asked)
    begun = (
        update(RosterUpload)
        .where(
            RosterUpload.id == upload_id,
            RosterUpload.state == UploadState.CHECKED,
            RosterUpload.content.is_not(None),
        )
        .values(state=UploadState.APPLYING)
        .returning(RosterUpload.id)
    )
    if upload_id in _usable(asked, [upload_id]) and asked.session.scalar(begun) is not None:
        _begin(request, tasks, upload_id, apply=True, mass_removal=mass_removal)
    elif asked.session.get(RosterUpload, upload_id) is None:
        raise NotFoundError
    return RedirectResponse(f"/administration/imports/{upload_id}", 303)


@router.get("/undo/{import_id:uuid}")
def ask_undo(
    request: Request, asked: Question, import_id: UUID, number: PageNumber = 1, of: str = ""
) -> Response:
    """What the last import had changed, and the question whether to take it back."""
    _require(asked)
    newest = _in_force(asked)
    if newest is None or newest[0].id != import_id:
        raise NotFoundError
    return _question(request, asked, newest, of=of, number=number)


@router.post("/undo")
def undo(
    request: Request,
    asked: Question,
    last: Annotated[UUID, Form()],
    tasks: BackgroundTasks,
    mass_removal: Annotated[bool, Form()] = False,
) -> Response:
    """Take the last import back, if it is still the one that was the last on the page; sent twice, once."""
    _require(asked)
    newest, meant = _in_force(asked), asked.session.get(RosterImport, last)
    if meant is None:
        raise NotFoundError
    state = request.app.state
    if newest and meant.undone_at is None:
        # The undo has a transaction of its own, which may delete what this one holds: the sign-in.
        asked.session.commit()
        try:
            done = undo_import(
                state.engine,
                actor=str(asked.viewer.person.id),
                import_id=last,
                allow_mass_removal=mass_removal,
            )
        except PlatformError as error:
            id_, what = _told(_kept(error), speak(request))
            return _list(request, asked, error=f"{id_}: {what}", status=409)
        if done["refused"]:
            return _question(request, asked, newest, done)
        tasks.add_task(_follow, state.engine, state.settings)
    return RedirectResponse("/administration/imports?undone=true", 303)


def _usable(asked: Asked, uploads: Collection[UUID]) -> set[UUID]:
    """Those of some bundles whose content is there and not due to be emptied."""
    there = select(RosterUpload.id).where(RosterUpload.content.is_not(None), RosterUpload.id.in_(uploads))
    due = which_are_due(asked.session, "roster_content", uploads, datetime.now(UTC))
    return set(asked.session.scalars(there)) - due


def _in_force(asked: Asked) -> tuple[RosterImport, str] | None:
    """The last import that was not taken back, and who made it."""
    return next((one for one in latest_imports(asked.session) if one[0].undone_at is None), None)


def _question(
    request: Request,
    asked: Asked,
    newest: tuple[RosterImport, str],
    refused: dict[str, Any] | None = None,
    *,
    of: str = "",
    number: int = 1,
) -> Response:
    """The question whether to take an import back; asked again if more than a third of the people leave."""
    row, who = newest
    connection = driver_of(asked.session)
    return page(
        request,
        "administration/undo.html",
        status=409 if refused else 200,
        row=row,
        who=who,
        tables=TABLES,
        refused=refused,
        lifted=lifted_nondisclosures(connection, row.id),
        **_changed(asked, changed_rows(connection, row.id), of, number),
    )


def _begin(
    request: Request, tasks: BackgroundTasks, upload_id: UUID, *, apply: bool, mass_removal: bool = False
) -> None:
    _running.add(upload_id)
    tasks.add_task(_work, request.app.state, upload_id, apply, mass_removal)


def _work(state: Any, upload_id: UUID, apply: bool, mass_removal: bool) -> None:
    """Check or import a bundle, and write down what came of it, failures too."""
    engine, settings = state.engine, state.settings
    done: dict[str, Any] = {"state": UploadState.FAILED, "content": None}
    try:
        with Session(engine) as session, TemporaryDirectory() as folder:
            # Locked to the end: no erasure empties what is being imported and would bring the person back.
            row = session.get_one(RosterUpload, upload_id, with_for_update={"read": True})
            path = Path(folder, row.file_name)
            path.write_bytes(row.content or b"")
            mapping = Path(folder, "mapping", "mapping.yml") if row.mapping else None
            if mapping and row.mapping:
                mapping.parent.mkdir()
                mapping.write_bytes(row.mapping)
            actor = str(row.actor)
            if apply and directory_is_behind(engine, settings):
                sync_directory(engine, settings)
            report = import_bundle(
                engine,
                path,
                tenant_oid=settings.tenant.oid,
                actor=actor,
                apply=apply,
                allow_mass_removal=mass_removal,
                mapping=mapping,
                language=settings.tenant.languages[0],
                list_rows=True,
            )
        done = {"state": UploadState.CHECKED, "report": report.kept()}
        if report.applied:
            done |= {"state": UploadState.APPLIED, "import_id": report.import_id, "content": None}
    except PlatformError as error:
        done |= {"error": error.id, "report": {"stopped": _kept(error)}}
    except Exception as error:
        _log.error("a bundle was not worked through", exc_info=error)
        ours = PlatformError("P-ROSTER-095", mark("Nothing was imported"), mark("a fault of ours"), _LATER)
        done |= {"error": ours.id, "report": {"stopped": _kept(ours)}}
    try:
        with Session(engine) as session, session.begin():
            if apply and done["state"] is not UploadState.APPLIED:
                # That one has finished is told by the import itself.
                tell_administrators(session, What.IMPORT_FAILED, f"/administration/imports/{upload_id}")
            here = RosterUpload.id == upload_id
            kept = select(RosterUpload.content.is_not(None)).where(here).with_for_update()
            if not session.scalar(kept):
                # Somebody was erased meanwhile.
                done["report"] = {
                    key: value for key, value in done["report"].items() if key not in ("problems", "rows")
                }
            session.execute(update(RosterUpload).where(here).values(**done))
    finally:
        _running.discard(upload_id)
    if done["state"] is UploadState.APPLIED:
        _follow(engine, settings, done["import_id"])


def _follow(engine: Any, settings: Any, after: UUID | None = None) -> None:
    try:
        sync_directory(engine, settings, after=after)
    except PlatformError as error:
        # Noted with the import as not followed: the next one, or a sync, makes it good.
        _log.error("the directory did not follow an import: %s", error.id)


def _kept(error: PlatformError) -> dict[str, Any]:
    """An error as JSON, to be told in any language later.

    What to do about surroundings that fail is the operator's to do, and not by commands that are told here.
    """
    fix = error.fix if isinstance(error, InputError | LockedError) else _LATER
    values = {
        name: {"moment": value.isoformat()} if isinstance(value, datetime) else str(value)
        for name, value in error.values.items()
    }
    return {"id": error.id, "what": error.what, "why": error.why, "fix": fix, "values": values}


def _told(kept: dict[str, Any], texts: Texts) -> tuple[str, str]:
    """The id of an error that was kept, and the error in a language."""
    values = {
        name: datetime.fromisoformat(value["moment"]) if isinstance(value, dict) else value
        for name, value in kept["values"].items()
    }
    what, why, fix = PlatformError(kept["id"], kept["what"], kept["why"], kept["fix"], **values).told(texts)
    return kept["id"], f"{what}: {why}. {fix[:1].upper()}{fix[1:]}"


def _file_name(sent: str | None) -> str:
    name = (sent or "").replace("\\", "/").rsplit("/", 1)[-1][-100:]
    if name.isprintable() and name.strip(". ") and name.isascii():
        return name
    # How it ends may say how it is read.
    suffix = Path(name).suffix.lower()
    return f"bundle{suffix if suffix in _SUFFIXES else '.zip'}"
