"""What a session store does. A store may block: threads of scripts call it, never the reactor's thread."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from twistedsite.settings.server import SessionSettings

SessionData = dict[str, Any]
"""Attribute name -> value."""


class SessionError(Exception):
    """A session that cannot be kept: a value of a wrong type, too large, or the store has failed."""


class SessionBusyError(SessionError):
    """Another request of the same visitor has held the session for all of the time that this one could wait."""


class SessionStore(Protocol):
    """The sessions of one site, by id: the 256-bit random name in the visitor's cookie. Stores keep only its hash."""

    def lock(self, id: str, timeout: float) -> AbstractContextManager[None]:
        """Hold the session `id` for one request at a time, waiting at most `timeout` seconds.

        Raises SessionBusyError. Between two holders of one id no change is lost. The lock may be left before it was
        entered, and twice.
        """
        ...

    def load(self, id: str) -> SessionData | None:
        """Return the data of the live session `id`, or None if there is none or it has expired. Marks it as used."""
        ...

    def save(self, id: str, data: SessionData) -> None:
        """Keep `data` for `id`, creating the session if need be; raises SessionError."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give the session another id (after a log-in, against fixation); nothing happens if `old` is not there."""
        ...

    def delete(self, id: str) -> None:
        """Forget `id`; nothing happens if it is not there."""
        ...

    def close(self) -> None:
        """Write what is to be written and release what is held."""
        ...


class ServerSessionStore(SessionStore, Protocol):
    """The sessions of a server: of the site of its own `root`, and of each further site by name."""

    def for_site(self, site: str, settings: SessionSettings) -> SessionStore:
        """The sessions of the site `site`, with limits of its own. Ids of other sites' sessions are unknown there.

        Its `close` leaves the other sites' sessions open. Raises SessionError.
        """
        ...

    def drop_older(self, seconds: float) -> None:
        """Delete all sessions that began at least `seconds` ago, also of sites that no longer exist.

        It is called before any site is asked for. Raises SessionError.
        """
        ...
