"""The broker of one site, in the server's process: scripts in threads call it, workers reach it by frames."""

from __future__ import annotations

import msgspec

from twistedsite.scripts.broker.background import RequestBackground, SiteBackground
from twistedsite.scripts.broker.storage import RequestStorage, SiteStorage
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.sessions.interface import SessionStore


class DirectBroker(msgspec.Struct, frozen=True):
    """See `Broker`."""

    sessions: SessionStore
    files: SiteStorage
    requests: SiteBackground

    def storage(self, request: ScriptRequest) -> RequestStorage:
        """See `Broker.storage`."""
        return self.files.open(request.writable, request.timeout)

    def background(self, request: ScriptRequest) -> RequestBackground:
        """See `Broker.background`."""
        return self.requests.open(request)
