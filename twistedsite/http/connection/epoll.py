"""Many sockets behind one reader of the reactor: those that are ready are read in one tight loop.

Twisted spends more on telling a transport that its socket is readable than a prepared response costs. Here the sockets
of plain connections wait in an epoll object of their own, which is all that the reactor watches. Everything else about
a connection (writing, closing, errors, back-pressure) stays with its transport.
"""

from __future__ import annotations

import select
import time
from functools import partial
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_LOST
from twisted.logger import Logger
from twisted.python.failure import Failure

MOST_READY = 256
"""Sockets read in one turn of the reactor."""


class EpollReader(FileDescriptor):
    """Reads the plain sockets of one site's connections, where the system has epoll."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.tick = 0
        """While data is handed out: a number for the moment at which its sockets were found ready. Else 0."""
        self._epoll: select.epoll | None = None
        self._reading: dict[int, Any] = {}

    def attach(self, transport: Any) -> None:
        """Read the socket of `transport`, one of Twisted's plain streams, from now on whenever it wants to read."""
        if not hasattr(select, "epoll"):
            return
        transport.stopReading()
        transport.startReading = partial(self._start, transport)
        transport.stopReading = partial(self._stop, transport)
        transport.startReading()

    def fileno(self) -> int:
        """What the reactor watches."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def doRead(self) -> None:
        """Some sockets are ready: read each of them once."""
        if self._epoll is None:
            return
        ready = self._epoll.poll(0, MOST_READY)
        self.tick = time.monotonic_ns()
        try:
            for descriptor, _ in ready:
                transport = self._reading.get(descriptor)
                if transport is not None:
                    self._read(transport)
        finally:
            self.tick = 0

    def connectionLost(self, reason: Failure) -> None:
        """The reactor disconnects all that it knows: so do we."""
        for transport in list(self._reading.values()):
            transport.connectionLost(reason)

    def _read(self, transport: Any) -> None:
        try:
            data = transport.socket.recv(transport.bufferSize)
        except BlockingIOError:
            return
        except OSError:
            transport.connectionLost(Failure(CONNECTION_LOST))
            return
        if not data:
            # The reactor finds the same end of the stream, and knows what is to be done.
            transport.stopReading()
            _give_back(transport)
            transport.startReading()
            return
        try:
            transport.protocol.dataReceived(data)
        except Exception:
            failure = Failure()
            self._log.failure("{peer}: failed while reading", failure=failure, peer=transport.getPeer())
            transport.connectionLost(failure)

    def _start(self, transport: Any) -> None:
        descriptor = transport.fileno()
        if descriptor in self._reading:
            return
        if self._epoll is None:
            try:
                self._epoll = select.epoll()
            except OSError:
                # No descriptor is left for it: the reactor reads this one.
                _give_back(transport)
                transport.startReading()
                return
            self.startReading()
        self._reading[descriptor] = transport
        self._epoll.register(descriptor, select.EPOLLIN)

    def _stop(self, transport: Any) -> None:
        if self._epoll is not None and self._reading.pop(transport.fileno(), None) is not None:
            self._epoll.unregister(transport.fileno())
            if not self._reading:
                self.stopReading()
                self._epoll.close()
                self._epoll = None
        if transport.disconnected:
            _give_back(transport)


def _give_back(transport: Any) -> None:
    del transport.startReading, transport.stopReading
