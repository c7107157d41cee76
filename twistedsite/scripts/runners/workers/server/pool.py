"""Which worker gets which script of a site: its workers, and the scripts that wait.

A worker serves one named interpreter, or all those without a name. It is made when a script waits and its site has a
slot to spare; the one used last is used first. A script may be given to a worker that is still busy, where all that
this one has to do will be done in a moment (`AHEAD`): the worker takes the next script from its own socket, which costs
no turn of the server, and no change to a process whose memory is not in the processor's caches any more.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable
from typing import Final

from twisted.internet.interfaces import IDelayedCall

from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.runners.interface import RunnerBusyError
from twistedsite.scripts.runners.workers.server.interface import Job, JobHost
from twistedsite.scripts.runners.workers.server.process import WorkerProcess
from twistedsite.scripts.runners.workers.server.run_times import RunTimes
from twistedsite.scripts.runners.workers.server.services import WorkerServices
from twistedsite.scripts.runners.workers.server.worker_states import WorkerState
from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.sandbox.policy import SandboxPolicy
from twistedsite.settings.server import WorkerSettings

TURN: Final = 0.1
"""Seconds for which a site may go on using a slot that another site waits for."""
QUICK: Final = 0.001
"""Seconds that a script takes at most which may be given to a worker that is busy."""
AHEAD: Final = 0.003
"""Seconds of work that such a worker may have before it, with that script."""
_CRASHES: Final = 3
"""Workers of a site that die in a row, none having finished a job, before the next one has to wait."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


