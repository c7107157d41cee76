"""The server's side of background requests: their limits, where they go, and the log of those that fail.

A request to the script's own site goes into its tree of resources, without a connection. Others go out by the
`BackgroundClient`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.scripts.messages.background import BackgroundCall
from twistedsite.settings.server import BackgroundSettings

if TYPE_CHECKING:
    from twistedsite.scripts.broker.background_client import BackgroundClient
    from twistedsite.scripts.messages.request import ScriptRequest

Dispatch: TypeAlias = "Callable[[BackgroundCall, ScriptRequest], Deferred[None]]"
"""Has the site answer a call by the script of a request. Cancelling the Deferred is like a client that goes away."""


class InFlight:
    """Counts the background requests that are in flight, up to `limit`. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._free = threading.BoundedSemaphore(limit)
        self.leave = self._free.release

    def enter(self) -> bool:
        """Count one more. Returns False where the limit is reached."""
        return self._free.acquire(blocking=False)


class SiteBackground:
    """The background requests of one site, `name` in the log. `server` counts those of all sites."""

    _log = Logger()

    def __init__(self, name: str, settings: BackgroundSettings, server: InFlight, reactor: Any) -> None:
        self.settings = settings
        self.dispatch: Dispatch | None = None
        """Set when the site's resource tree has been made."""
        self._name = name
        self._server = server
        self._own = InFlight(settings.per_site)
        self._reactor = reactor
        self._client: BackgroundClient | None = None
        self._running: set[Deferred[None]] = set()
        self._stopped = False

    def open(self, request: ScriptRequest) -> RequestBackground:
        """The sender of the background requests of `request`."""
        return RequestBackground(self, request)

    def enter(self) -> bool:
        """Count one more. Returns False where a limit is reached. For any thread, as `send` is."""
        if not self._own.enter():
            return False
        if not self._server.enter():
            self._own.leave()
            return False
        return True

    def send(self, call: BackgroundCall, cause: ScriptRequest) -> None:
        """Send `call`, which `enter` has counted."""
        if not call.is_local and self._client is None:
            # Imported here, in a thread and only now: an HTTP client takes as long to load as half of the server.
            from twistedsite.scripts.broker.background_client import BackgroundClient

            self._client = BackgroundClient(self.settings, self._reactor)
        self._reactor.callFromThread(self._send, call, cause)

    def stop(self) -> None:
        """Cancel the requests that are in flight."""
        self._stopped = True
        for running in list(self._running):
            running.cancel()

    def refused(self, cause: ScriptRequest, why: str) -> None:
        """Log that a request was not sent."""
        self._log.warn(
            "{site}: {script}: no background request: {why}", site=self._name, script="/".join(cause.script), why=why
        )

    def _send(self, call: BackgroundCall, cause: ScriptRequest) -> None:
        if self._stopped:
            self._leave(None)
            return
        running = maybeDeferred(self._start, call, cause)
        self._running.add(running)
        running.addTimeout(float(self.settings.timeout), self._reactor)
        running.addErrback(self._failed, call, cause)
        running.addBoth(self._leave)
        running.addBoth(lambda _: self._running.discard(running))

    def _start(self, call: BackgroundCall, cause: ScriptRequest) -> Deferred[None]:
        if call.is_local:
            assert self.dispatch is not None
            return self.dispatch(call, cause)
        assert self._client is not None
        return self._client.send(call)

    def _leave(self, result: object) -> None:
        self._own.leave()
        self._server.leave()

    def _failed(self, failure: Failure, call: BackgroundCall, cause: ScriptRequest) -> None:
        if failure.check(CancelledError) and self._stopped:
            return
        self._log.warn(
            "{site}: {script}: background request to {url} failed: {why}",
            site=self._name,
            script="/".join(cause.script),
            url=call.url.partition("?")[0],
            why=failure.getErrorMessage() or type(failure.value).__name__,
        )


class RequestBackground:
    """The `BackgroundSender` of one script. It holds the script to the limit of `per_request`."""

    def __init__(self, site: SiteBackground, request: ScriptRequest) -> None:
        self._site = site
        self._request = request
        self._sent = 0
        self._guard = threading.Lock()

    def send(self, call: BackgroundCall) -> bool:
        """See `BackgroundSender.send`."""
        call.check()
        settings, site, request = self._site.settings, self._site, self._request
        if call.is_local and request.depth >= settings.depth:
            site.refused(request, f"{request.depth} have followed one from the other")
            return False
        with self._guard:
            if self._sent >= settings.per_request:
                return False
            self._sent += 1
        if not site.enter():
            site.refused(request, "too many are on their way")
            return False
        site.send(call, request)
        return True
