"""One holder at a time for each session, first come first served. Used by every store that lives in this process."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from twistedsite.sessions.interface import SessionBusyError


class LockTable:
    """Locks by name; an entry lives only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._queues: dict[bytes, deque[SessionLock]] = {}

    def lock(self, name: bytes, timeout: float) -> SessionLock:
        """A lock on `name`, to be entered once, waiting at most `timeout` seconds."""
        return SessionLock(self._guard, self._queues, name, timeout)

    def __len__(self) -> int:
        return len(self._queues)


class SessionLock:
    """A place in the queue for one name; who is first holds the lock.

    Ownership is the place itself, not a flag set after waiting, because a script may be interrupted between any two of
    its instructions: leaving is right whenever it happens, before, within or after entering, and also twice. Left by
    another thread while it waits, it is as entered, and holds nothing.
    """

    def __init__(
        self, guard: threading.Lock, queues: dict[bytes, deque[SessionLock]], name: bytes, timeout: float
    ) -> None:
        self._guard = guard
        self._queues = queues
        self._name = name
        self._timeout = timeout
        self._turn = threading.Lock()
        self._turn.acquire()

    def __enter__(self) -> None:
        with self._guard:
            queue = self._queues.setdefault(self._name, deque())
            queue.append(self)
            first = queue[0] is self
        if not first and not self._turn.acquire(timeout=max(0.0, self._timeout)):
            self._leave()
            raise SessionBusyError("another request of this visitor still holds the session")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        with self._guard:
            queue = self._queues.get(self._name)
            if queue is None or self not in queue:
                return
            was_first = queue[0] is self
            queue.remove(self)
            if not was_first:
                self._turn.release()
            elif queue:
                queue[0]._turn.release()
            if not queue:
                del self._queues[self._name]
