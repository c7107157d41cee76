"""The factory of connections: one site's resource tree, limits and logs, and its graceful end.

Others make a `Site`, listen with it, and `drain` it at the end; resources see it as `request.site`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import IO, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.web import http, resource, server

from twistedsite.http.access_log import NO_USER, NOBODY, NOTHING, AccessLog, user_field
from twistedsite.http.connection.channel import Channel
from twistedsite.http.connection.epoll import Readiness
from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.connection.timers import Watch
from twistedsite.http.content import LimitsOfHost
from twistedsite.http.message.head import RequestError, RequestHead, printable
from twistedsite.http.message.parser import HeadParser
from twistedsite.http.message.response import PreparedResponse
from twistedsite.http.request import Request
from twistedsite.settings.server import HttpLimits

QuickAnswer = Callable[[RequestHead, int], PreparedResponse | Callable[[PendingResponse], None] | None]
"""Answers a GET or HEAD without content before a Request is made: by a prepared response, or by a function that takes
a pending response. None: the resource tree is asked.

The number is the tick. Requests of one tick had all arrived before the first of them was looked at, so what was true
then is a true answer to each. 0: the request stands for itself.
"""


class Site(server.Site):
    """Serves `resource`, any Twisted IResource.

    `content_limits` gives the limits of content that is sent to a host. `quick_answer`: see `QuickAnswer`. `log_hosts`
    lets lines of the access log begin with the request's host. `http2` offers HTTP/2 to clients that come by TLS.
    """

    requestFactory: Any = Request
    displayTracebacks = False
    _log = Logger()

    def __init__(
        self,
        resource: resource.IResource,
        *,
        limits: HttpLimits,
        content_limits: LimitsOfHost,
        reactor: Any,
        quick_answer: QuickAnswer | None = None,
        access_log: AccessLog | None = None,
        log_hosts: bool = False,
        http2: bool = False,
    ) -> None:
        super().__init__(resource, reactor=reactor, parsePOSTFormSubmission=False)
        self.threads: Any = reactor
        """The same reactor, for its threads."""
        self.limits = limits
        self.content_limits = content_limits
        self.quick_answer = quick_answer
        self.parser = HeadParser(limits)
        self.watch = Watch(reactor)
        self.http2 = http2
        if http2:
            # Not at the top: h2 is an optional dependency.
            from twistedsite.http.http2 import Http2Connection

            self.make_http2: Callable[[], Any] = partial(Http2Connection, self)
            """Makes the protocol of a connection that has chosen HTTP/2."""
        self.readiness = Readiness(reactor)
        self._batches = 0
        self.draining = False
        self.access_log = access_log
        self._log_hosts = log_hosts
        self._peers: Counter[bytes] = Counter()
        self._connections: set[Channel] = set()
        self._drained: Deferred[None] | None = None
        self._complaints = Complaints(self._log, reactor)

    # Connections

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the channel of a new connection, or None, which closes it, where there are too many."""
        host = printable(getattr(addr, "host", "-").encode())
        if len(self._connections) >= self.limits.connections or self.draining:
            return None
        if self._peers[host] >= self.limits.connections_per_peer and hasattr(addr, "host"):
            self._complaints.say(host.decode(), "has too many connections")
            return None
        return Channel(self, addr)

    def connection_made(self, channel: Channel) -> None:
        """`channel` is connected."""
        self._connections.add(channel)
        self._peers[channel.counted_for] += 1

    def connection_lost(self, channel: Channel) -> None:
        """`channel` is gone."""
        if channel not in self._connections:
            return
        self._connections.discard(channel)
        self._peers[channel.counted_for] -= 1
        if not self._peers[channel.counted_for]:
            del self._peers[channel.counted_for]
        if self._drained is not None and not self._connections:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self, seconds: float) -> Deferred[None]:
        """Take no more connections, close idle ones, and each other after its response; abort the rest after `seconds`.

        The Deferred fires when no connection is left. Stop listening before.
        """
        self.draining = True
        for channel in list(self._connections):
            channel.close_if_idle()
        if not self._connections:
            return succeed(None)
        drained = self._drained = Deferred()
        limit = self.reactor.callLater(seconds, self._abort_all)
        drained.addCallback(lambda _: limit.cancel() if limit.active() else None)
        return drained

    def _abort_all(self) -> None:
        for channel in list(self._connections):
            channel.abortConnection()

    def startFactory(self) -> None:
        """Listening begins."""
        self.draining = False

    def stopFactory(self) -> None:
        """Listening has ended; connections may remain."""

    def acceptableProtocols(self) -> list[bytes]:
        """What is offered by ALPN."""
        return [b"h2", b"http/1.1"] if self.http2 else [b"http/1.1"]

    # For requests

    def pipelined_batch(self) -> int:
        """Return a new number for requests that came in one piece; `readiness` counts upwards from 1, we downwards."""
        self._batches -= 1
        return self._batches

    def getResourceFor(self, request: Request) -> resource.IResource:
        """Find the resource at the request's path."""
        request.site = self
        request.sitepath = []
        found: resource.IResource = resource.getChildForRequest(self.resource, request)
        return found

    def close_content(self, content: IO[bytes]) -> None:
        """Close a request's content; freeing a large file can take the disk a while."""
        if isinstance(content, BytesIO):
            content.close()
        else:
            self.threads.callInThread(content.close)

    # Logs

    def log(self, request: http.Request) -> None:
        """Put a response by HTTP/2 into the access log."""
        if self.access_log is not None:
            line = b'"%b"' % printable(b"%b %b %b" % (request.method, request.uri, request.clientproto))
            texts = (printable(request.getHeader(name) or b"-") for name in (b"referer", b"user-agent"))
            peer = printable(getattr(request.client, "host", "-").encode())
            client = b'"%b" "%b"' % tuple(texts)
            peer = self._at(request.getHeader(b"host") or b"", peer)
            user = user_field(getattr(request, "authenticated", ""))
            self.access_log.add((self.watch.now, peer, line, request.code, request.sentLength, client, user))

    def log_response(self, channel: Channel, head: RequestHead, status: int, sent: int, user: str = "") -> None:
        """Put a response to `user` into the access log."""
        if self.access_log is not None:
            request, client = head.log_parts
            peer = self._at(head.host, channel.peer_name)
            self.access_log.add((self.watch.now, peer, request, status, sent, client, user_field(user)))

    def _at(self, host: bytes, peer: bytes) -> bytes:
        """`peer` with the host before it, where that is logged."""
        return b"%b %b" % (printable(host.lower()) or b"-", peer) if self._log_hosts else peer

    def log_refused(self, channel: Channel, head: RequestHead | None, refused: RequestError) -> None:
        """Log a request that was refused: in the access log, and once a peer for the operator."""
        if head is not None:
            self.log_response(channel, head, refused.status, 0)
        elif self.access_log is not None:
            peer = self._at(b"", channel.peer_name)
            self.access_log.add((self.watch.now, peer, NOTHING, refused.status, 0, NOBODY, NO_USER))
        self._complaints.say(channel.peer_name.decode(), str(refused))

    def log_closed(self, channel: Channel, why: str) -> None:
        """Log for the operator that a connection was cut off."""
        self._complaints.say(channel.peer_name.decode(), why)

    def log_disk_error(self, error: OSError) -> None:
        """Log that a request's content could not be stored."""
        self._log.error("cannot store the content of a request: {error}", error=error)


class Complaints:
    """Tells the operator about misbehaving peers: each at most once a minute, and bounded in number."""

    EVERY = 60.0
    MOST_PEERS = 1000

    def __init__(self, log: Logger, reactor: Any) -> None:
        self._log = log
        self._reactor = reactor
        self._said: dict[str, float] = {}

    def say(self, peer: str, what: str) -> None:
        """Log that `peer` did `what`, unless it was complained about a moment ago."""
        now = self._reactor.seconds()
        if now - self._said.get(peer, float("-inf")) < self.EVERY:
            return
        if len(self._said) >= self.MOST_PEERS:
            self._said.clear()
        self._said[peer] = now
        self._log.info("{peer}: {what}", peer=peer, what=what)
