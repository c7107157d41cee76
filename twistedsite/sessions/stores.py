"""Makes the store that the operator's setting `sessions` names."""

from __future__ import annotations

from collections.abc import Callable

from twistedsite.sessions.interface import ServerSessionStore, SessionError
from twistedsite.sessions.memory import MemoryStore
from twistedsite.sessions.sqlite import SqliteStore
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import SessionSettings


def open_store(spec: str, settings: SessionSettings, clock: Callable[[], float]) -> ServerSessionStore:
    """The store that `spec` names: `memory` or `sqlite:PATH`. `clock` gives seconds since the epoch.

    Raises SettingsError for any other `spec`, and for a file that cannot be used. Call it as the user that the server
    will run as: a new file belongs to that user alone.
    """
    kind, _, path = spec.partition(":")
    if spec == "memory":
        return MemoryStore(settings, clock)
    if kind == "sqlite" and path:
        try:
            return SqliteStore(path, settings, clock)
        except SessionError as error:
            raise SettingsError("sessions", "", str(error)) from error
    raise SettingsError("sessions", "", f"expected memory or sqlite:PATH, got {spec!r}")
