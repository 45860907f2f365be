"""The wheel that hosts install."""

import subprocess
import sys
import zipfile
from pathlib import Path


def test_it_holds_everything_but_the_sandbox_and_the_build_of_static_files(
    tmp_path: Path, repository: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=repository / "digione_platform",
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert [name for name in names if "sandbox" in name or "assets" in name] == []
    wanted = [
        "digione_platform/app.py",
        "digione_platform/locale/fi/LC_MESSAGES/messages.po",
        "digione_platform/web/templates/layout.html",
        "digione_platform/web/static/site.css",
        "digione_platform/web/static/vendor/hds.css",
        "migrations/platform/env.py",
        "migrations/platform/versions/0001_master_data.py",
    ]
    assert [name for name in wanted if name not in names] == []


def test_no_module_hides_one_of_python_s_own(repository: Path) -> None:
    """Tools that are started in the package's folder would import ours instead."""
    package = repository / "digione_platform"
    own = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert own & sys.stdlib_module_names == set()
