"""How a connection ends: when all is sent, after a while in which the client can read why, or at once.

Here stand also the five states of reading (`State`), because the last of them begins here. The channel builds on it.
"""

from __future__ import annotations

import enum

from twistedsite.http.outbound import Outbound
from twistedsite.http.timers import Watch

LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 3.0
"""How much, and how long, is still read and thrown away after a last response, so that the client can read it."""


class State(enum.Enum):
    """What the next byte from the client is."""

    HEAD = enum.auto()
    """Of a request's head."""
    BODY = enum.auto()
    """Of a request's content."""
    BUSY = enum.auto()
    """Of a later request: one is being answered."""
    CLOSING = enum.auto()
    """Nothing of interest: the last response has been sent."""
    UPGRADED = enum.auto()
    """Of another protocol."""


class Ending(Outbound):
    """What a channel does to close."""

    def __init__(self, watch: Watch, write_idle: float) -> None:
        super().__init__(watch, write_idle)
        self._state = State.HEAD
        self._buffer = b""
        self._reading = True
        self._read_ended = False
        self._discarded = 0

    def loseConnection(self) -> None:
        """Close when all that was written is sent."""
        self.send_gathered()
        self._state = State.CLOSING
        self.deadline = self._watch.now + self._write_idle
        self.release_transport()
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self.end_output()
        self._state = State.CLOSING
        self.transport.abortConnection()

    def linger(self) -> None:
        """Close so that the client can still read the response although it sends more (RFC 9112, 9.6)."""
        self.send_gathered()
        self._state = State.CLOSING
        self._buffer = b""
        if self.socket is None or self._read_ended:
            self.loseConnection()
            return
        self.deadline = self._watch.now + LINGER_SECONDS
        self.release_transport()
        self.regulate()
        self.transport.loseWriteConnection()

    def discard(self, data: bytes) -> None:
        """Take what comes after the last response."""
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self.abortConnection()

    def closing_overdue(self, now: float) -> None:
        """The client has not closed in time; while it still takes bytes, `check_progress` sees to it."""
        if self.pending():
            self.deadline = now + self._write_idle
        else:
            self.abortConnection()

    def writeConnectionLost(self) -> None:
        """Our own end of the stream has been sent."""

    def regulate(self) -> None:
        """Pause or resume reading, according to what can be taken."""
        raise NotImplementedError
