"""Runs trusted scripts, each in a thread of this process: quick to start, and with all rights of the server.

A job is queued, runs, and ends. It is answered at its deadline, if it has not ended by then. `_Job.work` and the
response writer run in the script's thread, everything else in the reactor's. A job's result is the Deferred of
`deferToThreadPool` itself. When that is cancelled, Twisted drops what the thread still returns; the thread then reports
its return by a call of its own.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from contextvars import copy_context
from typing import BinaryIO, Final

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.scripts.code.cache import CodeCache
from twistedsite.scripts.code.failures import report_stack
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.interface import Broker
from twistedsite.scripts.exchange.log_text import LogQuota, LogText
from twistedsite.scripts.exchange.streams import begin_script
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import ExitKind, Outcome, ScriptStop
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.deadlines import Then
from twistedsite.scripts.runners.interface import (
    ResponseSink,
    RunnerBusyError,
    ScriptError,
    ScriptTimeoutError,
    script_error,
)
from twistedsite.scripts.runners.run import finish_script, run_script
from twistedsite.scripts.runners.threads.interrupt import CountedStop, clear_interrupt, interrupt, stop_at_next_line
from twistedsite.scripts.runners.threads.pool import ScriptPool, ScriptThread
from twistedsite.scripts.runners.threads.response_writer import ThreadResponseWriter
from twistedsite.scripts.runners.threads.shared import IThreadReactor, SharedThreads
from twistedsite.settings.server import ThreadSettings

_INTERRUPT_EVERY: Final = 0.02
"""Seconds between two attempts to interrupt a script."""
_LOST_EVERY: Final = 0.5
"""The same for a script whose thread counts as lost: it may return from a long sleep or call at any time."""
_COUNTED_STOPS: Final = 3
"""Stops raised in the thread that let the script's own `finally` and `with` blocks end it, before it is forced."""


