"""A script's answer on its way from its thread to the reactor's, held back while the client is slow."""

from __future__ import annotations

import threading
from collections.abc import Callable

from twistedsite.scripts.exchange import ResponseHead
from twistedsite.scripts.run import ScriptStop
from twistedsite.scripts.runners import ResponseSink
from twistedsite.scripts.runners.mailbox import Mailbox


class ThreadOutlet:
    """See `Outlet`. At most `limit` bytes are under way, then the script waits."""

    def __init__(self, mailbox: Mailbox, sink: ResponseSink, limit: int, clock: Callable[[], float]) -> None:
        self.stopped = False
        self.last: tuple[ResponseHead | None, bytes] = (None, b"")
        """What `end` was given: it goes the way of the thread's result, which wakes the reactor anyway."""
        self._mailbox = mailbox
        self._sink = sink
        self._limit = limit
        self._clock = clock
        self._under_way = 0
        self._room: threading.Condition | None = None
        """Made when it is needed: most scripts send their answer in one piece."""
        self._waited = 0.0
        self._waiting_since: float | None = None

    def begin(self, head: ResponseHead) -> None:
        self._check()
        self._mailbox.callFromThread(self._deliver_head, head)

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), self._limit):
            piece = data[start : start + self._limit]
            self._wait_for_room(len(piece))
            self._mailbox.callFromThread(self._deliver, piece)

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        self._check()
        self.last = (head, body)

    def stop(self) -> None:
        """Nothing is delivered from now on; the script gets ScriptStop at its next write. From the reactor's thread."""
        # First this, then the question: a script that makes the condition just now sees it.
        self.stopped = True
        if self._room is not None:
            with self._room:
                self._room.notify_all()

    def waited(self) -> float:
        """Seconds that the script has waited for its client, up to now."""
        since = self._waiting_since
        return self._waited + (self._clock() - since if since is not None else 0.0)

    def _check(self) -> None:
        if self.stopped:
            raise ScriptStop

    def _wait_for_room(self, size: int) -> None:
        room = self._room = self._room or threading.Condition(threading.Lock())
        with room:
            if self._under_way and self._under_way + size > self._limit:
                self._waiting_since = self._clock()
                while self._under_way and self._under_way + size > self._limit and not self.stopped:
                    room.wait()
                self._waited = self.waited()
                self._waiting_since = None
            self._check()
            self._under_way += size

    def _deliver_head(self, head: ResponseHead) -> None:
        if not self.stopped:
            self._sink.begin(head)

    def _deliver(self, data: bytes) -> None:
        if self.stopped:
            return
        self._sink.write(data)
        caught_up = self._sink.when_writable()
        if caught_up is None:
            self._taken(len(data))
        else:
            caught_up.addBoth(lambda _: self._taken(len(data)))

    def _taken(self, size: int) -> None:
        assert self._room is not None
        with self._room:
            self._under_way -= size
            self._room.notify()
