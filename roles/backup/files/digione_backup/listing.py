"""What there is to restore from: in the vault, or at a target."""

from datetime import UTC, datetime
from typing import Any

from digione_backup import points, state, targets, vault
from digione_backup.errors import Refused
from digione_backup.points import Point
from digione_backup.settings import Settings, Target

VAULT = "vault"


def listed(settings: Settings, only: str = "") -> dict[str, Any]:
    """Every recovery point with the places that hold it, the places, and the moments that can be restored.

    Targets are asked now; one that is not reached is told with the reason.
    """
    places: dict[str, list[Point]] = {VAULT: points.here(settings)}
    altered: dict[str, list[str]] = {}
    troubles: dict[str, dict[str, object]] = {}
    for target in settings.targets:
        if only in ("", target.name):
            try:
                places[target.name], altered[target.name] = at(settings, target)
            except Refused as e:
                troubles[target.name] = e.told()
    known = {point.id: point for found in places.values() for point in found}
    where = {one: [name for name, found in places.items() if one in {p.id for p in found}] for one in known}
    rows = [{**state.described(point), "where": where[one]} for one, point in sorted(known.items())]
    now = state.read()
    return {
        "host": settings.host,
        "points": rows,
        "places": {name: _place(name, found, now) for name, found in places.items()},
        "altered": {name: files for name, files in altered.items() if files},
        "troubles": troubles,
        "gaps": now["gaps"],
        "error": now["error"],
    }


def at(settings: Settings, target: Target) -> tuple[list[Point], list[str]]:
    """The points at a target, oldest first, and the files of points there that are altered.

    Raises:
        Refused: it is not reached, or is another's.
    """
    targets.require_mounted(settings, target)
    there = targets.identity(target)
    if there is None:
        return [], []
    vault.require_ours(settings, there)
    return points.all_of(settings, targets.texts(target, "points"))


def find(settings: Settings, name: str) -> Target:
    """Given a target's name, return it.

    Raises:
        Refused: there is none (D1-BACKUP-023).
    """
    for target in settings.targets:
        if target.name == name:
            return target
    raise Refused("D1-BACKUP-023", target=name, known=", ".join(one.name for one in settings.targets) or "–")


def _place(name: str, found: list[Point], known: dict[str, Any]) -> dict[str, str]:
    """From when to when a place can be restored."""
    if not found:
        return {"from": "", "until": ""}
    since = datetime.fromtimestamp(found[0].made, UTC).isoformat(timespec="seconds")
    until = known["targets"].get(name, {}).get("until", "") if name != VAULT else known.get("until", "")
    return {"from": since, "until": until or found[-1].ended}
