"""Pages of what is new for the viewer: all of it, the way on from one item, and the mark that it was seen."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from digione_platform.core.news import all_news, follow, mark_seen
from digione_platform.web.dependencies import NotFoundError, PageNumber, Question
from digione_platform.web.render import local_path, page
from digione_platform.web.titles import NEWS

router = APIRouter()


@router.get("/news")
def news(request: Request, asked: Question, number: PageNumber = 1) -> Response:
    """All that the viewer was told, the newest first."""
    found = all_news(asked.session, asked.viewer.person.id, family=asked.family, page=number)
    asked.shown(found.rows)
    return page(request, "news.html", found=found, words=NEWS)


@router.get("/news/{item_id:uuid}")
def read_on(asked: Question, item_id: UUID) -> Response:
    """Go to what an item is about; it is seen then."""
    link = follow(asked.session, asked.viewer.person.id, item_id)
    if link is None:
        raise NotFoundError
    return RedirectResponse(local_path(link), 303)


@router.post("/news/seen")
def seen(
    asked: Question, until: Annotated[datetime, Form()], back: Annotated[str, Form(max_length=500)] = "/"
) -> Response:
    """Mark all that was on the page as seen; what came since stays new."""
    mark_seen(asked.session, asked.viewer.person.id, until)
    return RedirectResponse(local_path(back), 303)
