"""Who was erased on the platform: kept beside the recovery points, so that a restore knows them all."""

from pathlib import Path

from digione_backup.settings import PLATFORM, Settings, read_whole, write_whole

FILE = "erased"  # a line for each person, an opaque identifier


def gather(settings: Settings) -> list[Path]:
    """Add to the vault whom the platforms' lists name; return the files there."""
    folder = settings.vault / FILE
    for tenant in settings.tenants:
        here, kept = PLATFORM / tenant / FILE, folder / tenant
        known = _listed(kept)
        if new := _listed(here) - known:
            _write(kept, known | new)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def put_back(settings: Settings, restored: Path) -> None:
    """Lay the newest lists among what is restored, in place of those of the recovery point."""
    for file in (settings.vault / FILE).glob("*"):
        folder = restored / PLATFORM.relative_to("/") / file.name
        if folder.is_dir():
            _write(folder / FILE, _listed(file) | _listed(folder / FILE))


def _listed(file: Path) -> set[str]:
    try:
        return set(read_whole(file).split())
    except FileNotFoundError:
        return set()


def _write(file: Path, people: set[str]) -> None:
    write_whole(file, "".join(f"{person}\n" for person in sorted(people)))
