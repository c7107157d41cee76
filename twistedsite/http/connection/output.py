"""The sending half of a connection: bytes to the client at once where possible, with back-pressure where not.

The channel builds on it. It is the transport's producer; a request's producer is paused through it. While requests are
worked through, what they write is corked, so that a response, or several small ones, leave in one system call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from twisted.internet._producer_helpers import _PullToPush
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from twistedsite.http.connection import transports
from twistedsite.http.connection.timers import NEVER, Watch

JOINED_BYTES = 64 * 1024
"""Pieces up to this many bytes are joined with others before they are sent."""


@implementer(IPushProducer)
class OutgoingProtocol(Protocol):
    """What a channel does to send. `write_idle`: seconds after which a client that takes nothing is cut off."""

    transport: Any

    def __init__(self, watch: Watch, write_idle: float) -> None:
        self.deadline = NEVER
        self.socket: Any = None
        """Where bytes may be sent past the transport; None where they may not."""
        self.given = 0
        """Bytes given to the transport or the socket so far."""
        self._watch = watch
        self._write_idle = write_idle
        self._corked: list[bytes] | None = None
        self._taken = 0
        self._taken_at = 0.0
        self._lent = False
        self._registered = False
        self._full = False
        self._producer: IPushProducer | _PullToPush | None = None

    def begin_output(self) -> None:
        """The connection is there."""
        self.socket = transports.plain_socket(self.transport)
        self._register(True)

    def end_output(self) -> None:
        """Nothing may be sent any more."""
        self.socket = None
        self._corked = None
        self._producer = None

    def deadline_passed(self, now: float) -> None:
        """See `timers.Watched`."""
        raise NotImplementedError

    def output_stalled(self) -> None:
        """Called when the client has taken nothing for too long."""
        raise NotImplementedError

    def output_changed(self) -> None:
        """Called when the client has begun or ceased to take what is written."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send `data`; while requests are being worked through it is corked first."""
        if self._corked is None:
            self._send(data)
            return
        self._corked.append(data)
        if len(data) > JOINED_BYTES:
            self.uncork()
            self.cork()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send all of `data`."""
        self.write(b"".join(data))

    def cork(self) -> None:
        """Hold back what is written until `uncork`."""
        self._corked = []

    def uncork(self) -> None:
        """Send what was held back."""
        corked, self._corked = self._corked, None
        if not corked:
            return
        if len(corked) == 1:
            self._send(corked[0])
        elif len(corked[-1]) <= JOINED_BYTES:
            self._send(b"".join(corked))
        else:
            # `write` sends after each large piece: it is the last, and not worth copying.
            self._send(b"".join(corked[:-1]))
            self._send(corked[-1])

    def _send(self, data: bytes) -> None:
        """Send at once where nothing waits; Twisted's transport would first go round the reactor's loop."""
        transport = self.transport
        self.given += len(data)
        if self.socket is not None and not transport._tempDataBuffer and not transport.dataBuffer:
            try:
                sent = self.socket.send(data)
            except OSError:
                # Would block, or an error that the transport will meet and report.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        if self not in self._watch.writers:
            self._watch.writers.add(self)
            self._taken_at = self._watch.now
        transport.write(data)

    def pending(self) -> int:
        """Return how many bytes wait for the socket."""
        return transports.pending(self.transport)

    def when_writable(self) -> None:
        """Have the transport's producer asked for more when the socket takes more."""
        self.transport.startWriting()

    def sent_past_transport(self, count: int) -> None:
        """Tell that `count` bytes went to the socket directly."""
        self.given += count

    def lend_transport(self, producer: IPullProducer) -> None:
        """Make `producer` the transport's own, until `take_transport_back`."""
        self.uncork()
        self._lent = True
        self._watch.writers.add(self)
        self._taken_at = self._watch.now
        self._register(False)
        self.transport.registerProducer(producer, False)

    def take_transport_back(self) -> None:
        """End the loan."""
        if self._lent:
            self._lent = False
            self.transport.unregisterProducer()
            self._register(True)

    def release_transport(self) -> None:
        """Hear no more from the transport: it is closed when all is sent, or another's."""
        self._register(False)

    def _register(self, wanted: bool) -> None:
        if wanted == self._registered:
            return
        self._registered = wanted
        if wanted:
            self.transport.registerProducer(self, True)
        else:
            self.transport.unregisterProducer()

    def check_progress(self, now: float) -> bool:
        """Abort where the client takes nothing for too long; return whether anything waits."""
        waiting = self.pending()
        if not waiting and not self._lent:
            return False
        taken = self.given - waiting
        if taken > self._taken:
            self._taken = taken
            self._taken_at = now
        elif now - self._taken_at > self._write_idle:
            self.output_stalled()
            return False
        return True

    def registerProducer(self, producer: IPushProducer | IPullProducer, streaming: bool) -> None:
        """Let `producer` be paused while the client is slow."""
        if self._producer is not None:
            raise RuntimeError(f"Cannot register {producer}: {self._producer} was never unregistered")
        if streaming:
            push = self._producer = cast(IPushProducer, producer)
            if self._full:
                push.pauseProducing()
        else:
            pull = self._producer = _PullToPush(producer, self)
            pull.startStreaming()

    def unregisterProducer(self) -> None:
        """Forget the request's producer."""
        producer, self._producer = self._producer, None
        if isinstance(producer, _PullToPush):
            producer.stopStreaming()

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._full = True
        if self._producer is not None:
            self._producer.pauseProducing()
        self.output_changed()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._full = False
        if self._producer is not None:
            self._producer.resumeProducing()
        self.output_changed()

    def stopProducing(self) -> None:
        """The connection is lost."""
        if self._producer is not None:
            self._producer.stopProducing()
