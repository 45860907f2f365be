"""The reference in docs/reference/ is what the code says."""

import pytest

from docs import errors_in_code, generate

MEND = "run python docs/generate.py"


@pytest.mark.parametrize("page", generate.PAGES)
def test_the_reference_is_what_the_code_says(page: str) -> None:
    assert generate.up_to_date(page), f"docs/reference/{page} is out of date: {MEND}"


@pytest.mark.parametrize("package", ["digione_cli", "digione_platform"])
def test_every_error_id_is_explained_in_the_reference(package: str) -> None:
    explained = {
        id_
        for page in generate.REFERENCE.glob("*.md")
        for id_ in errors_in_code.ID.findall(page.read_text(encoding="utf-8"))
    }
    unexplained = errors_in_code.ids(generate.ROOT / package) - explained
    assert not unexplained, f"{MEND}; if an id stands in no call, add its texts to docs/errors_in_code.py"


def test_texts_written_by_hand_belong_to_ids_in_the_code() -> None:
    unused = set(errors_in_code.ELSEWHERE) - errors_in_code.ids(generate.ROOT / "digione_cli")
    assert not unused, f"take them out of ELSEWHERE in docs/errors_in_code.py: {unused}"
