"""A Site without a network: bytes in, responses out."""

from __future__ import annotations

import io
from http.client import HTTPResponse
from typing import Any, NamedTuple, cast

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.resource import Resource
from twisted.web.server import Request

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits
from twistedsite.settings.units import Size

MAX_BODY = 100_000
LIMITS = HttpLimits(body_memory=Size(MAX_BODY))


class Echo(Resource):
    """Answers with what it was asked: method, host, target and content."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        host = request.getHeader(b"host") or b"-"
        return b"%b %b %b %b" % (request.method, host, request.uri, request.content.read())


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    content: bytes


class Wire:
    """One connection to a Site."""

    def __init__(self, site: Site | None = None) -> None:
        self.clock = Clock()
        self.site = site or make_site(clock=self.clock)
        channel = self.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40000))
        self.transport = StringTransportWithDisconnection(peerAddress=IPv4Address("TCP", "192.0.2.1", 40000))
        self.transport.protocol = channel
        self.channel = channel
        channel.makeConnection(self.transport)

    def send(self, data: bytes) -> Wire:
        """Let `data` arrive, as far as the server still reads; returns itself."""
        if self.transport.connected:
            self.channel.dataReceived(data)
            self.clock.advance(0)
        return self

    @property
    def closed(self) -> bool:
        """Whether the server has closed the connection."""
        return not self.transport.connected

    @property
    def output(self) -> bytes:
        """All that was sent, with the responses' dates left out."""
        lines = self.transport.value().split(b"\r\n")
        return b"\r\n".join(line for line in lines if not line.startswith(b"Date:"))

    def answers(self, method: str = "GET") -> list[Answer]:
        """Return the responses sent so far."""
        stream = _Stream(self.transport.value())
        found = []
        while stream.rest():
            parsed = HTTPResponse(cast(Any, stream), method=method)
            parsed.begin()
            content = parsed.read()
            found.append(Answer(parsed.status, {k.lower(): v for k, v in parsed.getheaders()}, content))
        return found


class _Stream(io.BytesIO):
    """A socket as http.client wants it, that several responses are read from."""

    def makefile(self, *_: object) -> _Stream:
        return self

    def close(self) -> None:
        """HTTPResponse closes after each response."""

    def rest(self) -> bytes:
        at = self.tell()
        found = self.read()
        self.seek(at)
        return found


def make_site(clock: Clock | None = None, **settings: Any) -> Site:
    """Return a Site that echoes."""
    settings = {
        "limits": LIMITS,
        "content_limits": ContentLimits(MAX_BODY).for_any,
        "reactor": clock or Clock(),
        **settings,
    }
    return Site(Echo(), **settings)
