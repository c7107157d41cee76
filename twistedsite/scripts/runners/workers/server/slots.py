"""The places for worker processes that all sites of a server share, and what all workers have in common.

Where all places are taken, the worker idle for longest soon makes room, and sites whose scripts wait take turns.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IDelayedCall

from twistedsite.scripts.runners.deadlines import Deadline, Deadlines
from twistedsite.scripts.runners.threads.call_queue import CallQueue
from twistedsite.scripts.runners.threads.shared import IThreadReactor
from twistedsite.scripts.runners.workers.scheduling.cpu_monitor import Precedence
from twistedsite.scripts.runners.workers.scheduling.priority import take_short_turns
from twistedsite.scripts.runners.workers.server.broker import BrokerThreads
from twistedsite.scripts.runners.workers.server.folders import TemporaryFolders
from twistedsite.scripts.runners.workers.server.link import Links
from twistedsite.scripts.runners.workers.server.output_buffer import OutputBudget
from twistedsite.scripts.runners.workers.server.process import WorkerProcess
from twistedsite.scripts.runners.workers.server.spawner import Spawner
from twistedsite.settings.server import SandboxLevel, WorkerSettings

if TYPE_CHECKING:
    from twistedsite.scripts.runners.workers.server.pool import SitePool

LINGER: Final = 0.005
"""Seconds for which an idle worker keeps its place from other sites: its client may be about to ask for the next page,
and a new worker costs more than the wait."""
_DISK_THREADS: Final = 2
"""Threads that write and read the output of scripts whose clients are slow."""


class Workers:
    """The worker processes of a server, of all of its sites."""

    def __init__(
        self,
        reactor: IThreadReactor,
        settings: WorkerSettings,
        output_buffer: int,
        sandbox: SandboxLevel = "best-effort",
        holds: str = "",
    ) -> None:
        """`holds`: what the sandbox was seen to hold here, for the health document."""
        self.reactor = reactor
        self.settings = settings
        self.output_buffer = output_buffer
        """Bytes that a script may hold back before they are sent."""
        self.size = 0
        """Processes there are, those that are being killed among them."""
        take_short_turns()
        self.spawner = Spawner(reactor, sandbox)
        self.holds = holds
        self.folders = TemporaryFolders(reactor)
        self.deadlines = Deadlines(reactor)
        self.precedence = Precedence(self.deadlines, settings.quick)
        self.links = Links(reactor)
        self.call_queue = CallQueue(reactor)
        # A call that nobody waits for any more may still hold a thread when its worker's successor makes one.
        self.threads = BrokerThreads(2 * settings.total, self.call_queue)
        self._disk = BrokerThreads(_DISK_THREADS, self.call_queue)
        self.output = OutputBudget(settings, self._disk)
        self._processes: set[WorkerProcess] = set()
        self._idle: OrderedDict[WorkerProcess, float] = OrderedDict()
        """Idle worker -> since when; the one idle for longest first."""
        self._waiting: deque[SitePool] = deque()
        """Sites with scripts that wait, in the order of their turns."""
        self._dying = 0
        self._reaping: IDelayedCall | None = None
        self._lingering: Deadline | None = None
        """When the next idle worker may be ended for another site."""
        self._stopped = False

    def stop(self) -> None:
        """Kill every worker, and the zygote."""
        self._stopped = True
        self.folders.close()
        if self._reaping is not None:
            self._reaping.cancel()
            self._reaping = None
        for process in list(self._processes):
            process.kill()
        self.spawner.stop()
        self.links.close()
        self.folders.stop()
        self.deadlines.stop()
        self.threads.stop()
        self._disk.stop()
        self.call_queue.close()

    # For the pools.

    def spawn(self, pool: SitePool) -> WorkerProcess:
        """A new worker for `pool`, which has a place for it. Raises OSError where the machine has none."""
        process = WorkerProcess(pool)
        self.size += 1
        self._processes.add(process)
        return process

    def has_place(self) -> bool:
        """Whether there may be one more process."""
        return self.size < self.settings.total and not self._stopped

    def wait(self, pool: SitePool) -> None:
        """Scripts of `pool` wait: it takes its turn when there is a place."""
        if pool not in self._waiting:
            self._waiting.append(pool)
        self.make_room()

    def forget(self, pool: SitePool) -> None:
        """`pool` takes no turns any more."""
        if pool in self._waiting:
            self._waiting.remove(pool)

    def make_room(self) -> None:
        """Where all places are taken, have idle workers killed: one for each site that waits for a place."""
        if not self._idle or self.has_place():
            return
        wanted = sum(pool.could_grow for pool in self._waiting)
        while self._idle and self._dying < wanted:
            process, since = next(iter(self._idle.items()))
            lingers = since + LINGER - self.reactor.seconds()
            if lingers > 0:
                if self._lingering is None:
                    self._lingering = self.deadlines.add(lingers, self._lingered)
                return
            self.kill(process)

    def _lingered(self) -> None:
        self._lingering = None
        self.make_room()

    def others_wait(self, pool: SitePool) -> bool:
        """Whether another site needs the place of a worker of `pool`."""
        if not self._waiting or self.has_place():
            return False
        return any(other is not pool and other.could_grow for other in self._waiting)

    def rest(self, process: WorkerProcess) -> None:
        """`process` has nothing to do."""
        self._idle[process] = self.reactor.seconds()
        self._reap_at(process, self._idle[process])

    def rouse(self, process: WorkerProcess) -> None:
        """`process` is idle no longer."""
        self._idle.pop(process, None)

    def kill(self, process: WorkerProcess) -> None:
        """Kill `process`, which has no job."""
        self.rouse(process)
        process.pool.idle.remove(process)
        self.dismiss(process)

    def dismiss(self, process: WorkerProcess) -> None:
        """Kill `process`, which is not among the idle ones."""
        self._dying += not process.dismissed
        process.dismissed = True
        process.kill()

    def buried(self, process: WorkerProcess) -> None:
        """`process` is no more: its place is free."""
        self.size -= 1
        self._dying -= process.dismissed
        self._processes.discard(process)
        self.rouse(process)
        self.share_places()

    def share_places(self) -> None:
        """Give what places there are to the sites that wait, in turn."""
        while self.has_place() and any(pool.could_grow for pool in self._waiting):
            pool = self._waiting.popleft()
            if pool.take_place():
                self._waiting.append(pool)
        self.make_room()

    def _reap(self) -> None:
        self._reaping = None
        now = self.reactor.seconds()
        for process, since in list(self._idle.items()):
            if since + process.pool.settings.idle <= now:
                self.kill(process)
            else:
                self._reap_at(process, since)

    def _reap_at(self, process: WorkerProcess, since: float) -> None:
        """See to it that `process`, idle since then, is ended when its site's time for that is over."""
        seconds = max(0.0, since + process.pool.settings.idle - self.reactor.seconds())
        if self._reaping is None:
            self._reaping = self.reactor.callLater(seconds, self._reap)
        elif self._reaping.getTime() > self.reactor.seconds() + seconds:
            self._reaping.reset(seconds)
