"""Write the golden files anew: ``python -m tests.golden.update``; then read the difference."""

import os
import shutil

os.environ["DIGIONE_LANGUAGE"] = "en"  # as in tests/conftest.py

from tests.golden.render import EXPECTED, NAMES, rendered


def main() -> None:
    """Replace all golden files."""
    shutil.rmtree(EXPECTED, ignore_errors=True)
    for name in NAMES:
        for file, text in rendered(name):
            path = EXPECTED / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
