"""The worker's way to the server: blocking, one frame at a time, whichever of the script's threads sends."""

from __future__ import annotations

import mmap
import socket
import threading
from typing import Final

from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.runners.workers.wire.descriptors import receive
from twistedsite.scripts.runners.workers.wire.frames import (
    FROM_SERVER,
    MAX_LOG,
    Call,
    CallAnswer,
    FrameKind,
    FrameReader,
    decode,
    encode,
    frame,
)

_AT_ONCE: Final = 64 * 1024
_BELL: Final = frame(FrameKind.BELL, b"")
RING_AFTER: Final = 0.0002
"""Seconds for which the end of a script may stand in the memory before the server is told, while others follow."""


class WorkerChannel:
    """Frames to and from the server, and the ends of scripts."""

    def __init__(self, connection: socket.socket, memory: mmap.mmap) -> None:
        """`memory`: see `answers`."""
        self._connection = connection
        self._memory = memory
        self.sent = 0
        """How many frames have been sent."""
        self._unheard = False
        """There is an end in the memory for which the bell has not been rung."""
        self._unheard_since = 0.0
        self._reader = FrameReader(FROM_SERVER)
        self._descriptors: list[int] = []
        self._sending = threading.Lock()
        self.calling = threading.Lock()
        """Held from a call to its answer: one at a time."""

    def call(self, call: Call) -> tuple[CallAnswer, int | None]:
        """Ask the server's broker, and wait for what it says, and for the descriptor where one is attached.

        To be called with `calling` held.
        """
        self.send(FrameKind.CALL, encode(call))
        payload = self._receive()
        if payload is None:
            raise ConnectionError("the server has gone")
        answer: CallAnswer = decode(payload, CallAnswer)
        return answer, self._descriptors.pop() if answer.attached else None

    def send(self, kind: FrameKind, payload: bytes) -> None:
        """Send one frame; waits while the server does not read."""
        with self._sending:
            self._send(frame(kind, payload))

    def end(self, number: int, payload: bytes, now: float) -> None:
        """Leave the end of job `number`, of which no other frame has been sent; `now`, in seconds, is when it ended.

        The server may not be told before `ring`, or before another frame.
        """
        if len(payload) > answers.LONGEST:
            self.send(FrameKind.END, payload)
            return
        answers.put(self._memory, number, payload)
        if not self._unheard:
            self._unheard = True
            self._unheard_since = now
        elif now - self._unheard_since > RING_AFTER:
            self.ring()

    def ring(self) -> None:
        """Tell the server of the ends that it does not know of."""
        if self._unheard:
            with self._sending:
                self._unheard = False
                self._connection.sendall(_BELL)

    def log(self, text: str) -> None:
        """Send `text` for the server's log."""
        data = text.encode("utf-8", "replace")
        for start in range(0, len(data), MAX_LOG):
            self.send(FrameKind.LOG, data[start : start + MAX_LOG])

    def send_now(self, kind: FrameKind, payload: bytes) -> bool:
        """Send one frame from a signal handler: not where it has interrupted the sending of another."""
        if not self._sending.acquire(blocking=False):
            return False
        try:
            self._send(frame(kind, payload))
        finally:
            self._sending.release()
        return True

    def _send(self, data: bytes) -> None:
        # What came before it has to be heard before it.
        if self._unheard:
            self._unheard = False
            data = _BELL + data
        self.sent += 1
        self._connection.sendall(data)

    def _receive(self) -> bytes | None:
        while (taken := self._reader.take()) is None:
            data, descriptors = receive(self._connection, _AT_ONCE, 1)
            self._descriptors += descriptors
            if not data:
                return None
            self._reader.feed(data)
        return taken[1]
