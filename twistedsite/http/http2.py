"""HTTP/2 (RFC 9113) by Twisted's own implementation, for connections that chose it by ALPN; off unless asked for.

The protocol, its flow control and its defence against resets are Twisted's; what a request may be and how much content
it may have is decided by the same rules as for HTTP/1. Needs the extra `twistedsite[http2]`.
"""

from __future__ import annotations

from typing import Any

from twisted.web import server
from twisted.web._http2 import H2Connection

from twistedsite.http.connection.body import BodyCheck, ContentLimits, checked
from twistedsite.http.message.head import FIELD_LINES, METHODS, REQUEST_LINE, RequestError, check_host, make_head


class Http2Connection(H2Connection):
    """One connection; closes itself while the site drains."""

    site: Any
    factory: Any
    transport: Any
    timeOut: Any  # noqa: N815 - Twisted's name
    callLater: Any

    def __init__(self, site: Any) -> None:
        """`site`: a `twistedsite.http.site.Site`."""
        super().__init__(site.reactor)
        self.requestFactory = Http2Request
        self.site = site
        self.factory = site
        # Twisted closes a connection on which nothing comes for this long, even while a response is awaited.
        self.timeOut = float(site.engine.limits.handler_time)
        self.callLater = site.reactor.callLater

    def close_if_idle(self) -> bool:
        """Close where no request is under way; return whether it was so."""
        if self.streams:
            return False
        self.conn.close_connection()
        self.transport.write(self.conn.data_to_send())
        self.transport.loseConnection()
        return True

    def _requestDone(self, stream: int) -> None:  # noqa: N802 - Twisted's name
        super()._requestDone(stream)
        if self.site.engine.connections.draining and not self.streams and self._stillProducing:
            self._reactor.callLater(0, self.close_if_idle)


class Http2Request(server.Request):
    """A request of one stream; Twisted's own, once it has passed our rules."""

    channel: Any

    def __init__(self, channel: Any, *args: Any, **options: Any) -> None:
        super().__init__(channel, *args, parsePOSTFormSubmission=False, **options)
        self._refused = False
        self._announced = 0
        self._received = 0
        self._check: BodyCheck | None = None
        self._limits: ContentLimits | None = None
        """What holds of the content, once some has come."""

    def gotLength(self, length: int | None) -> None:
        """The head is complete, and announces `length` bytes of content. It is too early to answer."""
        super().gotLength(length)
        self._announced = length or 0

    def handleContentChunk(self, data: bytes) -> None:
        """Take more content."""
        if self._refused or self.finished:
            return
        self._received += len(data)
        try:
            if self._limits is None:
                self._limits = self.channel.site.engine.content_limits(self._host())
                self._limits.allow(self._announced)
                self._check = self._limits.check(self._fields())
            self._limits.allow(self._received)
            if self._check is not None:
                checked(self._check.feed, data)
        except RequestError as refused:
            self._refuse(refused)
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All has come: find the resource and let it answer."""
        if self._refused or self.finished:
            return
        self.method, self.uri, self.clientproto = command, path, version
        try:
            if self._check is not None:
                checked(self._check.finish)
            path = self._checked_target(command, path)
        except RequestError as refused:
            self._refuse(refused)
        else:
            super().requestReceived(command, path, version)

    def _checked_target(self, method: bytes, target: bytes) -> bytes:
        """Return the target in origin-form; raises RequestError where HTTP/1 would."""
        fields = self._fields()
        if len(fields) > self.channel.site.engine.limits.header_count:
            raise RequestError(431, "Too many header fields")
        if not FIELD_LINES.fullmatch(b"".join(b"%b: %b\r\n" % field for field in fields)):
            raise RequestError(400, "A header field is not valid")
        if not REQUEST_LINE.fullmatch(b"%b %b HTTP/1.1" % (method, target)):
            raise RequestError(400, "The request line is not valid")
        if method not in METHODS:
            raise RequestError(501, "The method is not known")
        return make_head(method, target, 1, fields, 0).target

    def _host(self) -> bytes:
        """The authority; empty where there is none, or none that is valid: then the request is refused at its end."""
        hosts = self.requestHeaders.getRawHeaders(b"host") or []
        try:
            (host,) = hosts
            check_host(host)
        except (ValueError, RequestError):
            return b""
        return bytes(host)

    def _fields(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((name, value) for name, values in self.requestHeaders.getAllRawHeaders() for value in values)

    def _refuse(self, refused: RequestError) -> None:
        self._refused = True
        body = f"{refused.message}.\n".encode()
        self.setResponseCode(refused.status)
        self.setHeader(b"content-type", b"text/plain; charset=utf-8")
        self.setHeader(b"content-length", b"%d" % len(body))
        self.write(body)
        self.finish()
