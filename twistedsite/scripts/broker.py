"""A script's way to what the server keeps for its site. In a thread: direct calls; in a worker: frames on a socket."""

from __future__ import annotations

from typing import Protocol

import msgspec

from twistedsite.sessions.interface import SessionStore


class Broker(Protocol):
    """What a script may reach. Calls come from the script's thread and may block."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions of the script's own site."""
        ...


class DirectBroker(msgspec.Struct, frozen=True):
    """The broker of scripts that run in the server's own process."""

    sessions: SessionStore
