"""One connection whose exact bytes are the test's own business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure


class ClosedEarlyError(Exception):
    """The server closed the connection before what was waited for had come; its text is what came."""


class RawConnection(Protocol):
    """A connection to a server. Reading can be paused, so that the client is a slow one."""

    def __init__(self) -> None:
        self.received = bytearray()
        """All that has come so far."""
        self.closed = False
        """The connection is gone."""
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def send(self, data: bytes) -> None:
        """Send `data`."""
        assert self.transport is not None
        self.transport.write(data)

    async def until(self, expected: bytes) -> bytes:
        """Wait until `expected` has come, and return all that has; raises ClosedEarlyError where it never will."""
        await self._when(lambda: expected in self.received or self.closed)
        if expected not in self.received:
            raise ClosedEarlyError(repr(bytes(self.received)))
        return bytes(self.received)

    async def everything(self) -> bytes:
        """Wait until the server has closed the connection, and return all that has come."""
        await self._when(lambda: self.closed)
        return bytes(self.received)

    async def close(self) -> None:
        """Break the connection off, as a client does that goes away, and wait until it is gone."""
        transport: Any = self.transport
        transport.abortConnection()
        await self.everything()

    def pause(self) -> None:
        """Take nothing from now on."""
        transport: Any = self.transport
        transport.pauseProducing()

    def resume(self) -> None:
        """Take what comes again."""
        transport: Any = self.transport
        transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed = True
        self._look()

    def _when(self, condition: Callable[[], bool]) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._waiting.append((condition, waiting))
        self._look()
        return waiting

    def _look(self) -> None:
        ready = [entry for entry in self._waiting if entry[0]()]
        for entry in ready:
            self._waiting.remove(entry)
            entry[1].callback(None)


async def connect(reactor: Any, port: int) -> RawConnection:
    """A new connection to `port` of this machine."""
    connection = RawConnection()
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), connection)
    return connection
