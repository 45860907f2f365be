"""The page on which a person reads all data about them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from digione_platform.i18n import Texts, mark
from digione_platform.web.render import document
from digione_platform.web.titles import ACTS, COLUMNS, DESKTOPS, NEWS, REASONS, ROWS
from digione_platform.web.values import told

# What columns are called here that no other page shows.
LABELS: Mapping[str, str] = COLUMNS | {
    "at": mark("When"),
    "created": mark("Made"),
    "last_seen": mark("Seen last"),
    "last_modified": mark("Changed last"),
    "expires": mark("Valid until"),
    "due": mark("To be sent from"),
    "done": mark("Finished"),
    "state": mark("State"),
    "attempts": mark("Attempts"),
    "trouble": mark("What the mail server said"),
    "table_name": mark("Of what"),
    "change": mark("What was done"),
    "before": mark("What it was before"),
    "file_name": mark("File"),
    "what": mark("What"),
    "link": mark("Page"),
    "about": mark("About whom"),
    "until": mark("Until"),
    "action": mark("What was done"),
    "actor": mark("By whom"),
    "operator": mark("By whom"),
    "service": mark("Service"),
    "subject": mark("Whose data"),
    "desktop": mark("Working as"),
    "reason": mark("Why they might"),
    "detail": mark("More about it"),
    "school_id": mark("School"),
    "person_id": mark("Person"),
    "student_id": mark("Pupil"),
    "guardian_id": mark("Guardian"),
    "child_id": mark("Child"),
    "guardian": mark("Guardian"),
    "child": mark("Child"),
    "score_status": mark("Assessment"),
    "score": mark("Score"),
    "text_score": mark("Grade"),
    "score_date": mark("Day of the result"),
    "comment": mark("Comment"),
    "in_progress": mark("In progress"),
    "incomplete": mark("Incomplete"),
    "late": mark("Late"),
    "missing": mark("Missing"),
}
# Words of programs, by the column in which they stand.
WORDS: Mapping[str, Mapping[Any, str]] = {
    "action": ACTS,
    "reason": REASONS,
    "desktop": DESKTOPS,
    "table_name": ROWS,
    "change": {"insert": mark("added"), "update": mark("changed"), "delete": mark("removed")},
    "role_type": {"primary": mark("main"), "secondary": mark("further")},
    "score_status": {
        "exempt": mark("exempted"),
        "fully graded": mark("assessed"),
        "not submitted": mark("not handed in"),
        "partially graded": mark("assessed in part"),
        "submitted": mark("handed in"),
    },
    "state": {
        "waiting": mark("waits"),
        "sending": mark("being sent"),
        "sent": mark("sent"),
        "unsure": mark("perhaps sent"),
        "refused": mark("refused by the mail server"),
        "dropped": mark("not sent"),
        "checking": mark("being checked"),
        "checked": mark("checked"),
        "applying": mark("being imported"),
        "applied": mark("imported"),
        "failed": mark("failed"),
    },
}


def of_person(
    texts: Texts,
    *,
    municipality: str,
    person: str,
    data: Mapping[str, Any],
    names: Mapping[str, str],
    **values: Any,
) -> str:
    """The page with the rows of each table in a language; what is of use to programs only has no label.

    ``person`` is the identifier of whom it is about; ``names`` has what those of schools, groups and the
    like stand for.
    """
    news = [row | {"what": _news(texts, person, row)} for row in data["news"]]
    return document(
        "subject.html",
        texts,
        municipality=municipality,
        data={**data, "news": news},
        labels=LABELS,
        told=partial(_told, texts, names),
        **values,
    )


def _news(texts: Texts, person: str, row: Mapping[str, Any]) -> str:
    """What an item of news says to this person; others, such as children, go by their identifiers."""
    own, of_another = NEWS.get(row["what"], 2 * (mark("Something has changed"),))
    if row["about"] in (None, person):
        return texts.gettext(own)
    return texts.gettext(of_another, name=row["about"])


def _told(texts: Texts, names: Mapping[str, str], column: str, value: Any) -> str:
    if isinstance(value, str) and value in (words := WORDS.get(column, {})):
        return texts.gettext(words[value])
    return told(texts, column, value, names)
