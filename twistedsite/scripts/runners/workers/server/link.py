"""The server's end of a worker's socket: whole frames in and out, sent at once where the socket takes them."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Mapping
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor, IWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedsite.scripts.runners.workers.wire.frames import FrameError, FrameReader

_AT_ONCE: Final = 256 * 1024
"""Bytes received in one go: what the socket's buffer holds at most."""
_MOST_READY: Final = 64
"""Links read in one turn of the reactor."""


class Receiver(Protocol):
    """Who gets the frames."""

    def received(self, kind: int, payload: bytes) -> None:
        """A frame; may raise FrameError."""
        ...

    def disconnected(self, reason: str) -> None:
        """No more frames. `reason`: the frame that was wrong, or empty where the other side has closed."""
        ...


@implementer(IReadDescriptor)
class Links:
    """All links behind one reader of the reactor, in an epoll object of their own.

    As with `http.connection.epoll`: Twisted spends more on telling a reader that it may read than a short answer costs.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorFDSet) -> None:
        self.reactor = reactor
        self.buffer = memoryview(bytearray(_AT_ONCE))
        """What is received comes in here first: one buffer of that size for each time would cost more than its use."""
        self._epoll = select.epoll()
        self._reading: dict[int, WorkerLink] = {}
        reactor.addReader(self)

    def start(self, link: WorkerLink) -> None:
        """Read `link` from now on."""
        self._reading[link.fileno()] = link
        self._epoll.register(link.fileno(), select.EPOLLIN)

    def stop(self, link: WorkerLink) -> None:
        """Read `link`, whose socket is still open, no more."""
        if self._reading.pop(link.fileno(), None) is not None:
            self._epoll.unregister(link.fileno())

    def close(self) -> None:
        """Let go of the reactor; the links are closed before."""
        if not self._epoll.closed:
            self.reactor.removeReader(self)
            self._epoll.close()

    def doRead(self) -> None:
        for descriptor, _ in self._epoll.poll(0, _MOST_READY):
            link = self._reading.get(descriptor)
            # One that was read before it may have closed it.
            if link is not None:
                self._read(link)

    def fileno(self) -> int:
        return -1 if self._epoll.closed else self._epoll.fileno()

    def logPrefix(self) -> str:
        return "workers"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has stopped."""
        for link in list(self._reading.values()):
            link.connectionLost(reason)
        self.close()

    def _read(self, link: WorkerLink) -> None:
        try:
            link.read()
        except Exception:
            failure = Failure()
            self._log.failure("what a worker has sent could not be dealt with", failure=failure)
            link.connectionLost(failure)


@implementer(IWriteDescriptor)
class WorkerLink:
    """Frames from and to one worker, whose kinds and sizes are bounded by `limits`."""

    def __init__(self, links: Links, connection: socket.socket, limits: Mapping[int, int], receiver: Receiver) -> None:
        connection.setblocking(False)
        self._links = links
        self._reactor = links.reactor
        self._connection = connection
        self._reader = FrameReader(limits)
        self._receiver = receiver
        self._unsent = bytearray()
        self._paused = False
        self._open = True
        links.start(self)

    @property
    def closed(self) -> bool:
        """Whether nothing comes or goes any more."""
        return not self._open

    def send(self, data: bytes, descriptor: int | None = None) -> bool:
        """Send a frame and, with its first byte, `descriptor`. False: nothing of it will ever be read."""
        if not self._open:
            return False
        sent = 0
        if not self._unsent:
            try:
                if descriptor is None:
                    sent = self._connection.send(data)
                else:
                    sent = socket.send_fds(self._connection, [data], [descriptor])
            except BlockingIOError:
                if descriptor is not None:
                    return False
            except OSError:
                return False
        if sent < len(data):
            self._unsent += data[sent:]
            self._reactor.addWriter(self)
        return True

    def pause(self) -> None:
        """Read no more: soon the worker has to wait."""
        if self._open and not self._paused:
            self._paused = True
            self._links.stop(self)

    def resume(self) -> None:
        """Read on, first what has been received already."""
        if self._open and self._paused:
            self._paused = False
            self._links.start(self)
            self._deliver()

    def close(self) -> None:
        """Close the socket; `disconnected` is not called."""
        if self._open:
            self._open = False
            self._links.stop(self)
            self._reactor.removeWriter(self)
            self._connection.close()

    def read(self) -> bool:
        """Take what has come, unless paused; tells whether anything has been taken."""
        if self._paused or not self._open:
            return False
        buffer = self._links.buffer
        try:
            count = self._connection.recv_into(buffer)
        except BlockingIOError:
            return False
        except OSError:
            count = 0
        if not count:
            self._lose("")
            return False
        self._reader.feed(buffer[:count])
        self._deliver()
        return True

    def refuse(self, error: FrameError) -> None:
        """The worker has done what it must not: close, and say so."""
        self._lose(str(error) or "a frame out of turn")

    def doWrite(self) -> None:
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if not self._unsent:
            self._reactor.removeWriter(self)

    def fileno(self) -> int:
        return self._connection.fileno()

    def logPrefix(self) -> str:
        return "worker"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has stopped, or the descriptor is broken."""
        self._lose("")

    def _deliver(self) -> None:
        try:
            while self._open and not self._paused and (taken := self._reader.take()) is not None:
                self._receiver.received(*taken)
        except FrameError as error:
            self.refuse(error)

    def _lose(self, reason: str) -> None:
        if self._open:
            self.close()
            self._receiver.disconnected(reason)


def reopened(descriptor: int) -> int:
    """A new descriptor, for reading only and with a position of its own, of the file that `descriptor` names."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
