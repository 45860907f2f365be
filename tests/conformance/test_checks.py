"""Every module in digione_cli/checks keeps the contract of a check (docs: how to add a check)."""

import inspect
import re
from types import ModuleType

import pytest

from digione_cli import checks
from digione_cli.model.finding import Code

MODULES = {m.__name__.rsplit(".", 1)[1]: m for m in checks.modules()}
each = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)


@each
def test_a_check_says_when_it_is_asked(module: ModuleType) -> None:
    assert module.STAGES, f"{module.__name__}: STAGES: name at least one of {checks.STAGES}"
    assert set(module.STAGES) <= set(checks.STAGES), f"{module.__name__}: STAGES are among {checks.STAGES}"
    assert "doctor" in module.STAGES, f"{module.__name__}: the doctor asks every check; add it to STAGES"


@each
def test_a_check_is_a_generator_with_words(module: ModuleType) -> None:
    assert module.__doc__, f"{module.__name__}: say in a docstring what it looks at"
    assert inspect.isgeneratorfunction(module.check), f"{module.__name__}: check must yield findings"
    assert list(inspect.signature(module.check).parameters) == ["situation", "world"]
    assert module.check.__doc__, f"{module.__name__}: check: write a docstring"


@each
def test_codes_are_explained(module: ModuleType) -> None:
    for code, told in module.CODES.items():
        where = f"{module.__name__}: CODES[{code!r}]"
        assert isinstance(told, Code)
        assert re.fullmatch(r"D1-[A-Z]+-\d{3}", code), f"{where}: write it as D1-SUBJECT-001"
        for part in ("title", "cause", "fix"):
            text = getattr(told, part)
            assert text, f"{where}: {part} is empty"
            assert not text.endswith((".", " ")), f"{where}: {part}: no full stop at the end"


@each
def test_a_check_yields_only_codes_that_it_explains(module: ModuleType) -> None:
    written = set(re.findall(r'"(D1-[A-Z]+-\d{3})"', inspect.getsource(module)))
    assert written == set(module.CODES), (
        f"{module.__name__}: in CODES but not yielded, or the reverse: {written ^ set(module.CODES)}"
    )


def test_codes_are_of_one_check_alone() -> None:
    seen: dict[str, str] = {}
    for name, module in MODULES.items():
        for code in module.CODES:
            assert code not in seen, f"{code} is of {seen[code]} and of {name}: number one of them anew"
            seen[code] = name
