"""A script's way to what the server keeps for its site. In a thread: direct calls; in a worker: frames on a socket.

Here are the words that both sides speak; what the server does is in the modules below, which no worker imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twistedsite.scripts.background import Background
from twistedsite.scripts.storage import Storage
from twistedsite.sessions.interface import SessionStore

if TYPE_CHECKING:
    from twistedsite.scripts.exchange import ScriptRequest


class Broker(Protocol):
    """What a script may reach. Calls come from the script's thread and may block."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions of the script's own site."""
        ...

    def storage(self, request: ScriptRequest) -> Storage:
        """The files of the script's own site, as far as `request` may touch them; to be closed at its end."""
        ...

    def background(self, request: ScriptRequest) -> Background:
        """What sends the background requests of `request`."""
        ...
