"""The life of a worker process, from its fork to its end: one script after the other, all of one site.

Called by the zygote in the new process. When the server closes the socket, the worker ends.
"""

from __future__ import annotations

import faulthandler
import io
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextvars import copy_context
from types import FrameType
from typing import BinaryIO, Final

import msgspec

from twistedsite.scripts.code.failures import report_stack
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.log_text import LogText
from twistedsite.scripts.exchange.streams import begin_script
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.failure import FailureReport
from twistedsite.scripts.messages.outcome import ExitKind, Outcome, ScriptStop
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.run import finish_script, run_script
from twistedsite.scripts.runners.workers.child.channel import WorkerChannel
from twistedsite.scripts.runners.workers.child.remote import RemoteBroker
from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.runners.workers.wire.frames import (
    LARGE,
    MAX_HEAD,
    PIECE,
    STACK_SIGNAL,
    End,
    FrameKind,
    JobMessage,
    decode,
    encode,
)
from twistedsite.scripts.runners.workers.wire.job_queue import JobReceiver
from twistedsite.scripts.runners.working_directory import WorkingDirectory

_MOST_FILES: Final = 128
"""Files that may stay open from one script to the next; half of what a worker can have."""
_last_descriptor: Final = select.poll()
_last_descriptor.register(_MOST_FILES, 0)
_CLOSED: Final = [(_MOST_FILES, select.POLLNVAL)]
_MAX_LAST: Final = LARGE // 2
"""Bytes of a response that go into the last frame."""


def serve(connection: socket.socket, jobs: socket.socket, shared: int, interpreters: Interpreters) -> None:
    """Run what comes by `jobs` until that is closed. `shared`: descriptor of a file that the server reads too: ends
    of scripts (`answers`) and, from its position on, a stack where nothing else helps."""
    memory = mmap.mmap(shared, answers.SIZE)
    channel = WorkerChannel(connection, memory)
    worker = Worker(channel, JobReceiver(jobs), interpreters)
    sys.stdout = sys.stderr = LogText(channel.log)
    signal.signal(STACK_SIGNAL, worker.tell_stack)
    # It writes at once, even within a call into C code that never ends, and then lets the handler above have its turn.
    faulthandler.register(STACK_SIGNAL, file=shared, all_threads=False, chain=True)
    while worker.serve_one():
        pass


class Worker:
    """Runs jobs; exposes the current one to the stack handler."""

    def __init__(self, channel: WorkerChannel, jobs: JobReceiver, interpreters: Interpreters) -> None:
        self._channel = channel
        self._jobs = jobs
        self._interpreters = interpreters
        self._request: ScriptRequest | None = None
        self._directory = WorkingDirectory()

    def serve_one(self) -> bool:
        """Wait for a job and do it; False when the server has gone."""
        received = self._jobs.next(self._channel.ring)
        if received is None:
            return False
        number, encoded, descriptors = received
        job: JobMessage = decode(encoded, JobMessage)
        body: BinaryIO = io.BytesIO(job.body or b"") if job.body is not None else os.fdopen(descriptors.pop(), "rb")
        with body:
            copy_context().run(self._run, number, job, body)
        return True

    def close(self) -> None:
        """Forget the site's modules."""
        self._interpreters.close()

    def _run(self, number: int, job: JobMessage, body: BinaryIO) -> None:
        channel = self._channel
        writer = WorkerResponseWriter(channel)
        sent, begun = channel.sent, time.perf_counter()
        broker = RemoteBroker(channel)
        self._request = job.request
        self._directory.enter(job.request.folder)
        begin_script(None, body, job.request.filename)
        exchange = Exchange(job.request, body, writer, broker, job.buffer)
        try:
            outcome = run_script(exchange, self._interpreters)
        except ScriptStop:
            outcome = Outcome(ExitKind.STOPPED)
        outcome = finish_script(exchange, outcome)
        self._request = None
        broker.close()
        sys.stderr.flush()
        now = time.perf_counter()
        end = encode(writer.end_of(outcome, _should_recycle(), now - begun))
        if channel.sent == sent:
            channel.end(number, end, now)
        else:
            channel.send(FrameKind.END, end)

    def tell_stack(self, number: int, frame: FrameType | None) -> None:
        """Handle STACK_SIGNAL."""
        if self._request is not None:
            message = f"still running after {self._request.timeout:g} s"
            report = _bounded(report_stack(frame, message, self._request.root))
            self._channel.send_now(FrameKind.STACK, encode(report))


class WorkerResponseWriter:
    """See `ResponseWriter`: frames on the worker's socket. What is full is the socket: then the script waits."""

    in_worker = True

    def __init__(self, channel: WorkerChannel) -> None:
        self._channel = channel
        self._last: tuple[ResponseHead | None, bytes] = (None, b"")

    def when_stopped(self, call: Callable[[], None]) -> None:
        pass  # the whole process is killed

    def begin(self, head: ResponseHead) -> None:
        self._channel.send(FrameKind.BEGIN, _encoded(head))

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self._channel.send(FrameKind.DATA, data[start : start + PIECE])

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        if head is not None:
            encoded = _encoded(head)
            if len(body) > _MAX_LAST:
                self._channel.send(FrameKind.BEGIN, encoded)
                head = None
        if len(body) > _MAX_LAST:
            self.write(body)
            body = b""
        self._last = (head, body)

    def end_of(self, outcome: Outcome, recycle: bool, seconds: float) -> End:
        """What `end` was given, and how the script has ended: with that, the server takes the worker for free."""
        if outcome.kind == ExitKind.DONE:
            return End(None, *self._last, recycle, seconds)
        if outcome.report is not None:
            outcome.report = _bounded(outcome.report)
        return End(outcome, *self._last, recycle, seconds)


def _should_recycle() -> bool:
    """Whether scripts have left so many files open that the next one might have none to open.

    By asking after one descriptor, which is used when nearly all below it are: new ones get the lowest that is free.
    """
    return _last_descriptor.poll(0) != _CLOSED


def _encoded(head: ResponseHead) -> bytes:
    encoded = encode(head)
    if len(encoded) > MAX_HEAD:
        raise ValueError(f"the response's header fields are too long: {len(encoded)} bytes")
    return encoded


def _bounded(report: FailureReport) -> FailureReport:
    """`report`, without what makes it too long for a frame."""
    if len(encode(report)) > _MAX_LAST:
        frames = [msgspec.structs.replace(frame, locals=[], source=[]) for frame in report.frames]
        return FailureReport(report.type, report.message, frames, report.notes[:1])
    return report
