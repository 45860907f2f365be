"""The outside of an import: a file from a stranger, mostly a zip archive, read with limits."""

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from digione_platform.i18n import mark
from digione_platform.roster.problems import Detail, Problem, Problems, shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MIB = 1024 * 1024
MAX_ARCHIVE = 1024 * MIB
MAX_FILE = 2048 * MIB
MAX_TOTAL = 4096 * MIB
MAX_ENTRIES = 64
# The list of contents at the archive's end: 64 entries with names of ordinary length fit well.
MAX_DIRECTORY = 64 * 1024
# CSV shrinks to a tenth or so, repetitive CSV to a fiftieth; deflate's limit is 1032.
MAX_RATIO = 250
# Below this size a high ratio is harmless.
RATIO_FROM = 4 * MIB

_SIZE = mark("more than {size} MiB")
_UNPACKED = mark("more than {size} MiB when unpacked")
_FILES = Detail(mark("more than {limit} files"), {"limit": MAX_ENTRIES})
_TIMES = Detail(mark("more than {limit} times"), {"limit": MAX_RATIO})

ONEROSTER_NAME = re.compile(r"[A-Za-z0-9_\-]+\.csv")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")


class Refused(Exception):
    """The archive, or one of its files, is not read (further)."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.id)
        self.problem = problem


def open_regular(path: Path) -> BinaryIO:
    """The file at a path, if it is a regular one and not too large.

    Raises:
        Refused: it is not.
    """
    try:
        # Opened once and without waiting, so that a pipe cannot block and nothing is swapped in between.
        stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        raise Refused(Problem("P-ROSTER-001", path.name, detail=error.strerror)) from error
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):
        stream.close()
        raise Refused(Problem("P-ROSTER-001", path.name, detail=Detail(mark("not a regular file"))))
    if status.st_size > MAX_ARCHIVE:
        stream.close()
        raise Refused(Problem("P-ROSTER-002", path.name, detail=Detail(_SIZE, {"size": MAX_ARCHIVE // MIB})))
    return stream


def open_archive(
    path: Path, problems: Problems, names: re.Pattern[str] = ONEROSTER_NAME
) -> zipfile.ZipFile | None:
    """The archive at a path if it is fit to be read; otherwise None, and the problems say why."""
    try:
        stream = open_regular(path)
    except Refused as refused:
        problems.add(refused.problem)
        return None
    try:
        archive = _open(stream, path.name)
        _check_entries(archive, path.name, names, problems)
    except Refused as refused:
        problems.add(refused.problem)
    else:
        if not problems.has_errors:
            return archive
    stream.close()
    return None


def _open(stream: BinaryIO, name: str) -> zipfile.ZipFile:
    size = os.fstat(stream.fileno()).st_size
    if _directory_size(stream, size) > MAX_DIRECTORY:
        raise Refused(Problem("P-ROSTER-002", name, detail=_FILES))
    try:
        return zipfile.ZipFile(stream)
    # What zipfile raises on hostile input, besides its own error.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, struct.error) as error:
        raise Refused(Problem("P-ROSTER-001", name)) from error


def _directory_size(stream: BinaryIO, size: int) -> int:
    """Bytes of the list of contents, 0 if there is none; zipfile would read all of it into memory."""
    start = max(0, size - _END.size - 65536)
    stream.seek(start)
    tail = stream.read(size - start)
    stream.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return 0
    directory = int(_END.unpack_from(tail, at)[5])
    before = at - _LOCATOR.size
    if before >= 0 and tail.startswith(b"PK\x06\x07", before):
        end64 = before - _END64.size
        if end64 < 0 or not tail.startswith(b"PK\x06\x06", end64):
            return MAX_DIRECTORY + 1
        directory = max(directory if directory != 0xFFFFFFFF else 0, int(_END64.unpack_from(tail, end64)[8]))
    return directory


def _check_entries(archive: zipfile.ZipFile, name: str, names: re.Pattern[str], problems: Problems) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Refused(Problem("P-ROSTER-002", name, detail=_FILES))
    if sum(entry.file_size for entry in entries) > MAX_TOTAL:
        raise Refused(Problem("P-ROSTER-002", name, detail=Detail(_UNPACKED, {"size": MAX_TOTAL // MIB})))
    seen: dict[str, str] = {}
    for entry in entries:
        file = shown(entry.filename)
        mode = entry.external_attr >> 16
        if "/" in entry.filename or "\\" in entry.filename or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
            problems.add(Problem("P-ROSTER-004", file))
            continue
        if not names.fullmatch(entry.filename):
            problems.add(Problem("P-ROSTER-006", file))
            continue
        if twin := seen.get(entry.filename.lower()):
            problems.add(Problem("P-ROSTER-005", file, detail=twin if twin != entry.filename else None))
        seen[entry.filename.lower()] = entry.filename
        if entry.flag_bits & 0x41 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            problems.add(Problem("P-ROSTER-007", file))
        if entry.file_size > MAX_FILE:
            problems.add(Problem("P-ROSTER-002", file, detail=Detail(_UNPACKED, {"size": MAX_FILE // MIB})))
        _check_ratio(file, entry.file_size, entry.compress_size, problems)


def _check_ratio(file: str, size: int, packed: int, problems: Problems) -> None:
    if size > max(RATIO_FROM, packed * MAX_RATIO):
        problems.add(Problem("P-ROSTER-003", file, detail=_TIMES))


class Measured(io.RawIOBase):
    """A file of the archive as it is unpacked, stopping when more comes out than its size allows."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        entry = archive.getinfo(name)
        self._name = name
        self._limit = min(MAX_FILE, max(RATIO_FROM, entry.compress_size * MAX_RATIO))
        self._read = 0
        try:
            self._stream = archive.open(entry)
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError, struct.error) as error:
            raise Refused(Problem("P-ROSTER-001", name)) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        try:
            data = self._stream.read(len(view))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise Refused(Problem("P-ROSTER-001", self._name)) from error
        self._read += len(data)
        if self._read > self._limit:
            raise Refused(Problem("P-ROSTER-003", self._name, detail=_TIMES))
        view[: len(data)] = data
        return len(data)
