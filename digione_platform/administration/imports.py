"""Pages of roster imports: a bundle is sent, checked without a change, looked at, imported, and taken back.

Checking and importing go on after the answer; the page of a bundle tells how far they are. A state that says
"under way" while this process knows of no such work was interrupted.
"""

import hashlib
import logging
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from psycopg import Connection
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from digione_platform.accounts import directory_is_behind, sync_directory
from digione_platform.core.access import Action, Relation
from digione_platform.core.audit import Act
from digione_platform.core.models import RosterImport, RosterUpload, UploadState
from digione_platform.core.news import What, tell_administrators
from digione_platform.core.paging import PAGE_SIZE, Page, within
from digione_platform.core.schools import latest_imports
from digione_platform.errors import PlatformError
from digione_platform.i18n import Texts, mark
from digione_platform.retention.periods import is_due
from digione_platform.roster.importer import import_bundle, undo_import
from digione_platform.roster.report import TABLES
from digione_platform.roster.undo import lifted_nondisclosures
from digione_platform.web.blocks import Asked
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import page, speak

router = APIRouter(prefix="/administration/imports")
_log = logging.getLogger(__name__)

# The gateway takes 25 MB (gateway_upload_megabytes) in all; larger bundles go in by the operator's command.
LARGEST = 24 * 1024 * 1024
MASS_REMOVAL = "P-ROSTER-059"
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
    sent = asked.session.scalars(
        select(RosterUpload)
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
        last=last,
        upload=uuid4(),
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
) -> Response:
    """Take a bundle and begin to check it. The same form sent twice is one bundle."""
    _require(asked)
    if not bundle.size or bundle.size > LARGEST:
        mistake = mark("Choose a file of at most 24 MB.")
        return _list(request, asked, mistake=mistake, status=422)
    content = bundle.file.read()
    row = insert(RosterUpload).values(
        id=upload,
        actor=asked.viewer.person.id,
        file_name=_file_name(bundle.filename),
        content=content,
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
) -> Response:
    """How far a bundle is, what it would change or has changed, and what is wrong with its rows."""
    _require(asked)
    row = asked.session.get(RosterUpload, upload_id)
    if row is None:
        raise NotFoundError
    under_way = row.state in UNDER_WAY and row.id in _running
    checked = row.state is UploadState.CHECKED
    usable = checked and _is_usable(asked, upload_id)
    report = row.report or {}
    # The rows are shown when the work is done: the page that asks again by itself is no look at them.
    problems = [] if under_way else sorted(report.get("problems", []), key=lambda one: one["level"])
    if report and not under_way:
        _record(asked, Act.VIEW_BUNDLE, upload_id, kind=report.get("kind"))
    number = within(number, len(problems))
    shown = problems[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return page(
        request,
        "administration/upload.html",
        # No script is needed: the browser asks again by itself.
        headers={"refresh": "3"} if under_way else None,
        row=row,
        under_way=under_way,
        interrupted=row.state in UNDER_WAY and not under_way,
        usable=usable,
        gone=checked and not usable,
        report=report,
        found=Page(shown, len(problems), number),
        tables=TABLES,
        mass_removal=set(report.get("problems_by_id", {})) >= {MASS_REMOVAL} and report.get("errors") == 1,
    )


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
    if _is_usable(asked, upload_id) and asked.session.scalar(begun) is not None:
        _begin(request, tasks, upload_id, apply=True, mass_removal=mass_removal)
    elif asked.session.get(RosterUpload, upload_id) is None:
        raise NotFoundError
    return RedirectResponse(f"/administration/imports/{upload_id}", 303)


@router.get("/undo/{import_id:uuid}")
def ask_undo(request: Request, asked: Question, import_id: UUID) -> Response:
    """What the last import had changed, and the question whether to take it back."""
    _require(asked)
    newest = _in_force(asked)
    if newest is None or newest[0].id != import_id:
        raise NotFoundError
    return _question(request, asked, newest)


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
            return _list(request, asked, error=_told(error, speak(request)), status=409)
        if done["refused"]:
            return _question(request, asked, newest, done)
        tasks.add_task(_follow, state.engine, state.settings)
    return RedirectResponse("/administration/imports?undone=true", 303)


def _is_usable(asked: Asked, upload_id: UUID) -> bool:
    """Whether a bundle's content is there and not due to be emptied."""
    there = select(RosterUpload.content.is_not(None)).where(RosterUpload.id == upload_id)
    if not asked.session.scalar(there):
        return False
    return not is_due(asked.session, "roster_content", upload_id, datetime.now(UTC))


def _in_force(asked: Asked) -> tuple[RosterImport, str] | None:
    """The last import that was not taken back, and who made it."""
    return next((one for one in latest_imports(asked.session) if one[0].undone_at is None), None)


def _question(
    request: Request,
    asked: Asked,
    newest: tuple[RosterImport, str],
    refused: dict[str, Any] | None = None,
) -> Response:
    """The question whether to take an import back; asked again if more than a third of the people leave."""
    row, who = newest
    connection = cast(Connection, asked.session.connection().connection.driver_connection)
    return page(
        request,
        "administration/undo.html",
        status=409 if refused else 200,
        row=row,
        who=who,
        tables=TABLES,
        refused=refused,
        lifted=lifted_nondisclosures(connection, row.id),
    )


def _begin(
    request: Request, tasks: BackgroundTasks, upload_id: UUID, *, apply: bool, mass_removal: bool = False
) -> None:
    _running.add(upload_id)
    tasks.add_task(_work, request.app.state, upload_id, speak(request), apply, mass_removal)


def _work(state: Any, upload_id: UUID, texts: Texts, apply: bool, mass_removal: bool) -> None:
    """Check or import a bundle, and write down what came of it, failures too."""
    engine, settings = state.engine, state.settings
    done: dict[str, Any] = {"state": UploadState.FAILED, "content": None}
    try:
        with Session(engine) as session, TemporaryDirectory() as folder:
            # Locked to the end: no erasure empties what is being imported and would bring the person back.
            row = session.get_one(RosterUpload, upload_id, with_for_update={"read": True})
            path = Path(folder) / row.file_name
            path.write_bytes(row.content or b"")
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
                language=settings.tenant.languages[0],
            )
        done = {"state": UploadState.CHECKED, "report": report.as_json(texts)}
        if report.applied:
            done |= {"state": UploadState.APPLIED, "import_id": report.import_id, "content": None}
    except PlatformError as error:
        done["error"] = _told(error, texts)
    except Exception as error:
        _log.error("a bundle was not worked through", exc_info=error)
        done["error"] = texts.gettext(mark("It failed by a fault of ours. Nothing was imported."))
    try:
        with Session(engine) as session, session.begin():
            if apply and done["state"] is not UploadState.APPLIED:
                # That one has finished is told by the import itself.
                tell_administrators(session, What.IMPORT_FAILED, f"/administration/imports/{upload_id}")
            here = RosterUpload.id == upload_id
            kept = select(RosterUpload.content.is_not(None)).where(here).with_for_update()
            if not session.scalar(kept):
                # Somebody was erased meanwhile.
                done.get("report", {}).pop("problems", None)
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


def _told(error: PlatformError, texts: Texts) -> str:
    what, why, fix = error.told(texts)
    return f"{error.id}: {what}: {why}. {fix}"


def _file_name(sent: str | None) -> str:
    name = (sent or "").replace("\\", "/").rsplit("/", 1)[-1][-100:]
    return name if name.isprintable() and name.strip(". ") and name.isascii() else "bundle.zip"
