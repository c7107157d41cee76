"""Has requests of one visitor that need the session wait for each other before they take a thread or a process.

A session is one request's at a time. Where the others waited in their scripts, a visitor who sends many requests at
once would hold all threads, and nobody else would be answered. Which scripts ask for a session is learned when they do.
"""

from __future__ import annotations

from collections import deque
from typing import BinaryIO, Final, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twistedsite.http.message.cookies import parse_cookies
from twistedsite.scripts.broker.direct import SessionScripts
from twistedsite.scripts.exchange.session import SESSION_COOKIE
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.interface import ResponseSink, Runner, RunnerBusyError


class SiteRunner(Runner, Protocol):
    """A runner that its site stops."""

    def stop(self) -> None:
        """Stop every script."""
        ...


class SessionTurns:
    """The runner of a site: `runner`, for the requests whose turn it is.

    `scripts` are those that ask for a session. `most` requests of one session may wait.
    """

    def __init__(self, runner: SiteRunner, scripts: SessionScripts, most: int, clock: IReactorTime) -> None:
        self.runner: Final = runner
        self._scripts = scripts
        self._most = most
        self._clock = clock
        self._running: dict[str, list[str]] = {}
        """Session -> the scripts that run for it, whether they ask for it or not."""
        self._waiting: dict[str, deque[Deferred[None]]] = {}
        """Session -> the requests that wait for it."""

    def run(self, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        """See `Runner.run`. A request that waits for longer than its script might run fails with RunnerBusyError."""
        cookie = next((value for name, value in request.headers if name == "cookie"), "")
        session = parse_cookies(cookie).get(SESSION_COOKIE) if SESSION_COOKIE in cookie else ""
        if not session:
            return self.runner.run(request, body, sink)
        if request.filename not in self._scripts or not self._is_held(session):
            return self._begin(session, request, body, sink)
        waiting = self._waiting.setdefault(session, deque())
        if len(waiting) >= self._most:
            return fail(RunnerBusyError(f"{self._most} requests of one visitor wait for the session"))
        turn: Deferred[None] = Deferred(waiting.remove)
        waiting.append(turn)
        overdue = self._clock.callLater(request.timeout, self._refuse, waiting, turn)

        def begin(_: None) -> Deferred[None]:
            overdue.cancel()
            return self._begin(session, request, body, sink)

        def give_up(reason: Failure) -> Failure:
            if overdue.active():
                overdue.cancel()
            return reason

        return turn.addCallbacks(begin, give_up)

    def health(self) -> dict[str, int]:
        """See `Runner.health`."""
        return self.runner.health()

    def sandbox(self) -> str:
        """See `Runner.sandbox`."""
        return self.runner.sandbox()

    def stop(self) -> None:
        """Stop every script; those that wait are never run."""
        for waiting in list(self._waiting.values()):
            while waiting:
                waiting[-1].cancel()
        self.runner.stop()

    def _is_held(self, session: str) -> bool:
        return any(script in self._scripts for script in self._running.get(session, ()))

    def _begin(self, session: str, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        self._running.setdefault(session, []).append(request.filename)
        return self.runner.run(request, body, sink).addBoth(self._ended, session, request.filename)

    def _ended(self, result: None, session: str, script: str) -> None:
        running = self._running[session]
        running.remove(script)
        if not running:
            del self._running[session]
        waiting = self._waiting.get(session)
        if waiting is not None:
            while waiting and not self._is_held(session):
                waiting.popleft().callback(None)
            if not waiting:
                self._waiting.pop(session, None)
        return result

    def _refuse(self, waiting: deque[Deferred[None]], turn: Deferred[None]) -> None:
        waiting.remove(turn)
        turn.errback(RunnerBusyError("other requests of the same visitor held the session for too long"))
