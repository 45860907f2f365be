"""The backup program of the hosts, as far as it needs no host: what is kept how long, proofs, gaps."""

import errno
import getpass
import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from digione_backup import (
    between,
    create,
    database,
    directory,
    files,
    points,
    programs,
    prune,
    restore,
    sums,
    vault,
    verify,
)
from digione_backup.errors import Refused, disk_errors
from digione_backup.points import Point
from digione_backup.settings import Settings

NOW = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
KEEP = {"days": 14, "weeks": 8, "months": 12}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a host whose vault is in a folder of the test."""
    (tmp_path / "key").write_text("the key of the tests\n")
    monkeypatch.setattr("digione_backup.settings.FOLDER", tmp_path)
    found = Settings(
        instance="kuhmo", host="kuhmo1", release="2026.11", vault=tmp_path / "vault", database=True,
        tenants=("kuhmo",), folders=(), dumps={}, watched=(), targets=(), keep=KEEP, full_days=7,
    )  # fmt: skip
    for name in ("points", "sums", "files/data/ab", "postgresql/backup/digione/20261130-200000F"):
        (found.vault / name).mkdir(parents=True)
    return found


def point(began: datetime) -> Point:
    name = points.new_id(began)
    moment = began.isoformat()
    return Point(name, "kuhmo", "kuhmo1", "2026.11", "incr", moment, moment, "vault")


def test_every_point_of_the_last_days_is_kept_and_the_one_before_them() -> None:
    made = [point(NOW - timedelta(hours=4 * n)) for n in range(6 * 30)]
    kept = prune.kept(made, {"days": 14, "weeks": 0, "months": 0}, NOW)
    days = [p for p in made if datetime.fromisoformat(p.began) >= NOW - timedelta(days=14)]
    before = next(p for p in made if p not in days)
    assert kept == {p.id for p in days} | {before.id}


def test_then_one_of_each_week_and_month() -> None:
    made = [point(NOW - timedelta(days=n)) for n in range(500)]
    kept = sorted(prune.kept(made, KEEP, NOW))
    months = {name[:6] for name in kept}
    assert len(months) == 12
    weeks = {datetime.strptime(name, "%Y%m%d-%H%M%S").replace(tzinfo=UTC).isocalendar()[:2] for name in kept}
    assert len(weeks) >= 8
    assert len(kept) < 40


@pytest.mark.parametrize(
    ("bases", "segments", "timeline", "due"),
    [
        ([], [], "00000001", "full"),
        ([("full", 24 * 8)], [], "00000001", "full"),
        ([("full", 24 * 6), ("diff", 25)], [], "00000001", "diff"),
        ([("full", 24 * 6), ("diff", 4)], ["01", "02", "03"], "00000001", "wal"),
        ([("full", 24 * 6), ("diff", 4)], ["01", "03"], "00000001", "incr"),
        ([("full", 24 * 6), ("diff", 4)], [], "00000002", "incr"),
    ],
)
def test_a_base_backup_is_taken_when_it_is_due_or_the_wal_does_not_lead_on(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    bases: list[tuple[str, int]],
    segments: list[str],
    timeline: str,
    due: str,
) -> None:
    known = [
        {
            "type": kind,
            "timestamp": {"stop": (NOW - timedelta(hours=hours)).timestamp()},
            "archive": {"start": "000000010000000000000001"},
        }
        for kind, hours in bases
    ]
    monkeypatch.setattr(database, "known", lambda _: {"backup": known})
    monkeypatch.setattr(database, "written", lambda: (timeline, 0))
    folder = settings.vault / "postgresql/archive/digione/15-1/0000000100000000"
    folder.mkdir(parents=True)
    _segments(folder, *(f"0000000100000000000000{number}" for number in segments))
    assert database.kind_due(settings, NOW) == due


def test_exports_are_made_anew_as_soon_as_anything_was_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digione_backup.files.DUMPS", tmp_path)
    then = {"transaction": 100, "timeline": "00000001"}
    earlier = replace(point(NOW), database=then, exports={"kuhmo": {"platform": "ab"}})
    unchanged = {**then, "transaction": 101}  # that of the marker
    assert not create._nothing_written(earlier, ["kuhmo"], unchanged), "nobody knows what they hold"
    (tmp_path / "contents.json").touch()
    assert create._nothing_written(earlier, ["kuhmo"], unchanged)
    for written in ({"transaction": 102}, {"transaction": 0}, {"timeline": "00000002"}):
        assert not create._nothing_written(earlier, ["kuhmo"], {**unchanged, **written})
    for other in (replace(earlier, exports={}), replace(earlier, database={**then, "transaction": 0})):
        assert not create._nothing_written(other, ["kuhmo"], unchanged)


@pytest.mark.parametrize(("minutes", "chosen"), [(-1, None), (0, 0), (9, 0), (10, 1), (99, 1)])
def test_a_moment_is_restored_with_the_last_point_that_was_there_then(
    minutes: int, chosen: int | None
) -> None:
    found = [point(NOW), point(NOW + timedelta(minutes=10))]
    request = {"to": (NOW + timedelta(minutes=minutes)).isoformat()}
    if chosen is None:
        with pytest.raises(Refused, match="D1-RESTORE-002"):
            restore._chosen(found, request, "vault")
    else:
        assert restore._chosen(found, request, "vault") == found[chosen]


def test_the_newest_point_is_kept_however_old_it_is() -> None:
    old = [point(NOW - timedelta(days=4000 + n)) for n in range(3)]
    assert prune.kept(old, {"days": 1, "weeks": 0, "months": 0}, NOW) == {old[0].id}


def test_a_point_is_read_as_it_was_written(settings: Settings) -> None:
    made = replace(point(NOW), database={"label": "x", "size": 5}, exports={"kuhmo": {"platform": "ab"}})
    points.write(settings, made)
    assert points.here(settings) == [made]


@pytest.mark.parametrize("damage", ['"instance": "kuopio"', "{", "null", '{"point": 3, "proof": ""}'])
def test_an_altered_point_is_found_and_not_used(settings: Settings, damage: str) -> None:
    points.write(settings, point(NOW))
    (file,) = (settings.vault / "points").iterdir()
    text = file.read_text()
    file.write_text(text.replace('"instance": "kuhmo"', damage) if damage[0] == '"' else damage)
    assert points.here(settings) == []
    assert points.all_of(settings, {file.name: file.read_text()})[1] == [f"points/{file.name}"]


def test_what_killed_programs_left_is_taken_away_and_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digione_backup.vault.LOCK", tmp_path / "lock")
    backups = settings.vault / "postgresql/backup/digione"
    whole, summed, half = (backups / f"2026113{n}-200000F" for n in range(3))
    for folder in (whole, summed, half):
        (folder / "pg_data").mkdir(parents=True, exist_ok=True)
    kept = [whole / "backup.manifest", settings.vault / f"sums/backup-{summed.name}"]
    kept += [settings.vault / "files/data/ab/ab12", backups / "backup.info"]
    left = [settings.vault / "files/data/ab/ab12-tmp-345", half / "pg_data/1", half / "backup.manifest.copy"]
    left += [settings.vault / "files/locks/cd34"]
    (settings.vault / "files/locks").mkdir()
    for file in (*kept, *left):
        file.touch()
    with vault.held(settings):
        assert all(file.exists() for file in (*kept, summed))
        assert not any(file.exists() for file in (*left, half))


def test_the_vault_is_held_by_what_its_holder_started(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digione_backup.vault.LOCK", tmp_path / "lock")
    with vault.held(settings):
        going_on = programs.start(["sleep", "60"], user=getpass.getuser())
    try:
        with pytest.raises(Refused, match="D1-BACKUP-005"), vault.held(settings):
            pass
    finally:
        going_on.kill()
        going_on.communicate()
    with vault.held(settings):
        pass


def test_a_point_of_a_newer_version_is_refused_with_its_release(settings: Settings) -> None:
    newer = replace(point(NOW), version=99, release="2029.01")
    points.write(settings, newer)
    (file,) = (settings.vault / "points").iterdir()
    with pytest.raises(Refused) as refused:
        points.read(settings, file.read_text())
    assert refused.value.told() == {"id": "D1-BACKUP-011", "values": {"release": "2029.01"}}


def _kept(settings: Settings) -> Path:
    file = settings.vault / "postgresql/backup/digione/20261130-200000F/1"
    file.write_bytes(b"a base backup")
    sums.record(settings)
    return file


def test_what_was_altered_cut_off_or_deleted_is_found(settings: Settings) -> None:
    file = _kept(settings)
    name = "postgresql/backup/digione/20261130-200000F/1"
    assert verify.damaged(settings) == []
    for content in (b"a base bacKup", b"a base", b""):
        file.write_bytes(content)
        assert verify.damaged(settings) == [name]
    file.unlink()
    assert verify.damaged(settings) == [name]


def test_taking_sums_again_does_not_hide_damage(settings: Settings) -> None:
    file = _kept(settings)
    file.write_bytes(b"a base bacKup")
    sums.record(settings)
    assert verify.damaged(settings) == ["postgresql/backup/digione/20261130-200000F/1"]


def test_where_sums_are_altered_all_that_they_told_of_is_doubtful(settings: Settings) -> None:
    _kept(settings)
    file = settings.vault / "sums/backup-20261130-200000F"
    file.write_bytes(file.read_bytes()[:-3] + b"\xff\xff\n")
    doubtful = ["postgresql/backup/digione/20261130-200000F/1", "sums/backup-20261130-200000F"]
    assert verify.damaged(settings) == doubtful


def test_what_is_named_by_its_content_needs_no_sum(settings: Settings) -> None:
    name = vault.sha256(_kept(settings))
    pack = settings.vault / f"files/data/ab/{name}"
    pack.write_bytes(b"a base backup")
    assert verify.damaged(settings) == []
    pack.write_bytes(b"a base backuq")
    assert verify.damaged(settings) == [f"files/data/ab/{name}"]


def test_what_was_pruned_is_not_missed(settings: Settings) -> None:
    file = _kept(settings)
    file.unlink()
    name = str(file.relative_to(settings.vault))
    sums.forget(settings, set())
    assert sums.lost(settings) == verify.damaged(settings) == [name], "what is lost is not what was pruned"
    sums.forget(settings, {name})
    assert sums.lost(settings) == verify.damaged(settings) == []


def test_what_the_vault_has_whole_may_take_the_place_of_what_was_cut_off(settings: Settings) -> None:
    file = _kept(settings)
    name = str(file.relative_to(settings.vault))
    assert sums.are_whole(settings, [name])
    assert not sums.are_whole(settings, [name, "postgresql/unknown"])
    file.write_bytes(b"a base")
    assert not sums.are_whole(settings, [name])


def test_exports_that_points_lend_each_other_stay_as_long_as_one_needs_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [
        {"id": "aaaaaaaa" + "0" * 56, "tags": ["point=1", "export=platform_kuhmo"]},
        {"id": "bbbbbbbb" + "0" * 56, "tags": ["point=1"]},
        {"id": "cccccccc" + "0" * 56, "tags": ["after=1"]},
        {"id": "dddddddd" + "0" * 56, "tags": ["point=2"]},
        {"id": "eeeeeeee" + "0" * 56, "tags": ["after=2"]},
        {"id": "ffffffff" + "0" * 56, "tags": None},
    ]
    monkeypatch.setattr("digione_backup.files.snapshots", lambda _: kept)
    ran: list[list[str]] = []
    monkeypatch.setattr("digione_backup.programs.run", ran.append)
    files.forget(settings, {"2"}, {"aaaaaaaa"})  # restic tells short names when it makes snapshots
    assert [one[:8] for one in ran[0] if one.endswith("0" * 56)] == ["bbbbbbbb", "cccccccc"]
    files.forget(settings, {"2"}, set())
    assert [one[0] for one in ran[1] if one.endswith("0" * 56)] == ["a", "b", "c"]


def _identity(settings: Settings) -> dict[str, str]:
    (settings.vault / vault.IDENTITY).write_text(json.dumps(vault._new(settings)))
    return vault.identity_in((settings.vault / vault.IDENTITY).read_text())


def test_a_vault_of_another_instance_host_or_key_is_refused(settings: Settings, tmp_path: Path) -> None:
    mine = _identity(settings)
    vault.require_ours(settings, mine)
    for other in (replace(settings, instance="kuopio"), replace(settings, host="kuhmo2")):
        with pytest.raises(Refused, match="D1-BACKUP-006"):
            vault.require_ours(other, mine)
    with pytest.raises(Refused, match="D1-BACKUP-007"):
        vault.require_ours(settings, {**mine, "made": "2020-01-01"})
    (tmp_path / "key").write_text("another key\n")
    with pytest.raises(Refused, match="D1-BACKUP-007"):
        vault.require_ours(settings, mine)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "x"}'])
def test_an_identity_that_cannot_be_read_is_damage(text: str) -> None:
    with pytest.raises(Refused, match="D1-BACKUP-010"):
        vault.identity_in(text)


def _segments(folder: Path, *names: str) -> list[Path]:
    found = [folder / f"{name}-{'ab' * 20}.zst" for name in names]
    for one in found:
        one.write_bytes(b"")
    return found


def test_missing_wal_is_a_gap_with_the_moment_before_it(tmp_path: Path) -> None:
    first, last, after, other = (
        "0000000100000001000000FE",
        "0000000100000001000000FF",
        "000000010000000200000001",
        "000000020000000200000005",
    )
    found = database.gaps(_segments(tmp_path, first, last, after, other))
    assert [(gap.last, gap.next) for gap in found] == [(last, after)]


def test_what_was_archived_since_is_seen_by_the_next_look(settings: Settings) -> None:
    archive = database.Archive(settings)
    assert archive.files() == []
    top = settings.vault / "postgresql/archive/digione"
    first, second = top / "15-1/0000000100000000", top / "15-1/0000000100000001"
    expected: list[Path] = []
    for folder, name in ((first, "01"), (first, "02"), (second, "01")):
        folder.mkdir(parents=True, exist_ok=True)
        expected += _segments(folder, f"{folder.name}000000{name}")
        (folder / "half.pgbackrest.tmp").touch()
        os.utime(
            folder, ns=(0, time.time_ns() - 90_000_000_000 + len(expected))
        )  # long ago: it is not read again
        assert archive.files() == archive.files() == expected
    (top / "15-1/00000002.history").touch()
    assert archive.files() == [top / "15-1/00000002.history", *expected]


def test_a_segment_that_is_being_archived_is_not_there_yet(settings: Settings) -> None:
    name = "000000010000000000000007"
    folder = settings.vault / f"postgresql/archive/digione/15-1/{name[:16]}"
    folder.mkdir(parents=True)
    (folder / f"{name}-{'ab' * 20}.zst.pgbackrest.tmp").touch()
    assert database.segment_file(settings, name) is None
    (whole,) = _segments(folder, name)
    assert database.segment_file(settings, name) == whole


def test_segments_of_four_gigabytes_follow_each_other(tmp_path: Path) -> None:
    assert database.gaps(_segments(tmp_path, "0000000100000001000000FF", "000000010000000200000000")) == []


def test_how_far_wal_reaches_is_asked_of_the_servers_own_timeline(tmp_path: Path) -> None:
    segments = _segments(tmp_path, "000000010000000000000009", "000000020000000000000004")
    assert database.archived(segments, "00000002") == 5 * database.SEGMENT_BYTES + 40
    assert database.archived(segments, "00000003") == 0


@pytest.mark.parametrize(
    ("path", "group"),
    [
        (
            "postgresql/archive/digione/15-1/0000000100000000/000000010000000000000001-ab.zst",
            "wal-15-1-0000000100000000",
        ),
        ("postgresql/archive/digione/15-1/00000002.history", "wal-15-1-history"),
        ("postgresql/backup/digione/20261130-200000F/bundle/1", "backup-20261130-200000F"),
        ("postgresql/backup/digione/backup.info", "rest"),
        ("vault.json", "rest"),
        ("files/config", "rest"),
        ("files/data/ab/abcd", None),
        ("sums/rest", None),
    ],
)
def test_every_file_has_its_sum_in_one_place(path: str, group: str | None) -> None:
    assert vault.group_of(path) == group


LDIF = """dn: dc=digione
objectClass: dcObject

