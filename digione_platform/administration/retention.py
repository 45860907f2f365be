"""The page of how long data are kept."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from digione_platform.administration.editing import Form
from digione_platform.administration.forms import Field, merged, version_of
from digione_platform.administration.records import require
from digione_platform.core.audit import By
from digione_platform.i18n import mark
from digione_platform.retention.periods import Due, due, periods, set_periods
from digione_platform.web.dependencies import Question
from digione_platform.web.render import page

router = APIRouter(prefix="/administration/retention")


@router.get("")
def retention(request: Request, asked: Question, saved: bool = False) -> Response:
    """How long what is kept, and what would be deleted tonight."""
    require(asked)
    found = due(asked.session, datetime.now(UTC))
    return _page(request, found, _texts(found), version_of(_texts(found)), saved=saved)


@router.post("")
def send_retention(request: Request, asked: Question, form: Form) -> Response:
    """Keep the municipality's own periods."""
    require(asked)
    texts = {key: str(form.get(key, "")).strip() for key in periods(asked.session)}
    found = due(asked.session, datetime.now(UTC))
    now, version = _texts(found), str(form.get("version", ""))
    if texts != now and version != version_of(now):
        return _page(request, found, merged(texts, version, now), version_of(now), sent=texts, status=409)
    mistakes = {
        one.rule.key: mark("Write a number of days from {least} to {longest}.")
        for one in found
        if not _is_between(texts[one.rule.key], one.rule.least, one.rule.longest)
    }
    if mistakes:
        return _page(request, found, texts, version, mistakes=mistakes, status=422)
    by = By(asked.viewer.person.id, asked.desktop, asked.request)
    set_periods(asked.session, by, {key: int(text) for key, text in texts.items()})
    return RedirectResponse("/administration/retention?saved=true", 303)


def _texts(found: list[Due]) -> dict[str, str]:
    return {one.rule.key: str(one.days) for one in found}


def _page(
    request: Request,
    found: list[Due],
    texts: dict[str, str],
    version: str,
    *,
    mistakes: dict[str, str] | None = None,
    sent: dict[str, str] | None = None,
    saved: bool = False,
    status: int = 200,
) -> Response:
    """The form; with ``sent``, what was sent to a form that another had overtaken."""
    return page(
        request,
        "administration/retention.html",
        status=status,
        found=found,
        texts_=texts,
        version=version,
        mistakes=mistakes or {},
        sent=sent,
        now=None if sent is None else _texts(found),
        fields=[Field(one.rule.key, one.rule.title) for one in found],
        saved=saved,
    )


def _is_between(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most
