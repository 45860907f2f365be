"""Building the files of a bundle: static files by npm, wheels by pip and hatchling, one tar."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from digione_cli.errors import PreconditionError
from digione_cli.texts import t

# What hosts run: Debian 12 on amd64.
_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
_PYTHON = "3.11"


def build_static(checkout: Path) -> None:
    """Fetch the pinned npm packages and lay the static files into the platform's package."""
    assets = checkout / "digione_platform/web/assets"
    npm = Path(sys.executable).parent / "npm"
    _run(t("static files"), [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], assets)
    _run(t("static files"), [str(npm), "run", "--silent", "build"], assets)


def build_bundle(checkout: Path, tar: Path, identity: str, release: str, on: Callable[[str], None]) -> None:
    """Write the bundle as a tar: wheels, hashed requirements, static files, manifest. One move at the end."""
    if not (checkout / "digione_platform/web/static/vendor").is_dir():
        on(t("static files"))
        build_static(checkout)
    tar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tar.parent, prefix=".bundle-") as temporary:
        folder = Path(temporary)
        on(t("wheels of the platform's dependencies"))
        _download(checkout / "requirements/platform.txt", folder / "wheels")
        on(t("wheel of the platform"))
        wheel = _own_wheel(checkout, folder)
        requirements = (checkout / "requirements/platform.txt").read_text()
        name, version = wheel.name.split("-")[:2]
        own = f"{name.replace('_', '-')}=={version} --hash=sha256:{_sha256(wheel)}\n"
        (folder / "requirements.txt").write_text(requirements + own)
        shutil.copytree(checkout / "digione_platform/web/static", folder / "static")
        manifest = {
            "id": identity,
            "release": release,
            "files": {
                str(p.relative_to(folder)): _sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()
            },
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True))
        part = tar.with_name(tar.name + ".part")
        _pack(folder, part)
        part.replace(tar)


def _download(requirements: Path, wheels: Path) -> None:
    platforms = [part for p in _PLATFORMS for part in ("--platform", p)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:"]
    command += ["--no-deps", "--implementation", "cp", "--python-version", _PYTHON, *platforms]
    _run(
        t("wheels of the platform's dependencies"),
        [*command, "--dest", str(wheels), "--requirement", str(requirements)],
        wheels.parent,
    )


def _own_wheel(checkout: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
    _run(t("wheel of the platform"), command, checkout / "digione_platform")
    return next((folder / "wheels").glob("digione_platform-*.whl"))


def _run(what: str, command: list[str], folder: Path) -> None:
    # pip and npm find their registry and certificates in the operator's own environment
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise PreconditionError(
            "D1-BUNDLE-001",
            t("The bundle was not built; this failed: {part}", part=what),
            last,
            t("make sure that this machine reaches its package registries, then run this again"),
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pack(folder: Path, tar: Path) -> None:
    """Write a tar that depends on nothing but the files' names and contents."""
    with tarfile.open(tar, "w") as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(str(path.relative_to(folder)))
            content = path.read_bytes()
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))


if __name__ == "__main__":  # what `make setup` calls
    from digione_cli.settings import CHECKOUT

    try:
        build_static(CHECKOUT)
    except PreconditionError as e:
        sys.exit(f"✗ {e}\n  {t('next')}: {e.fix}")
