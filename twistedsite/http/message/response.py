"""Responses as bytes: heads in which no value can add a line, prepared responses, and refusals.

How content is framed is decided here and nowhere else: an application's Content-Length is kept when it is a number,
its Transfer-Encoding never (RFC 9112, 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus

import msgspec
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers

from twistedsite.http.message.head import RequestError
from twistedsite.settings.reserved_fields import FRAMING

CRLF = b"\r\n"
CLOSE = b"Connection: close\r\n"
KEEP_ALIVE = b"Connection: keep-alive\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SERVER = b"Server: twistedsite\r\n"

_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_USUAL_LINES = {(code, RESPONSES.get(code)): line for code, line in _STATUS_LINES.items()}
_FRAMING = frozenset(name.title().encode() for name in FRAMING)


class PreparedResponse(msgspec.Struct, frozen=True):
    """A response to GET or HEAD that was prepared before it was asked for."""

    head: bytes
    """Status line and all fields but Date and Connection, each line with its CR LF, without the empty line."""
    body: bytes
    status: int = 200


class ResponseError(Exception):
    """A head that cannot be sent: a line break or NUL in a value, or a Content-Length that is not a number."""


@lru_cache(1024)
def canonical_name(name: bytes) -> bytes:
    """Return a field's name in the spelling of Twisted's `Headers`: `Content-Type`, `ETag`."""
    return next(spelled for spelled, _ in Headers({name: [b""]}).getAllRawHeaders())


def has_no_content(status: int) -> bool:
    """Whether responses of `status` have no content by definition (RFC 9110, 15)."""
    return status < 200 or status in (204, 205, 304)


def status_line(status: int, reason: bytes) -> bytes:
    """Return the status line with its CR LF; `reason` is used where it is not the usual phrase."""
    return _USUAL_LINES.get((status, reason)) or b"HTTP/1.1 %d %b\r\n" % (status, reason)


def usual_status_line(status: int) -> bytes:
    """Return the status line with the usual phrase of `status`, as Twisted's Request writes it."""
    return status_line(status, RESPONSES.get(status, b"Unknown Status"))


def declared_length(headers: Mapping[bytes, Sequence[bytes]]) -> int:
    """Return the Content-Length that the application set; raises ResponseError where it is not one number."""
    values = headers[b"Content-Length"]
    if len(values) != 1 or not values[0].isdigit():
        raise ResponseError("Content-Length is not a number")
    return int(values[0])


def head_bytes(start: bytes, headers: Mapping[bytes, Sequence[bytes]], date: bytes, ending: bytes) -> bytes:
    """Return a whole head: the status line `start`, the application's `headers`, Date and Server, our own `ending`.

    `ending` holds the framing's and Connection's lines. Raises ResponseError where anything would add a line.
    """
    lines = [start]
    lines += [
        b"%b: %b\r\n" % (name, value) for name, values in headers.items() if name not in _FRAMING for value in values
    ]
    head = b"".join(lines)
    # Twisted's Headers fold line breaks, but not NUL, and the reason phrase passes unseen.
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
        raise ResponseError("A header field or the reason contains a line break or NUL")
    if b"Date" in headers:
        date = b""
    return b"%b%b%b%b\r\n" % (head, date, b"" if b"Server" in headers else SERVER, ending)


def prepared_head(status: int, reason: bytes, fields: Iterable[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """Return the head of a PreparedResponse with these fields, names and values."""
    lines = [(name, b"%b: %b\r\n" % (name, value)) for name, values in fields for value in values]
    server = b"" if any(name.lower() == b"server" for name, _ in lines) else SERVER
    return b"".join((status_line(status, reason), *(line for _, line in lines), server))


def refusal(refused: RequestError, date: bytes, head_only: bool) -> bytes:
    """Return the whole response to a request that was refused; the connection is closed after it."""
    body = b"" if refused.status == 205 else f"{refused.message.rstrip('.')}.\n".encode()
    lines = [_STATUS_LINES.get(refused.status) or b"HTTP/1.1 %d RequestError\r\n" % refused.status, date, SERVER]
    lines.extend(b"%b: %b\r\n" % field for field in refused.headers)
    lines.append(b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n" % len(body))
    lines.append(CLOSE + CRLF)
    return b"".join(lines) + (b"" if head_only else body)
