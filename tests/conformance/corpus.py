"""Requests that a server can get wrong, written from RFC 9110 and 9112: what is sent, and what must come back.

A refused request is answered once, by `status`, and the connection is closed. An accepted one leaves it open (unless
`closes`), and the next request on it is understood.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One request. `section` is of RFC 9112 where it stands alone."""

    name: str
    section: str
    data: bytes
    status: int = 400
    closes: bool = True


def _get(target: bytes = b"/", fields: bytes = b"Host: a\r\n", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET %b %b\r\n%b\r\n" % (target, version, fields)


def _post(fields: bytes, content: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST / %b\r\nHost: a\r\n%b\r\n%b" % (version, fields, content)


def _chunked(content: bytes) -> bytes:
    return _post(b"Transfer-Encoding: chunked\r\n", content)


def _field(line: bytes) -> bytes:
    return _get(fields=b"Host: a\r\n" + line + b"\r\n")


def _good(name: str, section: str, data: bytes, status: int = 200) -> Case:
    return Case(name, section, data, status, False)


MESSAGES = [
    _good("the plainest request", "2.1", _get()),
    _good("one empty line before the request", "2.2", b"\r\n" + _get()),
    Case("two empty lines before the request", "2.2", b"\r\n\r\n" + _get()),
    Case("a line feed before the request", "2.2", b"\n" + _get()),
    Case("a space before the request", "2.2", b" " + _get()),
    Case("a space before the first field", "2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    Case("a tab before the first field", "2.2", b"GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n"),
    Case("lines that end in LF alone", "2.2", b"GET / HTTP/1.1\nHost: a\n\n"),
    Case("a request line that ends in LF alone", "2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    Case("a field that ends in LF alone", "2.2", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    Case("a head that ends in LF alone", "2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    Case("a field that ends in CR alone", "2.2", b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
    Case("a CR within a value", "2.2", _field(b"X: a\rb")),
    Case("a request line that ends in CR CR LF", "2.2", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    Case("a field that ends in CR CR LF", "2.2", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    Case("a TLS greeting", "2.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)),
    Case("the preface of HTTP/2", "2.3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("zeros", "2.1", bytes(16)),
]

REQUEST_LINES = [
    _good("HTTP/1.0 with keep-alive", "9.3", _get(version=b"HTTP/1.0", fields=b"Connection: keep-alive\r\n")),
    Case("HTTP/1.0", "9.3", _get(version=b"HTTP/1.0", fields=b""), 200),
    _good("a higher minor version", "RFC 9110, 2.5", _get(version=b"HTTP/1.2")),
    Case("HTTP/2.0", "RFC 9110, 15.6.6", _get(version=b"HTTP/2.0"), 505),
    Case("HTTP/0.9 by number", "RFC 9110, 15.6.6", _get(version=b"HTTP/0.9"), 505),
    Case("HTTP/3.0", "RFC 9110, 15.6.6", _get(version=b"HTTP/3.0"), 505),
    Case("no version", "3", b"GET /\r\n\r\n"),
    Case("a version in lower case", "2.3", _get(version=b"http/1.1")),
    Case("a version without minor", "2.3", _get(version=b"HTTP/1")),
    Case("a version of two digits", "2.3", _get(version=b"HTTP/1.10")),
    Case("a version of two major digits", "2.3", _get(version=b"HTTP/11.1")),
    Case("a version with a comma", "2.3", _get(version=b"HTTP/1,1")),
    Case("another protocol's name", "2.3", _get(version=b"HTTQ/1.1")),
    Case("a sign in the version", "2.3", _get(version=b"HTTP/+1.1")),
    Case("a space in the version", "2.3", _get(version=b"HTTP/ 1.1")),
    Case("a space after the version", "3", _get(version=b"HTTP/1.1 ")),
    Case("two spaces before the target", "3", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("two spaces after the target", "3", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a tab for a space", "3", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a tab before the version", "3", b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a form feed for a space", "3", b"GET /\x0cHTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("no target", "3", b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("no method", "3", b"/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("an unknown method", "RFC 9110, 9.1", b"FROB / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    Case("a method in lower case", "RFC 9110, 9.1", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    Case("a method that is no token", "RFC 9110, 9.1", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a method with a colon", "RFC 9110, 9.1", b"GET: / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a method with a NUL", "RFC 9110, 9.1", b"GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a method with a high byte", "RFC 9110, 9.1", b"GE\xd4 / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("TRACE", "RFC 9110, 9.3.8", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    Case("CONNECT", "RFC 9110, 9.3.6", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
    Case("a request line beyond the limit", "3", _get(b"/" + b"a" * 9000), 414),
    Case("a request line without an end", "3", b"GET /" + b"a" * 9000, 414),
]

TARGETS = [
    _good("a query", "3.2.1", _get(b"/a?b=c")),
    _good("an empty query", "3.2.1", _get(b"/a?")),
    _good("percent-encoding", "3.2.1", _get(b"/a%20b")),
    _good("the characters that browsers leave alone", "3.2.1", _get(b"/[x]|{y}^z?'\"<>`")),
    _good("two slashes at the beginning", "3.2.1", _get(b"//a/b")),
    _good("absolute-form", "3.2.2", _get(b"http://b/x")),
    _good("absolute-form without a path", "3.2.2", _get(b"http://b")),
    _good("absolute-form with a query and no path", "3.2.2", _get(b"http://b?x")),
    _good("absolute-form in capitals", "3.2.2", _get(b"HTTP://B/x")),
    _good("absolute-form with a port", "3.2.2", _get(b"https://b:8443/x")),
    Case("absolute-form without Host", "3.2", _get(b"http://b/x", fields=b"")),
    Case("absolute-form with userinfo", "RFC 9110, 4.2.4", _get(b"http://u:p@b/x")),
    Case("absolute-form without a host", "RFC 9110, 4.2.1", _get(b"http:///x")),
    Case("absolute-form of another scheme", "3.2.2", _get(b"ftp://b/x")),
    Case("absolute-form with a bad port", "3.2.2", _get(b"http://b:99999/x")),
    Case("authority-form for GET", "3.2.3", _get(b"a:80")),
    _good("OPTIONS of the server", "3.2.4", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    _good("OPTIONS of the server in absolute-form", "3.2.4", b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("asterisk-form for GET", "3.2.4", _get(b"*")),
    Case("a target that is no form", "3.2", _get(b"!")),
    Case("a relative target", "3.2", _get(b"a/b")),
    Case("a fragment", "3.2.1", _get(b"/a#b")),
    Case("a fragment in the query", "3.2.1", _get(b"/a?b#c")),
    Case("a NUL in the target", "3.2", _get(b"/a\0b")),
    Case("a percent-encoded NUL", "3.2", _get(b"/a%00b")),
    Case("a control in the target", "3.2", _get(b"/a\x01b")),
    Case("DEL in the target", "3.2", _get(b"/a\x7fb")),
    Case("a high byte in the target", "3.2", _get(b"/a\xffb")),
    Case("UTF-8 in the target", "3.2", _get("/ä".encode())),
    Case("a space in the target", "3.2", _get(b"/a b")),
    Case("an escape character in the target", "3.2", _get(b"/\x1b[31m")),
]

HOSTS = [
    _good("a host with a port", "3.2", _get(fields=b"Host: a:8080\r\n")),
    _good("a host with an empty port", "3.2", _get(fields=b"Host: a:\r\n")),
    _good("an IPv4 address", "3.2", _get(fields=b"Host: 127.0.0.1\r\n")),
    _good("an IPv6 address", "3.2", _get(fields=b"Host: [::1]:80\r\n")),
    _good("a host with an underscore", "3.2", _get(fields=b"Host: a_b.example\r\n")),
    _good("white space around the host", "5.1", _get(fields=b"Host: \t a \t\r\n")),
    Case("no host", "3.2", _get(fields=b"")),
    Case("two hosts", "3.2", _get(fields=b"Host: a\r\nHost: b\r\n")),
    Case("two equal hosts", "3.2", _get(fields=b"Host: a\r\nhost: a\r\n")),
    Case("an empty host", "RFC 9110, 4.2.1", _get(fields=b"Host:\r\n")),
    Case("a host with a space", "3.2", _get(fields=b"Host: a b\r\n")),
    Case("a host with a path", "3.2", _get(fields=b"Host: a/b\r\n")),
    Case("a host with a space and a path", "3.2", _get(fields=b"Host: a b/c\r\n")),
    Case("a host with userinfo", "3.2", _get(fields=b"Host: u@a\r\n")),
    Case("a host with a query", "3.2", _get(fields=b"Host: a?b\r\n")),
    Case("a host with a fragment", "3.2", _get(fields=b"Host: a#b\r\n")),
    Case("a host with a high byte", "3.2", _get(fields=b"Host: \xe4\r\n")),
    Case("a host with a backslash", "3.2", _get(fields=b"Host: a\\b\r\n")),
    Case("a port in letters", "3.2", _get(fields=b"Host: a:http\r\n")),
    Case("a port out of range", "3.2", _get(fields=b"Host: a:65536\r\n")),
    Case("a negative port", "3.2", _get(fields=b"Host: a:-1\r\n")),
    Case("an open IPv6 address", "3.2", _get(fields=b"Host: [::1\r\n")),
    Case("an IPv6 address without brackets", "3.2", _get(fields=b"Host: ::1\r\n")),
    Case("a bad host in HTTP/1.0", "3.2", _get(fields=b"Host: a b\r\n", version=b"HTTP/1.0")),
    Case("two hosts in HTTP/1.0", "3.2", _get(fields=b"Host: a\r\nHost: b\r\n", version=b"HTTP/1.0")),
]

FIELDS = [
    _good("an empty value", "5", _field(b"X:")),
    _good("no space after the colon", "5", _field(b"X:y")),
    _good("a tab in a value", "5.5 of RFC 9110", _field(b"X: a\tb")),
    _good("high bytes in a value", "RFC 9110, 5.5", _field(b"X: \xe4\xff")),
    _good("a name of every token character", "RFC 9110, 5.6.2", _field(b"!#$%&'*+-.^_`|~09aZ: y")),
    _good("a name twice", "RFC 9110, 5.3", _field(b"X: a\r\nX: b")),
    Case("a space before the colon", "5.1", _field(b"X : y")),
    Case("a tab before the colon", "5.1", _field(b"X\t: y")),
    Case("a space before the colon of Host", "5.1", _get(fields=b"Host : a\r\n")),
    Case("a space before the colon of Content-Length", "5.1", _post(b"Content-Length : 5\r\n", b"hello")),
    Case(
        "a space before the colon of Transfer-Encoding", "5.1", _post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n")
    ),
    Case("a folded value", "5.2", _field(b"X: a\r\n b")),
    Case("a value folded by a tab", "5.2", _field(b"X: a\r\n\tb")),
    Case("a folded Transfer-Encoding", "5.2", _post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n")),
    Case("a folded empty line", "5.2", _field(b"X: a\r\n \r\nY: b")),
    Case("a line without a colon", "5", _field(b"X")),
    Case("an empty name", "RFC 9110, 5.1", _field(b": y")),
    Case("a space in a name", "RFC 9110, 5.1", _field(b"X Y: z")),
    Case("a high byte in a name", "RFC 9110, 5.1", _field(b"X\xe4: y")),
    Case("a NUL in a name", "RFC 9110, 5.1", _field(b"X\0: y")),
    Case("a parenthesis in a name", "RFC 9110, 5.1", _field(b"X(: y")),
    Case("a vertical tab before a name", "RFC 9110, 5.1", _field(b"\x0bX: y")),
    Case("a NUL in a value", "RFC 9110, 5.5", _field(b"X: a\0b")),
    Case("a control in a value", "RFC 9110, 5.5", _field(b"X: a\x01b")),
    Case("an escape character in a value", "RFC 9110, 5.5", _field(b"X: \x1b[0m")),
    Case("DEL in a value", "RFC 9110, 5.5", _field(b"X: a\x7fb")),
    Case("a header section beyond the limit", "5", _field(b"X: " + b"a" * 40_000), 431),
    Case("a header section without an end", "5", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000, 431),
    Case("too many fields", "5", _field(b"\r\n".join(b"X%d: y" % i for i in range(150))), 431),
]

LENGTHS = [
    _good("a length", "6.2", _post(b"Content-Length: 5\r\n", b"hello")),
    _good("a length of nothing", "6.2", _post(b"Content-Length: 0\r\n")),
    _good("leading zeros", "6.2", _post(b"Content-Length: 005\r\n", b"hello")),
    _good("content of GET", "6.2", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
    _good("no length", "6.3", _post(b"")),
    Case("equal lengths twice", "6.3", _post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")),
    Case("differing lengths", "6.3", _post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!")),
    Case("a list of equal lengths", "6.3", _post(b"Content-Length: 5, 5\r\n", b"hello")),
    Case("a list of differing lengths", "6.3", _post(b"Content-Length: 5, 6\r\n", b"hello")),
    Case("an empty length", "6.2", _post(b"Content-Length:\r\n", b"hello")),
    Case("a negative length", "6.2", _post(b"Content-Length: -5\r\n", b"hello")),
    Case("a length with a sign", "6.2", _post(b"Content-Length: +5\r\n", b"hello")),
    Case("a hexadecimal length", "6.2", _post(b"Content-Length: 0x5\r\n", b"hello")),
    Case("a length with an underscore", "6.2", _post(b"Content-Length: 1_0\r\n", b"hello")),
    Case("a length with a fraction", "6.2", _post(b"Content-Length: 5.0\r\n", b"hello")),
    Case("a length with a space", "6.2", _post(b"Content-Length: 1 0\r\n", b"hello")),
    Case("a length in letters", "6.2", _post(b"Content-Length: five\r\n", b"hello")),
    Case("a length in foreign digits", "6.2", _post(b"Content-Length: \xef\xbc\x95\r\n", b"hello")),
    Case("a length that overflows", "6.2", _post(b"Content-Length: 18446744073709551621\r\n", b"hello")),
    Case("a length beyond the limit", "RFC 9110, 15.5.14", _post(b"Content-Length: 99999999\r\n"), 413),
]

CODINGS = [
    _good("chunks", "7.1", _chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")),
    _good("chunked in capitals", "7", _post(b"Transfer-Encoding: Chunked\r\n", b"0\r\n\r\n")),
    _good("sizes in capitals and with zeros", "7.1", _chunked(b"000A\r\n0123456789\r\n0\r\n\r\n")),
    _good("extensions", "7.1.1", _chunked(b'5;a=b;c="d\\"e" ; f\r\nhello\r\n0;x\r\n\r\n')),
    _good("trailers", "7.1.2", _chunked(b"5\r\nhello\r\n0\r\nX: y\r\nZ: z\r\n\r\n")),
    _good("trailers that would change the framing", "7.1.2", _chunked(b"0\r\nContent-Length: 9\r\n\r\n")),
    Case("chunked and a length", "6.3", _post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n")),
    Case("a length and chunked", "6.3", _post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")),
    Case("chunked in HTTP/1.0", "6.1", _post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"HTTP/1.0")),
    Case("an unknown coding", "6.1", _post(b"Transfer-Encoding: frob\r\n", b"0\r\n\r\n")),
    Case("gzip and chunked", "6.1", _post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    Case("chunked before gzip", "6.3", _post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    Case("chunked twice in a list", "6.1", _post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n")),
    Case("chunked in two fields", "6.1", _post(b"Transfer-Encoding: chunked\r\n" * 2, b"0\r\n\r\n")),
    Case("identity", "6.1", _post(b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n")),
    Case("an empty coding", "6.1", _post(b"Transfer-Encoding:\r\n", b"0\r\n\r\n")),
    Case("a comma before chunked", "6.1", _post(b"Transfer-Encoding: , chunked\r\n", b"0\r\n\r\n")),
    Case("a prefix of chunked", "6.1", _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n")),
    Case("chunked in quotes", "6.1", _post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n")),
    Case("chunked after a vertical tab", "6.1", _post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n")),
    Case("chunked with a parameter", "6.1", _post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n")),
]

CHUNKS = [
    Case("no size", "7.1", _chunked(b"\r\nhello\r\n0\r\n\r\n")),
    Case("a size in letters", "7.1", _chunked(b"xyz\r\nhello\r\n0\r\n\r\n")),
    Case("a size with 0x", "7.1", _chunked(b"0x5\r\nhello\r\n0\r\n\r\n")),
    Case("a size with a sign", "7.1", _chunked(b"+5\r\nhello\r\n0\r\n\r\n")),
    Case("a negative size", "7.1", _chunked(b"-5\r\nhello\r\n0\r\n\r\n")),
    Case("a size with an underscore", "7.1", _chunked(b"0_5\r\nhello\r\n0\r\n\r\n")),
    Case("a size after a space", "7.1", _chunked(b" 5\r\nhello\r\n0\r\n\r\n")),
    Case("a size before a space", "7.1", _chunked(b"5 \r\nhello\r\n0\r\n\r\n")),
    Case("a size that overflows", "7.1", _chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n")),
    Case("a size that ends in LF alone", "7.1", _chunked(b"5\nhello\r\n0\r\n\r\n")),
    Case("a size that ends in CR alone", "7.1", _chunked(b"5\rhello\r\n0\r\n\r\n")),
    Case("a chunk that ends in LF alone", "7.1", _chunked(b"5\r\nhello\n0\r\n\r\n")),
    Case("a chunk that ends in nothing", "7.1", _chunked(b"5\r\nhello0\r\n\r\n")),
    Case("a chunk longer than its size", "7.1", _chunked(b"4\r\nhello\r\n0\r\n\r\n")),
    Case("a chunk shorter than its size", "7.1", _chunked(b"6\r\nhello\r\n0\r\n\r\n")),
    Case("an extension that ends in LF alone", "7.1.1", _chunked(b"5;a\nhello\r\n0\r\n\r\n")),
    Case("an extension with a CR", "7.1.1", _chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n")),
    Case("an extension without a name", "7.1.1", _chunked(b"5;\r\nhello\r\n0\r\n\r\n")),
    Case("an extension without a value", "7.1.1", _chunked(b"5;a=\r\nhello\r\n0\r\n\r\n")),
    Case("an extension with an open quote", "7.1.1", _chunked(b'5;a="b\r\nhello\r\n0\r\n\r\n')),
    Case("an extension with a NUL", "7.1.1", _chunked(b"5;a=\0\r\nhello\r\n0\r\n\r\n")),
    Case("a long extension", "7.1.1", _chunked(b"5;" + b"a" * 2000 + b"\r\nhello\r\n0\r\n\r\n")),
    Case("many extensions", "7.1.1", _chunked((b"1;" + b"a" * 500 + b"\r\nx\r\n") * 40 + b"0\r\n\r\n")),
    Case("a trailer with a space before the colon", "7.1.2", _chunked(b"0\r\nX : y\r\n\r\n")),
    Case("a folded trailer", "7.1.2", _chunked(b"0\r\nX: y\r\n z\r\n\r\n")),
    Case("a trailer without a colon", "7.1.2", _chunked(b"0\r\nX\r\n\r\n")),
    Case("a trailer that ends in LF alone", "7.1.2", _chunked(b"0\r\nX: y\n\r\n")),
    Case("a long trailer section", "7.1.2", _chunked(b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n")),
    Case(
        "chunks beyond the limit", "RFC 9110, 15.5.14", _chunked(b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n0\r\n\r\n"), 413
    ),
]

CONTROLS = [
    Case("Connection: close", "9.6", _field(b"Connection: close"), 200),
    Case("close in a list", "9.6", _field(b"Connection: keep-alive,close"), 200),
    Case("close in capitals", "9.6", _field(b"Connection: CLOSE"), 200),
    Case("close in a second field", "9.6", _field(b"Connection: x\r\nConnection: close"), 200),
    _good("keep-alive", "9.3", _field(b"Connection: keep-alive")),
    _good("an expectation without content", "RFC 9110, 10.1.1", _field(b"Expect: 100-continue")),
    Case("an unknown expectation", "RFC 9110, 10.1.1", _field(b"Expect: 200-ok"), 417),
    Case("two expectations", "RFC 9110, 10.1.1", _field(b"Expect: 100-continue, x"), 417),
    _good("an upgrade that nobody offers", "RFC 9110, 7.8", _field(b"Connection: Upgrade\r\nUpgrade: frob")),
    _good("an upgrade to HTTP/2", "RFC 9110, 7.8", _field(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c")),
]

CORPUS = MESSAGES + REQUEST_LINES + TARGETS + HOSTS + FIELDS + LENGTHS + CODINGS + CHUNKS + CONTROLS
