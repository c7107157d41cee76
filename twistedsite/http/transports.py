"""What Twisted's transports do not tell in public: the socket below, and how much still waits to be sent.

Each function has an answer for every transport; only a plain TCP or UNIX stream gets the fast paths.
"""

from __future__ import annotations

import socket

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection


def plain_socket(transport: object) -> socket.socket | None:
    """Return the socket to which the bytes of `transport` go unchanged, or None (TLS, or no socket at all)."""
    if isinstance(transport, Connection) and not transport.TLS:
        found: socket.socket = transport.socket
        return found
    return None


def pending(transport: ITransport) -> int:
    """Return how many bytes `transport`, and one below it for TLS, hold in this process."""
    below = getattr(transport, "transport", None) or transport
    if not isinstance(below, Connection):
        return 0
    return len(below.dataBuffer) - below.offset + below._tempDataLen
