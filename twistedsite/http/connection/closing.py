"""How HTTP/1 ends on a connection: when all is sent, after a while in which the client can read why, at once, or by
handing the connection over to another protocol.

Here stand also the states of reading (`State`), because the last of them begin here. The channel builds on it.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from twisted.internet.interfaces import IProtocol

from twistedsite.http.connection.output import OutgoingProtocol
from twistedsite.http.connection.timers import NEVER, Watch

LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 3.0
"""How much, and how long, is still read and thrown away after a last response, so that the client can read it."""
HALF_CLOSED_SECONDS = 1.0
"""How long a request is still worked on after the client has ended its side: it may have only half-closed."""


class State:
    """What the next byte from the client is.

    Not an Enum: on Python 3.11 a look at a member of one costs four times as much, and each request takes many.
    """

    HEAD: Final = "head"
    """Of a request's head."""
    BODY: Final = "body"
    """Of a request's content."""
    BUSY: Final = "busy"
    """Of a later request: one is being answered."""
    CLOSING: Final = "closing"
    """Nothing of interest: the last response has been sent."""
    UPGRADED: Final = "upgraded"
    """Of another protocol."""
    NEGOTIATING: Final = "negotiating"
    """The first, above TLS or another layer that settles by then who speaks, and which protocol."""


@runtime_checkable
class ClosesWhenIdle(Protocol):
    """A protocol that a connection was handed to, and that knows when it is not needed."""

    def close_if_idle(self) -> bool:
        """Close where no request is under way; return whether it was so."""


class ClosingProtocol(OutgoingProtocol):
    """What a channel does to close."""

    def __init__(self, watch: Watch, write_idle: float) -> None:
        super().__init__(watch, write_idle)
        self._upgraded: IProtocol | None = None
        self._state: str = State.HEAD
        self._buffer = b""
        self._reading = True
        self._read_ended = False
        self._discarded = 0

    def loseConnection(self) -> None:
        """Close when all that was written is sent."""
        self.uncork()
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
        self.uncork()
        self._state = State.CLOSING
        self._buffer = b""
        if self.socket is None or self._read_ended:
            self.loseConnection()
            return
        self.deadline = self._watch.now + LINGER_SECONDS
        self.release_transport()
        self.regulate()
        self.transport.loseWriteConnection()

    def hand_over(self, protocol: IProtocol) -> None:
        """Give the connection to `protocol`; the bytes in the buffer are its own."""
        self.uncork()
        self._state = State.UPGRADED
        self._upgraded = protocol
        self.deadline = NEVER
        self.release_transport()
        protocol.makeConnection(self.transport)

    def close_if_idle(self) -> bool:
        """Close where no request is under way; return whether it was so."""
        if self._state is State.UPGRADED and isinstance(self._upgraded, ClosesWhenIdle):
            return self._upgraded.close_if_idle()
        idle = self._state in (State.HEAD, State.NEGOTIATING) and not self._buffer
        if idle:
            self.loseConnection()
        return idle

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
