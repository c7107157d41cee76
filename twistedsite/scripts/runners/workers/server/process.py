"""One worker process as the server sees it: its sockets, its pidfd, its jobs, and how it ended.

Its state is moved by the table in `worker_states`, and only here. Nobody else writes its attributes.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Final

import msgspec
from twisted.logger import Logger

from twistedsite.scripts.exchange.log_text import LogQuota
from twistedsite.scripts.messages.failure import FrameReport
from twistedsite.scripts.runners.deadlines import Deadline
from twistedsite.scripts.runners.workers.server.interface import Job, WorkerOwner
from twistedsite.scripts.runners.workers.server.link import WorkerLink
from twistedsite.scripts.runners.workers.server.services import WorkerServices
from twistedsite.scripts.runners.workers.server.shared_memory import SharedMemory
from twistedsite.scripts.runners.workers.server.worker_states import WORKER_LIFE, WorkerEvent, WorkerState
from twistedsite.scripts.runners.workers.wire.frames import (
    FROM_WORKER,
    STACK_SIGNAL,
    CallAnswer,
    FrameError,
    FrameKind,
    encode,
    frame,
)
from twistedsite.scripts.runners.workers.wire.job_queue import JobQueue
from twistedsite.scripts.sandbox.policy import SandboxPolicy

STALL: Final = 0.005
"""Seconds without the end of a script after which those that the same worker has before it go to others."""
_READS: Final = 8
"""How often a worker's socket is read for the end of a script that must be there: it might go on sending for ever."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_LOOK_EVERY: Final = 8
"""Jobs between two looks at the memory of a worker that has used half of what it may have."""
_LOOK_SELDOM: Final = 64
"""The same, while it has used less."""


