from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Iterator

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedsite.http.connection.epoll import EpollReader


class Echo(Protocol):
    """Sends back what it gets; tells the test what happened."""

    def __init__(self, reader: EpollReader) -> None:
        self.reader = reader
        self.ticks: list[int] = []
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.factory.made.append(self)
        self.reader.attach(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.ticks.append(self.reader.tick)
        if data == b"fail":
            raise ValueError("as asked")
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason
        self.lost.callback(None)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Echo):
    """Says something when the client has said all."""

    def readConnectionLost(self) -> None:
        self.transport.write(b"bye")
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        pass


class Server:
    """Echoes on a port of this machine."""

    def __init__(self, kind: type[Echo]) -> None:
        self.reader = EpollReader(reactor)
        self.factory = Factory()
        self.factory.made = []
        self.factory.buildProtocol = lambda address: self._protocol(kind)
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")

    def _protocol(self, kind: type[Echo]) -> Echo:
        protocol = kind(self.reader)
        protocol.factory = self.factory
        return protocol

    @property
    def is_reading(self) -> bool:
        return self.reader in reactor.getReaders()

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port.getHost().port))
        client.setblocking(False)
        return client


def turn(seconds: float = 0) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


async def receive(client: socket.socket, length: int) -> bytes:
    """Read up to `length` bytes, or to the end, while the reactor runs."""
    data = b""
    while len(data) < length:
        try:
            piece = client.recv(length - len(data))
        except BlockingIOError:
            await turn()
            continue
        if not piece:
            break
        data += piece
    return data


@pytest.fixture(params=[Echo])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    made = Server(request.param)
    yield made
    pytest_twisted.blockon(made.port.stopListening())
    for protocol in made.factory.made:
        if protocol.connected and not protocol.lost.called:
            protocol.transport.abortConnection()
            pytest_twisted.blockon(protocol.lost)
    assert not made.is_reading


@pytest_twisted.ensureDeferred
async def test_what_clients_send_arrives_and_is_answered(server: Server) -> None:
    clients = [server.connect() for _ in range(20)]
    for number, client in enumerate(clients):
        client.sendall(b"hello %02d" % number)
    for number, client in enumerate(clients):
        assert await receive(client, 8) == b"hello %02d" % number
        client.close()


@pytest_twisted.ensureDeferred
async def test_what_was_ready_at_one_moment_is_one_tick(server: Server) -> None:
    clients = [server.connect() for _ in range(3)]
    while len(server.factory.made) < 3:
        await turn()
    for client in clients:
        client.sendall(b"one")
    for client in clients:
        assert await receive(client, 3) == b"one"
    clients[0].sendall(b"two")
    assert await receive(clients[0], 3) == b"two"
    first, *others = (protocol.ticks for protocol in server.factory.made)
    assert {ticks[0] for ticks in others} == {first[0]}
    assert first[1] > first[0] > 0
    assert server.reader.tick == 0
    for client in clients:
        client.close()


@pytest_twisted.ensureDeferred
async def test_a_transport_that_is_paused_is_not_read(server: Server) -> None:
    client, other = server.connect(), server.connect()
    client.sendall(b"one")
    assert await receive(client, 3) == b"one"
    protocol = server.factory.made[0]
    protocol.transport.pauseProducing()
    client.sendall(b"two")
    other.sendall(b"two")
    assert await receive(other, 3) == b"two"
    assert len(protocol.ticks) == 1
    protocol.transport.resumeProducing()
    assert await receive(client, 3) == b"two"
    client.close()
    other.close()


@pytest_twisted.ensureDeferred
async def test_a_client_that_closes_is_noticed(server: Server) -> None:
    client = server.connect()
    client.sendall(b"one")
    assert await receive(client, 3) == b"one"
    client.close()
    protocol = server.factory.made[0]
    await protocol.lost
    assert protocol.reason.check(ConnectionDone)


@pytest_twisted.ensureDeferred
async def test_a_client_that_resets_is_noticed(server: Server) -> None:
    client = server.connect()
    client.sendall(b"one")
    assert await receive(client, 3) == b"one"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    protocol = server.factory.made[0]
    await protocol.lost
    assert protocol.reason.check(ConnectionLost)


@pytest.mark.parametrize("server", [HalfCloseable], indirect=True)
@pytest_twisted.ensureDeferred
async def test_a_client_that_has_said_all_is_still_answered(server: Server) -> None:
    client = server.connect()
    client.sendall(b"one")
    client.shutdown(socket.SHUT_WR)
    assert await receive(client, 100) == b"onebye"
    client.close()


@pytest_twisted.ensureDeferred
async def test_a_server_that_closes_is_done_with_the_socket(server: Server) -> None:
    client = server.connect()
    client.sendall(b"one")
    assert await receive(client, 3) == b"one"
    protocol = server.factory.made[0]
    protocol.transport.loseConnection()
    assert await receive(client, 1) == b""
    await protocol.lost
    assert protocol.reason.check(ConnectionDone)
    client.close()


@pytest_twisted.ensureDeferred
async def test_a_protocol_that_fails_loses_its_connection_and_no_other(server: Server) -> None:
    client, other = server.connect(), server.connect()
    client.sendall(b"fail")
    assert await receive(client, 1) == b""
    other.sendall(b"one")
    assert await receive(other, 3) == b"one"
    client.close()
    other.close()


@pytest_twisted.ensureDeferred
async def test_the_reactor_can_disconnect_all(server: Server) -> None:
    client = server.connect()
    client.sendall(b"one")
    assert await receive(client, 3) == b"one"
    server.reader.connectionLost(Failure(ConnectionLost()))
    assert await receive(client, 1) == b""
    client.close()


@pytest_twisted.ensureDeferred
async def test_where_no_descriptor_is_left_for_it_the_reactor_reads(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> select.epoll:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as exhausted:
        exhausted.setattr(select, "epoll", full)
        first = server.connect()
        first.sendall(b"one")
        assert await receive(first, 3) == b"one"
    second = server.connect()
    second.sendall(b"two")
    assert await receive(second, 3) == b"two"
    assert [bool(tick) for protocol in server.factory.made for tick in protocol.ticks] == [False, True]
    first.close()
    second.close()


@pytest_twisted.ensureDeferred
async def test_where_there_is_no_epoll_the_reactor_reads(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    client = server.connect()
    client.sendall(b"one")
    assert await receive(client, 3) == b"one"
    assert not server.is_reading
    assert server.factory.made[0].ticks == [0]
    client.close()
