"""Passes a script's answer from its thread to the reactor's, and makes the script wait while the client is slow."""

from __future__ import annotations

import threading
from collections.abc import Callable

from twistedsite.scripts.messages.outcome import ScriptStop
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.interface import ResponseSink
from twistedsite.scripts.runners.threads.call_queue import CallQueue


class ThreadResponseWriter:
    """See `ResponseWriter`. At most `limit` bytes are in flight; then the script waits.

    `begin`, `write`, `end` and `when_stopped` are for the script's thread, everything else for the reactor's. A stopped
    script is told so before it touches the call queue, never while it does: both happen under one lock.
    """

    in_worker = False

    def __init__(self, call_queue: CallQueue, sink: ResponseSink, limit: int, clock: Callable[[], float]) -> None:
        self.stopped = False
        self.last: tuple[ResponseHead | None, bytes] = (None, b"")
        """The arguments of `end`. They travel with the thread's result, which wakes the reactor anyway."""
        self._call_queue = call_queue
        self._sink = sink
        self._limit = limit
        self._clock = clock
        self._in_flight = 0
        self._when_stopped: Callable[[], None] | None = None
        self._lock = threading.Lock()
        """Entered directly, not by the condition: so it is released in one step, which no interrupt can divide."""
        self._changed: threading.Condition | None = None
        """Made when first needed, under the lock: most scripts send their answer in one piece and never wait."""
        self._waited = 0.0
        self._waiting_since: float | None = None

    def begin(self, head: ResponseHead) -> None:
        with self._lock:
            self._check()
            self._call_queue.callFromThread(self._deliver_head, head)

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), self._limit):
            piece = data[start : start + self._limit]
            with self._lock:
                self._wait_for_room(len(piece))
                self._check()
                self._in_flight += len(piece)
                self._call_queue.callFromThread(self._deliver, piece)

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        self._check()
        self.last = (head, body)

    def when_stopped(self, call: Callable[[], None]) -> None:
        with self._lock:
            self._check()
            self._when_stopped = call

    def stop(self) -> None:
        """Deliver nothing from now on. The script gets ScriptStop at its next write."""
        with self._lock:
            self.stopped = True
            if self._changed is not None:
                self._changed.notify_all()
            call = self._when_stopped
        if call is not None:
            call()

    def waited(self) -> float:
        """Seconds for which the script has waited for its client so far."""
        since = self._waiting_since
        return self._waited + (self._clock() - since if since is not None else 0.0)

    def _check(self) -> None:
        if self.stopped:
            raise ScriptStop

    def _wait_for_room(self, size: int) -> None:
        if not self._is_full_for(size):
            return
        if self._changed is None:
            self._changed = threading.Condition(self._lock)
        self._waiting_since = self._clock()
        self._changed.wait_for(lambda: self.stopped or not self._is_full_for(size))
        self._waited = self.waited()
        self._waiting_since = None

    def _is_full_for(self, size: int) -> bool:
        return self._in_flight > 0 and self._in_flight + size > self._limit

    def _deliver_head(self, head: ResponseHead) -> None:
        if not self.stopped:
            self._sink.begin(head)

    def _deliver(self, data: bytes) -> None:
        if self.stopped:
            return
        self._sink.write(data)
        caught_up = self._sink.when_writable()
        if caught_up is None:
            self._sent(len(data))
        else:
            caught_up.addBoth(lambda _: self._sent(len(data)))

    def _sent(self, size: int) -> None:
        with self._lock:
            self._in_flight -= size
            if self._changed is not None:
                self._changed.notify()