dn: ou=kuhmo,dc=digione
objectClass: organizationalUnit
entryCSN: 20261130194625.419544Z#000000#000#000000

dn:: dWlkPcOkaXRpLG91PXBlb3BsZSxvdT1rdWhtbyxkYz1kaWdpb25l
objectClass: inetOrgPerson
description: a line that goes on
  in the next

dn: ou=uuskuhmo,dc=digione
objectClass: organizationalUnit
"""


def test_of_the_directory_a_tenants_own_subtree_is_taken() -> None:
    top, person = directory.subtree(LDIF, "ou=kuhmo,dc=digione")
    assert top == "dn: ou=kuhmo,dc=digione\nobjectClass: organizationalUnit"
    assert person.startswith("dn:: dWlkPcOkaXRpLG91")
    assert "description: a line that goes on in the next" in person


def test_a_file_that_is_new_changed_or_gone_is_noticed(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    watched = tmp_path / "data.mdb"
    settings = replace(settings, folders=(str(folder),), watched=(str(watched), str(tmp_path / "nothing")))
    seen = [between.digest(settings)]
    for change in (
        lambda: (folder / "häät \n.txt").write_text("a"),
        lambda: (folder / "häät \n.txt").write_text("bc"),
        lambda: (folder / "häät \n.txt").unlink(),
        lambda: watched.write_text("d"),
    ):
        change()
        seen.append(between.digest(settings))
    assert len(set(seen)) == 4, "what is gone is as if it had never been"
    assert seen[3] == seen[0]


@pytest.mark.parametrize(
    ("to", "newest", "chosen"),
    [
        ("", True, "third"),
        ("", False, "own"),
        ("2026-11-30T20:09:59+00:00", False, "own"),
        ("2026-11-30T22:11:00+02:00", False, "second"),
    ],
)
def test_files_are_those_of_the_last_moment_before_what_is_restored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, to: str, newest: bool, chosen: str
) -> None:
    of = replace(point(NOW), files={"snapshot": "own"})
    kept = [
        {"id": "own", "time": "2026-11-30T20:00:01.123456789Z", "tags": [f"point={of.id}"]},
        {"id": "second", "time": "2026-11-30T20:10:00.123456789Z", "tags": [f"after={of.id}"]},
        {"id": "third", "time": "2026-11-30T22:20:00.123456789+02:00", "tags": [f"after={of.id}"]},
        {"id": "others", "time": "2026-11-30T21:30:00.123456789Z", "tags": ["after=20261130-213000"]},
    ]
    monkeypatch.setattr("digione_backup.files.snapshots", lambda _: kept)
    assert between.snapshot(settings, of, {"to": to, "newest": newest}) == chosen


def test_what_a_newer_release_made_is_not_restored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = replace(point(NOW), release="2026.12")
    monkeypatch.setattr("digione_backup.points.here", lambda _: [newer])
    with pytest.raises(Refused) as refused:
        restore.choose(settings, {})
    assert refused.value.id == "D1-BACKUP-011"
    assert refused.value.values["release"] == "2026.12"


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.ENOSPC, "D1-BACKUP-002"), (errno.EROFS, "D1-BACKUP-003"), (errno.EIO, "D1-BACKUP-001")],
)
def test_what_the_disk_refuses_is_told_as_an_error_of_ours(number: int, told: str) -> None:
    with pytest.raises(Refused) as refused, disk_errors():
        raise OSError(number, "as the system says it")
    assert refused.value.id == told
    assert "as the system says it" in refused.value.values["reason"]
