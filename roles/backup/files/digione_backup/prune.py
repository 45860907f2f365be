"""Dropping recovery points that are kept no longer: by days, weeks and months."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from digione_backup import database, files, points, state, sums, targets, vault
from digione_backup.errors import Refused
from digione_backup.points import Point
from digione_backup.settings import Settings

_PATIENCE = 600


def kept(found: Iterable[Point], keep: Mapping[str, int], now: datetime) -> set[str]:
    """Given recovery points, return the ids of those that are kept.

    All of the last ``days`` days and the one before them, for every moment of these days can be restored; of
    each of the last ``weeks`` weeks and ``months`` months the newest; and the newest of all.
    """
    newest_first = sorted(found, key=lambda point: point.id, reverse=True)
    horizon = now - timedelta(days=keep["days"])
    wanted = {point.id for point in newest_first if _made(point) >= horizon}
    wanted |= {point.id for point in newest_first[:1]}
    wanted |= {point.id for point in [p for p in newest_first if _made(p) < horizon][:1]}
    wanted |= _newest_of_each(newest_first, lambda moment: str(moment.isocalendar()[:2]), keep["weeks"])
    wanted |= _newest_of_each(newest_first, lambda moment: moment.strftime("%Y-%m"), keep["months"])
    return wanted


def _newest_of_each(newest_first: list[Point], period: Callable[[datetime], str], count: int) -> set[str]:
    found: dict[str, str] = {}
    for point in newest_first:
        found.setdefault(period(_made(point)), point.id)
    return set(list(found.values())[:count])


def _made(point: Point) -> datetime:
    return datetime.fromisoformat(point.began)


def prune(settings: Settings, dry_run: bool) -> dict[str, Any]:
    """Drop what is kept no longer, in the vault and at the targets; return which points go."""
    now = datetime.now(UTC)
    if dry_run:
        return _answer(_going(settings, now)[0])
    with vault.held(settings, _PATIENCE):
        going, staying = _going(settings, now)
        answer = _answer(going)
        if not going:
            return answer
        vault.prepare(settings)
        before = {path for path, _ in vault.contents(settings)}
        for point in going:  # first: a point whose parts are gone must not be seen by anyone
            points.remove(settings, point.id)
        exports = {one for point in staying for made in point.exports.values() for one in made.values()}
        files.forget(settings, {point.id for point in staying}, exports)
        if settings.database:
            horizon = now - timedelta(days=settings.keep["days"])
            earlier = [point for point in staying if _made(point) < horizon]
            ends = {str(point.database["label"]): str(point.database["segment"]) for point in staying}
            database.expire(settings, ends, str((earlier[-1] if earlier else staying[0]).database["label"]))
        sums.record(settings)
        sums.forget(settings, before - {path for path, _ in vault.contents(settings)})
        # What the vault has lost verify brings back from a target: nothing is dropped there until then.
        for target in () if sums.lost(settings) else settings.targets:
            try:
                targets.drop(settings, target, now)
            except Refused as e:
                answer["troubles"][target.name] = e.told()
    state.pruned(settings)
    return answer


def _going(settings: Settings, now: datetime) -> tuple[list[Point], list[Point]]:
    """The points that are kept no longer, and those that are."""
    found = points.here(settings)
    wanted = kept(found, settings.keep, now)
    return [p for p in found if p.id not in wanted], [p for p in found if p.id in wanted]


def _answer(going: list[Point]) -> dict[str, Any]:
    return {"going": [state.described(point) for point in going], "troubles": {}}
