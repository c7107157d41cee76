"""One coarse timer for all connections of a site, and the time as it last saw it.

A connection says by its attribute `deadline` when it wants to be looked at; setting that costs nothing, where a timer
for each request would cost as much as parsing it. Deadlines are met within an interval, which is enough for clients
that are slow on purpose.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

INTERVAL = 0.5
"""Seconds between two looks."""
NEVER = float("inf")


class Watched(Protocol):
    """A connection, as the timer sees it."""

    deadline: float

    def deadline_passed(self, now: float) -> None:
        """Called at the first look at or after `deadline`."""

    def check_progress(self, now: float) -> bool:
        """Called at each look while bytes wait for the client; returns whether some still do."""


class Watch:
    """Looks at the site's connections while there are any."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._call: IDelayedCall | None = None
        self.connections: set[Watched] = set()
        self.writers: set[Watched] = set()
        """Connections with bytes that the client has not taken."""
        self.now = 0.0
        """Seconds, as the reactor counts them, at the last look."""
        self.date = b""
        """The Date field's line (RFC 9110, 6.6.1)."""
        self._refresh()

    def add(self, connection: Watched) -> None:
        """Look after `connection` from now on."""
        self.connections.add(connection)
        if self._call is None:
            self._refresh()
            self._call = self._reactor.callLater(INTERVAL, self._look)

    def remove(self, connection: Watched) -> None:
        """Forget `connection`."""
        self.connections.discard(connection)
        self.writers.discard(connection)

    def stop(self) -> None:
        """Look no more, until a connection is added."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _refresh(self) -> None:
        self.now = self._reactor.seconds()
        self.date = b"Date: %b\r\n" % formatdate(self.now, usegmt=True).encode("ascii")

    def _look(self) -> None:
        self._call = None
        self._refresh()
        now = self.now
        for connection in [connection for connection in self.connections if connection.deadline <= now]:
            connection.deadline_passed(now)
        for writer in list(self.writers):
            if not writer.check_progress(now):
                self.writers.discard(writer)
        if self.connections and self._call is None:
            self._call = self._reactor.callLater(INTERVAL, self._look)
