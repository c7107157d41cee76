"""The broker of a script in a worker: every call goes to the server, which knows by the socket whose it is."""

from __future__ import annotations

from types import TracebackType

from twistedsite.scripts.messages.background import BackgroundCall
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.workers.child.channel import WorkerChannel
from twistedsite.scripts.runners.workers.child.remote_storage import RemoteStorage
from twistedsite.scripts.runners.workers.wire.frames import (
    LARGE,
    Call,
    CallAnswer,
    DeleteSession,
    Failing,
    LoadSession,
    LockSession,
    ReleaseSession,
    RenameSession,
    SaveSession,
    SendRequest,
)
from twistedsite.sessions.interface import SessionBusyError, SessionData, SessionError
from twistedsite.sessions.values import freeze_json, thaw_json


class RemoteBroker:
    """See `Broker`. It serves one job; `close` it when that is over."""

    def __init__(self, channel: WorkerChannel) -> None:
        self._channel = channel
        self._closed = False

    @property
    def sessions(self) -> RemoteSessions:
        """See `Broker.sessions`. Made when it is asked for: together they would be a ring of garbage."""
        return RemoteSessions(self)

    def asks_for_session(self, request: ScriptRequest) -> None:
        """See `Broker.asks_for_session`: the server sees the first call about it."""

    def storage(self, request: ScriptRequest) -> RemoteStorage:
        """See `Broker.storage`."""
        return RemoteStorage(self)

    def background(self, request: ScriptRequest) -> RemoteBackground:
        """See `Broker.background`."""
        return RemoteBackground(self)

    def call(self, call: Call) -> tuple[CallAnswer, int | None] | None:
        """What the server says to `call`, and the descriptor that comes with it; None: the request is over."""
        with self._channel.calling:
            return None if self._closed else self._channel.call(call)

    def close(self) -> None:
        """Answer no call from now on; waits for the one under way."""
        self._closed = True
        if self._channel.calling.locked():
            with self._channel.calling:
                pass


class RemoteSessions:
    """See `SessionStore`."""

    def __init__(self, broker: RemoteBroker) -> None:
        self._broker = broker

    def lock(self, id: str, timeout: float) -> RemoteLock:
        return RemoteLock(self, id, timeout)

    def load(self, id: str) -> SessionData | None:
        data = self.call(LoadSession(id))
        return None if data is None else thaw_json(data)

    def save(self, id: str, data: SessionData) -> None:
        text = freeze_json(data)
        if len(text) > LARGE - 1024:
            raise SessionError(f"the session is too large: {len(text)} bytes of JSON")
        self.call(SaveSession(id, text))

    def rename(self, old: str, new: str) -> None:
        self.call(RenameSession(old, new))

    def delete(self, id: str) -> None:
        self.call(DeleteSession(id))

    def close(self) -> None:
        """The store is the server's: it stays open."""

    def call(self, call: Call) -> bytes | None:
        """Make `call`; raises SessionError."""
        answered = self._broker.call(call)
        if answered is None:
            raise SessionError("the request is over, and its session closed")
        answer, _ = answered
        if answer.failing is Failing.BUSY:
            raise SessionBusyError(answer.message)
        if answer.failing is not None:
            raise SessionError(answer.message)
        return answer.data


class RemoteBackground:
    """See `BackgroundSender`."""

    def __init__(self, broker: RemoteBroker) -> None:
        self._broker = broker

    def send(self, call: BackgroundCall) -> bool:
        """See `BackgroundSender.send`; when the request is over nothing is sent any more."""
        call.check()
        answered = self._broker.call(SendRequest(call))
        if answered is None:
            return False
        answer, _ = answered
        if answer.failing is not None:
            raise ValueError(answer.message)
        return answer.data is not None


class RemoteLock:
    """A lock on one session; leaving it twice, or before it was entered, does nothing."""

    def __init__(self, sessions: RemoteSessions, id: str, timeout: float) -> None:
        self._sessions = sessions
        self._id = id
        self._timeout = timeout
        self._held = False

    def __enter__(self) -> None:
        self._sessions.call(LockSession(self._id, self._timeout))
        self._held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            self._sessions.call(ReleaseSession(self._id))
