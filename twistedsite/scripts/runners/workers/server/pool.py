"""Which worker gets which script of a site: its workers, and the scripts that wait.

A worker serves one named interpreter, or all those without a name. It is made when a script waits and its site has a
place to spare; the one used last is used first. A script may be given to a worker that is still busy, where all that
this one has to do will be done in a moment (`ahead`): taken from the worker's own socket, the next script costs no
turn of the server, and no change to a process whose memory is not in the processor's caches any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from twisted.internet.interfaces import IDelayedCall

from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.runners.interface import RunnerBusyError
from twistedsite.scripts.runners.workers.server.job import ScriptJob
from twistedsite.scripts.runners.workers.server.process import State, WorkerProcess
from twistedsite.scripts.runners.workers.server.run_times import Pace
from twistedsite.scripts.runners.workers.server.slots import Workers
from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.sandbox.policy import SandboxPolicy
from twistedsite.settings.server import WorkerSettings

TURN: Final = 0.1
"""Seconds for which a site may go on using a place that another site waits for."""
AHEAD: Final = 0.001
"""Seconds of work that a worker may have before it, for one more script to be given to it."""
_MOST_AHEAD: Final = answers.PLACES
"""Scripts that a worker may have before it: each of them has a place for its end."""
_LOOK_EVERY: Final = 8
"""Jobs between two looks at the memory of a worker that has used half of what it may have."""
_LOOK_SELDOM: Final = 64
"""The same, while it has used less."""
_CRASHES: Final = 3
"""Workers of a site that die in a row, none having finished a job, before the next one has to wait."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


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
        self.pace = Pace()
        self.queue: deque[ScriptJob] = deque()
        self.idle: list[WorkerProcess] = []
        """The one used last is at the end."""
        self.members: set[WorkerProcess] = set()
        self._leaving: set[WorkerProcess] = set()
        """Members that are being killed because of their scripts: their places are free."""
        self._last: WorkerProcess | None = None
        """The one that was given a script ahead last; the next one goes there too, while it fits."""
        self._most_ahead = 0 if settings.reuse == "per-request" else _MOST_AHEAD
        self._crashes = 0
        self._pause: IDelayedCall | None = None
        """While it runs no worker is made: the last ones have died at once."""

    @property
    def could_grow(self) -> bool:
        """It has scripts that wait, and may have more workers."""
        return bool(self.queue) and not self._is_full and self._pause is None

    def submit(self, job: ScriptJob) -> None:
        """Run `job`, now or when it is its turn; raises RunnerBusyError."""
        if self._give_to_one(job):
            return
        if len(self.queue) >= self.settings.queue:
            raise RunnerBusyError(f"{len(self.queue)} scripts of this site wait already")
        self.queue.append(job)
        if self.could_grow and self.workers.has_place() and len(self.queue) == 1:
            self._grow()
            return
        self._wait()

    def withdrawn(self, job: ScriptJob) -> None:
        """`job`, which has waited, is not wanted any more."""
        if job in self.queue:
            self.queue.remove(job)

    def put_back(self, jobs: Iterable[ScriptJob]) -> None:
        """`jobs`, which a worker was given and has not begun, are the next ones again."""
        waiting = [job for job in jobs if not self._give_to_one(job)]
        if waiting:
            self.queue.extendleft(reversed(waiting))
            self._wait()
            self.workers.share_places()

    def take_place(self) -> bool:
        """Use a free place, if there is need; tells whether scripts wait even so."""
        if self.could_grow:
            self._grow()
        return bool(self.queue)

    def freed(self, process: WorkerProcess) -> None:
        """A job of `process` has ended well."""
        self._crashes = 0
        if process.state is not State.BUSY:
            return
        if self._is_used_up(process):
            process.worn = True
            process.recall()
            if not process.jobs and process.state is State.BUSY:
                self.workers.dismiss(process)
            return
        if process.jobs and not self.queue:
            return
        workers = self.workers
        turn_over = workers.reactor.seconds() - process.turn_began >= TURN
        if turn_over and workers.others_wait(self):
            if not process.jobs:
                workers.dismiss(process)
            return
        while (job := self._next_for(process, turn_over)) is not None:
            if process.jobs and not self._fits(process, job):
                return
            self.queue.remove(job)
            if not process.give(job):
                if not process.jobs:
                    workers.dismiss(process)
                self.put_back([job])
                return
        if process.jobs:
            return
        if self.queue and self._is_full:
            workers.dismiss(process)
            return
        process.state = State.IDLE
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
        if process is self._last:
            self._last = None
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
        self._most_ahead = 0
        for job in list(self.queue):
            job.result.cancel()
        for process in list(self.members):
            # The last one first: those that wait for it are nobody else's to run.
            for job in reversed(list(process.jobs.values())):
                job.result.cancel()
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
        if not process.give(job):
            process.kill()
            job.refuse("no worker can be reached")

    def _give_to_one(self, job: ScriptJob) -> bool:
        """Give `job` to a worker that will run it now or in a moment; tells whether there is one."""
        if job.expected <= AHEAD:
            if self._last is not None and self._fits(self._last, job) and self._last.give(job):
                return True
            for process in self.members:
                if process.state is State.BUSY and self._fits(process, job) and process.give(job):
                    self._last = process
                    return True
        while (idle := self._idle_for(job)) is not None:
            self.idle.remove(idle)
            self.workers.rouse(idle)
            if idle.give(job):
                return True
            # Out of memory or descriptors, or the worker has broken its socket: it is of no use.
            self.workers.dismiss(idle)
        return False

    def _fits(self, process: WorkerProcess, job: ScriptJob) -> bool:
        """Whether `job` may wait until `process`, which is busy, has done what it has before it."""
        return (
            process.expected + job.expected <= AHEAD
            and process.state is State.BUSY
            and process.span < self._most_ahead
            and process.jobs_done + len(process.jobs) < self.settings.max_requests
            and process.interpreter == job.interpreter
            and not (process.stalled or process.worn or process.pid is None)
            and not self.workers.others_wait(self)
        )

    def _wait(self) -> None:
        if self._is_full and self.idle:
            # Those that are idle serve other interpreters.
            self.workers.kill(self.idle[0])
        self.workers.wait(self)

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
        if process.jobs_done < process.look_at:
            return False
        used = process.memory()
        process.look_at = process.jobs_done + (_LOOK_EVERY if 2 * used > settings.memory else _LOOK_SELDOM)
        return used > settings.memory

    def _pause_over(self) -> None:
        self._pause = None
        self.workers.share_places()
