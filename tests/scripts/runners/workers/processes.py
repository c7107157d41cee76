"""For tests of processes: wait until one has ended, and look at what there is."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer


@implementer(IReadDescriptor)
class _Watch:
    """Fires when a process has ended: its pidfd is readable then."""

    def __init__(self, reactor: Any, pidfd: int) -> None:
        self.ended: Deferred[None] = Deferred()
        self._reactor = reactor
        self._pidfd = pidfd
        reactor.addReader(self)

    def doRead(self) -> None:
        self._reactor.removeReader(self)
        os.close(self._pidfd)
        self.ended.callback(None)

    def fileno(self) -> int:
        return self._pidfd

    def logPrefix(self) -> str:
        return "watch"

    def connectionLost(self, reason: Any) -> None:
        pass


async def ended(pid: int) -> None:
    """Wait until the process `pid` has ended."""
    from twisted.internet import reactor

    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    await _Watch(reactor, pidfd).ended


def children(pid: int) -> list[int]:
    """The process ids of the children of the process `pid`, zombies among them."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def is_zombie(pid: int) -> bool:
    """Whether the process `pid` has ended, and nobody has asked how."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
