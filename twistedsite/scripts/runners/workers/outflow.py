"""A response's body on its way from a worker to its client: held here while the client is slow, so the worker is free.

What may be held is bounded, for one response and for all together; beyond that the worker waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twistedsite.scripts.runners import ResponseSink


class OutputBudget:
    """What all responses of the server hold back, in bytes: at most `single` each and `total` together."""

    def __init__(self, single: int, total: int) -> None:
        self.held = 0
        self._single = single
        self._total = total

    def allows(self, held: int) -> bool:
        """Whether a response that holds `held` bytes, which are counted already, may take more."""
        return held < self._single and self.held < self._total


class Outflow:
    """Puts pieces into `sink` as fast as it takes them. `pause` and `resume` are the worker's."""

    def __init__(
        self, sink: ResponseSink, budget: OutputBudget, pause: Callable[[], object], resume: Callable[[], object]
    ) -> None:
        self._sink = sink
        self._budget = budget
        self._pause = pause
        self._resume = resume
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._slow = False
        self._paused = False
        self._finished: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        """Send `data`, now or when the client has caught up."""
        if not self._slow:
            self._send(data)
            return
        self._pieces.append(data)
        self._held += len(data)
        self._budget.held += len(data)
        if not self._paused and not self._budget.allows(self._held):
            self._paused = True
            self._pause()

    def finish(self, finished: Callable[[], None]) -> None:
        """Call `finished` when all has been sent."""
        if self._slow:
            self._finished = finished
        else:
            finished()

    def drop(self) -> None:
        """Forget what has not been sent."""
        self._budget.held -= self._held
        self._held = 0
        self._pieces.clear()
        self._finished = None

    def _send(self, data: bytes) -> None:
        self._sink.write(data)
        caught_up = self._sink.when_writable()
        if caught_up is not None:
            self._slow = True
            caught_up.addBoth(self._caught_up)

    def _caught_up(self, _: object) -> None:
        self._slow = False
        while self._pieces and not self._slow:
            piece = self._pieces.popleft()
            self._held -= len(piece)
            self._budget.held -= len(piece)
            self._send(piece)
        if self._slow:
            return
        if self._paused:
            self._paused = False
            self._resume()
        if self._finished is not None and not self._slow:
            finished, self._finished = self._finished, None
            finished()
