"""Where a request's content ends: by its length, or by chunks (RFC 9112, 6 and 7.1).

llhttp could decode chunks, but it tells neither where the message ends nor how much an extension may cost; both are
questions of safety here, so the framing is ours. A decoder's answer never depends on how the network cut the bytes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Protocol

from twistedsite.http.message.head import FIELD_LINES, TOKEN, RequestError

CHUNK_LINE = 1024
"""Longest chunk size with its extensions, in bytes."""
EXTENSIONS = 16 * 1024
"""All chunk extensions of one message together, in bytes."""
TRAILERS = 8 * 1024
"""Longest trailer section, in bytes."""

_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+"'
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + _QUOTED + rb"))?)*+)"
)

Sink = Callable[[bytes], None]


class Framing(Protocol):
    """Takes a message's bytes after its head."""

    def feed(self, data: bytes) -> bytes | None:
        """Take `data`; return the bytes after the end of the message, or None while it has not ended."""


class LengthFraming:
    """Content of a known length, in bytes; passes it on to `sink`."""

    def __init__(self, length: int, sink: Sink) -> None:
        self._left = length
        self._sink = sink

    def feed(self, data: bytes) -> bytes | None:
        """See Framing."""
        if len(data) < self._left:
            self._left -= len(data)
            self._sink(data)
            return None
        left, self._left = self._left, 0
        self._sink(data[:left])
        return data[left:]


class _ChunkPart(enum.Enum):
    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILER = enum.auto()


class ChunkedFraming:
    """Chunked content, passed on to `sink`; trailer fields are checked and dropped (RFC 9110, 6.5.1)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._part = _ChunkPart.SIZE
        self._held = b""
        self._left = 0
        self._extensions = 0
        self._trailers = 0

    def feed(self, data: bytes) -> bytes | None:
        """See Framing. Raises RequestError 400 at the first byte that breaks the grammar."""
        data = self._held + data
        self._held = b""
        at = 0
        while at < len(data):
            if self._part is _ChunkPart.DATA:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                self._sink(piece)
                if not self._left:
                    self._part = _ChunkPart.DATA_END
                continue
            end = _line_end(data, at)
            if end < 0:
                self._held = data[at:]
                self._check_length(len(self._held) - 2)
                return None
            self._check_length(end - at)
            line, at = data[at:end], end + 2
            if self._line(line):
                return data[at:]
        return None

    def _line(self, line: bytes) -> bool:
        """Take one line without its CR LF; return whether it was the last of the message."""
        if self._part is _ChunkPart.SIZE:
            self._size(line)
        elif self._part is _ChunkPart.DATA_END:
            self._part = _ChunkPart.SIZE
        elif not line:
            return True
        else:
            self._trailers += len(line) + 2
            if not FIELD_LINES.fullmatch(line + b"\r\n"):
                raise RequestError(400, "A trailer field is not valid")
        return False

    def _size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if not match:
            raise RequestError(400, "A chunk size is not valid")
        self._extensions += len(match[2])
        if self._extensions > EXTENSIONS:
            raise RequestError(400, "The chunk extensions are too long")
        self._left = int(match[1], 16)
        self._part = _ChunkPart.DATA if self._left else _ChunkPart.TRAILER

    def _check_length(self, length: int) -> None:
        """Refuse a line, complete or not, of at least `length` bytes where it is too long for its place."""
        if self._part is _ChunkPart.TRAILER and self._trailers + length > TRAILERS:
            raise RequestError(400, "The trailer section is too long")
        if self._part is _ChunkPart.SIZE and length > CHUNK_LINE:
            raise RequestError(400, "A chunk size is not valid")
        if self._part is _ChunkPart.DATA_END and length > 0:
            raise RequestError(400, "A chunk is longer than its size")


def _line_end(data: bytes, at: int) -> int:
    """Return where the line that begins at `at` ends before its CR LF, or -1; a CR or LF alone is refused."""
    end = data.find(b"\n", at)
    if end == at or (end > 0 and data[end - 1] != 0x0D):
        raise RequestError(400, "A line does not end in CR LF")
    carriage = data.find(b"\r", at, end - 1 if end >= 0 else len(data) - 1)
    if carriage >= 0:
        raise RequestError(400, "A line does not end in CR LF")
    return end - 1 if end >= 0 else -1
