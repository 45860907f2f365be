"""Text from outside: any input gives a value or an error of ours, never another exception."""

import json
import re
import unicodedata
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from digione_cli.engine.documents import DocumentError, parse
from digione_cli.errors import DigioneError
from digione_cli.model import text
from digione_cli.model.finding import Mistake
from digione_cli.model.text import organisation_check_digit_holds, printable, shown, slug

TEXTS = st.text() | st.from_regex(r"[a-z0-9.@:%-]{1,40}", fullmatch=True)


@pytest.mark.parametrize(
    "kind",
    [
        slug,
        text.host_name,
        text.domain,
        text.address,
        text.unix_user,
        text.email,
        text.name,
        text.provider_oid,
    ],
)
@given(value=TEXTS)
def test_a_text_is_accepted_or_refused(kind: Callable[[str], str], value: str) -> None:
    try:
        accepted = kind(value)
    except PydanticCustomError as refused:
        said = refused.message()
    else:
        said = accepted
        _require_harmless(kind, accepted)
    assert said.isprintable()


def _require_harmless(kind: Callable[[str], str], accepted: str) -> None:
    assert kind(accepted) == accepted
    assert "{{" not in accepted
    if kind is not text.name:
        assert accepted.isascii()
        assert not accepted.startswith("-")
        assert not set(accepted) & set(" ;|&$`'\"\\/<>(){}*?#\n")


@given(value=st.text())
def test_no_two_names_look_the_same(value: str) -> None:
    try:
        accepted = text.name(value)
    except PydanticCustomError:
        return
    decomposed = unicodedata.normalize("NFD", value)
    if decomposed != value:
        with pytest.raises(PydanticCustomError, match=re.escape(accepted)):
            text.name(decomposed)


@given(value=st.text())
def test_what_is_shown_cannot_steer_a_terminal(value: str) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) <= 120
    assert all(c.isprintable() or c in "\n\t\xa0\u202f" for c in printable(value))


@given(content=st.text())
def test_any_text_is_a_document_or_refused(content: str) -> None:
    _require_understood(content)


def _require_understood(content: str) -> None:
    """Parse a text; anything but a document or a refusal with its reasons is an error."""
    mistakes: tuple[Mistake, ...] | None = None
    try:
        parse(content, "file.yml")
    except DocumentError as refused:
        mistakes = refused.mistakes
    assert mistakes is None or all(m.code.startswith("D1-CFG-") for m in mistakes)
    assert mistakes != ()


# what is likely to be put together wrongly
FRAGMENTS = st.lists(
    st.sampled_from(
        ["a", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!str ", "'", '"', "|", ">", "#"]
    )
    | st.sampled_from(
        ["---\n", "? ", "<<", "%YAML 1.1\n", "@", "`", "\t", "\0", "\ufeff", "\x85", "0x1F", ".nan"]
    )
)


@given(parts=FRAGMENTS)
def test_any_heap_of_fragments_is_a_document_or_refused(parts: list[str]) -> None:
    _require_understood("".join(parts))


KEYS = st.from_regex(r"[a-z][a-z_]{0,15}", fullmatch=True).filter(
    lambda k: k not in ("null", "true", "false")
)
PRINTABLE = st.text().filter(str.isprintable)
VALUES = st.recursive(
    PRINTABLE | st.integers(-(10**18), 10**18) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(data=st.dictionaries(KEYS, VALUES, max_size=6))
def test_a_mapping_is_read_as_it_was_written(data: dict[str, object]) -> None:
    written = json.dumps(data, ensure_ascii=False)
    assert parse(written, "file.yml").data == data


@given(data=st.dictionaries(KEYS, PRINTABLE | st.integers(-999, 999) | st.booleans(), min_size=1))
def test_every_key_knows_its_line(data: dict[str, object]) -> None:
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items()]
    document = parse("# first line\n" + "\n".join(lines), "file.yml")
    assert document.data == data
    assert [document.line((key,)) for key in data] == list(range(2, len(data) + 2))


def test_the_line_of_what_is_missing_is_that_of_its_parent() -> None:
    document = parse("a:\n  b: 1\n", "file.yml")
    assert document.line(("a", "c", "d")) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("y", "y"),
        ("0x1f", "0x1f"),
        ("1e3", "1e3"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026.10", "2026.10"),
        ("2026-11-24", "2026-11-24"),
        (".nan", ".nan"),
        ("True", "True"),
        ("=", "="),
        ("12", 12),
        ("-1", -1),
        ("true", True),
        ("null", None),
        ("~", None),
        ('"12"', "12"),
        ("'true'", "true"),
        ("9" * 30, "9" * 30),
    ],
)
def test_plain_scalars_are_few(written: str, meant: object) -> None:
    found = parse(f"a: {written}", "file.yml").data["a"]
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize("written", ["NO", "no", "Yes", "on", "OFF", "010", "-007"])
def test_what_others_read_in_another_way_is_to_be_quoted(written: str) -> None:
    with pytest.raises(DocumentError, match=f'text in quotes: "{written}"'):
        parse(f"a: {written}", "file.yml")
    assert parse(f'a: "{written}"', "file.yml").data == {"a": written}


def test_yaml_is_never_loaded_with_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("load", "unsafe_load", "full_load"):
        monkeypatch.setattr(yaml, name, None)
    with pytest.raises(DocumentError, match="tags"):
        parse("a: !!python/object/apply:os.getcwd []", "file.yml")


@pytest.mark.parametrize(
    ("oid", "holds"),
    [
        ("1.2.246.562.10.00000000001", False),
        ("1.2.246.562.10.10464399921", True),
        ("1.2.246.562.99.00000002907", True),
    ],
)
def test_check_digits(oid: str, holds: bool) -> None:
    assert organisation_check_digit_holds(oid) is holds


def test_an_error_holds_all_that_is_shown() -> None:
    error = DigioneError("D1-X-001", "what", "why", "fix")
    assert (error.id, error.what, error.why, error.fix) == ("D1-X-001", "what", "why", "fix")


def test_numbers_as_finland_writes_them_are_shown_as_they_are() -> None:
    assert printable("4\N{NO-BREAK SPACE}131 rows") == "4\N{NO-BREAK SPACE}131 rows"
