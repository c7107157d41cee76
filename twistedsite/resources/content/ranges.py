"""Byte ranges (RFC 9110, 14) as pure functions: what a Range field asks for, and how several parts are framed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

MOST_RANGES: Final = 16
"""More than this many, after joining those that touch, are answered with the whole file (RFC 9110, 14.2)."""

_UNIT: Final = re.compile(rb"bytes=", re.IGNORECASE)
_SPEC: Final = re.compile(rb"(\d*)-(\d*)")
_MOST_SPECS: Final = 256
_HUGE: Final = 10**18


class ByteRange(NamedTuple):
    """Bytes `start` up to, not including, `stop` of a representation; never empty."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.stop - self.start


class UnsatisfiableError(Exception):
    """No range of a valid Range field lies within the representation: 416."""


def parse_ranges(value: bytes, size: int) -> list[ByteRange] | None:
    """Return what the Range field `value` selects of a representation of `size` bytes.

    Ranges that overlap or touch are joined, and stand where the first of them was asked for. None means the whole
    representation: the field is malformed, names another unit, asks for too many ranges, or for a suffix of nothing.
    Raises UnsatisfiableError.
    """
    unit = _UNIT.match(value)
    if not unit or value.count(b",") >= _MOST_SPECS:
        return None
    specs = [spec for spec in (part.strip(b" \t") for part in value[unit.end() :].split(b",")) if spec]
    wanted: list[ByteRange] = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if not match or spec == b"-":
            return None
        first, last = match[1], match[2]
        if not first:
            start, stop = max(size - _number(last), 0), size
            if not size and _number(last):
                return None
        else:
            start, stop = _number(first), min(_number(last) + 1, size) if last else size
            if last and _number(last) < start:
                return None
        if start < stop:
            wanted.append(ByteRange(start, stop))
    if not specs:
        return None
    if not wanted:
        raise UnsatisfiableError
    joined = _joined(wanted)
    return joined if len(joined) <= MOST_RANGES else None


def content_range(part: ByteRange, size: int) -> bytes:
    """Return the Content-Range of `part` of a representation of `size` bytes."""
    return b"bytes %d-%d/%d" % (part.start, part.stop - 1, size)


def part_headers(parts: Sequence[ByteRange], size: int, media_type: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands before each part of a `multipart/byteranges` body, and last, what ends it."""
    before = [
        b"\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n" % (boundary, media_type, content_range(part, size))
        for part in parts
    ]
    return [*before, b"\r\n--%s--\r\n" % boundary]


def _joined(ranges: list[ByteRange]) -> list[ByteRange]:
    order = sorted(range(len(ranges)), key=ranges.__getitem__)
    joined: list[tuple[int, ByteRange]] = []
    for index in order:
        part = ranges[index]
        if joined and part.start <= joined[-1][1].stop:
            asked, previous = joined[-1]
            joined[-1] = min(asked, index), ByteRange(previous.start, max(previous.stop, part.stop))
        else:
            joined.append((index, part))
    return [part for _, part in sorted(joined)]


def _number(digits: bytes) -> int:
    """The value of `digits`; what is past any file's size counts as just that."""
    return int(digits) if len(digits) <= 18 else _HUGE