class ThreadRunner:
    """Runs the scripts of one site, named `site`, in a bounded pool of threads.

    `shared` serves the runners of other sites too, and is stopped by the caller.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IThreadReactor,
        site: str,
        threads: int,
        settings: ThreadSettings,
        broker: Broker,
        shared: SharedThreads | None = None,
    ) -> None:
        self.reactor = reactor
        self.site = site
        self.settings = settings
        self.broker = broker
        self.interpreters = Interpreters(CodeCache())
        self._owns_shared = shared is None
        self.shared = shared or SharedThreads(reactor)
        self.call_queue = self.shared.call_queue
        self.deadlines = self.shared.deadlines
        self.pool = ScriptPool(threads, functools.partial(reactor.callLater, 0))
        self._jobs: set[_Job] = set()
        self._stopping: dict[_Job, float] = {}
        """Job that is being interrupted -> reactor time at which it counts as lost."""
        self._interrupting: IDelayedCall | None = None
        self.shares_directory = False
        """A thread had to share the working directory of the process, which has been logged."""

    def run(self, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        """See `Runner.run`."""
        if self.pool.lost >= self.settings.lost:
            return fail(RunnerBusyError(f"{self.pool.lost} scripts could not be stopped and hold their threads"))
        if self.pool.waiting >= self.settings.queue:
            return fail(RunnerBusyError(f"{self.settings.queue} scripts wait already"))
        job = _Job(self, request, body, sink)
        self._jobs.add(job)
        self.shared.job_begins(job)
        outcome: Deferred[Outcome] = deferToThreadPool(
            self.call_queue,  # type: ignore[arg-type]  # stands for the reactor: it has callFromThread
            self.pool,  # type: ignore[arg-type]  # stands for Twisted's pool: it has callInThreadWithCallback
            copy_context().run,
            job.work,
        )
        result = job.result = outcome.addCallbacks(job.succeeded, job.failed)
        return result

    def sandbox(self) -> str:
        """See `Runner.sandbox`: threads have none."""
        return ""

    def health(self) -> dict[str, int]:
        """See `Runner.health`."""
        return {
            "threads": self.pool.size,
            "running": len(self._jobs) - self.pool.waiting,
            "queued": self.pool.waiting,
            "lost": self.pool.lost,
            "lost_limit": self.settings.lost,
        }

    def stop(self) -> None:
        """Stop every script and leave the reactor. A script that does not stop in time is left to its daemon thread."""
        jobs = list(self._jobs)
        for job in jobs:
            job.result.cancel()
            job.interrupt()
        if self._interrupting is not None and self._interrupting.active():
            self._interrupting.cancel()
        self.pool.stop()
        for job in jobs:
            if not job.is_at_work:
                # It was queued: no thread will return from it.
                self.forget(job)
        if any(job.is_at_work for job in jobs):
            stopper = threading.Thread(
                target=_interrupt_until_done, args=(jobs, self.settings.grace), name="script end", daemon=True
            )
            stopper.start()
        if self._owns_shared:
            self.shared.stop()
        self.interpreters.close()

    def forget(self, job: _Job) -> None:
        """The thread of `job` has returned."""
        self._jobs.discard(job)
        self.shared.job_ends(job)
        self._stopping.pop(job, None)

    def warn_of_shared_directory(self) -> None:
        """Log that scripts do not run in their own folders."""
        self._log.warn(
            "{site}: this system forbids a working directory for each thread (unshare): relative paths of scripts "
            "begin in the server's",
            site=self.site,
        )

    def log_text(self, script: str, text: str) -> None:
        """Log what a script has written to standard error."""
        self._log.info("{site}: {script}: {text}", site=self.site, script=script, text=text)

    def interrupt(self, job: _Job) -> None:
        """Interrupt `job` repeatedly until it ends: often until its grace is over, rarely after that."""
        self._stopping[job] = self.reactor.seconds() + self.settings.grace
        job.interrupt()
        self._interrupt_again(_INTERRUPT_EVERY)

    def _interrupt_again(self, seconds: float) -> None:
        timer = self._interrupting
        if timer is None or not timer.active():
            self._interrupting = self.reactor.callLater(seconds, self._interrupt_all)
        elif timer.getTime() > self.reactor.seconds() + seconds:
            timer.reset(seconds)

    def _interrupt_all(self) -> None:
        now = self.reactor.seconds()
        for job, lost_at in self._stopping.items():
            job.interrupt()
            if now >= lost_at and not job.lost:
                job.lose()
        if self._stopping:
            self._interrupt_again(_LOST_EVERY if all(job.lost for job in self._stopping) else _INTERRUPT_EVERY)


class _Job:
    """One run of one script."""

    def __init__(self, runner: ThreadRunner, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> None:
        self.runner = runner
        self.request = request
        self.result: Deferred[None]
        self._body = body
        self._sink = sink
        self._writer = ThreadResponseWriter(
            runner.call_queue, sink, runner.settings.output_buffer, runner.reactor.seconds
        )
        self._thread: ScriptThread | None = None
        self._exchange: Exchange | None = None
        self._in_script = False
        self._left = False
        """The thread has finished it."""
        self._lock = threading.Lock()
        """Guards `_in_script`. While it is held, no exception is raised in the thread from outside."""
        self._log_quota: LogQuota | None = None
        """Made when it is needed."""
        self.lost = False
        self._verdict: ScriptError | None = None
        """The error with which it ends, where its time is up."""
        self._waited = 0.0
        self._deadline = runner.deadlines.add(request.timeout, self._expired)

    # In the script's thread.

    def work(self) -> Outcome:
        """Run the script, unless it has been stopped while it was queued."""
        log = LogText(self._log_text)
        begin_script(log, self._body, self.request.filename)
        try:
            return self._work()
        finally:
            log.flush()
            # Set first, then read the other flag; `_stop` does the reverse, so that one of the two sees both.
            self._left = True
            if self._writer.stopped:
                self.runner.call_queue.callFromThread(self.runner.forget, self)

    def _work(self) -> Outcome:
        thread = threading.current_thread()
        assert isinstance(thread, ScriptThread)
        with self._lock:
            # Set first, then read the other flag; `_stop` does the reverse, so that one of the two sees both.
            self._thread = thread
            self._in_script = True
            if self._writer.stopped:
                self._in_script = False
                return Outcome(ExitKind.STOPPED)
        if thread.directory is not None:
            thread.directory.enter(self.request.folder)
        elif not self.runner.shares_directory:
            self.runner.shares_directory = True
            self.runner.call_queue.callFromThread(self.runner.warn_of_shared_directory)
        exchange = self._exchange = Exchange(
            self.request, self._body, self._writer, self.runner.broker, self.runner.settings.output_buffer
        )
        outcome = Outcome(ExitKind.STOPPED)
        try:
            outcome = run_script(exchange, self.runner.interpreters)
            self._leave_script(thread)
        except ScriptStop:
            self._leave_script(thread)
        if self._writer.stopped:
            # It may have ended normally. But nobody gets the answer, so its session is not saved either.
            outcome = Outcome(ExitKind.STOPPED)
        return finish_script(exchange, outcome)

    def _leave_script(self, thread: ScriptThread) -> None:
        """No exception is raised in the thread from outside after this. One that is pending is raised here or never."""
        while self._in_script:
            try:
                with self._lock:
                    self._in_script = False
            except ScriptStop:
                continue
        if thread.retired:
            clear_interrupt()

    def _log_text(self, text: str) -> None:
        if self._log_quota is None:
            self._log_quota = LogQuota()
        allowed = self._log_quota.take(text)
        if allowed is not None:
            self.runner.call_queue.callFromThread(self.runner.log_text, "/".join(self.request.script), allowed)

    # In the reactor's thread, or in any thread when the runner has been stopped.

    @property
    def is_at_work(self) -> bool:
        """Whether its thread has begun and has not returned."""
        return self._thread is not None and not self._left

    def interrupt(self) -> None:
        """Raise ScriptStop in the thread, if it is still in the script."""
        with self._lock:
            thread = self._thread
            if not self._in_script or thread is None or thread.ident is None:
                return
            thread.retired = True
            if thread.stops_raised >= _COUNTED_STOPS:
                stop_at_next_line(thread.ident)
            elif time.monotonic() >= thread.raised_at + _INTERRUPT_EVERY:
                interrupt(thread.ident, CountedStop)

    def lose(self) -> None:
        """Count the thread as lost, for now."""
        self.lost = True
        # A thread that is not retired has left the script and is saving its session: that ends by itself.
        if self._thread is None or not self._thread.retired:
            return
        self.runner.pool.lose(self._thread)
        if self._exchange is not None:
            self._exchange.close_storage()
        self.runner._log.warn(
            "{script} does not stop: its thread is lost, {lost} in all",
            script="/".join(self.request.script),
            lost=self.runner.pool.lost,
        )

    def succeeded(self, outcome: Outcome) -> None:
        """The thread has returned in time."""
        self._over()
        if outcome.kind == ExitKind.STOPPED:
            raise CancelledError
        if (error := script_error(outcome)) is not None:
            raise error
        self._sink.end(*self._writer.last)

    def failed(self, failure: Failure) -> Failure:
        """The client has gone, the script's time is up, or its thread has failed."""
        if not failure.check(CancelledError):
            self._over()
        elif self._verdict is None:
            self._stop()
        return failure if self._verdict is None else Failure(self._verdict)

    def _over(self) -> None:
        self._deadline.cancel()
        self.runner.forget(self)

    def _expired(self) -> Then | None:
        waited = self._writer.waited()
        if waited > self._waited:
            # The time for which the script waited for a slow client does not count.
            self._deadline = self.runner.deadlines.add(waited - self._waited, self._expired)
            self._waited = waited
            return None
        if self._thread is None:
            self._verdict = RunnerBusyError("no thread was free in time")
        else:
            frame = sys._current_frames().get(self._thread.ident or 0)
            message = f"still running {self.request.timeout:g} s after it was asked for"
            report = report_stack(frame, message, self.request.root, source=self.request.debug)
            self._verdict = ScriptTimeoutError(message, report)
        self._stop()
        # Later, because an answer takes much longer than stopping others whose time is up too.
        return self.result.cancel

    def _stop(self) -> None:
        self._writer.stop()
        self._deadline.cancel()
        if self._left:
            self.runner.forget(self)
        elif self._thread is not None:
            self.runner.interrupt(self)


def _interrupt_until_done(jobs: list[_Job], seconds: float) -> None:
    """Interrupt `jobs` until they end or `seconds` are over: some may be where a script cannot be interrupted."""
    until = time.monotonic() + seconds
    while (jobs := [job for job in jobs if job.is_at_work]) and time.monotonic() < until:
        for job in jobs:
            job.interrupt()
        time.sleep(_INTERRUPT_EVERY)
