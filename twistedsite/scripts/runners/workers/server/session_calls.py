"""What a worker's script asks of its site's sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from twistedsite.scripts.runners.workers.wire.frames import (
    CallAnswer,
    DeleteSession,
    Failing,
    FrameError,
    LoadSession,
    LockSession,
    ReleaseSession,
    RenameSession,
    SaveSession,
    SessionCall,
)
from twistedsite.sessions.interface import SessionBusyError, SessionError, SessionStore
from twistedsite.sessions.values import freeze_json, thaw_json

_MAX_LOCKS: Final = 8
"""Sessions that one request may hold: its visitor's, under an old and a new id."""
_MAX_ID: Final = 256


class SessionCalls:
    """The session calls of one job, which runs for `timeout` seconds. `perform` may block."""

    def __init__(self, sessions: SessionStore, timeout: float) -> None:
        self._sessions = sessions
        self._timeout = timeout
        self._closed = False
        self._locks: dict[str, AbstractContextManager[None]] = {}
        self._guard = threading.Lock()
        """Held to look at `_locks` and `_closed`, which a thread of the broker shares."""

    def check(self, call: SessionCall) -> None:
        """Raise FrameError for a call that no honest worker makes."""
        if max(len(id) for id in _ids(call)) > _MAX_ID:
            raise FrameError("a session's id that is none")
        if isinstance(call, LockSession) and (len(self._locks) >= _MAX_LOCKS or call.id in self._locks):
            raise FrameError("too many sessions held")

    def perform(self, call: SessionCall) -> CallAnswer:
        """Do what is asked for."""
        try:
            return CallAnswer(self._performed(call))
        except SessionBusyError as error:
            return CallAnswer(failing=Failing.BUSY, message=str(error))
        except SessionError as error:
            return CallAnswer(failing=Failing.ERROR, message=str(error))

    def close(self) -> Callable[[], None] | None:
        """Lock nothing any more; returns what lets go of what is held, and may block, or None."""
        with self._guard:
            self._closed = True
            held = list(self._locks.values())

        def leave() -> None:
            for lock in held:
                lock.__exit__(None, None, None)

        return leave if held else None

    def _performed(self, call: SessionCall) -> bytes | None:
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


def _ids(call: SessionCall) -> tuple[str, ...]:
    return (call.old, call.new) if isinstance(call, RenameSession) else (call.id,)
