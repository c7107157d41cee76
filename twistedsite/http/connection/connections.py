"""The open connections of a site: how many there may be, and how they end when the server stops."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress

from twistedsite.http.connection.interface import ResponseLog
from twistedsite.http.message.head import printable
from twistedsite.settings.server import HttpLimits


class OpenConnection(Protocol):
    """A connection, as it is counted."""

    counted_for: bytes
    """The peer on whose account it is."""

    def close_if_idle(self) -> bool: ...

    def abortConnection(self) -> None: ...


class Connections:
    """Counts connections, all and by peer, against `limits`."""

    def __init__(self, limits: HttpLimits, log: ResponseLog, reactor: Any) -> None:
        self.open: set[OpenConnection] = set()
        self.draining = False
        """No connection is accepted, and each ends after its response."""
        self._limits = limits
        self._log = log
        self._reactor = reactor
        self._peers: Counter[bytes] = Counter()
        self._drained: Deferred[None] | None = None

    def may_open(self, address: IAddress | None) -> bool:
        """Return whether one more connection, from `address`, is within the limits."""
        if self.draining or len(self.open) >= self._limits.connections:
            return False
        peer = printable(getattr(address, "host", "-").encode())
        if self._peers[peer] >= self._limits.connections_per_peer and hasattr(address, "host"):
            self._log.closed(peer, "has too many connections")
            return False
        return True

    def add(self, connection: OpenConnection) -> None:
        """`connection` is open."""
        self.open.add(connection)
        self._peers[connection.counted_for] += 1

    def remove(self, connection: OpenConnection) -> None:
        """`connection` is gone."""
        if connection not in self.open:
            return
        self.open.discard(connection)
        self._peers[connection.counted_for] -= 1
        if not self._peers[connection.counted_for]:
            del self._peers[connection.counted_for]
        if self._drained is not None and not self.open:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self, seconds: float) -> Deferred[None]:
        """Accept no more, close idle connections, and each other after its response; abort the rest after `seconds`.

        The Deferred fires when no connection is left.
        """
        self.draining = True
        for connection in list(self.open):
            connection.close_if_idle()
        if not self.open:
            return succeed(None)
        drained = self._drained = Deferred()
        limit = self._reactor.callLater(seconds, self._abort_all)
        drained.addCallback(lambda _: limit.cancel() if limit.active() else None)
        return drained

    def _abort_all(self) -> None:
        for connection in list(self.open):
            connection.abortConnection()
