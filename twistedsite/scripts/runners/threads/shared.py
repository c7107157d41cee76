"""What all thread runners of a server share, so that one more site costs no thread and no descriptor.

They share the call queue into the reactor, the deadlines and the switch interval. Each site has its own pool and queue.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorFDSet, IReactorTime

from twistedsite.scripts.exchange.streams import restore_streams
from twistedsite.scripts.importing.main_module import restore_main
from twistedsite.scripts.importing.program import restore_atexit
from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.threads.call_queue import CallQueue
from twistedsite.scripts.runners.threads.switch_interval import SwitchInterval


class IThreadReactor(IReactorTime, IReactorFDSet):
    """What a runner needs of the reactor."""


class SharedThreads:
    """It is made before the first runner and stopped after the last."""

    def __init__(self, reactor: IThreadReactor) -> None:
        self.call_queue = CallQueue(reactor)
        self.deadlines = Deadlines(reactor)
        self._jobs: set[object] = set()
        self._switch_interval = SwitchInterval(self._jobs.copy)

    def job_begins(self, job: object) -> None:
        """A script of any site is queued."""
        self._jobs.add(job)
        self._switch_interval.job_begins()

    def job_ends(self, job: object) -> None:
        """The thread of `job` has returned."""
        self._jobs.discard(job)

    def stop(self) -> None:
        """Leave the reactor, and restore the process's standard output and `__main__`."""
        self._switch_interval.stop()
        self.deadlines.stop()
        self.call_queue.close()
        restore_main()
        restore_atexit()
        restore_streams()
