"""A few threads for work that would make the reactor wait: reads from the disk, compression of large bodies.

Scripts never run here. The threads are daemons, so that a disk that does not answer cannot keep the server from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

P = ParamSpec("P")
T = TypeVar("T")

_Job = Callable[[], None]


class Reactor(Protocol):
    """What static files need of a reactor: IReactorTime and IReactorFromThreads in terms that a type checker knows."""

    def seconds(self) -> float:
        """The time in seconds since the epoch."""
        ...

    def callFromThread(self, work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call `work` on the reactor's thread."""
        ...


class BackgroundThreads:
    """Runs short blocking calls in up to `threads` threads, which start when they are first needed."""

    def __init__(self, reactor: Reactor, threads: int = 2) -> None:
        self._reactor = reactor
        self._most = threads
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Return a Deferred of what `work` returns or raises in a thread.

        Cancelling it drops the result: the call itself is not interrupted, so what it uses must stay open.
        """
        answer: Deferred[T] = Deferred()

        def job() -> None:
            result: T | Failure
            try:
                result = work(*args, **kwargs)
            except Exception:
                result = Failure()
            self._reactor.callFromThread(_settle, answer, result)

        self._jobs.put(job)
        if len(self._threads) < self._most:
            self._start_thread()
        return answer

    def stop(self) -> None:
        """Let the threads end once what was asked for is done; a later call starts new ones."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads.clear()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="scriptsite background", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _settle(answer: Deferred[T], result: T | Failure) -> None:
    if isinstance(result, Failure):
        answer.errback(result)
    else:
        answer.callback(result)
