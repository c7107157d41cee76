"""`dbpy.session`: the visitor's session, as a dict."""

from __future__ import annotations

from typing import Any

from twistedsite.scripts.exchange.exchange import Exchange


class SessionDict(dict[str, Any]):
    """The visitor's session. It is locked from its first use on, so the visitor's other requests wait."""

    def __init__(self, exchange: Exchange) -> None:
        session = exchange.session()
        super().__init__(vars(session))
        self._access = exchange.session_access()
        # This dict is the session's data from now on: its content is saved at the end.
        object.__setattr__(session, "__dict__", self)

    def start(self) -> None:
        """Does nothing more: the first use of `dbpy.session` has opened the session."""

    def destroy(self) -> None:
        """Delete the session at once, whether the script succeeds or not. Values set later begin a new one."""
        self._access.end()
