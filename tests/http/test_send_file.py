"""Files to clients: whole, in ranges, to slow readers, over TLS, and cut short."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from rawclient import RawClient
from serving import Serve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from twistedsite.http.connection import sendfile
from twistedsite.http.request import Request
from twistedsite.settings.server import HttpLimits
from twistedsite.settings.units import Duration

LARGE = 50_000_000
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Whole(Resource):
    """Sends `length` bytes at `offset` of the file, and notes how that ended."""

    isLeaf = True

    def __init__(self, path: Path, offset: int, length: int) -> None:
        super().__init__()
        self.path, self.offset, self.length = path, offset, length
        self.sending: Deferred[None] | None = None
        self.ended: Deferred[Any] = Deferred()

    def render_GET(self, request: Request) -> int:
        fd = os.open(self.path, os.O_RDONLY)
        request.setHeader(b"content-length", b"%d" % self.length)
        sending = self.sending = request.send_file(fd, self.offset, self.length)
        sending.addCallback(lambda _: request.finish())
        sending.addBoth(self._end, fd)
        return NOT_DONE_YET

    def _end(self, result: Any, fd: int) -> None:
        os.close(fd)
        ended, self.ended = self.ended, Deferred()
        ended.callback(result)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    content = os.urandom(5_000_000)
    (tmp_path / "file").write_bytes(content)
    return content


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, LARGE)
    return path


async def turn() -> None:
    from twisted.internet import reactor

    soon: Deferred[None] = Deferred()
    reactor.callLater(0, soon.callback, None)
    await soon


async def receive(client: RawClient, length: int) -> bytes:
    """Return the next response's content of `length` bytes, and forget it."""
    while True:
        _, end, content = client.received.partition(b"\r\n\r\n")
        if end and len(content) >= length:
            client.received = content[length:]
            return content[:length]
        await turn()


@pytest_twisted.ensureDeferred
async def test_a_whole_file_and_ranges_of_it(serve: Serve, tmp_path: Path, content: bytes) -> None:
    for offset, length in ((0, len(content)), (0, 1), (1000, 2_000_000), (len(content) - 7, 7)):
        _, port = serve(Whole(tmp_path / "file", offset, length))
        client = await RawClient.connect(port, GET, GET)
        assert await receive(client, length) == content[offset : offset + length]
        assert await receive(client, length) == content[offset : offset + length]
        client.transport.loseConnection()


@pytest_twisted.ensureDeferred
async def test_a_reader_that_pauses_gets_all_of_it(serve: Serve, tmp_path: Path, content: bytes) -> None:
    resource = Whole(tmp_path / "file", 0, len(content))
    site, port = serve(resource)
    client = await RawClient.connect(port, GET)
    client.transport.pauseProducing()
    while not site.engine.connections.open:
        await turn()
    channel = next(iter(site.engine.connections.open))
    while not channel._lent:
        await turn()
    assert site.engine.reactor.getThreadPool().working == []
    client.transport.resumeProducing()
    assert await receive(client, len(content)) == content


@pytest_twisted.ensureDeferred
async def test_a_reader_that_stops_is_cut_off(serve: Serve, large: Path) -> None:
    resource = Whole(large, 0, LARGE)
    ended = resource.ended
    _, port = serve(resource, limits=HttpLimits(write_idle=Duration(1)))
    client = await RawClient.connect(port, GET)
    client.transport.pauseProducing()
    with pytest.raises(ConnectionLost):
        await ended
    client.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_ends_the_sending(serve: Serve, large: Path) -> None:
    resource = Whole(large, 0, LARGE)
    ended = resource.ended
    _, port = serve(resource)
    client = await RawClient.connect(port, GET)
    await client.until(b"\r\n\r\n")
    client.transport.abortConnection()
    with pytest.raises(ConnectionLost):
        await ended


@pytest_twisted.ensureDeferred
async def test_cancelling_cuts_the_response_off(serve: Serve, large: Path) -> None:
    resource = Whole(large, 0, LARGE)
    ended = resource.ended
    _, port = serve(resource)
    client = await RawClient.connect(port, GET)
    await client.until(b"\r\n\r\n")
    assert resource.sending is not None
    resource.sending.cancel()
    with pytest.raises(CancelledError):
        await ended
    received = await client.until_closed()
    assert len(received) < LARGE


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_shorter_than_promised_breaks_the_connection(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    resource = Whole(tmp_path / "file", 0, 2000)
    ended = resource.ended
    _, port = serve(resource)
    client = await RawClient.connect(port, GET)
    await client.until_closed()
    with pytest.raises(sendfile.ShortFileError):
        await ended


@pytest_twisted.ensureDeferred
async def test_head_sends_no_file(serve: Serve, tmp_path: Path, content: bytes) -> None:
    resource = Whole(tmp_path / "file", 0, len(content))
    _, port = serve(resource)
    client = await RawClient.connect(port, b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    received = await client.until_closed()
    assert b"\r\nContent-Length: 5000000\r\n" in received
    assert received.endswith(b"\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_without_a_plain_socket_a_thread_reads(
    serve: Serve, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twistedsite.http.connection.transports.plain_socket", lambda transport: None)
    resource = Whole(tmp_path / "file", 10, 4_000_000)
    site, port = serve(resource)
    client = await RawClient.connect(port, GET)
    client.transport.pauseProducing()
    while not (site.engine.connections.open and next(iter(site.engine.connections.open))._full):
        await turn()
    while site.engine.reactor.getThreadPool().working:
        await turn()
    client.transport.resumeProducing()
    assert await receive(client, 4_000_000) == content[10:4_000_010]
    client.send(GET)
    await client.until(b"\r\n\r\n")
    ended = resource.ended
    client.transport.abortConnection()
    with pytest.raises((ConnectionLost, CancelledError)):
        await ended