class SitePool:
    """The workers and the waiting scripts of one site, `name` for the log, whose policy is `policy`.

    `settings` are the site's own; how many processes there are in all is the matter of the server's slots.
    """

    def __init__(
        self, services: WorkerServices, name: str, policy: SandboxPolicy, broker: DirectBroker, settings: WorkerSettings
    ) -> None:
        self.name = name
        self.broker = broker
        self.run_times = RunTimes()
        self.queue: deque[Job] = deque()
        self.members: set[WorkerProcess] = set()
        self._services = services
        self._slots = services.slots
        self._settings = settings
        self._policy = policy
        self._idle: list[WorkerProcess] = []
        """The one used last is at the end."""
        self._leaving: set[JobHost] = set()
        """Members that are being killed because of their scripts: their slots are free."""
        self._last: WorkerProcess | None = None
        """The one that was given a script ahead last; the next one goes there too, while it fits."""
        self._most_ahead = 0 if settings.reuse == "per-request" else answers.SLOTS
        self._crashes = 0
        self._pause: IDelayedCall | None = None
        """While it runs no worker is made: the last ones have died at once."""

    @property
    def could_grow(self) -> bool:
        """See `SlotUser`."""
        return bool(self.queue) and not self._is_full and self._pause is None

    def submit(self, job: Job) -> None:
        """Run `job`, now or when it is its turn; raises RunnerBusyError."""
        if self._give_to_one(job):
            return
        if len(self.queue) >= self._settings.queue:
            raise RunnerBusyError(f"{len(self.queue)} scripts of this site wait already")
        self.queue.append(job)
        if self.could_grow and self._slots.has_slot() and len(self.queue) == 1:
            self._grow()
            return
        self._wait()

    def stop(self) -> None:
        """Kill all of its workers, end all of its jobs."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._most_ahead = 0
        for job in list(self.queue):
            job.cancel()
        for process in list(self.members):
            # The last one first: those that wait for it are nobody else's to run.
            for job in reversed(list(process.jobs.values())):
                job.cancel()
            self._slots.mark_busy(process)
            process.kill()
        self._idle.clear()
        self._slots.forget(self)

    # From its jobs: see `JobOwner`.

    def withdrawn(self, job: Job) -> None:
        if job in self.queue:
            self.queue.remove(job)

    def leaves(self, worker: JobHost) -> None:
        if worker in self.members:
            self._leaving.add(worker)
            self._slots.share()

    # From its workers: see `WorkerOwner`.

    def put_back(self, jobs: Iterable[Job]) -> None:
        waiting = [job for job in jobs if not self._give_to_one(job)]
        if waiting:
            self.queue.extendleft(reversed(waiting))
            self._wait()
            self._slots.share()

    def freed(self, worker: WorkerProcess) -> None:
        self._crashes = 0
        if worker.state is not WorkerState.BUSY:
            return
        if self._is_used_up(worker):
            worker.recycle()
            if not worker.jobs and worker.state is WorkerState.BUSY:
                self._slots.dismiss(worker)
            return
        if worker.jobs and not self.queue:
            return
        turn_over = self._services.seconds() - worker.turn_began >= TURN
        if turn_over and self._slots.others_wait(self):
            if not worker.jobs:
                self._slots.dismiss(worker)
            return
        while (job := self._next_for(worker, turn_over)) is not None:
            if worker.jobs and not self._fits(worker, job):
                return
            self.queue.remove(job)
            if not worker.give(job):
                if not worker.jobs:
                    self._slots.dismiss(worker)
                self.put_back([job])
                return
        if not worker.jobs:
            self._rest(worker)

    def dismiss(self, worker: WorkerProcess) -> None:
        self._slots.dismiss(worker)

    def exited(self, worker: WorkerProcess, was_killed: bool) -> None:
        self.members.discard(worker)
        self._leaving.discard(worker)
        if worker is self._last:
            self._last = None
        if worker in self._idle:
            self._idle.remove(worker)
        if not was_killed and not worker.jobs_done:
            self._crashes += 1
            if self._crashes >= _CRASHES and self._pause is None:
                seconds = min(_FIRST_PAUSE * 2 ** (self._crashes - _CRASHES), _LONGEST_PAUSE)
                self._pause = self._services.call_later(seconds, self._pause_over)
        self._slots.reaped(worker)

    # From the slots: see `SlotUser`.

    def take_slot(self) -> bool:
        if self.could_grow:
            self._grow()
        return bool(self.queue)

    def _grow(self) -> None:
        job = self.queue.popleft()
        try:
            process = WorkerProcess(self, self._services, self._policy, job.interpreter)
        except OSError as error:
            job.refuse(f"no worker can be started: {error.strerror}")
            return
        self._slots.add(process)
        self.members.add(process)
        if not process.give(job):
            process.kill()
            job.refuse("no worker can be reached")

    def _give_to_one(self, job: Job) -> bool:
        """Give `job` to a worker that will run it now or in a moment; tells whether there is one."""
        if job.expected <= QUICK:
            if self._last is not None and self._fits(self._last, job) and self._last.give(job):
                return True
            for process in self.members:
                if process.state is WorkerState.BUSY and self._fits(process, job) and process.give(job):
                    self._last = process
                    return True
        while (idle := self._idle_for(job)) is not None:
            self._idle.remove(idle)
            self._slots.mark_busy(idle)
            if idle.give(job):
                return True
            # Out of memory or descriptors, or the worker has broken its socket: it is of no use.
            self._slots.dismiss(idle)
        return False

    def _fits(self, process: WorkerProcess, job: Job) -> bool:
        """Whether `job` may wait until `process`, which is busy, has done what it has before it."""
        return (
            job.expected <= QUICK
            and process.expected + job.expected <= AHEAD
            and process.state is WorkerState.BUSY
            and process.has_room(self._most_ahead)
            and process.jobs_done + len(process.jobs) < self._settings.max_requests
            and process.interpreter == job.interpreter
            and not (process.stalled or process.should_recycle or process.pid is None)
            and not self._slots.others_wait(self)
        )

    def _rest(self, process: WorkerProcess) -> None:
        """`process` has no job, and there is none for it."""
        if self.queue and self._is_full:
            self._slots.dismiss(process)
            return
        process.mark_idle()
        self._idle.append(process)
        self._slots.mark_idle(process, self._settings.idle, functools.partial(self._end_idle, process))
        if self.queue:
            self._slots.wait(self)
        else:
            self._slots.make_room()

    def _end_idle(self, process: WorkerProcess) -> None:
        self._idle.remove(process)
        self._slots.dismiss(process)

    def _wait(self) -> None:
        if self._is_full and self._idle:
            # Those that are idle serve other interpreters.
            self._end_idle(self._idle[0])
        self._slots.wait(self)

    @property
    def _is_full(self) -> bool:
        return len(self.members) - len(self._leaving) >= self._settings.max_workers

    def _idle_for(self, job: Job) -> WorkerProcess | None:
        """The idle worker used last of those that serve the interpreter of `job`."""
        for process in reversed(self._idle):
            if process.interpreter == job.interpreter:
                return process
        return None

    def _next_for(self, process: WorkerProcess, turn_over: bool) -> Job | None:
        """The next script for `process`; None where another interpreter waits for its slot, and its turn is over."""
        queue = self.queue
        if not queue or queue[0].interpreter == process.interpreter:
            return queue[0] if queue else None
        if turn_over and self._is_full:
            return None
        return next((job for job in queue if job.interpreter == process.interpreter), None)

    def _is_used_up(self, process: WorkerProcess) -> bool:
        settings = self._settings
        if process.should_recycle or settings.reuse == "per-request" or process.jobs_done >= settings.max_requests:
            return True
        return process.uses_more_than(settings.memory)

    def _pause_over(self) -> None:
        self._pause = None
        self._slots.share()
