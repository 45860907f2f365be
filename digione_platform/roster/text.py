"""Rows of delimited text from a stranger: decoded strictly, measured, each with its line number."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from digione_platform.i18n import mark
from digione_platform.roster.archive import Refused
from digione_platform.roster.identifiers import holds_personal_identity_code
from digione_platform.roster.problems import Detail, Problem, Problems, masked

LINE = mark("line {line}")
MAX_LINE = 256 * 1024
# Characters of a value, and of each part of one that is a list.
MAX_VALUE, MAX_PART = 4000, 255
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# Line breaks, other control characters, those that turn the direction of writing, and halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Signs between letters that are an ä, ö or å of the other charset: Windows-1252 read as DOS, and back.
_FOREIGN = {
    "cp850": ("cp1252", re.compile("[÷\u2500-\u259f]")),
    "cp1252": ("cp850", re.compile(r"(?<=[^\W\d_])[„”†™](?=[^\W\d_])")),
}


@dataclass(frozen=True)
class Form:
    """How a file is written; what is not UTF-8 is one of the keys of ``_FOREIGN``."""

    delimiter: str = ","
    charset: str = "utf-8"


def read_rows(
    open_file: Callable[[], io.RawIOBase],
    file: str,
    problems: Problems,
    give_up: Callable[[], None],
    form: Form = Form(),
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and values of a file's rows, the header first; empty lines are left out.

    A file that cannot be read further is a problem, and ``give_up`` is called.
    """
    empty = True
    try:
        reader = csv.reader(_lines(open_file(), file, form.charset), strict=True, delimiter=form.delimiter)
        while True:
            try:
                values = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                too_long = "field limit" in str(error)
                problems.add(Problem("P-ROSTER-022" if too_long else "P-ROSTER-023", file, reader.line_num))
                give_up()
                return
            if values:
                empty = False
                yield reader.line_num, values
    except Refused as refused:
        problems.add(refused.problem)
        give_up()
        return
    if empty:
        problems.add(Problem("P-ROSTER-024", file))
        give_up()


def _lines(raw_stream: io.RawIOBase, file: str, charset: str) -> Iterator[str]:
    """The lines of a file as normalised text; stops by Refused at the first that is no text."""
    number, offset = 0, 0
    with io.BufferedReader(raw_stream, 64 * 1024) as stream:
        while raw := stream.readline(MAX_LINE + 1):
            number += 1
            if number == 1:
                if encoding := _BOMS.get(raw[:2]):
                    found = Detail(mark("it is {encoding}"), {"encoding": encoding})
                    raise Refused(Problem(_wrong(charset), file, 1, detail=found))
                if raw.startswith(b"\xef\xbb\xbf"):
                    if charset != "utf-8":
                        found = Detail(mark("it is {encoding}"), {"encoding": "UTF-8"})
                        raise Refused(Problem(_wrong(charset), file, 1, detail=found))
                    raw, offset = raw[3:], 3
            if len(raw) > MAX_LINE:
                found = Detail(mark("more than {size} KiB"), {"size": MAX_LINE // 1024})
                raise Refused(Problem("P-ROSTER-022", file, number, detail=found))
            if b"\x00" in raw:
                found = Detail(mark("byte {number}"), {"number": offset + raw.index(0) + 1})
                raise Refused(Problem("P-ROSTER-021", file, number, detail=found))
            line = raw.decode("ascii") if raw.isascii() else _decoded(raw, charset, file, number, offset)
            yield line if line.isascii() else unicodedata.normalize("NFC", line)
            offset += len(raw)


def _decoded(raw: bytes, charset: str, file: str, number: int, offset: int) -> str:
    try:
        line = raw.decode(charset)
    except UnicodeDecodeError as error:
        byte = {"number": offset + error.start + 1, "value": f"0x{raw[error.start]:02X}"}
        if charset == "utf-8":
            found = Detail(mark("byte {number} is {value}, as in Windows-1252 or Latin-1"), byte)
        else:
            found = Detail(mark("byte {number} is {value}"), byte)
        raise Refused(Problem(_wrong(charset), file, number, detail=found)) from error
    if charset == "utf-8":
        return line
    # These charsets give every byte a meaning, or nearly: what was meant shows in the letters.
    other, foreign = _FOREIGN[charset]
    seems = "UTF-8" if _is_utf8(raw, charset) else other if foreign.search(line) else None
    if seems:
        found = Detail(mark("it looks like {encoding}"), {"encoding": seems})
        raise Refused(Problem(_wrong(charset), file, number, detail=found))
    return line


def _is_utf8(raw: bytes, charset: str) -> bool:
    """Whether a line is UTF-8 that makes no word in a charset.

    "Äš" is "Ě" in UTF-8, and is meant as it stands. "Ã" begins UTF-8's own letters of western Europe (Ü is
    "Ãœ") and stands before another such letter in no name.
    """
    try:
        letters = {letter for letter in raw.decode() if not letter.isascii()}
    except UnicodeDecodeError:
        return False
    readings = (letter.encode().decode(charset) for letter in letters)
    return any(not reading.isalpha() or reading[0] in "ÂÃ" for reading in readings)


def _wrong(charset: str) -> str:
    return "P-ROSTER-020" if charset == "utf-8" else "P-ROSTER-110"


def check_text(file: str, line: int, header: list[str], values: list[str], problems: Problems) -> None:
    """Refuse control characters, personal identity codes and what is too long, anywhere in a row."""
    joined = "\x00".join(values)
    if len(joined) > MAX_PART:
        for column, value in zip(header, values, strict=True):
            if len(value) > MAX_VALUE or any(len(part) > MAX_PART for part in value.split(",")):
                problems.add(Problem("P-ROSTER-022", file, line, column))
    if _CONTROL.search("".join(values)):
        for column, value in zip(header, values, strict=True):
            if _CONTROL.search(value):
                problems.add(Problem("P-ROSTER-049", file, line, column, masked(value)))
    if holds_personal_identity_code(joined):
        for column, value in zip(header, values, strict=True):
            if holds_personal_identity_code(value):
                problems.add(Problem("P-ROSTER-036", file, line, column))


def did_you_mean(name: str, known: Iterable[str]) -> Detail | None:
    """Given a name that is none of those known, a hint if one is near."""
    near = get_close_matches(name, known, n=1)
    return Detail(mark("did you mean {name}?"), {"name": near[0]}) if near else None


def ragged(file: str, line: int, values: list[str], width: int) -> Problem:
    """A row that has not as many values as the header."""
    counted = Detail(mark("{has} instead of {wanted}"), {"has": len(values), "wanted": width})
    return Problem("P-ROSTER-027" if len(values) < width else "P-ROSTER-028", file, line, detail=counted)
