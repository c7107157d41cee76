"""Endless scripts take turns: no more of them want the processor at once than the server has processors.

The kernel gives each of them little of what quick scripts want, but gives it in whole ticks (4 ms at 250 ticks a
second): every one that waits for the processor is one more that stands in a quick script's way for so long. Together
they get done no less if most of them are stopped (SIGSTOP), as long as those that are not change.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from twistedsite.scripts.runners.workers.scheduling import priority

if TYPE_CHECKING:
    from twistedsite.scripts.runners.workers.server.process import WorkerProcess

TURN: Final = 0.09
"""Seconds of the processor that one may use while others are stopped: what it has used after four looks, if it has had
one for itself."""
LONGEST: Final = 80
"""Looks after which its turn is over however little it had, 2 s. The kernel gives whoever comes a tick quite soon, and
after that none for more than a second: each change costs quick scripts a tick, so it must be seldom while they want all
of the processor."""
_SURE: Final = 4
"""Looks in a row at which one has wanted the processor, to be among those that take turns. One that waits for a disk,
a database or its client now and then is seldom stopped: when it waits, the processor would have nobody."""
_SAMPLES: Final = 4
"""Workers of which it is found out at one look whether they want the processor: that takes 15 microseconds for each,
and more where it has several threads."""


class _Turn:
    """What is known of one worker."""

    __slots__ = ("hungry", "since", "stopped", "used")

    def __init__(self) -> None:
        self.hungry = 0
        """How often in a row it has been seen to want the processor."""
        self.since = 0
        """Number of the look from which on it has been running as one of those that take turns."""
        self.used = 0.0
        """Seconds of the processor that it had used by then."""
        self.stopped = False


class Turns:
    """The workers whose scripts are endless. None stays stopped that is not among them any more."""

    _log = Logger()

    def __init__(self) -> None:
        self._places = len(os.sched_getaffinity(0))
        """How many may run at once."""
        self._members: dict[WorkerProcess, _Turn] = {}
        """Those that are stopped: in the order of their turns. The others: the one not looked at for longest first."""
        self._looks = 0
        self._allowed = True

    def join(self, process: WorkerProcess) -> None:
        """`process`, from now on or still, takes its turn with others."""
        if self._allowed and process not in self._members:
            self._members[process] = _Turn()

    def leave(self, process: WorkerProcess) -> None:
        """`process` runs when it likes."""
        turn = self._members.pop(process, None)
        if turn is not None and turn.stopped:
            process.go_on()

    def wants_more(self, process: WorkerProcess) -> bool:
        """Whether `process` would have used the processor, if it had been let."""
        turn = self._members.get(process)
        return turn is not None and turn.hungry > 0

    def end(self) -> None:
        """From now on all run when they like."""
        self._allowed = False
        for process in list(self._members):
            self.leave(process)

    def look(self) -> None:
        """See who wants the processor, and whose turn it is. To be called at each look at the workers."""
        self._looks += 1
        if len(self._members) > self._places:
            self._sample()
            try:
                self._change()
            except PermissionError:
                self._log.info("long scripts do not take turns: the server may not stop their processes")
                self.end()
        else:
            for process, turn in self._members.items():
                turn.hungry = 0
                self._go_on(process, turn)

    def _sample(self) -> None:
        """Look at some of those that are not stopped: at all of them in turn where they are many."""
        for process in [process for process, turn in self._members.items() if not turn.stopped][:_SAMPLES]:
            turn = self._last(process)
            # By its state: of one that waits in vain, the processor's clock tells nothing, and for how long it has been
            # waiting (schedstat) the kernel does not say before it runs.
            if process.pid is None or not priority.wants_processor(process.pid):
                turn.hungry = 0
                continue
            turn.hungry += 1
            if turn.hungry == _SURE:
                self._begin(process, turn)

    def _change(self) -> None:
        """Stop those whose turn is over, and let others go on instead. Raises PermissionError."""
        waiting = [process for process, turn in self._members.items() if turn.stopped]
        running = [process for process, turn in self._members.items() if not turn.stopped and turn.hungry >= _SURE]
        running.sort(key=lambda process: self._members[process].since)
        # Who has just begun to compute takes nobody's turn.
        running, late = running[: self._places], running[self._places :]
        over = [process for process in running if self._is_over(process)][: len(waiting)]
        for process in (*over, *late):
            self._last(process).stopped = process.pause()
        for process in waiting[: self._places - len(running) + len(over)]:
            self._go_on(process, self._last(process))

    def _last(self, process: WorkerProcess) -> _Turn:
        turn = self._members[process] = self._members.pop(process)
        return turn

    def _go_on(self, process: WorkerProcess, turn: _Turn) -> None:
        if turn.stopped:
            turn.stopped = False
            self._begin(process, turn)
            process.go_on()

    def _begin(self, process: WorkerProcess, turn: _Turn) -> None:
        turn.since, turn.used = self._looks, _used(process)

    def _is_over(self, process: WorkerProcess) -> bool:
        turn = self._members[process]
        return self._looks - turn.since >= LONGEST or _used(process) - turn.used >= TURN


def _used(process: WorkerProcess) -> float:
    """Seconds of the processor; 0 where the process has ended, which will be known in a moment."""
    try:
        return priority.used(process.pid) if process.pid is not None else 0.0
    except OSError:
        return 0.0
