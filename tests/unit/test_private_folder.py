"""The folder in memory in which a play's files lie is ours alone."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digione_cli.errors import PreconditionError
from digione_cli.world.files import locked, private_folder

NOBODY = 4_000_000_000 - os.getpid()  # no user of this machine, and not another test process's


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the folder of a user who is not there would be."""
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    path = Path(f"/dev/shm/digione-{NOBODY}")
    yield path
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.write_text("a file"),
        lambda p: p.symlink_to("/tmp"),
        lambda p: p.symlink_to("/nowhere"),
        lambda p: p.mkdir(mode=0o777),
        lambda p: p.mkdir(mode=0o700),  # not that user's
        lambda p: os.mkfifo(p),
    ],
)
def test_what_somebody_else_put_there_is_refused(folder: Path, make: Callable[[Path], object]) -> None:
    make(folder)
    with pytest.raises(PreconditionError) as caught:
        private_folder()
    assert caught.value.id == "D1-LOCAL-001"
    assert str(folder) in caught.value.fix


def test_our_own_is_private() -> None:
    assert private_folder().stat().st_mode & 0o777 == 0o700
    assert private_folder() == private_folder()


def test_a_lock_that_was_deleted_while_one_waited_is_taken_anew(tmp_path: Path) -> None:
    """Whoever takes a lab down deletes its folder, lock included: the next one must not share it."""
    file, waited = tmp_path / "lab/lock", threading.Event()
    inside: list[bool] = []

    def second() -> None:
        with locked(file, lambda text: waited.set(), "waiting"):
            inside.append(file.exists())

    with locked(file, print, ""):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(30)
        file.unlink()
        file.parent.rmdir()
        assert inside == []
    thread.join(30)
    assert inside == [True]
