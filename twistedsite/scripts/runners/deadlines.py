"""Deadlines of many jobs on one timer of the reactor: a job that ends in time costs no timer of its own."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_SMALL: Final = 1024
"""Deadlines that are kept without looking for cancelled ones among them."""


class Deadline:
    """One deadline; `cancel()` makes it nothing."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it: its callback is released now, its place in the heap later."""
        self.callback = None


class Deadlines:
    """Calls back what is due. Most deadlines are never reached and are dropped unseen."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = itertools.count()
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._tidy_at = _SMALL

    def add(self, seconds: float, callback: Callable[[], None]) -> Deadline:
        """Have `callback()` called in `seconds` from now."""
        deadline = Deadline(callback)
        due = self._reactor.seconds() + seconds
        heapq.heappush(self._heap, (due, next(self._order), deadline))
        if self._timer is None or due < self._timer_at:
            self._arm()
        if len(self._heap) > self._tidy_at:
            self._tidy()
        return deadline

    def stop(self) -> None:
        """Forget all deadlines."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tidy(self) -> None:
        """Drop what has been cancelled: seldom, each time that the heap has doubled, so it costs next to nothing."""
        self._heap = [entry for entry in self._heap if entry[2].callback is not None]
        heapq.heapify(self._heap)
        self._tidy_at = max(_SMALL, 2 * len(self._heap))

    def _arm(self) -> None:
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._heap:
            self._timer_at = self._heap[0][0]
            self._timer = self._reactor.callLater(max(0.0, self._timer_at - self._reactor.seconds()), self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._reactor.seconds()
        while self._heap and (self._heap[0][0] <= now or self._heap[0][2].callback is None):
            callback = heapq.heappop(self._heap)[2].callback
            if callback is not None:
                callback()
        self._arm()
