"""Reading back what is kept, in the vault and at the targets, and comparing it with its checksums."""

import time
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digione_backup import database, files, listing, points, state, sums, targets, vault
from digione_backup.errors import Refused
from digione_backup.settings import Settings, Target, read_whole

PARTS = 7  # one is read back each night, all of it in a week
_PATIENCE = 600
_Problem = dict[str, Any]
_ROUND_TRIP = 60  # seconds
_WAL_SECONDS = 120  # in which WAL comes to a target, which is brought to it all the time


def verify(settings: Settings, part: int | None) -> dict[str, Any]:
    """Read back everything, or of the targets' copies only one of PARTS parts; return what is wrong.

    ``problems`` holds a place, a file and what is wrong with it: ``altered``, ``missing``, or the words of a
    program; ``mended`` says whether it was brought anew from where it is whole. ``round_trip`` is
    how many seconds what is written takes to each place.
    """
    problems: list[_Problem] = []
    troubles: dict[str, dict[str, object]] = {}
    checked: dict[str, int] = {}
    with vault.held(settings, _PATIENCE):
        vault.require(settings)
        sums.record(settings)
        expected, altered = _expected(settings)
        problems += _wrong(listing.VAULT, altered, expected, _here(settings, expected))
        here = list(problems)
        broken = {one["file"]: expected[one["file"]] for one in here if one["file"] in expected}
        problems += _by_programs(settings)
        checked[listing.VAULT] = len(expected)
        for target in settings.targets:
            try:
                targets.require_ours(settings, target)
                which = {**_part(expected, part), **broken}
                found = targets.hashes(target, which)
                which = _comparable(settings, target, which, found)
                altered = _altered_texts(settings, target)
                there = _wrong(target.name, altered, which, found)
                problems += there
                checked[target.name] = len(which)
                whole = [path for path, sha256 in broken.items() if found.get(path) == sha256]
                _mend(settings, target, here, there, whole)
            except Refused as e:
                troubles[target.name] = e.told()
    trips = _round_trips(settings, troubles)
    answer = {
        "problems": problems,
        "troubles": troubles,
        "checked": checked,
        "round_trip": trips,
        "gaps": state.read()["gaps"],
    }
    state.verified(settings, len(problems), datetime.now(UTC))
    return answer


def _mend(
    settings: Settings,
    target: Target,
    here: Iterable[_Problem],
    there: Iterable[_Problem],
    whole: Collection[str],
) -> None:
    """Bring to a target anew what is wrong there, and into the vault what is ``whole`` at the target."""
    lost = [one for one in here if one["file"] in whole and not one["mended"]]
    if lost:
        targets.mend_from(settings, target, [one["file"] for one in lost])
    for one in lost:
        one["mended"] = True
    not_here = {one["file"] for one in here if not one["mended"]}
    altered = [
        one for one in there if one["file"] not in not_here and (settings.vault / one["file"]).is_file()
    ]
    if altered:
        targets.mend(settings, target, [one["file"] for one in altered])
    for one in altered:
        one["mended"] = True


def damaged(settings: Settings) -> list[str]:
    """The files in the vault that are not as they were written."""
    expected, altered = _expected(settings)
    return sorted(one["file"] for one in _wrong(listing.VAULT, altered, expected, _here(settings, expected)))


def _expected(settings: Settings) -> tuple[dict[str, str], list[str]]:
    """SHA-256 of every file by path, and the files of sums and points that are altered."""
    texts = {p.name: read_whole(p) for p in (settings.vault / "sums").iterdir()}
    known, altered = sums.everything(settings.key, texts)
    folder = settings.vault / "points"
    altered += points.all_of(settings, {p.name: read_whole(p) for p in folder.glob("*.json")})[1]
    expected = {path: one.sha256 for path, one in known.items()}
    lost = {name.removeprefix("sums/").removesuffix(sums.ALTERED) for name in altered}
    for path, _ in vault.contents(settings):
        if vault.named_by_content(path):
            expected[path] = Path(path).name
        elif path not in known and vault.group_of(path) in lost:
            altered.append(path)  # its sum was in a file that was altered: nobody knows
    return expected, altered


def _here(settings: Settings, expected: Iterable[str]) -> dict[str, str]:
    there = [path for path in expected if (settings.vault / path).exists()]
    return {path: vault.sha256(settings.vault / path) for path in there}


def _wrong(
    place: str, altered: Iterable[str], expected: Mapping[str, str], found: Mapping[str, str]
) -> list[_Problem]:
    wrong = dict.fromkeys(altered, "altered")
    for path, sha256 in expected.items():
        if path not in found:
            wrong[path] = "missing"
        elif found[path] != sha256:
            wrong[path] = "altered"
    return [_problem(place, path, what) for path, what in sorted(wrong.items())]


def _problem(place: str, file: str, what: str) -> _Problem:
    return {"place": place, "file": file, "what": what, "mended": False}


def _by_programs(settings: Settings) -> list[_Problem]:
    """What restic and pgBackRest find wrong in their own repositories."""
    found = []
    for program, ask in (("restic", files.check), ("pgBackRest", database.verify)):
        if program == "pgBackRest" and not settings.database:
            continue
        try:
            said = ask(settings)
        except Refused as e:
            said = e.values.get("reason", e.id)
        if said:
            found.append(_problem(listing.VAULT, program, said))
    return found


def _altered_texts(settings: Settings, target: Target) -> list[str]:
    altered = points.all_of(settings, targets.texts(target, "points"))[1]
    return altered + sums.everything(settings.key, targets.texts(target, "sums"))[1]


def _comparable(
    settings: Settings, target: Target, expected: Mapping[str, str], found: Mapping[str, str]
) -> dict[str, str]:
    """What a target must have by now, and what it has already of that which never changes."""
    complete = state.read()["targets"].get(target.name, {}).get("complete")
    moment = datetime.fromisoformat(complete).timestamp() if complete else 0
    wal = max(moment, time.time() - _WAL_SECONDS)
    return {
        path: one
        for path, one in expected.items()
        if _written(settings.vault / path) < (wal if "/archive/" in path else moment)
        or (path in found and vault.group_of(path) != sums.CHANGING)
    }


def _written(file: Path) -> float:
    """When a file of the vault was written (Unix time); one that is missing there was long ago."""
    return file.stat().st_mtime if file.exists() else 0


def _part(expected: Mapping[str, str], part: int | None) -> dict[str, str]:
    if part is None:
        return dict(expected)
    return {path: one for path, one in expected.items() if int(one[:8], 16) % PARTS == part}


def _round_trips(settings: Settings, troubles: Mapping[str, object]) -> dict[str, float]:
    """Write something, and see how long it takes to the vault and to each target."""
    if not settings.database:
        return {}
    began = time.monotonic()
    _, segment = database.name_position(settings, "verify")
    trips = {listing.VAULT: round(time.monotonic() - began, 1)}
    for target in settings.targets:
        while target.name not in troubles and time.monotonic() - began < _ROUND_TRIP:
            if targets.has_segment(settings, target, segment):
                trips[target.name] = round(time.monotonic() - began, 1)
                break
            time.sleep(1)
    return trips
