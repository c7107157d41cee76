"""From the operator's setting `sessions` to a store."""

from __future__ import annotations

from collections.abc import Callable

from twistedsite.sessions.interface import SessionError, SessionStore
from twistedsite.sessions.memory import MemoryStore
from twistedsite.sessions.sqlite import SqliteStore
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import SessionSettings


class SessionStores:
    """The sessions of all sites of a server, kept where `spec` says; see `open_store`, also for what is raised."""

    def __init__(self, spec: str, settings: SessionSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._own = open_store(spec, settings, clock)

    def default(self) -> SessionStore:
        """Those of the one site of a server, or of the one that it has beside others."""
        return self._own

    def of_site(self, name: str, settings: SessionSettings) -> SessionStore:
        """Those of the site `name`, in which an id of another site's session is nothing. Raises SessionError."""
        if isinstance(self._own, SqliteStore):
            return self._own.for_site(name, settings)
        return MemoryStore(settings, self._clock)

    def drop_older(self, seconds: float) -> None:
        """Drop what began so long ago; before any site is asked for its own. Raises SessionError."""
        if isinstance(self._own, SqliteStore):
            self._own.drop_older(seconds)

    def close(self) -> None:
        """Release what all of them hold."""
        self._own.close()


def open_store(spec: str, settings: SessionSettings, clock: Callable[[], float]) -> SessionStore:
    """The store that `spec` names: `memory` or `sqlite:PATH`. `clock` tells seconds since the epoch.

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
