"""The private and undocumented parts of Twisted that the engine uses. A new version of Twisted must still have them.

| part | used in | for |
| --- | --- | --- |
| `Headers._rawHeaders` | `http.request`, `http.message.response` | to read and write fields without a copy |
| `Request._handleStar`, `._encoder`, `._disconnected`, no `Request.__init__` | `http.request` | a Request without objects that few resources need |
| `resource._IEncodingResource` | `http.request` | resources that compress |
| `FileDescriptor.dataBuffer`, `.offset`, `._tempDataBuffer`, `._tempDataLen` | `http.connection.output`, `.transports` | to send past an empty buffer, and to count what waits |
| `Connection.socket`, `.bufferSize`, `.disconnected`, own `startReading` and `stopReading` | `http.connection.epoll` | to read many sockets in one loop |
| `_PullToPush` | `http.connection.output` | pull producers |
| `_protocolUpgradeForWebsockets` | `http.connection.channel` | the name by which `WebSocketResource` asks for the connection |
| `H2Connection._requestDone`, `._stillProducing`, `._reactor`, `.streams`, `.conn` | `http.http2` | HTTP/2 while the site drains |
"""  # noqa: E501

from __future__ import annotations

import inspect
from typing import Any

import pytest
from twisted.internet._producer_helpers import _PullToPush
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.web import _websocket_impl, resource, server
from twisted.web._http2 import H2Connection
from twisted.web.http_headers import Headers
from twisted.web.test.requesthelper import DummyChannel

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.message.head import make_head
from twistedsite.http.request import EngineRequest
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits


def test_headers_are_kept_by_canonical_name() -> None:
    assert Headers({b"etag": [b"x"], b"content-type": [b"y"]})._rawHeaders == {b"ETag": [b"x"], b"Content-Type": [b"y"]}


def test_a_request_has_all_that_twisteds_own_has() -> None:
    site = Site(resource.Resource(), limits=HttpLimits(), content_limits=ContentLimits(0).for_any, reactor=Clock())
    channel: Any = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
    channel.makeConnection(StringTransport())
    ours = EngineRequest(channel, make_head(b"GET", b"/", 1, ((b"Host", b"a"),), 0))
    ours.locate()
    missing = [name for name in vars(server.Request(DummyChannel())) if not hasattr(ours, name)]
    # Only `requestReceived` reads it, which our channel does not call.
    assert missing == ["_parsePOSTFormSubmission"]
    channel.connectionLost()


def test_what_waits_to_be_sent_can_be_counted() -> None:
    descriptor: Any = FileDescriptor(Clock())
    assert (descriptor.dataBuffer, descriptor.offset) == (b"", 0)
    assert (descriptor._tempDataBuffer, descriptor._tempDataLen) == ([], 0)
    assert (descriptor.disconnected, Connection.bufferSize) == (0, 65536)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (server.Request, ["_handleStar", "_encoder", "_disconnected"]),
        (resource, ["_IEncodingResource"]),
        (_PullToPush, ["startStreaming", "stopStreaming"]),
    ],
    ids=["Request", "resource", "_PullToPush"],
)
def test_the_parts_are_there(owner: object, names: list[str]) -> None:
    assert [name for name in names if not hasattr(owner, name)] == []


def test_a_websocket_asks_the_channel_by_the_same_name() -> None:
    assert "_protocolUpgradeForWebsockets" in inspect.getsource(_websocket_impl)


def test_http2_connections_have_what_draining_needs() -> None:
    connection = H2Connection(Clock())
    names = ["_requestDone", "_stillProducing", "_reactor", "streams", "conn"]
    assert [name for name in names if not hasattr(connection, name)] == []
