"""The server's answers to a worker's calls: what a script asks of its site's sessions, done in threads of the server.

Whose call it is, is known by the socket that it came through, never by what it says.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Any, Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.scripts.broker import Broker
from twistedsite.scripts.runners.mailbox import Mailbox
from twistedsite.scripts.runners.workers.frames import (
    Answer,
    Call,
    DeleteSession,
    Failing,
    FrameError,
    LoadSession,
    LockSession,
    ReleaseSession,
    RenameSession,
    SaveSession,
    decode,
)
from twistedsite.sessions.interface import SessionBusyError, SessionError
from twistedsite.sessions.values import freeze_json, thaw_json

_MAX_LOCKS: Final = 8
"""Sessions that one request may hold: its visitor's, under an old and a new id."""
_MAX_ID: Final = 256


class BrokerThreads:
    """Daemon threads in which calls are made, up to `limit` of them: enough that no call waits for a thread."""

    def __init__(self, limit: int, mailbox: Mailbox) -> None:
        self._limit = limit
        self._mailbox = mailbox
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
            self._mailbox.callFromThread(done, result)
            with self._lock:
                self._spare += 1


class JobBroker:
    """Answers the calls of one job through `reply`, one at a time; `close` it when the job is over."""

    _log = Logger()

    def __init__(
        self, broker: Broker, threads: BrokerThreads, timeout: float, reply: Callable[[Answer], object]
    ) -> None:
        self._sessions = broker.sessions
        self._threads = threads
        self._timeout = timeout
        self._reply = reply
        self._busy = False
        self._closed = False
        self._locks: dict[str, AbstractContextManager[None]] = {}
        self._guard = threading.Lock()
        """Held to look at `_locks` and `_closed`, which a thread of the broker shares."""

    def call(self, payload: bytes) -> None:
        """Begin what a CALL frame asks for; raises FrameError where it must not ask."""
        call: Call = decode(payload, Call)
        if self._busy:
            raise FrameError("a call before the last one was answered")
        if max(len(id) for id in _ids(call)) > _MAX_ID:
            raise FrameError("a session's id that is none")
        if isinstance(call, LockSession) and (len(self._locks) >= _MAX_LOCKS or call.id in self._locks):
            raise FrameError("too many sessions held")
        self._busy = True
        self._threads.call(self._done, self._perform, call)

    def close(self) -> None:
        """Answer no more, and let go of the sessions that the job has held."""
        with self._guard:
            self._closed = True
            held = list(self._locks.values())
        if held:
            self._threads.call(self._check, _leave, held)

    def _perform(self, call: Call) -> Answer:
        try:
            return Answer(self._performed(call))
        except SessionBusyError as error:
            return Answer(failing=Failing.BUSY, message=str(error))
        except SessionError as error:
            return Answer(failing=Failing.ERROR, message=str(error))
        except Exception:
            self._log.failure("a session could not be reached", failure=Failure())
            return Answer(failing=Failing.ERROR, message="the server's sessions have failed")

    def _performed(self, call: Call) -> bytes | None:
        sessions = self._sessions
        match call:
            case LockSession():
                self._lock(call)
            case ReleaseSession():
                with self._guard:
                    lock = self._locks.pop(call.id, None)
                if lock is not None:
                    lock.__exit__(None, None, None)
            case LoadSession():
                data = sessions.load(call.id)
                return None if data is None else freeze_json(data)
            case SaveSession():
                try:
                    data = thaw_json(call.data)
                except RecursionError:
                    raise SessionError("the session is nested too deeply") from None
                sessions.save(call.id, data)
            case RenameSession():
                sessions.rename(call.old, call.new)
            case DeleteSession():
                sessions.delete(call.id)
        return None

    def _lock(self, call: LockSession) -> None:
        timeout = min(call.timeout, self._timeout) if call.timeout >= 0 else 0.0
        lock = self._sessions.lock(call.id, timeout)
        with self._guard:
            self._locks[call.id] = lock
        try:
            lock.__enter__()
        except BaseException:
            with self._guard:
                self._locks.pop(call.id, None)
            raise
        with self._guard:
            closed = self._closed
        if closed:
            lock.__exit__(None, None, None)

    def _done(self, answer: Answer | Failure) -> None:
        self._busy = False
        if not self._closed and isinstance(answer, Answer):
            self._reply(answer)

    def _check(self, result: object) -> None:
        if isinstance(result, Failure):
            self._log.failure("a session could not be released", failure=result)


def _ids(call: Call) -> tuple[str, ...]:
    return (call.old, call.new) if isinstance(call, RenameSession) else (call.id,)


def _leave(locks: list[AbstractContextManager[None]]) -> None:
    for lock in locks:
        lock.__exit__(None, None, None)
