"""The filter language, by generated input: what is written is read back, and nothing ever breaks out."""

import string

from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import text

from digione_platform.api.filters import Filter, Predicate, condition, parse
from digione_platform.api.gradebook import VIEWS as GRADEBOOK_VIEWS
from digione_platform.api.problems import Refused
from digione_platform.api.rostering import USERS, VIEWS

COMPARISONS = ("=", "!=", ">", ">=", "<", "<=", "~")
names = some.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=20).filter(
    lambda name: name[0] in string.ascii_letters
)
values = some.text(some.characters(exclude_characters="\x00"), max_size=30)
predicates = some.builds(Predicate, names, some.sampled_from(COMPARISONS), values)
spaces = some.text(" ", max_size=2)


def written(predicate: Predicate, space: str) -> str:
    value = predicate.value.replace("'", "''")
    return f"{space}{predicate.field}{space}{predicate.comparison}{space}'{value}'{space}"


@given(predicates, spaces)
def test_one_predicate_is_read_as_it_was_written(predicate: Predicate, space: str) -> None:
    assert parse(written(predicate, space)) == Filter((predicate,))


@given(predicates, some.sampled_from(["AND", "OR"]), predicates, spaces)
def test_two_predicates_are_read_as_they_were_written(
    first: Predicate, logical: str, second: Predicate, space: str
) -> None:
    assert parse(f"{written(first, space)} {logical} {written(second, space)}") == Filter(
        (first, second), logical
    )


@given(some.text() | some.text("'=<>!~ ANDORabc.", max_size=40))
def test_any_text_is_a_filter_or_refused(anything: str) -> None:
    parsed = parsed_or_refused(anything)
    if isinstance(parsed, Refused):
        assert (parsed.status, parsed.minor) == (400, "invalid_filter_field")
    else:
        assert 1 <= len(parsed.predicates) <= 2


def parsed_or_refused(anything: str) -> Filter | Refused:
    try:
        return parse(anything)
    except Refused as refused:
        return refused


fields = some.sampled_from(
    sorted(
        ".".join(filter(None, (name, rest)))
        for name, field in USERS.fields.items()
        for rest in field.compared
    )
)


@given(fields, some.sampled_from(COMPARISONS), values)
def test_what_a_request_says_is_never_part_of_the_sql(field: str, comparison: str, value: str) -> None:
    said = f"{value}§{value}"
    try:
        found = condition(Filter((Predicate(field, comparison, said),)), USERS)
    except Refused:
        return
    assert said not in found.sql
    assert set(text(found.sql).compile().params) - {"root", "protected"} == set(found.parameters)


@settings(max_examples=60)
@given(some.sampled_from([*VIEWS, *GRADEBOOK_VIEWS]), some.data())
def test_every_field_that_is_offered_can_be_compared(view: object, data: some.DataObject) -> None:
    collection = view.collection  # type: ignore[attr-defined]
    for name, field in collection.fields.items():
        for rest in field.compared:
            assert collection.compared(".".join(filter(None, (name, rest)))) == field.compared[rest]
    assert collection.compared(data.draw(some.sampled_from(["nothing", "", ".", "sourcedId.x"]))) is None
