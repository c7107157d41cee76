"""Deadlines of many jobs on one timer of the reactor: a job that ends in time costs no timer of its own.

Deadlines of one length are due in the order in which they were made. So each length has a queue, and only the heads of
the queues are compared. There are few lengths: the `timeout` of some folders.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

Then = Callable[[], None]
"""What is to be called for one deadline after the callbacks of all others that are due."""


class Deadline:
    """One deadline, until `cancel()`."""

    __slots__ = ("_queue", "callback", "due")

    def __init__(self, queue: dict[Deadline, None], due: float, callback: Callable[[], Then | None]) -> None:
        self._queue = queue
        self.due = due
        self.callback = callback
        queue[self] = None

    def cancel(self) -> None:
        """Forget the deadline. A second call does nothing."""
        self._queue.pop(self, None)
        # Its owner is usually the object that is called back: a reference cycle, which only the collector would free.
        self.callback = _nothing


class Deadlines:
    """Calls the callbacks of the deadlines that are due."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._queues: dict[float, dict[Deadline, None]] = {}
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0

    def add(self, seconds: float, callback: Callable[[], Then | None]) -> Deadline:
        """Call `callback()` in `seconds` from now, and what it returns after all callbacks that are due by then."""
        due = self._reactor.seconds() + seconds
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = {}
        deadline = Deadline(queue, due, callback)
        if self._timer is None or due < self._timer_at:
            self._arm()
        return deadline

    def __len__(self) -> int:
        """Number of deadlines that are not due yet."""
        return sum(map(len, self._queues.values()))

    def stop(self) -> None:
        """Forget all deadlines."""
        self._queues.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        first = min((next(iter(queue)).due for queue in self._queues.values() if queue), default=None)
        if first is not None:
            self._timer_at = first
            self._timer = self._reactor.callLater(max(0.0, first - self._reactor.seconds()), self._due)

    def _due(self) -> None:
        try:
            for then in self._call(self._reactor.seconds()):
                then()
        finally:
            self._arm()

    def _call(self, now: float) -> list[Then]:
        left = []
        for seconds, queue in list(self._queues.items()):
            while queue and (first := next(iter(queue))).due <= now:
                callback = first.callback
                first.cancel()
                if (then := callback()) is not None:
                    left.append(then)
            if not queue:
                del self._queues[seconds]
        return left


def _nothing() -> None:
    pass
