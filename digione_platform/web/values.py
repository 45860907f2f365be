"""Values of the register and of the audit, as people read them."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from digione_platform.i18n import Texts, mark
from digione_platform.web.titles import VALUES

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DAYS = {"valid_from", "until"}
_ENDS = {"end_date", "valid_to"}  # stored is the first day after


def told(texts: Texts, column: str, value: Any, names: Mapping[str, str] | None = None) -> str:
    """A value of a column, as JSON has it, in a language; ``names`` has what identifiers stand for."""
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return texts.gettext(mark("yes") if value else mark("no"))
    if isinstance(value, list):
        return ", ".join(told(texts, column, one, names) for one in value)
    if isinstance(value, str):
        if column in _ENDS:
            return texts.date(date.fromisoformat(value) - timedelta(days=1))
        if column.endswith("_date") or column in _DAYS:
            return texts.date(date.fromisoformat(value))
        if _MOMENT.fullmatch(value):
            return texts.moment(datetime.fromisoformat(value))
        if value in VALUES:
            return texts.gettext(VALUES[value])
    return (names or {}).get(str(value), str(value))
