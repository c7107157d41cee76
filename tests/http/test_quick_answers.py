"""Prepared responses, and the memory of heads that makes them fast."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.resource import Resource
from twisted.web.server import Request

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.message import parser
from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import PreparedResponse
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits

READY = PreparedResponse(b"HTTP/1.1 200 OK\r\nServer: twistedsite\r\nContent-Length: 5\r\n", b"ready")
DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


class Slow(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        return b"slow " + request.content.read()


class Line:
    """A connection to a site that has prepared `/ready`."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, int]] = []
        self.site = Site(
            Slow(),
            limits=HttpLimits(),
            content_limits=ContentLimits(1000).for_any,
            reactor=Clock(),
            quick_answer=self.find,
        )
        self.transport = StringTransportWithDisconnection()
        self.channel = self.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)

    def find(self, head: RequestHead, tick: int) -> PreparedResponse | None:
        self.asked.append((head.path, tick))
        return READY if head.path == b"/ready" else None

    def send(self, data: bytes) -> bytes:
        self.transport.clear()
        self.channel.dataReceived(data)
        return self.transport.value()


def request(method: bytes = b"GET", path: bytes = b"/ready", more: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"%b %b %b\r\nHost: a\r\n%b\r\n" % (method, path, version, more)


def test_date_and_connection_are_added() -> None:
    assert Line().send(request()) == READY.head + DATE + b"\r\n" + b"ready"
    line = Line()
    closing = line.send(request(more=b"Connection: close\r\n"))
    assert closing == READY.head + DATE + b"Connection: close\r\n\r\n" + b"ready"
    assert not line.transport.connected
    old = Line().send(request(more=b"Connection: keep-alive\r\n", version=b"HTTP/1.0"))
    assert old == READY.head + DATE + b"Connection: keep-alive\r\n\r\n" + b"ready"


def test_head_sends_only_the_head() -> None:
    assert Line().send(request(b"HEAD")) == READY.head + DATE + b"\r\n"


def test_what_is_not_ready_goes_to_the_resource() -> None:
    assert Line().send(request(path=b"/other")).endswith(b"\r\n\r\nslow ")


def test_other_methods_and_content_are_not_asked_for() -> None:
    line = Line()
    assert line.send(request(b"POST")).endswith(b"slow ")
    assert line.send(request(more=b"Content-Length: 2\r\n") + b"hi").endswith(b"slow hi")
    assert line.asked == []


def test_pipelined_requests_are_answered_in_order() -> None:
    line = Line()
    sent = line.send(request() + request(path=b"/other") + request())
    assert [part in sent for part in (b"ready", b"slow ")] == [True, True]
    assert sent.index(b"ready") < sent.index(b"slow ") < sent.rindex(b"ready")


def test_only_requests_that_came_together_share_a_tick() -> None:
    line = Line()
    line.send(request() + request())
    line.send(request() + request())
    line.send(request())
    first, second, third, fourth, alone = (tick for _, tick in line.asked)
    assert first == second != third == fourth
    assert alone == 0


def test_a_head_is_remembered_and_still_means_the_same() -> None:
    line = Line()
    first = line.send(request())
    assert list(line.site.engine.parser.memo) == [request()]
    assert line.send(request()) == first


def test_heads_with_content_or_great_length_are_not_remembered() -> None:
    line = Line()
    line.send(request(more=b"Content-Length: 2\r\n") + b"hi")
    line.send(request(more=b"X: " + b"x" * parser.MEMO_HEAD + b"\r\n"))
    assert line.site.engine.parser.memo == {}


def test_the_memory_is_bounded() -> None:
    line = Line()
    for number in range(2 * parser.MEMO_ENTRIES + 10):
        line.send(request(path=b"/%d" % number))
        assert len(line.site.engine.parser.memo) <= parser.MEMO_ENTRIES
