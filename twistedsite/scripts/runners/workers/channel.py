"""The worker's end of its sockets: blocking, one frame at a time, whichever of the script's threads sends."""

from __future__ import annotations

import socket
import threading
from typing import Final

from twistedsite.scripts.runners.workers.descriptors import receive
from twistedsite.scripts.runners.workers.frames import (
    FROM_SERVER,
    MAX_LOG,
    Answer,
    Call,
    FrameReader,
    Kind,
    decode,
    encode,
    frame,
)

_AT_ONCE: Final = 64 * 1024


class Channel:
    """Frames to and from the server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = FrameReader(FROM_SERVER)
        self._descriptors: list[int] = []
        self._sending = threading.Lock()
        self.calling = threading.Lock()
        """Held from a call to its answer: one at a time."""

    def call(self, call: Call) -> tuple[Answer, int | None]:
        """Ask the server's broker, and wait for what it says, and for the descriptor where one is attached.

        To be called with `calling` held.
        """
        self.send(Kind.CALL, encode(call))
        payload = self._receive()
        if payload is None:
            raise ConnectionError("the server has gone")
        answer: Answer = decode(payload, Answer)
        return answer, self._descriptors.pop() if answer.attached else None

    def send(self, kind: Kind, payload: bytes) -> None:
        """Send one frame; waits while the server does not read."""
        with self._sending:
            self._connection.sendall(frame(kind, payload))

    def log(self, text: str) -> None:
        """Send `text` for the server's log."""
        data = text.encode("utf-8", "replace")
        for start in range(0, len(data), MAX_LOG):
            self.send(Kind.LOG, data[start : start + MAX_LOG])

    def send_now(self, kind: Kind, payload: bytes) -> bool:
        """Send one frame from a signal handler: not where it has interrupted the sending of another."""
        if not self._sending.acquire(blocking=False):
            return False
        try:
            self._connection.sendall(frame(kind, payload))
        finally:
            self._sending.release()
        return True

    def _receive(self) -> bytes | None:
        while (taken := self._reader.take()) is None:
            data, descriptors = receive(self._connection, _AT_ONCE, 1)
            self._descriptors += descriptors
            if not data:
                return None
            self._reader.feed(data)
        return taken[1]