class WorkerProcess:
    """A worker of `owner`. It can be given a job at once: that waits in the socket until the process is there."""

    _log = Logger()

    def __init__(
        self,
        owner: WorkerOwner[WorkerProcess],
        services: WorkerServices,
        policy: SandboxPolicy,
        interpreter: str = "",
    ) -> None:
        """`interpreter` is the name of the one that it serves; empty: all that have none. Raises OSError."""
        self.state: str = WorkerState.IDLE
        self.jobs: dict[int, Job] = {}
        """By number, in the order in which the worker takes them: the first one runs, or will in a moment."""
        self.expected = 0.0
        """Seconds that all of them will take; infinite where that is not known."""
        self.stalled = False
        """The one that runs has taken longer than it should: no other is to wait for its end."""
        self.interpreter = interpreter
        self.jobs_done = 0
        self.should_recycle = False
        """It is to be replaced when it has no job."""
        self.turn_began = services.seconds()
        """When its site got this slot of all the server's slots."""
        self.pid: int | None = None
        self._owner = owner
        self._services = services
        self._cpu_monitor = services.cpu_monitor
        self._given = 0
        """How many jobs it has been sent: the number of the next one."""
        self._collected = -1
        """The number of the job whose end was taken out of the shared memory last."""
        self._look_at = 1
        """How many jobs it will have done when its memory is looked at next."""
        self._pidfd = -1
        self._status: int | None = None
        self._log_quota: LogQuota | None = None
        """Of the script that runs; made when it writes to the log."""
        self._watch: Deadline | None = None
        """When to look whether it has stalled, while scripts wait for its turn."""
        self._done_before = 0
        # First: it may fail, and then nothing else is held.
        self._folder = services.folders.make(policy.uid)
        ours, theirs = socket.socketpair()
        self._memory = SharedMemory()
        try:
            self._queue = JobQueue()
            self._link = WorkerLink(services.links, ours, FROM_WORKER, self)
            policy = msgspec.structs.replace(policy, temporary=self._folder)
            services.spawner.spawn(self, policy, theirs, self._queue, self._memory.descriptor)
        finally:
            os.close(self._memory.descriptor)

    # From the pool.

    def has_room(self, most: int) -> bool:
        """Whether it may have one more job before it, of at most `most`."""
        # By numbers, for the sake of `answers`: those between may have been taken back.
        return self._given - next(iter(self.jobs), self._given) < most

    def give(self, job: Job) -> bool:
        """Have it run `job`, after those that it has. False: it does not take it, and has seen nothing of it."""
        if self.state not in (WorkerState.IDLE, WorkerState.BUSY) or not self._start(job):
            return False
        self._happens(WorkerEvent.GIVEN)
        self.should_recycle |= not self._cpu_monitor.watch(self)
        if len(self.jobs) > 1 and self._watch is None:
            self._watch_it()
        return True

    def mark_idle(self) -> None:
        """It has no job, and there is none for it."""
        self._happens(WorkerEvent.FREED)

    def recycle(self) -> None:
        """Have it replaced when the job that runs has ended; others run what it has not begun."""
        self.should_recycle = True
        self.recall()

    def uses_more_than(self, limit: int) -> bool:
        """Whether it occupies more than `limit` bytes of memory, shared ones included; looked at only now and then."""
        if self.jobs_done < self._look_at:
            return False
        used = self._memory_used()
        self._look_at = self.jobs_done + (_LOOK_EVERY if 2 * used > limit else _LOOK_SELDOM)
        return used > limit

    def kill(self, informed: Job | None = None) -> None:
        """See `JobHost`. It gets no more frames."""
        back = self._take_back()
        lost, self.jobs = [job for job in self.jobs.values() if job is not informed], {}
        self._close()
        self._happens(WorkerEvent.KILL)
        if self.state is WorkerState.KILLED:
            # Even to end takes a turn of the processor.
            self._cpu_monitor.restore(self)
            self._signal(signal.SIGKILL)
        for job in lost:
            job.lost("the worker process had to be ended because of another script")
        self._owner.put_back(back)

    # From the job that runs: see `JobHost`.

    def send(self, job: bytes, descriptor: int | None) -> bool:
        return self._queue.add(self._given, job, descriptor)

    def answer(self, answer: CallAnswer, descriptor: int | None) -> None:
        self._link.send(frame(FrameKind.ANSWER, encode(answer)), descriptor)

    def pause(self) -> None:
        self._link.pause()

    def resume(self) -> None:
        self._link.resume()

    def ended(self, job: Job, recycle: bool) -> None:
        del self.jobs[next(iter(self.jobs))]
        self.expected = self.expected - job.expected if self.jobs else 0.0
        self.jobs_done += 1
        self.stalled = False
        self._log_quota = None
        self.should_recycle |= recycle
        self.should_recycle |= not self._cpu_monitor.restore(self)
        self._owner.freed(self)

    def recall(self, unwanted: Job | None = None) -> None:
        self.stalled = True
        if len(self.jobs) < 2:
            return
        back = [job for job in self._take_back() if job is not unwanted]
        if back and not self.jobs:
            if self._start(back[0]):
                del back[0]
            else:
                self._owner.dismiss(self)
        # What it has begun after the first one, it has begun because that has ended: its end is somewhere.
        for _ in range(_READS):
            self._collect_now()
            if len(self.jobs) < 2 or not self._link.read():
                break
        self._owner.put_back(back)

    def ask_for_stack(self) -> None:
        # To tell where it stands takes a turn of the processor.
        self._cpu_monitor.restore(self)
        self._signal(STACK_SIGNAL)

    def last_stack(self, root: str) -> list[FrameReport]:
        return self._memory.last_stack(root)

    # From the CPU monitor: see `Schedulable`.

    def alive(self) -> bool:
        return self._signal(0)

    # From the link: see `Receiver`.

    def received(self, kind: int, payload: bytes) -> None:
        if kind == FrameKind.BELL:
            self._collect()
        elif kind == FrameKind.LOG:
            self._log_text(payload)
        elif not self.jobs:
            raise FrameError(f"a frame of kind {kind} without a job")
        else:
            self._first.received(kind, payload)

    def disconnected(self, reason: str) -> None:
        if reason:
            self._log.error("{site}: a worker has sent {reason}; it is killed", site=self._owner.name, reason=reason)
            # Those that have ended well before have not sent it.
            self._collect_now()
        if reason and self.jobs:
            job = self._first
            self.kill(job)
            job.lost("the worker process has sent what it must not")
            return
        self._happens(WorkerEvent.DISCONNECTED)
        if self.state is WorkerState.GONE:
            self._tell_jobs()
        else:
            # Not `kill`: the jobs are told when it is known how the process has ended.
            self._signal(signal.SIGKILL)

    # From the zygote: see `SpawnedProcess`.

    def started(self, pid: int, pidfd: int) -> None:
        self.pid, self._pidfd = pid, pidfd
        if self.state in (WorkerState.KILLED, WorkerState.BROKEN):
            self._signal(signal.SIGKILL)
        elif self.jobs:
            self._first.worker_started()

    def exited(self, status: int | None) -> None:
        was_killed = self.state is WorkerState.KILLED
        self._happens(WorkerEvent.EXITED)
        self._status = status
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        self._services.folders.remove(self._folder)
        self._cpu_monitor.forget(self)
        self._owner.exited(self, was_killed)
        if self._link.closed:
            self._tell_jobs()

    @property
    def _first(self) -> Job:
        return next(iter(self.jobs.values()))

    def _happens(self, event: str) -> None:
        self.state = WORKER_LIFE[self.state, event]

    def _start(self, job: Job) -> bool:
        if not job.start(self):
            return False
        self.jobs[self._given] = job
        self._given += 1
        self.expected += job.expected
        return True

    def _tell_jobs(self) -> None:
        back = self._take_back()
        self._collect_now()
        lost, self.jobs = list(self.jobs.values()), {}
        self._close()
        self._memory.close()
        if self.pid is not None and not self.jobs_done and not lost:
            # It could not even begin: the next one would end as this one.
            lost, back = [*lost, *back], []
        for job in lost:
            job.lost(f"the worker process has ended: {_ending(self._status)}")
        self._owner.put_back(back)

    def _collect(self) -> None:
        """Take the ends of scripts out of the shared memory. Raises FrameError."""
        while self.jobs and (number := next(iter(self.jobs))) > self._collected:
            payload = self._memory.end_of(number)
            if payload is None:
                return
            self._collected = number
            self.jobs[number].end(payload)

    def _collect_now(self) -> None:
        """The same, where nothing has come by the socket."""
        try:
            self._collect()
        except FrameError as error:
            self._link.refuse(error)

    def _take_back(self) -> list[Job]:
        """The jobs that it has not read, which are its own no longer."""
        back = []
        for number in self._queue.take_back():
            # A worker may have told the end of a job that it has never read.
            job = self.jobs.get(number)
            if job is not None and job.taken_back():
                back.append(self.jobs.pop(number))
        self.expected = sum(job.expected for job in self.jobs.values())
        return back

    def _watch_it(self) -> None:
        self._done_before = self.jobs_done
        self._watch = self._services.deadlines.add(STALL, self._look)

    def _look(self) -> None:
        self._watch = None
        if len(self.jobs) > 1:
            if self.jobs_done == self._done_before:
                self.recall()
            else:
                self._watch_it()

    def _close(self) -> None:
        self._link.close()
        self._queue.close()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _signal(self, number: int) -> bool:
        """Tells whether it was still there."""
        if self._pidfd < 0:
            return False
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def _memory_used(self) -> int:
        """Bytes; 0 where that cannot be known."""
        # Not `open`, which makes twice as many system calls: this is done often.
        try:
            descriptor = os.open(f"/proc/{self.pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0
        try:
            return int(os.read(descriptor, 100).split()[1]) * _PAGE
        except (OSError, IndexError):
            return 0
        finally:
            os.close(descriptor)

    def _log_text(self, payload: bytes) -> None:
        self._log_quota = self._log_quota or LogQuota()
        text = self._log_quota.take(payload.decode("utf-8", "replace"))
        if text is not None:
            script = self._first.script if self.jobs else "after its script has ended"
            self._log.info("{site}: {script}: {text}", site=self._owner.name, script=script, text=text)


def _ending(status: int | None) -> str:
    if status is None:
        return "with its zygote"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
