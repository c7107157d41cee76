"""The server's answers to a worker's calls: what a script asks of its site, done in threads of the server.

Whose call it is, is known by the socket that it came through, never by what it says; what the script may do is read
from the server's own copy of the request.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.scripts.broker.background import RequestBackground
from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.threads.call_queue import CallQueue
from twistedsite.scripts.runners.workers.server.session_calls import SessionCalls
from twistedsite.scripts.runners.workers.server.storage_calls import StorageCalls
from twistedsite.scripts.runners.workers.wire.frames import (
    Call,
    CallAnswer,
    Failing,
    FrameError,
    SendRequest,
    SessionCall,
    decode,
)


class BrokerThreads:
    """Daemon threads in which calls are made, up to `limit` of them: enough that no call waits for a thread."""

    def __init__(self, limit: int, call_queue: CallQueue) -> None:
        self._limit = limit
        self._call_queue = call_queue
        self._work: SimpleQueue[tuple[Callable[[Any], object], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = 0
        self._spare = 0
        """Threads that wait for work, less the work that waits for a thread."""
        self._lock = threading.Lock()

    def call(self, done: Callable[[Any], object], function: Callable[..., Any], *args: object) -> None:
        """Call `function(*args)` in a thread, and then `done` on the reactor's with its result or Failure."""
        self._work.put((done, functools.partial(function, *args)))
        with self._lock:
            self._spare -= 1
            if self._spare < 0 and self._threads < self._limit:
                self._spare += 1
                self._threads += 1
                threading.Thread(target=self._run, name="broker", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end once what was asked for is done."""
        for _ in range(self._threads):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            done, function = work
            try:
                result = function()
            except Exception:
                result = Failure()
            self._call_queue.callFromThread(done, result)
            with self._lock:
                self._spare += 1


class JobBroker:
    """Answers the calls of the job `request`, one at a time; `close` it when the job is over.

    `reply` sends an answer and, where that is attached, the descriptor given with it.
    """

    _log = Logger()

    def __init__(
        self,
        broker: DirectBroker,
        threads: BrokerThreads,
        request: ScriptRequest,
        reply: Callable[[CallAnswer, int | None], object],
    ) -> None:
        self._broker = broker
        self._threads = threads
        self._request = request
        self._reply = reply
        self._busy = False
        self._closed = False
        self._sessions = SessionCalls(broker.sessions, request.timeout)
        self._storage: StorageCalls | None = None
        self._background: RequestBackground | None = None

    def call(self, payload: bytes) -> None:
        """Begin what a CALL frame asks for; raises FrameError where it must not ask."""
        call: Call = decode(payload, Call)
        if self._busy:
            raise FrameError("a call before the last one was answered")
        if isinstance(call, SessionCall):
            self._sessions.check(call)
            self._broker.asks_for_session(self._request)
            perform = functools.partial(self._sessions.perform, call)
        elif isinstance(call, SendRequest):
            self._background = self._background or self._broker.background(self._request)
            perform = functools.partial(_send, self._background, call)
        else:
            if self._storage is None:
                self._storage = StorageCalls(self._broker.storage(self._request))
            perform = functools.partial(self._storage.perform, call)
        self._busy = True
        self._threads.call(self._done, perform)

    def close(self) -> None:
        """Answer no more, and let go of all that the job has held."""
        self._closed = True
        if self._storage is not None:
            self._storage.close()
            if not self._busy:
                self._storage.discard()
        if held := self._sessions.close():
            self._threads.call(self._check, held)

    def _done(self, answer: CallAnswer | Failure) -> None:
        self._busy = False
        if isinstance(answer, Failure):
            self._log.failure("a call of {script} has failed", failure=answer, script="/".join(self._request.script))
            answer = CallAnswer(failing=Failing.ERROR, message="the server has failed; its log says why")
        file = self._storage.take_file() if self._storage is not None else None
        if self._closed and self._storage is not None:
            self._storage.discard()
        try:
            if not self._closed:
                self._reply(answer, file.fileno() if file is not None else None)
        finally:
            if file is not None:
                file.close()

    def _check(self, result: object) -> None:
        if isinstance(result, Failure):
            self._log.failure("a session could not be released", failure=result)


def _send(background: RequestBackground, call: SendRequest) -> CallAnswer:
    try:
        return CallAnswer(b"sent" if background.send(call.request) else None)
    except ValueError as error:
        return CallAnswer(failing=Failing.VALUE, message=str(error))
