"""A script's answer on its way into a Twisted request: fields put together, text compressed, slow clients awaited."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.http import NO_BODY_CODES
from twisted.web.server import Request
from zope.interface import implementer

from twistedsite.http.request import EngineRequest
from twistedsite.resources.content.background import BackgroundThreads
from twistedsite.resources.content.compression import AT_ONCE, StreamEncoder, choose_coding, encode
from twistedsite.resources.content.privacy import private_fields
from twistedsite.resources.content.sending import abort
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.settings.reserved_fields import RESERVED
from twistedsite.settings.server import CompressionSettings

_RESERVED: Final = frozenset(name.encode() for name in RESERVED)
"""A script's fields of these names are dropped."""


@implementer(IPushProducer)
class RequestSink:
    """See `ResponseSink`. `fields`: what is sent where the script does not set it itself, names in lower case.

    `private`: it comes from a guarded place.
    """

    def __init__(
        self,
        request: Request,
        fields: dict[bytes, bytes],
        compression: CompressionSettings,
        background: BackgroundThreads,
        private: bool = False,
    ) -> None:
        self._request = request
        self._fields = fields
        self._private = private
        self._compression = compression
        self._background = background
        self._encoder: StreamEncoder | None = None
        self._unencoded: deque[bytes | None] = deque()
        """Pieces that are, or wait to be, compressed in a thread; None: the end."""
        self._caught_up: Deferred[None] | None = None
        self._stated_length: int | None = None
        """The length of the content that the script has stated."""
        self._encoded: Deferred[None] | None = None

    def begin(self, head: ResponseHead) -> None:
        """See `ResponseSink.begin`."""
        request = self._request
        self._send_head(head)
        coding = choose_coding(
            head.status, request.responseHeaders, request.getHeader(b"accept-encoding"), self._compression, None
        )
        if coding is not None:
            self._encoder = StreamEncoder(coding)
        elif head.length is not None and isinstance(request, EngineRequest):
            # Only our own request cuts off, or closes after, an answer of another length.
            request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % head.length])
        request.registerProducer(self, True)
        request.write(b"")

    def write(self, data: bytes) -> None:
        """See `ResponseSink.write`. What a script flushes is flushed by the compression too."""
        if self._encoder is None:
            self._request.write(data)
        elif len(data) <= AT_ONCE and not self._unencoded:
            self._request.write(_piece(self._encoder, data))
        else:
            self._encode_later(data)

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """See `ResponseSink.end`."""
        if head is None:
            if body:
                self.write(body)
            if self._unencoded:
                self._encode_later(None)
            else:
                self._finish()
        elif len(body) >= self._compression.smallest:
            self._answer_compressed(head, body)
        elif isinstance(self._request, EngineRequest):
            fields = self._all_fields(head)
            if head.length is not None and self._request.method == b"HEAD":
                fields.append((b"content-length", b"%d" % head.length))
            self._request.answer(head.status, fields, body)
        else:
            self._send_head(head)
            self._answer(body)

    def break_off(self, told: Callable[[bytes], bytes], complete: bool) -> None:
        """The script has failed after its answer has begun: end that with what `told` gives for its media type.

        Unless `complete`, the client sees that something is missing. Where it could not be told so, nothing is added.
        """
        request = self._request
        if request._disconnected or request.finished:
            return
        media_type = (request.responseHeaders.getRawHeaders(b"content-type") or [b""])[0]
        chunked = isinstance(request, EngineRequest) and request.clientproto == b"HTTP/1.1"
        if self._stated_length is not None or self._unencoded or not (complete or chunked):
            abort(request)
            return
        self.write(told(media_type))
        if complete:
            self._finish()
        else:
            # Without the last chunk (RFC 9112, 8).
            request.channel.loseConnection()

    def when_writable(self) -> Deferred[None] | None:
        """See `ResponseSink.when_writable`."""
        if self._unencoded:
            self._encoded = self._encoded or Deferred()
            return self._encoded
        return self._caught_up

    def pauseProducing(self) -> None:
        """The client is slow."""
        if self._caught_up is None:
            self._caught_up = Deferred()

    def resumeProducing(self) -> None:
        """The client has caught up."""
        caught_up, self._caught_up = self._caught_up, None
        if caught_up is not None:
            caught_up.callback(None)

    def stopProducing(self) -> None:
        """The client has gone."""
        self.resumeProducing()

    def _send_head(self, head: ResponseHead) -> None:
        self._request.setResponseCode(head.status)
        self._stated_length = head.length
        for name, value in self._all_fields(head):
            self._request.responseHeaders.addRawHeader(name, value)

    def _all_fields(self, head: ResponseHead) -> list[tuple[bytes, bytes]]:
        fields = all_fields(head, self._fields)
        return private_fields(fields) if self._private else fields

    def _answer_compressed(self, head: ResponseHead, body: bytes) -> None:
        self._send_head(head)
        request = self._request
        accepted = request.getHeader(b"accept-encoding")
        coding = choose_coding(head.status, request.responseHeaders, accepted, self._compression, len(body))
        if coding is None:
            self._answer(body)
        elif len(body) <= AT_ONCE:
            self._answer(encode(coding, body))
        else:
            self._background.call(encode, coding, body).addCallback(self._answer)

    def _answer(self, body: bytes) -> None:
        request = self._request
        if request._disconnected:
            return
        if request.code not in NO_BODY_CODES:
            length = len(body) if self._stated_length is None or request.method != b"HEAD" else self._stated_length
            request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % length])
            request.write(body if request.method != b"HEAD" else b"")
        request.finish()

    def _encode_later(self, data: bytes | None) -> None:
        self._unencoded.append(data)
        if len(self._unencoded) == 1:
            self._encode_next()

    def _encode_next(self) -> None:
        encoder, data = self._encoder, self._unencoded[0]
        assert encoder is not None
        if data is None:
            self._unencoded.clear()
            self._finish()
        else:
            self._background.call(_piece, encoder, data).addCallback(self._piece_encoded)

    def _piece_encoded(self, piece: bytes) -> None:
        self._unencoded.popleft()
        if self._request._disconnected:
            self._unencoded.clear()
        else:
            self._request.write(piece)
        if self._unencoded:
            self._encode_next()
        elif self._encoded is not None:
            encoded, self._encoded = self._encoded, None
            encoded.callback(None)

    def _finish(self) -> None:
        request = self._request
        if request._disconnected:
            return
        if self._encoder is not None:
            request.write(self._encoder.finish())
        request.unregisterProducer()
        request.finish()


def all_fields(head: ResponseHead, fields: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """What a script has set, and those of `fields` that it has not, without what only the server can know."""
    own = [(name.lower(), value) for name, value in head.headers]
    names = {name for name, _ in own}
    left = [field for field in fields.items() if field[0] not in names]
    return left + [field for field in own if field[0] not in _RESERVED]


def _piece(encoder: StreamEncoder, data: bytes) -> bytes:
    return encoder.encode(data) + encoder.flush()
