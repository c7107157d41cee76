"""The server's end of a worker's socket: whole frames in and out, sent at once where the socket takes them."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Mapping
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedsite.scripts.runners.workers.frames import FrameError, FrameReader

_AT_ONCE: Final = 256 * 1024
"""Bytes received in one go: what the socket's buffer holds at most."""


class Receiver(Protocol):
    """Who gets the frames."""

    def received(self, kind: int, payload: bytes) -> None:
        """A frame; may raise FrameError."""
        ...

    def disconnected(self, reason: str) -> None:
        """No more frames. `reason`: the frame that was wrong, or empty where the other side has closed."""
        ...


@implementer(IReadWriteDescriptor)
class WorkerLink:
    """Frames from and to one worker, whose kinds and sizes are bounded by `limits`."""

    def __init__(
        self, reactor: IReactorFDSet, connection: socket.socket, limits: Mapping[int, int], receiver: Receiver
    ) -> None:
        connection.setblocking(False)
        self._reactor = reactor
        self._connection = connection
        self._reader = FrameReader(limits)
        self._receiver = receiver
        self._unsent = bytearray()
        self._paused = False
        self._open = True
        reactor.addReader(self)

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
            rights = (
                [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            )
            try:
                sent = self._connection.sendmsg([data], rights)
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
            self._reactor.removeReader(self)

    def resume(self) -> None:
        """Read on, first what has been received already."""
        if self._open and self._paused:
            self._paused = False
            self._reactor.addReader(self)
            self._deliver()

    def close(self) -> None:
        """Close the socket; `disconnected` is not called."""
        if self._open:
            self._open = False
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._connection.close()

    def doRead(self) -> None:
        try:
            data = self._connection.recv(_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose("")
            return
        self._reader.feed(data)
        self._deliver()

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
            self._lose(str(error) or "a frame out of turn")

    def _lose(self, reason: str) -> None:
        if self._open:
            self.close()
            self._receiver.disconnected(reason)


def reopened(descriptor: int) -> int:
    """A new descriptor, for reading only and with a position of its own, of the file that `descriptor` names."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
