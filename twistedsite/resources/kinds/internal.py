"""Requests that the site makes of itself: its tree answers them as any other, but there is no client and no connection.

A background request of a script comes this way. What is answered is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request

from twistedsite.http.connection.body import ContentLimits
from twistedsite.scripts.messages.background import BackgroundCall
from twistedsite.scripts.messages.request import ScriptRequest

_FORM: Final = b"application/x-www-form-urlencoded"


class InternalRequest(Request):
    """A request that follows from another, made by a script of this site; `depth` says from how many in a row."""

    depth = 0

    def render(self, resource: IResource) -> None:
        """Have `resource` answer."""
        body = resource.render(self)
        if isinstance(body, bytes):
            self.write(body)
            self.finish()


class Internal:
    """Makes requests of the site whose root is `tree`, with content within `limits`."""

    def __init__(self, tree: IResource, limits: ContentLimits, reactor: IReactorTime) -> None:
        self._tree = tree
        self._limits = limits
        self._reactor = reactor

    def dispatch(self, call: BackgroundCall, cause: ScriptRequest) -> Deferred[None]:
        """Have the site answer `call`; see `twistedsite.scripts.broker.background.Dispatch`.

        Raises RequestError for content that it would not take from a client either.
        """
        request = InternalRequest(_Channel(cause, self._reactor), False, parsePOSTFormSubmission=False)
        request.depth = cause.depth + 1
        request.method = call.method.encode("ascii")
        request.uri = (quote(cause.mount) + call.target).encode("ascii")
        request.clientproto = b"HTTP/1.1"
        request.path = request.uri.partition(b"?")[0]
        request.args = {}
        segments = [unquote_to_bytes(segment) for segment in request.path[1:].split(b"/")]
        mounted = cause.mount.count("/")
        request.prepath, request.postpath = segments[:mounted], segments[mounted:]
        request.requestHeaders.addRawHeader(b"host", cause.host.encode("latin-1", "replace") or b"localhost")
        request.requestHeaders.addRawHeader(b"user-agent", b"twistedsite")
        content = call.content
        request.content = BytesIO(content or b"")
        if content is not None:
            self._limits.judge(((b"content-type", _FORM),), content)
            request.requestHeaders.addRawHeader(b"content-type", _FORM)
            request.requestHeaders.addRawHeader(b"content-length", b"%d" % len(content))
        done: Deferred[None] = Deferred(lambda _: request.connectionLost(Failure(CancelledError())))
        request.notifyFinish().addBoth(_finished, done)
        request.render(self._tree)
        return done


def _finished(result: Any, done: Deferred[None]) -> None:
    # The server has logged what went wrong with an answer; one that was given up is for `done` to tell.
    if not isinstance(result, Failure):
        done.callback(None)


class _Channel:
    """What a Request needs of its connection, without one. Whatever is written is gone."""

    transport = None
    site = None
    factory = None

    def __init__(self, cause: ScriptRequest, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._secure = cause.scheme == "https"
        kind = IPv6Address if ":" in cause.client else IPv4Address
        self._peer = kind("TCP", cause.client or "127.0.0.1", cause.client_port)
        self._host = IPv4Address("TCP", cause.server_name, cause.server_port)
        self._producer: Any = None

    def getPeer(self) -> IPv4Address | IPv6Address:
        return self._peer

    def getHost(self) -> IPv4Address:
        return self._host

    def isSecure(self) -> bool:
        return self._secure

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:
        pass

    def write(self, data: bytes) -> None:
        pass

    def writeSequence(self, data: Sequence[bytes]) -> None:
        pass

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer
        if not streaming:
            self._pull(producer)

    def _pull(self, producer: Any) -> None:
        # It gives a piece each time that it is asked, and unregisters at its end.
        if self._producer is producer:
            producer.resumeProducing()
            self._reactor.callLater(0, self._pull, producer)

    def unregisterProducer(self) -> None:
        self._producer = None

    def loseConnection(self) -> None:
        pass

    def abortConnection(self) -> None:
        pass

    def requestDone(self, request: Request) -> None:
        pass
