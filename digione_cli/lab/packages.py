"""Debian packages that hosts have downloaded before: a fresh host finds them in its own apt archive.

The files are hard links where the file system allows it: apt replaces files and never writes into them,
and every host keeps its own folder with its own lock.
"""

import os
import shutil
from pathlib import Path

ARCHIVE = Path("var/cache/apt/archives")


def give(cache: Path, disk: Path) -> None:
    """Puts the cache's packages into the archive of a host that is off; ``disk`` is its upper layer."""
    folder = disk
    for part in ARCHIVE.parts:
        folder = folder / part
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(0o755)
    _link(cache, folder)


def collect(disk: Path, cache: Path) -> None:
    """Takes what a host has downloaded into the cache: whole files, for apt names them so when complete."""
    cache.mkdir(parents=True, exist_ok=True)
    _link(disk / ARCHIVE, cache)


def _link(source: Path, target: Path) -> None:
    for package in source.glob("*.deb"):
        link = target / package.name
        if package.is_symlink() or not package.is_file() or os.path.lexists(link):
            continue
        try:
            os.link(package, link)
        except FileExistsError:  # another lab was quicker
            continue
        except OSError:  # another file system
            part = link.with_name(f".{link.name}.{os.getpid()}")
            shutil.copyfile(package, part)
            part.replace(link)
