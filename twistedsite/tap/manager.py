"""Messages to the service manager: `sd_notify(3)`, without its library.

systemd names a datagram socket in NOTIFY_SOCKET, and in WATCHDOG_USEC how long it waits for a sign of life.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from twisted.logger import Logger

_log = Logger()


class ServiceManager:
    """The service manager that has started the server, if any."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.patience = _patience(environ) if self._address else 0.0
        """Seconds within which it wants a sign of life, each time; 0: it does not."""

    def tell(self, state: str) -> None:
        """Send `state`, such as `READY=1`. What cannot be sent is logged."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(state.encode(), address)
        except OSError as error:
            _log.warn("the service manager cannot be told {state}: {error}", state=state, error=error)


def _patience(environ: Mapping[str, str]) -> float:
    try:
        if int(environ.get("WATCHDOG_PID") or os.getpid()) != os.getpid():
            return 0.0
        return max(0, int(environ.get("WATCHDOG_USEC") or 0)) / 1_000_000
    except ValueError:
        return 0.0
