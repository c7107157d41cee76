"""One run of one script in a worker: what it sends goes to the client, what it asks for to the broker; its deadline.

Its state is moved by the table in `job_states`, and only here.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Sequence
from typing import BinaryIO, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.scripts.messages.failure import TIMEOUT, FailureReport, FrameReport
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.deadlines import Deadline
from twistedsite.scripts.runners.interface import (
    ResponseSink,
    RunnerBusyError,
    ScriptCrashedError,
    ScriptTimeoutError,
    script_error,
)
from twistedsite.scripts.runners.workers.server.broker import JobBroker
from twistedsite.scripts.runners.workers.server.interface import JobHost, JobOwner
from twistedsite.scripts.runners.workers.server.job_states import JOB_LIFE, JobEvent, JobState
from twistedsite.scripts.runners.workers.server.link import reopened
from twistedsite.scripts.runners.workers.server.output_buffer import OutputBuffer
from twistedsite.scripts.runners.workers.server.services import WorkerServices
from twistedsite.scripts.runners.workers.wire.frames import (
    CallAnswer,
    End,
    FrameError,
    FrameKind,
    JobMessage,
    checked_head,
    decode,
    encode,
)

STACK_LEAD: Final = 0.002
"""Seconds before the deadline at which a worker is asked where its script stands: no client has to wait for that. It is
told when the worker has answered, at the deadline at the latest."""
START_TIME: Final = 10.0
"""Seconds for which a script waits in all for its worker to start, at the start of the server for instance."""
STACK_LATE: Final = 0.1
"""Seconds for which a worker of a busy machine may go on trying, when the client has been told: for the log only."""
STACK_WAIT_DEBUG: Final = 0.2
"""Seconds after the deadline for which a client that is shown the stack waits for it, if need be."""


class ScriptJob:
    """A script to run for the site of `owner`."""

    _log = Logger()

    # What most jobs never change is made for none of them.
    _broker: JobBroker | None = None
    _starting = False
    """Its time was up before its worker had started."""
    _output: OutputBuffer | None = None
    """Made when the script sends more than its end."""
    _left = 0.0
    """Seconds that were left of its time when it began to wait for its worker to start."""
    _waited = 0.0
    """Seconds for which the script had to wait for its client, up to now or to the last time that it went on."""
    _credited = 0.0
    _paused_at: float | None = None
    _frames: Sequence[FrameReport] = ()
    """Where it stood shortly before the end of its time."""

    def __init__(
        self, owner: JobOwner, services: WorkerServices, request: ScriptRequest, body: BinaryIO, sink: ResponseSink
    ) -> None:
        self.result: Deferred[None] = Deferred(lambda _: self._stop(CancelledError()))
        self.state: str = JobState.QUEUED
        self.interpreter = request.imports.interpreter
        """See `Job`."""
        self.expected = owner.run_times.expected(request.filename)
        """See `Job`."""
        self._owner = owner
        self._services = services
        self._request = request
        self._body = body
        self._sink = sink
        self._worker: JobHost | None = None
        self._deadline = self._expire_in(request.timeout)

    @property
    def script(self) -> str:
        """See `Job`."""
        return "/".join(self._request.script)

    def start(self, worker: JobHost) -> bool:
        """See `Job`."""
        content, descriptor = _content(self._body)
        try:
            job = JobMessage(self._request, content, self._services.output_buffer)
            if not worker.send(encode(job), descriptor):
                return False
        finally:
            if descriptor is not None:
                os.close(descriptor)
        self._happens(JobEvent.SENT)
        self._worker = worker
        if worker.pid is None:
            self._left = self._deadline.due + STACK_LEAD - self._services.seconds()
        return True

    def worker_started(self) -> None:
        """See `Job`. How long the start took is not the script's own time."""
        if self.state is JobState.RUNNING:
            self._deadline.cancel()
            self._deadline = self._expire_in(self._left)

    def taken_back(self) -> bool:
        """See `Job`."""
        if self.state is not JobState.RUNNING:
            return False
        self._happens(JobEvent.TAKEN_BACK)
        self._worker = None
        return True

    def withdraw(self) -> None:
        """It was refused, and will not run."""
        self._over()

    def refuse(self, message: str) -> None:
        """See `Job`."""
        self._stop(RunnerBusyError(message))

    def cancel(self) -> None:
        """See `Job`."""
        self.result.cancel()

    def received(self, kind: int, payload: bytes) -> None:
        """See `Job`."""
        if self.state is JobState.LATE:
            if kind == FrameKind.STACK:
                self._log_late(decode(payload, FailureReport).frames)
            return
        match kind:
            case FrameKind.END:
                self.end(payload)
            case FrameKind.CALL:
                self._call(payload)
            case FrameKind.BEGIN if self._output is None:
                self._sink.begin(checked_head(decode(payload, ResponseHead)))
                output = self._services.output
                self._output = OutputBuffer(self._sink, output, self._pause, self._resume, self._output_lost)
            case FrameKind.DATA if self._output is not None:
                self._output.write(payload)
            case FrameKind.STACK if self.state in (JobState.ASKED, JobState.OVERDUE):
                self._frames = decode(payload, FailureReport).frames
                # At once: what the script might still achieve counts no more, and it is not to run on at others' cost.
                if self._frames or self.state is JobState.OVERDUE:
                    self._deadline.cancel()
                    self._time_is_up()
            case _:
                raise FrameError(f"a frame of kind {kind} out of turn")

    def end(self, payload: bytes) -> None:
        """See `Job`."""
        if self.state is JobState.RUNNING:
            self._end(decode(payload, End))
        elif self.state not in (JobState.LATE, JobState.OVER):
            # The question may have cut short what it was doing: nobody knows what such an answer is worth.
            self._stop(self._timeout_error())

    def lost(self, message: str) -> None:
        """See `Job`."""
        late = self.state is JobState.LATE
        self._over()
        if not late:
            self.result.errback(ScriptCrashedError(message))

    def _end(self, end: End) -> None:
        error = None if end.outcome is None else script_error(end.outcome)
        done = error is None
        begun = self._output is not None
        if done and (end.head is None) is not begun:
            raise FrameError("a response without a head, or with two")
        head = checked_head(end.head) if done and end.head is not None else None
        worker = self._worker
        assert worker is not None
        self._release(JobEvent.ENDED)
        self._owner.run_times.note(self._request.filename, end.seconds)
        worker.ended(self, end.recycle)
        if error is not None:
            self._drop_output()
            self.result.errback(error)
        elif self._output is not None:
            self._output.finish(functools.partial(self._finish, head, end.body))
        else:
            self._finish(head, end.body)

    def _finish(self, head: ResponseHead | None, body: bytes) -> None:
        self._sink.end(head, body)
        self.result.callback(None)

    def _output_lost(self, failure: Failure) -> None:
        self._log.failure("{script}: its output", failure=failure, script=self.script)
        self._stop(ScriptCrashedError("the rest of its output is lost"))

    def _call(self, payload: bytes) -> None:
        if self._broker is None:
            self._broker = JobBroker(self._owner.broker, self._services.threads, self._request, self._answer)
        self._broker.call(payload)

    def _answer(self, answer: CallAnswer, descriptor: int | None) -> None:
        if self._worker is not None:
            self._worker.answer(answer, descriptor)

    def _pause(self) -> None:
        if self._worker is not None:
            self._worker.recall()
        # With that it may have ended: its end was there already, behind what is to wait.
        if self._worker is not None:
            self._worker.pause()
            self._paused_at = self._services.seconds()

    def _resume(self) -> None:
        self._note_waiting()
        self._paused_at = None
        if self._worker is not None:
            self._worker.resume()

    def _note_waiting(self) -> None:
        if self._paused_at is not None:
            now = self._services.seconds()
            self._waited += now - self._paused_at
            self._paused_at = now

    def _expire_in(self, seconds: float) -> Deadline:
        return self._services.deadlines.add(max(0.0, seconds - STACK_LEAD), self._expired)

    def _expired(self) -> None:
        self._note_waiting()
        if self._waited > self._credited:
            # The time in which it waited for its client is not the script's own.
            self._deadline = self._services.deadlines.add(self._waited - self._credited, self._expired)
            self._credited = self._waited
        elif self._worker is not None and self._worker.pid is None and not self._starting:
            self._starting = True
            self._deadline = self._services.deadlines.add(START_TIME, self._expired)
        elif self._worker is None or self._worker.pid is None:
            self._stop(RunnerBusyError("no worker was free in time"))
        else:
            self._ask(self._worker)

    def _ask(self, worker: JobHost) -> None:
        worker.recall(self)
        if self.state is JobState.QUEUED:
            self._stop(RunnerBusyError("no worker was free in time"))
        elif self.state is JobState.RUNNING:
            self._happens(JobEvent.ASK)
            worker.ask_for_stack()
            left = max(0.0, self._deadline.due + STACK_LEAD - self._services.seconds())
            self._deadline = self._services.deadlines.add(left, self._time_is_up)

    def _time_is_up(self) -> None:
        worker = self._worker
        assert worker is not None
        if not self._frames and self._request.debug and self.state is JobState.ASKED:
            self._happens(JobEvent.WAIT)
            self._deadline = self._services.deadlines.add(STACK_WAIT_DEBUG, self._time_is_up)
            return
        error = self._timeout_error()
        if error.report is not None and error.report.frames:
            self._stop(error)
            return
        self._release(JobEvent.TELL)
        self._drop_output()
        self._worker = worker
        self._deadline = self._services.deadlines.add(STACK_LATE, self._log_late)
        self.result.errback(error)
        self._owner.leaves(worker)

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
        self._log.error("{script} was here:\n{trace}", script=self.script, trace=report.text())
        self._over()
        worker.kill(self)

    def _stop(self, error: Exception) -> None:
        worker = self._worker
        if worker is not None:
            worker.recall(self)
            if self.state is JobState.OVER:
                return  # its end was there already
            worker = self._worker
        if self.state is JobState.QUEUED:
            self._owner.withdrawn(self)
        self._over()
        self.result.errback(error)
        # Last: to die takes a process longer, by some milliseconds of its processor, than to answer takes the server.
        if worker is not None:
            worker.kill(self)
            self._owner.leaves(worker)

    def _over(self) -> None:
        self._release(JobEvent.STOPPED)
        self._drop_output()

    def _drop_output(self) -> None:
        if self._output is not None:
            self._output.drop()

    def _release(self, event: str) -> None:
        """Move by `event`; the worker has nothing to do with it any more."""
        self._happens(event)
        self._worker = None
        self._deadline.cancel()
        if self._broker is not None:
            self._broker.close()

    def _happens(self, event: str) -> None:
        self.state = JOB_LIFE[self.state, event]


def _content(body: BinaryIO) -> tuple[bytes | None, int | None]:
    """The body's bytes, or a descriptor to read it by."""
    if isinstance(body, io.BytesIO):
        return body.getvalue(), None
    try:
        return None, reopened(body.fileno())
    except io.UnsupportedOperation:
        body.seek(0)
        return body.read(), None
