"""Child processes whose input is streamed and whose output is capped: memory stays flat whatever they say."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from digione_cli.world.files import clean_environment

MAX_STDERR = 1_000_000  # bytes
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code and what it said."""

    code: int
    stdout: bytes
    stderr: bytes


class TooMuch(Exception):
    """A process said more than it may, and was killed."""


class TooLong(Exception):
    """A process took longer than it may, and was killed."""


def exchange(argv: list[str], given: Iterable[bytes], most: int, seconds: float) -> Ended:
    """Run a command, stream ``given`` into it, and return what it said.

    Raises:
        TooMuch: it said more than ``most`` bytes, or more than MAX_STDERR on standard error.
        TooLong: it did not end in time.
    """
    late = threading.Event()
    with _started(argv) as process:

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            out, err = _Reader(process.stdout, most, process), _Reader(process.stderr, MAX_STDERR, process)
            _give(process.stdin, given)
            code = process.wait()
        finally:
            timer.cancel()
        if late.is_set():
            raise TooLong
        return Ended(code, out.all(), err.all())


def follow(argv: list[str], given: bytes, say: Callable[[bytes], object]) -> Ended:
    """Run a command and hand on what it says at once, in small parts; standard error is returned.

    Raises:
        TooMuch: it said more than MAX_STDERR on standard error.
    """
    with _started(argv) as process:
        err = _Reader(process.stderr, MAX_STDERR, process)
        _give(process.stdin, [given])
        for part in _parts(process.stdout):
            say(part)
        return Ended(process.wait(), b"", err.all())


def chunks(file: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, little by little."""
    yield from _parts(file.open("rb"))


@contextmanager
def _started(argv: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command with three pipes; leaving the block ends it, however it is left."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=clean_environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _give(stdin: IO[bytes] | None, given: Iterable[bytes]) -> None:
    """Write all parts and close; a process that has ended or wants no more tells why by its output."""
    assert stdin
    with suppress(BrokenPipeError):
        for part in given:
            stdin.write(part)
    with suppress(BrokenPipeError):
        stdin.close()


def _parts(stream: IO[bytes] | None) -> Iterator[bytes]:
    assert stream
    with stream:
        while part := os.read(stream.fileno(), _CHUNK):
            yield part


class _Reader(threading.Thread):
    """Reads a stream to its end; kills the process when it says more than it may."""

    def __init__(self, stream: IO[bytes] | None, most: int, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._stream, self._most, self._process = stream, most, process
        self._read: list[bytes] = []
        self._too_much = False
        self.start()

    def run(self) -> None:
        size = 0
        for part in _parts(self._stream):
            size += len(part)
            if size > self._most:
                self._too_much = True
                self._process.kill()
                return
            self._read.append(part)

    def all(self) -> bytes:
        """Wait for the end and return what was read, or raise TooMuch."""
        self.join()
        if self._too_much:
            raise TooMuch
        return b"".join(self._read)
