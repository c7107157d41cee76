"""How a connection closes: after all is sent, after a pause in which the client can read the response, at once, or by
handing it over to another protocol. Also the states of reading, since the last of them begin here.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from twisted.internet.interfaces import IProtocol

from twistedsite.http.connection.output import OutgoingProtocol
from twistedsite.http.connection.timers import NEVER, Watch

LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 3.0
"""How much, and how long, is read and discarded after the last response, so that the client can read it."""
HALF_CLOSED_SECONDS = 1.0
"""How long the response is awaited after the client has ended its side: it may have half-closed the connection."""


class ReadState:
    """What the next byte from the client belongs to.

    Not an Enum: on Python 3.11 a look at a member of one costs four times as much, and each request takes many.
    """

    HEAD: Final = "head"
    """The head of a request."""
    BODY: Final = "body"
    """The content of a request."""
    BUSY: Final = "busy"
    """A later request: one is being answered."""
    CLOSING: Final = "closing"
    """Nothing: the last response has been sent, and bytes are discarded."""
    UPGRADED: Final = "upgraded"
    """Another protocol."""
    NEGOTIATING: Final = "negotiating"
    """Unknown until the first bytes have come: TLS or PROXY protocol then tell the peer and the protocol."""


@runtime_checkable
class ClosesWhenIdle(Protocol):
    """A protocol that a connection was handed over to, and that can be idle."""

    def close_if_idle(self) -> bool:
        """Close if no request is under way; return whether it was closed."""


class ClosingProtocol(OutgoingProtocol):
    """The closing part of a channel."""

    def __init__(self, watch: Watch, write_idle: float) -> None:
        super().__init__(watch, write_idle)
        self._upgraded: IProtocol | None = None
        self._state: str = ReadState.HEAD
        self._buffer = b""
        self._reading = True
        self._read_ended = False
        self._discarded = 0

    def loseConnection(self) -> None:
        """Close when all that was written is sent."""
        self.uncork()
        self._state = ReadState.CLOSING
        self.deadline = self._watch.now + self._write_idle
        self.release_transport()
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self.end_output()
        self._state = ReadState.CLOSING
        self.transport.abortConnection()

    def linger(self) -> None:
        """Close so that the client can still read the response although it sends more (RFC 9112, 9.6)."""
        self.uncork()
        self._state = ReadState.CLOSING
        self._buffer = b""
        if self.socket is None or self._read_ended:
            self.loseConnection()
            return
        self.deadline = self._watch.now + LINGER_SECONDS
        self.release_transport()
        self.regulate()
        self.transport.loseWriteConnection()

    def hand_over(self, protocol: IProtocol) -> None:
        """Give the connection to `protocol`. The caller passes on the bytes in the buffer."""
        self.uncork()
        self._state = ReadState.UPGRADED
        self._upgraded = protocol
        self.deadline = NEVER
        self.release_transport()
        protocol.makeConnection(self.transport)

    def close_if_idle(self) -> bool:
        """Close if no request is under way; return whether it was closed."""
        if self._state is ReadState.UPGRADED and isinstance(self._upgraded, ClosesWhenIdle):
            return self._upgraded.close_if_idle()
        idle = self._state in (ReadState.HEAD, ReadState.NEGOTIATING) and not self._buffer
        if idle:
            self.loseConnection()
        return idle

    def discard(self, data: bytes) -> None:
        """Discard what comes after the last response; abort where it is too much."""
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self.abortConnection()

    def closing_overdue(self, now: float) -> None:
        """The client has not closed in time: abort, unless bytes wait, which `check_progress` watches."""
        if self.pending():
            self.deadline = now + self._write_idle
        else:
            self.abortConnection()

    def writeConnectionLost(self) -> None:
        """Our own end of the stream has been sent."""

    def regulate(self) -> None:
        """Pause or resume reading, according to what can be taken."""
        raise NotImplementedError
