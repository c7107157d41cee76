"""One connection: order, waiting, interim responses, and its end."""

from __future__ import annotations

import pytest_twisted
from rawclient import RawClient
from serving import Serve
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits
from twistedsite.settings.units import Duration

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


class Later(Resource):
    """Answers each request when the test says so."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Request] = []
        self.arrived: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def render(self, request: Request) -> int:
        self.waiting.append(request)
        request.notifyFinish().addErrback(lambda _: self.gone.callback(None))
        if not self.arrived.called:
            self.arrived.callback(None)
        return NOT_DONE_YET

    def answer(self) -> None:
        request = self.waiting.pop(0)
        request.write(request.path)
        request.finish()


class Echo(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        return b"<%b %b>" % (request.path, request.content.read())


@pytest_twisted.ensureDeferred
async def test_pipelined_requests_are_answered_one_after_the_other(serve: Serve) -> None:
    resource = Later()
    _, port = serve(resource)
    client = await RawClient.connect(port, GET % b"1", GET % b"2", GET % b"3")
    await resource.arrived
    for name in (b"/1", b"/2", b"/3"):
        await _turn()
        assert [request.path for request in resource.waiting] == [name]
        resource.answer()
    received = await client.until(b"/3")
    assert received.index(b"/1") < received.index(b"/2") < received.index(b"/3")


@pytest_twisted.ensureDeferred
async def test_a_hundred_pipelined_requests_are_all_answered(serve: Serve) -> None:
    _, port = serve(Echo())
    client = await RawClient.connect(port, *(GET % b"%d" % number for number in range(100)))
    received = await client.until(b"</99 >")
    assert received.count(b"200 OK") == 100


@pytest_twisted.ensureDeferred
async def test_reading_pauses_while_too_much_waits(serve: Serve) -> None:
    resource = Later()
    _, port = serve(resource)
    client = await RawClient.connect(port, GET % b"1")
    await resource.arrived
    channel = resource.waiting[0].channel
    many = (GET % b"2") * 40_000
    client.send(many)
    other = await RawClient.connect(port, GET % b"other")
    while len(resource.waiting) < 2:
        other.send(b"")
        await _turn()
    while channel._reading:
        await _turn()
    assert len(channel._buffer) < 256 * 1024
    client.transport.abortConnection()


async def _turn() -> None:
    from twisted.internet import reactor

    turn: Deferred[None] = Deferred()
    reactor.callLater(0, turn.callback, None)
    await turn


@pytest_twisted.ensureDeferred
async def test_content_that_is_waited_for_is_asked_for(serve: Serve) -> None:
    _, port = serve(Echo())
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    client = await RawClient.connect(port, head)
    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hello")
    await client.until(b"</ hello>")


@pytest_twisted.ensureDeferred
async def test_content_that_is_too_long_is_refused_before_it_is_sent(serve: Serve) -> None:
    _, port = serve(Echo(), max_body=1000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
    client = await RawClient.connect(port, head)
    assert (await client.until_closed()).startswith(b"HTTP/1.1 413 ")


@pytest_twisted.ensureDeferred
async def test_a_client_that_sends_on_can_still_read_why_it_was_refused(serve: Serve) -> None:
    _, port = serve(Echo(), max_body=1000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
    client = await RawClient.connect(port, head, b"x" * 2_000_000)
    received = await client.until(b"longer than 1000 bytes")
    assert received.startswith(b"HTTP/1.1 413 ")
    client.transport.loseConnection()
    await client.until_closed()


@pytest_twisted.ensureDeferred
async def test_a_client_that_has_half_closed_gets_its_answer(serve: Serve) -> None:
    resource = Later()
    _, port = serve(resource)
    client = await RawClient.connect(port, GET % b"1")
    client.transport.loseWriteConnection()
    await resource.arrived
    await _turn()
    resource.answer()
    assert (await client.until_closed()).endswith(b"2\r\n/1\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_requests_sent_before_half_closing_are_all_answered(serve: Serve) -> None:
    _, port = serve(Echo())
    client = await RawClient.connect(port, GET % b"1", GET % b"2")
    client.transport.loseWriteConnection()
    received = await client.until_closed()
    assert received.count(b"200 OK") == 2


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_ends_its_request(serve: Serve) -> None:
    resource = Later()
    _, port = serve(resource)
    client = await RawClient.connect(port, GET % b"1")
    await resource.arrived
    client.transport.loseConnection()
    await resource.gone


@pytest_twisted.ensureDeferred
async def test_a_client_that_resets_ends_its_request(serve: Serve) -> None:
    resource = Later()
    _, port = serve(resource)
    client = await RawClient.connect(port, GET % b"1")
    await resource.arrived
    client.transport.abortConnection()
    await resource.gone


@pytest_twisted.ensureDeferred
async def test_a_connection_serves_a_bounded_number_of_requests(serve: Serve) -> None:
    _, port = serve(Echo(), limits=HttpLimits(requests_per_connection=2))
    client = await RawClient.connect(port, *(GET % b"%d" % number for number in range(3)))
    received = await client.until_closed()
    assert received.count(b"200 OK") == 2
    assert received.count(b"Connection: close") == 1


@pytest_twisted.ensureDeferred
async def test_connections_are_bounded_for_each_peer(serve: Serve) -> None:
    site, port = serve(Echo(), limits=HttpLimits(connections_per_peer=1))
    first = await RawClient.connect(port, GET % b"1")
    await first.until(b"</1 >")
    second = await RawClient.connect(port)
    await second.until_closed()
    first.send(GET % b"2")
    await first.until(b"</2 >")
    first.transport.loseConnection()
    await first.until_closed()
    while site.engine.connections.open:
        await _turn()
    third = await RawClient.connect(port, GET % b"3")
    await third.until(b"</3 >")


@pytest_twisted.ensureDeferred
async def test_behind_the_proxy_protocol_the_client_is_the_one_that_the_proxy_names() -> None:
    from twisted.internet import reactor

    class Who(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            return b"<%b>" % request.getClientAddress().host.encode()

    site = Site(
        Who(), limits=HttpLimits(connections_per_peer=1), content_limits=ContentLimits(0).for_any, reactor=reactor
    )
    port = await serverFromString(reactor, "haproxy:tcp:0:interface=127.0.0.1").listen(site)
    client = await RawClient.connect(port.getHost().port, b"PROXY TCP4 203.0.113.7 127.0.0.1 1234 80\r\n", GET % b"")
    await client.until(b"<203.0.113.7>")
    await port.stopListening()
    await site.drain(0)


@pytest_twisted.ensureDeferred
async def test_connections_are_bounded_in_all(serve: Serve) -> None:
    _, port = serve(Echo(), limits=HttpLimits(connections=1))
    first = await RawClient.connect(port, GET % b"1")
    await first.until(b"</1 >")
    second = await RawClient.connect(port)
    await second.until_closed()


@pytest_twisted.ensureDeferred
async def test_a_client_that_stops_reading_is_cut_off(serve: Serve) -> None:
    class Big(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            return b"x" * 50_000_000

    site, port = serve(Big(), limits=HttpLimits(write_idle=Duration(1)))
    client = await RawClient.connect(port)
    client.transport.pauseProducing()
    client.send(GET % b"1")
    while not site.engine.connections.open:
        await _turn()
    while site.engine.connections.open:
        await _turn()
    client.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_a_client_that_does_not_read_is_not_read_from(serve: Serve) -> None:
    class Big(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            return b"x" * 200_000

    site, port = serve(Big(), limits=HttpLimits(pipelined=100))
    client = await RawClient.connect(port)
    client.transport.pauseProducing()
    client.send((GET % b"1") * 60)
    while not site.engine.connections.open or not next(iter(site.engine.connections.open))._full:
        await _turn()
    channel = next(iter(site.engine.connections.open))
    assert channel.pending() < 1_000_000
    client.transport.resumeProducing()
    while client.received.count(b"200 OK") < 60:
        await _turn()
