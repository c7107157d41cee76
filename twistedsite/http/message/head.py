"""The head of a request as plain data, and the rules of RFC 9110 and 9112 that it must pass.

The parser makes heads, the channel and the request read them. A head depends on its bytes alone: nothing of a
connection or a client enters it, so one object may serve many requests.
"""

from __future__ import annotations

import re
from functools import cached_property
from urllib.parse import unquote_to_bytes

import msgspec

HeaderFields = tuple[tuple[bytes, bytes], ...]
"""Names as the client spelled them, values without the white space around them, in the order of arrival."""

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""RFC 9110, 5.6.2."""

REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
"""RFC 9112, 3: single spaces; no control, no space and no byte above 0x7e in the target."""

FIELD_LINES = re.compile(rb"(?:(?>" + TOKEN + rb":[\t\x20-\x7e\x80-\xff]*)\r\n)*+")
"""RFC 9112, 5: no space before the colon, no obs-fold, no control but the tab, no bare CR or LF."""

HOST = re.compile(
    rb"(?P<name>\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[\w\-.~!$&'()*+,;=:]+\]"
    rb"|(?:[\w\-.~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII,
)
"""RFC 3986, 3.2.2 and 3.2.3, without userinfo; never empty (RFC 9110, 4.2.1)."""

ABSOLUTE_FORM = re.compile(rb"https?://(?P<authority>[^/?]*)(?P<rest>.*)", re.IGNORECASE)
"""RFC 9112, 3.2.2."""

METHODS = frozenset(
    b"GET HEAD POST PUT DELETE PATCH OPTIONS COPY LOCK MKCOL MOVE PROPFIND PROPPATCH REPORT SEARCH UNLOCK PURGE".split()
)
"""Methods that a resource may know; others, CONNECT among them, are answered 501 (RFC 9110, 9.1)."""

ALLOW = (b"Allow", b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS")
"""Sent with the 405 that answers TRACE."""


_UNPRINTABLE = re.compile(rb'[^\x20-\x7e]|["\\]')


class RequestError(Exception):
    """A request that is answered by `status` and a line of text, and whose connection is then closed."""

    def __init__(self, status: int, message: str, headers: HeaderFields = ()) -> None:
        self.status = status
        self.message = message
        self.headers = headers
        super().__init__(f"{status} {message}")


class HeadText(msgspec.Struct, frozen=True):
    """A head in strings, decoded as ISO 8859-1."""

    method: str
    target: str
    query: str
    protocol: str
    headers: list[tuple[str, str]]
    """Names in lower case. Not to be changed."""
    host: str
    host_name: str
    """Without the port, and without the brackets of an IPv6 address."""


class RequestHead(msgspec.Struct, frozen=True, dict=True):
    """Request line and header section of one request."""

    method: bytes
    target: bytes
    """In origin-form, or `*`: an absolute-form has been taken apart."""
    version: bytes
    """`HTTP/1.0` or `HTTP/1.1`."""
    headers: HeaderFields
    host: bytes
    """Host and port as sent; that of an absolute-form where there was one; empty for HTTP/1.0 without Host."""
    path: bytes
    """Still percent-encoded."""
    query: bytes | None
    """What follows the first `?`, still encoded; None where there is no `?`."""
    keep_alive: bool
    content_length: int
    """0 where none is given."""
    chunked: bool
    expect: bytes
    """Value of Expect in lower case."""
    size: int
    """Length of the head, in bytes."""

    @property
    def has_body(self) -> bool:
        """Whether bytes of content follow."""
        return self.chunked or self.content_length > 0

    @cached_property
    def fields(self) -> dict[bytes, bytes]:
        """Lower-case name -> value; several of one name are joined by `, ` (RFC 9110, 5.3). Not to be changed."""
        joined: dict[bytes, bytes] = {}
        for name, value in self.headers:
            key = name.lower()
            joined[key] = b"%b, %b" % (joined[key], value) if key in joined else value
        return joined

    @cached_property
    def text(self) -> HeadText:
        """The same in strings, for scripts; made once, however often the head comes again."""
        host = self.host.decode("latin-1")
        target = self.target.decode("latin-1")
        return HeadText(
            method=self.method.decode("ascii"),
            target=target,
            query=target.partition("?")[2],
            protocol=self.version.decode("ascii"),
            headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.headers],
            host=host,
            host_name=host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0],
        )

    @cached_property
    def log_parts(self) -> tuple[bytes, bytes]:
        """The request line, and Referer and User-Agent, quoted as the access log writes them."""
        fields = self.fields
        return (
            b'"%b %b %b"' % (self.method, printable(self.target), self.version),
            b'"%b" "%b"' % (printable(fields.get(b"referer", b"-")), printable(fields.get(b"user-agent", b"-"))),
        )

    @cached_property
    def segments(self) -> tuple[bytes, ...]:
        """The path's segments, percent-decoded; of `/a/b%20c` these are `a` and `b c`."""
        return tuple(unquote_to_bytes(segment) for segment in self.path[1:].split(b"/"))


