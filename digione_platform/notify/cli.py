"""``digione-platform notify``: mail that tells people that there is something new."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from digione_platform.errors import PartlyDone
from digione_platform.i18n import Texts, mark, texts_of_command

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@app.command()
def send(as_json: AsJson = False) -> None:
    """Send what is due, as the timer does every five minutes."""
    from digione_platform.db import ready_database
    from digione_platform.notify.sending import send as send_letters
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine:
        done = {**send_letters(engine, settings), "relay": settings.relay is not None}
    _tell(done, as_json)
    if done["late"]:
        # Fails as long as something is late, so that the unit's state tells the doctor.
        raise PartlyDone(
            "P-NOTIFY-001",
            mark("Mail waits: the relay did not take it"),
            mark("{late} letters are late; the relay said: {reason}"),
            mark("see external.mail in instance.yml and the relay itself; it is tried again by itself"),
            late=done["late"],
            reason=done["away"] or next((one["trouble"] for one in done["troubles"]), "–"),
        )


@app.command()
def status(as_json: AsJson = False) -> None:
    """Tell how the queue of letters stands, in numbers; send nothing."""
    from datetime import UTC

    from sqlalchemy.orm import Session

    from digione_platform.db import ready_database
    from digione_platform.notify.letters import standing
    from digione_platform.settings import load_settings

    settings = load_settings()
    with ready_database(settings) as engine, Session(engine) as session:
        done = {**standing(session, datetime.now(UTC)), "relay": settings.relay is not None}
    _tell(done, as_json)


def _tell(done: dict[str, Any], as_json: bool) -> None:
    told = json.dumps(done, indent=2) if as_json else "\n".join(_lines(done, texts_of_command()))
    sys.stdout.write(told + "\n")


def _lines(done: dict[str, Any], texts: Texts) -> Iterator[str]:
    if not done["relay"]:
        yield texts.gettext(mark("No mail is sent: the instance names no relay (external.mail)."))
    told = mark("letters waiting: {waiting}, of them late: {late}")
    yield texts.gettext(told, waiting=texts.number(done["waiting"]), late=texts.number(done["late"]))
    told = mark("in seven days: {sent} sent, {refused} refused, {unsure} unsure")
    yield texts.gettext(told, **{key: texts.number(done[key]) for key in ("sent", "refused", "unsure")})
    if done["oldest"]:
        since = texts.moment(datetime.fromisoformat(done["oldest"]))
        yield texts.gettext(mark("the oldest waits since {moment}"), moment=since)
    for one in done["troubles"]:
        told = mark("trouble: {trouble} ({letters} letters)")
        yield texts.gettext(told, trouble=texts.gettext(one["trouble"]), letters=one["letters"])
