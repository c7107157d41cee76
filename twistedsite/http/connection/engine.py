"""What all connections of a site share: limits, parser, timer, reader, log, and who answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twistedsite.http.connection.body import LimitsOfHost
from twistedsite.http.connection.connections import Connections
from twistedsite.http.connection.epoll import EpollReader
from twistedsite.http.connection.interface import MakeRequest, ResponseLog
from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.connection.timers import Watch
from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.parser import HeadParser
from twistedsite.http.message.response import PreparedResponse
from twistedsite.settings.server import HttpLimits

QuickAnswer: TypeAlias = Callable[[RequestHead, int], PreparedResponse | Callable[[PendingResponse], None] | None]
"""Answers a GET or HEAD without content before a Request is made: by a prepared response, or by a function that takes
a pending response. None: the resource tree is asked.

The number is the tick. Requests of one tick had all arrived before the first of them was looked at, so what was true
then is a true answer to each. 0: the request stands for itself.
"""


class Engine:
    """`make_http2` makes the protocol of a connection that has chosen HTTP/2; None: it is not offered."""

    def __init__(
        self,
        limits: HttpLimits,
        content_limits: LimitsOfHost,
        quick_answer: QuickAnswer | None,
        make_request: MakeRequest,
        make_http2: Callable[[], Any] | None,
        log: ResponseLog,
        reactor: Any,
    ) -> None:
        self.limits = limits
        self.content_limits = content_limits
        self.quick_answer = quick_answer
        self.make_request = make_request
        self.make_http2 = make_http2
        self.log = log
        self.reactor = reactor
        self.connections = Connections(limits, log, reactor)
        self.parser = HeadParser(limits)
        self.watch = Watch(reactor)
        self.reader = EpollReader(reactor)
        self._ticks = 0

    def pipelined_tick(self) -> int:
        """Return a new tick for requests that came in one piece. Those of `reader` are positive, these negative."""
        self._ticks -= 1
        return self._ticks
