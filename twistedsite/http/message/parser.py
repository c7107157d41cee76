"""Bytes to heads: finds the end of a head, and parses it by llhttp (httptools) and stricter rules of our own.

llhttp splits the fields; what it forgives (single LF, white space, versions, methods) is refused here first, on the
raw bytes. Both must agree before a request exists.
"""

from __future__ import annotations

import re

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from twistedsite.http.message.head import (
    ALLOW,
    FIELD_LINES,
    METHODS,
    REQUEST_LINE,
    HeaderFields,
    RequestError,
    RequestHead,
    make_head,
)
from twistedsite.settings.server import HttpLimits

_BARE = re.compile(rb"\r[^\n]|(?<!\r)\n")
_FIRST = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]")

MEMO_ENTRIES = 512
MEMO_HEAD = 2048
"""Longest head that is remembered, in bytes."""


class HeadParser:
    """Finds and parses heads under one site's limits; shared by its connections.

    It remembers the heads of requests without content. Parsing is a function of the bytes and the limits alone, so the
    same bytes at the start of a message always mean the same head; the memo is bounded, and emptied when full.
    """

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self.memo: dict[bytes, RequestHead] = {}
        """Complete heads, to be looked up by exactly the bytes of a message that came in one piece."""

    def find_end(self, buffer: bytes, scanned: int) -> int:
        """Return where the head at the start of `buffer` ends, or -1 if it is not complete.

        `scanned` bytes were seen by an earlier call. Raises RequestError for the first fault in the order of the bytes,
        so that the answer does not depend on how the network cut them.
        """
        end = buffer.find(b"\r\n\r\n", max(0, scanned - 3))
        seen = len(buffer) if end < 0 else end + 4
        if not scanned and seen and not _FIRST.match(buffer):
            raise RequestError(400, "Not an HTTP request")
        bare = _BARE.search(buffer, max(0, scanned - 1), seen)
        sound = bare.start() if bare else seen
        line = buffer.find(b"\r\n", 0, sound)
        limit = self._limits.request_line
        if (line if line >= 0 else sound - 1) > limit:
            raise RequestError(414, f"The request line is longer than {limit} bytes")
        if line >= 0 and sound - line - 4 > self._limits.header_bytes:
            raise RequestError(431, f"The header section is longer than {self._limits.header_bytes} bytes")
        if bare:
            raise RequestError(400, "A line does not end in CR LF")
        return end + 4 if end >= 0 else -1

    def parse(self, data: bytes) -> RequestHead:
        """Return the head that `data`, a complete head with its empty line, holds; raises RequestError."""
        head = self.memo.get(data)
        if head is not None:
            return head
        head = self._parse(data)
        if len(data) <= MEMO_HEAD and not head.has_body:
            if len(self.memo) >= MEMO_ENTRIES:
                self.memo.clear()
            self.memo[data] = head
        return head

    def _parse(self, data: bytes) -> RequestHead:
        line_end = data.index(b"\r\n")
        line = REQUEST_LINE.fullmatch(data, 0, line_end)
        if not line:
            raise RequestError(400, "The request line is not valid")
        method, target, major, minor = line.groups()
        if major != b"1":
            raise RequestError(505, "This server speaks HTTP/1.0 and HTTP/1.1")
        if data.count(b"\r\n") - 2 > self._limits.header_count:
            raise RequestError(431, f"More than {self._limits.header_count} header fields")
        if not FIELD_LINES.fullmatch(data, line_end + 2, len(data) - 2):
            raise RequestError(400, "A header field is not valid")
        if method == b"TRACE":
            raise RequestError(405, "TRACE is not allowed", (ALLOW,))
        if method not in METHODS:
            raise RequestError(501, "The method is not known")
        # RFC 9110, 2.5: a higher minor version is taken as the highest that we speak, which is all that llhttp accepts.
        version = b"HTTP/1.0" if minor == b"0" else b"HTTP/1.1"
        fields, sound = _split(b"%b %b %b%b" % (method, target, version, data[line_end:]))
        head = make_head(method, target, 0 if minor == b"0" else 1, fields, len(data))
        if not sound:
            raise RequestError(400, "The request is not valid")
        return head


class HeadReader:
    """Takes heads from the bytes of one connection."""

    def __init__(self, parser: HeadParser) -> None:
        self._parser = parser
        self._scanned = 0
        self._blank_line = False

    def take(self, buffer: bytes) -> tuple[RequestHead | None, bytes]:
        """Return the head at the start of `buffer` and the bytes after it, or None and the bytes to come back with.

        Raises RequestError as soon as the bytes cannot become a head.
        """
        if not self._scanned and not self._blank_line and buffer.startswith(b"\r"):
            # RFC 9112, 2.2: one empty line before a request is ignored, for clients that end content with one.
            if len(buffer) < 2:
                return None, buffer
            self._blank_line = True
            if buffer[1] == 0x0A:
                buffer = buffer[2:]
        end = self._parser.find_end(buffer, self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            return None, buffer
        self._scanned = 0
        self._blank_line = False
        return self._parser.parse(buffer[:end]), buffer[end:]


class _Fields:
    """llhttp's callbacks."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.strip(b" \t")))


def _split(data: bytes) -> tuple[HeaderFields, bool]:
    """Return the fields of a head, and whether llhttp accepted all of it."""
    found = _Fields()
    sound = True
    try:
        HttpRequestParser(found).feed_data(data)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        sound = False
    return tuple(found.fields), sound
