"""One coarse timer for all connections of a site.

A connection sets its attribute `deadline`, which costs nothing; a timer for each request would cost as much as parsing
it. A deadline is met within `INTERVAL`, which is enough for slow clients.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

INTERVAL = 0.5
"""Seconds between two checks."""
NEVER = float("inf")


class Watched(Protocol):
    """A connection, as the timer sees it."""

    deadline: float

    def deadline_passed(self, now: float) -> None:
        """Called at the first check at or after `deadline`."""

    def check_progress(self, now: float) -> bool:
        """Called at each check while bytes wait for the client; returns whether some still do."""


class Watch:
    """Checks the connections of a site while there are any."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._call: IDelayedCall | None = None
        self.connections: set[Watched] = set()
        self.writers: set[Watched] = set()
        """Connections with bytes that the client has not taken."""
        self.now = 0.0
        """The time of the last check, in seconds of the reactor's clock."""
        self.date = b""
        """The line of Date (RFC 9110, 6.6.1)."""
        self._refresh()

    def add(self, connection: Watched) -> None:
        """Check `connection` from now on."""
        self.connections.add(connection)
        if self._call is None:
            self._refresh()
            self._call = self._reactor.callLater(INTERVAL, self._check)

    def remove(self, connection: Watched) -> None:
        """Forget `connection`."""
        self.connections.discard(connection)
        self.writers.discard(connection)

    def stop(self) -> None:
        """Stop the timer until a connection is added."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _refresh(self) -> None:
        self.now = self._reactor.seconds()
        self.date = b"Date: %b\r\n" % formatdate(self.now, usegmt=True).encode("ascii")

    def _check(self) -> None:
        self._call = None
        self._refresh()
        now = self.now
        for connection in [connection for connection in self.connections if connection.deadline <= now]:
            connection.deadline_passed(now)
        for writer in list(self.writers):
            if not writer.check_progress(now):
                self.writers.discard(writer)
        if self.connections and self._call is None:
            self._call = self._reactor.callLater(INTERVAL, self._check)
