"""One connection: bytes in, requests to resources in order, responses out.

Reading has five states (`State`). Requests are answered strictly one after the other; what comes meanwhile waits in a
bounded buffer, then reading pauses, as it does while the client does not take what was written (RFC 9112, 9.3).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from twisted.internet._producer_helpers import _PullToPush
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IProtocol,
    IPullProducer,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedsite.http import response, transports
from twistedsite.http.body import RequestBody
from twistedsite.http.framing import ChunkedFraming, Framing, LengthFraming
from twistedsite.http.head import RequestError, RequestHead
from twistedsite.http.timers import NEVER

if TYPE_CHECKING:
    from twistedsite.http.request import Request
    from twistedsite.http.response import FastResponse
    from twistedsite.http.site import Site

WAITING_BYTES = 16 * 1024
"""Bytes of further requests that may wait while one is answered."""
JOINED_BYTES = 64 * 1024
"""Bytes that are gathered before they are sent while requests are being worked through."""
LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 3.0
"""How much, and how long, is still read and thrown away after a last response, so that the client can read it."""
HALF_CLOSED_SECONDS = 1.0
"""How long a request is still worked on after the client has ended its side: it may have only half-closed."""


class State(enum.Enum):
    """What the next byte from the client is."""

    HEAD = enum.auto()
    """Of a request's head."""
    BODY = enum.auto()
    """Of a request's content."""
    BUSY = enum.auto()
    """Of a later request: one is being answered."""
    CLOSING = enum.auto()
    """Nothing of interest: the last response has been sent."""
    UPGRADED = enum.auto()
    """Of another protocol."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class Channel(Protocol):
    """The server's side of one HTTP/1 connection; also what Twisted's Request calls its channel."""

    transport: Any

    def __init__(self, site: Site, peer: IAddress) -> None:
        self.site = site
        self.factory = site
        self.peer = peer
        self.deadline = NEVER
        self.socket: Any = None
        self.served = 0
        self._limits = site.limits
        self._memo = site.parser.memo
        self._watch = site.watch
        self._state = State.HEAD
        self._buffer = b""
        self._scanned = 0
        self._blank_line = False
        self._working = False
        self._persistent = True
        self._request: Request | None = None
        self._request_head: RequestHead | None = None
        self._body: RequestBody | None = None
        self._framing: Framing | None = None
        self._body_began = 0.0
        self._producer: IPushProducer | None = None
        self._lent = False
        self._full = False
        self._reading = True
        self._read_ended = False
        self._discarded = 0
        self._gathered: list[bytes] | None = None
        self._given = 0
        self._taken = 0
        self._taken_at = 0.0
        self._upgraded: IProtocol | None = None

    # From the transport

    def connectionMade(self) -> None:
        transport = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self.socket = transports.plain_socket(transport)
        self._secure = ISSLTransport.providedBy(transport)
        transport.registerProducer(self, True)
        self._watch.add(self)
        self.deadline = self._watch.now + self._limits.keep_alive

    def dataReceived(self, data: bytes) -> None:
        state = self._state
        if state is State.HEAD and not self._buffer and not self._full:
            head = self._memo.get(data)
            if head is not None:
                self._serve_alone(head)
                return
        if state is State.UPGRADED:
            if self._upgraded is not None:
                self._upgraded.dataReceived(data)
        elif state is State.CLOSING:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.abortConnection()
        else:
            if state is State.HEAD and not self._buffer:
                self.deadline = self._watch.now + self._limits.header_deadline
            self._buffer += data
            self._work()

    def readConnectionLost(self) -> None:
        """The client has ended its side: it is gone, or still wants the response (RFC 9112, 9.6)."""
        self._read_ended = True
        self._persistent = False
        if self._state is State.BUSY and not self._buffer:
            if self._request is None or not self._request.startedWriting:
                self.deadline = min(self.deadline, self._watch.now + HALF_CLOSED_SECONDS)
        elif self._state is State.UPGRADED:
            self.transport.loseConnection()
        elif self._state is not State.BUSY:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our own end of the stream has been sent."""

    def connectionLost(self, reason: Failure = Failure(ConnectionAborted())) -> None:  # noqa: B008 - Twisted's default
        self._watch.remove(self)
        self.site.connection_lost(self)
        self.socket = None
        request, self._request = self._request, None
        upgraded, self._upgraded = self._upgraded, None
        if self._body is not None:
            self._body.abandon()
            self._body = None
        self._producer = None
        self._state = State.CLOSING
        self._gathered = None
        if request is not None:
            request.connectionLost(reason)
        if upgraded is not None:
            upgraded.connectionLost(reason)

    # Reading

    def _serve_alone(self, head: RequestHead) -> None:
        """Serve a request that came in one piece with nothing after it."""
        self._working = True
        self._gathered = []
        try:
            self._begin(head)
        except RequestError as refused:
            self._refuse(refused, head)
        finally:
            self._working = False
            self._send_gathered()

    def _work(self) -> None:
        """Go through what has arrived until it is used up or a response is awaited."""
        if self._working:
            return
        self._working = True
        self._gathered = []
        turns = self._limits.pipelined
        try:
            while self._buffer and not self._full:
                if self._state is State.HEAD and turns:
                    if not self._read_head():
                        break
                    turns -= 1
                elif self._state is State.BODY:
                    self._read_body()
                else:
                    break
        except RequestError as refused:
            self._refuse(refused, self._request_head)
        finally:
            self._working = False
            self._send_gathered()
        if not turns and self._state is State.HEAD and self._buffer:
            self.site.reactor.callLater(0, self._work)
        self._regulate()

    def _read_head(self) -> bool:
        """Take a head off the buffer and begin its request; return False where more bytes are needed."""
        buffer = self._buffer
        if not self._scanned and not self._blank_line and buffer.startswith(b"\r"):
            # RFC 9112, 2.2: one empty line before a request is ignored, for clients that end content with one.
            if len(buffer) < 2:
                return False
            self._blank_line = True
            if buffer[1] == 0x0A:
                self._buffer = buffer = buffer[2:]
        end = self.site.parser.find_end(buffer, self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            return False
        self._scanned = 0
        self._blank_line = False
        self._buffer = buffer[end:]
        self._begin(self.site.parser.parse(buffer[:end]))
        return True

    def _begin(self, head: RequestHead) -> None:
        self.served += 1
        self._persistent = head.keep_alive and self.served < self._limits.requests_per_connection
        if head.has_body or head.expect:
            self._begin_body(head)
            return
        if self.site.fast is not None and (head.method == b"GET" or head.method == b"HEAD"):
            fast = self.site.fast(head)
            if fast is not None:
                self._answer_fast(head, fast)
                return
        self._dispatch(head, BytesIO())

    def _begin_body(self, head: RequestHead) -> None:
        self._request_head = head
        if head.expect and head.expect != b"100-continue" and head.version == b"HTTP/1.1":
            raise RequestError(417, "Only the expectation 100-continue is known here")
        if head.content_length > self.site.max_body:
            raise RequestError(413, f"The content is longer than {self.site.max_body} bytes")
        if not head.has_body:
            self._dispatch(head, BytesIO())
            return
        check = self.site.check_body(head.headers) if self.site.check_body is not None else None
        body = self._body = RequestBody(
            self.site.max_body, self._limits.body_memory, check, self.site.reactor, self._regulate, self._disk_failed
        )
        self._framing = ChunkedFraming(body.write) if head.chunked else LengthFraming(head.content_length, body.write)
        self._state = State.BODY
        self._body_began = self._watch.now
        self.deadline = self._watch.now + self._limits.body_idle
        if head.expect and head.version == b"HTTP/1.1" and not self._buffer:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> None:
        body, framing, head = self._body, self._framing, self._request_head
        if body is None or framing is None or head is None:
            return
        data, self._buffer = self._buffer, b""
        rest = framing.feed(data)
        if rest is None:
            now = self._watch.now
            elapsed = now - self._body_began
            if elapsed > self._limits.body_idle and body.received < elapsed * self._limits.body_rate:
                raise RequestError(408, "The content comes too slowly")
            self.deadline = now + self._limits.body_idle
            return
        self._buffer = rest
        self._framing = None
        self._state = State.BUSY
        self.deadline = NEVER
        body.finish(lambda content: self._body_complete(head, content))

    def _body_complete(self, head: RequestHead, content: IO[bytes]) -> None:
        self._body = None
        self._dispatch(head, content)

    def _disk_failed(self, error: OSError) -> None:
        self._refuse(RequestError(507, "The content cannot be stored"), self._request_head)
        self.site.log_disk_error(error)

    def _regulate(self) -> None:
        """Pause or resume reading, according to what can be taken."""
        if self._state is State.BUSY:
            waiting = len(self._buffer)
            wanted = waiting <= WAITING_BYTES and self._buffer.count(b"\r\n\r\n") <= self._limits.pipelined
        elif self._state is State.BODY:
            wanted = not self._full and not (self._body is not None and self._body.full)
        else:
            wanted = not self._full or self._state is not State.HEAD
        if wanted == self._reading or self._read_ended:
            return
        self._reading = wanted
        if wanted:
            if self._state is State.BODY:
                self.deadline = self._watch.now + self._limits.body_idle
            self.transport.resumeProducing()
        else:
            if self._state is State.BODY:
                self.deadline = NEVER
            self.transport.pauseProducing()

    # Answering

    def _dispatch(self, head: RequestHead, content: IO[bytes]) -> None:
        """Let the resource answer; it calls `requestDone` now or later."""
        self._state = State.BUSY
        self.deadline = self._watch.now + self._limits.handler_time
        self._request_head = head
        request = self._request = self.site.requestFactory(self, head, content)
        request.process()

    def _answer_fast(self, head: RequestHead, fast: FastResponse) -> None:
        ending = self.persist(self.may_persist)
        self.write(
            b"".join((fast.head, self._watch.date, ending, b"\r\n", b"" if head.method == b"HEAD" else fast.body))
        )
        self.site.log_response(self, head, fast.status, 0 if head.method == b"HEAD" else len(fast.body))
        self._next_request()

    @property
    def may_persist(self) -> bool:
        """Whether the connection may stay open after the response that is being made."""
        return self._persistent and not self.site.draining

    def persist(self, persistent: bool) -> bytes:
        """Settle whether the connection stays open after the response; return the Connection field's line, if any."""
        self._persistent = persistent
        if not persistent:
            return response.CLOSE
        head = self._request_head
        return response.KEEP_ALIVE if head is not None and head.version == b"HTTP/1.0" else b""

    def requestDone(self, request: Request) -> None:
        """`request` has been answered."""
        self._request = None
        if self._state is State.BUSY:
            self._next_request()
            if self._buffer:
                self._work()
            else:
                self._regulate()

    def _next_request(self) -> None:
        if not self.may_persist:
            self._close_after_response()
            return
        self._state = State.HEAD
        self._request_head = None
        limits = self._limits
        self.deadline = self._watch.now + (limits.header_deadline if self._buffer else limits.keep_alive)

    def _refuse(self, refused: RequestError, head: RequestHead | None) -> None:
        """Answer a request that cannot be served, and close."""
        if self._body is not None:
            self._body.abandon()
            self._body = None
        self._framing = None
        head_only = head is not None and head.method == b"HEAD"
        self.write(response.refusal(refused, self._watch.date, head_only))
        self.site.log_refused(self, head, refused)
        self._linger()

    def _close_after_response(self) -> None:
        if self._buffer or not self._reading:
            self._linger()
        else:
            self.loseConnection()

    def _linger(self) -> None:
        """Close so that the client can still read the response although it sends more (RFC 9112, 9.6)."""
        self._send_gathered()
        self._state = State.CLOSING
        self._buffer = b""
        if self.socket is None or self._read_ended:
            self.loseConnection()
            return
        self.deadline = self._watch.now + LINGER_SECONDS
        self.transport.unregisterProducer()
        self._regulate()
        self.transport.loseWriteConnection()

    # Writing

    def write(self, data: bytes) -> None:
        """Send `data`; while requests are being worked through it is gathered first."""
        if self._gathered is None:
            self._send(data)
            return
        self._gathered.append(data)
        if len(data) > JOINED_BYTES:
            self._send_gathered()
            self._gathered = []

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send all of `data`."""
        self.write(b"".join(data))

    def _send_gathered(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._send(gathered[0] if len(gathered) == 1 else b"".join(gathered))

    def _send(self, data: bytes) -> None:
        """Send at once where nothing waits; Twisted's transport would first go round the reactor's loop."""
        transport = self.transport
        self._given += len(data)
        if self.socket is not None and not transport._tempDataBuffer and not transport.dataBuffer:
            try:
                sent = self.socket.send(data)
            except OSError:
                # Would block, or an error that the transport will meet and report.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        if self not in self._watch.writers:
            self._watch.writers.add(self)
            self._taken_at = self._watch.now
        transport.write(data)

    def pending(self) -> int:
        """Return how many bytes wait for the socket."""
        return transports.pending(self.transport)

    def when_writable(self) -> None:
        """Have the transport's producer asked for more when the socket takes more."""
        self.transport.startWriting()

    def sent_past_transport(self, count: int) -> None:
        """Tell that `count` bytes went to the socket directly."""
        self._given += count

    def lend_transport(self, producer: IPullProducer) -> None:
        """Make `producer` the transport's own, until `take_transport_back`."""
        self._send_gathered()
        self._lent = True
        self._watch.writers.add(self)
        self._taken_at = self._watch.now
        self.transport.unregisterProducer()
        self.transport.registerProducer(producer, False)

    def take_transport_back(self) -> None:
        """End the loan."""
        if self._lent:
            self._lent = False
            self.transport.unregisterProducer()
            self.transport.registerProducer(self, True)

    def check_progress(self, now: float) -> bool:
        """Abort where the client takes nothing for too long; return whether anything waits."""
        waiting = self.pending()
        if not waiting and not self._lent:
            return False
        taken = self._given - waiting
        if taken > self._taken:
            self._taken = taken
            self._taken_at = now
        elif now - self._taken_at > self._limits.write_idle:
            self.site.log_closed(self, "takes no more of its response")
            self.transport.abortConnection()
            return False
        return True

    # Producers: the channel is the transport's, a request's is the channel's

    def registerProducer(self, producer: IPushProducer | IPullProducer, streaming: bool) -> None:
        """Let `producer` be paused while the client is slow."""
        if self._producer is not None:
            raise RuntimeError(f"Cannot register {producer}: {self._producer} was never unregistered")
        push = producer if streaming else _PullToPush(producer, self)
        self._producer = push
        if not streaming:
            push.startStreaming()
        elif self._full:
            push.pauseProducing()

    def unregisterProducer(self) -> None:
        """Forget the request's producer."""
        producer, self._producer = self._producer, None
        if isinstance(producer, _PullToPush):
            producer.stopStreaming()

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._full = True
        if self._producer is not None:
            self._producer.pauseProducing()
        self._regulate()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._full = False
        if self._producer is not None:
            self._producer.resumeProducing()
        if self._buffer and self._state in (State.HEAD, State.BODY):
            self._work()
        self._regulate()

    def stopProducing(self) -> None:
        """The connection is lost."""
        if self._producer is not None:
            self._producer.stopProducing()

    # For requests and the site

    def getPeer(self) -> IAddress:
        return self.peer

    def getHost(self) -> IAddress:
        host: IAddress = self.transport.getHost()
        return host

    def isSecure(self) -> bool:
        return self._secure

    def loseConnection(self) -> None:
        """Close when all that was written is sent."""
        self._send_gathered()
        self._state = State.CLOSING
        self.deadline = self._watch.now + self._limits.write_idle
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self._gathered = None
        self._state = State.CLOSING
        self.transport.abortConnection()

    def close_if_idle(self) -> bool:
        """Close where no request is under way; return whether it was so."""
        if self._state is State.HEAD and not self._buffer:
            self.loseConnection()
            return True
        return False

    def deadline_passed(self, now: float) -> None:
        """Something took too long: end it as fits the state."""
        self.deadline = NEVER
        if self._state is State.CLOSING:
            self.transport.abortConnection()
        elif self._state is State.HEAD:
            if self._buffer:
                self._refuse(RequestError(408, "The request did not come in time"), None)
            else:
                self.loseConnection()
        elif self._state is State.BODY:
            self._refuse(RequestError(408, "The content did not come in time"), self._request_head)
        elif self._request is not None and not self._request.startedWriting:
            request, self._request = self._request, None
            request.connectionLost(Failure(ConnectionAborted()))
            if self._read_ended:
                self.transport.abortConnection()
            else:
                self._refuse(RequestError(503, "The answer took too long"), self._request_head)

    def _protocolUpgradeForWebsockets(self, protocol: IProtocol) -> None:  # noqa: N802 - what Twisted's resource calls
        """Hand the connection over to `protocol`, with the bytes that came after the request (RFC 9110, 7.8)."""
        self._send_gathered()
        self._state = State.UPGRADED
        self._upgraded = protocol
        self.deadline = NEVER
        self.transport.unregisterProducer()
        protocol.makeConnection(self.transport)
        rest, self._buffer = self._buffer, b""
        if rest:
            self.site.reactor.callLater(0, protocol.dataReceived, rest)
