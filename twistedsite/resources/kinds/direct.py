"""A known script's answer without a Request: from the runner to the connection in one piece.

The script runs for a `PendingResponse`. An answer in one piece that is not empty and too short to be compressed goes
out as a prepared response. Everything else (a stream, a failure, a refusal, a long answer, one without content) goes on
with a Request, by the same `RequestSink` and the same error pages as any other script's answer. Nothing is decided here
that is not decided there.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final, NoReturn, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.message import response
from twistedsite.http.message.response import PreparedResponse
from twistedsite.http.request import EngineRequest
from twistedsite.resources.kinds.sink import RequestSink, all_fields
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead

_MOST_HEADS: Final = 64


class Script(Protocol):
    """What is needed of the resource whose script runs."""

    @property
    def site(self) -> SiteContext:
        """Its site."""
        ...

    @property
    def prepared(self) -> PreparedHeads:
        """Makes prepared responses of its answers."""
        ...

    def sink(self, request: EngineRequest) -> RequestSink:
        """Return what takes the answer to `request`."""
        ...

    def explain(self, failure: Failure) -> NoReturn:
        """Raise the HttpProblem that a runner's failure is."""
        ...

    def break_off(self, sink: RequestSink, problem: HttpProblem) -> None:
        """End the answer that `sink` has begun with what `problem` is."""
        ...

    def failed(self, request: EngineRequest, failure: Failure) -> None:
        """Answer `request` with the error that `failure` is."""
        ...


class PendingSink:
    """The `ResponseSink` of one run of one script, for a pending response."""

    __slots__ = ("_pending", "_request", "_running", "_script", "_sink")

    def __init__(self, script: Script, pending: PendingResponse, request: ScriptRequest) -> None:
        self._script = script
        self._pending = pending
        self._request: EngineRequest | None = None
        self._sink: RequestSink | None = None
        running = self._running = script.site.runner.run(request, BytesIO(), self)
        pending.when_gone = running.cancel
        running.addErrback(self._failed)

    def begin(self, head: ResponseHead) -> None:
        """See `ResponseSink.begin`."""
        if (sink := self._long_way()) is not None:
            sink.begin(head)

    def write(self, data: bytes) -> None:
        """See `ResponseSink.write`."""
        if self._sink is not None:
            self._sink.write(data)

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """See `ResponseSink.end`."""
        if head is not None and (prepared := self._script.prepared.response(head, body)) is not None:
            self._pending.answer(prepared)
        elif (sink := self._long_way()) is not None:
            sink.end(head, body)

    def when_writable(self) -> Deferred[None] | None:
        """See `ResponseSink.when_writable`."""
        return None if self._sink is None else self._sink.when_writable()

    def _long_way(self) -> RequestSink | None:
        """The sink of the Request that takes over; None where the client has gone."""
        if self._sink is None and (request := self._take_over()) is not None:
            request.notifyFinish().addErrback(lambda _: self._running.cancel())
            self._sink = self._script.sink(request)
        return self._sink

    def _take_over(self) -> EngineRequest | None:
        if self._request is None:
            self._request = cast(EngineRequest | None, self._pending.request())
        return self._request

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) or (request := self._take_over()) is None:
            return
        try:
            self._script.explain(failure)
        except HttpProblem as problem:
            if self._sink is not None and request.startedWriting:
                self._script.break_off(self._sink, problem)
            else:
                self._script.failed(request, Failure())
        except Exception:
            self._script.failed(request, Failure())


class PreparedHeads:
    """Turns a script's answers into prepared responses. `fields`: sent where the script does not set them itself.

    Scripts say much the same each time, so heads are put together and checked once for each thing that was said.
    """

    def __init__(self, fields: dict[bytes, bytes], shorter_than: int) -> None:
        self._fields = fields
        self._shorter_than = shorter_than
        self._heads: dict[tuple[object, ...], bytes] = {}

    def response(self, head: ResponseHead, body: bytes) -> PreparedResponse | None:
        """`head` and `body` as they go out; None where they need the long way."""
        if not 0 < len(body) < self._shorter_than or head.length is not None:
            return None
        said = (head.status, *head.headers)
        start = self._heads.get(said)
        if start is None:
            if response.has_no_content(head.status):
                return None
            try:
                start = self._start(head)
            except response.ResponseError:
                return None
            if b"\nSet-Cookie:" not in start:
                # A cookie is for one visitor, and would not come again.
                if len(self._heads) >= _MOST_HEADS:
                    self._heads.clear()
                self._heads[said] = start
        return PreparedResponse(b"%bContent-Length: %d\r\n" % (start, len(body)), body, head.status)

    def _start(self, head: ResponseHead) -> bytes:
        fields: dict[bytes, list[bytes]] = {}
        for name, value in all_fields(head, self._fields):
            fields.setdefault(response.canonical_name(name), []).append(value)
        return response.head_bytes(response.usual_status_line(head.status), fields, b"", b"").removesuffix(b"\r\n")