def printable(text: bytes) -> bytes:
    """Return `text` with all that is not printable ASCII, and quotes and backslashes, written as `\\xNN`."""
    return _UNPRINTABLE.sub(lambda match: b"\\x%02x" % match[0][0], text)


def make_head(method: bytes, target: bytes, minor: int, headers: HeaderFields, size: int) -> RequestHead:
    """Return the head of a request line and fields whose bytes are well-formed.

    `minor` is the minor version, 0 or 1. Raises RequestError where fields contradict each other or the rules.
    """
    values = {name: _only(headers, name) for name in (b"host", b"content-length", b"transfer-encoding")}
    host = values[b"host"]
    if host is None and minor:
        raise RequestError(400, "HTTP/1.1 requires a Host field")
    if host is not None:
        check_host(host)
    content_length, chunked = _framing(values[b"content-length"], values[b"transfer-encoding"], minor)
    target, authority = _origin_form(method, target)
    if authority is not None:
        host = authority
        headers = (
            (b"Host", authority),
            *((name, value) for name, value in headers if name.lower() != b"host"),
        )
    path, mark, query = target.partition(b"?")
    if b"%00" in path:
        raise RequestError(400, "The path contains a NUL")
    connection = _tokens(headers, b"connection")
    return RequestHead(
        method=method,
        target=target,
        version=b"HTTP/1.1" if minor else b"HTTP/1.0",
        headers=headers,
        host=host or b"",
        path=path,
        query=query if mark else None,
        keep_alive=b"close" not in connection and (minor == 1 or b"keep-alive" in connection),
        content_length=content_length,
        chunked=chunked,
        expect=b",".join(value.lower() for name, value in headers if name.lower() == b"expect"),
        size=size,
    )


def check_host(host: bytes) -> None:
    """Raise RequestError where `host` is not a host with an optional port (RFC 9110, 7.2)."""
    match = HOST.fullmatch(host)
    if not match or int(match["port"] or 0) > 65535:
        raise RequestError(400, "The host is not valid")


def _only(headers: HeaderFields, wanted: bytes) -> bytes | None:
    values = [value for name, value in headers if name.lower() == wanted]
    if len(values) > 1:
        raise RequestError(400, f"More than one {wanted.decode().title()} field")
    return values[0] if values else None


def _framing(length: bytes | None, coding: bytes | None, minor: int) -> tuple[int, bool]:
    """Return the content's length in bytes and whether it is chunked (RFC 9112, 6)."""
    if coding is not None:
        if length is not None:
            raise RequestError(400, "Both Transfer-Encoding and Content-Length")
        if not minor:
            raise RequestError(400, "HTTP/1.0 has no Transfer-Encoding")
        if coding.lower() == b"chunked":
            return 0, True
        codings = [name.strip(b" \t").lower() for name in coding.split(b",")]
        if codings[-1] == b"chunked" and codings.count(b"chunked") == 1 and all(codings):
            raise RequestError(501, "Only the chunked transfer coding is known here")
        raise RequestError(400, "Transfer-Encoding does not end in chunked")
    if length is None:
        return 0, False
    if not (length.isdigit() and len(length) <= 18):
        raise RequestError(400, "Content-Length is not a number of bytes")
    return int(length), False


def _origin_form(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """Return `target` in origin-form, and the authority of an absolute-form (RFC 9112, 3.2)."""
    if b"#" in target:
        raise RequestError(400, "The target contains a fragment")
    if target.startswith(b"/"):
        return target, None
    if target == b"*":
        if method == b"OPTIONS":
            return target, None
    elif match := ABSOLUTE_FORM.fullmatch(target):
        check_host(match["authority"])
        rest = match["rest"]
        if method == b"OPTIONS" and not rest:
            return b"*", match["authority"]
        return rest if rest.startswith(b"/") else b"/" + rest, match["authority"]
    raise RequestError(400, "The request target is not valid")


def _tokens(headers: HeaderFields, wanted: bytes) -> set[bytes]:
    lists = (value for name, value in headers if name.lower() == wanted)
    return {token.strip(b" \t").lower() for value in lists for token in value.split(b",")}
