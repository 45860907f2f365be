"""Finnish identifiers: OIDs of organisations and people (learner numbers), personal identity codes."""

import re

ORGANISATION_OID = re.compile(r"1\.2\.246\.562\.(10|99|199)\.\d{11,24}")
PERSON_OID = re.compile(r"1\.2\.246\.562\.(24|98|198)\.\d{11}")
# Nodes that no real organisation or person has.
TEST_NODES = frozenset({"99", "199", "98", "198"})

_PERSONAL_IDENTITY_CODE = re.compile(
    r"(?<![0-9A-Za-z])(\d{6})[-+A-FU-Y](\d{3})([0-9A-FHJ-NPR-Y])(?![0-9A-Za-z])"
)
_CONTROL_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def luhn_digit(body: str) -> str:
    """Given digits, the one more digit that makes them pass the Luhn check."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _weighted_digit(body: str) -> str:
    """The check digit of production learner numbers: weights 7, 3, 1 from the right."""
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def check_digit_holds(oid: str) -> bool:
    """Whether the last digit of an organisation's or person's OID follows from the others."""
    node, number = oid.rsplit(".", 2)[1:]
    digit = _weighted_digit(number[:-1]) if node == "24" else luhn_digit(number[:-1])
    return number[-1] == digit


def is_test_oid(oid: str) -> bool:
    """Whether an OID is of a node for tests."""
    return oid.rsplit(".", 2)[1] in TEST_NODES


def make_oid(node: int, number: int) -> str:
    """The OID of a test node with a number of at most ten digits and its check digit."""
    body = f"{number:010d}"
    return f"1.2.246.562.{node}.{body}{luhn_digit(body)}"


def holds_personal_identity_code(text: str, *, mistyped: bool = False) -> bool:
    """Whether a Finnish personal identity code stands in a text; its control character must be right.

    With ``mistyped`` it may be wrong if the code begins with a day of the calendar: what nobody's name looks
    like, but telephone numbers and other systems' identifiers might.
    """
    found = _PERSONAL_IDENTITY_CODE.finditer(text.upper())
    return any(
        _CONTROL_CHARACTERS[int(one[1] + one[2]) % 31] == one[3] or (mistyped and _begins_with_day(one[1]))
        for one in found
    )


def _begins_with_day(digits: str) -> bool:
    return 1 <= int(digits[:2]) <= 31 and 1 <= int(digits[2:4]) <= 12
