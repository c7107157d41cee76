"""Quick scripts go first: a worker whose script computes for long gets what the others leave of the processor.

The kernel lets everybody who wants the processor have as much of it as anybody else, in slices of some milliseconds:
the scripts of one site that never end would make every other answer wait for several of their slices.
"""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Final, Protocol

from twisted.logger import Logger

from twistedsite.scripts.runners.deadlines import Deadline, Deadlines
from twistedsite.scripts.runners.workers.scheduling import priority

LOOK: Final = 0.025
"""Seconds between two looks at a worker."""
_FEWEST: Final = 40
"""Looks of which only one is made at a worker that sleeps, or that is behind already."""
_NOTHING: Final = 0.001
"""Seconds of the processor that are nothing, between two looks."""
_IRREVERSIBLE: Final = 10
"""How many times longer a script may compute where that costs its worker: a new process is made then."""


class Schedulable(Protocol):
    """A worker process, as the monitor sees it."""

    @property
    def pid(self) -> int | None:
        """Its process id; None until the process is there."""
        ...

    @property
    def jobs(self) -> Sized:
        """Empty while it has nothing to do."""
        ...

    @property
    def jobs_done(self) -> int:
        """How many scripts have ended in it."""
        ...

    def alive(self) -> bool:
        """Whether its process id is still its own."""
        ...


class _Use:
    """What one worker has used of the processor."""

    __slots__ = ("jobs_done", "last", "pause", "since", "skip")

    def __init__(self) -> None:
        self.jobs_done = -1
        self.since = 0.0
        """Seconds used when the current script was first seen."""
        self.last = 0.0
        """Seconds used at the last look."""
        self.pause = 0
        """Looks left out between the last two that were made."""
        self.skip = 0
        """Looks to be left out before the next one."""


class CpuMonitor:
    """Looks at the workers that have something to do, and puts those behind whose scripts are not quick."""

    _log = Logger()

    def __init__(self, deadlines: Deadlines, quick: float) -> None:
        """`quick`: seconds of the processor that a script may use before quicker ones go first; 0: never."""
        self._deadlines = deadlines
        self._quick = quick or math.inf
        self._reversible = True
        self._uses: dict[Schedulable, _Use] = {}
        self._behind: set[Schedulable] = set()
        self._next: Deadline | None = None

    def watch(self, worker: Schedulable) -> bool:
        """`worker` has got a job: look at it until it does nothing any more. False: see `restore`."""
        if worker not in self._uses and self._quick < math.inf:
            self._uses[worker] = _Use()
            if self._next is None:
                self._next = self._deadlines.add(LOOK, self._look_at_all)
        # What earlier scripts have left running in it may have put it behind.
        return worker not in self._behind or self.restore(worker)

    def restore(self, worker: Schedulable) -> bool:
        """Let `worker` be with the quick ones again. False: it cannot be, from now on."""
        if worker not in self._behind:
            return True
        self._behind.discard(worker)
        if not worker.alive() or worker.pid is None:
            return True
        if worker in self._uses:
            self._uses[worker].jobs_done = -1
        try:
            priority.put_ahead(worker.pid)
        except OSError:
            self._behind.add(worker)
            if self._reversible:
                self._reversible = False
                self._quick *= _IRREVERSIBLE
            return False
        return True

    def is_behind(self, worker: Schedulable) -> bool:
        """Whether `worker` has been put behind, and not ahead again."""
        return worker in self._behind

    def forget(self, worker: Schedulable) -> None:
        """`worker` is no more."""
        self._uses.pop(worker, None)
        self._behind.discard(worker)

    def _look_at_all(self) -> None:
        for worker, use in list(self._uses.items()):
            if not self._look(worker, use):
                # One that is behind stays there until it has something to do: it may only have been starved.
                del self._uses[worker]
        self._next = self._deadlines.add(LOOK, self._look_at_all) if self._uses else None

    def _look(self, worker: Schedulable, use: _Use) -> bool:
        """Whether to go on looking."""
        same = worker.jobs_done == use.jobs_done
        if worker.pid is None or (same and use.skip):
            use.skip = max(0, use.skip - 1)
            return True
        try:
            now = priority.used(worker.pid)
        except OSError:
            return False
        if not worker.alive():
            return False
        if not same:
            use.jobs_done, use.since, use.last, use.pause = worker.jobs_done, now, now, 0
            return True
        lately, use.last = now - use.last, now
        if lately < _NOTHING and not worker.jobs:
            return False
        if now - use.since >= self._quick:
            self._put_behind(worker, worker.pid)
        if lately < _NOTHING or worker in self._behind:
            use.pause = min(2 * use.pause + 1, _FEWEST)
        use.skip = use.pause
        return True

    def _put_behind(self, worker: Schedulable, pid: int) -> None:
        """Again at each look: it may have begun further threads."""
        try:
            priority.put_behind(pid)
        except OSError:
            self._log.info("long scripts are not put behind quick ones: the server may not do that (CAP_SYS_NICE)")
            self._quick = math.inf
        else:
            self._behind.add(worker)
