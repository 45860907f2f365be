"""Which bundle an instance wants: named by a hash of all that goes into it, built at most once."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from digione_cli.engine.desired import Bundle
from digione_cli.engine.services import folder_hash
from digione_cli.texts import t
from digione_cli.world.files import locked
from digione_cli.world.world import World

_INPUTS = ("digione_platform", "migrations/platform", "requirements/platform.txt")


def wanted_bundle(world: World, checkout: Path, release: str, on: Callable[[str], None]) -> Bundle:
    """Given a release, return its bundle; build it when no tar with these contents is there."""
    hashes = [
        folder_hash(checkout / i)
        if (checkout / i).is_dir()
        else hashlib.sha256((checkout / i).read_bytes()).hexdigest()
        for i in _INPUTS
    ]
    identity = f"{release}-{hashlib.sha256(''.join(hashes).encode()).hexdigest()[:12]}"
    tar = world.settings.dist / f"bundle-{identity}.tar"
    checksum = tar.with_suffix(".sha256")
    with locked(tar.with_name("bundle.lock"), on, t("waiting for another command that builds the bundle")):
        if not (tar.exists() and checksum.exists()):
            world.build_bundle(tar, identity, release, on)
            part = checksum.with_suffix(".part")
            part.write_text(_sha256(tar) + "\n")
            part.replace(checksum)
    return Bundle(identity, str(tar), checksum.read_text().strip())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
