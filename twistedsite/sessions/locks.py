"""One holder at a time for each name, first come first served. Used for sessions by every store that lives in this
process, and for the files of a site.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from types import TracebackType

from twistedsite.sessions.interface import SessionBusyError


def _session_busy() -> Exception:
    return SessionBusyError("another request of this visitor still holds the session")


class LockTable:
    """Locks by name; an entry lives only while somebody holds it or waits for it.

    `busy` makes the exception for who has waited too long, or finds `queue` others waiting already.
    """

    def __init__(self, busy: Callable[[], Exception] = _session_busy, queue: int | None = None) -> None:
        self.busy = busy
        self.queue = queue
        self.guard = threading.Lock()
        self.queues: dict[Hashable, deque[QueuedLock]] = {}

    def lock(self, name: Hashable, timeout: float) -> QueuedLock:
        """A lock on `name`, to be entered once, waiting at most `timeout` seconds."""
        return QueuedLock(self, name, timeout)

    def __len__(self) -> int:
        return len(self.queues)


class QueuedLock:
    """A place in the queue for one name; who is first holds the lock.

    Ownership is the place itself, not a flag set after waiting, because a script may be interrupted between any two of
    its instructions: leaving is right whenever it happens, before, within or after entering, and also twice. Left by
    another thread while it waits, it is as entered, and holds nothing.
    """

    def __init__(self, table: LockTable, name: Hashable, timeout: float) -> None:
        self._table = table
        self._name = name
        self._timeout = timeout
        self._turn = threading.Lock()
        self._turn.acquire()

    def __enter__(self) -> None:
        table = self._table
        with table.guard:
            queue = table.queues.setdefault(self._name, deque())
            if table.queue is not None and len(queue) > table.queue:
                raise table.busy()
            queue.append(self)
            first = queue[0] is self
        if not first and not self._turn.acquire(timeout=max(0.0, self._timeout)):
            self._leave()
            raise table.busy()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        queues = self._table.queues
        with self._table.guard:
            queue = queues.get(self._name)
            if queue is None or self not in queue:
                return
            # Woken first, then taken out: interrupted in between, it is all done again.
            woken = self if queue[0] is not self else queue[1] if len(queue) > 1 else None
            if woken is not None and woken._turn.locked():
                woken._turn.release()
            queue.remove(self)
            if not queue:
                del queues[self._name]
