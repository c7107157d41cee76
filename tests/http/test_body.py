"""Content on its way in: where it is kept, how much is taken, and that nothing stays behind."""

from __future__ import annotations

import gc
import hashlib
import io
import os

import pytest
import pytest_twisted
from rawclient import RawClient
from serving import Serve
from site_files import logged
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Request

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.message.head import HeaderFields
from twistedsite.settings.server import HttpLimits
from twistedsite.settings.units import Size

SMALL = HttpLimits(body_memory=Size(1000))


class Digest(Resource):
    """Answers with the digest of what was sent, and whether it was kept in memory."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        content = request.content.read()
        request.content.seek(0)
        assert request.content.read() == content
        where = b"memory" if isinstance(request.content, io.BytesIO) else b"disk"
        return b"%b %d %b." % (where, len(content), hashlib.sha256(content).hexdigest().encode())


def digest(where: bytes, content: bytes) -> bytes:
    return b"%b %d %b." % (where, len(content), hashlib.sha256(content).hexdigest().encode())


def post(content: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


def chunked(content: bytes, size: int) -> bytes:
    chunks = [content[at : at + size] for at in range(0, len(content), size)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


def temporary_files() -> int:
    """How many files without a name are open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += "(deleted)" in os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
    return found


async def turn() -> None:
    from twisted.internet import reactor

    soon: Deferred[None] = Deferred()
    reactor.callLater(0, soon.callback, None)
    await soon


@pytest_twisted.ensureDeferred
async def test_small_content_stays_in_memory_and_large_content_goes_to_disk(serve: Serve) -> None:
    before = temporary_files()
    _, port = serve(Digest(), limits=SMALL, max_body=20_000_000)
    client = await RawClient.connect(port)
    for content, where in ((b"", b"memory"), (b"x" * 1000, b"memory"), (os.urandom(5_000_000), b"disk")):
        client.send(post(content))
        await client.until(digest(where, content))
        client.send(chunked(content, 60_000))
        client.received = b""
        await client.until(digest(where, content))
    while temporary_files() > before:
        await turn()


@pytest_twisted.ensureDeferred
async def test_chunked_content_beyond_the_limit_is_refused_while_it_comes(serve: Serve) -> None:
    before = temporary_files()
    _, port = serve(Digest(), limits=SMALL, max_body=100_000)
    client = await RawClient.connect(port, chunked(b"x" * 150_000, 10_000)[:-5])
    received = await client.until(b"longer than 100000 bytes")
    assert received.startswith(b"HTTP/1.1 413 ")
    client.transport.loseConnection()
    while temporary_files() > before:
        await turn()


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_during_its_upload_leaves_no_file(serve: Serve) -> None:
    before = temporary_files()
    site, port = serve(Digest(), limits=SMALL, max_body=10_000_000)
    client = await RawClient.connect(port, post(b"x" * 5_000_000)[:2_000_000])
    while temporary_files() == before:
        await turn()
    client.transport.abortConnection()
    while site.engine.connections.open or temporary_files() > before:
        gc.collect()
        await turn()


@pytest_twisted.ensureDeferred
async def test_a_full_disk_is_answered_507(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> io.BytesIO:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    _, port = serve(Digest(), limits=SMALL, max_body=10_000_000)
    client = await RawClient.connect(port, post(b"x" * 5_000))
    assert (await client.until(b"cannot be stored")).startswith(b"HTTP/1.1 507 ")
    client.transport.loseConnection()


class Check:
    """Refuses content that contains a `!`, or that does not end in a full stop."""

    def __init__(self) -> None:
        self.last = b""

    def feed(self, data: bytes) -> None:
        self.last = data or self.last
        if b"!" in data:
            raise CheckError(422, "No shouting")

    def finish(self) -> None:
        if not self.last.endswith(b"."):
            raise CheckError(400, "No end")


class CheckError(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message


def check_text(headers: HeaderFields) -> Check | None:
    return Check() if (b"Content-Type", b"text/plain") in headers else None


@pytest_twisted.ensureDeferred
async def test_content_is_checked_while_it_comes(serve: Serve) -> None:
    _, port = serve(Digest(), check_body=check_text)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n"
    client = await RawClient.connect(port, head, b"hey!")
    received = await client.until(b"No shouting")
    assert received.startswith(b"HTTP/1.1 422 ")
    assert b"\r\nConnection: close\r\n" in received
    client.transport.loseConnection()
    client = await RawClient.connect(port, head, b"0123456789")
    assert (await client.until(b"No end")).startswith(b"HTTP/1.1 400 ")
    client.transport.loseConnection()
    client = await RawClient.connect(port, head, b"012345678.", post(b"other!"))
    await client.until(digest(b"memory", b"012345678."))
    await client.until(digest(b"memory", b"other!"))


@pytest_twisted.ensureDeferred
async def test_a_refused_upload_is_logged_once(serve: Serve) -> None:
    _, port = serve(Digest(), max_body=10)
    with logged() as log:
        for _ in range(3):
            client = await RawClient.connect(port, post(b"x" * 11))
            await client.until(b"413")
            client.transport.loseConnection()
    assert log().count("127.0.0.1: 413 The content is longer than 10 bytes") == 1


@pytest_twisted.ensureDeferred
async def test_another_may_say_what_holds_for_the_content_of_a_host(serve: Serve) -> None:
    asked: list[bytes] = []

    def limits(host: bytes) -> ContentLimits:
        asked.append(host)
        return ContentLimits(20, check_text) if host == b"a" else ContentLimits(5)

    _, port = serve(Digest(), content_limits=limits)
    client = await RawClient.connect(port, b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", post(b""), post(b"x" * 20))
    await client.until(digest(b"memory", b"x" * 20))
    assert asked == [b"a"]
    client.send(chunked(b"y" * 20, 7))
    await client.until(digest(b"memory", b"y" * 20))
    client.send(b"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 6\r\n\r\n")
    assert b"HTTP/1.1 413 " in await client.until(b"longer than 5 bytes")
    client.transport.loseConnection()
    checked = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhey!"
    client = await RawClient.connect(port, checked)
    assert (await client.until(b"No shouting.")).startswith(b"HTTP/1.1 422 ")
    client.transport.loseConnection()
    client = await RawClient.connect(port, checked.replace(b"Host: a", b"Host: b").replace(b"10", b"4"))
    await client.until(digest(b"memory", b"hey!"))
    client.transport.loseConnection()
    assert asked == [b"a", b"a", b"b", b"a", b"b"]
