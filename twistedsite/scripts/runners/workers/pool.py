"""Which worker gets which script: a pool for each site, and the places that all sites of the server share.

A worker serves one named interpreter, or all those without a name. It is made when a script waits and its site has a
place to spare; the one used last is used first. Where all places are taken, the worker idle for longest soon makes
room, and sites whose scripts wait take turns; so do interpreters where all places of their site are taken.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from twisted.internet.interfaces import IDelayedCall

from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.runners import RunnerBusyError
from twistedsite.scripts.runners.deadlines import Deadline, Deadlines
from twistedsite.scripts.runners.mailbox import Mailbox
from twistedsite.scripts.runners.shared import IThreadReactor
from twistedsite.scripts.runners.workers.broker import BrokerThreads
from twistedsite.scripts.runners.workers.folders import TemporaryFolders
from twistedsite.scripts.runners.workers.job import ScriptJob
from twistedsite.scripts.runners.workers.link import Links
from twistedsite.scripts.runners.workers.outflow import OutputBudget
from twistedsite.scripts.runners.workers.process import State, WorkerProcess
from twistedsite.scripts.runners.workers.spawner import Spawner
from twistedsite.scripts.sandbox.policy import SandboxPolicy
from twistedsite.settings.server import SandboxLevel, WorkerSettings

TURN: Final = 0.1
"""Seconds for which a site may go on using a place that another site waits for."""
LINGER: Final = 0.005
"""Seconds for which an idle worker keeps its place from other sites: its client may be about to ask for the next page,
and a new worker costs more than the wait."""
_LOOK_EVERY: Final = 16
"""Jobs of a worker between two looks at its memory."""
_CRASHES: Final = 3
"""Workers of a site that die in a row, none having finished a job, before the next one has to wait."""
_DISK_THREADS: Final = 2
"""Threads that write and read the output of scripts whose clients are slow."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


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
        self.spawner = Spawner(reactor, sandbox)
        self.holds = holds
        self.folders = TemporaryFolders(reactor)
        self.deadlines = Deadlines(reactor)
        self.links = Links(reactor)
        self.mailbox = Mailbox(reactor)
        # A call that nobody waits for any more may still hold a thread when its worker's successor makes one.
        self.threads = BrokerThreads(2 * settings.total, self.mailbox)
        self._disk = BrokerThreads(_DISK_THREADS, self.mailbox)
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
        self.mailbox.close()

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
        return not self.has_place() and any(other is not pool and other.could_grow for other in self._waiting)

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


