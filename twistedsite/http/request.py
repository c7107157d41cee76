"""The request that resources see: Twisted's own, with what is slow or unsafe replaced.

The channel makes one when head and content are complete. Headers, cookies and arguments are looked at only when a
resource asks for them; the response's framing comes from `response`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http, resource, server
from twisted.web.error import UnsupportedMethod
from twisted.web.http_headers import Headers
from twisted.web.pages import errorPage

from twistedsite.http.connection.body import close_content
from twistedsite.http.connection.interface import Connection
from twistedsite.http.connection.output import JOINED_BYTES
from twistedsite.http.connection.sendfile import send_file
from twistedsite.http.message import response
from twistedsite.http.message.head import RequestHead


class Request(server.Request):
    """One request and its response. See `twisted.web.iweb.IRequest`."""

    channel: Any
    site: Any
    sitepath: list[bytes]
    queued = False
    authenticated: str = ""
    """The name of the user who has been let in; empty: nobody was asked. Whoever checks the password sets it."""
    _content: IO[bytes] | None
    _args: dict[bytes, list[bytes]]
    _left: int | None = None
    """Bytes of content still to be written; None: as many as come."""
    _silent = False
    """The response has no content, whatever is written."""
    _log = Logger()

    def __init__(self, channel: Connection, head: RequestHead, content: IO[bytes] | None = None) -> None:
        # Instead of http.Request.__init__, which makes header objects and asks for addresses that few resources need.
        self._adapterCache: dict[object, object] = {}
        self.channel = channel
        self.site = channel.site
        self.transport = channel.transport
        self.head = head
        self._content = content
        self.method = head.method
        self.uri = head.target
        self.path = head.path
        self.clientproto = head.version
        self.client = channel.peer
        self.responseHeaders = Headers()
        self.cookies: list[bytes] = []
        self.notifications: list[Deferred[None]] = []

    def __getattr__(self, name: str) -> Any:
        """Make what is costly and seldom needed when it is first looked at."""
        if name == "requestHeaders":
            headers = Headers()
            for field, value in self.head.headers:
                headers.addRawHeader(field, value)
            self.requestHeaders = headers
            return headers
        if name == "received_cookies":
            self.received_cookies: dict[bytes, bytes] = {}
            self.parseCookies()
            return self.received_cookies
        if name == "host":
            if self.channel is None:
                raise AttributeError(name)
            self.host = self.channel.getHost()
            return self.host
        raise AttributeError(name)

    @property
    def asked_before(self) -> bool:
        """Whether the engine asks for a quick answer before it makes such a request, so that one is worth keeping."""
        return self.site.engine.quick_answer is not None

    @property
    def content(self) -> Any:
        """The request's content, a binary file that can be read and sought; empty where there was none."""
        if self._content is None:
            self._content = BytesIO()
        return self._content

    @content.setter
    def content(self, value: Any) -> None:
        self._content = value

    @property
    def args(self) -> dict[bytes, list[bytes]]:
        """Arguments of the query, percent-decoded; `;` separates nothing. Forms in the content are not parsed."""
        try:
            return self._args
        except AttributeError:
            self._args = _parse_query(self.head.query or b"")
            return self._args

    @args.setter
    def args(self, value: dict[bytes, list[bytes]]) -> None:
        self._args = value

    def process(self) -> None:
        """Find the resource and let it answer."""
        if self.path == b"*":
            self._handleStar()
            return
        self.locate()
        try:
            found = self.site.getResourceFor(self)
            if resource._IEncodingResource.providedBy(found):
                self._encoder = found.getEncoder(self)
            self.render(found)
        except BaseException:
            self.processingFailed(Failure())

    def locate(self) -> None:
        """Stand at the root of the site's tree, before any segment of the path."""
        self.prepath = []
        self.postpath = list(self.head.segments)

    def render(self, resrc: Any) -> None:
        """Let `resrc` answer, with content that it returns or by calls on this request, now or later."""
        try:
            body = resrc.render(self)
        except UnsupportedMethod as error:
            body = self._unsupported(resrc, error)
        if body is server.NOT_DONE_YET:
            return
        if not isinstance(body, bytes):
            raise TypeError(f"{resrc!r} returned {type(body).__name__}, not bytes")
        if self.startedWriting or self._encoder is not None:
            self.write(body)
        else:
            self._default_type(len(body))
            self.responseHeaders._rawHeaders.pop(b"Content-Length", None)
            self._begin(body, len(body))
        self.finish()

    def _unsupported(self, resrc: Any, error: UnsupportedMethod) -> object:
        """Answer for a resource without the method: HEAD as GET (RFC 9110, 9.3.2), else 405 (15.5.6)."""
        allowed: Sequence[bytes] = error.allowedMethods
        if self.method == b"HEAD" and b"GET" in allowed:
            self.method = b"GET"
            return resrc.render(self)
        self.setHeader(b"Allow", b", ".join(allowed))
        names = ", ".join(method.decode("ascii") for method in allowed)
        return errorPage(405, "Method Not Allowed", f"Allowed here: {names}.").render(self)

    def processingFailed(self, reason: Failure) -> Failure:
        """Log `reason` and answer 500, or cut the response off where it has begun."""
        if not self.startedWriting and not self.finished and not self._disconnected:
            self.responseHeaders = Headers()
            self.cookies = []
            self._encoder = None
            super().processingFailed(reason)
            return reason
        self._log.failure("{path}: failed while answering", failure=reason, path=self.path)
        if self.channel is not None:
            self.channel.abortConnection()
        return reason

    def write(self, data: bytes) -> None:
        """Send `data` as the next bytes of content."""
        if self.finished:
            raise RuntimeError("Request.write called on a request after Request.finish was called.")
        if self._disconnected:
            return
        if not self.startedWriting:
            self._default_type(None)
        if self._encoder is not None:
            data = self._encoder.encode(data)
        self._write(data)

    def finish(self) -> None:
        """The response is complete."""
        if self._disconnected:
            raise RuntimeError(
                "Request.finish called on a request after its connection was lost; "
                "use Request.notifyFinish to keep track of this."
            )
        if self.finished:
            warnings.warn("Warning! request.finish called twice.", stacklevel=2)
            return
        if self._encoder is not None and (tail := self._encoder.finish()):
            self._write(tail)
        if not self.startedWriting:
            self._default_type(0)
            self._begin(b"", 0)
        channel = self.channel
        if channel is None:
            return
        if self.chunked and not self._silent:
            channel.write(b"0\r\n\r\n")
        elif self._left:
            self._log.error("{path}: {left} bytes are missing from the response", path=self.path, left=self._left)
            channel.abortConnection()
            return
        self.finished = 1
        channel.engine.log.response(channel.peer_name, self.head, self.code, self.sentLength, self.authenticated)
        self._cleanup()

    def answer(self, status: int, fields: Iterable[tuple[bytes, bytes]], content: bytes) -> None:
        """Send the whole response and finish; the `fields` come beside what `setHeader` has been given.

        Framing, Date and Connection are the server's own: `fields` name none of them. This is what `setHeader`,
        `write` and `finish` do, in fewer steps, for an answer that is there in one piece.
        """
        self.setResponseCode(status)
        raw = self.responseHeaders._rawHeaders
        for name, value in fields:
            raw.setdefault(response.canonical_name(name), []).append(value)
        self._begin(content, len(content))
        self.finish()

    def send_file(self, fd: int, offset: int, length: int) -> Deferred[None]:
        """Send `length` bytes at `offset` of the open regular file `fd` as the next bytes of content.

        Content-Length should have been set. The Deferred fires when all bytes are with the system; then call `finish`
        and close the file. It fails when the client goes away or the file turns out shorter; cancelling it cuts the
        response off.
        """
        return send_file(self, fd, offset, length)

    def content_sent(self, count: int) -> None:
        """Tell that `count` bytes of content went out past `write`."""
        self.sentLength += count
        if self._left is not None:
            self._left -= count

    @property
    def wants_content(self) -> bool:
        """Whether content that is written is sent: not for HEAD, 204 and 304."""
        return not self._silent and not self._disconnected

    def _write(self, data: bytes) -> None:
        if not self.startedWriting:
            self._begin(data, None)
        elif data and not self._silent and self.channel is not None:
            self.channel.write(self._framed(data))

    def _begin(self, data: bytes, length: int | None) -> None:
        """Send the head and `data`; `length` is that of the whole content, where it is known."""
        channel = self.channel
        if channel is None:
            return
        self.startedWriting = 1
        try:
            head = self._head(channel, length)
        except response.ResponseError as problem:
            self._log.error("{path}: {problem}", path=self.path, problem=problem)
            self.code, self.code_message = 500, b"Internal Server Error"
            self.responseHeaders, self.cookies = Headers(), []
            data, self.chunked = b"", 0
            head = self._head(channel, 0)
            self._silent = True
        if not data or self._silent:
            channel.write(head)
        elif len(data) <= JOINED_BYTES:
            channel.write(head + self._framed(data))
        else:
            channel.write(head)
            channel.write(self._framed(data))

    def _head(self, channel: Connection, length: int | None) -> bytes:
        """Return the response's head, having chosen the framing of its content (RFC 9112, 6.3)."""
        headers = self.responseHeaders
        if self.lastModified is not None and not headers.hasHeader(b"Last-Modified"):
            headers.setRawHeaders(b"Last-Modified", [http.datetimeToString(self.lastModified)])
        if self.etag is not None:
            headers.setRawHeaders(b"ETag", [self.etag])
        if self.cookies:
            headers.setRawHeaders(b"Set-Cookie", self.cookies)
        raw: dict[bytes, list[bytes]] = headers._rawHeaders
        declared = response.declared_length(raw) if b"Content-Length" in raw else length
        persistent = channel.may_persist and not (b"Connection" in raw and _says_close(raw[b"Connection"]))
        empty = response.has_no_content(self.code)
        self._silent = empty or self.head.method == b"HEAD"
        ending = b""
        if self.code == 205:
            ending = b"Content-Length: 0\r\n"
        elif empty and self.code != 304:
            pass
        elif declared is not None:
            if not self._silent or declared or length is None:
                ending = b"Content-Length: %d\r\n" % declared
        elif self._silent:
            pass
        elif self.clientproto == b"HTTP/1.1":
            self.chunked = 1
            ending = response.CHUNKED
        else:
            persistent = False
        if not self._silent:
            self._left = declared
        ending += channel.persist(self.head, persistent)
        start = response.status_line(self.code, self.code_message)
        return response.head_bytes(start, raw, channel.engine.watch.date, ending)

    def _framed(self, data: bytes) -> bytes:
        if self.chunked:
            self.sentLength += len(data)
            return b"%x\r\n%b\r\n" % (len(data), data)
        if self._left is not None:
            if len(data) > self._left:
                self._log.error("{path}: the response is longer than its Content-Length", path=self.path)
                data = data[: self._left]
            self._left -= len(data)
        self.sentLength += len(data)
        return data

    def _default_type(self, length: int | None) -> None:
        """Set the default Content-Type as Twisted's Request does: where there may be content and no type is set."""
        headers = self.responseHeaders._rawHeaders
        if b"Content-Type" in headers or self.defaultContentType is None or self.code in (204, 304) or length == 0:
            return
        if headers.get(b"Content-Length") != [b"0"]:
            headers[b"Content-Type"] = [self.defaultContentType]

    def _cleanup(self) -> None:
        """The response is complete: let go of the channel, the content and those who wait."""
        channel, self.channel = self.channel, None
        if channel is None:
            return
        if self.producer:
            self._log.error("{path}: finished with a producer still registered", path=self.path)
            self.producer = None
            channel.unregisterProducer()
        if self._content is not None:
            close_content(self._content, channel.engine.reactor)
        if self.notifications:
            notifications, self.notifications = self.notifications, []
            for waiting in notifications:
                waiting.callback(None)
        channel.requestDone(self)

    def connectionLost(self, reason: Failure) -> None:
        """There is no client any more: tell those who wait."""
        channel, self.channel = self.channel, None
        self._disconnected = True
        if channel is not None and self._content is not None:
            close_content(self._content, channel.engine.reactor)
        notifications, self.notifications = self.notifications, []
        for waiting in notifications:
            waiting.errback(reason)


def _parse_query(query: bytes) -> dict[bytes, list[bytes]]:
    """Return names and values in the order of arrival. `urllib.parse.parse_qs` would decode bytes as ASCII only."""
    found: dict[bytes, list[bytes]] = {}
    for pair in query.replace(b"+", b" ").split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            found.setdefault(unquote_to_bytes(name), []).append(unquote_to_bytes(value))
    return found


def _says_close(values: Iterable[bytes]) -> bool:
    return any(token.strip(b" \t").lower() == b"close" for value in values for token in value.split(b","))
