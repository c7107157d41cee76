"""Slow clients, idle connections and slow resources, by a clock that the test turns."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits
from twistedsite.settings.units import Duration, Size

LIMITS = HttpLimits(
    header_deadline=Duration(10),
    body_idle=Duration(20),
    body_rate=Size(128),
    keep_alive=Duration(30),
    handler_time=Duration(60),
)


class Slow(Resource):
    isLeaf = True
    gone = False

    def render_GET(self, request: Request) -> int:
        request.notifyFinish().addErrback(lambda _: setattr(self, "gone", True))
        return NOT_DONE_YET

    def render_POST(self, request: Request) -> bytes:
        return request.content.read()


class Line:
    """A connection, and its time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.resource = Slow()
        self.site = Site(
            self.resource, limits=LIMITS, content_limits=ContentLimits(1_000_000).for_any, reactor=self.clock
        )
        self.transport = StringTransportWithDisconnection()
        self.channel = self.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)

    def after(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)

    @property
    def output(self) -> bytes:
        return self.transport.value()

    @property
    def open(self) -> bool:
        return bool(self.transport.connected)


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_connection_on_which_nothing_is_asked_is_closed(line: Line) -> None:
    line.after(29)
    assert line.open
    line.after(2)
    assert not line.open
    assert line.output == b""


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(line: Line) -> None:
    for _ in range(9):
        line.channel.dataReceived(b"G")
        line.after(1)
    assert line.open
    line.after(2)
    assert line.output.startswith(b"HTTP/1.1 408 ")
    assert not line.open


def test_content_that_stops_coming_is_not_waited_for(line: Line) -> None:
    line.channel.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    line.after(19)
    line.channel.dataReceived(b"d" * 3)
    line.after(19)
    assert line.open
    line.after(2)
    assert line.output.startswith(b"HTTP/1.1 408 ")
    assert not line.open


def test_content_that_comes_too_slowly_is_refused(line: Line) -> None:
    line.channel.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nabc")
    for _ in range(25):
        if line.open:
            line.channel.dataReceived(b"x")
        line.after(1)
    assert line.output.startswith(b"HTTP/1.1 408 ")


def test_content_that_comes_steadily_may_take_long(line: Line) -> None:
    line.channel.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n")
    for _ in range(100):
        line.channel.dataReceived(b"x" * 200)
        line.after(1)
    assert line.output.endswith(b"x" * 20000)


def test_a_resource_that_does_not_begin_its_answer_is_given_up(line: Line) -> None:
    line.channel.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    line.after(59)
    assert line.output == b""
    line.after(2)
    assert line.output.startswith(b"HTTP/1.1 503 ")
    assert line.resource.gone
    assert not line.open


def test_no_timer_runs_without_connections(line: Line) -> None:
    line.transport.loseConnection()
    line.after(1)
    assert line.clock.getDelayedCalls() == []


def test_the_date_follows_the_clock(line: Line) -> None:
    line.after(10)
    line.channel.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"\r\nDate: Thu, 01 Jan 1970 00:00:10 GMT\r\n" in line.output
