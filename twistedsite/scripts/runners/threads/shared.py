"""What the thread runners of a server's sites have in common, so that a site more costs no thread and no descriptor.

Their way back into the reactor, their deadlines, and the look-out for scripts that compute for long. Queues and threads
are each site's own.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorFDSet, IReactorTime

from twistedsite.scripts.exchange.streams import restore_streams
from twistedsite.scripts.importing.main_module import restore_main
from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.threads.call_queue import CallQueue
from twistedsite.scripts.runners.threads.switch_interval import Fairness


class IThreadReactor(IReactorTime, IReactorFDSet):
    """What a runner needs of the reactor."""


class SharedThreads:
    """Made before the first runner, stopped after the last."""

    def __init__(self, reactor: IThreadReactor) -> None:
        self.call_queue = CallQueue(reactor)
        self.deadlines = Deadlines(reactor)
        self._jobs: set[object] = set()
        self._fairness = Fairness(self._jobs.copy)

    def job_begins(self, job: object) -> None:
        """A script of any site is queued."""
        self._jobs.add(job)
        self._fairness.job_begins()

    def job_ends(self, job: object) -> None:
        """Its thread has come back from it."""
        self._jobs.discard(job)

    def stop(self) -> None:
        """Let go of the reactor, and of the process's standard output and `__main__`."""
        self._fairness.stop()
        self.deadlines.stop()
        self.call_queue.close()
        restore_main()
        restore_streams()
