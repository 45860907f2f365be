"""What goes on all the time: what the database writes goes to the targets, and what a target missed."""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from digione_backup import between, create, database, erased, points, state, sums, targets, vault
from digione_backup.database import Gap
from digione_backup.errors import Refused, disk_errors
from digione_backup.settings import Settings, Target

PAUSE = 10  # seconds between two looks
# After which the server has ended a segment in which something was written: archive_timeout and a little.
_ENDED = timedelta(seconds=45)
_FILES = 30.0  # seconds between two looks at files and accounts
_HELD = "D1-BACKUP-005"
_PATIENCE = 60  # seconds after which a target that failed is tried again


class Keeper:
    """Remembers between two looks what each target has."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.archive = database.Archive(settings)
        self.archived: list[Path] = []
        self.segments: list[Path] = []
        self.gaps: list[Gap] = []
        self.summed: set[str] = set()  # names of WAL files whose sums were taken
        self.shipped: dict[str, set[tuple[str, int]]] = {target.name: set() for target in settings.targets}
        self.failed: dict[str, float] = {}
        self.started = ""
        self.kept = -_FILES  # when files were looked at last
        self.seen: list[tuple[datetime, int]] = []  # where the WAL ended at which moment

    def look(self) -> None:
        """Bring to the targets what is new."""
        began = datetime.now(UTC)
        self._look_at_wal()
        until = self._kept_until(began)
        lists = erased.gather(self.settings)
        sums.record_these(self.settings, lists)
        self._keep_files()
        there = {(file.name, 0): file for file in self.archived}  # WAL never changes, lists do
        there |= {(file.name, file.stat().st_mtime_ns): file for file in lists}
        newest = state.newest(self.settings)
        for target in self.settings.targets:
            if time.monotonic() - self.failed.get(target.name, -_PATIENCE) < _PATIENCE:
                continue
            try:
                self._ship(target, there, newest)
            except Refused as e:
                if e.id == _HELD:  # a recovery point is just being made; it brings itself to the targets
                    continue
                self.failed[target.name] = time.monotonic()
                state.not_shipped(self.settings, target.name, e)
                sys.stderr.write(f"{target.name}: {e}\n")
                continue
            self.failed.pop(target.name, None)
            if newest and until:
                self._note(target, until)
        self._note_window(until)
        self._mend()

    def _look_at_wal(self) -> None:
        """See what was archived, and take the sums of what is new; there may be a hundred thousand files."""
        found = self.archive.files() if self.settings.database else []
        if found == self.archived:
            return
        self.segments = database.segments_of(found)
        self.gaps = database.gaps(self.segments)
        self.summed = self.summed or sums.of_wal(self.settings)
        if fresh := [file for file in found if file.name not in self.summed]:
            sums.record_these(self.settings, fresh)
        self.summed |= {file.name for file in fresh}
        self.archived = found

    def _keep_files(self) -> None:
        """Keep files and accounts that were changed; while the vault is being worked on, at a later look."""
        if time.monotonic() - self.kept < _FILES:
            return
        with suppress(Refused), vault.held(self.settings):
            between.keep(self.settings)
            self.kept = time.monotonic()

    def _mend(self) -> None:
        """After a gap no moment can be restored before the next base backup: make one at once."""
        made = [point.database["segment"] for point in points.here(self.settings) if point.database]
        found = [gap for gap in self.gaps if made and gap.next[:8] == made[-1][:8] and gap.next > made[-1]]
        if found:
            sys.stderr.write(f"WAL is missing after {found[-1].last}: a recovery point is made\n")
            create.create(self.settings, "incr", "")

    def _kept_until(self, now: datetime) -> datetime | None:
        """Until when everything that was written is in the vault."""
        if not self.settings.database:
            return now
        if (started := database.started()) != self.started:
            database.wake()
            self.started = started
        timeline, position = database.written()
        archived = database.archived(self.segments, timeline)
        self.seen.append((now, position))
        # What the server has not archived after its own timeout is nothing that anybody wrote.
        settled = now - _ENDED if database.nothing_waits() else datetime.min.replace(tzinfo=UTC)
        while len(self.seen) > 1 and (self.seen[1][1] <= archived or self.seen[1][0] < settled):
            del self.seen[0]
        moment, written = self.seen[0]
        return moment if written <= archived or moment < settled else None

    def _ship(self, target: Target, there: Mapping[tuple[str, int], Path], newest: list[str]) -> None:
        damaged: Refused | None = None
        if newest and state.read()["targets"].get(target.name, {}).get("newest") != newest:
            try:
                with vault.held(self.settings):
                    sums.record(self.settings)
                    targets.ship(self.settings, target)
                state.shipped(self.settings, target.name, newest)
            except Refused as e:
                if e.id != targets.ANOTHER:
                    raise
                damaged = e  # a file in the vault keeps no WAL from the target
        missing = [file for mark, file in there.items() if mark not in self.shipped[target.name]]
        if missing and newest:
            targets.require_mounted(self.settings, target)
            paths = [str(one.relative_to(self.settings.vault)) for one in missing]
            targets.ship_these(self.settings, target, paths)
        self.shipped[target.name] = set(there)
        if damaged:
            raise damaged

    def _note(self, target: Target, until: datetime) -> None:
        """Note until when the copy at a target can be restored."""
        with state.changed(self.settings) as known:
            known["targets"][target.name] |= {"error": None, "until": until.isoformat(timespec="seconds")}

    def _note_window(self, until: datetime | None) -> None:
        """Note from when and until when the vault can be restored, and what is missing in between."""
        made = [point.made for point in points.here(self.settings)]
        with state.changed(self.settings) as known:
            known["gaps"] = [
                {"last": gap.last, "until": gap.until.isoformat(timespec="seconds"), "next": gap.next}
                for gap in self.gaps
            ]
            if until:
                known["until"] = until.isoformat(timespec="seconds")
            if made:
                known["from"] = datetime.fromtimestamp(min(made), UTC).isoformat(timespec="seconds")


def keep(settings: Settings) -> NoReturn:
    """Look again and again; what goes wrong is noted and tried again."""
    while True:
        try:
            with disk_errors(), vault.held(settings, _PATIENCE):
                vault.prepare(settings)
            break
        except Refused as e:
            sys.stderr.write(f"{e}\n")
            time.sleep(PAUSE)
    keeper = Keeper(settings)
    while True:
        try:
            # What the disk refuses ends it: started anew, it may write into folders that came since.
            keeper.look()
        except Refused as e:
            sys.stderr.write(f"{e}\n")
        time.sleep(PAUSE)
