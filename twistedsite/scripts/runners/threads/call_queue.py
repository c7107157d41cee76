"""Calls from threads into the reactor's thread, many for one wake-up.

`reactor.callFromThread` writes a byte into a pipe for each call and goes through the reactor's own queue. Under load
that costs more than the calls. This queue writes to one eventfd, and only when the reactor is not already woken.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

_write = ctypes.PyDLL(None).write
"""`write(2)` that keeps the interpreter lock, unlike `os.eventfd_write`. The thread goes on to its next script, and the
woken reactor takes the lock when the thread has no more work: otherwise threads would switch for each result."""
_ONE = (1).to_bytes(8, sys.byteorder)
_SLICE = 256
"""Most calls made at once; then the reactor does its other work."""


@implementer(IReadDescriptor)
class CallQueue:
    """Has `callFromThread`, so `deferToThreadPool` can take it in place of the reactor."""

    _log = Logger()

    def __init__(self, reactor: IReactorFDSet) -> None:
        self._reactor = reactor
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._woken = False
        self._closing = threading.Lock()
        """Held while a thread uses the descriptor: when that is closed, its number may become another file's."""
        reactor.addReader(self)

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        """Call `function(*args)` in the reactor's thread, in the order of the calls. For any thread."""
        self._calls.put((function, args))
        if not self._woken:
            self._woken = True
            self._wake()

    def _wake(self) -> None:
        with self._closing:
            if self._descriptor >= 0:
                _write(self._descriptor, _ONE, 8)

    def doRead(self) -> None:
        """Make the queued calls."""
        # Read, clear the flag, then drain: in another order a call that is queued meanwhile would not wake the reactor.
        os.eventfd_read(self._descriptor)
        self._woken = False
        for _ in range(_SLICE):
            try:
                function, args = self._calls.get_nowait()
            except Empty:
                return
            try:
                function(*args)
            except Exception:
                self._log.failure("a call from a script's thread failed", failure=Failure())
        self._woken = True
        self._wake()

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "scripts"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has stopped."""
        self.close()

    def close(self) -> None:
        """Leave the reactor. Queued calls, and later ones, are not made."""
        if self._descriptor < 0:
            return
        self._reactor.removeReader(self)
        with self._closing:
            os.close(self._descriptor)
            self._descriptor = -1
