"""One worker process as the server sees it: its socket, its pidfd, what it is doing, and how it ended."""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import signal
import socket
from typing import TYPE_CHECKING, Final

import msgspec
from twisted.logger import Logger

from twistedsite.scripts.exchange.log_text import Allowance
from twistedsite.scripts.messages.failure import FrameReport
from twistedsite.scripts.runners.deadlines import Deadline
from twistedsite.scripts.runners.workers.child.worker import STACK_SIGNAL
from twistedsite.scripts.runners.workers.scheduling.priority import Level
from twistedsite.scripts.runners.workers.server.link import WorkerLink
from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.runners.workers.wire.frames import FROM_WORKER, FrameError, Kind
from twistedsite.scripts.runners.workers.wire.job_queue import JobQueue

if TYPE_CHECKING:
    from twistedsite.scripts.runners.workers.server.job import ScriptJob
    from twistedsite.scripts.runners.workers.server.pool import SitePool

_STACK_FILE: Final = 16 * 1024
"""Bytes that a worker may leave behind as its last stack."""
_STACK_LINE: Final = re.compile(rb'^  File "(.{1,500})", line (\d{1,7}|\?\?\?) in (.{1,200})$', re.MULTILINE)
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
STALL: Final = 0.005
"""Seconds without the end of a script after which those that the same worker has before it go to others."""
_READS: Final = 8
"""How often a worker's socket is read for the end of a script that must be there: it might go on sending for ever."""


class State:
    """What a worker is doing.

    Not an Enum: on Python 3.11 a look at a member of one costs four times as much, and each request takes many.
    """

    IDLE: Final = "idle"
    BUSY: Final = "busy"
    DOOMED: Final = "doomed"
    """Killed, or about to be: it gets no job any more."""
    GONE: Final = "gone"


