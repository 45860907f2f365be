"""The page of how the mail to people stands: numbers, and of nobody by name."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from digione_platform.administration.records import require
from digione_platform.notify.letters import standing
from digione_platform.web.dependencies import Question
from digione_platform.web.render import page

router = APIRouter(prefix="/administration")


@router.get("/mail")
def mail(request: Request, asked: Question) -> Response:
    """What waits, what was sent and refused, and why."""
    require(asked)
    found = standing(asked.session, datetime.now(UTC))
    moments = {key: datetime.fromisoformat(found[key]) for key in ("oldest", "last_sent") if found[key]}
    return page(
        request,
        "administration/mail.html",
        found=found,
        moments=moments,
        relay=request.app.state.settings.relay,
    )
