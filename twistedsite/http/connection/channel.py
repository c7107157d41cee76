"""One connection: bytes in, requests to resources in order, responses out.

Requests are answered strictly one after the other; what comes meanwhile waits in a
bounded buffer, then reading pauses, as it does while the client does not take what was written (RFC 9112, 9.3).
"""

from __future__ import annotations

from typing import IO, Any

from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocol, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedsite.http.connection import transports
from twistedsite.http.connection.body import RequestBody
from twistedsite.http.connection.closing import HALF_CLOSED_SECONDS, ClosingProtocol, State
from twistedsite.http.connection.engine import Engine
from twistedsite.http.connection.info import InfoMixin
from twistedsite.http.connection.interface import CurrentRequest, FullRequest
from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.connection.timers import NEVER
from twistedsite.http.message import response
from twistedsite.http.message.head import RequestError, RequestHead
from twistedsite.http.message.parser import HeadReader
from twistedsite.http.message.response import PreparedResponse

_QUICK_METHODS = (b"GET", b"HEAD")

WAITING_BYTES = 16 * 1024
"""Bytes of further requests that may wait while one is answered."""


@implementer(IHalfCloseableProtocol)
class Channel(InfoMixin, ClosingProtocol):
    """The server's side of one HTTP/1 connection; also what Twisted's Request calls its channel."""

    def __init__(self, engine: Engine, factory: Any, peer: IAddress | None) -> None:
        super().__init__(engine.watch, engine.limits.write_idle)
        self.engine = engine
        self.site = self.factory = factory
        self.came_from(peer)
        self.counted_for = self.peer_name
        """The peer on whose account the connection is."""
        self.served = 0
        self._limits = engine.limits
        self._log = engine.log
        self._memo = engine.parser.memo
        self._heads = HeadReader(engine.parser)
        self._working = False
        self._tick = 0
        self._postponed = False
        """Complete requests may be in the buffer although none is being answered."""
        self._persistent = True
        self._given_before = 0
        self._request: CurrentRequest | None = None
        self._request_head: RequestHead | None = None
        self._body: RequestBody | None = None

    def connectionMade(self) -> None:
        self.engine.connections.add(self)
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        transports.bound_unsent(self.transport)
        self.begin_output()
        if self.socket is not None:
            self.engine.reader.attach(self.transport)
        self._watch.add(self)
        self.deadline = self._watch.now + self._limits.keep_alive
        if self.socket is None:
            self._state = State.NEGOTIATING

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
            self.discard(data)
        elif state is State.NEGOTIATING:
            self._negotiated(data)
        else:
            if state is State.HEAD and not self._buffer:
                self.deadline = self._watch.now + self._limits.header_deadline
            self._buffer += data
            self._work()

    def readConnectionLost(self) -> None:
        """The client has ended its side: it is gone, or still wants the response (RFC 9112, 9.6)."""
        self._read_ended = True
        if self._state is State.UPGRADED:
            self.transport.loseConnection()
        elif self._state is State.BUSY:
            if self._request is not None:
                self._expect_to_be_gone(self._request)
        elif not self._postponed:
            self.loseConnection()

    def connectionLost(self, reason: Failure = Failure(ConnectionAborted())) -> None:  # noqa: B008 - Twisted's default
        self._watch.remove(self)
        self.end_output()
        request, self._request = self._request, None
        upgraded, self._upgraded = self._upgraded, None
        if self._body is not None:
            self._body.abandon()
            self._body = None
        self._state = State.CLOSING
        if request is not None:
            status = request.code if request.startedWriting else 499 if upgraded is None else 101
            self._log.response(self.peer_name, request.head, status, request.sentLength, request.authenticated)
            request.connectionLost(reason)
        try:
            if upgraded is not None:
                upgraded.connectionLost(reason)
        finally:
            self.engine.connections.remove(self)

    # Reading

    def _negotiated(self, data: bytes) -> None:
        """The first bytes: by now the layers below (TLS, PROXY protocol) know who speaks, and which protocol."""
        self._state = State.HEAD
        self.came_from(self.transport.getPeer())
        make_http2 = self.engine.make_http2
        if make_http2 is not None and getattr(self.transport, "negotiatedProtocol", None) == b"h2":
            connection = make_http2()
            self.hand_over(connection)
            self.transport.registerProducer(connection, True)
        self.dataReceived(data)

    def _serve_alone(self, head: RequestHead) -> None:
        """Serve a request that came in one piece with nothing after it."""
        self._working = True
        self._tick = self.engine.reader.tick
        self.cork()
        try:
            self._begin(head)
        except RequestError as refused:
            self._refuse(refused, head)
        finally:
            self._working = False
            self.uncork()

    def _work(self) -> None:
        """Go through what has arrived until it is used up or a response is awaited."""
        if self._working:
            return
        self._working = True
        self.cork()
        self._tick = self.engine.pipelined_tick()
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
            self.uncork()
        self._postponed = self._state is State.HEAD and bool(self._buffer) and (self._full or not turns)
        if self._postponed and not self._full:
            self.engine.reactor.callLater(0, self._work)
        elif self._read_ended and self._state is State.HEAD and not self._postponed:
            self.loseConnection()
        self.regulate()

    def _read_head(self) -> bool:
        """Take a head off the buffer and begin its request; return False where more bytes are needed."""
        head, self._buffer = self._heads.take(self._buffer)
        if head is None:
            return False
        self._begin(head)
        return True

    def _begin(self, head: RequestHead) -> None:
        self.served += 1
        self._persistent = head.keep_alive and self.served < self._limits.requests_per_connection
        quick_answer = self.engine.quick_answer
        if head.has_body or head.expect:
            self._begin_body(head)
        elif (
            head.method not in _QUICK_METHODS
            or quick_answer is None
            or (quick := quick_answer(head, self._tick)) is None
        ):
            self._dispatch(head, None)
        elif isinstance(quick, PreparedResponse):
            self._answer_prepared(head, quick)
        else:
            self._await_answer(head)
            pending = self._request = PendingResponse(self, head)
            quick(pending)

    def _begin_body(self, head: RequestHead) -> None:
        self._request_head = head
        if head.expect and head.expect != b"100-continue" and head.version == b"HTTP/1.1":
            raise RequestError(417, "Only the expectation 100-continue is known here")
        limits = self.engine.content_limits(head.host)
        limits.allow(head.content_length)
        if not head.has_body:
            self._dispatch(head, None)
            return
        check = limits.check(head.headers)
        body = self._body = RequestBody(
            head, limits.max_body, self._limits, check, self.engine.reactor, self.regulate, self._disk_failed
        )
        body.began = self._watch.now
        self._state = State.BODY
        self.deadline = self._watch.now + self._limits.body_idle
        if head.expect and head.version == b"HTTP/1.1" and not self._buffer:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> None:
        body = self._body
        if body is None:
            return
        data, self._buffer = self._buffer, b""
        rest = body.feed(data, self._watch.now)
        if rest is None:
            self.deadline = self._watch.now + self._limits.body_idle
            return
        self._buffer = rest
        self._state = State.BUSY
        self.deadline = NEVER
        body.finish(self._dispatch)

    def _disk_failed(self, error: OSError) -> None:
        self._refuse(RequestError(507, "The content cannot be stored"), self._request_head)
        self._log.disk_error(error)

    def output_changed(self) -> None:
        """The client has begun or ceased to take what is written."""
        if self._buffer and not self._full and self._state in (State.HEAD, State.BODY):
            self._work()
        self.regulate()

    def output_stalled(self) -> None:
        """The client has taken nothing for too long."""
        self._log.closed(self.peer_name, "takes no more of its response")
        self.abortConnection()

    def regulate(self) -> None:
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
        if self._state is State.BODY:
            self.deadline = self._watch.now + self._limits.body_idle if wanted else NEVER
        if wanted:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    # Answering

    def _dispatch(self, head: RequestHead, content: IO[bytes] | None) -> None:
        """Let the resource answer; it calls `requestDone` now or later."""
        self._body = None
        self._await_answer(head)
        self.make_request(head, content).process()

    def _await_answer(self, head: RequestHead) -> None:
        self._state = State.BUSY
        self.deadline = self._watch.now + self._limits.handler_time
        self._request_head = head

    def make_request(self, head: RequestHead, content: IO[bytes] | None) -> FullRequest:
        """Make the Request that is being answered."""
        request = self._request = self.engine.make_request(self, head, content)
        if self._read_ended:
            self._expect_to_be_gone(request)
        return request

    def answer_pending(self, head: RequestHead, response: PreparedResponse) -> None:
        """Answer what was given to somebody as a `PendingResponse`."""
        self._request = None
        if self._state is State.BUSY:
            self._answer_prepared(head, response)
            self._go_on()

    def _answer_prepared(self, head: RequestHead, prepared: PreparedResponse) -> None:
        ending = self.persist(head, persistent := self.may_persist)
        content = b"" if head.method == b"HEAD" else prepared.body
        self.write(b"".join((prepared.head, self._watch.date, ending, b"\r\n", content)))
        self._log.response(self.peer_name, head, prepared.status, len(content))
        self._next_request(persistent)

    @property
    def may_persist(self) -> bool:
        """Whether the connection may stay open after the response that is being made."""
        return self._persistent and not self.engine.connections.draining and not (self._read_ended and not self._buffer)

    def persist(self, head: RequestHead, persistent: bool) -> bytes:
        """Settle whether the connection stays open after the response; return the Connection field's line, if any."""
        self._persistent = persistent
        if not persistent:
            return response.CLOSE
        return response.KEEP_ALIVE if head.version == b"HTTP/1.0" else b""

    def requestDone(self, request: CurrentRequest) -> None:
        """`request` has been answered."""
        self._request = None
        if self._state is State.BUSY:
            self._next_request(self.may_persist)
            self._go_on()

    def _go_on(self) -> None:
        if self._buffer:
            self._work()
        elif not self._reading:
            self.regulate()

    def _next_request(self, persistent: bool) -> None:
        if not persistent:
            if self._buffer or not self._reading:
                self.linger()
            else:
                self.loseConnection()
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
        head_only = head is not None and head.method == b"HEAD"
        self.write(response.refusal(refused, self._watch.date, head_only))
        self._log.refused(self.peer_name, head, refused)
        self.linger()

    def _expect_to_be_gone(self, request: CurrentRequest) -> None:
        """Look again whether the client, which has ended its side, is still there to take the response."""
        self._given_before = self.given
        wait = self._limits.write_idle if request.startedWriting else HALF_CLOSED_SECONDS
        self.deadline = min(self.deadline, self._watch.now + wait)

    # Deadlines, and other protocols

    def deadline_passed(self, now: float) -> None:
        """Something took too long: end it as fits the state."""
        self.deadline = NEVER
        if self._state is State.CLOSING:
            self.closing_overdue(now)
        elif self._state in (State.HEAD, State.NEGOTIATING):
            if self._buffer:
                self._refuse(RequestError(408, "The request did not come in time"), None)
            else:
                self.loseConnection()
        elif self._state is State.BODY:
            self._refuse(RequestError(408, "The content did not come in time"), self._request_head)
        elif self._state is State.BUSY and self._request is not None:
            self._request_overdue(self._request)

    def _request_overdue(self, request: CurrentRequest) -> None:
        """The response has not begun in time, or the client seems to be gone."""
        if request.startedWriting:
            if not self._read_ended:
                return
            if self.pending() or self.given != self._given_before:
                self._expect_to_be_gone(request)
            else:
                self.abortConnection()
        elif self._read_ended:
            self.abortConnection()
        else:
            self._request = None
            request.connectionLost(Failure(ConnectionAborted()))
            self._refuse(RequestError(503, "The answer took too long"), self._request_head)

    def _protocolUpgradeForWebsockets(self, protocol: IProtocol) -> None:  # noqa: N802 - what Twisted's resource calls
        """Hand the connection over to `protocol`, with the bytes that came after the request (RFC 9110, 7.8)."""
        self.hand_over(protocol)
        rest, self._buffer = self._buffer, b""
        if rest:
            self.engine.reactor.callLater(0, protocol.dataReceived, rest)
