"""One run of one script in a worker: what it sends goes to the client, what it asks for to the broker; its deadline."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.scripts.messages.failure import TIMEOUT, FailureReport, FrameReport
from twistedsite.scripts.messages.outcome import ExitKind, Outcome
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.deadlines import Deadline
from twistedsite.scripts.runners.interface import (
    ResponseSink,
    RunnerBusyError,
    ScriptCrashedError,
    ScriptError,
    ScriptFailedError,
    ScriptGoneError,
    ScriptRefusedError,
    ScriptTimeoutError,
)
from twistedsite.scripts.runners.workers.server.broker import JobBroker
from twistedsite.scripts.runners.workers.server.link import reopened
from twistedsite.scripts.runners.workers.server.output_buffer import Outflow
from twistedsite.scripts.runners.workers.wire.frames import (
    Answer,
    End,
    FrameError,
    Job,
    Kind,
    checked_head,
    decode,
    encode,
    frame,
)

if TYPE_CHECKING:
    from twistedsite.scripts.runners.workers.server.pool import SitePool
    from twistedsite.scripts.runners.workers.server.process import WorkerProcess

STACK_LEAD: Final = 0.002
"""Seconds before the deadline at which a worker is asked where its script stands: no client has to wait for that. It is
told when the worker has answered, at the deadline at the latest."""
START_TIME: Final = 10.0
"""Seconds for which a script waits in all for its worker to start, at the start of the server for instance."""
STACK_LATE: Final = 0.1
"""Seconds for which a worker of a busy machine may go on trying, when the client has been told: for the log only."""
STACK_WAIT_DEBUG: Final = 0.2
"""Seconds after the deadline for which a client that is shown the stack waits for it, if need be."""


class State:
    """How far a job has come.

    Not an Enum: on Python 3.11 a look at a member of one costs four times as much, and each request takes many.
    """

    QUEUED: Final = "queued"
    RUNNING: Final = "running"
    ASKED: Final = "asked"
    """Its time is almost up; where does it stand?"""
    OVERDUE: Final = "overdue"
    """Its time is up, and its client waits to see where it stood."""
    LATE: Final = "late"
    """The client has been told that its time is up, the log not yet where it stood."""
    OVER: Final = "over"
    """The script has ended; its output may still be on its way."""


class ScriptJob:
    """A script to run for the site of `pool`."""

    _log = Logger()

    # What most jobs never change is made for none of them.
    _broker: JobBroker | None = None
    _starting = False
    """Its time was up before its worker had started."""
    _outflow: Outflow | None = None
    """Made when the script sends more than its end."""
    _left = 0.0
    """Seconds that were left of its time when it began to wait for its worker to start."""
    _waited = 0.0
    """Seconds for which the script had to wait for its client, up to now or to the last time that it went on."""
    _credited = 0.0
    _paused_at: float | None = None
    _frames: Sequence[FrameReport] = ()
    """Where it stood shortly before the end of its time."""

    def __init__(self, pool: SitePool, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> None:
        self.result: Deferred[None] = Deferred(self._cancelled)
        self.state: str = State.QUEUED
        self.interpreter = request.imports.interpreter
        self.filename = request.filename
        self.expected = pool.pace.expected(request.filename)
        """Seconds that it will take; infinite where that is not known."""
        self._pool = pool
        self._request = request
        self._body = body
        self._sink = sink
        self._worker: WorkerProcess | None = None
        self._deadline = self._expire_in(request.timeout)

    def start(self, worker: WorkerProcess) -> bool:
        """Send it to `worker`; False where that is impossible, and it is as before."""
        content, descriptor = _content(self._body)
        try:
            job = Job(self._request, content, self._pool.workers.output_buffer)
            if not worker.send(encode(job), descriptor):
                return False
        finally:
            if descriptor is not None:
                os.close(descriptor)
        self.state = State.RUNNING
        self._worker = worker
        if worker.pid is None:
            self._left = self._deadline.due + STACK_LEAD - self._now()
        return True

    def worker_started(self) -> None:
        """The process of its worker is there. How long that took is not the script's own time."""
        if self.state is State.RUNNING:
            self._deadline.cancel()
            self._deadline = self._expire_in(self._left)

    @property
    def script(self) -> str:
        """The script's path, from the site's root."""
        return "/".join(self._request.script)

    def taken_back(self) -> None:
        """Its worker has not begun it: it is as before `start`."""
        self.state = State.QUEUED
        self._worker = None

    def withdraw(self) -> None:
        """It was refused, and will not run."""
        self._over()

    def refuse(self, message: str) -> None:
        """There is no worker to be had for it."""
        self._stop(RunnerBusyError(message))

    def received(self, kind: int, payload: bytes) -> None:
        """Take a frame from the worker; raises FrameError where it must not come."""
        if self.state is State.LATE:
            if kind == Kind.STACK:
                self._log_late(decode(payload, FailureReport).frames)
            return
        match kind:
            case Kind.END:
                self.end(payload)
            case Kind.CALL:
                self._call(payload)
            case Kind.BEGIN if self._outflow is None:
                self._sink.begin(checked_head(decode(payload, ResponseHead)))
                output = self._pool.workers.output
                self._outflow = Outflow(self._sink, output, self._pause, self._resume, self._output_lost)
            case Kind.DATA if self._outflow is not None:
                self._outflow.write(payload)
            case Kind.STACK if self.state in (State.ASKED, State.OVERDUE):
                self._frames = decode(payload, FailureReport).frames
                # At once: what the script might still achieve counts no more, and it is not to run on at others' cost.
                if self._frames or self.state is State.OVERDUE:
                    self._deadline.cancel()
                    self._time_is_up()
            case _:
                raise FrameError(f"a frame of kind {kind} out of turn")

    def end(self, payload: bytes) -> None:
        """Take the end of the script from the worker; raises FrameError where it is malformed."""
        if self.state is State.RUNNING:
            self._end(decode(payload, End))
        elif self.state not in (State.LATE, State.OVER):
            # The question may have cut short what it was doing: nobody knows what such an answer is worth.
            self._stop(self._timeout_error())

    def lost(self, message: str) -> None:
        """The worker is dead, or has sent what it must not."""
        late = self.state is State.LATE
        self._over()
        if not late:
            self.result.errback(ScriptCrashedError(message))

    def _end(self, end: End) -> None:
        error = None if end.outcome is None else _error(end.outcome)
        done = error is None
        begun = self._outflow is not None
        if done and (end.head is None) is not begun:
            raise FrameError("a response without a head, or with two")
        head = checked_head(end.head) if done and end.head is not None else None
        worker = self._worker
        assert worker is not None
        self._release()
        worker.ended(self, end.seconds, end.worn)
        if error is not None:
            self._drop_output()
            self.result.errback(error)
        elif self._outflow is not None:
            self._outflow.finish(functools.partial(self._finish, head, end.body))
        else:
            self._finish(head, end.body)

    def _finish(self, head: ResponseHead | None, body: bytes) -> None:
        self._sink.end(head, body)
        self.result.callback(None)

    def _output_lost(self, failure: Failure) -> None:
        self._log.failure("{script}: its output", failure=failure, script="/".join(self._request.script))
        self._stop(ScriptCrashedError("the rest of its output is lost"))

    def _call(self, payload: bytes) -> None:
        if self._broker is None:
            pool = self._pool
            self._broker = JobBroker(pool.broker, pool.workers.threads, self._request, self._answer)
        self._broker.call(payload)

    def _answer(self, answer: Answer, descriptor: int | None) -> None:
        if self._worker is not None:
            self._worker.link.send(frame(Kind.ANSWER, encode(answer)), descriptor)

    def _pause(self) -> None:
        if self._worker is not None:
            self._worker.recall()
        # With that it may have ended: its end was there already, behind what is to wait.
        if self._worker is not None:
            self._worker.link.pause()
            self._paused_at = self._now()

    def _resume(self) -> None:
        self._note_waiting()
        self._paused_at = None
        if self._worker is not None:
            self._worker.link.resume()

    def _note_waiting(self) -> None:
        if self._paused_at is not None:
            now = self._now()
            self._waited += now - self._paused_at
            self._paused_at = now

    def _now(self) -> float:
        return self._pool.workers.reactor.seconds()

    def _expire_in(self, seconds: float) -> Deadline:
        return self._pool.workers.deadlines.add(max(0.0, seconds - STACK_LEAD), self._expired)

    def _expired(self) -> None:
        self._note_waiting()
        if self._waited > self._credited:
            # The time in which it waited for its client is not the script's own.
            self._deadline = self._pool.workers.deadlines.add(self._waited - self._credited, self._expired)
            self._credited = self._waited
        elif self._worker is not None and self._worker.pid is None and not self._starting:
            self._starting = True
            self._deadline = self._pool.workers.deadlines.add(START_TIME, self._expired)
        elif self._worker is None or self._worker.pid is None:
            self._stop(RunnerBusyError("no worker was free in time"))
        else:
            self._ask(self._worker)

    def _ask(self, worker: WorkerProcess) -> None:
        worker.recall(self)
        if self.state is State.QUEUED:
            self._stop(RunnerBusyError("no worker was free in time"))
        elif self.state is State.RUNNING:
            self.state = State.ASKED
            worker.ask_for_stack()
            left = max(0.0, self._deadline.due + STACK_LEAD - self._now())
            self._deadline = self._pool.workers.deadlines.add(left, self._time_is_up)

    def _time_is_up(self) -> None:
        worker = self._worker
        assert worker is not None
        if not self._frames and self._request.debug and self.state is State.ASKED:
            self.state = State.OVERDUE
            self._deadline = self._pool.workers.deadlines.add(STACK_WAIT_DEBUG, self._time_is_up)
            return
        error = self._timeout_error()
        if error.report is not None and error.report.frames:
            self._stop(error)
            return
        self._over()
        self.state, self._worker = State.LATE, worker
        self._deadline = self._pool.workers.deadlines.add(STACK_LATE, self._log_late)
        self.result.errback(error)
        self._pool.leaves(worker)

    def _timeout_error(self) -> ScriptTimeoutError:
        assert self._worker is not None
        frames = self._frames or self._worker.last_stack(self._request.root)
        message = f"still running after {self._request.timeout:g} s"
        return ScriptTimeoutError(message, FailureReport(TIMEOUT, message, list(frames)))

    def _log_late(self, frames: list[FrameReport] | None = None) -> None:
        worker, self._worker = self._worker, None
        assert worker is not None
        frames = frames or worker.last_stack(self._request.root)
        report = FailureReport(TIMEOUT, "it is killed", frames)
        self._log.error("{script} was here:\n{trace}", script="/".join(self._request.script), trace=report.text())
        self._over()
        worker.kill(self)

    def _cancelled(self, _: Deferred[None]) -> None:
        self._stop(CancelledError())

    def _stop(self, error: Exception) -> None:
        worker = self._worker
        if worker is not None:
            worker.recall(self)
            if self.state is State.OVER:
                return  # its end was there already
            worker = self._worker
        if self.state is State.QUEUED:
            self._pool.withdrawn(self)
        self._over()
        self.result.errback(error)
        # Last: to die takes a process longer, by some milliseconds of its processor, than to answer takes the server.
        if worker is not None:
            worker.kill(self)
            self._pool.leaves(worker)

    def _over(self) -> None:
        self._release()
        self._drop_output()

    def _drop_output(self) -> None:
        if self._outflow is not None:
            self._outflow.drop()

    def _release(self) -> None:
        """The worker has nothing to do with it any more."""
        self.state = State.OVER
        self._worker = None
        self._deadline.cancel()
        if self._broker is not None:
            self._broker.close()


def _content(body: BinaryIO) -> tuple[bytes | None, int | None]:
    """The body's bytes, or a descriptor to read it by."""
    if isinstance(body, io.BytesIO):
        return body.getvalue(), None
    try:
        return None, reopened(body.fileno())
    except io.UnsupportedOperation:
        body.seek(0)
        return body.read(), None


def _error(outcome: Outcome) -> ScriptError | None:
    match outcome.kind:
        case ExitKind.DONE:
            return None
        case ExitKind.REFUSED:
            status = outcome.status if 400 <= outcome.status <= 499 else 400
            return ScriptRefusedError(status, outcome.message, outcome.allow)
        case ExitKind.GONE:
            return ScriptGoneError(outcome.message)
        case ExitKind.STOPPED:
            return ScriptCrashedError("the script has stopped itself")
        case ExitKind.FAILED:
            return ScriptFailedError(outcome.message, outcome.report)