class WorkerProcess:
    """A worker of `pool`. It can be given a job at once: that waits in the socket until the process is there."""

    _log = Logger()

    def __init__(self, pool: SitePool) -> None:
        workers = pool.workers
        self.pool = pool
        self.state: str = State.IDLE
        self.jobs: dict[int, ScriptJob] = {}
        """By number, in the order in which the worker takes them: the first one runs, or will in a moment."""
        self._given = 0
        """How many jobs it has been sent: the number of the next one."""
        self.expected = 0.0
        """Seconds that all of them will take; infinite where that is not known."""
        self.stalled = False
        """The one that runs has taken longer than it should: no other is to wait for its end."""
        self.watched = False
        """The server looks at how much of the processor it uses."""
        self.level = Level.QUICK
        self.interpreter = ""
        """The name of the interpreter that it serves; empty: all that have none."""
        self.jobs_done = 0
        self.look_at = 1
        """How many it will have done when its memory is looked at next."""
        self.worn = False
        """It has said that it should be replaced."""
        self.turn_began = workers.reactor.seconds()
        """When its site got this place of all the server's places."""
        self.dismissed = False
        """Killed to make room, or because it has served long enough."""
        self.pid: int | None = None
        self._pidfd = -1
        self._killed = False
        self._status: int | None = None
        self._allowance: Allowance | None = None
        """Of the script that runs; made when it writes to the log."""
        self._watch: Deadline | None = None
        """When to look whether it has stalled, while scripts wait for its turn."""
        self._done_before = 0
        self._collected = -1
        """The number of the job whose end was taken out of the shared memory last."""
        # First: it may fail, and then nothing else is held.
        self._folder = workers.folders.make(pool.policy.uid)
        ours, theirs = socket.socketpair()
        shared = _make_shared_file()
        try:
            self._shared = mmap.mmap(shared, answers.SIZE + _STACK_FILE)
            """Ends of scripts (`answers`), then its last stack."""
            self._queue = JobQueue()
            self.link = WorkerLink(workers.links, ours, FROM_WORKER, self)
            policy = msgspec.structs.replace(pool.policy, temporary=self._folder)
            workers.spawner.spawn(self, policy, theirs, self._queue, shared)
        finally:
            os.close(shared)

    @property
    def span(self) -> int:
        """How far the number of the next job is from that of the first one that has not ended."""
        return self._given - next(iter(self.jobs), self._given)

    def give(self, job: ScriptJob) -> bool:
        """Have it run `job`, after those that it has. False: it does not take it, and has seen nothing of it."""
        if self.state not in (State.IDLE, State.BUSY) or not self._send(job):
            return False
        self.state = State.BUSY
        if self.level:
            # What earlier scripts have left running in it has put it behind.
            self.worn |= not self.pool.workers.precedence.restore(self)
        if not self.watched:
            self.pool.workers.precedence.watch(self)
        if len(self.jobs) > 1 and self._watch is None:
            self._watch_it()
        return True

    def send(self, job: bytes, descriptor: int | None) -> bool:
        """Send it an encoded job. False: it does not get it."""
        return self._queue.add(self._given, job, descriptor)

    def ended(self, job: ScriptJob, seconds: float, worn: bool) -> None:
        """`job`, the first one, has ended well; it has run for `seconds`. `worn`: see `End`."""
        del self.jobs[next(iter(self.jobs))]
        self.expected = self.expected - job.expected if self.jobs else 0.0
        self.jobs_done += 1
        self.stalled = False
        self.worn |= worn
        if self.level:
            self.worn |= not self.pool.workers.precedence.restore(self)
        self._allowance = None
        self.pool.pace.note(job.filename, seconds)
        self.pool.freed(self)

    def recall(self, unwanted: ScriptJob | None = None) -> None:
        """Leave it the job that runs, and have others run what it has before it, but for `unwanted`."""
        self.stalled = True
        if len(self.jobs) < 2:
            return
        back = [job for job in self._take_back() if job is not unwanted]
        if back and not self.jobs:
            if self._send(back[0]):
                del back[0]
            else:
                self.pool.workers.dismiss(self)
        # What it has begun after the first one, it has begun because that has ended: its end is somewhere.
        for _ in range(_READS):
            self._collect_now()
            if len(self.jobs) < 2 or not self.link.read():
                break
        self.pool.put_back(back)

    def kill(self, knows: ScriptJob | None = None) -> None:
        """End it now. It gets no more frames, and the job that `knows` of its end hears nothing of it."""
        back = [job for job in self._take_back() if job is not knows]
        lost, self.jobs = [job for job in self.jobs.values() if job is not knows], {}
        self._close()
        if self.state is not State.GONE:
            self.state = State.DOOMED
            self._killed = True
            # Even to end takes a turn of the processor.
            self.pool.workers.precedence.restore(self)
            self._signal(signal.SIGKILL)
        for job in lost:
            job.lost("the worker process had to be ended because of another script")
        self.pool.put_back(back)

    def ask_for_stack(self) -> None:
        """Have it tell where its script stands, in a STACK frame or in its file, before those that compute for long."""
        self.pool.workers.precedence.restore(self)
        self._signal(STACK_SIGNAL)

    def last_stack(self, root: str) -> list[FrameReport]:
        """What stands in its file: no more than names and lines, as the worker may have written anything there."""
        text = b"" if self._shared.closed else self._shared[answers.SIZE :].split(b"\0", 1)[0]
        frames: list[FrameReport] = []
        for found in reversed(_STACK_LINE.findall(text)[:60]):
            name, line, function = (part.decode("utf-8", "replace") for part in found)
            own = name.startswith(root + os.sep)
            if own or frames:
                name = name.removeprefix(root + os.sep) if own else name
                frames.append(FrameReport(name, int(line) if line.isdigit() else 0, function, own))
        return frames

    def alive(self) -> bool:
        """Whether its process id is still its own."""
        return self._signal(0)

    def memory(self) -> int:
        """Bytes of memory that it occupies, shared ones included; 0 where that cannot be known."""
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

    # From the link.

    def received(self, kind: int, payload: bytes) -> None:
        """See `Receiver`."""
        if kind == Kind.BELL:
            self._collect()
        elif kind == Kind.LOG:
            self._log_text(payload)
        elif not self.jobs:
            raise FrameError(f"a frame of kind {kind} without a job")
        else:
            self._first.received(kind, payload)

    def disconnected(self, reason: str) -> None:
        """See `Receiver`."""
        if reason:
            self._log.error("{site}: a worker has sent {reason}; it is killed", site=self.pool.name, reason=reason)
            # Those that have ended well before have not sent it.
            self._collect_now()
        if reason and self.jobs:
            job = self._first
            self.kill(job)
            job.lost("the worker process has sent what it must not")
        elif self.state is State.GONE:
            self._tell_jobs()
        else:
            # Not `kill`: the job is told when it is known how the process has ended.
            self.state = State.DOOMED
            self._signal(signal.SIGKILL)

    # From the zygote.

    def started(self, pid: int, pidfd: int) -> None:
        """See `Nursling`."""
        self.pid, self._pidfd = pid, pidfd
        if self.state is State.DOOMED:
            self._signal(signal.SIGKILL)
        elif self.jobs:
            self._first.worker_started()

    def exited(self, status: int | None) -> None:
        """See `Nursling`."""
        was_killed = self._killed
        self._status = status
        self.state = State.GONE
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        self.pool.workers.folders.remove(self._folder)
        self.pool.workers.precedence.forget(self)
        self.pool.exited(self, was_killed)
        if self.link.closed:
            self._tell_jobs()

    def _tell_jobs(self) -> None:
        back = self._take_back()
        self._collect_now()
        lost, self.jobs = list(self.jobs.values()), {}
        self._close()
        self._shared.close()
        if self.pid is not None and not self.jobs_done and not lost:
            # It could not even begin: the next one would end as this one.
            lost, back = [*lost, *back], []
        for job in lost:
            job.lost(f"the worker process has ended: {_ending(self._status)}")
        self.pool.put_back(back)

    def _collect(self) -> None:
        """Take the ends of scripts out of the shared memory. Raises FrameError."""
        while self.jobs and (number := next(iter(self.jobs))) > self._collected:
            payload = answers.find(self._shared, number)
            if payload is None:
                return
            self._collected = number
            self.jobs[number].end(payload)

    def _collect_now(self) -> None:
        """The same, where nothing has come by the socket."""
        try:
            self._collect()
        except FrameError as error:
            self.link.refuse(error)

    def _take_back(self) -> list[ScriptJob]:
        """The jobs that it has not begun, which are its own no longer."""
        # One that is not among them, the worker has told the end of without taking it.
        back = [self.jobs.pop(number) for number in self._queue.take_back() if number in self.jobs]
        self.expected = sum(job.expected for job in self.jobs.values())
        for job in back:
            job.taken_back()
        return back

    @property
    def _first(self) -> ScriptJob:
        return next(iter(self.jobs.values()))

    def _send(self, job: ScriptJob) -> bool:
        if not job.start(self):
            return False
        self.jobs[self._given] = job
        self._given += 1
        self.expected += job.expected
        return True

    def _watch_it(self) -> None:
        self._done_before = self.jobs_done
        self._watch = self.pool.workers.deadlines.add(STALL, self._look)

    def _look(self) -> None:
        self._watch = None
        if len(self.jobs) > 1:
            if self.jobs_done == self._done_before:
                self.recall()
            else:
                self._watch_it()

    def _close(self) -> None:
        self.link.close()
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

    def _log_text(self, payload: bytes) -> None:
        self._allowance = self._allowance or Allowance()
        text = self._allowance.take(payload.decode("utf-8", "replace"))
        if text is not None:
            script = self._first.script if self.jobs else "after its script has ended"
            self._log.info("{site}: {script}: {text}", site=self.pool.name, script=script, text=text)


def _make_shared_file() -> int:
    descriptor = os.memfd_create("shared", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, answers.SIZE + _STACK_FILE)
    os.lseek(descriptor, answers.SIZE, os.SEEK_SET)  # what is written, not mapped, is a stack
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return descriptor


def _ending(status: int | None) -> str:
    if status is None:
        return "with its zygote"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
