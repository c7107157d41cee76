"""`dbpy.session`: what the server remembers of this visitor, as a dict."""

from __future__ import annotations

from typing import Any

from twistedsite.scripts.exchange.exchange import Exchange


class SessionDict(dict[str, Any]):
    """The visitor's session; it is held, so that the visitor's other requests wait, from its first use on."""

    def __init__(self, exchange: Exchange) -> None:
        session = exchange.session()
        super().__init__(vars(session))
        self._access = exchange.session_access()
        # From now on this dict is the session's data: what is kept at the end is what it holds then.
        object.__setattr__(session, "__dict__", self)

    def start(self) -> None:
        """Begin to use the session. The first use of `dbpy.session` has done that already."""

    def destroy(self) -> None:
        """Forget all of it, now, whether the script ends well or not. What is set later begins a new one."""
        self._access.end()
