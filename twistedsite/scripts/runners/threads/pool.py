"""A bounded pool of daemon threads for scripts, apart from the reactor's own pool: for `deferToThreadPool`.

Daemon threads, because a script that cannot be stopped must not keep the process from ending; apart, because DNS and
files must not wait behind scripts.

What is submitted in one turn of the reactor is handed over at its end, and one thread is woken for it, the one that
slept last; it wakes the next before it begins a script while work is left. So a burst of short scripts is read by the
reactor and done by one warm thread in turn, instead of by as many threads as there are scripts, all struggling with
the reactor for the interpreter lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

Work = tuple[Callable[[bool, Any], None], Callable[..., Any], tuple[Any, ...]]
"""What is to be done in a thread: who is told the result, a function, its arguments."""


class ScriptThread(threading.Thread):
    """One thread of the pool. It ends after a script that had to be interrupted: it is never used again."""

    def __init__(self, pool: ScriptPool) -> None:
        super().__init__(name="script", daemon=True)
        self._pool = pool
        self.retired = False
        self.lost = False
        self.stops_felt = 0
        """How often its script has been made to stop."""
        self.felt_at = 0.0
        """When that was last, by `time.monotonic`."""
        self.baton = threading.Lock()
        """Always held: the thread sleeps by acquiring it, until somebody releases it."""
        self.baton.acquire()

    def run(self) -> None:
        woken = True
        while not self.retired and (work := self._pool.next_work(self, woken)) is not None:
            _do(*work)
            del work
            woken = False
        self._pool.left(self)


class ScriptPool:
    """At most `limit` threads at work, made when they are needed. A lost thread does not count: it is replaced."""

    def __init__(self, limit: int, at_end_of_turn: Callable[[Callable[[], None]], object]) -> None:
        self.limit = limit
        self._at_end_of_turn = at_end_of_turn
        self._handing_over = False
        self.lost = 0
        self._work: deque[Work] = deque()
        self._threads: set[ScriptThread] = set()
        self._asleep: list[ScriptThread] = []
        self._waking = False
        """A thread has been woken or started and has not come for work yet."""
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
            self._at_end_of_turn(self._hand_over)

    def _hand_over(self) -> None:
        self._handing_over = False
        with self._lock:
            self._wake()

    @property
    def size(self) -> int:
        """Threads there are, the lost ones among them."""
        return len(self._threads)

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread."""
        return len(self._work)

    def next_work(self, thread: ScriptThread, woken: bool) -> Work | None:
        """Wait for work, in `thread`, which is `woken` if it has just been started; None: there will be no more."""
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
                self._asleep.append(thread)
            thread.baton.acquire()
            woken = True

    def lose(self, thread: ScriptThread) -> None:
        """Count `thread`, which does not come back from a script, as lost, and make room for another."""
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
        """Let idle threads end, and others after their script; what waits is dropped."""
        with self._lock:
            self.limit = 0
            self._work.clear()
            while self._asleep:
                self._asleep.pop().baton.release()

    def _wake(self) -> None:
        """Have one more thread come for work, if there is work and nobody is coming."""
        if not self._work or self._waking:
            return
        if self._asleep:
            self._waking = True
            self._asleep.pop().baton.release()
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
