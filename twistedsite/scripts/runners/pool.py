"""A bounded pool of daemon threads for scripts, apart from the reactor's own pool.

Daemon threads, because a script that cannot be stopped must not keep the process from ending; apart, because DNS and
files must not wait behind scripts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

from twisted.python.failure import Failure

Work = Callable[[], None]
_END: Final = None


class ScriptThread(threading.Thread):
    """One thread of the pool. It ends after a script that had to be interrupted: it is never used again."""

    def __init__(self, pool: ScriptPool) -> None:
        super().__init__(name="script", daemon=True)
        self._pool = pool
        self.retired = False
        self.lost = False

    def run(self) -> None:
        while (work := self._pool.queue.get()) is not _END:
            work()
            del work
            if self.retired:
                return self._pool.left(self)
            self._pool.free()
        return None


class ScriptPool:
    """At most `limit` threads at work, made when they are needed. A lost thread does not count: it is replaced."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lost = 0
        self.queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: set[ScriptThread] = set()
        self._spare = 0
        """Threads that wait for work, less the work that waits for a thread."""
        self._lock = threading.Lock()

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, Any], None], function: Callable[..., Any], *args: Any
    ) -> None:
        """Call `function(*args)` in a thread, then there `on_result(True, result)` or `on_result(False, Failure)`."""

        def work() -> None:
            try:
                result = function(*args)
            except BaseException:
                on_result(False, Failure())
            else:
                on_result(True, result)

        self.queue.put(work)
        with self._lock:
            self._spare -= 1
            self._grow()

    @property
    def size(self) -> int:
        """Threads there are, the lost ones among them."""
        return len(self._threads)

    def free(self) -> None:
        """A thread is ready for more work."""
        with self._lock:
            self._spare += 1

    def lose(self, thread: ScriptThread) -> None:
        """Count `thread`, which does not come back from a script, as lost, and make room for another."""
        with self._lock:
            if thread in self._threads and not thread.lost:
                thread.lost = True
                self.lost += 1
                self._grow()

    def left(self, thread: ScriptThread) -> None:
        """A retired thread is about to end."""
        with self._lock:
            self._threads.discard(thread)
            self.lost -= thread.lost
            self._grow()

    def stop(self) -> None:
        """Let idle threads end; those at work are not waited for."""
        with self._lock:
            self.limit = 0
            for _ in self._threads:
                self.queue.put(_END)

    def _grow(self) -> None:
        if self._spare < 0 and len(self._threads) - self.lost < self.limit:
            self._spare += 1
            thread = ScriptThread(self)
            self._threads.add(thread)
            thread.start()
