"""A bounded pool of daemon threads for scripts, to be given to `deferToThreadPool`.

The threads are daemons, because a script that cannot be stopped must not keep the process from ending. The pool is not
the reactor's own, because DNS and files must not wait behind scripts.

Work that is submitted in one tick of the reactor is handed over at its end. One thread is woken for it, the one that
went idle last. While work is left, each thread wakes the next one before it begins a script. So a burst of short
scripts is read by the reactor and done by one warm thread, instead of by as many threads as there are scripts, which
would all compete with the reactor for the interpreter lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from twistedsite.scripts.runners.working_directory import WorkingDirectory, own_working_directory

Work = tuple[Callable[[bool, Any], None], Callable[..., Any], tuple[Any, ...]]
"""Work for a thread: the callback for the result, a function, its arguments."""


class ScriptThread(threading.Thread):
    """One thread of the pool. It ends after a script that had to be interrupted, and is never used again."""

    def __init__(self, pool: ScriptPool) -> None:
        super().__init__(name="script", daemon=True)
        self._pool = pool
        self.retired = False
        self.lost = False
        self.stops_raised = 0
        """How often a CountedStop has been raised in it."""
        self.raised_at = 0.0
        """When that was last, by `time.monotonic`."""
        self.wake_lock = threading.Lock()
        """Always held. The idle thread waits in `acquire` until another thread releases it."""
        self.wake_lock.acquire()
        self.directory: WorkingDirectory | None = None
        """Its own; None where it must share that of the process."""

    @property
    def daemon(self) -> bool:  # type: ignore[override]  # a Thread's can be set
        """False to scripts: a thread that they start is a daemon only where they say so, as in a program."""
        return False

    def run(self) -> None:
        self.directory = own_working_directory()
        woken = True
        while not self.retired and (work := self._pool.next_work(self, woken)) is not None:
            _do(*work)
            del work
            woken = False
        self._pool.left(self)


class ScriptPool:
    """At most `limit` threads, made when they are needed. A lost thread does not count: it is replaced."""

    def __init__(self, limit: int, at_end_of_tick: Callable[[Callable[[], None]], object]) -> None:
        self.limit = limit
        self._at_end_of_tick = at_end_of_tick
        self._handing_over = False
        self.lost = 0
        self._work: deque[Work] = deque()
        self._threads: set[ScriptThread] = set()
        self._idle: list[ScriptThread] = []
        self._waking = False
        """A thread has been woken or started and has not taken work yet."""
        self._lock = threading.Lock()

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, Any], None], function: Callable[..., Any], *arguments: Any
    ) -> None:
        """Call `function(*arguments)` in a thread, then there `on_result(True, result)` or `on_result(False, Failure)`.

        Only for the reactor's thread.
        """
        self._work.append((on_result, function, arguments))
        if not self._handing_over:
            self._handing_over = True
            self._at_end_of_tick(self._hand_over)

    def _hand_over(self) -> None:
        self._handing_over = False
        with self._lock:
            self._wake()

    @property
    def size(self) -> int:
        """Number of threads, lost ones included."""
        return len(self._threads)

    @property
    def waiting(self) -> int:
        """Number of calls that wait for a thread."""
        return len(self._work)

    def next_work(self, thread: ScriptThread, woken: bool) -> Work | None:
        """Wait for work, in `thread`. `woken`: it has just been started. Returns None when the pool has stopped."""
        while True:
            with self._lock:
                if woken:
                    self._waking = False
                if self._work and self.limit:
                    work = self._work.popleft()
                    self._wake()
                    return work
                if not self.limit:
                    return None
                self._idle.append(thread)
            thread.wake_lock.acquire()
            woken = True

    def lose(self, thread: ScriptThread) -> None:
        """Count `thread`, which does not return from a script, as lost, and allow another one in its place."""
        with self._lock:
            if thread in self._threads and not thread.lost:
                thread.lost = True
                self.lost += 1
                self._wake()

    def left(self, thread: ScriptThread) -> None:
        """`thread` is about to end."""
        with self._lock:
            self._threads.discard(thread)
            self.lost -= thread.lost
            self._wake()

    def stop(self) -> None:
        """End idle threads now and busy ones after their script. Queued work is dropped."""
        with self._lock:
            self.limit = 0
            self._work.clear()
            while self._idle:
                self._idle.pop().wake_lock.release()

    def _wake(self) -> None:
        """Wake or start one more thread, if there is work and no thread is about to take it."""
        if not self._work or self._waking:
            return
        if self._idle:
            self._waking = True
            self._idle.pop().wake_lock.release()
        elif len(self._threads) - self.lost < self.limit:
            self._waking = True
            thread = ScriptThread(self)
            self._threads.add(thread)
            thread.start()


def _do(on_result: Callable[[bool, Any], None], function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        result = function(*arguments)
    except BaseException:
        on_result(False, Failure())
    else:
        on_result(True, result)
