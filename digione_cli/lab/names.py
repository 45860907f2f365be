"""Names that resolve: a marked block in a hosts file, put in and taken out without touching the rest."""

import fcntl
import os
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

_BEGIN, _END = "# begin ", "# end "


def lines(names: Mapping[str, Sequence[str]]) -> list[str]:
    """Given names per address, the lines of a hosts file."""
    return [f"{address} {' '.join(names[address])}" for address in sorted(names, key=IPv4Address)]


def with_block(text: str, label: str, block: Sequence[str]) -> str:
    """Given a hosts file, the same file with the block of ``label`` being these lines; no lines, no block."""
    begin, end = f"{_BEGIN}{label}", f"{_END}{label}"
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if line.rstrip("\n") == begin:
            inside = True
        elif inside:
            inside = line.rstrip("\n") != end
        else:
            kept.append(line)
    rest = "".join(kept)
    if not block:
        return rest
    gap = "" if not rest or rest.endswith("\n") else "\n"
    return rest + gap + "".join(f"{line}\n" for line in [begin, *block, end])


def address_of(text: str, name: str) -> str | None:
    """Given a hosts file, the first address it has for ``name``."""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if name in words[1:]:
            return words[0]
    return None


def label_of(text: str, name: str) -> str | None:
    """Given a hosts file, the label of the block that has the first address for ``name``, if any."""
    label = None
    for line in text.splitlines():
        if line.startswith(_BEGIN):
            label = line.removeprefix(_BEGIN)
        elif line.startswith(_END):
            label = None
        elif name in line.split("#")[0].split()[1:]:
            return label
    return None


def write_block(file: Path, label: str, block: Sequence[str]) -> None:
    """Brings the block into this machine's hosts file, in place, for it is often a mount of its own."""
    with file.open("r+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        before = handle.read()
        after = with_block(before, label, block)
        if after != before:
            handle.seek(0)
            handle.write(after)
            handle.truncate()
            handle.flush()
            os.fsync(handle.fileno())