class SitePool:
    """The workers and the waiting scripts of one site, `name` for the log, whose policy is `policy`.

    `settings` are the site's own; how many processes there are in all is the matter of `workers`.
    """

    def __init__(
        self, workers: Workers, name: str, policy: SandboxPolicy, broker: DirectBroker, settings: WorkerSettings
    ) -> None:
        self.workers = workers
        self.settings = settings
        self.name = name
        self.policy = policy
        self.broker = broker
        self.queue: deque[ScriptJob] = deque()
        self.idle: list[WorkerProcess] = []
        """The one used last is at the end."""
        self.members: set[WorkerProcess] = set()
        self._leaving: set[WorkerProcess] = set()
        """Members that are being killed because of their scripts: their places are free."""
        self._crashes = 0
        self._pause: IDelayedCall | None = None
        """While it runs no worker is made: the last ones have died at once."""

    @property
    def could_grow(self) -> bool:
        """It has scripts that wait, and may have more workers."""
        return bool(self.queue) and not self._is_full and self._pause is None

    def submit(self, job: ScriptJob) -> None:
        """Run `job`, now or when it is its turn; raises RunnerBusyError."""
        workers = self.workers
        while (process := self._idle_for(job)) is not None:
            self.idle.remove(process)
            workers.rouse(process)
            if process.give(job):
                return
        if len(self.queue) >= self.settings.queue:
            raise RunnerBusyError(f"{len(self.queue)} scripts of this site wait already")
        self.queue.append(job)
        if self.could_grow and workers.has_place() and len(self.queue) == 1:
            self._grow()
            return
        if self._is_full and self.idle:
            # Those that are idle serve other interpreters.
            workers.kill(self.idle[0])
        workers.wait(self)

    def withdrawn(self, job: ScriptJob) -> None:
        """`job`, which has waited, is not wanted any more."""
        if job in self.queue:
            self.queue.remove(job)

    def put_back(self, job: ScriptJob) -> None:
        """`job` is the next one again."""
        self.queue.appendleft(job)
        self.workers.wait(self)
        self.workers.share_places()

    def take_place(self) -> bool:
        """Use a free place, if there is need; tells whether scripts wait even so."""
        if self.could_grow:
            self._grow()
        return bool(self.queue)

    def freed(self, process: WorkerProcess) -> None:
        """The job of `process` has ended well."""
        process.jobs_done += 1
        process.job = None
        self._crashes = 0
        if process.state is not State.BUSY:
            return
        process.state = State.IDLE
        workers = self.workers
        turn_over = workers.reactor.seconds() - process.turn_began >= TURN
        if self._is_used_up(process) or (turn_over and workers.others_wait(self)):
            workers.dismiss(process)
        elif (job := self._next_for(process, turn_over)) is not None:
            self.queue.remove(job)
            self._give(process, job)
        elif self.queue and self._is_full:
            workers.dismiss(process)
        else:
            self.idle.append(process)
            workers.rest(process)
            if self.queue:
                workers.wait(self)
            else:
                workers.make_room()

    def leaves(self, process: WorkerProcess) -> None:
        """`process` is killed, or will be in a moment: the scripts that wait need not wait for its end."""
        if process in self.members:
            self._leaving.add(process)
            self.workers.share_places()

    def exited(self, process: WorkerProcess, was_killed: bool) -> None:
        """`process` is no more; `was_killed`: by the server."""
        self.members.discard(process)
        self._leaving.discard(process)
        if process in self.idle:
            self.idle.remove(process)
        if not was_killed and not process.jobs_done:
            self._crashes += 1
            if self._crashes >= _CRASHES and self._pause is None:
                seconds = min(_FIRST_PAUSE * 2 ** (self._crashes - _CRASHES), _LONGEST_PAUSE)
                self._pause = self.workers.reactor.callLater(seconds, self._pause_over)
        self.workers.buried(process)

    def stop(self) -> None:
        """Kill all of its workers, end all of its jobs."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for job in list(self.queue):
            job.result.cancel()
        for process in list(self.members):
            if process.job is not None:
                process.job.result.cancel()
            self.workers.rouse(process)
            process.kill()
        self.idle.clear()
        self.workers.forget(self)

    def _grow(self) -> None:
        try:
            process = self.workers.spawn(self)
        except OSError as error:
            self.queue.popleft().refuse(f"no worker can be started: {error.strerror}")
            return
        self.members.add(process)
        job = self.queue.popleft()
        process.interpreter = job.interpreter
        self._give(process, job)

    def _give(self, process: WorkerProcess, job: ScriptJob) -> None:
        if not process.give(job):
            self.put_back(job)

    @property
    def _is_full(self) -> bool:
        return len(self.members) - len(self._leaving) >= self.settings.max_workers

    def _idle_for(self, job: ScriptJob) -> WorkerProcess | None:
        """The idle worker used last of those that serve the interpreter of `job`."""
        for process in reversed(self.idle):
            if process.interpreter == job.interpreter:
                return process
        return None

    def _next_for(self, process: WorkerProcess, turn_over: bool) -> ScriptJob | None:
        """The next script for `process`; None where another interpreter waits for its place, and its turn is over."""
        queue = self.queue
        if not queue or queue[0].interpreter == process.interpreter:
            return queue[0] if queue else None
        if turn_over and self._is_full:
            return None
        return next((job for job in queue if job.interpreter == process.interpreter), None)

    def _is_used_up(self, process: WorkerProcess) -> bool:
        settings = self.settings
        if process.worn or settings.reuse == "per-request" or process.jobs_done >= settings.max_requests:
            return True
        return process.jobs_done % _LOOK_EVERY == 1 and process.memory() > settings.memory

    def _pause_over(self) -> None:
        self._pause = None
        self.workers.share_places()
