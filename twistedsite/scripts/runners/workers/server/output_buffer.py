"""A response's body on its way from a worker to its client: held here while the client is slow, so the worker is free.

The first bytes are held in memory, further ones in a file. What may be held is bounded, for one response and for all
together; beyond that the worker waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.python.failure import Failure

from twistedsite.scripts.runners.interface import ResponseSink
from twistedsite.scripts.runners.workers.server.broker import BrokerThreads
from twistedsite.scripts.runners.workers.server.spool import OutputSpool, SpoolBudget
from twistedsite.settings.server import WorkerSettings


class OutputBudget:
    """What all responses of the server hold back in memory, in bytes, and in files."""

    def __init__(self, settings: WorkerSettings, threads: BrokerThreads) -> None:
        """`threads` write and read the files."""
        self.held = 0
        self.threads = threads
        self.files = SpoolBudget(settings.spool, settings.spool_total)
        self._single = settings.output
        self._total = settings.output_total

    def allows(self, held: int) -> bool:
        """Whether a response that holds `held` bytes in memory, which are counted already, may take more."""
        return held < self._single and self.held < self._total


class OutputBuffer:
    """Puts pieces into `sink` as fast as it takes them. `pause` and `resume` are the worker's.

    `failed` is called where the rest is lost: the disk does not give back what it has taken.
    """

    def __init__(
        self,
        sink: ResponseSink,
        budget: OutputBudget,
        pause: Callable[[], object],
        resume: Callable[[], object],
        failed: Callable[[Failure], object],
    ) -> None:
        self._sink = sink
        self._budget = budget
        self._pause = pause
        self._resume = resume
        self._failed = failed
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._spool: OutputSpool | None = None
        """Made when it is needed; what is in it comes after `_pieces`."""
        self._slow = False
        self._paused = False
        self._finished: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        """Send `data`, now or when the client has caught up."""
        if not self._waiting:
            self._send(data)
            return
        if self._spool is None and not self._budget.allows(self._held) and self._budget.files.single:
            self._spool = OutputSpool(self._budget.threads, self._budget.files, self._spool_changed, self._failed)
        if self._spool is not None and (self._spool.size or not self._budget.allows(self._held)):
            self._spool.append(data)
        else:
            self._hold(data)
        if not self._paused and self._full:
            self._paused = True
            self._pause()

    def finish(self, finished: Callable[[], None]) -> None:
        """Call `finished` when all has been sent."""
        if self._waiting:
            self._finished = finished
        else:
            finished()

    def drop(self) -> None:
        """Forget what has not been sent."""
        self._budget.held -= self._held
        self._held = 0
        self._pieces.clear()
        self._finished = None
        if self._spool is not None:
            self._spool.close()

    @property
    def _waiting(self) -> bool:
        """Whether what comes next has to wait for its turn."""
        return self._slow or bool(self._pieces) or (self._spool is not None and self._spool.size > 0)

    @property
    def _full(self) -> bool:
        if self._spool is not None:
            return self._spool.full
        return not self._budget.allows(self._held) and not self._budget.files.single

    def _hold(self, data: bytes) -> None:
        self._pieces.append(data)
        self._held += len(data)
        self._budget.held += len(data)

    def _send(self, data: bytes) -> None:
        self._sink.write(data)
        caught_up = self._sink.when_writable()
        if caught_up is not None:
            self._slow = True
            caught_up.addBoth(self._caught_up)

    def _caught_up(self, _: object) -> None:
        self._slow = False
        self._go_on()

    def _go_on(self) -> None:
        while self._pieces and not self._slow:
            piece = self._pieces.popleft()
            self._held -= len(piece)
            self._budget.held -= len(piece)
            self._send(piece)
        if self._slow:
            return
        if self._spool is not None and self._spool.size:
            self._spool.take(self._taken)
            return
        self._resume_if_paused()
        if self._finished is not None and not self._waiting:
            finished, self._finished = self._finished, None
            finished()

    def _taken(self, data: bytes) -> None:
        self._hold(data)
        self._go_on()

    def _spool_changed(self) -> None:
        if not self._full:
            self._resume_if_paused()

    def _resume_if_paused(self) -> None:
        if self._paused:
            self._paused = False
            self._resume()
