"""Cells that a spreadsheet would take for formulas: written so that it does not, and read back as they were.

As spreadsheets do it themselves, an apostrophe before the text says that it is text. It is put before what
begins with = + - or @, and once more before what already begins with apostrophes and one of those, so that
taking one away always gives back what was written. Numbers such as +358 50 123 are no formulas and stay.
"""

import re

_FORMULA = re.compile("'*[=+\\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-][\d ()-]*")


def neutral(value: str) -> str:
    """Given a value, the cell to write."""
    if not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def meant(cell: str) -> str:
    """Given a cell that was read, its value."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
