"""A client that says exactly what it is told, over a real socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure


class RawClient(Protocol):
    """Keeps what it receives in `received`."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.closed = False
        self._waiting: list[tuple[bytes | None, Deferred[bytes]]] = []

    @classmethod
    async def connect(cls, port: int, *requests: bytes) -> RawClient:
        """Connect to this machine's `port`, and send `requests`."""
        from twisted.internet import reactor

        client = await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", port), cls())
        client.transport.setTcpNoDelay(True)
        client.send(b"".join(requests))
        return client

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    async def until(self, marker: bytes) -> bytes:
        """Wait until `marker` has come; return all that was received so far."""
        if marker in self.received:
            return self.received
        if self.closed:
            raise ConnectionLost(repr(self.received[-200:]))
        return await self._wait(marker)

    async def until_closed(self) -> bytes:
        """Wait until the server has closed; return all that was received."""
        return self.received if self.closed else await self._wait(None)

    def _wait(self, marker: bytes | None) -> Deferred[bytes]:
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append((marker, waiting))
        return waiting

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._tell(lambda marker: marker is not None and marker in self.received)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        for marker, waiting in self._waiting:
            if marker is not None:
                waiting.errback(ConnectionDone(f"{marker!r} did not come, but {self.received[-200:]!r}"))
        self._tell(lambda marker: marker is None)

    def _tell(self, due: Any) -> None:
        ready = [waiting for marker, waiting in self._waiting if due(marker)]
        self._waiting = [(marker, waiting) for marker, waiting in self._waiting if not due(marker)]
        for waiting in ready:
            waiting.callback(self.received)
