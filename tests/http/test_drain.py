"""A graceful end: what is under way is finished, what is idle is closed, what takes too long is cut off."""

from __future__ import annotations

import pytest_twisted
from rawclient import RawClient
from serving import Serve
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Later(Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.arrived: Deferred[Request] = Deferred()

    def render_GET(self, request: Request) -> int:
        self.arrived.callback(request)
        return NOT_DONE_YET


@pytest_twisted.ensureDeferred
async def test_nothing_to_wait_for(serve: Serve) -> None:
    site, _ = serve(Later())
    await site.drain(10)


@pytest_twisted.ensureDeferred
async def test_idle_connections_are_closed(serve: Serve) -> None:
    resource = Later()
    site, port = serve(resource)
    client = await RawClient.connect(port, GET)
    request = await resource.arrived
    request.write(b"hello")
    request.finish()
    await client.until(b"0\r\n\r\n")
    await site.drain(10)
    await client.until_closed()


@pytest_twisted.ensureDeferred
async def test_a_request_under_way_is_finished_and_its_connection_closed(serve: Serve) -> None:
    resource = Later()
    site, port = serve(resource)
    client = await RawClient.connect(port, GET)
    request = await resource.arrived
    drained = site.drain(10)
    assert not drained.called
    request.write(b"hello")
    request.finish()
    await drained
    received = await client.until_closed()
    assert b"\r\nConnection: close\r\n" in received
    assert received.endswith(b"5\r\nhello\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_a_response_that_has_begun_is_finished(serve: Serve) -> None:
    resource = Later()
    site, port = serve(resource)
    client = await RawClient.connect(port, GET)
    request = await resource.arrived
    request.write(b"hello")
    drained = site.drain(10)
    request.finish()
    await drained
    assert (await client.until_closed()).endswith(b"5\r\nhello\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_a_request_that_takes_too_long_is_cut_off(serve: Serve) -> None:
    resource = Later()
    site, port = serve(resource)
    client = await RawClient.connect(port, GET)
    request = await resource.arrived
    gone: list[object] = []
    request.notifyFinish().addErrback(gone.append)
    await site.drain(0.05)
    assert len(gone) == 1
    assert await client.until_closed() == b""


@pytest_twisted.ensureDeferred
async def test_no_connection_is_taken_while_draining(serve: Serve) -> None:
    resource = Later()
    site, port = serve(resource)
    await RawClient.connect(port, GET)
    await resource.arrived
    drained = site.drain(0.2)
    late = await RawClient.connect(port, GET)
    assert await late.until_closed() == b""
    await drained
