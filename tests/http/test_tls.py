"""The same over TLS, where nothing goes past the transport."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_twisted
from certificates import self_signed
from rawclient import RawClient
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, serverFromString, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.message.response import PreparedResponse
from twistedsite.http.request import Request
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits

# Twisted itself hands pyOpenSSL objects to pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

BIG = b"0123456789" * 300_000
FAST = PreparedResponse(b"HTTP/1.1 200 OK\r\n", b"<fast>")


class Pages(Resource):
    isLeaf = True

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def render(self, request: Request) -> bytes | int:
        if request.path == b"/big":
            return BIG
        if request.path == b"/file":
            fd = os.open(self.file, os.O_RDONLY)
            request.setHeader(b"content-length", b"%d" % len(BIG))
            sent = request.send_file(fd, 0, len(BIG))
            sent.addCallback(lambda _: request.finish())
            sent.addBoth(lambda _: os.close(fd))
            return NOT_DONE_YET
        return b"<%d %b>" % (request.isSecure(), request.content.read())


class Secure(NamedTuple):
    site: Site
    port: int
    trust: Certificate


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    from twisted.internet import reactor

    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("localhost"))
    file = tmp_path / "file"
    file.write_bytes(BIG)
    site = Site(
        Pages(file),
        limits=HttpLimits(),
        content_limits=ContentLimits(1_000_000).for_any,
        reactor=reactor,
        quick_answer=lambda head, _: FAST if head.path == b"/fast" else None,
    )
    endpoint = serverFromString(reactor, f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")
    port: Any = pytest_twisted.blockon(endpoint.listen(site))
    yield Secure(site, port.getHost().port, Certificate.loadPEM(pem.read_bytes()))
    pytest_twisted.blockon(port.stopListening())
    pytest_twisted.blockon(site.drain(0))


async def connect(secure: Secure, data: bytes) -> RawClient:
    from twisted.internet import reactor

    options = optionsForClientTLS("localhost", trustRoot=secure.trust)
    endpoint = wrapClientTLS(options, HostnameEndpoint(reactor, "127.0.0.1", secure.port))
    client = await connectProtocol(endpoint, RawClient())
    client.send(data)
    return client


def get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path


@pytest_twisted.ensureDeferred
async def test_requests_on_one_connection(secure: Secure) -> None:
    client = await connect(secure, get(b"/1") + get(b"/fast"))
    await client.until(b"<fast>")
    assert b"<1 >" in client.received
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000)
    await client.until(b"xxx>")
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await client.until_closed()


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("path", [b"/big", b"/file"])
async def test_long_responses(secure: Secure, path: bytes) -> None:
    client = await connect(secure, get(path) + get(b"/after"))
    received = await client.until(b"<1 >")
    assert received.count(BIG) == 1


@pytest_twisted.ensureDeferred
async def test_a_refused_request_is_answered_and_the_connection_closed(secure: Secure) -> None:
    client = await connect(secure, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.until_closed()).startswith(b"HTTP/1.1 400 ")
