"""The broker of one site, in the server's process: scripts in threads call it, workers reach it by frames."""

from __future__ import annotations

from typing import Final

import msgspec

from twistedsite.scripts.broker.background import RequestBackground, SiteBackground
from twistedsite.scripts.broker.storage import RequestStorage, SiteStorage
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.sessions.interface import SessionStore

_MOST_SCRIPTS: Final = 10_000


class SessionScripts:
    """The scripts that have asked for a session, by their absolute paths; a bounded number of them."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __contains__(self, filename: str) -> bool:
        return filename in self._known

    def add(self, filename: str) -> None:
        """Remember it. It may be called from any thread."""
        if len(self._known) >= _MOST_SCRIPTS:
            self._known.clear()
        self._known.add(filename)


class DirectBroker(msgspec.Struct, frozen=True):
    """See `Broker`."""

    sessions: SessionStore
    files: SiteStorage
    requests: SiteBackground
    session_scripts: SessionScripts = msgspec.field(default_factory=SessionScripts)

    def asks_for_session(self, request: ScriptRequest) -> None:
        """See `Broker.asks_for_session`."""
        self.session_scripts.add(request.filename)

    def storage(self, request: ScriptRequest) -> RequestStorage:
        """See `Broker.storage`."""
        return self.files.open(request.writable, request.timeout)

    def background(self, request: ScriptRequest) -> RequestBackground:
        """See `Broker.background`."""
        return self.requests.open(request)
