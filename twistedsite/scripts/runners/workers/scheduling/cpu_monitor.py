"""Quick scripts go first: a worker whose script computes for long gets what the others leave of the processor.

The kernel lets everybody who wants the processor have as much of it as anybody else, in turns of some milliseconds: the
scripts of one site that never end would make every other answer wait for several of their turns.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from twistedsite.scripts.runners.deadlines import Deadline, Deadlines
from twistedsite.scripts.runners.workers.scheduling import priority
from twistedsite.scripts.runners.workers.scheduling.priority import Level

if TYPE_CHECKING:
    from twistedsite.scripts.runners.workers.server.process import WorkerProcess

LOOK: Final = 0.025
"""Seconds between two looks at a worker."""
_FEWEST: Final = 40
"""Looks of which only one is made at a worker that sleeps, or whose script has been found to be endless."""
_ENDLESS: Final = 5
"""How many times longer than a quick script one computes that gets only what is left."""
_NOTHING: Final = 0.001
"""Seconds of the processor that are nothing, between two looks."""
_IRREVERSIBLE: Final = 10
"""How many times longer a script may compute where that costs its worker's place: a new process is made then."""


class _Use:
    """What one worker has used of the processor."""

    __slots__ = ("jobs_done", "last", "pause", "since", "skip")

    def __init__(self) -> None:
        self.jobs_done = -1
        self.since = 0.0
        """Seconds used when the script at hand was first seen."""
        self.last = 0.0
        """Seconds used at the last look."""
        self.pause = 0
        """Looks left out between the last two that were made."""
        self.skip = 0
        """Looks to be left out before the next one."""


class Precedence:
    """Looks at the workers that are at work, and puts those behind whose scripts are not quick."""

    _log = Logger()

    def __init__(self, deadlines: Deadlines, quick: float) -> None:
        """`quick`: seconds of the processor that a script may use before quicker ones go first; 0: never."""
        self._deadlines = deadlines
        self._quick = quick or math.inf
        self._reversible = True
        self._uses: dict[WorkerProcess, _Use] = {}
        self._next: Deadline | None = None

    def watch(self, process: WorkerProcess) -> None:
        """Look at `process`, which has got something to do, until it does nothing any more."""
        process.watched = True
        if self._quick < math.inf:
            self._uses[process] = _Use()
            if self._next is None:
                self._next = self._deadlines.add(LOOK, self._look_at_all)

    def forget(self, process: WorkerProcess) -> None:
        """`process` is no more."""
        self._uses.pop(process, None)

    def restore(self, process: WorkerProcess) -> bool:
        """Let `process` be with the quick ones again; False: it cannot be, from now on."""
        if process.level is Level.QUICK or not process.alive():
            return True
        use = self._uses.get(process)
        if use is not None:
            use.jobs_done = -1
        if self._put(process, Level.QUICK):
            return True
        if self._reversible:
            self._reversible = False
            self._quick *= _IRREVERSIBLE
        return False

    def _look_at_all(self) -> None:
        for process, use in list(self._uses.items()):
            if not self._look(process, use):
                self._uses.pop(process, None)
                process.watched = False
                self.restore(process)
        self._next = self._deadlines.add(LOOK, self._look_at_all) if self._uses else None

    def _look(self, process: WorkerProcess, use: _Use) -> bool:
        """Whether to go on looking."""
        same = process.jobs_done == use.jobs_done
        if process.pid is None or (same and use.skip):
            use.skip = max(0, use.skip - 1)
            return True
        try:
            now = priority.used(process.pid)
        except OSError:
            return False
        if not process.alive():
            return False
        if not same:
            use.jobs_done, use.since, use.last, use.pause = process.jobs_done, now, now, 0
            return True
        lately, use.last = now - use.last, now
        if lately < _NOTHING and not process.jobs and not self._wants_more(process):
            return False
        level = self._level(now - use.since)
        # Again at each look: it may have begun further threads, and there may be more or fewer workers like it.
        if level is not Level.QUICK and not self._put(process, level):
            self._log.info("long scripts are not put behind quick ones: the server may not do that (CAP_SYS_NICE)")
            self._quick = math.inf
        if lately < _NOTHING or level is Level.ENDLESS:
            use.pause = min(2 * use.pause + 1, _FEWEST)
        use.skip = use.pause
        return True

    def _wants_more(self, process: WorkerProcess) -> bool:
        """Whether `process`, which has had nothing of the processor, would have used it: others go before it."""
        if process.level is Level.QUICK or process.pid is None:
            return False
        return priority.wants_processor(process.pid)

    def _level(self, used: float) -> Level:
        if used < self._quick:
            return Level.QUICK
        return Level.LONG if used < _ENDLESS * self._quick else Level.ENDLESS

    def _put(self, process: WorkerProcess, level: Level) -> bool:
        if process.pid is None:
            return False
        many = sum(other.level is Level.LONG for other in self._uses if other is not process) + 1
        try:
            priority.put(process.pid, level, many)
        except OSError:
            return False
        process.level = level
        return True
